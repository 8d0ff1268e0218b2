//! Loss and gradient of a causal learner on a CPU, written out by hand: what `causal::Net` and autodiff compute, in
//! a few passes over memory that is kept from step to step.
//!
//! Autodiff takes attention, LayerNorm and GELU apart into elementwise operations, each of which makes a new tensor;
//! on a CPU that costs as much as the matrix products. Here every operation has its forward and its backward half side
//! by side in a file, works on one thread (micro-batches are what runs in parallel), and a step allocates nothing.
//! [`super::causal::Net::forward`] stays the definition: it is what runs on GPUs, and tests hold every gradient to it.

mod attention;
mod gelu;
mod matrix;
mod norm;
pub(crate) mod simd;

use std::collections::BTreeMap;
use std::ops::Range;

use shaders::spec::{KeyShift, ModelSpec, Positions, QueryKey};

use attention::{Attention, Heads};
use matrix::{Matrix, add_rows, multiply, sum_rows};

/// Where each tensor lies in a flat buffer.
struct Layout {
    places: BTreeMap<String, Range<usize>>,
    total: usize,
}

impl Layout {
    fn new(spec: &ModelSpec) -> Layout {
        let (mut places, mut total) = (BTreeMap::new(), 0);
        for tensor in spec.tensors() {
            let size: usize = tensor.shape.iter().product();
            places.insert(tensor.name, total..total + size);
            total += size;
        }
        Layout { places, total }
    }

    fn at(&self, name: &str) -> Range<usize> {
        self.places[name].clone()
    }
}

/// Places of a layer's tensors.
struct Layer {
    norm1: [Range<usize>; 2],
    query: [Range<usize>; 2],
    key: Option<[Range<usize>; 2]>,
    value: [Range<usize>; 2],
    output: [Range<usize>; 2],
    gate: Option<Range<usize>>,
    temperature: Option<Range<usize>>,
    norm2: [Range<usize>; 2],
    up: [Range<usize>; 2],
    down: [Range<usize>; 2],
}

