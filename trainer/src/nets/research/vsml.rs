//! Variable shared meta learning (Kirsch and Schmidhuber, 2021, arXiv 2012.14905) with one layer: where a linear
//! classifier has one weight from input a to class b, there is a tiny LSTM, and all of them have the same weights. Each
//! example takes two ticks: forward, with the input alone, after which the classes are read; and backward, with the
//! input and the error.
//!
//! ```text
//! forward   x_a, e_b = 0, y_b = 0;      backward   x_a, e_b = [b = y] − p_b, y_b = [b = y]
//! f_b = Σ_a h_ab/√X       messages to a class;      g_a = Σ_b h_ab/√C      messages to an input
//! h_ab, c_ab = LSTM([x_a, e_b, y_b, f_b, g_a], h_ab, c_ab);      log p_b = log_softmax_b(f_b·w)
//! ```
//!
//! Renaming classes or reordering inputs makes no difference, and there is no weight that depends on their number.
//!
//! Without symmetries (`vsml-untied`) each cell of a k × k grid has weights of its own and reads the token (x_i, y_{i−1})
//! through a matrix, with the same messages to rows and columns, one tick an example:
//!
//! ```text
//! h_ab, c_ab = LSTM_ab([z·W_a, f_b, g_a], h_ab, c_ab);      log p = log_softmax([f_1 … f_k]·W_r + b_r)
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

/// Hyperparameters with symmetries.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hyperparameters {
    /// S: cells of each tiny LSTM.
    pub size: usize,
}

impl Default for Hyperparameters {
    fn default() -> Self {
        Hyperparameters { size: 16 }
    }
}

impl Kind for Hyperparameters {
    type Net = Net;

    fn validate(&self) -> Result<(), OutOfBounds> {
        within(&[("learner.size", self.size, 256)])
    }

    /// Cells and outputs of each LSTM.
    fn state_size(&self, spec: &ModelSpec, _: usize) -> usize {
        spec.inputs * spec.classes * 2 * self.size
    }

    fn build(&self, spec: &ModelSpec, build: &mut Builder<'_>) -> Net {
        Net::new(self, spec, build)
    }
}

/// Hyperparameters without symmetries.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UntiedHyperparameters {
    /// k: rows and columns of the grid.
    pub grid: usize,
    /// S: cells of each LSTM.
    pub size: usize,
    /// Whether a token holds the example before with its label, (x_i, x_{i−1}, y_{i−1}), in the place of the paper's
    /// (x_i, y_{i−1}).
    pub whole_tokens: bool,
}

impl Default for UntiedHyperparameters {
    fn default() -> Self {
        UntiedHyperparameters { grid: 4, size: 16, whole_tokens: false }
    }
}

impl Kind for UntiedHyperparameters {
    type Net = Untied;

    fn validate(&self) -> Result<(), OutOfBounds> {
        within(&[("learner.grid", self.grid, 64), ("learner.size", self.size, 256)])
    }

    /// Cells and outputs of each LSTM.
    fn state_size(&self, _: &ModelSpec, _: usize) -> usize {
        self.grid * self.grid * 2 * self.size
    }

    fn build(&self, spec: &ModelSpec, build: &mut Builder<'_>) -> Untied {
        Untied::new(self, spec, build)
    }
}

/// New cells and outputs from gates `[…, 4·S]` in the order i, f, o, g; `none` is the state before the first tick.
fn lstm<const R: usize>(gates: Tensor<R>, cell: Option<Tensor<R>>, s: usize) -> (Tensor<R>, Tensor<R>) {
    let part = |from: usize| gates.clone().narrow(R - 1, from * s, s);
    let write = activation::sigmoid(part(0)) * part(3).tanh();
    let cell = match cell {
        None => write,
        Some(cell) => activation::sigmoid(part(1) + 1.0) * cell + write,
    };
    let output = activation::sigmoid(part(2)) * cell.clone().tanh();
    (output, cell)
}

