//! A perceptron on single examples: log p(y_i | x_i), with ReLU between layers and no memory.

use burn::module::Module;
use burn::tensor::{Tensor, activation};
use serde::{Deserialize, Serialize};
use shaders::model::spec::ModelSpec;

use super::super::parts::{Linear, SpecField};
use super::super::predict::Predict;
use super::builder::Builder;
use super::kind::{Kind, OutOfBounds, within};

/// Its hyperparameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hyperparameters {
    /// Units of each hidden layer.
    pub width: usize,
    /// Hidden layers.
    pub layers: usize,
}

impl Default for Hyperparameters {
    fn default() -> Self {
        // two hidden layers, as in the paper's figure 2
        Hyperparameters { width: 256, layers: 2 }
    }
}

impl Kind for Hyperparameters {
    type Net = Net;
    const REMEMBERS: bool = false;

    fn validate(&self) -> Result<(), OutOfBounds> {
        within(&[("learner.width", self.width, 8_192), ("learner.layers", self.layers, 16)])
    }

    /// It remembers nothing.
    fn state_size(&self, _: &ModelSpec, _: usize) -> usize {
        0
    }

    fn build(&self, spec: &ModelSpec, build: &mut Builder<'_>) -> Net {
        Net::new(self, spec, build)
    }
}

/// The net.
#[derive(Module, Debug)]
pub struct Net {
    layer: Vec<Linear>,
    readout: Linear,
    #[module(skip)]
    spec: SpecField,
}

impl Net {
    fn new(settings: &Hyperparameters, spec: &ModelSpec, build: &mut Builder<'_>) -> Net {
        let inputs = |l: usize| if l == 0 { spec.inputs } else { settings.width };
        Net {
            // He initialisation, for ReLU
            layer: (0..settings.layers)
                .map(|l| build.linear(&format!("layer.{l}"), inputs(l), settings.width, 2f32.sqrt()))
                .collect(),
            readout: build.linear("readout", settings.width, spec.classes, 0.5),
            spec: SpecField(spec.clone()),
        }
    }
}

impl Predict for Net {
    fn spec(&self) -> &ModelSpec {
        &self.spec.0
    }

    fn predict(&self, inputs: Tensor<3>, _: Tensor<3>) -> Tensor<3> {
        let [b, t, x] = inputs.dims();
        let mut state = inputs.reshape([b * t, x]);
        for layer in &self.layer {
            state = activation::relu(layer.forward(state));
        }
        activation::log_softmax(self.readout.forward(state), 1).reshape([b, t, self.spec.0.classes])
    }
}
