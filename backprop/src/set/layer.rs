//! One layer of a set learner, forward and backward: attention to the shown examples, then its MLP.

use std::ops::Range;

use super::attention::{self, Asking, Attention, HeadGradients, Heads};
use super::features::Features;
use super::mlp::{self, Mlp};
use super::places;
use super::rms::{Rms, fold, unfold};
use super::sizes::Sizes;
use crate::buffer::room;
use crate::matrix::{Matrix, multiply};

/// What a layer keeps for its backward half.
#[derive(Default)]
pub struct Layer {
    norm: Rms,
    /// Gains folded into query, key and value projections side by side, `[D, P]`.
    projection: Vec<f32>,
    /// `[rows·C, H·K]`
    query: Vec<f32>,
    /// Keys and values of the shown examples, `[N·C, H·K + A]`.
    pairs: Vec<f32>,
    attention: Attention,
    /// `[rows·C, A]`
    mixed: Vec<f32>,
    mlp: Mlp,
}

/// Buffers that layers share.
#[derive(Default)]
pub struct Buffers {
    attention: attention::Buffers,
    mlp: mlp::Buffers,
    d_normal: Vec<f32>,
    d_mixed: Vec<f32>,
    d_query: Vec<f32>,
    d_pairs: Vec<f32>,
    d_projection: Vec<f32>,
}

/// A layer's weights.
#[derive(Clone, Copy)]
pub struct Weights<'a> {
    /// Of the whole learner.
    pub all: &'a [f32],
    pub places: &'a places::Layer,
}

impl<'a> Weights<'a> {
    fn at(&self, place: &Range<usize>) -> &'a [f32] {
        &self.all[place.clone()]
    }

    fn heads(&self) -> Heads<'a> {
        Heads {
            temperature: self.at(&self.places.temperature),
            softmax: self.at(&self.places.softmax),
            linear: self.places.linear.as_ref().map(|place| self.at(place)),
        }
    }
}

/// Where query, keys and values lie side by side: the first column of each, and all columns.
fn columns(Sizes { k, heads, linear, .. }: Sizes) -> ([usize; 3], usize) {
    let hk = heads * k;
    ([0, hk, 2 * hk], 2 * hk + (heads + linear) * k)
}

impl Layer {
    /// Adds the two branches to the state `[M·C, D]` of the rows that ask.
    pub fn forward(
        &mut self,
        weights: Weights<'_>,
        asking: Asking,
        features: &Features,
        buffers: &mut Buffers,
        state: &mut [f32],
    ) {
        let Asking { sizes, first } = asking;
        let Sizes { n, c, d, .. } = sizes;
        let (starts, p) = columns(sizes);
        self.norm.forward(state, c * d);
        let projection = room(&mut self.projection, d * p);
        for (place, at) in weights.places.projections.iter().zip(starts) {
            fold(weights.at(&weights.places.norm1), weights.at(place), projection, (at, p));
        }
        let (hk, a) = (starts[1], p - starts[2]);
        let rows = asking.rows() * c;
        let normal = &self.norm.normal;
        let query = room(&mut self.query, rows * hk);
        let asked = Matrix::rows(&normal[first * c * d..], d);
        multiply([rows, d, hk], asked, Matrix::rows(projection, p), query, hk, false);
        let pairs = room(&mut self.pairs, n * c * (p - hk));
        let keys = Matrix::rows(&projection[hk..], p);
        multiply([n * c, d, p - hk], Matrix::rows(normal, d), keys, pairs, p - hk, false);
        let mixed = room(&mut self.mixed, rows * a);
        let to = (&mut buffers.attention, &mut *mixed);
        self.attention.forward(asking, weights.heads(), [query, pairs], features, to);
        let state = &mut state[first * c * d..];
        let output = Matrix::rows(weights.at(&weights.places.output), d);
        multiply([rows, a, d], Matrix::rows(mixed, a), output, state, d, true);
        self.mlp.forward(weights.all, weights.places, sizes, &mut buffers.mlp, state);
    }

    /// Takes the gradient of the state, `[M·C, D]`, back through the layer, and adds those of its weights.
    pub fn backward(
        &mut self,
        weights: Weights<'_>,
        asking: Asking,
        features: &mut Features,
        (buffers, gradient): (&mut Buffers, &mut [f32]),
        d_state: &mut [f32],
    ) {
        let Asking { sizes, first } = asking;
        let Sizes { n, c, d, .. } = sizes;
        let (starts, p) = columns(sizes);
        let (hk, a) = (starts[1], p - starts[2]);
        let rows = asking.rows() * c;
        let own = &mut d_state[first * c * d..];
        self.mlp.backward(weights.all, weights.places, sizes, (&mut buffers.mlp, gradient), own);
        let Buffers { attention, d_normal, d_mixed, d_query, d_pairs, d_projection, .. } = buffers;
        let to = &mut gradient[weights.places.output.clone()];
        multiply([a, rows, d], Matrix::columns(&self.mixed, a), Matrix::rows(own, d), to, d, true);
        let output = Matrix::columns(weights.at(&weights.places.output), d);
        let d_mixed = room(d_mixed, rows * a);
        multiply([rows, d, a], Matrix::rows(own, d), output, d_mixed, a, false);
        let d_query = room(d_query, rows * hk);
        let d_pairs = room(d_pairs, n * c * (p - hk));
        let heads = (weights.heads(), head_gradients(weights.places, gradient));
        let from = (&self.query[..], &*d_mixed);
        self.attention.backward(asking, heads, from, (features, attention), [d_query, d_pairs]);

        let normal = &self.norm.normal;
        let d_normal = room(d_normal, d_state.len());
        d_normal.fill(0.0);
        let d_projection = room(d_projection, d * p);
        let asked = Matrix::columns(&normal[first * c * d..], d);
        multiply([d, rows, hk], asked, Matrix::rows(d_query, hk), d_projection, p, false);
        let to = &mut d_projection[hk..];
        multiply([d, n * c, p - hk], Matrix::columns(normal, d), Matrix::rows(d_pairs, p - hk), to, p, false);
        let projection = Matrix::columns(&self.projection, p);
        let to = &mut d_normal[first * c * d..];
        multiply([rows, hk, d], Matrix::rows(d_query, hk), projection, to, d, true);
        let projection = Matrix::columns(&self.projection[hk..], p);
        multiply([n * c, p - hk, d], Matrix::rows(d_pairs, p - hk), projection, d_normal, d, true);
        for (place, at) in weights.places.projections.iter().zip(starts) {
            let to = gradient.get_disjoint_mut([weights.places.norm1.clone(), place.clone()]).expect("two tensors");
            unfold((weights.at(&weights.places.norm1), weights.at(place)), d_projection, (at, p), to);
        }
        self.norm.backward(d_normal, c * d, d_state);
    }
}

fn head_gradients<'a>(places: &places::Layer, gradient: &'a mut [f32]) -> HeadGradients<'a> {
    const APART: &str = "different tensors";
    match &places.linear {
        None => {
            let places = [places.temperature.clone(), places.softmax.clone()];
            let [temperature, softmax] = gradient.get_disjoint_mut(places).expect(APART);
            HeadGradients { temperature, softmax, linear: None }
        }
        Some(linear) => {
            let places = [places.temperature.clone(), places.softmax.clone(), linear.clone()];
            let [temperature, softmax, linear] = gradient.get_disjoint_mut(places).expect(APART);
            HeadGradients { temperature, softmax, linear: Some(linear) }
        }
    }
}
