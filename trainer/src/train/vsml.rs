//! Loss and gradient of VSML on a CPU, by hand: autodiff makes some thirty tensors of every tick of the grid.

use std::sync::Mutex;

use backprop::vsml::{Sizes, Workspace};
use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

use super::gradient::{Part, score};
use super::parameters::{Unflatten, values};
use crate::device::host;
use crate::nets::research::vsml;
use crate::nets::{Net, Predict};
use tasks::Episode;

/// Parameters of the net.
const TENSORS: usize = 7;

/// Buffers that go from step to step, one set for each thread.
#[derive(Default)]
pub(super) struct ByHand(Mutex<Vec<Workspace>>);

impl ByHand {
    /// What [`gradient`](super::gradient::gradient) gives for `grid`, which is `net`; in the threads of the current pool.
    pub fn gradient(&self, net: &Net, grid: &vsml::Net, episodes: &[Episode], parts: usize, logged: bool) -> Part {
        let spec = grid.spec();
        let sizes = Sizes { inputs: spec.inputs, classes: spec.classes, size: grid.size() };
        let weights = values(net);
        let t = episodes[0].labels.len();
        let scale = 1.0 / (episodes.len() * t * parts) as f32;
        // a gradient for each episode, summed in their order whatever thread made it
        let each = |episode: &Episode| {
            let own = self.0.lock().expect("nothing panics while it holds this").pop();
            let mut workspace = own.unwrap_or_else(|| Workspace::new(sizes));
            let mut gradient = vec![0.0; weights.len()];
            let sequence = (&episode.inputs[..], &episode.labels[..]);
            let rows = workspace.gradient(&weights, sequence, scale, &mut gradient).to_vec();
            self.0.lock().expect("nothing panics while it holds this").push(workspace);
            (gradient, rows)
        };
        let all: Vec<(Vec<f32>, Vec<f32>)> = episodes.par_iter().map(each).collect();
        let mut sum = vec![0.0; weights.len()];
        let mut rows = Vec::new();
        for (gradient, own) in &all {
            sum.iter_mut().zip(gradient).for_each(|(sum, g)| *sum += g);
            rows.extend_from_slice(own);
        }
        let (loss, right) = score(&rows, episodes, 0);
        let mut gradients = Unflatten { flat: &sum, present: &[true; TENSORS], gradients: GradientsParams::new() };
        net.visit(&mut gradients);
        let on_device = Tensor::from_data(TensorData::from([loss as f32 / parts as f32]), &host());
        let (loss, right) = if logged { (loss, right) } else { (0.0, Vec::new()) };
        Part { gradients: gradients.gradients, on_device, loss, right }
    }
}
