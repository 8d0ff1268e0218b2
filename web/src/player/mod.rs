//! Samples that the page plays.

pub mod packs;
pub mod state;
