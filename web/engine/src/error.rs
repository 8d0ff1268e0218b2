//! What went wrong, for JavaScript and for people.

use std::any::Any;

use shaders::gpu::GpuError;
use shaders::session::SessionError;

/// What went wrong, in words for people: what was expected, what was found, what to try.
#[derive(Debug, Clone, PartialEq)]
pub struct EngineError {
    /// The words.
    pub said: String,
    /// Whether it is the device's fault, so that another engine may do better.
    pub device: bool,
}

/// EngineError about a call that can't be done.
pub fn words(said: impl Into<String>) -> EngineError {
    EngineError { said: said.into(), device: false }
}

impl<E: std::error::Error + 'static> From<E> for EngineError {
    fn from(error: E) -> Self {
        let any: &dyn Any = &error;
        let device = any.is::<GpuError>()
            || matches!(
                any.downcast_ref(),
                Some(SessionError::Lost(_) | SessionError::Gpu(_) | SessionError::TooLarge { .. })
            );
        EngineError { said: error.to_string(), device }
    }
}
