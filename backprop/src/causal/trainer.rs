//! The training step of a causal learner on a CPU: weights, their average and the state of Adam each in one flat buffer.
//!
//! A batch is cut into pieces of about [`ROWS`] tokens; what a piece gives, and the order in which pieces are summed,
//! follows from the shapes alone, so the result does not depend on the number of threads.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Mutex;

use shaders::model::spec::ModelSpec;

use super::workspace::{Sequences, Workspace};
use crate::exchange::{Exchange, share};
use crate::state::{Score, State};

/// Tokens of a piece, about: enough for products to run at full speed, few enough for its rows to stay in the cache.
const ROWS: usize = 400;

/// Pieces are summed into at most this many gradients, which bounds memory; more threads than this do not help.
const GRADIENTS: usize = 16;

/// A causal learner in training.
pub struct Trainer {
    /// Weights and all that goes with them.
    pub state: State,
    spec: ModelSpec,
    /// Sums of pieces.
    sums: Vec<Vec<f32>>,
    /// Buffers go from step to step, one set for each thread.
    spare: Mutex<Vec<Workspace>>,
}

impl Trainer {
    /// A learner before its first step.
    ///
    /// # Panics
    /// For variant `equivariant`, and for weights of another learner.
    pub fn new(spec: &ModelSpec, weights: Vec<f32>, average: Vec<f32>, threads: usize) -> Trainer {
        assert!(spec.equivariant.is_none(), "a set learner is no causal one");
        let state = State::new(spec, weights, average, threads);
        Trainer { state, spec: spec.clone(), sums: Vec::new(), spare: Mutex::default() }
    }

    /// Log-probabilities of the learner that is kept, the running average, `[B, T, C]`; on the calling thread.
    ///
    /// # Panics
    /// For sequences of another shape than they say.
    pub fn log_probabilities(&self, sequences: Sequences<'_>) -> Vec<f32> {
        let own = self.spare.lock().expect("nothing panics while it holds this").pop();
        let mut workspace = own.unwrap_or_else(|| Workspace::new(&self.spec));
        let rows = workspace.log_probabilities(&self.state.average, sequences).to_vec();
        self.spare.lock().expect("nothing panics while it holds this").push(workspace);
        rows
    }

