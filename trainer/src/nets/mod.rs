//! Burn modules: the learners that `shaders::spec` describes, with the same formulas, and research learners.
//!
//! Fields are named after the tensors of the model file, so a parameter's path in the module *is* its name in the
//! file, and loading and saving need no table. A test holds the two lists together.

pub mod causal;
pub mod fused;
pub mod research;
pub mod set;

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData};
use shaders::Model;
use shaders::spec::ModelSpec;

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

/// A learner that predicts every label of a sequence before it is shown: what evaluation asks of all of them.
pub trait Predict {
    /// Inputs, classes, longest T and encoding.
    fn spec(&self) -> &ModelSpec;

    /// Log-probabilities of every label. Those of position i depend on x_0…x_i and y_0…y_{i−1} alone.
    ///
    /// # Shapes
    /// `inputs` `[B, T, X]`, `labels` one-hot `[B, T, C]` → `[B, T, C]`.
    fn predict(&self, inputs: Tensor<3>, labels: Tensor<3>) -> Tensor<3>;

    /// The same at some positions, counted from 0: all that is needed where each costs a pass of its own.
    ///
    /// # Shapes
    /// As [`Predict::predict`] → `[B, P, C]`.
    fn predict_at(&self, inputs: Tensor<3>, labels: Tensor<3>, positions: &[usize]) -> Tensor<3> {
        let all = self.predict(inputs, labels);
        Tensor::cat(positions.iter().map(|&p| all.clone().narrow(1, p, 1)).collect(), 1)
    }
}

#[derive(Module, Debug)]
struct Linear {
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
}

impl Linear {
    /// `[…, in]` → `[…, out]`
    fn forward<const R: usize>(&self, x: Tensor<R>) -> Tensor<R> {
        burn::tensor::module::linear(x, self.weight.val(), Some(self.bias.val()))
    }
}

/// The spec as a constant of the module.
#[derive(Debug, Clone)]
struct SpecField(ModelSpec);

/// Makes parameters of a model's tensors.
struct Loader<'a> {
    model: &'a Model,
    device: &'a Device,
    /// Number of each tensor and its shape.
    tensors: BTreeMap<String, (u64, Vec<usize>)>,
}

impl<'a> Loader<'a> {
    fn new(model: &'a Model, device: &'a Device) -> Self {
        let tensors = model.spec.tensors().into_iter().enumerate();
        Loader { model, device, tensors: tensors.map(|(i, t)| (t.name, (i as u64 + 1, t.shape))).collect() }
    }

    fn spec(&self) -> &ModelSpec {
        &self.model.spec
    }

    fn vector(&self, name: &str) -> Param<Tensor<1>> {
        self.param(name)
    }

    fn matrix(&self, name: &str) -> Param<Tensor<2>> {
        self.param(name)
    }

    fn linear(&self, name: &str) -> Linear {
        Linear { weight: self.matrix(&format!("{name}.weight")), bias: self.vector(&format!("{name}.bias")) }
    }

    fn param<const R: usize>(&self, name: &str) -> Param<Tensor<R>> {
        let (number, shape) = &self.tensors[name];
        let data = TensorData::new(self.model.tensor(name).to_vec(), shape.clone());
        let tensor = Tensor::<R>::from_data(data, self.device);
        // marked for gradients where the device keeps them
        let tensor = if tensor.device().is_autodiff() { tensor.require_grad() } else { tensor };
        // ids follow the order of tensors in the file, so that an optimiser's state finds its parameter after a restart
        Param::initialized(ParamId::from(*number), tensor)
    }
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
        self.predictor().spec()
    }

    /// Its predictions of whole sequences.
    pub fn predictor(&self) -> &dyn Predict {
        match self {
            Net::Causal(net) => net,
            Net::Set(net) => net,
            Net::Research(net) => net.predictor(),
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

/// Collects shapes and values by path.
#[derive(Default)]
struct Reader {
    path: Vec<String>,
    tensors: research::Tensors,
}

impl ModuleVisitor for Reader {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const R: usize>(&mut self, param: &Param<Tensor<R>>) {
        let shape = param.val().dims().to_vec();
        let values = crate::train::floats(param.val());
        self.tensors.insert(self.path.join("."), (shape, values));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shaders::spec::{Convolution, Equivariant, KeyShift, Positions, QueryKey, Ridge, RidgeKernel, Stem};

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
                    assert_eq!(Net::from_model(&model, &Device::flex()).to_model(), Some(model));
                }
            }
        }
        let ridge = Ridge { kernel: RidgeKernel::Linear, lambda: 1.0, raw: false };
        let convolution = Convolution { channels: 3, size: 3, stride: 2 };
        let stem = Stem { side: 4, convolutions: vec![convolution, convolution], embedding: 5 };
        for (linear_heads, ridge, stem) in [(0, vec![], None), (2, vec![ridge], None), (1, vec![ridge; 2], Some(stem))]
        {
            let mut spec = ModelSpec::equivariant(16, 4, 6, 2);
            spec.equivariant = Some(Equivariant { linear_heads, neighbour: 7, ridge, stem });
            let model = Model::random(spec, 5).unwrap();
            assert_eq!(Net::from_model(&model, &Device::flex()).to_model(), Some(model));
        }
    }
}
