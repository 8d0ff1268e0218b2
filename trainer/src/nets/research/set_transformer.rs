//! A Transformer over sets, in the manner of prior-fitted networks (Müller et al., 2022): shown examples are tokens
//! (x, y) that attend to each other, queries are tokens x that attend to the shown ones alone, and there are no
//! positions. Inputs are embedded by a matrix, unlike those of variant `equivariant`.
//!
//! ```text
//! shown  h = x·W + W_y[y] + b;      query  h = x·W + b_q
//! layer:  q, k, v = LN(h)·W + b;   h += softmax_{j shown}(e^τ·q̂·k̂_j)·v·W_o + b_o;   h += MLP(LN(h))
//! ```
//!
//! Trained on episodes that are cut at a random place; asked for a position of a sequence, it is shown what comes before.

use burn::module::{Module, Param};
use burn::tensor::{Tensor, activation};
use serde::{Deserialize, Serialize};
use shaders::model::spec::ModelSpec;

use super::super::parts::{Linear, SpecField};
use super::super::predict::Predict;
use super::builder::Builder;
use super::kind::{Kind, OutOfBounds, within};
use super::parts::{Block, Norm, unit};

/// Its hyperparameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hyperparameters {
    /// D: width of the residual stream.
    pub width: usize,
    /// L: layers.
    pub layers: usize,
    /// H: heads of a layer.
    pub heads: usize,
    /// K: size of a head's queries, keys and values.
    pub key_size: usize,
}

impl Default for Hyperparameters {
    fn default() -> Self {
        Hyperparameters { width: 128, layers: 3, heads: 4, key_size: 32 }
    }
}

impl Kind for Hyperparameters {
    type Net = Net;

    const ASKS_QUERIES: bool = true;

    fn validate(&self) -> Result<(), OutOfBounds> {
        within(&[
            ("learner.width", self.width, 4_096),
            ("learner.layers", self.layers, 64),
            ("learner.heads", self.heads, 64),
            ("learner.key_size", self.key_size, 512),
        ])
    }

    /// Keys and values of the shown examples.
    fn state_size(&self, _: &ModelSpec, t: usize) -> usize {
        2 * self.heads * self.key_size * self.layers * t
    }

    fn build(&self, spec: &ModelSpec, build: &mut Builder<'_>) -> Net {
        Net::new(self, spec, build)
    }
}

/// The net.
#[derive(Module, Debug)]
pub struct Net {
    embed: Linear,
    /// `[C, D]`
    label: Param<Tensor<2>>,
    /// b_q − b, `[D]`
    query: Param<Tensor<1>>,
    layer: Vec<Layer>,
    norm: Norm,
    readout: Linear,
    #[module(skip)]
    spec: SpecField,
}

/// A layer, in which shown examples attend to each other, and queries to them.
#[derive(Module, Debug)]
pub(super) struct Layer {
    norm1: Norm,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    /// τ a head, `[H]`
    temperature: Param<Tensor<1>>,
    mlp: Block,
}

impl Layer {
    /// Layers of H heads of size K, for a state of width D.
    pub(super) fn stack(settings: &Hyperparameters, build: &mut Builder<'_>) -> Vec<Layer> {
        let Hyperparameters { width: d, layers, heads, key_size } = *settings;
        let branch = (0.5 / layers as f32).sqrt();
        let layer = |l: usize| {
            let at = |name: &str| format!("layer.{l}.{name}");
            Layer {
                norm1: Norm::new(&at("norm1"), d, build),
                query: build.linear(&at("query"), d, heads * key_size, 1.0),
                key: build.linear(&at("key"), d, heads * key_size, 1.0),
                value: build.linear(&at("value"), d, heads * key_size, 1.0),
                output: build.linear(&at("output"), heads * key_size, d, branch),
                temperature: build.param(&at("temperature"), [heads], 10f32.ln(), 0.0),
                mlp: Block::new(&at("mlp"), d, branch, build),
            }
        };
        (0..layers).map(layer).collect()
    }