    /// Computes the gradient of the mean cross-entropy of a batch, and with `scored` its score.
    ///
    /// # Shapes
    /// `batch` B, `tokens` T, `most` episodes of a piece at most; `episodes` gives the inputs `[·, T, X]` and labels
    /// `[·, T]` of a range of the batch.
    pub fn gradient<'a>(
        &mut self,
        sizes: [usize; 3],
        episodes: impl Fn(Range<usize>) -> (Cow<'a, [f32]>, Cow<'a, [u32]>) + Sync,
        scored: bool,
    ) -> Score {
        self.gradient_among(sizes, episodes, scored, None)
    }

    /// As [`Trainer::gradient`], as one of several processes that share the batch. All of them get the gradient and the
    /// score that a process alone gets, bit for bit.
    pub fn gradient_among<'a>(
        &mut self,
        [batch, tokens, most]: [usize; 3],
        episodes: impl Fn(Range<usize>) -> (Cow<'a, [f32]>, Cow<'a, [u32]>) + Sync,
        scored: bool,
        exchange: Option<&mut dyn Exchange>,
    ) -> Score {
        let sizes = [batch, tokens, most];
        let groups = groups(sizes);
        let own = exchange.as_ref().map_or(0..groups, |exchange| share(groups, exchange.place()));
        let numbers = self.sums_of(sizes, episodes, own, scored);
        let width = if scored { 1 + tokens } else { 1 };
        let numbers = self.state.set_gradient(&self.sums, numbers, [groups, width], exchange);
        score(&numbers, width)
    }

    /// What some groups of a batch give, for another learner with these weights that asks for it: see
    /// [`Trainer::gradient_of`].
    ///
    /// # Shapes
    /// As [`Trainer::gradient`]; `own` are the groups, of [`groups`].
    pub fn part<'a>(
        &mut self,
        sizes: [usize; 3],
        episodes: impl Fn(Range<usize>) -> (Cow<'a, [f32]>, Cow<'a, [u32]>) + Sync,
        own: Range<usize>,
    ) -> Part {
        let numbers = self.sums_of(sizes, episodes, own, true);
        Part { sums: std::mem::take(&mut self.sums), numbers }
    }

    /// Takes the gradient of a batch from what all of its groups gave, in their order: the bits are those of
    /// [`Trainer::gradient`], wherever the groups were computed. Gives the score.
    pub fn gradient_of(&mut self, whole: Part) -> Score {
        let width = whole.numbers.first().map_or(1, Vec::len);
        self.sums = whole.sums;
        let numbers = self.state.set_gradient(&self.sums, whole.numbers, [self.sums.len(), width], None);
        score(&numbers, width)
    }

    /// Sums the gradients of each of some groups; gives their loss and, with `scored`, right answers at each position.
    fn sums_of<'a>(
        &mut self,
        [batch, tokens, most]: [usize; 3],
        episodes: impl Fn(Range<usize>) -> (Cow<'a, [f32]>, Cow<'a, [u32]>) + Sync,
        own: Range<usize>,
        scored: bool,
    ) -> Vec<Vec<f64>> {
        let Trainer { state, spec, sums, spare } = self;
        let (weights, spare) = (&state.weights, &*spare);
        let [piece, pieces, groups] = pieces([batch, tokens, most]);
        sums.resize_with(own.len(), Vec::new);
        let scale = 1.0 / (batch * tokens) as f32;
        let counted = if scored { tokens } else { 0 };
        let group = |(g, sum): (usize, &mut Vec<f32>)| {
            let own = spare.lock().expect("nothing panics while it holds this").pop();
            let mut workspace = own.unwrap_or_else(|| Workspace::new(spec));
            sum.resize(weights.len(), 0.0);
            // the loss, and right answers at each position
            let mut numbers = vec![0.0; 1 + counted];
            let first = g * pieces / groups;
            for p in first..(g + 1) * pieces / groups {
                let (inputs, labels) = episodes(p * piece..batch.min((p + 1) * piece));
                let sequences = Sequences { inputs: &inputs, labels: &labels, tokens };
                let log_probabilities = workspace.gradient(weights, sequences, scale, sum, p > first);
                if scored {
                    add_score(&mut numbers, log_probabilities, &labels, tokens, batch);
                }
            }
            spare.lock().expect("nothing panics while it holds this").push(workspace);
            numbers
        };
        state.pool.map(own.zip(sums.iter_mut()).collect(), group)
    }
}

/// What some groups of a batch give.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Part {
    /// The sum of each group's gradients.
    pub sums: Vec<Vec<f32>>,
    /// The loss of each group, and its right answers at each position, `[1 + T]`.
    pub numbers: Vec<Vec<f64>>,
}

/// How many groups a batch of B sequences of T examples is cut into, with so many episodes of a piece at most. Each group can
/// be computed elsewhere.
pub fn groups(sizes: [usize; 3]) -> usize {
    pieces(sizes)[2]
}

/// Episodes of a piece, pieces, and the groups in which they are summed.
fn pieces([batch, tokens, most]: [usize; 3]) -> [usize; 3] {
    let piece = (ROWS / tokens).clamp(1, most.max(1));
    let pieces = batch.div_ceil(piece);
    [piece, pieces, pieces.min(GRADIENTS)]
}

/// The score of a batch, from the numbers of its groups, K each.
fn score(numbers: &[Vec<f64>], width: usize) -> Score {
    let mut all = Score { loss: 0.0, right: vec![0.0; width - 1] };
    for numbers in numbers {
        all.loss += numbers[0];
        all.right.iter_mut().zip(&numbers[1..]).for_each(|(a, r)| *a += r);
    }
    all
}

/// Adds what some sequences of a batch of B give.
///
/// # Shapes
/// `numbers` the loss and right answers at each position, `[1 + T]`; `rows` log-probabilities `[·, T, C]`, `labels` `[·, T]`.
fn add_score(numbers: &mut [f64], rows: &[f32], labels: &[u32], tokens: usize, batch: usize) {
    let classes = rows.len() / labels.len();
    let (loss, right) = numbers.split_first_mut().expect("the loss");
    for (at, (row, &label)) in rows.chunks_exact(classes).zip(labels).enumerate() {
        *loss -= f64::from(row[label as usize]) / (batch * tokens) as f64;
        right[at % tokens] += f64::from(u8::from(shaders::answer(row) == Some(label as usize)));
    }
}
