//! The loss of a micro-batch and its gradient, by autodiff.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};

use crate::nets::batch::{sequences, set_batch};
use crate::nets::tensors::floats;
use crate::nets::{Inputs, Net, Predict, research};
use tasks::{Episode, Shape};

/// What one micro-batch gives.
pub(super) struct Part {
    pub gradients: GradientsParams,
    /// The loss where it was computed, `[1]`.
    pub on_device: Tensor<1>,
    /// Read from there, where it was asked for.
    pub loss: f64,
    pub right: Vec<f64>,
}

/// Mean cross-entropy over all positions (all queries, for a set learner), divided by the number of parts of the batch; and
/// with a weight above 0 that of the embedding's neighbours.
pub(super) fn gradient(
    net: &Net,
    episodes: &[Episode],
    shape: &Shape,
    (parts, neighbours): (usize, f64),
    logged: bool,
) -> Part {
    let device = net.devices().into_iter().next().expect("a net has a device");
    let (log_probabilities, beside, answered) = match net {
        Net::Set(net) => {
            let (log_probabilities, beside) = net.forward_with_neighbours(&set_batch(episodes, shape, &device));
            (log_probabilities, beside.filter(|_| neighbours > 0.0), shape.shown)
        }
        Net::Research(research::Net::SetTransformer(net)) => {
            let (inputs, labels) = shown_and_asked(episodes, shape, net.spec().classes, &device);
            (net.forward(inputs, labels), None, shape.shown)
        }
        Net::Research(research::Net::Tail(net)) => {
            let (inputs, labels) = shown_and_asked(episodes, shape, net.spec().classes, &device);
            (net.forward(inputs, labels), None, shape.shown)
        }
        _ => {
            let (inputs, labels) = sequences(episodes, net.spec().classes, &device);
            (net.predictor(Inputs::Vectors).predict(inputs, labels), None, 0)
        }
    };
    let [b, t, c] = log_probabilities.dims();
    let target = one_hot(episodes, answered, [b, t, c], &device);
    let mut loss = (log_probabilities.clone() * target).sum().div_scalar(-((b * t * parts) as f64));
    if let Some(chances) = beside {
        let [b, m, c] = chances.dims();
        let target = one_hot(episodes, 0, [b, m, c], &device);
        // a class whose only example is asked about itself has no chance at all
        let logs = (chances + 1e-3).log();
        loss = loss + (logs * target).sum().mul_scalar(-neighbours / (b * m * parts) as f64);
    }
    let on_device = loss.clone().inner();
    let gradients = GradientsParams::from_grads(loss.backward(), net);
    let (mut value, mut right) = (0.0, Vec::new());
    if logged {
        (value, right) = score(&floats(log_probabilities), episodes, answered);
        if shape.queries > 0 {
            right = vec![right.iter().sum::<f64>() / t as f64];
        }
    }
    Part { gradients, on_device, loss: value, right }
}

/// Inputs of all rows, and one-hot labels of the shown ones.
fn shown_and_asked(episodes: &[Episode], shape: &Shape, classes: usize, device: &Device) -> (Tensor<3>, Tensor<3>) {
    let (inputs, labels) = sequences(episodes, classes, device);
    (inputs, labels.narrow(1, 0, shape.shown))
}

/// Mean cross-entropy, and the number of right answers at each position after the first `answered`.
///
/// # Shapes
/// `rows` log-probabilities `[B, T, C]`; the counts `[T]`.
pub(super) fn score(rows: &[f32], episodes: &[Episode], answered: usize) -> (f64, Vec<f64>) {
    let t = episodes[0].labels.len() - answered;
    let c = rows.len() / (episodes.len() * t);
    let (mut loss, mut right) = (0.0, vec![0.0; t]);
    let labels = episodes.iter().flat_map(|episode| &episode.labels[answered..]);
    for (at, (row, &label)) in rows.chunks_exact(c).zip(labels).enumerate() {
        loss -= f64::from(row[label as usize]) / (episodes.len() * t) as f64;
        right[at % t] += f64::from(u8::from(shaders::answer(row) == Some(label as usize)));
    }
    (loss, right)
}

/// Labels after the first `answered` of each episode as one-hot rows, as many as the shape has.
fn one_hot(episodes: &[Episode], answered: usize, shape: [usize; 3], device: &Device) -> Tensor<3> {
    let mut target = vec![0f32; shape.iter().product()];
    let labels = episodes.iter().flat_map(|episode| &episode.labels[answered..]);
    target.chunks_exact_mut(shape[2]).zip(labels).for_each(|(row, &label)| row[label as usize] = 1.0);
    Tensor::from_data(TensorData::new(target, shape), device)
}
