//! The engine on the CPU.

pub mod session;

pub use session::Session;
