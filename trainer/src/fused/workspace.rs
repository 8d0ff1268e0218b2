//! The buffers of a step, and the step: from tokens to log-probabilities and back to the gradient of every weight.

use shaders::model::spec::{ModelSpec, Positions};

use super::attention::Heads;
use super::buffer::sized;
use super::layer::{Gradients, Kept, Pass};
use super::layout::{Layer, Layout, two, written};
use super::matrix::{Matrix, add_rows, multiply, sum_rows};
use super::{norm, simd};

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
        let Sequences { inputs, labels, tokens } = sequences;
        let size = self.layout.total;
        assert_eq!((weights.len(), gradient.len()), (size, size), "weights of another learner");
        assert_eq!(inputs.len(), labels.len() * self.spec.inputs, "inputs [B, T, X] for labels [B, T]");
        assert!(tokens > 0 && labels.len().is_multiple_of(tokens), "labels [B, T]");
        let heads = Heads { tokens, heads: self.spec.heads, size: self.spec.key_size, shift: self.spec.key_shift };
        let (d, f) = (self.spec.width, self.spec.mlp_factor * self.spec.width);
        let pass = Pass { weights, rows: labels.len(), d, f, heads, add };
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

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use burn::module::{Module, ModuleVisitor, Param};
    use burn::optim::GradientsParams;
    use burn::tensor::{Tensor, TensorData};
    use shaders::Model;
    use shaders::model::spec::{KeyShift, QueryKey};

    use super::*;
    use crate::nets::Net;
    use crate::nets::batch::batch;
    use crate::nets::tensors::floats;
    use crate::tasks::Episode;

    struct Flatten<'a> {
        gradients: &'a GradientsParams,
        flat: Vec<f32>,
    }

    impl ModuleVisitor for Flatten<'_> {
        fn visit_float<const R: usize>(&mut self, param: &Param<Tensor<R>>) {
            let size = param.val().shape().num_elements();
            match self.gradients.get::<R>(param.id) {
                Some(gradient) => self.flat.extend(floats(gradient)),
                // a parameter that nothing came of
                None => self.flat.extend(vec![0.0; size]),
            }
        }
    }

    /// Log-probabilities and gradient by `causal::Net` and autodiff.
    fn by_autodiff(model: &Model, inputs: &[f32], labels: &[u32], tokens: usize) -> (Vec<f32>, Vec<f32>) {
        let device = crate::device::host().autodiff();
        let net = Net::from_model(model, &device);
        let (x, c, b) = (model.spec.inputs, model.spec.classes, labels.len() / tokens);
        let episodes: Vec<Episode> = inputs
            .chunks_exact(tokens * x)
            .zip(labels.chunks_exact(tokens))
            .map(|(inputs, labels)| Episode { inputs: inputs.to_vec(), labels: labels.to_vec() })
            .collect();
        let (inputs, previous, target) = batch(&episodes, x, c);
        let tensor = |values, last| Tensor::<3>::from_data(TensorData::new(values, [b, tokens, last]), &device);
        let Net::Causal(causal) = &net else { panic!("a causal learner") };
        let log = causal.forward(tensor(inputs, x), tensor(previous, c));
        let loss = (log.clone() * tensor(target, c)).sum().div_scalar(-(labels.len() as f64));
        let gradients = GradientsParams::from_grads(loss.backward(), &net);
        let mut flatten = Flatten { gradients: &gradients, flat: Vec::new() };
        net.visit(&mut flatten);
        (floats(log), flatten.flat)
    }

    fn most(values: &[f32], least: f32) -> f32 {
        values.iter().fold(least, |most, v| most.max(v.abs()))
    }

    /// The largest difference, as a share of the largest value or of `least`.
    fn apart(got: &[f32], want: &[f32], least: f32) -> f32 {
        assert_eq!(got.len(), want.len());
        let most = most(want, least);
        got.iter().zip(want).fold(0.0f32, |worst, (g, w)| worst.max((g - w).abs() / most))
    }

    /// A model whose gates, temperatures, gains and biases are not at their starting values.
    fn shaken(spec: ModelSpec) -> Model {
        let mut model = Model::random(spec, 3).unwrap();
        for (name, values) in model.tensors_mut() {
            for (i, value) in values.iter_mut().enumerate() {
                *value += 0.1 * ((i * 7 + name.len() * 3) as f32).sin();
            }
        }
        model
    }

    fn holds(spec: ModelSpec, tokens: usize) {
        let model = shaken(spec);
        let (x, c, b) = (model.spec.inputs, model.spec.classes, 2);
        let inputs: Vec<f32> = (0..b * tokens * x).map(|i| ((i * i % 101) as f32 * 0.37).sin()).collect();
        let labels: Vec<u32> = (0..b * tokens).map(|i| ((i * 5 + i / 3) % c) as u32).collect();
        let (want_log, want) = by_autodiff(&model, &inputs, &labels, tokens);
        let weights: Vec<f32> = model.spec.tensors().iter().flat_map(|t| model.tensor(&t.name).to_vec()).collect();
        let mut workspace = Workspace::new(&model.spec);
        let sequences = Sequences { inputs: &inputs, labels: &labels, tokens };
        let one = Sequences { inputs: &inputs[..x], labels: &labels[..1], tokens: 1 };
        // what the buffers held before must make no difference
        for _ in 0..2 {
            let mut gradient = vec![f32::NAN; weights.len()];
            let scale = 1.0 / labels.len() as f32;
            let log = workspace.gradient(&weights, sequences, scale, &mut gradient, false);
            let log = apart(log, &want_log, 1.0);
            assert!(log < 1e-5, "log-probabilities differ by {log}: {:?}", model.spec);
            for tensor in model.spec.tensors() {
                let place = Layout::new(&model.spec).at(&tensor.name);
                // some are zero but for rounding, such as a key's bias where every slot has it
                let worst = apart(&gradient[place.clone()], &want[place], 0.01 * most(&want, 0.0));
                assert!(worst < 2e-4, "the gradient of {} differs by {worst}: {:?}", tensor.name, model.spec);
            }
            // other sizes in between
            workspace.gradient(&weights, one, 1.0, &mut gradient, true);
        }
    }

    #[test]
    fn gradients_are_those_of_autodiff_for_every_switch() {
        for shift in [KeyShift::None, KeyShift::Full, KeyShift::Gated] {
            for query_key in [QueryKey::Free, QueryKey::Equal, QueryKey::Tied] {
                for (positions, qk_norm) in [(Positions::Learned, false), (Positions::None, true)] {
                    let mut spec = ModelSpec::shifted(6, 8, 2, 2);
                    (spec.longest, spec.classes) = (50, 4);
                    (spec.key_shift, spec.query_key, spec.positions) = (shift, query_key, positions);
                    spec.qk_norm = qk_norm;
                    // one token; within a block of attention; across blocks
                    for tokens in [1, 9, 45] {
                        holds(spec.clone(), tokens);
                    }
                }
            }
        }
    }
}
