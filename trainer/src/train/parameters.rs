//! Visits to the parameters of a net: to and from flat buffers, norms, averages.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};

use crate::nets::Net;
use crate::nets::tensors::floats;

/// Splits a flat buffer of gradients by parameter, in the order in which a net is visited.
pub(super) struct Unflatten<'a> {
    pub flat: &'a [f32],
    /// Whether each parameter has one; an optimiser leaves the others as they are.
    pub present: &'a [bool],
    pub gradients: GradientsParams,
}

impl ModuleVisitor for Unflatten<'_> {
    fn visit_float<const R: usize>(&mut self, param: &Param<Tensor<R>>) {
        let value = param.val().inner();
        let (own, rest) = self.flat.split_at(value.shape().num_elements());
        self.flat = rest;
        let (present, rest) = self.present.split_first().expect("as many as parameters");
        self.present = rest;
        if !present {
            return;
        }
        let data = TensorData::new(own.to_vec(), value.shape());
        self.gradients.register(param.id, Tensor::<R>::from_data(data, &value.device()));
    }
}

/// The values of a net in the order in which it is visited.
pub(super) fn values(net: &Net) -> Vec<f32> {
    struct Flatten(Vec<f32>);
    impl ModuleVisitor for Flatten {
        fn visit_float<const R: usize>(&mut self, param: &Param<Tensor<R>>) {
            self.0.extend(floats(param.val().inner()));
        }
    }
    let mut all = Flatten(Vec::new());
    net.visit(&mut all);
    all.0
}

/// How many parameters a net has, each a tensor.
pub(super) fn tensors(net: &Net) -> usize {
    struct Count(usize);
    impl ModuleVisitor for Count {
        fn visit_float<const R: usize>(&mut self, _: &Param<Tensor<R>>) {
            self.0 += 1;
        }
    }
    let mut all = Count(0);
    net.visit(&mut all);
    all.0
}

/// Σ g² over all parameters, kept on the device.
pub(super) struct Norm<'a> {
    pub gradients: &'a GradientsParams,
    pub square: Option<Tensor<1>>,
}

impl ModuleVisitor for Norm<'_> {
    fn visit_float<const R: usize>(&mut self, param: &Param<Tensor<R>>) {
        if let Some(gradient) = self.gradients.get::<R>(param.id) {
            let square = (gradient.clone() * gradient).sum();
            self.square = Some(match self.square.take() {
                Some(sum) => sum + square,
                None => square,
            });
        }
    }
}

/// Gives every parameter its values out of a flat buffer, in the order in which a net is visited.
pub(super) struct Fill<'a>(pub &'a [f32]);

impl ModuleMapper for Fill<'_> {
    fn map_float<const R: usize>(&mut self, param: Param<Tensor<R>>) -> Param<Tensor<R>> {
        param.map(|old| {
            let (own, rest) = self.0.split_at(old.shape().num_elements());
            self.0 = rest;
            let new = Tensor::from_data(TensorData::new(own.to_vec(), old.shape()), &old.device());
            if old.device().is_autodiff() { new.require_grad() } else { new }
        })
    }
}

/// Multiplies every gradient by one number, kept on the device.
pub(super) struct Scale<'a> {
    pub gradients: &'a mut GradientsParams,
    pub scale: Tensor<1>,
}

impl ModuleVisitor for Scale<'_> {
    fn visit_float<const R: usize>(&mut self, param: &Param<Tensor<R>>) {
        if let Some(gradient) = self.gradients.remove::<R>(param.id) {
            let scale = self.scale.clone().reshape([1; R]);
            self.gradients.register(param.id, gradient * scale);
        }
    }
}

/// Makes every parameter the leaf of a new graph; ids and values stay.
pub(super) struct Detach;

impl ModuleMapper for Detach {
    fn map_float<const R: usize>(&mut self, param: Param<Tensor<R>>) -> Param<Tensor<R>> {
        param.map(|value| Tensor::from_inner(value.inner()).require_grad())
    }
}

/// Current values by id; the container is the one type that holds tensors of every rank.
pub(super) struct Collect<'a> {
    pub values: &'a mut GradientsParams,
}

impl ModuleVisitor for Collect<'_> {
    fn visit_float<const R: usize>(&mut self, param: &Param<Tensor<R>>) {
        self.values.register(param.id, param.val().inner());
    }
}

/// a ← decay·a + (1 − decay)·w
pub(super) struct Average {
    pub values: GradientsParams,
    pub decay: f64,
}

impl ModuleMapper for Average {
    fn map_float<const R: usize>(&mut self, param: Param<Tensor<R>>) -> Param<Tensor<R>> {
        let Some(value) = self.values.remove::<R>(param.id) else { return param };
        param.map(|old| old * self.decay + value * (1.0 - self.decay))
    }
}
