//! The buffers of a step, and the step: from tokens to log-probabilities and back to the gradient of every weight.

use shaders::model::spec::{ModelSpec, Positions};

use super::attention::Heads;
use super::layer::{Gradients, Kept, Pass};
use super::norm;
use super::places::{Layer, written};
use crate::buffer::sized;
use crate::layout::{Layout, two};
use crate::matrix::{Matrix, add_rows, multiply, sum_rows};
use crate::simd;

/// B sequences of T examples.
#[derive(Debug, Clone, Copy)]
pub struct Sequences<'a> {
    /// `[B, T, X]`
    pub inputs: &'a [f32],
    /// `[B, T]`; the label at position i − 1 is part of token i.
    pub labels: &'a [u32],
    /// T
    pub tokens: usize,
}

/// Buffers of one micro-batch, kept from step to step; one for each thread.
pub struct Workspace {
    spec: ModelSpec,
    layout: Layout,
    layers: Vec<Layer>,
    kept: Vec<Kept>,
    norm: norm::Kept,
    /// The residual stream, `[N, D]`.
    state: Vec<f32>,
    /// LayerNorm's output before the read-out, `[N, D]`.
    z: Vec<f32>,
    /// `[N, C]`
    log_probabilities: Vec<f32>,
    d_logits: Vec<f32>,
    back: Gradients,
}

impl Workspace {
    /// Buffers for a causal learner.
    ///
    /// # Panics
    /// For variant `equivariant`.
    pub fn new(spec: &ModelSpec) -> Workspace {
        assert!(spec.equivariant.is_none(), "a set learner is no causal one");
        let layout = Layout::new(spec);
        Workspace {
            layers: (0..spec.layers).map(|l| Layer::new(spec, &layout, l)).collect(),
            kept: (0..spec.layers).map(|_| Kept::default()).collect(),
            spec: spec.clone(),
            layout,
            norm: Default::default(),
            state: Vec::new(),
            z: Vec::new(),
            log_probabilities: Vec::new(),
            d_logits: Vec::new(),
            back: Gradients::default(),
        }
    }

    /// Number of weights.
    pub fn parameters(&self) -> usize {
        self.layout.total
    }

    /// Log-probabilities `[B, T, C]`.
    ///
    /// # Shapes
    /// `weights` every tensor in the order of [`ModelSpec::tensors`], one after another.
    pub fn log_probabilities(&mut self, weights: &[f32], sequences: Sequences<'_>) -> &[f32] {
        let pass = self.pass(weights, sequences, false);
        self.forward(&pass, sequences);
        &self.log_probabilities
    }

    /// A pass over some sequences.
    ///
    /// # Panics
    /// For weights of another learner, and for sequences of another shape than they say.
    fn pass<'a>(&self, weights: &'a [f32], sequences: Sequences<'_>, add: bool) -> Pass<'a> {
        let Sequences { inputs, labels, tokens } = sequences;
        assert_eq!(weights.len(), self.layout.total, "weights of another learner");
        assert_eq!(inputs.len(), labels.len() * self.spec.inputs, "inputs [B, T, X] for labels [B, T]");
        assert!(tokens > 0 && labels.len().is_multiple_of(tokens), "labels [B, T]");
        let heads = Heads { tokens, heads: self.spec.heads, size: self.spec.key_size, shift: self.spec.key_shift };
        let (d, f) = (self.spec.width, self.spec.mlp_factor * self.spec.width);
        Pass { weights, rows: labels.len(), d, f, heads, add }
    }

    /// Log-probabilities `[B, T, C]`; writes into `gradient`, or with `add` adds to it, that of `scale` times their
    /// negative sum at the labels.
    ///
    /// # Shapes
    /// `weights` and `gradient` every tensor in the order of [`ModelSpec::tensors`], one after another.
    pub fn gradient(
        &mut self,
        weights: &[f32],
        sequences: Sequences<'_>,
        scale: f32,
        gradient: &mut [f32],
        add: bool,
    ) -> &[f32] {
        let labels = sequences.labels;
        assert_eq!(gradient.len(), self.layout.total, "a gradient of another learner");
        let pass = self.pass(weights, sequences, add);
        self.forward(&pass, sequences);
        let classes = self.spec.classes;
        let d_logits = sized(&mut self.d_logits, labels.len() * classes);
        simd::fast(
            #[inline(always)]
            || {
                for (d, log) in d_logits.iter_mut().zip(&self.log_probabilities) {
                    *d = scale * simd::exp(*log);
                }
            },
        );
        for (row, &label) in d_logits.chunks_exact_mut(classes).zip(labels) {
            row[label as usize] -= scale;
        }
        self.backward(&pass, sequences, gradient);
        &self.log_probabilities
    }

