//! AdamW over one flat buffer of weights.

use std::ops::Range;

use crate::muon;
use crate::pool::Pool;
use crate::simd;

/// Numbers that a thread works on at a time.
pub(crate) const BLOCK: usize = 1 << 14;

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
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    /// Running mean of the gradient, as long as the weights.
    pub first: Vec<f32>,
    /// Running mean of its square, as long as the weights.
    pub second: Vec<f32>,
    /// Steps done, by tensor: one that had no part in a loss was not stepped.
    pub times: Vec<usize>,
}

/// A piece of a tensor and all that belongs to it.
struct Piece<'a> {
    weights: &'a mut [f32],
    gradient: &'a [f32],
    first: &'a mut [f32],
    second: &'a mut [f32],
    /// Steps of its tensor, with this one.
    time: usize,
}

/// Rows and columns of a tensor that Muon moves.
pub(crate) type Shape = Option<[usize; 2]>;

/// What one thread does at a time.
enum Work<'a> {
    AdamW(Piece<'a>),
    Muon(muon::Piece<'a>),
}

impl Moments {
    /// Before the first step of `size` weights in `tensors` tensors.
    pub fn new(size: usize, tensors: usize) -> Moments {
        Moments { first: vec![0.0; size], second: vec![0.0; size], times: vec![0; tensors] }
    }

    /// One step of AdamW by `scale` times a gradient, for those `tensors` whose gradient is `present`; those that are
    /// `matrices` are moved by Muon, whose momentum is the first moment.
    pub(crate) fn step(
        &mut self,
        pool: &Pool,
        (weights, gradient): (&mut [f32], &[f32]),
        (tensors, present, matrices): (&[Range<usize>], &[bool], &[Shape]),
        (adam, scale): (&AdamW, f32),
    ) {
        let Moments { first, second, times } = self;
        let (mut weights, mut gradient) = (weights, gradient);
        let (mut first, mut second) = (&mut first[..], &mut second[..]);
        let mut pieces = Vec::new();
        let matrices = matrices.iter().copied().chain(std::iter::repeat(None));
        for (((tensor, &present), time), matrix) in tensors.iter().zip(present).zip(times).zip(matrices) {
            let (own_weights, own_gradient) = (take_mut(&mut weights, tensor.len()), take(&mut gradient, tensor.len()));
            let (own_first, own_second) = (take_mut(&mut first, tensor.len()), take_mut(&mut second, tensor.len()));
            if !present {
                continue;
            }
            *time += 1;
            if let Some(shape) = matrix {
                let first = *time == 1;
                let (weights, gradient, velocity) = (own_weights, own_gradient, own_first);
                pieces.push(Work::Muon(muon::Piece { shape, weights, gradient, velocity, first }));
                continue;
            }
            let buffers = own_weights.chunks_mut(BLOCK).zip(own_gradient.chunks(BLOCK));
            let buffers = buffers.zip(own_first.chunks_mut(BLOCK)).zip(own_second.chunks_mut(BLOCK));
            pieces.extend(buffers.map(|(((weights, gradient), first), second)| {
                Work::AdamW(Piece { weights, gradient, first, second, time: *time })
            }));
        }
        pool.map(pieces, |piece| match piece {
            Work::AdamW(piece) => piece.step(adam, scale),
            Work::Muon(piece) => piece.step(adam.rate, scale),
        });
    }
}

impl Piece<'_> {
    fn step(self, adam: &AdamW, scale: f32) {
        let Piece { weights, gradient, first, second, time } = self;
        let (mine_1, mine_2) = (1.0 - BETA_1, 1.0 - adam.beta_2);
        let unbias = |beta: f32| 1.0 / (1.0 - beta.powi(time as i32));
        let (unbias_1, unbias_2) = (unbias(BETA_1), unbias(adam.beta_2));
        let (rate, beta_2, epsilon) = (adam.rate as f32, adam.beta_2, adam.epsilon);
        let keep = (1.0 - adam.rate * f64::from(adam.weight_decay)) as f32;
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
    }
}

fn take<'a>(rest: &mut &'a [f32], length: usize) -> &'a [f32] {
    let (own, after) = rest.split_at(length);
    *rest = after;
    own
}

fn take_mut<'a>(rest: &mut &'a mut [f32], length: usize) -> &'a mut [f32] {
    let (own, after) = std::mem::take(rest).split_at_mut(length);
    *rest = after;
    own
}
