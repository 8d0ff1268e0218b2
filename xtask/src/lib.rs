//! What the project's commands and its browser tests share: the static file server, the running of programs,
//! and how large the page may be.

pub mod offline;
pub mod server;
pub mod shell;
pub mod sizes;
