//! Spoiled inputs for every parser that takes a stranger's bytes.
//!
//! A test program makes [`Counting`] its allocator and describes each parser as a [`Target`]: small valid inputs, words of
//! its format, perhaps a grammar, and how much memory an input of some length justifies. [`Target::run`] then feeds it
//! spoiled inputs and fails on a panic, on memory beyond the allowance, on an input that takes longer than a second, and on a
//! refusal without words. Every input is a function of seed, target and index, so a failure comes again.
//!
//! Why no library: those with coverage need nightly Rust or a program of their own, and the others bring a runner where a
//! loop of this size does; see `CONTRIBUTING.md`.

mod campaign;
mod memory;
mod mutate;
mod random;

pub use campaign::{Found, Target};
pub use memory::Counting;
pub use mutate::{LONGEST, mutate};
pub use random::Random;
