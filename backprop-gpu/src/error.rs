//! Why a step is refused or fails.

use shaders::session::SessionError;

/// Why a step is refused or fails.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StepError {
    /// A set learner.
    #[error("the WGSL engine trains causal learners only: the variants `paper` and `shifted`. Train this one on a CPU")]
    NotCausal,
    /// Inputs and labels that are not B sequences of T examples, or longer than the learner takes.
    #[error(
        "a batch needs whole sequences of 1 to {longest} examples: found {labels} labels in sequences of {tokens}, and \
         {inputs} input values where each example has {expected}"
    )]
    Batch {
        /// Longest sequence of the learner.
        longest: usize,
        /// Labels found.
        labels: usize,
        /// T.
        tokens: usize,
        /// Input values found.
        inputs: usize,
        /// X.
        expected: usize,
    },
    /// A label that there is no class for.
    #[error("label {found} is out of range: there are {classes} classes, 0 to {}", classes - 1)]
    Label {
        /// C.
        classes: usize,
        /// Label found.
        found: u32,
    },
    /// A state whose tensors made different numbers of steps, or of another learner.
    #[error("the WGSL engine takes a state whose tensors made the same number of steps: {0}")]
    State(&'static str),
    /// A step needs more than a launch or a buffer may have.
    #[error(
        "{what} would be {needed}, and at most {limit} are possible on this device. Use a smaller batch or learner"
    )]
    TooLarge {
        /// What does not fit.
        what: String,
        /// How much of it is needed.
        needed: u64,
        /// How much there may be.
        limit: u64,
    },
    /// The device refused or failed.
    #[error(transparent)]
    Device(#[from] SessionError),
}
