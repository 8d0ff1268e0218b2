//! What a learner in training is: weights, their average, their gradient and the state of Adam, each in one flat buffer.

use std::ops::Range;

use shaders::model::spec::ModelSpec;

use crate::adamw::{AdamW, BLOCK, Moments};
use crate::buffer::room;
use crate::exchange::{Exchange, share, shares};
use crate::layout::Layout;
use crate::muon::matrices;
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
    /// Those that Muon moves.
    matrices: Vec<Option<[usize; 2]>>,
    pub(crate) pool: Pool,
    /// What goes to other processes, and what comes from them.
    sent: Vec<f32>,
    received: Vec<f32>,
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
            matrices: matrices(spec),
            pool: Pool::new(threads),
            sent: Vec::new(),
            received: Vec::new(),
        }
    }

    /// How many threads work; changes the time and never the result.
    pub fn set_threads(&mut self, threads: usize) {
        self.pool = Pool::new(threads);
    }

    /// gradient ← Σ sums of all groups, in their order. Gives the numbers of all groups.
    ///
    /// # Shapes
    /// `sums` and `numbers` are of the groups that this process computed, the latter K `width` each; the result is
    /// `[groups, K]`.
    pub(crate) fn set_gradient(
        &mut self,
        sums: &[Vec<f32>],
        numbers: Vec<Vec<f64>>,
        [groups, width]: [usize; 2],
        exchange: Option<&mut dyn Exchange>,
    ) -> Vec<Vec<f64>> {
        let Some(exchange) = exchange else {
            let sums: Vec<&[f32]> = sums.iter().map(Vec::as_slice).collect();
            add(&self.pool, &sums, &mut self.gradient);
            return numbers;
        };
        self.exchange_sums(sums, groups, exchange);
        exchange_numbers(&numbers, [groups, width], exchange)
    }

    /// Adds this process's part of the gradient, and takes the other parts from those who added them.
    fn exchange_sums(&mut self, sums: &[Vec<f32>], groups: usize, exchange: &mut dyn Exchange) {
        let State { gradient, pool, sent, received, .. } = self;
        let (rank, size) = exchange.place();
        let part = |rank| share(gradient.len(), (rank, size));
        sent.clear();
        for rank in 0..size {
            sums.iter().for_each(|sum| sent.extend_from_slice(&sum[part(rank)]));
        }
        let (parts, own) = (shares(gradient.len(), size), part(rank));
        let out: Vec<usize> = parts.iter().map(|part| part * sums.len()).collect();
        let into: Vec<usize> = shares(groups, size).iter().map(|groups| groups * own.len()).collect();
        let received = room(received, groups * own.len());
        exchange.all_to_all((sent, &out), (received, &into));
        // processes have consecutive groups, so what comes in their order is in the groups' order
        let sums: Vec<&[f32]> = received.chunks_exact(own.len().max(1)).collect();
        if !own.is_empty() {
            add(pool, &sums, &mut gradient[own]);
        }
        exchange.all_gather(gradient, &parts);
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
        moments.step(pool, (weights, gradient), (tensors, present, &[]), (adam, scale));
    }

    /// One step of Muon for the matrices inside layers, and of AdamW for all else, by `scale` times the last gradient. Muon
    /// takes its rate from `adam`, and decays no weights.
    pub fn step_muon(&mut self, adam: &AdamW, scale: f32) {
        let State { weights, gradient, moments, pool, tensors, present, matrices, .. } = self;
        moments.step(pool, (weights, gradient), (tensors, present, matrices), (adam, scale));
    }

    /// Which tensors [`State::step_muon`] moves by Muon, in the order of [`ModelSpec::tensors`].
    pub fn by_muon(&self) -> Vec<bool> {
        self.matrices.iter().map(Option::is_some).collect()
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

/// to ← Σ sums, in their order.
fn add(pool: &Pool, sums: &[&[f32]], to: &mut [f32]) {
    let blocks = to.chunks_mut(BLOCK).enumerate().collect();
    pool.map(blocks, |(block, to): (usize, &mut [f32])| {
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

/// From the numbers of this process's groups, `width` of each, to those of all.
fn exchange_numbers(own: &[Vec<f64>], [groups, width]: [usize; 2], exchange: &mut dyn Exchange) -> Vec<Vec<f64>> {
    let (rank, size) = exchange.place();
    let lengths = shares(groups, size);
    let mut all = vec![0.0; groups * width];
    let first = share(groups, (rank, size)).start * width;
    let flat: Vec<f64> = own.iter().flatten().copied().collect();
    all[first..first + flat.len()].copy_from_slice(&flat);
    let lengths: Vec<usize> = lengths.iter().map(|groups| groups * width).collect();
    exchange.all_gather_scores(&mut all, &lengths);
    all.chunks_exact(width).map(<[f64]>::to_vec).collect()
}
