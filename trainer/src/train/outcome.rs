//! Which step to take, and what it gives.

use backprop_gpu::StepError;

/// Which step to take, and how.
#[derive(Clone, Copy)]
pub(super) struct Step {
    /// Steps done before it.
    pub done: u64,
    /// Learning rate.
    pub rate: f64,
    /// Decay of the weights' running average.
    pub ema_decay: f64,
    /// Whether loss, right answers and norm are wanted.
    pub logged: bool,
}

/// What one step gives; the first two only where they were asked for.
pub(super) struct Outcome {
    pub loss: f64,
    pub right: Vec<f64>,
    pub norm: f64,
}

/// Why a step was not taken.
pub(super) enum NotTaken {
    /// The loss or its gradient is not finite.
    NotFinite,
    /// The device failed.
    Device(StepError),
}
