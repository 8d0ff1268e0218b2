//! A perceptron with one hidden layer that is trained online while the sequence goes by: it predicts y_i, then takes one
//! gradient step on it. Its start is what meta-training learns (MAML; Finn, Abbeel and Levine, 2017), with gradients
//! through all inner steps. A random start that is never trained is the paper's baseline "SGD".
//!
//! ```text
//! a = [x, 1]·W₁;  h = ReLU(a);  p = softmax([h, 1]·W₂)
//! d = p − onehot(y);   ∂W₂ = [h, 1] ⊗ d;   ∂W₁ = [x, 1] ⊗ (d·W₂ᵀ)·[a > 0]
//! sgd    W ← W − rate·∂W
//! adam   m ← 0.9·m + 0.1·∂W;  v ← 0.999·v + 0.001·∂W²;  W ← W − rate·m̂/√(v̂ + ε²)
//! ```
//!
//! The inner gradient is written out as tensor operations, through which the outer one passes. ε stands under the root,
//! for √v has no derivative where a weight's gradient was always zero.

use burn::module::{Module, Param};
use burn::tensor::{Tensor, activation};
use serde::{Deserialize, Serialize};
use shaders::model::spec::ModelSpec;

use super::super::parts::SpecField;
use super::super::predict::Predict;
use super::builder::Builder;
use super::kind::{Kind, OutOfBounds, within};

/// Its hyperparameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hyperparameters {
    /// Hidden units.
    pub width: usize,
    /// The inner optimiser.
    pub rule: Rule,
    /// Its learning rate.
    pub rate: f64,
}

/// The inner optimiser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Plain gradient descent.
    Sgd,
    /// Adam.
    Adam,
}

impl Default for Hyperparameters {
    fn default() -> Self {
        // the paper's baseline
        Hyperparameters { width: 128, rule: Rule::Adam, rate: 1e-3 }
    }
}

impl Kind for Hyperparameters {
    type Net = Net;
    const WORDS: &'static [(&'static str, &'static [&'static str])] = &[("rule", &["sgd", "adam"])];

    fn validate(&self) -> Result<(), OutOfBounds> {
        if !(self.rate.is_finite() && self.rate > 0.0) {
            return Err(OutOfBounds {
                key: "learner.rate",
                message: format!("expected a positive number, found {}", self.rate),
            });
        }
        within(&[("learner.width", self.width, 8_192)])
    }

    /// The weights, which follow the examples, and Adam's averages.
    fn state_size(&self, spec: &ModelSpec, _: usize) -> usize {
        let weights = (spec.inputs + 1) * self.width + (self.width + 1) * spec.classes;
        match self.rule {
            Rule::Sgd => weights,
            Rule::Adam => 3 * weights,
        }
    }

    fn build(&self, spec: &ModelSpec, build: &mut Builder<'_>) -> Net {
        Net::new(self, spec, build)
    }
}

/// The net: where each sequence starts.
#[derive(Module, Debug)]
pub struct Net {
    /// `[X + 1, H]`, the last row is the bias.
    first: Param<Tensor<2>>,
    /// `[H + 1, C]`, the last row is the bias.
    second: Param<Tensor<2>>,
    #[module(skip)]
    settings: Hyperparameters,
    #[module(skip)]
    spec: SpecField,
}

/// A matrix of each sequence, `[B, in, out]`, on its way.
struct Moving {
    weights: Tensor<3>,
    /// Adam's m and v.
    averages: Option<(Tensor<3>, Tensor<3>)>,
}

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

impl Moving {
    fn new(start: Tensor<2>, batch: usize) -> Moving {
        let [rows, columns] = start.dims();
        Moving { weights: start.reshape([1, rows, columns]).expand([batch, rows, columns]), averages: None }
    }

    /// Step number `n`, counted from 1.
    fn step(self, gradient: Tensor<3>, settings: &Hyperparameters, n: usize) -> Moving {
        if settings.rule == Rule::Sgd {
            return Moving { weights: self.weights - gradient * settings.rate, averages: None };
        }
        let square = gradient.clone() * gradient.clone() * (1.0 - BETA_2);
        let (m, v) = match self.averages {
            None => (gradient * (1.0 - BETA_1), square),
            Some((m, v)) => (m * BETA_1 + gradient * (1.0 - BETA_1), v * BETA_2 + square),
        };
        let unbias = |beta: f64| 1.0 / (1.0 - beta.powi(n as i32));
        let root = (v.clone() * unbias(BETA_2) + EPSILON * EPSILON).sqrt();
        let weights = self.weights - m.clone() * (settings.rate * unbias(BETA_1)) / root;
        Moving { weights, averages: Some((m, v)) }
    }
}

impl Net {
    fn new(settings: &Hyperparameters, spec: &ModelSpec, build: &mut Builder<'_>) -> Net {
        Net {
            // He initialisation, for ReLU
            first: build.matrix("first", spec.inputs + 1, settings.width, 2f32.sqrt()),
            second: build.matrix("second", settings.width + 1, spec.classes, 0.5),
            settings: *settings,
            spec: SpecField(spec.clone()),
        }
    }
}

impl Predict for Net {
    fn spec(&self) -> &ModelSpec {
        &self.spec.0
    }

    fn predict(&self, inputs: Tensor<3>, labels: Tensor<3>) -> Tensor<3> {
        let [b, t, x] = inputs.dims();
        let [_, _, c] = labels.dims();
        let h = self.settings.width;
        let device = inputs.device();
        let one = || Tensor::<3>::ones([b, 1, 1], &device);
        let (mut first, mut second) = (Moving::new(self.first.val(), b), Moving::new(self.second.val(), b));
        let mut answers = Vec::with_capacity(t);
        for i in 0..t {
            let input = Tensor::cat(vec![inputs.clone().narrow(1, i, 1), one()], 2); // [B, 1, X + 1]
            let sums = input.clone().matmul(first.weights.clone()); // [B, 1, H]
            let hidden = Tensor::cat(vec![activation::relu(sums.clone()), one()], 2);
            let answer = activation::log_softmax(hidden.clone().matmul(second.weights.clone()), 2);
            answers.push(answer.clone());
            if i + 1 == t {
                break;
            }
            let error = answer.exp() - labels.clone().narrow(1, i, 1); // [B, 1, C]
            let active = sums.greater_elem(0.0).float();
            let back = second.weights.clone().narrow(1, 0, h).matmul(error.clone().swap_dims(1, 2)); // [B, H, 1]
            let back = back.reshape([b, 1, h]) * active;
            first = first.step(input.reshape([b, x + 1, 1]) * back, &self.settings, i + 1);
            second = second.step(hidden.reshape([b, h + 1, 1]) * error.reshape([b, 1, c]), &self.settings, i + 1);
        }
        Tensor::cat(answers, 1)
    }
}
