//! Cargo profiles of the page and its engine; see the workspace's Cargo.toml.

/// The page as it is published: small.
pub const SMALL: &str = "web";
/// The page while it is being worked on: built sooner, twice as large.
pub const QUICK: &str = "web-quick";