    fn forward(&mut self, pass: &Pass<'_>, sequences: Sequences<'_>) {
        self.embed(pass, sequences);
        for (layer, kept) in self.layers.iter().zip(&mut self.kept) {
            kept.forward(pass, layer, &mut self.state);
        }
        let (rows, d, c) = (pass.rows, pass.d, self.spec.classes);
        let named = |name: &str| pass.at(&self.layout.at(name));
        let z = sized(&mut self.z, rows * d);
        self.norm.forward(&self.state, named("norm.gamma"), named("norm.beta"), z);
        let logits = sized(&mut self.log_probabilities, rows * c);
        multiply([rows, d, c], Matrix::rows(z, d), Matrix::rows(named("readout.weight"), c), logits, c, false);
        add_rows(logits, named("readout.bias"));
        simd::fast(
            #[inline(always)]
            || logits.chunks_exact_mut(c).for_each(simd::log_softmax),
        );
    }

    /// The residual stream before the first layer.
    fn embed(&mut self, pass: &Pass<'_>, Sequences { inputs, labels, tokens }: Sequences<'_>) {
        let (rows, x, d) = (pass.rows, self.spec.inputs, pass.d);
        let named = |name: &str| pass.at(&self.layout.at(name));
        let state = sized(&mut self.state, rows * d);
        let (bias, by_label) = (named("embed.bias"), named("embed.label.weight"));
        for (i, row) in state.chunks_exact_mut(d).enumerate() {
            row.copy_from_slice(bias);
            if i % tokens > 0 {
                let of_label = &by_label[labels[i - 1] as usize * d..][..d];
                row.iter_mut().zip(of_label).for_each(|(s, l)| *s += l);
            }
        }
        if self.spec.positions == Positions::Learned {
            for sequence in state.chunks_exact_mut(tokens * d) {
                sequence.iter_mut().zip(named("embed.position")).for_each(|(s, p)| *s += p);
            }
        }
        multiply([rows, x, d], Matrix::rows(inputs, x), Matrix::rows(named("embed.input.weight"), d), state, d, true);
    }

    fn backward(&mut self, pass: &Pass<'_>, sequences: Sequences<'_>, gradient: &mut [f32]) {
        let &Pass { rows, d, add, .. } = pass;
        let c = self.spec.classes;
        // products write, everything else adds
        if !add {
            for (_, place) in self.layout.places.iter().filter(|(name, _)| !written(name)) {
                gradient[place.clone()].fill(0.0);
            }
        }
        // read-out: W by zᵀ·d, z by d·Wᵀ
        let d_logits = &self.d_logits;
        let [weight, bias] = [self.layout.at("readout.weight"), self.layout.at("readout.bias")];
        let to = &mut gradient[weight.clone()];
        multiply([d, rows, c], Matrix::columns(&self.z, d), Matrix::rows(d_logits, c), to, c, add);
        sum_rows(d_logits, &mut gradient[bias]);
        let d_z = sized(&mut self.back.z, rows * d);
        multiply([rows, c, d], Matrix::rows(d_logits, c), Matrix::columns(pass.at(&weight), c), d_z, d, false);
        let d_state = sized(&mut self.back.state, rows * d);
        d_state.fill(0.0);
        let names = [self.layout.at("norm.gamma"), self.layout.at("norm.beta")];
        self.norm.backward(d_z, pass.at(&names[0]), two(gradient, &names), d_state);
        for (layer, kept) in self.layers.iter().zip(&mut self.kept).rev() {
            kept.backward(pass, layer, &mut self.back, gradient);
        }
        self.backward_embedding(pass, sequences, gradient);
    }

    fn backward_embedding(
        &self,
        pass: &Pass<'_>,
        Sequences { inputs, labels, tokens }: Sequences<'_>,
        gradient: &mut [f32],
    ) {
        let (&Pass { rows, d, add, .. }, x, d_state) = (pass, self.spec.inputs, &self.back.state);
        let weight = self.layout.at("embed.input.weight");
        multiply([x, rows, d], Matrix::columns(inputs, x), Matrix::rows(d_state, d), &mut gradient[weight], d, add);
        sum_rows(d_state, &mut gradient[self.layout.at("embed.bias")]);
        let by_label = &mut gradient[self.layout.at("embed.label.weight")];
        for (i, row) in d_state.chunks_exact(d).enumerate().filter(|(i, _)| i % tokens > 0) {
            let of_label = &mut by_label[labels[i - 1] as usize * d..][..d];
            of_label.iter_mut().zip(row).for_each(|(l, s)| *l += s);
        }
        if self.spec.positions == Positions::Learned {
            let by_position = &mut gradient[self.layout.at("embed.position")];
            for sequence in d_state.chunks_exact(tokens * d) {
                by_position.iter_mut().zip(sequence).for_each(|(p, s)| *p += s);
            }
        }
    }
}
