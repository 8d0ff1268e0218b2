//! A visitor's own data: how they are read, and what is asked about them.

pub mod dataset;
pub mod images;
pub mod protocol;
pub mod state;
