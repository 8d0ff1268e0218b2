//! A layer of a set learner: attention to the shown examples, then an MLP that sees the mean over classes.

use burn::module::{Module, Param};
use burn::tensor::{Tensor, activation};
use shaders::model::spec::{LINEAR_SLOPE, ModelSpec, RMS_EPSILON, SOFTMAX_SLOPE};

use super::super::load::Loader;
use super::super::parts::Linear;
use super::features::{Features, Sizes};

#[derive(Module, Debug)]
struct Slope {
    softmax: Param<Tensor<2>>,
    linear: Option<Param<Tensor<2>>>,
}

#[derive(Module, Debug)]
struct Mlp {
    up: Linear,
    down: Linear,
}

#[derive(Module, Debug)]
pub(super) struct Layer {
    norm1: Param<Tensor<1>>,
    query: Param<Tensor<2>>,
    key: Param<Tensor<2>>,
    value: Param<Tensor<2>>,
    output: Param<Tensor<2>>,
    temperature: Param<Tensor<1>>,
    slope: Slope,
    norm2: Param<Tensor<1>>,
    mlp: Mlp,
}

impl Layer {
    pub(super) fn load(loader: &Loader<'_>, l: usize) -> Layer {
        let matrix = |name: &str| loader.matrix(&format!("layer.{l}.{name}"));
        let vector = |name: &str| loader.vector(&format!("layer.{l}.{name}"));
        let linear = |name: &str| loader.linear(&format!("layer.{l}.{name}"));
        let linear_heads = loader.spec().set().linear_heads;
        Layer {
            norm1: vector("norm1"),
            query: matrix("query"),
            key: matrix("key"),
            value: matrix("value"),
            output: matrix("output"),
            temperature: vector("temperature"),
            slope: Slope {
                softmax: matrix("slope.softmax"),
                linear: (linear_heads > 0).then(|| matrix("slope.linear")),
            },
            norm2: vector("norm2"),
            mlp: Mlp { up: linear("mlp.up"), down: linear("mlp.down") },
        }
    }

    /// `[B·M·C, D]` → the same; of the `last` layer the queries alone, `[B·(M − N)·C, D]`: nobody reads its shown examples.
    pub(super) fn forward(&self, state: Tensor<2>, features: &Features, spec: &ModelSpec, last: bool) -> Tensor<2> {
        let state = self.attend(state, features, spec, last);
        self.mix_classes(state, features.sizes.c, spec)
    }

    fn attend(&self, mut state: Tensor<2>, features: &Features, spec: &ModelSpec, last: bool) -> Tensor<2> {
        let Sizes { b, m, n, c } = features.sizes;
        let (d, k, h, linear_heads) = (spec.width, spec.key_size, spec.heads, spec.set().linear_heads);
        let rows = if last { m - n } else { m };
        let first = m - rows;
        let z = rms(state.clone(), c) * self.norm1.val().unsqueeze();
        let part = |z: &Tensor<2>, from: usize, to: usize| -> Tensor<2> {
            z.clone().reshape([b, m, c * d]).narrow(1, from, to - from).reshape([b * (to - from) * c, d])
        };
        let of_shown = part(&z, 0, n);
        let asking = if last { part(&z, first, m) } else { z };
        if last {
            state = part(&state, first, m);
        }
        // [B·T·C, heads·K] → [heads·B, T, C·K]
        let heads = |z: Tensor<2>, t: usize, heads: usize| -> Tensor<3> {
            z.reshape([b, t, c, heads, k]).permute([3, 0, 1, 2, 4]).reshape([heads * b, t, c * k])
        };
        let scale = self.temperature.val() / ((c * k) as f64).sqrt();
        let query = asking.matmul(self.query.val()).reshape([b * rows * c, h, k]) * scale.reshape([1, h, 1]);
        let query = heads(query.reshape([b * rows * c, h * k]), rows, h);
        let key = heads(of_shown.clone().matmul(self.key.val()), n, h);
        let value = heads(of_shown.matmul(self.value.val()), n, h + linear_heads);
        let logits = query.matmul(key.swap_dims(1, 2))
            + features.weigh(self.slope.softmax.val(), &features.softmax, SOFTMAX_SLOPE, rows);
        let own = || features.own.clone().narrow(1, first, rows);
        let mut weights = activation::softmax(logits + own() * -1e9, 2);
        if n == 1 {
            // a lone shown example sees nothing: what softmax makes of an empty row is taken out again
            weights = weights * own().neg().add_scalar(1.0);
        }
        let mut mixed = weights.matmul(value.clone().narrow(0, 0, h * b));
        if let (Some(slopes), Some(linear)) = (&self.slope.linear, &features.linear) {
            let weights = features.weigh(slopes.val(), linear, LINEAR_SLOPE, rows);
            let more = weights.matmul(value.narrow(0, h * b, linear_heads * b));
            mixed = Tensor::cat(vec![mixed, more], 0);
        }
        let mixed = mixed
            .reshape([h + linear_heads, b, rows, c, k])
            .permute([1, 2, 3, 0, 4])
            .reshape([b * rows * c, (h + linear_heads) * k]);
        state + mixed.matmul(self.output.val())
    }

    fn mix_classes(&self, state: Tensor<2>, c: usize, spec: &ModelSpec) -> Tensor<2> {
        let (d, f) = (spec.width, spec.mlp());
        let tokens = state.dims()[0] / c;
        let z = rms(state.clone(), c) * self.norm2.val().unsqueeze();
        let mean = z.clone().reshape([tokens, c, d]).mean_dim(1).reshape([tokens, d]);
        let up = self.mlp.up.weight.val();
        let own = z.matmul(up.clone().narrow(0, 0, d)).reshape([tokens, c, f]);
        let shared = mean.matmul(up.narrow(0, d, d)) + self.mlp.up.bias.val().unsqueeze();
        let hidden = activation::relu(own + shared.reshape([tokens, 1, f]));
        state + self.mlp.down.forward(hidden.reshape([tokens * c, f]))
    }
}

/// RMS norm of each token over classes and channels, `[T·C, D]`.
pub(super) fn rms(state: Tensor<2>, classes: usize) -> Tensor<2> {
    let [rows, d] = state.dims();
    let tokens = state.reshape([rows / classes, classes * d]);
    let scale = ((tokens.clone() * tokens.clone()).mean_dim(1) + RMS_EPSILON).sqrt().recip();
    (tokens * scale).reshape([rows, d])
}
