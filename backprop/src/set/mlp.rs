//! The MLP of a layer, which sees each class and the mean over classes.

use std::ops::Range;

use super::places;
use super::rms::{Rms, fold, unfold};
use super::sizes::Sizes;
use crate::buffer::room;
use crate::matrix::{Matrix, add_rows, multiply, sum_rows};
use crate::simd;

/// What the backward half needs.
#[derive(Default)]
pub struct Mlp {
    norm: Rms,
    /// Gains folded into the half for a class and the half for the mean, `[D, F]` each.
    up: [Vec<f32>; 2],
    /// Mean over classes of û, `[T, D]`.
    mean: Vec<f32>,
    /// After ReLU, `[T·C, F]`.
    hidden: Vec<f32>,
}

/// Buffers that layers share.
#[derive(Default)]
pub struct Buffers {
    shared: Vec<f32>,
    d_hidden: Vec<f32>,
    d_normal: Vec<f32>,
    d_mean: Vec<f32>,
    d_up: Vec<f32>,
}

impl Mlp {
    /// Adds to the state of some tokens, `[T·C, D]`.
    pub fn forward(
        &mut self,
        weights: &[f32],
        places: &places::Layer,
        Sizes { c, d, f, .. }: Sizes,
        buffers: &mut Buffers,
        state: &mut [f32],
    ) {
        let at = |place: &Range<usize>| &weights[place.clone()];
        let tokens = state.len() / (c * d);
        self.norm.forward(state, c * d);
        for (up, weight) in self.up.iter_mut().zip(at(&places.up[0]).chunks_exact(d * f)) {
            fold(at(&places.norm2), weight, room(up, d * f), (0, f));
        }
        let mean = room(&mut self.mean, tokens * d);
        simd::fast(
            #[inline(always)]
            || {
                for (mean, classes) in mean.chunks_exact_mut(d).zip(self.norm.normal.chunks_exact(c * d)) {
                    mean.fill(0.0);
                    for class in classes.chunks_exact(d) {
                        mean.iter_mut().zip(class).for_each(|(mean, value)| *mean += value);
                    }
                    mean.iter_mut().for_each(|mean| *mean /= c as f32);
                }
            },
        );
        let shared = room(&mut buffers.shared, tokens * f);
        multiply([tokens, d, f], Matrix::rows(mean, d), Matrix::rows(&self.up[1], f), shared, f, false);
        add_rows(shared, at(&places.up[1]));
        let hidden = room(&mut self.hidden, tokens * c * f);
        let normal = Matrix::rows(&self.norm.normal, d);
        multiply([tokens * c, d, f], normal, Matrix::rows(&self.up[0], f), hidden, f, false);
        simd::fast(
            #[inline(always)]
            || {
                for (hidden, shared) in hidden.chunks_exact_mut(c * f).zip(shared.chunks_exact(f)) {
                    for hidden in hidden.chunks_exact_mut(f) {
                        for (hidden, shared) in hidden.iter_mut().zip(shared) {
                            let value = *hidden + shared;
                            *hidden = if value > 0.0 { value } else { 0.0 };
                        }
                    }
                }
            },
        );
        let down = Matrix::rows(at(&places.down[0]), d);
        multiply([tokens * c, f, d], Matrix::rows(hidden, f), down, state, d, true);
        add_rows(state, at(&places.down[1]));
    }

    /// Takes the gradient of the state back, and adds those of the weights.
    pub fn backward(
        &mut self,
        weights: &[f32],
        places: &places::Layer,
        Sizes { c, d, f, .. }: Sizes,
        (buffers, gradient): (&mut Buffers, &mut [f32]),
        d_state: &mut [f32],
    ) {
        let at = |place: &Range<usize>| &weights[place.clone()];
        let rows = d_state.len() / d;
        let tokens = rows / c;
        let Buffers { shared, d_hidden, d_normal, d_mean, d_up } = buffers;
        let [weight, bias] = &places.down;
        let to = &mut gradient[weight.clone()];
        multiply([f, rows, d], Matrix::columns(&self.hidden, f), Matrix::rows(d_state, d), to, d, true);
        sum_rows(d_state, &mut gradient[bias.clone()]);
        let d_hidden = room(d_hidden, rows * f);
        let down = Matrix::columns(at(weight), d);
        multiply([rows, d, f], Matrix::rows(d_state, d), down, d_hidden, f, false);
        let shared = room(shared, tokens * f);
        let of_tokens = d_hidden.chunks_exact_mut(c * f).zip(self.hidden.chunks_exact(c * f));
        simd::fast(
            #[inline(always)]
            || {
                for ((d, hidden), shared) in of_tokens.zip(shared.chunks_exact_mut(f)) {
                    shared.fill(0.0);
                    for (d, hidden) in d.chunks_exact_mut(f).zip(hidden.chunks_exact(f)) {
                        for ((d, hidden), shared) in d.iter_mut().zip(hidden).zip(&mut *shared) {
                            *d = if *hidden > 0.0 { *d } else { 0.0 };
                            *shared += *d;
                        }
                    }
                }
            },
        );
        sum_rows(shared, &mut gradient[places.up[1].clone()]);
        let pairs = [(&self.norm.normal, &*d_hidden, rows), (&self.mean, &*shared, tokens)];
        for (half, (inputs, d_out, count)) in pairs.into_iter().enumerate() {
            let d_up = room(d_up, d * f);
            multiply([d, count, f], Matrix::columns(inputs, d), Matrix::rows(d_out, f), d_up, f, false);
            let own = places.up[0].start + half * d * f..places.up[0].start + (half + 1) * d * f;
            let to = gradient.get_disjoint_mut([places.norm2.clone(), own.clone()]).expect("two tensors");
            unfold((at(&places.norm2), at(&own)), d_up, (0, f), to);
        }
        let d_normal = room(d_normal, rows * d);
        multiply([rows, f, d], Matrix::rows(d_hidden, f), Matrix::columns(&self.up[0], f), d_normal, d, false);
        let d_mean = room(d_mean, tokens * d);
        multiply([tokens, f, d], Matrix::rows(shared, f), Matrix::columns(&self.up[1], f), d_mean, d, false);
        simd::fast(
            #[inline(always)]
            || {
                for (d_normal, d_mean) in d_normal.chunks_exact_mut(c * d).zip(d_mean.chunks_exact(d)) {
                    for to in d_normal.chunks_exact_mut(d) {
                        to.iter_mut().zip(d_mean).for_each(|(to, d)| *to += d / c as f32);
                    }
                }
            },
        );
        self.norm.backward(d_normal, c * d, d_state);
    }
}
