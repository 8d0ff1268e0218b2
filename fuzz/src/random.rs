//! Random numbers as a function of seed, target and index.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A stream of random numbers.
pub struct Random(ChaCha8Rng);

impl Random {
    /// The stream of one case: the same for the same three.
    pub fn new(seed: u64, target: &str, index: u64) -> Random {
        // FNV-1a: names alone are to differ
        let name = target
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&name.to_le_bytes());
        key[16..24].copy_from_slice(&index.to_le_bytes());
        Random(ChaCha8Rng::from_seed(key))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `limit`; 0 where there is none.
    pub fn below(&mut self, limit: usize) -> usize {
        // a remainder is even enough here
        (self.bits() % (limit.max(1) as u64)) as usize
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True once in `many` times.
    pub fn once_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    /// One of some things.
    ///
    /// # Panics
    /// If there are none.
    pub fn pick<'a, T: ?Sized + 'a>(&mut self, things: &'a [&'a T]) -> &'a T {
        things[self.below(things.len())]
    }

    /// Short text of letters that formats care about.
    pub fn text(&mut self, longest: usize) -> String {
        const LETTERS: [char; 24] = [
            'a',
            'b',
            'Z',
            '0',
            '1',
            '9',
            '.',
            ',',
            ';',
            '-',
            '+',
            ' ',
            '\t',
            '"',
            '\'',
            '#',
            '%',
            '/',
            '\\',
            '\n',
            '\0',
            'é',
            '−',
            '\u{1f600}',
        ];
        (0..self.below(longest + 1)).map(|_| LETTERS[self.below(LETTERS.len())]).collect()
    }
}