/// The net with symmetries.
#[derive(Module, Debug)]
pub struct Net {
    /// From x_a, `[1, 4·S]`.
    input: Param<Tensor<2>>,
    /// From e_b and y_b, `[2, 4·S]`.
    feedback: Param<Tensor<2>>,
    /// From f_b, `[S, 4·S]`.
    forward: Param<Tensor<2>>,
    /// From g_a, `[S, 4·S]`.
    backward: Param<Tensor<2>>,
    /// From the cell's own output, `[S, 4·S]`.
    own: Param<Tensor<2>>,
    /// `[4·S]`
    bias: Param<Tensor<1>>,
    /// `[S, 1]`
    readout: Param<Tensor<2>>,
    #[module(skip)]
    spec: SpecField,
}

impl Net {
    fn new(settings: &Hyperparameters, spec: &ModelSpec, build: &mut Builder<'_>) -> Net {
        let s = settings.size;
        Net {
            input: build.matrix("input", 1, 4 * s, 1.0),
            feedback: build.matrix("feedback", 2, 4 * s, 1.0),
            forward: build.matrix("forward", s, 4 * s, 0.5),
            backward: build.matrix("backward", s, 4 * s, 0.5),
            own: build.matrix("own", s, 4 * s, 1.0),
            bias: build.param("bias", [4 * s], 0.0, 0.0),
            readout: build.matrix("readout", s, 1, 1.0),
            spec: SpecField(spec.clone()),
        }
    }

    /// Its sizes, for the gradient that is written by hand.
    pub fn sizes(&self) -> backprop::vsml::Sizes {
        let ModelSpec { inputs, classes, .. } = self.spec.0;
        backprop::vsml::Sizes { inputs, classes, size: self.own.val().dims()[0] }
    }
}

impl Predict for Net {
    fn spec(&self) -> &ModelSpec {
        &self.spec.0
    }

    fn predict(&self, inputs: Tensor<3>, labels: Tensor<3>) -> Tensor<3> {
        let [b, t, x] = inputs.dims();
        let [_, _, c] = labels.dims();
        let [s, _] = self.own.val().dims();
        let (to_class, to_input) = (1.0 / (x as f64).sqrt(), 1.0 / (c as f64).sqrt());
        // output of each cell [B, X, C, S] as [B·X·C, S]
        let mut state: Option<(Tensor<2>, Tensor<2>)> = None;
        let mut answers = Vec::with_capacity(t);
        for i in 0..t {
            let input = inputs.clone().narrow(1, i, 1).reshape([b * x, 1]);
            let label = labels.clone().narrow(1, i, 1).reshape([b * c, 1]);
            let from_input = input.matmul(self.input.val()) + self.bias.val().unsqueeze(); // [B·X, 4S]
            let mut feedback: Option<Tensor<2>> = None; // [B·C, 2]
            // nobody reads what the last example would teach
            for _ in 0..if i + 1 < t { 2 } else { 1 } {
                let mut of_input = from_input.clone();
                let mut of_class = feedback.clone().map(|f| f.matmul(self.feedback.val()));
                let mut own = None;
                if let Some((output, _)) = &state {
                    let cells = output.clone().reshape([b, x, c, s]);
                    let f = (cells.clone().sum_dim(1) * to_class).reshape([b * c, s]).matmul(self.forward.val());
                    of_class = Some(of_class.map_or(f.clone(), |class| class + f));
                    let g = (cells.sum_dim(2) * to_input).reshape([b * x, s]).matmul(self.backward.val());
                    of_input = of_input + g;
                    own = Some(output.clone().matmul(self.own.val()).reshape([b, x, c, 4 * s]));
                }
                let mut gates = of_input.reshape([b, x, 1, 4 * s]);
                gates = match of_class {
                    Some(class) => gates + class.reshape([b, 1, c, 4 * s]),
                    None => gates.expand([b, x, c, 4 * s]),
                };
                if let Some(own) = own {
                    gates = gates + own;
                }
                let gates = gates.reshape([b * x * c, 4 * s]);
                let (output, cell) = lstm(gates, state.map(|(_, cell)| cell), s);
                if feedback.is_none() {
                    let f = output.clone().reshape([b, x, c * s]).sum_dim(1) * to_class;
                    let logits = f.reshape([b * c, s]).matmul(self.readout.val()).reshape([b, c]);
                    let answer = activation::log_softmax(logits, 1);
                    let error = label.clone() - answer.clone().exp().reshape([b * c, 1]);
                    feedback = Some(Tensor::cat(vec![error, label.clone()], 1));
                    answers.push(answer.reshape([b, 1, c]));
                }
                state = Some((output, cell));
            }
        }
        Tensor::cat(answers, 1)
    }
}

