//! The training step of a causal learner on a CPU: weights, their average and the state of Adam each in one flat buffer.
//!
//! A batch is cut into pieces of about [`ROWS`] tokens; what a piece gives, and the order in which pieces are summed,
//! follows from the shapes alone, so the result does not depend on the number of threads.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Mutex;

use rayon::prelude::*;
use shaders::model::spec::ModelSpec;

use super::adamw::{AdamW, BLOCK, Moments, MomentsError};
use super::simd;
use super::workspace::{Sequences, Workspace};

/// Tokens of a piece, about: enough for products to run at full speed, few enough for its rows to stay in the cache.
const ROWS: usize = 400;

/// Pieces are summed into at most this many gradients, which bounds memory; more threads than this do not help.
const GRADIENTS: usize = 16;

/// A causal learner in training.
pub struct Trainer {
    /// Every tensor in the order of [`ModelSpec::tensors`], one after another.
    pub weights: Vec<f32>,
    /// Their running average, which is the learner that is kept.
    pub average: Vec<f32>,
    /// Of the last batch.
    pub gradient: Vec<f32>,
    spec: ModelSpec,
    moments: Moments,
    /// Sums of pieces.
    sums: Vec<Vec<f32>>,
    /// Buffers go from step to step, one set for each thread.
    spare: Mutex<Vec<Workspace>>,
    pool: rayon::ThreadPool,
}

/// Loss of a batch: mean cross-entropy in nats, and right answers at each position, `[T]`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Score {
    /// Mean over all positions.
    pub loss: f64,
    /// Counts.
    pub right: Vec<f64>,
}

fn pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads.max(1)).build().expect("threads can be started")
}

impl Trainer {
    /// A learner before its first step.
    ///
    /// # Panics
    /// For variant `equivariant`, and for weights of another learner.
    pub fn new(spec: &ModelSpec, weights: Vec<f32>, average: Vec<f32>, threads: usize) -> Trainer {
        let size = Workspace::new(spec).parameters();
        assert_eq!((weights.len(), average.len()), (size, size), "weights of another learner");
        let zeros = || vec![0.0; size];
        Trainer {
            weights,
            average,
            gradient: zeros(),
            spec: spec.clone(),
            moments: Moments::new(size),
            sums: Vec::new(),
            spare: Mutex::default(),
            pool: pool(threads),
        }
    }

    /// How many threads work; changes the time and never the result.
    pub fn set_threads(&mut self, threads: usize) {
        self.pool = pool(threads);
    }

    /// Computes the gradient of the mean cross-entropy of a batch, and with `scored` its score.
    ///
    /// # Shapes
    /// `batch` B, `tokens` T, `most` episodes of a piece at most; `episodes` gives the inputs `[·, T, X]` and labels
    /// `[·, T]` of a range of the batch.
    pub fn gradient<'a>(
        &mut self,
        [batch, tokens, most]: [usize; 3],
        episodes: impl Fn(Range<usize>) -> (Cow<'a, [f32]>, Cow<'a, [u32]>) + Sync,
        scored: bool,
    ) -> Score {
        let Trainer { weights, gradient, spec, sums, pool, .. } = self;
        let spare = &self.spare;
        let piece = (ROWS / tokens).clamp(1, most.max(1));
        let pieces = batch.div_ceil(piece);
        let groups = pieces.min(GRADIENTS);
        sums.resize_with(groups, Vec::new);
        let scale = 1.0 / (batch * tokens) as f32;
        let group = |(g, sum): (usize, &mut Vec<f32>)| {
            let own = spare.lock().expect("nothing panics while it holds this").pop();
            let mut workspace = own.unwrap_or_else(|| Workspace::new(spec));
            sum.resize(weights.len(), 0.0);
            let mut score = Score::default();
            let first = g * pieces / groups;
            for p in first..(g + 1) * pieces / groups {
                let (inputs, labels) = episodes(p * piece..batch.min((p + 1) * piece));
                let sequences = Sequences { inputs: &inputs, labels: &labels, tokens };
                let log_probabilities = workspace.gradient(weights, sequences, scale, sum, p > first);
                if scored {
                    add_score(&mut score, log_probabilities, &labels, tokens, batch);
                }
            }
            spare.lock().expect("nothing panics while it holds this").push(workspace);
            score
        };
        pool.install(|| {
            let scores: Vec<Score> = sums.par_iter_mut().enumerate().with_max_len(1).map(group).collect();
            gradient.par_chunks_mut(BLOCK).enumerate().for_each(|(block, to)| {
                let place = block * BLOCK..block * BLOCK + to.len();
                to.copy_from_slice(&sums[0][place.clone()]);
                for sum in &sums[1..] {
                    simd::fast(
                        #[inline(always)]
                        || to.iter_mut().zip(&sum[place.clone()]).for_each(|(t, s)| *t += s),
                    );
                }
            });
            let mut all = Score { loss: 0.0, right: vec![0.0; if scored { tokens } else { 0 }] };
            for score in scores {
                all.loss += score.loss;
                all.right.iter_mut().zip(&score.right).for_each(|(a, r)| *a += r);
            }
            all
        })
    }

    /// √(Σ g²) of the last gradient.
    pub fn norm(&self) -> f64 {
        let of = |block: &[f32]| {
            f64::from(simd::fast(
                #[inline(always)]
                || simd::dot(block, block),
            ))
        };
        let squares: Vec<f64> = self.pool.install(|| self.gradient.par_chunks(BLOCK).map(of).collect());
        squares.iter().sum::<f64>().sqrt()
    }

    /// One step of AdamW by `scale` times the last gradient.
    pub fn step(&mut self, adam: &AdamW, scale: f32) {
        let Trainer { weights, gradient, moments, pool, .. } = self;
        pool.install(|| moments.step(weights, gradient, adam, scale));
    }

    /// a ← decay·a + (1 − decay)·w
    pub fn update_ema(&mut self, decay: f64) {
        let (keep, take) = (decay as f32, (1.0 - decay) as f32);
        let buffers = self.average.par_chunks_mut(BLOCK).zip(self.weights.par_chunks(BLOCK));
        self.pool.install(|| {
            buffers.for_each(|(average, weights)| {
                simd::fast(
                    #[inline(always)]
                    || average.iter_mut().zip(weights).for_each(|(a, w)| *a = *a * keep + w * take),
                );
            });
        });
    }

    /// The state of Adam as Burn's optimiser writes it, so that a run can go on with either.
    pub fn moments(&self) -> burn_pack::Writer {
        self.moments.write(&self.spec)
    }

    /// Takes the state of Adam from where Burn's optimiser or [`Trainer::moments`] wrote it; a weight that has none
    /// begins with zeros.
    ///
    /// # Errors
    /// What the container says, or a tensor of another length.
    pub fn set_moments(&mut self, file: burn_pack::Reader) -> Result<(), MomentsError> {
        self.moments.read(&self.spec, file)
    }
}

/// Adds what some sequences of a batch of B give.
///
/// # Shapes
/// `rows` log-probabilities `[·, T, C]`, `labels` `[·, T]`.
fn add_score(score: &mut Score, rows: &[f32], labels: &[u32], tokens: usize, batch: usize) {
    let classes = rows.len() / labels.len();
    score.right.resize(tokens, 0.0);
    for (at, (row, &label)) in rows.chunks_exact(classes).zip(labels).enumerate() {
        score.loss -= f64::from(row[label as usize]) / (batch * tokens) as f64;
        score.right[at % tokens] += f64::from(u8::from(shaders::answer(row) == Some(label as usize)));
    }
}
