//! What recurrent learners have in common: tokens, and a read-out to log-probabilities. Rows are `[T, B, ·]`, position
//! outermost.

use std::ops::Range;

use crate::buffer::room;
use crate::matrix::{Matrix, add_rows, multiply, sum_rows};
use crate::simd;

/// What a token is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// X
    pub inputs: usize,
    /// C
    pub classes: usize,
    /// Whether it holds the example before with its label, (x_i, x_{i−1}, y_{i−1}), in the place of (x_i, y_{i−1}).
    pub whole: bool,
}

impl Token {
    /// Its numbers.
    pub(crate) fn size(&self) -> usize {
        self.inputs * (1 + usize::from(self.whole)) + self.classes
    }

    /// Writes the tokens of some sequences of T examples.
    ///
    /// # Shapes
    /// `inputs` `[B, T, X]`, `labels` `[B, T]`; to `[T, B, size]`.
    pub(crate) fn write(&self, (inputs, labels): (&[f32], &[u32]), t: usize, to: &mut Vec<f32>) {
        let (x, b, size) = (self.inputs, labels.len() / t, self.size());
        let tokens = room(to, labels.len() * size);
        tokens.fill(0.0);
        for (row, token) in tokens.chunks_exact_mut(size).enumerate() {
            let (i, own) = (row / b, row % b * t + row / b);
            token[..x].copy_from_slice(&inputs[own * x..(own + 1) * x]);
            if i > 0 {
                if self.whole {
                    token[x..2 * x].copy_from_slice(&inputs[(own - 1) * x..own * x]);
                }
                token[size - self.classes + labels[own - 1] as usize] = 1.0;
            }
        }
    }
}

/// Where a read-out lies in a flat buffer, and its sizes.
#[derive(Clone)]
pub(crate) struct Places {
    /// `[H, C]`
    pub weight: Range<usize>,
    /// `[C]`
    pub bias: Range<usize>,
}

impl Places {
    /// One from states of H numbers to C classes that begins at `first`.
    pub fn new(first: usize, h: usize, c: usize) -> Places {
        let weight = first..first + h * c;
        Places { bias: weight.end..weight.end + c, weight }
    }
}

/// The log-probabilities of all positions, and the way back from their cross-entropy.
#[derive(Default)]
pub(crate) struct ReadOut {
    /// `[T, B, C]`
    log_probabilities: Vec<f32>,
    d_logits: Vec<f32>,
}

impl ReadOut {
    /// # Shapes
    /// `states` `[T·B, H]`.
    pub fn forward(&mut self, weights: &[f32], places: &Places, states: &[f32]) {
        let c = places.bias.len();
        let h = places.weight.len() / c;
        let rows = states.len() / h;
        let logits = room(&mut self.log_probabilities, rows * c);
        let weight = Matrix::rows(&weights[places.weight.clone()], c);
        multiply([rows, h, c], Matrix::rows(states, h), weight, logits, c, false);
        add_rows(logits, &weights[places.bias.clone()]);
        logits.chunks_exact_mut(c).for_each(simd::log_softmax);
    }

    /// Adds the gradient of `scale` times the summed cross-entropy to that of the weights; writes that of the states.
    ///
    /// # Shapes
    /// `states` `[T·B, H]`, `labels` `[B, T]`; to `[T·B, H]`.
    pub fn backward(
        &mut self,
        (weights, gradient): (&[f32], &mut [f32]),
        places: &Places,
        states: &[f32],
        (labels, t, scale): (&[u32], usize, f32),
        to: &mut Vec<f32>,
    ) {
        let (rows, b, c) = (labels.len(), labels.len() / t, places.bias.len());
        let h = places.weight.len() / c;
        let d = room(&mut self.d_logits, rows * c);
        for (at, (d, row)) in d.chunks_exact_mut(c).zip(self.log_probabilities.chunks_exact(c)).enumerate() {
            d.iter_mut().zip(row).for_each(|(d, log)| *d = simd::exp(*log) * scale);
            d[labels[at % b * t + at / b] as usize] -= scale;
        }
        let by_row = Matrix::rows(d, c);
        multiply([h, rows, c], Matrix::columns(states, h), by_row, &mut gradient[places.weight.clone()], c, true);
        sum_rows(d, &mut gradient[places.bias.clone()]);
        let weight = Matrix::columns(&weights[places.weight.clone()], c);
        multiply([rows, c, h], by_row, weight, room(to, rows * h), h, false);
    }

    /// The log-probabilities of sequences of T examples, `[B, T, C]`.
    pub fn by_sequence(&self, t: usize, c: usize) -> Vec<f32> {
        let rows = self.log_probabilities.len() / c;
        let (b, row) = (rows / t, |at: usize| &self.log_probabilities[at * c..(at + 1) * c]);
        (0..rows).flat_map(|at| row(at % t * b + at / t)).copied().collect()
    }
}
