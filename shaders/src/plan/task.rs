//! What a list of launches is for.

use crate::kernel::embed::NO_LABEL;
use crate::session::context::Context;

/// Most rows of one list; more tokens or queries take several lists, so scratch memory is bounded. Only the shown examples
/// of a set learner, which see each other, have to come in one list of any length.
pub const MOST_ROWS: usize = 256;

/// What a list of launches is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Set learners: puts inputs of `rows` examples into the cache, and with a stem their embeddings, which do not depend
    /// on the other examples.
    Inputs {
        /// Index of the first.
        first: usize,
        /// How many, at most [`MOST_ROWS`].
        rows: usize,
    },
    /// Puts `rows` tokens into the cache, from position `first` on. In a set learner they are all that are shown.
    Tokens {
        /// Position of the first.
        first: usize,
        /// How many, at most [`MOST_ROWS`] unless the learner is a set learner.
        rows: usize,
    },
    /// Asks `rows` queries about the first `shown` tokens.
    Queries {
        /// N.
        shown: usize,
        /// How many, at most [`MOST_ROWS`].
        rows: usize,
        /// Row of `Answers` that takes the first answer.
        answers_first: usize,
        /// Whether attention weights are written; only with one row.
        weights: bool,
    },
}

impl Task {
    /// How many tokens it computes.
    pub fn rows(&self) -> usize {
        match *self {
            Task::Inputs { rows, .. } | Task::Tokens { rows, .. } | Task::Queries { rows, .. } => rows,
        }
    }

    /// Position of its first row, and positions from one row to the next.
    pub(super) fn positions(&self) -> (u32, u32) {
        match *self {
            Task::Inputs { first, .. } | Task::Tokens { first, .. } => (first as u32, 1),
            Task::Queries { shown, .. } => (shown as u32, 0),
        }
    }

    /// Labels that its kernels find in their buffer; none where those of the shown examples stay.
    pub fn labels(&self, context: &Context) -> Option<Vec<u32>> {
        let labels = &context.examples().labels;
        // the label that token `position` of a causal learner carries is that of the example before it
        let before = |position: usize| position.checked_sub(1).map_or(NO_LABEL, |i| labels[i]);
        match *self {
            Task::Tokens { .. } if context.is_set() => Some(labels.clone()),
            _ if context.is_set() => None,
            Task::Queries { shown, rows, .. } => Some(vec![before(shown); rows]),
            Task::Tokens { first, rows } | Task::Inputs { first, rows } => {
                Some((first..first + rows).map(before).collect())
            }
        }
    }

    /// Inputs of its rows, `[R, X]`, where `queries` `[Q, X]` are asked.
    pub fn inputs<'a>(&self, context: &'a Context, queries: &'a [f32]) -> &'a [f32] {
        let width = context.inputs();
        match *self {
            Task::Queries { rows, answers_first, .. } => &queries[answers_first * width..][..rows * width],
            Task::Tokens { first, rows } | Task::Inputs { first, rows } => {
                &context.examples().inputs[first * width..][..rows * width]
            }
        }
    }
}
