//! Loss and gradient of recurrent research learners on a CPU, by hand: autodiff makes some thirty tensors of every tick of
//! a grid, and multiplies the gradients of an LSTM's weights token by token.

use std::sync::Mutex;

use backprop::lstm;
use backprop::vsml::{self, untied};
use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

use super::gradient::{Part, score};
use super::parameters::{Unflatten, tensors, values};
use crate::device::host;
use crate::nets::{Net, research};
use tasks::Episode;

/// Sequences that are worked on at once: enough for products at full speed.
const SEQUENCES: usize = 16;

/// The sizes of a learner whose gradient is written by hand.
#[derive(Clone, Copy)]
enum Sizes {
    Lstm(lstm::Sizes),
    Vsml(vsml::Sizes),
    Untied(untied::Sizes),
}

/// Its buffers.
enum Workspace {
    Lstm(lstm::Workspace),
    Vsml(vsml::Workspace),
    Untied(Box<untied::Workspace>),
}

impl Sizes {
    fn of(net: &Net) -> Option<Sizes> {
        match net {
            Net::Research(research::Net::Lstm(net)) => Some(Sizes::Lstm(net.sizes())),
            Net::Research(research::Net::Vsml(net)) => Some(Sizes::Vsml(net.sizes())),
            Net::Research(research::Net::VsmlUntied(net)) => Some(Sizes::Untied(net.sizes())),
            _ => None,
        }
    }

    /// Sequences of a piece.
    fn piece(self) -> usize {
        match self {
            Sizes::Lstm(_) | Sizes::Untied(_) => SEQUENCES,
            Sizes::Vsml(_) => 1,
        }
    }

    fn workspace(self) -> Workspace {
        match self {
            Sizes::Lstm(sizes) => Workspace::Lstm(lstm::Workspace::new(sizes)),
            Sizes::Vsml(sizes) => Workspace::Vsml(vsml::Workspace::new(sizes)),
            Sizes::Untied(sizes) => Workspace::Untied(Box::new(untied::Workspace::new(sizes))),
        }
    }
}

impl Workspace {
    /// Adds the gradient of `scale` times the summed cross-entropy of a piece; gives its log-probabilities `[B, T, C]`.
    fn gradient(&mut self, weights: &[f32], piece: &[Episode], scale: f32, gradient: &mut [f32]) -> Vec<f32> {
        let t = piece[0].labels.len();
        let inputs: Vec<f32> = piece.iter().flat_map(|episode| &episode.inputs).copied().collect();
        let labels: Vec<u32> = piece.iter().flat_map(|episode| &episode.labels).copied().collect();
        match self {
            Workspace::Lstm(workspace) => workspace.gradient(weights, (&inputs, &labels), t, scale, gradient),
            Workspace::Untied(workspace) => workspace.gradient(weights, (&inputs, &labels), t, scale, gradient),
            Workspace::Vsml(workspace) => workspace.gradient(weights, (&inputs, &labels), scale, gradient).to_vec(),
        }
    }
}

/// Buffers that go from step to step, one set for each thread.
#[derive(Default)]
pub(super) struct ByHand(Mutex<Vec<Workspace>>);

impl ByHand {
    /// What [`gradient`](super::gradient::gradient) gives, in the threads of the current pool; none for a learner that
    /// autodiff trains.
    pub fn gradient(&self, net: &Net, episodes: &[Episode], parts: usize, logged: bool) -> Option<Part> {
        let sizes = Sizes::of(net)?;
        let weights = values(net);
        let scale = 1.0 / (episodes.len() * episodes[0].labels.len() * parts) as f32;
        // a gradient for each piece, summed in their order whatever thread made it
        let each = |piece: &[Episode]| {
            let own = self.0.lock().expect("nothing panics while it holds this").pop();
            let mut workspace = own.unwrap_or_else(|| sizes.workspace());
            let mut gradient = vec![0.0; weights.len()];
            let rows = workspace.gradient(&weights, piece, scale, &mut gradient);
            self.0.lock().expect("nothing panics while it holds this").push(workspace);
            (gradient, rows)
        };
        let all: Vec<(Vec<f32>, Vec<f32>)> = episodes.par_chunks(sizes.piece()).map(each).collect();
        let (mut sum, mut rows) = (vec![0.0; weights.len()], Vec::new());
        for (gradient, own) in &all {
            sum.iter_mut().zip(gradient).for_each(|(sum, g)| *sum += g);
            rows.extend_from_slice(own);
        }
        let (loss, right) = score(&rows, episodes, 0);
        let present = vec![true; tensors(net)];
        let mut gradients = Unflatten { flat: &sum, present: &present, gradients: GradientsParams::new() };
        net.visit(&mut gradients);
        let on_device = Tensor::from_data(TensorData::from([loss as f32 / parts as f32]), &host());
        let (loss, right) = if logged { (loss, right) } else { (0.0, Vec::new()) };
        Some(Part { gradients: gradients.gradients, on_device, loss, right })
    }
}
