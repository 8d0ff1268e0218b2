//! Parts of more than one research learner: norms, an MLP block, tokens of sequences.

use burn::module::{Module, Param};
use burn::tensor::{Tensor, activation};
use shaders::model::spec::{LAYER_NORM_EPSILON, ModelSpec, QK_NORM_EPSILON, RMS_EPSILON};

use super::super::parts::{Linear, previous};
use super::builder::Builder;

/// LayerNorm.
#[derive(Module, Debug)]
pub(super) struct Norm {
    gamma: Param<Tensor<1>>,
    beta: Param<Tensor<1>>,
}

impl Norm {
    pub(super) fn new(name: &str, width: usize, build: &mut Builder<'_>) -> Norm {
        Norm {
            gamma: build.param(&format!("{name}.gamma"), [width], 1.0, 0.0),
            beta: build.param(&format!("{name}.beta"), [width], 0.0, 0.0),
        }
    }

    /// Over the last axis.
    pub(super) fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let centred = x.clone() - x.mean_dim(2);
        let variance = (centred.clone() * centred.clone()).mean_dim(2);
        centred * (variance + LAYER_NORM_EPSILON).sqrt().recip() * self.gamma.val().unsqueeze()
            + self.beta.val().unsqueeze()
    }
}

/// h + GELU(LN(h)·W_up + b_up)·W_down + b_down, four times as wide inside.
#[derive(Module, Debug)]
pub(super) struct Block {
    norm: Norm,
    up: Linear,
    down: Linear,
}

impl Block {
    pub(super) fn new(name: &str, width: usize, gain: f32, build: &mut Builder<'_>) -> Block {
        Block {
            norm: Norm::new(&format!("{name}.norm"), width, build),
            up: build.linear(&format!("{name}.up"), width, 4 * width, 1.0),
            down: build.linear(&format!("{name}.down"), 4 * width, width, gain),
        }
    }

    pub(super) fn forward(&self, state: Tensor<3>) -> Tensor<3> {
        let hidden = activation::gelu(self.up.forward(self.norm.forward(state.clone())));
        state + self.down.forward(hidden)
    }
}

/// z/√(Σz² + ε) over the last axis.
pub(super) fn unit<const R: usize>(z: Tensor<R>) -> Tensor<R> {
    let scale = ((z.clone() * z.clone()).sum_dim(R - 1) + QK_NORM_EPSILON).sqrt().recip();
    z * scale
}

/// z/√(mean z² + ε) over the last axis.
pub(super) fn rms<const R: usize>(z: Tensor<R>) -> Tensor<R> {
    let scale = ((z.clone() * z.clone()).mean_dim(R - 1) + RMS_EPSILON).sqrt().recip();
    z * scale
}

/// Numbers of a token.
pub(super) fn token_size(spec: &ModelSpec, whole: bool) -> usize {
    spec.inputs * (1 + usize::from(whole)) + spec.classes
}

/// The paper's tokens (x_i, y_{i−1}), position outermost, `[T, B, X + C]`; `whole` ones hold the example before with its
/// label, (x_i, x_{i−1}, y_{i−1}), `[T, B, 2·X + C]`.
pub(super) fn tokens(inputs: Tensor<3>, labels: Tensor<3>, whole: bool) -> Tensor<3> {
    let mut parts = vec![inputs.clone()];
    if whole {
        parts.push(previous(inputs));
    }
    parts.push(previous(labels));
    Tensor::cat(parts, 2).swap_dims(0, 1)
}

/// Rows of the first axis. The gradient of a slice is as large as what it was cut from, so that T slices of one tensor
/// would cost T² in the backward pass; halving costs T·log T.
pub(super) fn unstack<const R: usize>(rows: Tensor<R>) -> Vec<Tensor<R>> {
    let n = rows.dims()[0];
    if n == 1 {
        return vec![rows];
    }
    let half = n / 2;
    let mut all = unstack(rows.clone().narrow(0, 0, half));
    all.extend(unstack(rows.narrow(0, half, n - half)));
    all
}

/// Log-probabilities `[B, T, C]` from states `[T, B, H]`.
pub(super) fn read_out(states: Tensor<3>, readout: &Linear) -> Tensor<3> {
    activation::log_softmax(readout.forward(states), 2).swap_dims(0, 1)
}
