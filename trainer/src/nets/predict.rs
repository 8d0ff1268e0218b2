//! What evaluation asks of every learner.

use burn::tensor::Tensor;
use shaders::model::spec::ModelSpec;

/// What inputs are to a learner with a stem. Learners without one read both alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inputs {
    /// Numbers of which only inner products count.
    Vectors,
    /// Pictures, which the stem reads.
    Images,
}

/// A learner that predicts every label of a sequence before it is shown: what evaluation asks of all of them.
pub trait Predict {
    /// Number of inputs and classes, context length, encoding.
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

impl<P: Predict + ?Sized> Predict for &P {
    fn spec(&self) -> &ModelSpec {
        (**self).spec()
    }

    fn predict(&self, inputs: Tensor<3>, labels: Tensor<3>) -> Tensor<3> {
        (**self).predict(inputs, labels)
    }

    fn predict_at(&self, inputs: Tensor<3>, labels: Tensor<3>, positions: &[usize]) -> Tensor<3> {
        (**self).predict_at(inputs, labels, positions)
    }
}
