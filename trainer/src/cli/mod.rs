//! The command line, one file a command.

mod answers;
pub mod cells;
pub mod data;
pub mod eval;
pub mod experiment;
pub mod export;
pub mod gpu;
pub mod inspect;
mod interrupt;
mod numbers;
pub mod output;
pub mod predict;
mod progress;
mod ranks;
pub mod report;
pub mod train;
