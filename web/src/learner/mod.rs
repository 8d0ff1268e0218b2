//! The page's side of a learner that runs in a worker.

pub mod client;
pub mod engines;
pub mod messages;
