//! What the project's commands and its browser tests share: the static file server and the running of programs.

pub mod server;
pub mod shell;
