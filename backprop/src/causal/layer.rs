//! One layer of a causal learner, forward and backward: attention, then its MLP.

use std::ops::Range;

use super::attention::{Attention, Heads, Switches};
use super::places::Layer;
use super::{gelu, norm};
use crate::buffer::sized;
use crate::layout::two;
use crate::matrix::{Matrix, add_rows, multiply, sum_rows};
use crate::simd;

/// What a pass through all layers has in common.
pub struct Pass<'a> {
    pub weights: &'a [f32],
    /// N = B·T
    pub rows: usize,
    /// D
    pub d: usize,
    /// F
    pub f: usize,
    pub heads: Heads,
    /// Whether products add to the gradient rather than write it.
    pub add: bool,
}

impl<'a> Pass<'a> {
    pub fn at(&self, range: &Range<usize>) -> &'a [f32] {
        &self.weights[range.clone()]
    }

    fn switches(&self, layer: &Layer) -> Switches<'a> {
        Switches {
            gate: layer.gate.as_ref().map(|gate| self.at(gate)),
            temperature: layer.temperature.as_ref().map(|temperature| self.at(temperature)),
        }
    }
}

/// Gradients on their way back.
#[derive(Default)]
pub struct Gradients {
    /// Of the residual stream, `[N, D]`.
    pub state: Vec<f32>,
    /// Of what a LayerNorm gave, `[N, D]`.
    pub z: Vec<f32>,
    /// `[N, F]`
    active: Vec<f32>,
    /// `[N, H·K]`
    mixed: Vec<f32>,
    /// `[N, P]`
    projected: Vec<f32>,
}

/// What a layer keeps for its backward half.
#[derive(Default)]
pub struct Kept {
    /// Query, key (unless it is the query) and value projections side by side, `[D, P]`, and their biases, `[P]`.
    projection: Vec<f32>,
    projection_bias: Vec<f32>,
    norm1: norm::Kept,
    /// LayerNorm's output, `[N, D]`.
    z1: Vec<f32>,
    /// `[N, P]`
    projected: Vec<f32>,
    attention: Attention,
    norm2: norm::Kept,
    /// `[N, D]`
    z2: Vec<f32>,
    /// GELU's output and its slope, `[N, F]`.
    active: Vec<f32>,
    slope: Vec<f32>,
}

impl Kept {
    /// Adds the layer's two branches to the residual stream, `[N, D]`.
    pub fn forward(&mut self, pass: &Pass<'_>, layer: &Layer, state: &mut [f32]) {
        self.forward_attention(pass, layer, state);
        self.forward_mlp(pass, layer, state);
    }

    fn forward_attention(&mut self, pass: &Pass<'_>, layer: &Layer, state: &mut [f32]) {
        let &Pass { rows, d, .. } = pass;
        // one product for query, key and value
        let parts = layer.projections();
        let (hk, p) = (pass.heads.width(), pass.heads.width() * parts.len());
        let projection = sized(&mut self.projection, d * p);
        let projection_bias = sized(&mut self.projection_bias, p);
        for (i, [weight, bias]) in parts.iter().enumerate() {
            projection_bias[i * hk..(i + 1) * hk].copy_from_slice(pass.at(bias));
            for (to, from) in projection.chunks_exact_mut(p).zip(pass.at(weight).chunks_exact(hk)) {
                to[i * hk..(i + 1) * hk].copy_from_slice(from);
            }
        }
        let z1 = sized(&mut self.z1, rows * d);
        self.norm1.forward(state, pass.at(&layer.norm1[0]), pass.at(&layer.norm1[1]), z1);
        let projected = sized(&mut self.projected, rows * p);
        multiply([rows, d, p], Matrix::rows(z1, d), Matrix::rows(projection, p), projected, p, false);
        add_rows(projected, projection_bias);
        let mixed = self.attention.forward(&pass.heads, projected, p, pass.switches(layer));
        add_rows(state, pass.at(&layer.output[1]));
        let output = Matrix::rows(pass.at(&layer.output[0]), d);
        multiply([rows, hk, d], Matrix::rows(mixed, hk), output, state, d, true);
    }

