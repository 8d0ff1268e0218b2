//! What a learner in training is: weights, their average, their gradient and the state of Adam, each in one flat buffer.

use std::ops::Range;

use shaders::model::spec::ModelSpec;

use crate::adamw::{AdamW, BLOCK, Moments};
use crate::layout::Layout;
use crate::pool::Pool;
use crate::simd;

/// A learner in training.
pub struct State {
    /// Every tensor in the order of [`ModelSpec::tensors`], one after another.
    pub weights: Vec<f32>,
    /// Their running average, which is the learner that is kept.
    pub average: Vec<f32>,
    /// Of the last batch.
    pub gradient: Vec<f32>,
    /// Which tensors the last batch had a gradient for, in the order of [`ModelSpec::tensors`]; the others are not stepped.
    pub present: Vec<bool>,
    /// Of Adam.
    pub moments: Moments,
    tensors: Vec<Range<usize>>,
    pub(crate) pool: Pool,
}

/// Loss of a batch, and its right answers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Score {
    /// Mean cross-entropy in nats.
    pub loss: f64,
    /// Right answers of the whole batch at each position, `[T]`; of a set learner the sum of the episodes' shares, `[1]`.
    pub right: Vec<f64>,
}

impl State {
    /// Before the first step.
    ///
    /// # Panics
    /// For weights of another learner.
    pub fn new(spec: &ModelSpec, weights: Vec<f32>, average: Vec<f32>, threads: usize) -> State {
        let layout = Layout::new(spec);
        let (size, tensors) = (layout.total, layout.tensors);
        assert_eq!((weights.len(), average.len()), (size, size), "weights of another learner");
        State {
            weights,
            average,
            gradient: vec![0.0; size],
            present: vec![true; tensors.len()],
            moments: Moments::new(size, tensors.len()),
            tensors,
            pool: Pool::new(threads),
        }
    }

    /// How many threads work; changes the time and never the result.
    pub fn set_threads(&mut self, threads: usize) {
        self.pool = Pool::new(threads);
    }

    /// gradient ← Σ sums, in their order.
    pub(crate) fn set_gradient(&mut self, sums: &[Vec<f32>]) {
        let blocks = self.gradient.chunks_mut(BLOCK).enumerate().collect();
        self.pool.map(blocks, |(block, to): (usize, &mut [f32])| {
            let place = block * BLOCK..block * BLOCK + to.len();
            to.copy_from_slice(&sums[0][place.clone()]);
            for sum in &sums[1..] {
                simd::fast(
                    #[inline(always)]
                    || to.iter_mut().zip(&sum[place.clone()]).for_each(|(t, s)| *t += s),
                );
            }
        });
    }

    /// √(Σ g²) of the last gradient.
    pub fn norm(&self) -> f64 {
        let of = |block: &[f32]| {
            f64::from(simd::fast(
                #[inline(always)]
                || simd::dot(block, block),
            ))
        };
        self.pool.map(self.gradient.chunks(BLOCK).collect(), of).iter().sum::<f64>().sqrt()
    }

    /// One step of AdamW by `scale` times the last gradient.
    pub fn step(&mut self, adam: &AdamW, scale: f32) {
        let State { weights, gradient, moments, pool, tensors, present, .. } = self;
        moments.step(pool, (weights, gradient), (tensors, present), (adam, scale));
    }

    /// a ← decay·a + (1 − decay)·w
    pub fn update_ema(&mut self, decay: f64) {
        let (keep, take) = (decay as f32, (1.0 - decay) as f32);
        let buffers = self.average.chunks_mut(BLOCK).zip(self.weights.chunks(BLOCK)).collect();
        self.pool.map(buffers, |(average, weights): (&mut [f32], &[f32])| {
            simd::fast(
                #[inline(always)]
                || average.iter_mut().zip(weights).for_each(|(a, w)| *a = *a * keep + w * take),
            );
        });
    }
}
