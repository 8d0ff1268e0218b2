//! Makes the parameters of research learners.

use burn::module::{Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData};
use shaders::model::validate::MAX_PARAMETERS;
use shaders::random;

use super::super::load::Tensors;
use super::super::parts::Linear;
use tasks::projection::normals;

/// Makes the parameters of a net, in one order: from a seed, or from what was stored.
pub struct Builder<'a> {
    seed: u64,
    stored: Option<&'a Tensors>,
    device: &'a Device,
    /// Parameters made.
    made: u64,
    /// Their elements.
    elements: usize,
    /// The first thing that went wrong; a net made with it is thrown away.
    wrong: Option<String>,
}

impl<'a> Builder<'a> {
    /// For new parameters, a function of the seed.
    pub fn seeded(seed: u64, device: &'a Device) -> Self {
        Builder::new(seed, None, device)
    }

    /// The net, if nothing went wrong while it was built.
    pub(super) fn finish<T>(self, net: T) -> Result<T, String> {
        self.wrong.map_or(Ok(net), Err)
    }

    pub(super) fn new(seed: u64, stored: Option<&'a Tensors>, device: &'a Device) -> Self {
        Builder { seed, stored, device, made: 0, elements: 0, wrong: None }
    }

    /// A parameter with values N(0, std²) around `mean`.
    pub fn param<const R: usize>(&mut self, name: &str, shape: [usize; R], mean: f32, std: f32) -> Param<Tensor<R>> {
        self.made += 1;
        let count = shape.iter().product::<usize>();
        self.elements = self.elements.saturating_add(count);
        if self.elements > MAX_PARAMETERS && self.wrong.is_none() {
            let found = self.elements;
            self.wrong = Some(format!("{found} parameters or more; at most {MAX_PARAMETERS} are accepted"));
        }
        let values = match self.stored {
            _ if self.wrong.is_some() => None,
            Some(stored) => {
                let found = stored.get(name).filter(|(found, _)| *found == shape);
                if found.is_none() {
                    let found = stored.get(name).map_or("none".into(), |(shape, _)| format!("one of {shape:?}"));
                    self.wrong = Some(format!("expected a tensor `{name}` of {shape:?}, found {found}"));
                }
                found.map(|(_, values)| values.clone())
            }
            None if std == 0.0 => Some(vec![mean; count]),
            None => {
                let mut stream = random::stream(self.seed, "weights", self.made);
                Some(normals(count, &mut stream).into_iter().map(|v| mean + std * v).collect())
            }
        };
        let tensor = match values {
            Some(values) => Tensor::<R>::from_data(TensorData::new(values, shape), self.device),
            None => Tensor::zeros([1; R], self.device),
        };
        let tensor = if tensor.device().is_autodiff() { tensor.require_grad() } else { tensor };
        Param::initialized(ParamId::from(self.made), tensor)
    }

    /// A matrix `[in, out]` with values N(0, gain²/in).
    pub fn matrix(&mut self, name: &str, inputs: usize, outputs: usize, gain: f32) -> Param<Tensor<2>> {
        self.param(name, [inputs, outputs], 0.0, gain / (inputs as f32).sqrt())
    }

    /// A matrix as [`Builder::matrix`] makes it, changed by `change` when it is new.
    pub(super) fn changed(
        &mut self,
        name: &str,
        [inputs, outputs]: [usize; 2],
        change: impl FnOnce(&mut [f32]),
    ) -> Param<Tensor<2>> {
        let new = self.stored.is_none() && self.wrong.is_none();
        let made = self.matrix(name, inputs, outputs, 1.0);
        if !new || self.wrong.is_some() {
            return made;
        }
        let id = made.id;
        let mut values: Vec<f32> = made.val().into_data().try_to_vec().expect("weights are f32");
        change(&mut values);
        let tensor = Tensor::<2>::from_data(TensorData::new(values, [inputs, outputs]), self.device);
        Param::initialized(id, if tensor.device().is_autodiff() { tensor.require_grad() } else { tensor })
    }

    /// A matrix and a bias of zeros; a new one has the values of `like`.
    pub(super) fn linear_like(&mut self, name: &str, like: &Linear) -> Linear {
        let shape = like.weight.val().dims();
        let weight = self.changed(&format!("{name}.weight"), shape, |values| {
            let own: Vec<f32> = like.weight.val().into_data().try_to_vec().expect("weights are f32");
            values.copy_from_slice(&own);
        });
        Linear { weight, bias: self.param(&format!("{name}.bias"), [shape[1]], 0.0, 0.0) }
    }

    /// A matrix and a bias of zeros.
    pub fn linear(&mut self, name: &str, inputs: usize, outputs: usize, gain: f32) -> Linear {
        Linear {
            weight: self.matrix(&format!("{name}.weight"), inputs, outputs, gain),
            bias: self.param(&format!("{name}.bias"), [outputs], 0.0, 0.0),
        }
    }
}
