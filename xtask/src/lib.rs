//! What the project's commands and its browser tests share: the static file server, the running of programs,
//! the switches of the browser, and how large the page may be.

pub mod chromium;
pub mod npm;
pub mod offline;
pub mod server;
pub mod shell;
pub mod sizes;
