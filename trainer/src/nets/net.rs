//! A learner that can be trained, whatever its kind.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::Device;
use shaders::Model;
use shaders::model::spec::ModelSpec;

use super::load::{Loader, Reader};
use super::predict::{Inputs, Predict};
use super::{causal, research, set};

/// A learner that can be trained.
#[derive(Module, Debug)]
pub enum Net {
    /// Variants `paper` and `shifted`.
    Causal(causal::Net),
    /// Variant `equivariant`.
    Set(set::Net),
    /// A learner for comparison, which no model file holds.
    Research(research::Net),
}

impl Net {
    /// A net with a model's weights.
    pub fn from_model(model: &Model, device: &Device) -> Net {
        let loader = Loader::new(model, device);
        match model.spec.equivariant {
            None => Net::Causal(causal::Net::load(&loader)),
            Some(_) => Net::Set(set::Net::load(&loader)),
        }
    }

    /// What this net is; of a research learner, what it reads and answers.
    pub fn spec(&self) -> &ModelSpec {
        match self {
            Net::Causal(net) => net.spec(),
            Net::Set(net) => net.spec(),
            Net::Research(net) => net.predictor().spec(),
        }
    }

    /// Its predictions of whole sequences. A learner with a stem reads images through it and vectors without it; others
    /// make no difference between the two.
    pub fn predictor(&self, inputs: Inputs) -> Box<dyn Predict + '_> {
        match self {
            Net::Causal(net) => Box::new(net),
            Net::Set(net) => Box::new(net.predictor(inputs)),
            Net::Research(net) => Box::new(net.predictor()),
        }
    }

    /// Its weights as a model without metadata; none for a research learner.
    pub fn to_model(&self) -> Option<Model> {
        let mut reader = Reader::default();
        match self {
            Net::Causal(net) => net.visit(&mut reader),
            Net::Set(net) => net.visit(&mut reader),
            Net::Research(_) => return None,
        }
        let tensors = reader.tensors.into_iter().map(|(name, (_, values))| (name, values)).collect();
        Some(Model::new(self.spec().clone(), tensors, BTreeMap::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::host;
    use shaders::model::spec::{Convolution, Equivariant, KeyShift, Positions, QueryKey, Ridge, RidgeKernel, Stem};

    #[test]
    fn paths_in_the_module_are_names_in_the_file() {
        for shift in [KeyShift::None, KeyShift::Full, KeyShift::Gated] {
            for query_key in [QueryKey::Free, QueryKey::Equal, QueryKey::Tied] {
                for positions in [Positions::Learned, Positions::None] {
                    let mut spec = ModelSpec::shifted(12, 8, 2, 2);
                    spec.longest = 20;
                    (spec.key_shift, spec.query_key, spec.positions) = (shift, query_key, positions);
                    spec.qk_norm = positions == Positions::None;
                    let model = Model::random(spec, 5).unwrap();
                    assert_eq!(Net::from_model(&model, &host()).to_model(), Some(model));
                }
            }
        }
        let ridge = Ridge { kernel: RidgeKernel::Linear, lambda: 1.0, raw: false };
        let convolution = Convolution { channels: 3, size: 3, stride: 2 };
        let stem = Stem { side: 4, channels: 1, convolutions: vec![convolution, convolution], embedding: 5 };
        for (linear_heads, ridge, stem) in [(0, vec![], None), (2, vec![ridge], None), (1, vec![ridge; 2], Some(stem))]
        {
            let mut spec = ModelSpec::equivariant(16, 4, 6, 2);
            spec.equivariant = Some(Equivariant { linear_heads, neighbour: 7, ridge, stem });
            let model = Model::random(spec, 5).unwrap();
            assert_eq!(Net::from_model(&model, &host()).to_model(), Some(model));
        }
    }
}
