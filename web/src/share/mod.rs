//! Files that come in: what they are, and where each of them goes.

mod dropped;
mod file_kind;
