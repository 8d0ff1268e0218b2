//! The project's commands, and what its browser tests share with them: the static file server, the running of programs, the
//! switches of the browser, and how large the page may be.

pub mod bench;
pub mod chromium;
pub mod demo;
mod figures;
pub mod fuzz;
pub mod gpu;
pub mod kills;
pub mod mpi;
pub mod npm;
pub mod offline;
pub mod options;
pub mod package;
pub mod page;
pub mod profile;
pub mod python;
pub mod server;
pub mod setup;
pub mod shell;
pub mod site;
pub mod sizes;
pub mod soak;
pub mod test;
pub mod workspace;
