//! Episodes as the tensors that nets take.

use burn::tensor::{Device, Tensor, TensorData};

use super::predict::Inputs;
use super::set;
use tasks::{Episode, Shape};

/// Episodes of one shape as a set learner takes them. Shorter inputs get zeros at their end, which no inner product
/// notices.
pub fn set_batch(episodes: &[Episode], shape: &Shape, device: &Device) -> set::Batch {
    let rows = episodes[0].labels.len();
    let width = episodes.iter().map(|episode| episode.inputs.len() / rows).max().expect("a batch has episodes");
    let mut inputs = vec![0f32; episodes.len() * rows * width];
    for (to, episode) in inputs.chunks_exact_mut(rows * width).zip(episodes) {
        let own = episode.inputs.len() / rows;
        for (to, from) in to.chunks_exact_mut(width).zip(episode.inputs.chunks_exact(own)) {
            to[..own].copy_from_slice(from);
        }
    }
    set::Batch {
        inputs: Tensor::from_data(TensorData::new(inputs, [episodes.len(), rows, width]), device),
        labels: episodes.iter().map(|episode| episode.labels[..shape.shown].to_vec()).collect(),
        classes: shape.classes,
        kind: if shape.drawings { Inputs::Images } else { Inputs::Vectors },
    }
}

/// Inputs `[B, T, X]` and one-hot labels `[B, T, C]` of sequences, as [`Predict`](super::Predict) takes them.
pub fn sequences(episodes: &[Episode], classes: usize, device: &Device) -> (Tensor<3>, Tensor<3>) {
    let (b, t) = (episodes.len(), episodes[0].labels.len());
    let inputs = episodes[0].inputs.len() / t;
    let (values, _, labels) = batch(episodes, inputs, classes);
    let tensor = |values, last| Tensor::from_data(TensorData::new(values, [b, t, last]), device);
    (tensor(values, inputs), tensor(labels, classes))
}

/// Inputs `[B, T, X]`, one-hot labels of position i−1 `[B, T, C]`, one-hot labels `[B, T, C]`.
pub fn batch(episodes: &[Episode], inputs: usize, classes: usize) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let t = episodes[0].labels.len();
    let mut all = Vec::with_capacity(episodes.len() * t * inputs);
    let mut previous = vec![0.0; episodes.len() * t * classes];
    let mut target = previous.clone();
    for (e, episode) in episodes.iter().enumerate() {
        all.extend_from_slice(&episode.inputs);
        for (i, &label) in episode.labels.iter().enumerate() {
            let at = e * t + i;
            target[at * classes + label as usize] = 1.0;
            if i + 1 < t {
                previous[(at + 1) * classes + label as usize] = 1.0;
            }
        }
    }
    (all, previous, target)
}