    /// The state after this layer, of all rows or of the queries alone.
    ///
    /// # Shapes
    /// `state` `[B, M, D]`, of which the first `n` are shown → `[B, M − first, D]`.
    fn forward(&self, state: Tensor<3>, n: usize, first: usize) -> Tensor<3> {
        let [b, m, _] = state.dims();
        let count = self.temperature.val().dims()[0];
        let rows = m - first;
        let z = self.norm1.forward(state.clone());
        let shown = z.clone().narrow(1, 0, n);
        let (z, rest) = match first {
            0 => (z, state),
            _ => (z.narrow(1, first, rows), state.narrow(1, first, rows)),
        };
        let heads = |z: Tensor<3>, t: usize| -> Tensor<4> {
            let channels = z.dims()[2];
            z.reshape([b, t, count, channels / count]).swap_dims(1, 2)
        };
        let scale = self.temperature.val().exp().reshape([1, count, 1, 1]);
        let query = unit(heads(self.query.forward(z), rows)) * scale;
        let key = unit(heads(self.key.forward(shown.clone()), n));
        let value = heads(self.value.forward(shown), n);
        let mixed = activation::softmax(query.matmul(key.swap_dims(2, 3)), 3).matmul(value);
        let channels = count * mixed.dims()[3];
        let mixed = mixed.swap_dims(1, 2).reshape([b, rows, channels]);
        self.mlp.forward(rest + self.output.forward(mixed))
    }
}

/// The queries' state after all layers: nobody sees what the last one makes of a shown example.
///
/// # Shapes
/// `state` `[B, M, D]`, of which the first `n` are shown → `[B, M − N, D]`.
pub(super) fn through(layers: &[Layer], state: Tensor<3>, n: usize) -> Tensor<3> {
    let last = layers.len() - 1;
    layers.iter().enumerate().fold(state, |state, (l, layer)| layer.forward(state, n, if l == last { n } else { 0 }))
}

/// Log-probabilities at some positions of sequences, each from a pass over what was shown before: `forward` takes inputs
/// `[B, M, X]` and the labels of the first N, `[B, N, C]`.
pub(super) fn at_positions(
    inputs: &Tensor<3>,
    labels: &Tensor<3>,
    positions: &[usize],
    forward: impl Fn(Tensor<3>, Tensor<3>) -> Tensor<3>,
) -> Tensor<3> {
    let at = |&p: &usize| {
        let [b, _, c] = labels.dims();
        if p == 0 {
            // nothing was shown
            return Tensor::full([b, 1, c], -(c as f64).ln(), &labels.device());
        }
        forward(inputs.clone().narrow(1, 0, p + 1), labels.clone().narrow(1, 0, p))
    };
    Tensor::cat(positions.iter().map(at).collect(), 1)
}

impl Net {
    fn new(settings: &Hyperparameters, spec: &ModelSpec, build: &mut Builder<'_>) -> Net {
        let d = settings.width;
        Net {
            layer: Layer::stack(settings, build),
            embed: build.linear("embed", spec.inputs, d, 1.0),
            label: build.param("label", [spec.classes, d], 0.0, 0.5),
            query: build.param("query", [d], 0.0, 0.5),
            norm: Norm::new("norm", d, build),
            readout: build.linear("readout", d, spec.classes, 0.5),
            spec: SpecField(spec.clone()),
        }
    }

    /// Log-probabilities of queries.
    ///
    /// # Shapes
    /// `inputs` `[B, M, X]`: N > 0 shown, then the queries; `labels` one-hot of the shown, `[B, N, C]` → `[B, M − N, C]`.
    pub fn forward(&self, inputs: Tensor<3>, labels: Tensor<3>) -> Tensor<3> {
        let [b, m, _] = inputs.dims();
        let [_, n, c] = labels.dims();
        let d = self.query.val().dims()[0];
        let of_shown = labels.reshape([b * n, c]).matmul(self.label.val()).reshape([b, n, d]);
        let mut kinds = vec![of_shown];
        if m > n {
            kinds.push(self.query.val().reshape([1, 1, d]).expand([b, m - n, d]));
        }
        let state = through(&self.layer, self.embed.forward(inputs) + Tensor::cat(kinds, 1), n);
        activation::log_softmax(self.readout.forward(self.norm.forward(state)), 2)
    }
}

impl Predict for Net {
    fn spec(&self) -> &ModelSpec {
        &self.spec.0
    }

    fn predict(&self, inputs: Tensor<3>, labels: Tensor<3>) -> Tensor<3> {
        let [_, t, _] = inputs.dims();
        self.predict_at(inputs, labels, &(0..t).collect::<Vec<_>>())
    }

    fn predict_at(&self, inputs: Tensor<3>, labels: Tensor<3>, positions: &[usize]) -> Tensor<3> {
        at_positions(&inputs, &labels, positions, |inputs, labels| self.forward(inputs, labels))
    }
}
