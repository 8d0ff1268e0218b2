//! What a set learner knows of its examples before its first layer: views of the inputs, and ridge regressions on them.
//! Neither has weights; ridges and local reaches are computed outside of any gradient.

use burn::tensor::Tensor;
use shaders::model::spec::{COSINE_EPSILON, ModelSpec};

use super::super::tensors::floats;

/// What one view says of each row and each shown example.
#[derive(Clone)]
pub(super) struct View {
    /// |x_i|²/s, `[B, M]` as values.
    square: Vec<f32>,
    /// `[B, M, N]`
    pub cosine: Tensor<3>,
    /// δ, `[B, M, N]`
    pub distance: Tensor<3>,
    /// δ as values.
    distances: Vec<f32>,
    /// r, `[B, M]`
    reach: Vec<f32>,
    /// ε, `[B, M, N]`
    pub local: Tensor<3>,
}

impl View {
    /// `x` `[B, M, X]`
    pub(super) fn new(x: Tensor<3>, n: usize, neighbour: usize) -> View {
        let device = x.device();
        let [b, m, _] = x.dims();
        let mean = x.clone().narrow(1, 0, n).sum_dim(1) / (n + 1) as f64;
        let x = x - mean;
        let square = (x.clone() * x.clone()).sum_dim(2); // [B, M, 1]
        let shown = x.clone().narrow(1, 0, n);
        let of_shown = square.clone().narrow(1, 0, n).swap_dims(1, 2); // [B, 1, N]
        let dot = x.matmul(shown.swap_dims(1, 2)); // [B, M, N]
        let s = of_shown.clone().mean_dim(2) + COSINE_EPSILON; // [B, 1, 1]
        let cosine = dot.clone() / (square.clone() * of_shown.clone() + COSINE_EPSILON).sqrt();
        let distance = ((square.clone() + of_shown - dot * 2.0) / s.clone()).clamp_min(0.0);
        let distances = floats(distance.clone());
        let reach: Vec<f32> =
            distances.chunks_exact(m * n).flat_map(|d| shaders::model::ridge::reaches(d, n, neighbour)).collect();
        let reaches = Tensor::<1>::from_floats(reach.as_slice(), &device).reshape([b, m, 1]);
        let local = distance.clone() / (reaches.clone() * reaches.narrow(1, 0, n).swap_dims(1, 2));
        View { square: floats(square / s), cosine, distance, distances, reach, local }
    }
}

/// What comes of the ridges of a batch.
pub(super) struct Ridges {
    /// α of each, `[B, M, N]`.
    pub alpha: Vec<Tensor<3>>,
    /// `[B·M·C, S]`
    pub scores: Tensor<2>,
}

impl Ridges {
    pub(super) fn new(spec: &ModelSpec, views: &[View], labels: &[Vec<u32>], classes: usize) -> Ridges {
        let set = spec.set();
        let device = views[0].cosine.device();
        let [b, m, n] = views[0].cosine.dims();
        let (c, s) = (classes, set.scores());
        let mut alpha = vec![Vec::with_capacity(b * m * n); set.ridge.len()];
        let mut scores = vec![0f32; b * m * c * s];
        for (e, labels) in labels.iter().enumerate() {
            let rows = e * m..(e + 1) * m;
            let of_episode = |view: usize| shaders::model::ridge::View {
                square: &views[view].square[rows.clone()],
                distance: &views[view].distances[e * m * n..(e + 1) * m * n],
                reach: &views[view].reach[rows.clone()],
            };
            let scores = &mut scores[e * m * c * s..(e + 1) * m * c * s];
            let mut put = |index: usize, values: &[f32]| {
                scores.iter_mut().skip(index).step_by(s).zip(values).for_each(|(to, value)| *to = *value);
            };
            for (r, ridge) in set.ridge.iter().enumerate() {
                let view = if ridge.raw { 0 } else { views.len() - 1 };
                let solved = shaders::model::ridge::solve(ridge, &of_episode(view), labels, c);
                alpha[r].extend(solved.alpha);
                put(2 * r, &solved.regression);
                put(2 * r + 1, &solved.representation);
            }
            put(s - 1, &shaders::model::ridge::counts(m, labels, c));
        }
        let tensor = |values: Vec<f32>| Tensor::<1>::from_floats(values.as_slice(), &device);
        Ridges {
            alpha: alpha.into_iter().map(|values| tensor(values).reshape([b, m, n])).collect(),
            scores: tensor(scores).reshape([b * m * c, s]),
        }
    }
}
