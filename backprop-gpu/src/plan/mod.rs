//! The launches of a training step.

mod backward;
pub mod buffer;
mod forward;
pub mod launch;
pub mod muon;
mod places;
pub mod turns;

use std::collections::BTreeSet;

use shaders::model::spec::ModelSpec;

use crate::kernel::{adamw, score, sum_shares};
use buffer::{Buffer, Group, Sizes};
use launch::Launch;
use places::Places;

/// The launches of a training step for batches of one shape.
pub struct Plan {
    /// Its sizes.
    pub sizes: Sizes,
    /// In their order.
    pub launches: Vec<Launch>,
    /// The first launch that is there to move weights: those before compute the gradient and its numbers.
    pub moves: usize,
    /// Launches whose parameters come with each step.
    pub changing: Vec<(usize, Changing)>,
}

/// What changes from step to step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changing {
    /// All of AdamW.
    AdamW,
    /// Muon's momentum.
    Momentum(Group),
    /// Muon's step.
    Muon(Group),
}

impl Plan {
    /// For B sequences of T examples; with `muon` it moves the matrices inside layers. Shares of the gradient take at most `most`
    /// bytes together.
    ///
    /// # Panics
    /// For variant `equivariant`.
    pub fn new(spec: &ModelSpec, shape: [usize; 2], most: u64, muon: bool) -> Plan {
        assert!(spec.equivariant.is_none(), "a set learner is no causal one");
        let places = Places::new(spec);
        let sizes = Sizes::new(spec, places.total, shape, most);
        let mut launches = forward::launches(spec, &sizes, &places);
        launches.extend(backward::launches(spec, &sizes, &places));
        launches.extend(numbers(&sizes));
        let (moves, mut changing) = (launches.len(), Vec::new());
        for (group, _) in muon::groups(spec).into_iter().filter(|_| muon) {
            changing.push((launches.len(), Changing::Momentum(group)));
            launches.extend(muon::launches(group));
            changing.push((launches.len() - 1, Changing::Muon(group)));
        }
        changing.push((launches.len(), Changing::AdamW));
        launches.push(adam(&sizes));
        Plan { sizes, launches, moves, changing }
    }

    /// Every buffer in use, each once.
    pub fn buffers(&self) -> BTreeSet<Buffer> {
        self.launches.iter().flat_map(|launch| &launch.buffers).copied().collect()
    }
}

/// From shares of the gradient to the numbers of a step.
fn numbers(s: &Sizes) -> [Launch; 2] {
    let sum = sum_shares::Params { total: s.total, shares: s.shares, ..Default::default() };
    let squares = sum_shares::grid(&sum)[0];
    let of_sum = [Buffer::Parts, Buffer::Gradient, Buffer::Squares];
    let score = score::Params { sequences: s.batch, tokens: s.tokens, squares, ..Default::default() };
    let of_score = [Buffer::Losses, Buffer::Squares, Buffer::Numbers];
    [
        Launch::new(&sum_shares::KERNEL, &sum, sum_shares::grid(&sum), &of_sum),
        Launch::new(&score::KERNEL, &score, score::grid(&score), &of_score),
    ]
}

/// AdamW for what Muon does not move.
fn adam(s: &Sizes) -> Launch {
    let p = adamw::Params { total: s.total, ..Default::default() };
    let read = [Buffer::Gradient, Buffer::Numbers, Buffer::ByMuon];
    let state = [Buffer::Weights, Buffer::Average, Buffer::First, Buffer::Second];
    Launch::new(&adamw::KERNEL, &p, adamw::grid(&p), &[&read[..], &state].concat())
}
