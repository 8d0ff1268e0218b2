//! Sizes of the canvas and the pen, and how many classes a document may have.

pub use shaders::input::sketch::{CANVAS, PEN};

/// Fewest classes: with one alone there is nothing to tell apart.
pub const FEWEST: usize = 2;
/// Most classes: one for each digit and each letter, large and small.
pub const MOST: usize = 62;
/// Longest name of a class, in characters.
pub const LONGEST_NAME: usize = 24;
