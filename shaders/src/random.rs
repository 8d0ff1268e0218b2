//! Randomness as a pure function of (seed, purpose, index).
//!
//! Nothing here keeps state between calls: the same triple gives the same stream on every machine and in
//! the browser, so an episode, a projection or an initialisation can be made again from three values.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use sha2::{Digest, Sha256};

/// The generator that every stream uses.
pub type Stream = ChaCha8Rng;

/// The stream of (seed, purpose, index). Different purposes never share a stream, so evaluation cannot
/// reach what training draws.
pub fn stream(seed: u64, purpose: &str, index: u64) -> Stream {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update(index.to_le_bytes());
    hash.update(purpose.as_bytes());
    ChaCha8Rng::from_seed(hash.finalize().into())
}

/// A number below `count`, each as likely as the others.
pub fn below(count: usize, stream: &mut Stream) -> usize {
    stream.random_range(0..count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::Rng;

    #[test]
    fn a_stream_depends_on_seed_purpose_and_index_alone() {
        let first = |s, p, i| stream(s, p, i).next_u64();
        assert_eq!(first(1, "task", 2), first(1, "task", 2));
        assert_ne!(first(1, "task", 2), first(2, "task", 2));
        assert_ne!(first(1, "task", 2), first(1, "test", 2));
        assert_ne!(first(1, "task", 2), first(1, "task", 3));
    }
}
