//! A perceptron on single examples: log p(y_i | x_i), with ReLU between layers and no memory.

use burn::module::Module;
use burn::tensor::{Tensor, activation};
use serde::{Deserialize, Serialize};
use shaders::spec::ModelSpec;

use super::{Builder, Linear, Predict, Wrong, outside};
use crate::nets::SpecField;

/// Its dials.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Dials {
    /// Units of each hidden layer.
    pub width: usize,
    /// Hidden layers.
    pub layers: usize,
}

impl Default for Dials {
    fn default() -> Self {
        // two hidden layers, as in the paper's figure 2
        Dials { width: 256, layers: 2 }
    }
}

impl Dials {
    pub(super) fn wrong(&self) -> Wrong {
        outside(&[("learner.width", self.width, 8_192), ("learner.layers", self.layers, 16)])
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
    pub(super) fn new(dials: &Dials, spec: &ModelSpec, build: &mut Builder<'_>) -> Net {
        let inputs = |l: usize| if l == 0 { spec.inputs } else { dials.width };
        Net {
            // He initialisation, for ReLU
            layer: (0..dials.layers)
                .map(|l| build.linear(&format!("layer.{l}"), inputs(l), dials.width, 2f32.sqrt()))
                .collect(),
            readout: build.linear("readout", dials.width, spec.classes, 0.5),
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