    fn forward_mlp(&mut self, pass: &Pass<'_>, layer: &Layer, state: &mut [f32]) {
        let &Pass { rows, d, f, .. } = pass;
        let z2 = sized(&mut self.z2, rows * d);
        self.norm2.forward(state, pass.at(&layer.norm2[0]), pass.at(&layer.norm2[1]), z2);
        let active = sized(&mut self.active, rows * f);
        multiply([rows, d, f], Matrix::rows(z2, d), Matrix::rows(pass.at(&layer.up[0]), f), active, f, false);
        gelu::forward(active, pass.at(&layer.up[1]), sized(&mut self.slope, rows * f));
        add_rows(state, pass.at(&layer.down[1]));
        multiply([rows, f, d], Matrix::rows(active, f), Matrix::rows(pass.at(&layer.down[0]), d), state, d, true);
    }

    /// Takes the gradient of the residual stream back through the layer, and gives its weights theirs.
    pub fn backward(&mut self, pass: &Pass<'_>, layer: &Layer, back: &mut Gradients, gradient: &mut [f32]) {
        self.backward_mlp(pass, layer, back, gradient);
        self.backward_attention(pass, layer, back, gradient);
    }

    fn backward_mlp(&mut self, pass: &Pass<'_>, layer: &Layer, back: &mut Gradients, gradient: &mut [f32]) {
        let &Pass { rows, d, f, add, .. } = pass;
        let Gradients { state, z, active, .. } = back;
        let [weight, bias] = &layer.down;
        let to = &mut gradient[weight.clone()];
        multiply([f, rows, d], Matrix::columns(&self.active, f), Matrix::rows(state, d), to, d, add);
        sum_rows(state, &mut gradient[bias.clone()]);
        let active = sized(active, rows * f);
        multiply([rows, d, f], Matrix::rows(state, d), Matrix::columns(pass.at(weight), d), active, f, false);
        gelu::backward(active, &self.slope);
        let [weight, bias] = &layer.up;
        let to = &mut gradient[weight.clone()];
        multiply([d, rows, f], Matrix::columns(&self.z2, d), Matrix::rows(active, f), to, f, add);
        sum_rows(active, &mut gradient[bias.clone()]);
        multiply([rows, f, d], Matrix::rows(active, f), Matrix::columns(pass.at(weight), f), z, d, false);
        self.norm2.backward(z, pass.at(&layer.norm2[0]), two(gradient, &layer.norm2), state);
    }

    fn backward_attention(&mut self, pass: &Pass<'_>, layer: &Layer, back: &mut Gradients, gradient: &mut [f32]) {
        let &Pass { rows, d, add, .. } = pass;
        let Gradients { state, z, mixed, projected, .. } = back;
        let parts = layer.projections();
        let (hk, p) = (pass.heads.width(), pass.heads.width() * parts.len());
        let [weight, bias] = &layer.output;
        let to = &mut gradient[weight.clone()];
        multiply([hk, rows, d], Matrix::columns(self.attention.mixed(), hk), Matrix::rows(state, d), to, d, add);
        sum_rows(state, &mut gradient[bias.clone()]);
        let projected = sized(projected, rows * p);
        let mixed = sized(mixed, rows * hk);
        multiply([rows, d, hk], Matrix::rows(state, d), Matrix::columns(pass.at(weight), d), mixed, hk, false);
        let switches = pass.switches(layer);
        let slopes = self.attention.backward(&pass.heads, &self.projected, p, switches, mixed, projected);
        if let Some(gate) = &layer.gate {
            gradient[gate.clone()].iter_mut().zip(&slopes.gate).for_each(|(g, s)| *g += s);
        }
        if let Some(temperature) = &layer.temperature {
            gradient[temperature.clone()].iter_mut().zip(&slopes.temperature).for_each(|(g, s)| *g += s);
        }
        for (i, [weight, bias]) in parts.iter().enumerate() {
            let (z1, own) = (Matrix::columns(&self.z1, d), Matrix::rows(&projected[i * hk..], p));
            multiply([d, rows, hk], z1, own, &mut gradient[weight.clone()], hk, add);
            let sums = &mut gradient[bias.clone()];
            simd::fast(
                #[inline(always)]
                || {
                    for row in projected.chunks_exact(p) {
                        sums.iter_mut().zip(&row[i * hk..(i + 1) * hk]).for_each(|(s, r)| *s += r);
                    }
                },
            );
        }
        let projection = Matrix::columns(&self.projection, p);
        multiply([rows, p, d], Matrix::rows(projected, p), projection, z, d, false);
        self.norm1.backward(z, pass.at(&layer.norm1[0]), two(gradient, &layer.norm1), state);
    }
}
