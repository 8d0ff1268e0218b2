//! Why a session refuses a call, or could not finish it.

/// Why a session refuses a call, or could not finish it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SessionError {
    /// No room for the examples.
    #[error(
        "the context holds at most {capacity} examples and would have {found}. Remove some, or use a model with a longer context"
    )]
    Full {
        /// Most examples the model takes.
        capacity: usize,
        /// Examples there would be.
        found: usize,
    },
    /// Inputs that are not a whole number of examples.
    #[error(
        "inputs: expected a multiple of {expected} values, found {found}. Encode every example with the model's own encoder"
    )]
    InputLength {
        /// X of the model.
        expected: usize,
        /// Values found.
        found: usize,
    },
    /// Not one label for each example.
    #[error("labels: expected one for each of {expected} examples, found {found}")]
    LabelCount {
        /// Examples in the call.
        expected: usize,
        /// Labels in the call.
        found: usize,
    },
    /// A label that there is no class for.
    #[error("label {found} is out of range: there are {classes} classes, 0 to {}", classes - 1)]
    Label {
        /// C in use.
        classes: usize,
        /// Label found.
        found: u32,
    },
    /// A number of classes that the model or the labels shown do not allow.
    #[error("the number of classes in use must be from {lowest} to {highest}, found {found}: {}", match lowest == highest {
        true => "this model answers for all of its classes",
        false => "the labels shown need theirs, and the model has no more",
    })]
    Classes {
        /// Fewest classes allowed.
        lowest: usize,
        /// Most classes allowed.
        highest: usize,
        /// Number found.
        found: usize,
    },
    /// An input that is infinite or not a number.
    #[error("input {index} of example {example} is not a finite number. Check the data it was encoded from")]
    NotFinite {
        /// Example within the call.
        example: usize,
        /// Index within the example, below X.
        index: usize,
    },
    /// An example that is not there.
    #[error("there is no example {found}: the context holds {len}")]
    Index {
        /// Examples in the context.
        len: usize,
        /// Index found.
        found: usize,
    },
    /// A saved state of another model.
    #[error(
        "this state belongs to another model: it was saved with {found}, this one is {expected}. Load that model first"
    )]
    OtherModel {
        /// Hash of this model's weights.
        expected: String,
        /// Hash in the state.
        found: String,
    },
    /// A saved state that was cut off or changed.
    #[error("this saved state is damaged: {0}. Save it again")]
    Damaged(&'static str),
    /// The model, or a call, needs a larger buffer than the device offers.
    #[error(
        "{what} needs {needed} bytes in one buffer and the device offers {limit}. Use the CPU engine, or a smaller model"
    )]
    TooLarge {
        /// What does not fit.
        what: String,
        /// Bytes needed.
        needed: u64,
        /// Largest buffer binding of the device.
        limit: u64,
    },
    /// A launch that the adapter would leave in the middle of its loops.
    #[error(
        "kernel `{kernel}` takes {turns} turns for these sizes, and this adapter ends its loops after {most} without a word. Use smaller ones, or the CPU"
    )]
    Turns {
        /// The kernel.
        kernel: &'static str,
        /// Turns of an invocation.
        turns: u64,
        /// Turns after which the adapter ends its loops.
        most: u64,
    },
    /// The device is gone: unplugged, reset, out of memory or taken by the system.
    #[error("the GPU device was lost: {0}. Open a new device, or go on with the CPU engine")]
    Lost(String),
    /// The device refused or failed a command.
    #[error("the GPU reported an error: {0}. Go on with the CPU engine")]
    Gpu(String),
}
