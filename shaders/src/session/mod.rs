//! What was shown to a learner, what may be asked, and what can go wrong.

pub mod attention;
pub mod context;
pub mod error;
pub mod state;

pub use attention::Attention;
pub use context::{Context, Examples};
pub use error::SessionError;

// the paths of before, while their users move
pub use crate::engine::{Engine, Kind};
pub use crate::probability::renormalise_over_seen as restrict;
