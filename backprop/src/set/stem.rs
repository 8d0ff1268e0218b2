//! The convolutional stem, forward and backward.

use std::ops::Range;

use shaders::model::spec;

use super::convolution::{Convolution, Panels, Windows, backward_relu};
use super::places;
use crate::buffer::room;
use crate::layout::two;
use crate::matrix::{Matrix, multiply};

/// Pictures that are worked on at once: what is read, and what comes of it, stay in the cache. A multiple of a tile's rows
/// leaves none over.
const FEW: usize = 6;

/// A stem and what its backward half needs.
pub struct Stem {
    windows: Windows,
    convolutions: Vec<Convolution>,
    /// X of a picture, E.
    inputs: usize,
    embedding: usize,
    /// Pictures as they are, `[M, channels · side²]`.
    flat: Vec<f32>,
    /// What each convolution reads: the first one windows, the others planes with padding; and what the last one gives.
    planes: Vec<Vec<f32>>,
    /// `[M, E]`
    out: Vec<f32>,
    panels: Vec<Panels>,
    /// Gradients of what each convolution reads, for a few pictures; of what the last one gives, for all.
    d: Vec<Vec<f32>>,
}

impl Stem {
    pub fn new(stem: &spec::Stem) -> Stem {
        let count = stem.convolutions.len();
        let convolutions: Vec<Convolution> = (0..count).map(|i| Convolution::new(stem, i, FEW)).collect();
        Stem {
            windows: Windows::new(stem),
            inputs: stem.values(),
            embedding: stem.embedding,
            flat: Vec::new(),
            planes: vec![Vec::new(); count + 1],
            out: Vec::new(),
            panels: (0..count).map(|_| Panels::default()).collect(),
            d: vec![Vec::new(); count + 1],
            convolutions,
        }
    }

    /// Embeddings `[M, E]` of pictures `[M, X]`, of which the first channels · side² values are read; zeros where there are fewer.
    pub fn forward(&mut self, weights: &[f32], places: &places::Stem, inputs: &[f32], pictures: usize) -> &[f32] {
        self.copy(inputs, pictures);
        let (x, e) = (self.inputs, self.embedding);
        let count = self.convolutions.len();
        for (i, (convolution, panels)) in self.convolutions.iter().zip(&mut self.panels).enumerate() {
            // nobody asks for the gradient of pictures
            convolution.pack(&weights[places.convolutions[i][0].clone()], i > 0, panels);
        }
        for from in (0..pictures).step_by(FEW) {
            let to = (from + FEW).min(pictures);
            for (i, convolution) in self.convolutions.iter().enumerate() {
                let [before, after] = self.planes.get_disjoint_mut([i, i + 1]).expect("two planes");
                let before = &before[from * convolution.reads()..to * convolution.reads()];
                let after = &mut after[from * convolution.gives()..to * convolution.gives()];
                let bias = &weights[places.convolutions[i][1].clone()];
                convolution.forward(before, &self.panels[i], bias, after);
            }
        }
        let last = &self.planes[count];
        let left = last.len() / pictures;
        let out = room(&mut self.out, pictures * e);
        let embedding = Matrix::rows(&weights[places.embedding.clone()], e);
        multiply([pictures, left, e], Matrix::rows(last, left), embedding, out, e, false);
        let skip = Matrix::rows(&weights[places.skip.clone()], e);
        multiply([pictures, x, e], Matrix::rows(&self.flat, x), skip, out, e, true);
        out
    }

    /// Pictures into `flat`, and their windows into the first plane.
    fn copy(&mut self, inputs: &[f32], pictures: usize) {
        let (x, own) = (self.inputs, inputs.len() / pictures);
        let flat = room(&mut self.flat, pictures * x);
        for (to, from) in flat.chunks_exact_mut(x).zip(inputs.chunks_exact(own)) {
            let read = own.min(x);
            to[..read].copy_from_slice(&from[..read]);
            to[read..].fill(0.0);
        }
        for (i, convolution) in self.convolutions.iter().enumerate() {
            room(&mut self.planes[i], pictures * convolution.reads());
            room(&mut self.planes[i + 1], pictures * convolution.gives());
        }
        let windows = self.planes[0].chunks_exact_mut(self.convolutions[0].reads());
        for (windows, picture) in windows.zip(flat.chunks_exact(x)) {
            self.windows.gather(picture, windows);
        }
    }

    /// Adds the gradients of all weights, from that of the embeddings, `[M, E]`. The forward half came before it.
    pub fn backward(&mut self, weights: &[f32], places: &places::Stem, d: &[f32], gradient: &mut [f32]) {
        let (x, e) = (self.inputs, self.embedding);
        let pictures = d.len() / e;
        let count = self.convolutions.len();
        let last = &self.planes[count];
        let left = last.len() / pictures;
        let product = |values: &[f32], width: usize, place: &Range<usize>, gradient: &mut [f32]| {
            let to = &mut gradient[place.clone()];
            multiply([width, pictures, e], Matrix::columns(values, width), Matrix::rows(d, e), to, e, true);
        };
        product(last, left, &places.embedding, gradient);
        product(&self.flat, x, &places.skip, gradient);
        let d_last = room(&mut self.d[count], pictures * left);
        let embedding = Matrix::columns(&weights[places.embedding.clone()], e);
        multiply([pictures, e, left], Matrix::rows(d, e), embedding, d_last, left, false);
        backward_relu(d_last, last);
        for from in (0..pictures).step_by(FEW) {
            let to = (from + FEW).min(pictures);
            for (i, convolution) in self.convolutions.iter().enumerate().rev() {
                let [before, after] = self.d.get_disjoint_mut([i, i + 1]).expect("two gradients");
                let after = if i + 1 == count { &after[from * left..to * left] } else { &after[..] };
                let read = &self.planes[i][from * convolution.reads()..to * convolution.reads()];
                convolution.backward_weights(read, after, two(gradient, &places.convolutions[i]));
                if i > 0 {
                    let before = room(before, read.len());
                    before.fill(0.0);
                    convolution.backward_inputs(after, &self.panels[i], before);
                    backward_relu(before, read);
                }
            }
        }
    }
}
