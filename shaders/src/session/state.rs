//! What was shown as bytes, and back.

use sha2::{Digest, Sha256};

use super::context::Context;
use super::error::SessionError;

const MAGIC: &[u8; 8] = b"ICLSTATE";
const VERSION: u32 = 2;
const HASH_BYTES: usize = 64;
/// Magic, version, hash of the model in hexadecimal, N, X; since version 2 also classes in use, and whether inputs are
/// drawings.
const HEADER_BYTES: usize = 8 + 4 + HASH_BYTES + 4 + 4;
const OPTIONS_BYTES: usize = 4 + 4;
const CHECKSUM_BYTES: usize = 32;

impl Context {
    /// The examples as bytes that [`Context::restore`] of the same model takes back, on either engine: magic,
    /// version, hash of the weights, N, X, classes in use, whether inputs are drawings, labels, inputs, and a SHA-256 over
    /// all of it; little-endian.
    pub fn save(&self) -> Vec<u8> {
        let size = HEADER_BYTES + OPTIONS_BYTES + self.len() * 4 * (1 + self.inputs) + CHECKSUM_BYTES;
        let mut bytes = Vec::with_capacity(size);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(self.hash.as_bytes());
        bytes.extend_from_slice(&(self.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&(self.inputs as u32).to_le_bytes());
        bytes.extend_from_slice(&(self.options.classes as u32).to_le_bytes());
        bytes.extend_from_slice(&u32::from(self.options.images).to_le_bytes());
        bytes.extend(self.examples.labels.iter().flat_map(|label| label.to_le_bytes()));
        bytes.extend(self.examples.inputs.iter().flat_map(|value| value.to_le_bytes()));
        bytes.extend_from_slice(&Sha256::digest(&bytes));
        bytes
    }

    /// Replaces the examples by saved ones; after an error the old ones are still there.
    ///
    /// # Errors
    /// Bytes that are no state, cut off or changed; a state of another model; examples that
    /// [`Context::observe`] would refuse.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), SessionError> {
        if bytes.len() < HEADER_BYTES + CHECKSUM_BYTES {
            return Err(SessionError::Damaged("it is too short"));
        }
        let (body, checksum) = bytes.split_at(bytes.len() - CHECKSUM_BYTES);
        if &body[..8] != MAGIC {
            return Err(SessionError::Damaged("it does not begin as a saved state does"));
        }
        if Sha256::digest(body)[..] != *checksum {
            return Err(SessionError::Damaged("its checksum does not fit"));
        }
        let word = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| body[at + i]));
        let header = match word(8) {
            1 => HEADER_BYTES,
            VERSION => HEADER_BYTES + OPTIONS_BYTES,
            _ => return Err(SessionError::Damaged("it has a format version that this program does not know")),
        };
        if body.len() < header {
            return Err(SessionError::Damaged("it is too short"));
        }
        let found = String::from_utf8_lossy(&body[12..12 + HASH_BYTES]).into_owned();
        if found != self.hash {
            return Err(SessionError::OtherModel { expected: self.hash.clone(), found });
        }
        let (count, inputs) = (word(HEADER_BYTES - 8) as usize, word(HEADER_BYTES - 4) as usize);
        let words = (inputs as u64 + 1) * count as u64;
        // two numbers of 32 bits may promise more than one of 64 holds
        if words.checked_mul(4) != Some((body.len() - header) as u64) {
            return Err(SessionError::Damaged("its length does not fit its number of examples"));
        }
        if inputs != self.inputs {
            return Err(SessionError::InputLength { expected: self.inputs, found: inputs });
        }
        let labels: Vec<u32> = (0..count).map(|i| word(header + 4 * i)).collect();
        let values: Vec<f32> = (count..words as usize).map(|i| f32::from_bits(word(header + 4 * i))).collect();
        let mut restored = self.clone();
        restored.clear();
        // version 1 knew causal learners alone
        if header > HEADER_BYTES {
            restored.set_classes(word(HEADER_BYTES) as usize)?;
            restored.set_images(word(HEADER_BYTES + 4) != 0);
        }
        restored.observe(&values, &labels)?;
        *self = restored;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::file::Model;
    use crate::model::spec::ModelSpec;

    fn model(seed: u64) -> Arc<Model> {
        let spec = ModelSpec { longest: 4, classes: 3, ..ModelSpec::shifted(2, 4, 1, 2) };
        Arc::new(Model::random(spec, seed).unwrap())
    }

    /// Three examples, a full context.
    fn full() -> Context {
        let mut context = Context::new(&model(1));
        context.observe(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[0, 1, 2]).unwrap();
        context
    }

    /// A set learner of up to 3 classes that was shown three examples, everything in its cache.
    fn full_set() -> Context {
        let spec = ModelSpec { longest: 4, ..ModelSpec::equivariant(2, 3, 4, 1) };
        let mut context = Context::new(&Model::random(spec, 1).unwrap());
        context.observe(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[0, 1, 0]).unwrap();
        context.mark_cached();
        context
    }

    #[test]
    fn a_saved_state_holds_how_the_learner_is_asked() {
        let mut context = full_set();
        context.set_classes(2).unwrap();
        context.set_images(true);
        let mut restored = full_set();
        restored.restore(&context.save()).unwrap();
        assert_eq!((restored.classes_in_use(), restored.images(), restored.ready), (2, true, 0));
        assert_eq!(restored.examples(), context.examples());
    }

    #[test]
    fn a_state_that_promises_the_most_is_damaged() {
        let saved = full().save();
        let mut bad = saved[..saved.len() - CHECKSUM_BYTES].to_vec();
        bad[HEADER_BYTES - 8..HEADER_BYTES].fill(0xff);
        bad.extend_from_slice(&Sha256::digest(&bad));
        let error = Context::new(&model(1)).restore(&bad).unwrap_err();
        assert_eq!(error, SessionError::Damaged("its length does not fit its number of examples"));
    }

    #[test]
    fn states_of_version_1_are_still_read() {
        let saved = full().save();
        let mut old = saved[..saved.len() - CHECKSUM_BYTES].to_vec();
        old.drain(HEADER_BYTES..HEADER_BYTES + OPTIONS_BYTES);
        old[8..12].copy_from_slice(&1u32.to_le_bytes());
        old.extend_from_slice(&Sha256::digest(&old));
        let mut context = Context::new(&model(1));
        context.restore(&old).unwrap();
        assert_eq!(context.examples(), full().examples());
    }

    #[test]
    fn a_saved_state_comes_back_and_a_damaged_one_never_does() {
        let saved = full().save();
        let mut context = Context::new(&model(1));
        context.restore(&saved).unwrap();
        assert_eq!(context.examples(), full().examples());
        let mut context = Context::new(&model(1));
        context.observe(&[7.0, 8.0], &[1]).unwrap();
        for length in 0..saved.len() {
            assert!(matches!(context.restore(&saved[..length]), Err(SessionError::Damaged(_))), "{length} bytes");
        }
        for at in 0..saved.len() {
            let mut bad = saved.clone();
            bad[at] ^= 1;
            assert!(matches!(context.restore(&bad), Err(SessionError::Damaged(_))), "byte {at}");
        }
        assert_eq!(context.examples.labels, [1]);
        let error = Context::new(&model(2)).restore(&saved).unwrap_err();
        assert_eq!(error, SessionError::OtherModel { expected: model(2).hash(), found: model(1).hash() });
    }
}
