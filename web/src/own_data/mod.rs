//! Data of a visitor's own.

pub mod images;
pub mod made;
pub mod messages;
pub mod protocol;
pub mod reader;
pub mod state;
pub mod summary;
