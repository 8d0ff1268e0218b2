//! Parts of more than one net.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use shaders::model::spec::ModelSpec;

/// A matrix `[in, out]` and a bias `[out]`.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[in, out]`
    pub weight: Param<Tensor<2>>,
    /// `[out]`
    pub bias: Param<Tensor<1>>,
}

impl Linear {
    /// `[…, in]` → `[…, out]`
    pub fn forward<const R: usize>(&self, x: Tensor<R>) -> Tensor<R> {
        burn::tensor::module::linear(x, self.weight.val(), Some(self.bias.val()))
    }
}

/// The spec as a constant of the module.
#[derive(Debug, Clone)]
pub(super) struct SpecField(pub ModelSpec);

/// Labels or inputs of position i−1: the first row is zeros. `[B, T, C]` → `[B, T, C]`.
pub(super) fn previous(labels: Tensor<3>) -> Tensor<3> {
    let [b, t, c] = labels.dims();
    let nothing = Tensor::zeros([b, 1, c], &labels.device());
    match t {
        1 => nothing,
        _ => Tensor::cat(vec![nothing, labels.narrow(1, 0, t - 1)], 1),
    }
}