/// The net without symmetries.
#[derive(Module, Debug)]
pub struct Untied {
    /// `[token, k·S]`: what each row of the grid reads.
    embed: Linear,
    /// From z·W_a, f_b, g_a and h_ab, `[k·k, 4·S, 4·S]`.
    cell: Param<Tensor<3>>,
    /// `[k·k, 1, 4·S]`
    bias: Param<Tensor<3>>,
    readout: Linear,
    grid: usize,
    whole_tokens: bool,
    #[module(skip)]
    spec: SpecField,
}

impl Untied {
    fn new(settings: &UntiedHyperparameters, spec: &ModelSpec, build: &mut Builder<'_>) -> Untied {
        let UntiedHyperparameters { grid: k, size: s, whole_tokens } = *settings;
        Untied {
            embed: build.linear("embed", token_size(spec, whole_tokens), k * s, 1.0),
            cell: build.param("cell", [k * k, 4 * s, 4 * s], 0.0, 1.0 / (4.0 * s as f32).sqrt()),
            bias: build.param("bias", [k * k, 1, 4 * s], 0.0, 0.0),
            readout: build.linear("readout", k * s, spec.classes, 0.5),
            grid: k,
            whole_tokens,
            spec: SpecField(spec.clone()),
        }
    }

    /// Its sizes, for the gradient that is written by hand.
    pub fn sizes(&self) -> backprop::vsml::untied::Sizes {
        let ModelSpec { inputs, classes, .. } = self.spec.0;
        let [_, gates, _] = self.cell.val().dims();
        let token = backprop::Token { inputs, classes, whole: self.whole_tokens };
        backprop::vsml::untied::Sizes { token, grid: self.grid, size: gates / 4 }
    }
}

impl Predict for Untied {
    fn spec(&self) -> &ModelSpec {
        &self.spec.0
    }

    fn predict(&self, inputs: Tensor<3>, labels: Tensor<3>) -> Tensor<3> {
        let z = tokens(inputs, labels, self.whole_tokens);
        let device = z.device();
        let [t, b, _] = z.dims();
        let k = self.grid;
        let [_, _, gates] = self.cell.val().dims();
        let s = gates / 4;
        let scale = 1.0 / (k as f64).sqrt();
        let (weights, bias) = (self.cell.val(), self.bias.val());
        let rows = self.embed.forward(z).reshape([t, b, k, s]).permute([0, 2, 1, 3]); // [T, k, B, S]
        let mut output = Tensor::<3>::zeros([k * k, b, s], &device);
        let mut cell = None;
        let mut read = Vec::with_capacity(t);
        for row in unstack(rows) {
            let cells = output.clone().reshape([k, k, b, s]);
            let everywhere = |part: Tensor<4>| part.expand([k, k, b, s]).reshape([k * k, b, s]);
            let to_column = everywhere(cells.clone().sum_dim(0) * scale);
            let to_row = everywhere(cells.sum_dim(1) * scale);
            let of_token = everywhere(row.reshape([k, 1, b, s]));
            let all = Tensor::cat(vec![of_token, to_column, to_row, output], 2); // [k·k, B, 4S]
            let next = lstm(all.matmul(weights.clone()) + bias.clone(), cell, s);
            output = next.0;
            cell = Some(next.1);
            let columns = output.clone().reshape([k, k, b, s]).sum_dim(0) * scale;
            read.push(columns.reshape([k, b, s]).swap_dims(0, 1).reshape([1, b, k * s]));
        }
        read_out(Tensor::cat(read, 0), &self.readout)
    }
}
