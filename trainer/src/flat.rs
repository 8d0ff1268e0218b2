//! One training step of a causal learner on a CPU: weights, their average and the state of Adam each in one flat buffer.
//!
//! A batch is cut into pieces of about [`ROWS`] tokens; what a piece gives, and the order in which pieces are summed,
//! follows from the shapes alone, so the result does not depend on the number of threads.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Mutex;

use burn::tensor::TensorData;
use rayon::prelude::*;
use shaders::spec::ModelSpec;

use crate::fused::{Sequences, Workspace, simd};

/// Tokens of a piece, about: enough for products to run at full speed, few enough for its rows to stay in the cache.
const ROWS: usize = 400;

/// Pieces are summed into at most so many gradients, which bounds memory; so many threads can be of use.
const GRADIENTS: usize = 16;

/// Numbers that a thread sums or moves at a time.
const BLOCK: usize = 1 << 14;

/// Settings of one step of AdamW (Loshchilov and Hutter, arXiv 1711.05101), with Burn's formula.
pub struct AdamW {
    /// Learning rate.
    pub rate: f64,
    /// Decay of the second moment; that of the first is 0.9.
    pub beta_2: f32,
    /// ε
    pub epsilon: f32,
    /// Share of the rate by which weights shrink.
    pub weight_decay: f32,
}

/// Decay of the first moment, which is Burn's default.
const BETA_1: f32 = 0.9;

/// State of Adam.
struct Moments {
    first: Vec<f32>,
    second: Vec<f32>,
    /// Steps done.
    time: usize,
}

/// Why the state of an optimiser cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum MomentsError {
    /// The container.
    #[error(transparent)]
    Pack(#[from] burn_pack::Error),
    /// A tensor that is not as long as its weights.
    #[error("`{name}` holds {found} numbers, expected {expected}")]
    Length {
        /// Tensor in the file.
        name: String,
        /// Numbers it should hold.
        expected: usize,
        /// Numbers it holds.
        found: usize,
    },
}

/// A causal learner in training.
pub struct Flat {
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

impl Flat {
    /// A learner before its first step.
    ///
    /// # Panics
    /// For variant `equivariant`, and for weights of another learner.
    pub fn new(spec: &ModelSpec, weights: Vec<f32>, average: Vec<f32>, threads: usize) -> Flat {
        let size = Workspace::new(spec).parameters();
        assert_eq!((weights.len(), average.len()), (size, size), "weights of another learner");
        let zeros = || vec![0.0; size];
        Flat {
            weights,
            average,
            gradient: zeros(),
            spec: spec.clone(),
            moments: Moments { first: zeros(), second: zeros(), time: 0 },
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
        let Flat { weights, gradient, spec, sums, pool, .. } = self;
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
        let Moments { first, second, time } = &mut self.moments;
        *time += 1;
        let (mine_1, mine_2) = (1.0 - BETA_1, 1.0 - adam.beta_2);
        let unbias = |beta: f32| 1.0 / (1.0 - beta.powi(*time as i32));
        let (unbias_1, unbias_2) = (unbias(BETA_1), unbias(adam.beta_2));
        let (rate, beta_2, epsilon) = (adam.rate as f32, adam.beta_2, adam.epsilon);
        let keep = (1.0 - adam.rate * f64::from(adam.weight_decay)) as f32;
        let buffers = self.weights.par_chunks_mut(BLOCK).zip(self.gradient.par_chunks(BLOCK));
        let buffers = buffers.zip(first.par_chunks_mut(BLOCK)).zip(second.par_chunks_mut(BLOCK));
        self.pool.install(|| {
            buffers.for_each(|(((weights, gradient), first), second)| {
                simd::fast(
                    #[inline(always)]
                    || {
                        for (((w, g), m), v) in weights.iter_mut().zip(gradient).zip(first).zip(second) {
                            let g = g * scale;
                            *m = *m * BETA_1 + g * mine_1;
                            *v = *v * beta_2 + g * g * mine_2;
                            *w = *w * keep - *m * unbias_1 / ((*v * unbias_2).sqrt() + epsilon) * rate;
                        }
                    },
                );
            });
        });
    }

    /// a ← decay·a + (1 − decay)·w
    pub fn follow(&mut self, decay: f64) {
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
        let mut tensors = Vec::new();
        let mut scalars = Vec::new();
        if self.moments.time > 0 {
            for Place { id, shape, place } in places(&self.spec) {
                for (name, values) in [("moment_1", &self.moments.first), ("moment_2", &self.moments.second)] {
                    let data = TensorData::new(values[place.clone()].to_vec(), shape.clone());
                    let (bytes, shape, kind) = data.into_parts();
                    let name = format!("{id}.momentum.{name}");
                    tensors.push(burn_pack::Tensor::new(name, kind, shape, Some(id), bytes));
                }
                scalars.push((format!("{id}.__rank"), shape.len()));
                scalars.push((format!("{id}.momentum.time"), self.moments.time));
            }
        }
        let writer = burn_pack::Writer::new(tensors);
        scalars.iter().fold(writer, |writer, (name, value)| writer.with_scalar(name, (*value).into()))
    }

    /// Takes the state of Adam from where Burn's optimiser or [`Flat::moments`] wrote it; a weight that has none begins
    /// with zeros.
    ///
    /// # Errors
    /// What the container says, or a tensor of another length.
    pub fn set_moments(&mut self, file: burn_pack::Reader) -> Result<(), MomentsError> {
        let time = |id: u64| file.scalars().get(&format!("{id}.momentum.time")).copied();
        let places = places(&self.spec);
        let times = places.iter().filter_map(|place| usize::try_from(time(place.id)?).ok());
        self.moments.time = times.max().unwrap_or(0);
        let names: Vec<String> = file.tensor_names().into_iter().map(str::to_owned).collect();
        for Place { id, place, .. } in places {
            for (name, values) in [("moment_1", &mut self.moments.first), ("moment_2", &mut self.moments.second)] {
                let name = format!("{id}.momentum.{name}");
                let to = &mut values[place.clone()];
                to.fill(0.0);
                if !names.contains(&name) {
                    continue;
                }
                let bytes = file.tensor_data(&name)?;
                if bytes.len() != 4 * to.len() {
                    return Err(MomentsError::Length { name, expected: to.len(), found: bytes.len() / 4 });
                }
                for (to, bytes) in to.iter_mut().zip(bytes.as_chunks::<4>().0) {
                    *to = f32::from_le_bytes(*bytes);
                }
            }
        }
        Ok(())
    }
}

/// A tensor's number in Burn's module, its shape, and where it lies in a flat buffer.
struct Place {
    id: u64,
    shape: Vec<usize>,
    place: Range<usize>,
}

fn places(spec: &ModelSpec) -> Vec<Place> {
    let mut end = 0;
    let tensors = spec.tensors().into_iter().zip(1..);
    let place = |(tensor, id): (shaders::spec::TensorSpec, u64)| {
        let start = end;
        end += tensor.shape.iter().product::<usize>();
        Place { id, shape: tensor.shape, place: start..end }
    };
    tensors.map(place).collect()
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
