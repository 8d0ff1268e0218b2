//! What a task gives: episodes, and what the episodes of a micro-batch have in common.

/// Which stream episodes come from. Evaluation draws from streams that training cannot reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// Meta-training.
    Train,
    /// Reported numbers.
    Test,
}

impl Split {
    pub(super) fn purpose(self) -> &'static str {
        match self {
            Split::Train => "episode/train",
            Split::Test => "episode/test",
        }
    }
}

/// One sequence of T examples of one task; for a set learner, the shown examples and then the queries.
#[derive(Debug, Clone, PartialEq)]
pub struct Episode {
    /// `[T, X]`
    pub inputs: Vec<f32>,
    /// `[T]`, each below C
    pub labels: Vec<u32>,
}

/// What the episodes of one micro-batch have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// N: examples shown to a set learner (or Transformer); T for a causal one, which answers at every position.
    pub shown: usize,
    /// Queries after them, for a set learner (or Transformer).
    pub queries: usize,
    /// C in use.
    pub classes: usize,
    /// Whether no example of the last class is shown: its queries belong to none of the others (see
    /// [`crate::TaskConfig::outsiders`]).
    pub outsiders: bool,
    /// Whether inputs are drawings, which a stem may read.
    pub drawings: bool,
}
