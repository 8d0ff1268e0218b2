//! The training step of a set learner on a CPU. Episodes run in parallel; the order in which they are summed follows from
//! their number alone, so the result does not depend on the number of threads.

use std::borrow::Cow;
use std::sync::Mutex;

use shaders::model::spec::ModelSpec;

use super::sizes::Episode;
use super::workspace::{Loss, Workspace};
use crate::exchange::{Exchange, share};
use crate::state::{Score, State};

/// Episodes are summed into at most this many gradients, which bounds memory; more threads than this do not help.
const GRADIENTS: usize = 16;

/// A set learner in training.
pub struct Trainer {
    /// Weights and all that goes with them.
    pub state: State,
    spec: ModelSpec,
    /// Whether each tensor is of the stem.
    of_stem: Vec<bool>,
    sums: Vec<Vec<f32>>,
    /// Buffers go from step to step, one set for each thread.
    spare: Mutex<Vec<Workspace>>,
}

/// An episode that is made when its turn comes.
#[derive(Debug, Clone)]
pub struct Made<'a> {
    /// `[M, X]`
    pub inputs: Cow<'a, [f32]>,
    /// `[M]`
    pub labels: Cow<'a, [u32]>,
    /// N
    pub shown: usize,
    /// C in use.
    pub classes: usize,
    /// Whether the stem reads the inputs, if there is one.
    pub images: bool,
}

/// What a group of episodes gives, as numbers that can be sent: the loss, the sum of the shares of right answers, and as
/// 0 or 1 whether anything was shown and whether the stem read it.
type Part = [f64; 4];

impl Trainer {
    /// A learner before its first step.
    ///
    /// # Panics
    /// For another variant than `equivariant`, and for weights of another learner.
    pub fn new(spec: &ModelSpec, weights: Vec<f32>, average: Vec<f32>, threads: usize) -> Trainer {
        assert!(spec.equivariant.is_some(), "a causal learner is no set learner");
        Trainer {
            state: State::new(spec, weights, average, threads),
            spec: spec.clone(),
            of_stem: spec.tensors().iter().map(|tensor| tensor.name.starts_with("stem.")).collect(),
            sums: Vec::new(),
            spare: Mutex::default(),
        }
    }

    /// Computes the gradient of a batch's loss: the mean over episodes of the mean cross-entropy of their queries, and
    /// `neighbours` times that of the embedding's neighbours. With `scored` gives the first, and as right answers the sum
    /// over episodes of the share of queries.
    pub fn gradient<'a>(
        &mut self,
        batch: usize,
        neighbours: f64,
        episode: impl Fn(usize) -> Made<'a> + Sync + Send,
        scored: bool,
    ) -> Score {
        self.gradient_among((batch, neighbours), episode, scored, None)
    }

    /// As [`Trainer::gradient`], as one of several processes that share the batch. All of them get the gradient and the
    /// score that a process alone gets, bit for bit.
    pub fn gradient_among<'a>(
        &mut self,
        (batch, neighbours): (usize, f64),
        episode: impl Fn(usize) -> Made<'a> + Sync + Send,
        scored: bool,
        exchange: Option<&mut dyn Exchange>,
    ) -> Score {
        let Trainer { state, spec, of_stem, sums, spare } = self;
        let (weights, spare) = (&state.weights, &*spare);
        let groups = batch.min(GRADIENTS);
        let own = exchange.as_ref().map_or(0..groups, |exchange| share(groups, exchange.place()));
        sums.resize_with(own.len(), Vec::new);
        let group = |(g, sum): (usize, &mut Vec<f32>)| {
            let own = spare.lock().expect("nothing panics while it holds this").pop();
            let mut workspace = own.unwrap_or_else(|| Workspace::new(spec));
            sum.clear();
            sum.resize(weights.len(), 0.0);
            let mut part = Part::default();
            for e in g * batch / groups..(g + 1) * batch / groups {
                let Made { inputs, labels, shown, classes, images } = episode(e);
                let (rows, queries) = (labels.len(), labels.len() - shown);
                let loss = Loss {
                    queries: 1.0 / (batch * queries) as f32,
                    neighbours: (neighbours / (batch * rows) as f64) as f32,
                };
                let episode = Episode { inputs: &inputs, labels: &labels, shown, classes, images };
                let log_probabilities = workspace.gradient(weights, episode, loss, sum);
                let [loss, right, any_shown, any_read] = &mut part;
                if scored {
                    add_score((loss, right), log_probabilities, &labels[shown..], batch);
                }
                if shown > 0 {
                    *any_shown = 1.0;
                    *any_read = if images { 1.0 } else { *any_read };
                }
            }
            spare.lock().expect("nothing panics while it holds this").push(workspace);
            part.to_vec()
        };
        let parts = state.pool.map(own.zip(sums.iter_mut()).collect(), group);
        let parts = state.set_gradient(sums, parts, [groups, Part::default().len()], exchange);
        let any = |at: usize| parts.iter().any(|part| part[at] > 0.0);
        let (shown, read) = (any(2), any(3));
        for (present, of_stem) in state.present.iter_mut().zip(of_stem) {
            *present = if *of_stem { read } else { shown };
        }
        let mut all = Score { loss: 0.0, right: vec![0.0; usize::from(scored)] };
        for part in parts {
            all.loss += part[0];
            all.right.iter_mut().for_each(|all| *all += part[1]);
        }
        all
    }
}

/// Adds what an episode of a batch of B gives to the loss and the sum of the shares of right answers.
///
/// # Shapes
/// `rows` log-probabilities `[Q, C]`, `labels` `[Q]`
fn add_score((loss, sum): (&mut f64, &mut f64), rows: &[f32], labels: &[u32], batch: usize) {
    let queries = labels.len();
    let mut right = 0.0;
    for (row, &label) in rows.chunks_exact(rows.len() / queries).zip(labels) {
        *loss -= f64::from(row[label as usize]) / (batch * queries) as f64;
        right += f64::from(u8::from(shaders::answer(row) == Some(label as usize)));
    }
    *sum += right / queries as f64;
}
