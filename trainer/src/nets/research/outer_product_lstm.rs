//! LSTM whose cell is a matrix a head, written and gated by outer products of two keys and read with a query, after the
//! appendix of Kirsch et al. (2022):
//!
//! ```text
//! k¹_i, k¹_f, k¹_g, k²_i, k²_f, k²_g, q, o = z_t·W + h_{t−1}·U + b            a head, each of size S
//! i, f, g = s·tanh(k¹) ⊗ tanh(k²)                                            S × S, s = ln(1 + e^scale)
//! C_t = σ(f + 1)·C_{t−1} + σ(i)·g;   h_t = σ(o)·tanh(q·C_t)
//! ```

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
    /// H: heads.
    pub heads: usize,
    /// S: rows and columns of a head's cell.
    pub size: usize,
    /// Whether a token holds the example before with its label, (x_i, x_{i−1}, y_{i−1}), in the place of the paper's
    /// (x_i, y_{i−1}).
    pub whole_tokens: bool,
    /// Whether a new net reads x_i as it writes x_{i−1}: its queries see the input as the first key of what is written sees
    /// the one before, and neither sees the rest of the token. Takes whole tokens.
    pub aligned: bool,
}

impl Default for Hyperparameters {
    fn default() -> Self {
        Hyperparameters { heads: 1, size: 32, whole_tokens: false, aligned: false }
    }
}

impl Kind for Hyperparameters {
    type Net = Net;

    fn validate(&self) -> Result<(), OutOfBounds> {
        if self.aligned && !self.whole_tokens {
            return Err(OutOfBounds {
                key: "learner.aligned",
                message: "expected learner.whole_tokens = true with it, found false".into(),
            });
        }
        within(&[("learner.heads", self.heads, 64), ("learner.size", self.size, 512)])
    }

    /// Cells and outputs.
    fn state_size(&self, _: &ModelSpec, _: usize) -> usize {
        self.heads * self.size * (self.size + 1)
    }

    fn build(&self, spec: &ModelSpec, build: &mut Builder<'_>) -> Net {
        Net::new(self, spec, build)
    }
}

/// The net.
#[derive(Module, Debug)]
pub struct Net {
    /// `[token, H·8·S]`
    input: Param<Tensor<2>>,
    /// `[H·S, H·8·S]`
    recurrent: Param<Tensor<2>>,
    /// `[H·8·S]`
    bias: Param<Tensor<1>>,
    /// Of i, f and g.
    scale: Param<Tensor<1>>,
    readout: Linear,
    heads: usize,
    size: usize,
    whole_tokens: bool,
    #[module(skip)]
    spec: SpecField,
}

impl Net {
    fn new(settings: &Hyperparameters, spec: &ModelSpec, build: &mut Builder<'_>) -> Net {
        let Hyperparameters { heads, size, whole_tokens, aligned } = *settings;
        let (x, token, gates) = (spec.inputs, token_size(spec, whole_tokens), heads * 8 * size);
        let align = |values: &mut [f32]| {
            let columns = (0..heads).flat_map(|head| (0..size).map(move |i| head * 8 * size + i));
            for column in columns.filter(|_| aligned) {
                let (key, query) = (column + 2 * size, column + 6 * size);
                for row in 0..token {
                    let (now, before) = (row < x, row >= x && row < 2 * x);
                    values[row * gates + query] = if now { values[(row + x) * gates + key] } else { 0.0 };
                    if !before {
                        values[row * gates + key] = 0.0;
                    }
                }
            }
        };
        Net {
            input: build.changed("input", [token, gates], align),
            recurrent: build.matrix("recurrent", heads * size, heads * 8 * size, 1.0),
            bias: build.param("bias", [heads * 8 * size], 0.0, 0.0),
            scale: build.param("scale", [3], 0.0, 0.0),
            readout: build.linear("readout", heads * size, spec.classes, 0.5),
            heads,
            size,
            whole_tokens,
            spec: SpecField(spec.clone()),
        }
    }
}

impl Predict for Net {
    fn spec(&self) -> &ModelSpec {
        &self.spec.0
    }

    fn predict(&self, inputs: Tensor<3>, labels: Tensor<3>) -> Tensor<3> {
        let z = tokens(inputs, labels, self.whole_tokens);
        let [t, b, token] = z.dims();
        let (heads, s) = (self.heads, self.size);
        let from_input = z.reshape([t * b, token]).matmul(self.input.val()) + self.bias.val().unsqueeze();
        let recurrent = self.recurrent.val();
        let scale = activation::softplus(self.scale.val(), 1.0);
        let scale = [0, 1, 2].map(|i| scale.clone().narrow(0, i, 1).reshape([1, 1, 1]));
        let mut cell: Option<Tensor<3>> = None; // [B·H, S, S]
        let mut hidden: Option<Tensor<2>> = None; // [B, H·S]
        let mut outputs = Vec::with_capacity(t);
        for gates in unstack(from_input.reshape([t, b, heads * 8 * s])) {
            let mut gates = gates.reshape([b, heads * 8 * s]);
            if let Some(hidden) = hidden {
                gates = gates + hidden.matmul(recurrent.clone());
            }
            let gates = gates.reshape([b * heads, 8 * s]);
            let keys = gates.clone().narrow(1, 0, 6 * s).tanh();
            let outer = |i: usize| -> Tensor<3> {
                let row = keys.clone().narrow(1, i * s, s).reshape([b * heads, s, 1]);
                let column = keys.clone().narrow(1, (3 + i) * s, s).reshape([b * heads, 1, s]);
                row * scale[i].clone() * column
            };
            let write = activation::sigmoid(outer(0)) * outer(2);
            let now = match cell {
                None => write,
                Some(cell) => activation::sigmoid(outer(1) + 1.0) * cell + write,
            };
            let query = gates.clone().narrow(1, 6 * s, s).reshape([b * heads, 1, s]);
            let read = query.matmul(now.clone()).reshape([b * heads, s]);
            let output = activation::sigmoid(gates.narrow(1, 7 * s, s)) * read.tanh();
            let output = output.reshape([b, heads * s]);
            outputs.push(output.clone().reshape([1, b, heads * s]));
            (cell, hidden) = (Some(now), Some(output));
        }
        read_out(Tensor::cat(outputs, 0), &self.readout)
    }
}
