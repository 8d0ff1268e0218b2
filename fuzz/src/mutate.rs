//! Spoils inputs: bits, numbers, lengths, pieces.

use crate::random::Random;

/// Inputs are cut to this many bytes, so that a case takes microseconds.
pub const LONGEST: usize = 1 << 16;
/// One input in so many is a piece again and again: what grows with the square of a length shows there alone.
const LONG_RUNS: usize = 400;

/// Numbers at the ends of what machines and people can hold, as people write them.
const NUMBERS: [&str; 24] = [
    "0",
    "-0",
    "1",
    "-1",
    "2",
    "3",
    "7",
    "127",
    "128",
    "255",
    "256",
    "65535",
    "65536",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "-9223372036854775808",
    "9223372036854775807",
    "18446744073709551615",
    "1e308",
    "-1e999",
    "NaN",
    "0.1",
];

/// The same as machines write them.
const WORDS: [u64; 20] = [
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    9,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x7fff,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0xffff_ffff,
    0x1_0000_0000,
    u64::MAX / 2,
    u64::MAX,
];

/// An input made of a valid one: spoiled at one place or at some. `all` are other valid inputs, whose pieces may be put in, and
/// `words` what the format knows.
pub fn mutate(random: &mut Random, seed: &[u8], all: &[Vec<u8>], words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    // mostly a single fault, as only that gets past the checks before it
    let faults = 1 << random.below(5).saturating_sub(1);
    for _ in 0..faults {
        fault(random, &mut bytes, all, words);
    }
    if random.once_in(LONG_RUNS) {
        let (from, to) = range(random, bytes.len(), 64);
        let piece = bytes[from..to].to_vec();
        let count = LONGEST / piece.len().max(1);
        bytes.splice(to..to, piece.repeat(count));
    }
    bytes.truncate(LONGEST);
    bytes
}

/// A place range of at most `longest` bytes.
fn range(random: &mut Random, length: usize, longest: usize) -> (usize, usize) {
    let from = random.below(length + 1);
    (from, (from + random.below(longest + 1)).min(length))
}

fn fault(random: &mut Random, bytes: &mut Vec<u8>, all: &[Vec<u8>], words: &[&[u8]]) {
    if bytes.is_empty() {
        bytes.push(random.bits() as u8);
    }
    let at = random.below(bytes.len());
    match random.below(14) {
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = random.bits() as u8,
        2 => bytes.truncate(at),
        3 => bytes.insert(at, random.bits() as u8),
        4 => {
            let (from, to) = range(random, bytes.len(), 16);
            bytes.drain(from..to);
        }
        5 => {
            let (from, to) = range(random, bytes.len(), 32);
            let piece = bytes[from..to].repeat(1 + random.below(4));
            bytes.splice(at..at, piece);
        }
        6 | 7 if !words.is_empty() => {
            let word = words[random.below(words.len())];
            let taken = random.below(2) * word.len().min(bytes.len() - at);
            bytes.splice(at..at + taken, word.iter().copied());
        }
        8 if !all.is_empty() => {
            let other = &all[random.below(all.len())];
            let (from, to) = range(random, other.len(), other.len());
            let (start, end) = range(random, bytes.len(), bytes.len());
            bytes.splice(start..end, other[from..to].iter().copied());
        }
        9 | 10 => written_number(random, bytes, at),
        11 | 12 => machine_number(random, bytes, at),
        _ => {
            let (from, to) = range(random, bytes.len(), 24);
            let piece: Vec<u8> = bytes.drain(from..to).collect();
            let place = random.below(bytes.len() + 1);
            bytes.splice(place..place, piece);
        }
    }
}

/// Puts another number in the place of one that is written in digits, the next from `at` on.
fn written_number(random: &mut Random, bytes: &mut Vec<u8>, at: usize) {
    let Some(from) = (at..bytes.len()).find(|at| bytes[*at].is_ascii_digit()) else { return };
    let to = (from..bytes.len()).find(|at| !bytes[*at].is_ascii_digit()).unwrap_or(bytes.len());
    bytes.splice(from..to, NUMBERS[random.below(NUMBERS.len())].bytes());
}

/// Puts a number of 1, 2, 4 or 8 bytes in, a boundary or a small step from what is there: a length, a count, an offset.
fn machine_number(random: &mut Random, bytes: &mut [u8], at: usize) {
    let width = 1 << random.below(4);
    let at = if random.once_in(2) { at / width * width } else { at };
    let Some(place) = bytes.get_mut(at..at + width) else { return };
    let little = !random.once_in(4);
    let mut word = [0; 8];
    place.iter().enumerate().for_each(|(i, byte)| word[if little { i } else { width - 1 - i }] = *byte);
    let found = u64::from_le_bytes(word);
    let value = match random.below(3) {
        0 => found.wrapping_add(random.below(9) as u64).wrapping_sub(4),
        _ => WORDS[random.below(WORDS.len())],
    };
    let word = value.to_le_bytes();
    place.iter_mut().enumerate().for_each(|(i, byte)| *byte = word[if little { i } else { width - 1 - i }]);
}