/// What a layer keeps for its backward half.
#[derive(Default)]
struct Kept {
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

/// Buffers of one micro-batch, kept from step to step; one for each thread.
pub struct Workspace {
    spec: ModelSpec,
    layout: Layout,
    layers: Vec<Layer>,
    kept: Vec<Kept>,
    norm: norm::Kept,
    /// The residual stream and its gradient, `[N, D]`.
    state: Vec<f32>,
    d_state: Vec<f32>,
    /// LayerNorm's output before the read-out, `[N, D]`.
    z: Vec<f32>,
    /// `[N, C]`
    log_probabilities: Vec<f32>,
    d_logits: Vec<f32>,
    /// Gradients of `[N, D]`, `[N, F]`, `[N, H·K]` and `[N, P]`.
    d_z: Vec<f32>,
    d_active: Vec<f32>,
    d_mixed: Vec<f32>,
    d_projected: Vec<f32>,
}

/// As many zeros as asked for; costs nothing when the buffer has that length already, and then keeps its values.
fn sized(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    if buffer.len() != length {
        buffer.clear();
        buffer.resize(length, 0.0);
    }
    buffer
}

impl Workspace {
    /// Buffers for a causal learner.
    ///
    /// # Panics
    /// For variant `equivariant`.
    pub fn new(spec: &ModelSpec) -> Workspace {
        assert!(spec.equivariant.is_none(), "a set learner is no causal one");
        let layout = Layout::new(spec);
        let layer = |l: usize| {
            let at = |name: &str| layout.at(&format!("layer.{l}.{name}"));
            let linear = |name: &str| [at(&format!("{name}.weight")), at(&format!("{name}.bias"))];
            let norm = |name: &str| [at(&format!("{name}.gamma")), at(&format!("{name}.beta"))];
            Layer {
                norm1: norm("norm1"),
                query: linear("query"),
                key: (spec.query_key != QueryKey::Tied).then(|| linear("key")),
                value: linear("value"),
                output: linear("output"),
                gate: (spec.key_shift == KeyShift::Gated).then(|| at("key_shift.gate")),
                temperature: spec.qk_norm.then(|| at("temperature")),
                norm2: norm("norm2"),
                up: linear("mlp.up"),
                down: linear("mlp.down"),
            }
        };
        Workspace {
            layers: (0..spec.layers).map(layer).collect(),
            kept: (0..spec.layers).map(|_| Kept::default()).collect(),
            spec: spec.clone(),
            layout,
            norm: Default::default(),
            state: Vec::new(),
            d_state: Vec::new(),
            z: Vec::new(),
            log_probabilities: Vec::new(),
            d_logits: Vec::new(),
            d_z: Vec::new(),
            d_active: Vec::new(),
            d_mixed: Vec::new(),
            d_projected: Vec::new(),
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
    /// `weights` and `gradient` every tensor in the order of [`ModelSpec::tensors`], one after another, `inputs`
    /// `[B, T, X]`, `labels` `[B, T]`; the label at position i − 1 is part of token i.
    pub fn gradient(
        &mut self,
        weights: &[f32],
        inputs: &[f32],
        labels: &[u32],
        tokens: usize,
        scale: f32,
        gradient: &mut [f32],
        add: bool,
    ) -> &[f32] {
        let size = self.layout.total;
        assert_eq!((weights.len(), gradient.len()), (size, size), "weights of another learner");
        assert_eq!(inputs.len(), labels.len() * self.spec.inputs, "inputs [B, T, X] for labels [B, T]");
        assert!(tokens > 0 && labels.len().is_multiple_of(tokens), "labels [B, T]");
        self.forward(weights, inputs, labels, tokens);
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
        self.backward(weights, inputs, labels, tokens, gradient, add);
        &self.log_probabilities
    }

    fn heads(&self, tokens: usize) -> Heads {
        Heads { tokens, heads: self.spec.heads, size: self.spec.key_size, shift: self.spec.key_shift }
    }

    fn forward(&mut self, weights: &[f32], inputs: &[f32], labels: &[u32], tokens: usize) {
        let heads = self.heads(tokens);
        let Workspace { spec, layout, layers, kept, .. } = self;
        let (rows, x, d, c) = (labels.len(), spec.inputs, spec.width, spec.classes);
        let f = spec.mlp_factor * d;
        let at = |range: &Range<usize>| &weights[range.clone()];
        let named = |name: &str| &weights[layout.at(name)];

        let state = sized(&mut self.state, rows * d);
        let (bias, by_label) = (named("embed.bias"), named("embed.label.weight"));
        for (i, row) in state.chunks_exact_mut(d).enumerate() {
            row.copy_from_slice(bias);
            if i % tokens > 0 {
                let of_label = &by_label[labels[i - 1] as usize * d..][..d];
                row.iter_mut().zip(of_label).for_each(|(s, l)| *s += l);
            }
        }
        if spec.positions == Positions::Learned {
            for sequence in state.chunks_exact_mut(tokens * d) {
                sequence.iter_mut().zip(named("embed.position")).for_each(|(s, p)| *s += p);
            }
        }
        multiply([rows, x, d], Matrix::rows(inputs, x), Matrix::rows(named("embed.input.weight"), d), state, d, true);

        for (layer, kept) in layers.iter().zip(kept) {
            // one product for query, key and value
            let parts = [Some(&layer.query), layer.key.as_ref(), Some(&layer.value)];
            let parts: Vec<&[Range<usize>; 2]> = parts.into_iter().flatten().collect();
            let (hk, p) = (heads.width(), heads.width() * parts.len());
            let projection = sized(&mut kept.projection, d * p);
            let projection_bias = sized(&mut kept.projection_bias, p);
            for (i, [weight, bias]) in parts.iter().enumerate() {
                projection_bias[i * hk..(i + 1) * hk].copy_from_slice(at(bias));
                for (to, from) in projection.chunks_exact_mut(p).zip(at(weight).chunks_exact(hk)) {
                    to[i * hk..(i + 1) * hk].copy_from_slice(from);
                }
            }
            let z1 = sized(&mut kept.z1, rows * d);
            kept.norm1.forward(state, at(&layer.norm1[0]), at(&layer.norm1[1]), z1);
            let projected = sized(&mut kept.projected, rows * p);
            multiply([rows, d, p], Matrix::rows(z1, d), Matrix::rows(projection, p), projected, p, false);
            add_rows(projected, projection_bias);
            let gate = layer.gate.as_ref().map(at);
            let temperature = layer.temperature.as_ref().map(at);
            let mixed = kept.attention.forward(&heads, projected, p, gate, temperature);
            add_rows(state, at(&layer.output[1]));
            let output = Matrix::rows(at(&layer.output[0]), d);
            multiply([rows, hk, d], Matrix::rows(mixed, hk), output, state, d, true);

            let z2 = sized(&mut kept.z2, rows * d);
            kept.norm2.forward(state, at(&layer.norm2[0]), at(&layer.norm2[1]), z2);
            let active = sized(&mut kept.active, rows * f);
            multiply([rows, d, f], Matrix::rows(z2, d), Matrix::rows(at(&layer.up[0]), f), active, f, false);
            gelu::forward(active, at(&layer.up[1]), sized(&mut kept.slope, rows * f));
            add_rows(state, at(&layer.down[1]));
            multiply([rows, f, d], Matrix::rows(active, f), Matrix::rows(at(&layer.down[0]), d), state, d, true);
        }

        let z = sized(&mut self.z, rows * d);
        self.norm.forward(state, named("norm.gamma"), named("norm.beta"), z);
        let logits = sized(&mut self.log_probabilities, rows * c);
        multiply([rows, d, c], Matrix::rows(z, d), Matrix::rows(named("readout.weight"), c), logits, c, false);
        add_rows(logits, named("readout.bias"));
        simd::fast(
            #[inline(always)]
            || logits.chunks_exact_mut(c).for_each(simd::log_softmax),
        );
    }

    fn backward(
        &mut self,
        weights: &[f32],
        inputs: &[f32],
        labels: &[u32],
        tokens: usize,
        gradient: &mut [f32],
        add: bool,
    ) {
        let heads = self.heads(tokens);
        let Workspace { spec, layout, layers, kept, d_state, d_z, d_active, d_mixed, d_projected, .. } = self;
        let (rows, x, d, c) = (labels.len(), spec.inputs, spec.width, spec.classes);
        let f = spec.mlp_factor * d;
        let at = |range: &Range<usize>| &weights[range.clone()];

        // products write, everything else adds
        if !add {
            for (_, place) in layout.places.iter().filter(|(name, _)| !written(name)) {
                gradient[place.clone()].fill(0.0);
            }
        }

        // read-out: W by zᵀ·d, z by d·Wᵀ
        let d_logits = &self.d_logits;
        let [weight, bias] = [layout.at("readout.weight"), layout.at("readout.bias")];
        multiply(
            [d, rows, c],
            Matrix::columns(&self.z, d),
            Matrix::rows(d_logits, c),
            &mut gradient[weight.clone()],
            c,
            add,
        );
        sum_rows(d_logits, &mut gradient[bias]);
        let d_z = sized(d_z, rows * d);
        multiply([rows, c, d], Matrix::rows(d_logits, c), Matrix::columns(at(&weight), c), d_z, d, false);
        let d_state = sized(d_state, rows * d);
        d_state.fill(0.0);
        let names = [layout.at("norm.gamma"), layout.at("norm.beta")];
        self.norm.backward(d_z, at(&names[0]), two(gradient, &names), d_state);

        for (layer, kept) in layers.iter().zip(kept).rev() {
            let parts = [Some(&layer.query), layer.key.as_ref(), Some(&layer.value)];
            let parts: Vec<&[Range<usize>; 2]> = parts.into_iter().flatten().collect();
            let (hk, p) = (heads.width(), heads.width() * parts.len());

            // MLP
            let [weight, bias] = &layer.down;
            multiply(
                [f, rows, d],
                Matrix::columns(&kept.active, f),
                Matrix::rows(d_state, d),
                &mut gradient[weight.clone()],
                d,
                add,
            );
            sum_rows(d_state, &mut gradient[bias.clone()]);
            let d_active = sized(d_active, rows * f);
            multiply([rows, d, f], Matrix::rows(d_state, d), Matrix::columns(at(weight), d), d_active, f, false);
            gelu::backward(d_active, &kept.slope);
            let [weight, bias] = &layer.up;
            multiply(
                [d, rows, f],
                Matrix::columns(&kept.z2, d),
                Matrix::rows(d_active, f),
                &mut gradient[weight.clone()],
                f,
                add,
            );
            sum_rows(d_active, &mut gradient[bias.clone()]);
            multiply([rows, f, d], Matrix::rows(d_active, f), Matrix::columns(at(weight), f), d_z, d, false);
            kept.norm2.backward(d_z, at(&layer.norm2[0]), two(gradient, &layer.norm2), d_state);

            // attention
            let [weight, bias] = &layer.output;
            let mixed = kept.attention.mixed();
            multiply(
                [hk, rows, d],
                Matrix::columns(mixed, hk),
                Matrix::rows(d_state, d),
                &mut gradient[weight.clone()],
                d,
                add,
            );
            sum_rows(d_state, &mut gradient[bias.clone()]);
            let d_projected = sized(d_projected, rows * p);
            let d_mixed = sized(d_mixed, rows * hk);
            multiply([rows, d, hk], Matrix::rows(d_state, d), Matrix::columns(at(weight), d), d_mixed, hk, false);
            let slopes = kept.attention.backward(
                &heads,
                &kept.projected,
                p,
                layer.gate.as_ref().map(at),
                layer.temperature.as_ref().map(at),
                d_mixed,
                d_projected,
            );
            if let Some(gate) = &layer.gate {
                gradient[gate.clone()].iter_mut().zip(&slopes.gate).for_each(|(g, s)| *g += s);
            }
            if let Some(temperature) = &layer.temperature {
                gradient[temperature.clone()].iter_mut().zip(&slopes.temperature).for_each(|(g, s)| *g += s);
            }
            for (i, [weight, bias]) in parts.iter().enumerate() {
                let (z1, own) = (Matrix::columns(&kept.z1, d), Matrix::rows(&d_projected[i * hk..], p));
                multiply([d, rows, hk], z1, own, &mut gradient[weight.clone()], hk, add);
                let sums = &mut gradient[bias.clone()];
                simd::fast(
                    #[inline(always)]
                    || {
                        for row in d_projected.chunks_exact(p) {
                            sums.iter_mut().zip(&row[i * hk..(i + 1) * hk]).for_each(|(s, r)| *s += r);
                        }
                    },
                );
            }
            let projection = Matrix::columns(&kept.projection, p);
            multiply([rows, p, d], Matrix::rows(d_projected, p), projection, d_z, d, false);
            kept.norm1.backward(d_z, at(&layer.norm1[0]), two(gradient, &layer.norm1), d_state);
        }

        let weight = layout.at("embed.input.weight");
        multiply([x, rows, d], Matrix::columns(inputs, x), Matrix::rows(d_state, d), &mut gradient[weight], d, add);
        sum_rows(d_state, &mut gradient[layout.at("embed.bias")]);
        let by_label = &mut gradient[layout.at("embed.label.weight")];
        for (i, row) in d_state.chunks_exact(d).enumerate().filter(|(i, _)| i % tokens > 0) {
            let of_label = &mut by_label[labels[i - 1] as usize * d..][..d];
            of_label.iter_mut().zip(row).for_each(|(l, s)| *l += s);
        }
        if spec.positions == Positions::Learned {
            let by_position = &mut gradient[layout.at("embed.position")];
            for sequence in d_state.chunks_exact(tokens * d) {
                by_position.iter_mut().zip(sequence).for_each(|(p, s)| *p += s);
            }
        }
    }
}

/// Whether the gradient of a tensor is one matrix product.
fn written(name: &str) -> bool {
    name.ends_with(".weight") && name != "embed.label.weight"
}

/// Two places of a buffer at once; they do not overlap.
fn two<'a>(buffer: &'a mut [f32], places: &[Range<usize>; 2]) -> [&'a mut [f32]; 2] {
    buffer.get_disjoint_mut(places.clone()).expect("places of different tensors")
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use burn::module::{Module, ModuleVisitor, Param};
    use burn::optim::GradientsParams;
    use burn::tensor::{Device, Tensor, TensorData};
    use shaders::Model;

    use super::*;
    use crate::nets::Net;
    use crate::tasks::Episode;
    use crate::train;

    struct Flatten<'a> {
        gradients: &'a GradientsParams,
        flat: Vec<f32>,
    }

