//! A Transformer over sets whose labels are codes, in the manner of TAIL (Woerner, Oh and Baumgartner, *Universal
//! Algorithm-Implicit Learning*, 2026, arXiv 2602.14761): each task's classes carry some of C codes, chosen at random, so
//! that a learner which met ten classes at a time has used all of them, and can be asked about up to C. Queries stand
//! beside the shown examples, as in `set-transformer`, whose layers these are; TAIL's own sizes and picture encoder are not
//! here.
//!
//! ```text
//! shown  h = x·W + e_y·A + b;      query  h = x·W + b_q
//! p(c) = softmax_c(e^τ·ẑ·e_c),     z = LN(h)·B + b_z,    |e_c| = 1
//! ```
//!
//! With `tasks.ways` below `model.classes`, the labels of a task are such a choice.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData, activation};
use serde::{Deserialize, Serialize};
use shaders::model::spec::ModelSpec;
use shaders::random;
use tasks::projection::normals;

use super::super::parts::{Linear, SpecField};
use super::super::predict::Predict;
use super::builder::Builder;
use super::kind::{Kind, OutOfBounds};
use super::parts::{Norm, unit};
use super::set_transformer::{self, Layer, at_positions, through};

/// What the codes of labels are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Codes {
    /// Fixed directions, drawn once for all learners of a width.
    #[default]
    Random,
    /// Meta-trained.
    Learned,
}

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
    /// What the codes of labels are.
    pub codes: Codes,
}

impl Default for Hyperparameters {
    fn default() -> Self {
        let set_transformer::Hyperparameters { width, layers, heads, key_size } = Default::default();
        Hyperparameters { width, layers, heads, key_size, codes: Codes::default() }
    }
}

impl Hyperparameters {
    /// The sizes of its layers.
    fn sizes(&self) -> set_transformer::Hyperparameters {
        let Hyperparameters { width, layers, heads, key_size, .. } = *self;
        set_transformer::Hyperparameters { width, layers, heads, key_size }
    }
}

impl Kind for Hyperparameters {
    type Net = Net;

    const ASKS_QUERIES: bool = true;

    const WORDS: &'static [(&'static str, &'static [&'static str])] = &[("codes", &["random", "learned"])];

    fn validate(&self) -> Result<(), OutOfBounds> {
        self.sizes().validate()
    }

    fn state_size(&self, spec: &ModelSpec, t: usize) -> usize {
        self.sizes().state_size(spec, t)
    }

    fn build(&self, spec: &ModelSpec, build: &mut Builder<'_>) -> Net {
        let d = self.width;
        let learned = self.codes == Codes::Learned;
        Net {
            layer: Layer::stack(&self.sizes(), build),
            embed: build.linear("embed", spec.inputs, d, 1.0),
            codes: learned.then(|| build.param("codes", [spec.classes, d], 0.0, 1.0)),
            // as far from the input's scale as the labels of `set-transformer` begin
            label: build.matrix("label", d, d, 0.5 * (d as f32).sqrt()),
            query: build.param("query", [d], 0.0, 0.5),
            norm: Norm::new("norm", d, build),
            readout: build.linear("readout", d, d, 1.0),
            temperature: build.param("temperature", [1], 10f32.ln(), 0.0),
            spec: SpecField(spec.clone()),
        }
    }
}

/// The net.
#[derive(Module, Debug)]
pub struct Net {
    embed: Linear,
    /// Directions are codes, `[C, D]`; none where they are [`fixed`].
    codes: Option<Param<Tensor<2>>>,
    /// A, `[D, D]`
    label: Param<Tensor<2>>,
    /// b_q − b, `[D]`
    query: Param<Tensor<1>>,
    layer: Vec<Layer>,
    norm: Norm,
    readout: Linear,
    /// τ, `[1]`
    temperature: Param<Tensor<1>>,
    #[module(skip)]
    spec: SpecField,
}

/// The codes of C labels in D dimensions, the same for every learner, `[C, D]`.
fn fixed(classes: usize, width: usize, device: &Device) -> Tensor<2> {
    let values = normals(classes * width, &mut random::stream(0, "label codes", 0));
    Tensor::from_data(TensorData::new(values, [classes, width]), device)
}

impl Net {
    /// Log-probabilities of queries.
    ///
    /// # Shapes
    /// `inputs` `[B, M, X]`: N > 0 shown, then the queries; `labels` one-hot of the shown, `[B, N, C]` → `[B, M − N, C]`.
    pub fn forward(&self, inputs: Tensor<3>, labels: Tensor<3>) -> Tensor<3> {
        let [b, m, _] = inputs.dims();
        let [_, n, c] = labels.dims();
        let d = self.query.val().dims()[0];
        let codes = match &self.codes {
            Some(codes) => codes.val(),
            None => fixed(c, d, &inputs.device()),
        };
        let codes = unit(codes);
        let of_shown = labels.reshape([b * n, c]).matmul(codes.clone()).matmul(self.label.val());
        let mut kinds = vec![of_shown.reshape([b, n, d])];
        if m > n {
            kinds.push(self.query.val().reshape([1, 1, d]).expand([b, m - n, d]));
        }
        let state = through(&self.layer, self.embed.forward(inputs) + Tensor::cat(kinds, 1), n);
        let asked = unit(self.readout.forward(self.norm.forward(state))).reshape([b * (m - n), d]);
        let scale = self.temperature.val().exp().reshape([1, 1]);
        let scores = (asked * scale).matmul(codes.swap_dims(0, 1)).reshape([b, m - n, c]);
        activation::log_softmax(scores, 2)
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
