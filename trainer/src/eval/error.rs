//! Why an evaluation cannot be made.

use shaders::session;

use crate::data;
use crate::sources::SourceError;

/// Why an evaluation cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// Data that the learner cannot take.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Data.
    #[error(transparent)]
    Data(#[from] data::DataError),
    /// A position the learner cannot reach.
    #[error("position {found} was asked for; this learner takes 1…{longest}")]
    Position {
        /// Position asked for.
        found: usize,
        /// Longest T.
        longest: usize,
    },
    /// Too few examples or classes for the protocol.
    #[error("data set `{name}`: {message}")]
    Small {
        /// Data set.
        name: String,
        /// Expected and found.
        message: String,
    },
    /// A file of somebody's own, which names itself.
    #[error("{0}")]
    Own(String),
    /// The learner refused an episode.
    #[error(transparent)]
    Session(#[from] session::SessionError),
    /// Encoding of raw pictures.
    #[error(transparent)]
    Encode(#[from] shaders::input::encode::EncodeError),
}
