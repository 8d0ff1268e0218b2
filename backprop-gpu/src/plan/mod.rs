//! The launches of a training step.

mod backward;
pub mod buffer;
mod forward;
pub mod launch;
mod places;

use std::collections::BTreeSet;

use shaders::model::spec::ModelSpec;

use crate::kernel::{adamw, score, sum_shares};
use buffer::{Buffer, Sizes};
use launch::Launch;
use places::Places;

/// The launches of a training step for batches of one shape.
pub struct Plan {
    /// Its sizes.
    pub sizes: Sizes,
    /// In their order: the last one moves the weights, and its parameters change from step to step.
    pub launches: Vec<Launch>,
}

impl Plan {
    /// For B sequences of T examples. Shares of the gradient take at most `most` bytes together.
    ///
    /// # Panics
    /// For variant `equivariant`.
    pub fn new(spec: &ModelSpec, shape: [usize; 2], most: u64) -> Plan {
        assert!(spec.equivariant.is_none(), "a set learner is no causal one");
        let places = Places::new(spec);
        let sizes = Sizes::new(spec, places.total, shape, most);
        let mut launches = forward::launches(spec, &sizes, &places);
        launches.extend(backward::launches(spec, &sizes, &places));
        launches.extend(step(&sizes));
        Plan { sizes, launches }
    }

    /// Every buffer in use, each once.
    pub fn buffers(&self) -> BTreeSet<Buffer> {
        self.launches.iter().flat_map(|launch| &launch.buffers).copied().collect()
    }
}

/// From shares of the gradient to moved weights.
fn step(s: &Sizes) -> [Launch; 3] {
    let sum = sum_shares::Params { total: s.total, shares: s.shares, ..Default::default() };
    let squares = sum_shares::grid(&sum)[0];
    let numbers = score::Params { sequences: s.batch, tokens: s.tokens, squares, ..Default::default() };
    // its other parameters come with each step
    let adam = adamw::Params { total: s.total, ..Default::default() };
    let state = [Buffer::Weights, Buffer::Average, Buffer::First, Buffer::Second];
    let of_adam = [&[Buffer::Gradient, Buffer::Numbers][..], &state].concat();
    [
        Launch::new(
            &sum_shares::KERNEL,
            &sum,
            sum_shares::grid(&sum),
            &[Buffer::Parts, Buffer::Gradient, Buffer::Squares],
        ),
        Launch::new(
            &score::KERNEL,
            &numbers,
            score::grid(&numbers),
            &[Buffer::Losses, Buffer::Squares, Buffer::Numbers],
        ),
        Launch::new(&adamw::KERNEL, &adam, adamw::grid(&adam), &of_adam),
    ]
}
