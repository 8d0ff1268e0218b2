//! The convolutional stem, which reads drawings.

use burn::module::{Module, Param};
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Tensor, activation};
use shaders::model::spec::ModelSpec;

use super::super::load::Loader;
use super::super::parts::Linear;

#[derive(Module, Debug)]
pub(super) struct Stem {
    convolution: Vec<Linear>,
    embedding: Param<Tensor<2>>,
    skip: Param<Tensor<2>>,
}

impl Stem {
    pub(super) fn load(loader: &Loader<'_>, convolutions: usize) -> Stem {
        Stem {
            convolution: (0..convolutions).map(|i| loader.linear(&format!("stem.convolution.{i}"))).collect(),
            embedding: loader.matrix("stem.embedding"),
            skip: loader.matrix("stem.skip"),
        }
    }

    /// `[B, M, X]` → `[B, M, E]`
    pub(super) fn forward(&self, drawings: Tensor<3>, spec: &ModelSpec) -> Tensor<3> {
        let stem = spec.set().stem.as_ref().expect("a net with a stem has a spec with one");
        let [b, m, given] = drawings.dims();
        let sizes = stem.sizes();
        let x = stem.values();
        // a batch of grey pictures may end before their colours would begin
        let read = drawings.narrow(2, 0, given.min(x)).reshape([b * m, given.min(x)]);
        let flat = match given < x {
            true => Tensor::cat(vec![read.clone(), Tensor::zeros([b * m, x - given], &read.device())], 1),
            false => read,
        };
        let mut plane = flat.clone().reshape([b * m, stem.channels, stem.side, stem.side]);
        for (i, (convolution, weights)) in stem.convolutions.iter().zip(&self.convolution).enumerate() {
            let (size, inputs, outputs) = (convolution.size, sizes[i].1, convolution.channels);
            // the file has [size, size, in, out]
            let kernel = weights.weight.val().reshape([size, size, inputs, outputs]).permute([3, 2, 0, 1]);
            let padding = size / 2;
            let options = ConvOptions::new([convolution.stride; 2], [padding; 2], [1; 2], 1);
            plane = activation::relu(conv2d(plane, kernel, Some(weights.bias.val()), options));
            let (side, _) = sizes[i + 1];
            plane = plane.narrow(2, 0, side).narrow(3, 0, side);
        }
        let (side, channels) = sizes[sizes.len() - 1];
        let last = plane.permute([0, 2, 3, 1]).reshape([b * m, side * side * channels]);
        let embedding = last.matmul(self.embedding.val()) + flat.matmul(self.skip.val());
        embedding.reshape([b, m, stem.embedding])
    }
}
