//! The size of pictures.

/// Side of the pictures that families of pictures draw; D₀ = 14·14, as data sets are pooled.
pub const SIDE: usize = 14;
