//! Sizes of an episode and of the learner that reads it.

use shaders::model::spec::ModelSpec;

/// An episode for a set learner: N shown examples, then the queries, M rows in all.
#[derive(Debug, Clone, Copy)]
pub struct Episode<'a> {
    /// `[M, X]`; any X will do.
    pub inputs: &'a [f32],
    /// `[M]`, each below `classes`.
    pub labels: &'a [u32],
    /// N
    pub shown: usize,
    /// C in use.
    pub classes: usize,
    /// Whether the stem reads the inputs, if there is one.
    pub images: bool,
}

/// Sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// M
    pub m: usize,
    /// N
    pub n: usize,
    /// N rounded up to whole vectors: how far apart rows of pairs lie.
    pub stride: usize,
    /// C in use.
    pub c: usize,
    /// D
    pub d: usize,
    /// F
    pub f: usize,
    /// K
    pub k: usize,
    /// H: softmax heads.
    pub heads: usize,
    /// Linear heads.
    pub linear: usize,
}

/// Values of a row of pairs that are worked on side by side.
pub const LANES: usize = 8;

impl Sizes {
    pub fn new(spec: &ModelSpec, episode: &Episode<'_>) -> Sizes {
        let (m, n) = (episode.labels.len(), episode.shown);
        Sizes {
            m,
            n,
            stride: n.next_multiple_of(LANES),
            c: episode.classes,
            d: spec.width,
            f: spec.mlp(),
            k: spec.key_size,
            heads: spec.heads,
            linear: spec.set().linear_heads,
        }
    }
}
