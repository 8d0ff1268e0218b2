//! Between nets and files: parameters from the tensors of a model, tensors from the parameters of a net.

use std::collections::BTreeMap;

use burn::module::{ModuleVisitor, Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData};
use shaders::Model;
use shaders::model::spec::ModelSpec;

use super::parts::Linear;
use super::tensors::floats;

/// Shape and values by name.
pub type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// Makes parameters of a model's tensors.
pub(super) struct Loader<'a> {
    model: &'a Model,
    device: &'a Device,
    /// Number of each tensor and its shape.
    tensors: BTreeMap<String, (u64, Vec<usize>)>,
}

impl<'a> Loader<'a> {
    pub(super) fn new(model: &'a Model, device: &'a Device) -> Self {
        let tensors = model.spec.tensors().into_iter().enumerate();
        Loader { model, device, tensors: tensors.map(|(i, t)| (t.name, (i as u64 + 1, t.shape))).collect() }
    }

    pub(super) fn spec(&self) -> &ModelSpec {
        &self.model.spec
    }

    pub(super) fn vector(&self, name: &str) -> Param<Tensor<1>> {
        self.param(name)
    }

    pub(super) fn matrix(&self, name: &str) -> Param<Tensor<2>> {
        self.param(name)
    }

    pub(super) fn linear(&self, name: &str) -> Linear {
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

/// Collects shapes and values by path.
#[derive(Default)]
pub(super) struct Reader {
    path: Vec<String>,
    pub tensors: Tensors,
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
        let values = floats(param.val());
        self.tensors.insert(self.path.join("."), (shape, values));
    }
}
