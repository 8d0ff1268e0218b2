//! What was shown to a learner, what may be asked, and what can go wrong.

pub mod attention;
pub mod context;
pub mod error;
pub mod state;

pub use attention::Attention;
pub use context::{Context, Examples};
pub use error::SessionError;