    impl ModuleVisitor for Flatten<'_> {
        fn visit_float<const R: usize>(&mut self, param: &Param<Tensor<R>>) {
            let size = param.val().shape().num_elements();
            match self.gradients.get::<R>(param.id) {
                Some(gradient) => self.flat.extend(train::floats(gradient)),
                // a parameter that nothing came of
                None => self.flat.extend(vec![0.0; size]),
            }
        }
    }

    /// Log-probabilities and gradient by `causal::Net` and autodiff.
    fn by_autodiff(model: &Model, inputs: &[f32], labels: &[u32], tokens: usize) -> (Vec<f32>, Vec<f32>) {
        let device = Device::flex().autodiff();
        let net = Net::from_model(model, &device);
        let (x, c, b) = (model.spec.inputs, model.spec.classes, labels.len() / tokens);
        let episodes: Vec<Episode> = inputs
            .chunks_exact(tokens * x)
            .zip(labels.chunks_exact(tokens))
            .map(|(inputs, labels)| Episode { inputs: inputs.to_vec(), labels: labels.to_vec() })
            .collect();
        let (inputs, previous, target) = train::batch(&episodes, x, c);
        let tensor = |values, last| Tensor::<3>::from_data(TensorData::new(values, [b, tokens, last]), &device);
        let Net::Causal(causal) = &net else { panic!("a causal learner") };
        let log = causal.forward(tensor(inputs, x), tensor(previous, c));
        let loss = (log.clone() * tensor(target, c)).sum().div_scalar(-(labels.len() as f64));
        let gradients = GradientsParams::from_grads(loss.backward(), &net);
        let mut flatten = Flatten { gradients: &gradients, flat: Vec::new() };
        net.visit(&mut flatten);
        (train::floats(log), flatten.flat)
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
        // what the buffers held before must make no difference
        for _ in 0..2 {
            let mut gradient = vec![f32::NAN; weights.len()];
            let scale = 1.0 / labels.len() as f32;
            let log = workspace.gradient(&weights, &inputs, &labels, tokens, scale, &mut gradient, false);
            let log = apart(log, &want_log, 1.0);
            assert!(log < 1e-5, "log-probabilities differ by {log}: {:?}", model.spec);
            for tensor in model.spec.tensors() {
                let place = Layout::new(&model.spec).at(&tensor.name);
                // some are zero but for rounding, such as a key's bias where every slot has it
                let worst = apart(&gradient[place.clone()], &want[place], 0.01 * most(&want, 0.0));
                assert!(worst < 2e-4, "the gradient of {} differs by {worst}: {:?}", tensor.name, model.spec);
            }
            // other sizes in between
            workspace.gradient(&weights, &inputs[..x], &labels[..1], 1, 1.0, &mut gradient, true);
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
