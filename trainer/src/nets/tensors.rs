//! Values of tensors.

use burn::tensor::Tensor;

/// A tensor's values.
pub fn floats<const R: usize>(tensor: Tensor<R>) -> Vec<f32> {
    tensor.try_into_vec_as::<f32>().expect("float tensors can be read as f32")
}

/// The one value of a tensor.
pub(crate) fn scalar(tensor: Tensor<1>) -> f64 {
    f64::from(floats(tensor)[0])
}
