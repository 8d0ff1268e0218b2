//! Sizes of a grid, and where its tensors lie in a flat buffer.

use std::ops::Range;

/// Sizes of a grid of tiny LSTMs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// X
    pub inputs: usize,
    /// C
    pub classes: usize,
    /// S: cells of each LSTM.
    pub size: usize,
}

impl Sizes {
    /// N: LSTMs.
    pub(super) fn lstms(&self) -> usize {
        self.classes * self.inputs
    }

    /// Numbers in all tensors.
    pub fn parameters(&self) -> usize {
        Places::new(self).readout.end
    }
}

/// Where each tensor lies, one after another.
pub(super) struct Places {
    /// From x, `[4·S]`.
    pub input: Range<usize>,
    /// From the error and the label of a class, `[2, 4·S]`.
    pub feedback: Range<usize>,
    /// From the message to a class, `[S, 4·S]`.
    pub forward: Range<usize>,
    /// From the message to an input, `[S, 4·S]`.
    pub backward: Range<usize>,
    /// From an LSTM's own output, `[S, 4·S]`.
    pub own: Range<usize>,
    /// `[4·S]`
    pub bias: Range<usize>,
    /// `[S]`
    pub readout: Range<usize>,
}

impl Places {
    pub fn new(sizes: &Sizes) -> Places {
        let (s, mut end) = (sizes.size, 0);
        let mut next = |length: usize| {
            end += length;
            end - length..end
        };
        Places {
            input: next(4 * s),
            feedback: next(8 * s),
            forward: next(4 * s * s),
            backward: next(4 * s * s),
            own: next(4 * s * s),
            bias: next(4 * s),
            readout: next(s),
        }
    }
}
