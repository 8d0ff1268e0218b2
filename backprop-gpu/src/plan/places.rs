//! Where the tensors of a learner lie, and that those lie together which the kernels take together.

use std::ops::Range;

use backprop::Layout;
use backprop::causal::Layer;
use shaders::model::spec::{ModelSpec, Positions};

/// Places of tensors among the weights.
pub struct Places {
    /// Of the matrices for inputs and labels; the bias follows.
    pub embedding: u32,
    /// Of the positions, if they are learned.
    pub positions: u32,
    /// Of each layer.
    pub layers: Vec<Layer>,
    /// γ and β before the read-out.
    pub norm: u32,
    /// Of the read-out's matrix; its bias follows.
    pub readout: u32,
    /// Weights.
    pub total: usize,
}

impl Places {
    /// Of a causal learner.
    ///
    /// # Panics
    /// If [`ModelSpec::tensors`] no longer has tensors in the order that the kernels rely on.
    pub fn new(spec: &ModelSpec) -> Places {
        let layout = Layout::new(spec);
        let at = |name: &str| layout.at(name);
        follow(&[at("embed.input.weight"), at("embed.label.weight"), at("embed.bias")]);
        follow(&[at("norm.gamma"), at("norm.beta")]);
        follow(&[at("readout.weight"), at("readout.bias")]);
        let layers: Vec<Layer> = (0..spec.layers).map(|l| Layer::new(spec, &layout, l)).collect();
        for layer in &layers {
            follow(&layer.norm1);
            follow(&layer.norm2);
            follow(&layer.projections().into_iter().flatten().cloned().collect::<Vec<_>>());
            [&layer.output, &layer.up, &layer.down].into_iter().for_each(|linear| follow(linear));
            follow(&[&layer.gate, &layer.temperature].into_iter().flatten().cloned().collect::<Vec<_>>());
        }
        let learned = spec.positions == Positions::Learned;
        Places {
            embedding: at("embed.input.weight").start as u32,
            positions: if learned { at("embed.position").start as u32 } else { 0 },
            norm: at("norm.gamma").start as u32,
            readout: at("readout.weight").start as u32,
            layers,
            total: layout.total,
        }
    }
}

/// Each of some tensors begins where the one before ends.
fn follow(tensors: &[Range<usize>]) {
    assert!(tensors.windows(2).all(|pair| pair[0].end == pair[1].start), "tensors lie one after another: {tensors:?}");
}
