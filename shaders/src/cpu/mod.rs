//! The engine on the CPU.

pub mod session;

pub use session::Session;

// the paths of before, while their users move
pub use crate::model::spec::QueryOptions as Manner;
pub use crate::reference::{forward, forward_as, last_as};
