//! Long short-term memory over the tokens (x_i, y_{i−1}):
//!
//! ```text
//! i, f, o, g = z_t·W + h_{t−1}·U + b;   c_t = σ(f + 1)·c_{t−1} + σ(i)·tanh(g);   h_t = σ(o)·tanh(c_t)
//! ```
//!
//! The 1 makes a new net remember.

use burn::module::{Module, Param};
use burn::tensor::{Tensor, activation};
use serde::{Deserialize, Serialize};
use shaders::model::spec::ModelSpec;

use super::super::parts::{Linear, SpecField};
use super::super::predict::Predict;
use super::builder::Builder;
use super::kind::{Kind, OutOfBounds, within};
use super::parts::{read_out, token_size, tokens, unstack};

/// Its hyperparameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hyperparameters {
    /// H: cells of a layer.
    pub hidden: usize,
    /// Layers on top of each other.
    pub layers: usize,
    /// Whether a token holds the example before with its label, (x_i, x_{i−1}, y_{i−1}), in the place of the paper's
    /// (x_i, y_{i−1}).
    pub whole_tokens: bool,
}

impl Default for Hyperparameters {
    fn default() -> Self {
        Hyperparameters { hidden: 256, layers: 1, whole_tokens: false }
    }
}

impl Kind for Hyperparameters {
    type Net = Net;

    fn validate(&self) -> Result<(), OutOfBounds> {
        within(&[("learner.hidden", self.hidden, 8_192), ("learner.layers", self.layers, 16)])
    }

    /// Cells and outputs.
    fn state_size(&self, _: &ModelSpec, _: usize) -> usize {
        2 * self.hidden * self.layers
    }

    fn build(&self, spec: &ModelSpec, build: &mut Builder<'_>) -> Net {
        Net::new(self, spec, build)
    }
}

/// The net.
#[derive(Module, Debug)]
pub struct Net {
    layer: Vec<Layer>,
    readout: Linear,
    whole_tokens: bool,
    #[module(skip)]
    spec: SpecField,
}

#[derive(Module, Debug)]
struct Layer {
    /// `[in, 4·H]`
    input: Param<Tensor<2>>,
    /// `[H, 4·H]`
    recurrent: Param<Tensor<2>>,
    /// `[4·H]`
    bias: Param<Tensor<1>>,
}

impl Layer {
    /// `[T, B, in]` → `[T, B, H]`
    fn forward(&self, z: Tensor<3>) -> Tensor<3> {
        let [t, b, inputs] = z.dims();
        let [h, _] = self.recurrent.val().dims();
        let device = z.device();
        // the inputs of all positions in one product
        let from_input = z.reshape([t * b, inputs]).matmul(self.input.val()) + self.bias.val().unsqueeze();
        let recurrent = self.recurrent.val();
        let mut output = Tensor::<2>::zeros([b, h], &device);
        let mut cell = Tensor::<2>::zeros([b, h], &device);
        let mut outputs = Vec::with_capacity(t);
        for (i, gates) in unstack(from_input.reshape([t, b, 4 * h])).into_iter().enumerate() {
            let mut gates = gates.reshape([b, 4 * h]);
            if i > 0 {
                gates = gates + output.matmul(recurrent.clone());
            }
            let part = |from: usize| gates.clone().narrow(1, from * h, h);
            let write = activation::sigmoid(part(0)) * part(3).tanh();
            cell = match i {
                0 => write,
                _ => activation::sigmoid(part(1) + 1.0) * cell + write,
            };
            output = activation::sigmoid(part(2)) * cell.clone().tanh();
            outputs.push(output.clone().reshape([1, b, h]));
        }
        Tensor::cat(outputs, 0)
    }
}

impl Net {
    fn new(settings: &Hyperparameters, spec: &ModelSpec, build: &mut Builder<'_>) -> Net {
        let h = settings.hidden;
        let layer = |l: usize| {
            let inputs = if l == 0 { token_size(spec, settings.whole_tokens) } else { h };
            Layer {
                input: build.matrix(&format!("layer.{l}.input"), inputs, 4 * h, 1.0),
                recurrent: build.matrix(&format!("layer.{l}.recurrent"), h, 4 * h, 1.0),
                bias: build.param(&format!("layer.{l}.bias"), [4 * h], 0.0, 0.0),
            }
        };
        Net {
            layer: (0..settings.layers).map(layer).collect(),
            readout: build.linear("readout", h, spec.classes, 0.5),
            whole_tokens: settings.whole_tokens,
            spec: SpecField(spec.clone()),
        }
    }

    /// Its sizes, for the gradient that is written by hand.
    pub fn sizes(&self) -> backprop::lstm::Sizes {
        let ModelSpec { inputs, classes, .. } = self.spec.0;
        let [hidden, _] = self.layer[0].recurrent.val().dims();
        let token = backprop::Token { inputs, classes, whole: self.whole_tokens };
        backprop::lstm::Sizes { token, hidden, layers: self.layer.len() }
    }
}

impl Predict for Net {
    fn spec(&self) -> &ModelSpec {
        &self.spec.0
    }

    fn predict(&self, inputs: Tensor<3>, labels: Tensor<3>) -> Tensor<3> {
        let mut state = tokens(inputs, labels, self.whole_tokens);
        for layer in &self.layer {
            state = layer.forward(state);
        }
        read_out(state, &self.readout)
    }
}
