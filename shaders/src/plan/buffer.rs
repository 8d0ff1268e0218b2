//! The buffers of a learner, and how large they are.

use super::task::MOST_ROWS;
use crate::model::spec::{ModelSpec, Stem};

/// A buffer that launches read or write. R is the number of rows of the list, N that of the shown examples, though there is
/// room for more. Where shapes differ, the second is that of a set learner; A there is (H + linear heads)·K.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Buffer {
    /// A tensor of the model, by its index in [`crate::model::spec::ModelSpec::tensors`].
    Tensor(usize),
    /// Share of the preceding token in slot keys of a layer, `[H]`; see [`super::weights::blend`].
    Blend(usize),
    /// Factor of the logits of a layer, `[H]`; see [`super::weights::scale`].
    Scale(usize),
    /// Set learners: query, key and value projections of a layer, `[D, 2·H·K + A]`; see [`super::weights::derived`] for this and the next.
    Project(usize),
    /// Set learners: temperatures and slopes of a layer.
    Slopes(usize),
    /// Set learners: first matrix of a layer's MLP and its biases, `[2·D + 1, F]`.
    Up(usize),
    /// Set learners: second matrix of a layer's MLP and its biases, `[F + 1, D]`.
    Down(usize),
    /// Set learners: the read-out, `[D + scores]`.
    ReadOut,
    /// Set learners: λ of each ridge, `[ridges]`.
    Lambda,
    /// Labels of the examples before the tokens, `[R]`, or of those shown, `[N]`; the only buffer of u32.
    Labels,
    /// Inputs of the tokens, `[R, X]`.
    Inputs,
    /// Residual stream, `[R, D]`, or the state, `[R, C, D]`.
    Hidden,
    /// After a LayerNorm, `[R, D]`.
    Normed,
    /// Queries of all heads, `[R, H, K]` or `[R, C, H, K]`.
    Query,
    /// Keys of tokens that are not kept, `[R, H, K]`.
    Key,
    /// Slot keys of tokens that are not kept, `[R, H, K]`.
    Slot,
    /// Values of tokens that are not kept, `[R, H, K]`.
    Value,
    /// What attention gives, `[R, H, K]` or `[R, C, A]`.
    AttentionOutput,
    /// Hidden units of the MLP, `[R, F]`.
    Mlp,
    /// Scores of the classes, `[R, C]`; those of ridges and counts, `[scores, R, C]`.
    Scores,
    /// Log-probabilities of all queries of a call, `[Q, C]`, C in use.
    Answers,
    /// Attention weights of one query, `[L, H, N + 1]`.
    AttentionWeights,
    /// Set learners: outputs of the stem's convolutions, by turns, `[R, side, side, channels]`.
    Plane(usize),
    /// Set learners: embeddings of queries, `[R, E]`.
    Embedding,
    /// Set learners: cos, δ and ε of rows and shown examples, `[V, 3, R, N]`.
    Relations,
    /// Set learners: squared lengths of queries in one view, `[R]`.
    RowSquares,
    /// Set learners: squared length in units of s and reach of queries in one view, `[R, 2]`.
    RowScales,
    /// Set learners: each ridge's kernel of queries and shown examples, `[ridges, R, N]`.
    Similar,
    /// Set learners: α of each ridge, `[ridges, R, N]`.
    Alpha,
    /// Set learners: a ridge's matrix on its way to the inverse, `[ridges, N, N]`.
    Swept,
    /// Cache: keys of a layer by position, `[N, H, K]`.
    Keys(usize),
    /// Cache: slot keys of a layer by position, `[N, H, K]`, or queries, keys and values, `[N, C, 2·H·K + A]`.
    Slots(usize),
    /// Cache: values of a layer by position, `[N, H, K]`.
    Values(usize),
    /// Cache of set learners: shown examples in a view, inputs `[N, X]` or embeddings `[N, E]`.
    Shown(usize),
    /// Cache of set learners: mean of a view, `[X]` or `[E]`.
    Mean(usize),
    /// Cache of set learners: as `RowSquares`, of the shown examples, `[N]`.
    Squares(usize),
    /// Cache of set learners: as `RowScales`, of the shown examples, `[N, 2]`.
    Scales(usize),
    /// Cache of set learners: each ridge's kernel of the shown examples, `[ridges, N, N]`.
    Gram,
    /// Cache of set learners: each ridge's inverse, `[ridges, N, N]`.
    Inverse,
}

/// A of a set learner: channels of all its heads.
pub(super) fn set_channels(spec: &ModelSpec) -> usize {
    (spec.heads + spec.set().linear_heads) * spec.key_size
}

/// Queries, keys and values of one class of a set learner: 2·H·K + A.
pub(super) fn projections(spec: &ModelSpec) -> usize {
    2 * spec.channels() + set_channels(spec)
}

/// What buffers have room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Room {
    /// Rows of a list.
    pub rows: usize,
    /// Examples shown.
    pub slots: usize,
    /// Queries of a call.
    pub answers: usize,
    /// Classes in use: a learner of 200 that tells two apart takes no more memory than one of two.
    pub classes: usize,
}

/// Elements of a scratch or cache buffer.
pub(super) fn elements(spec: &ModelSpec, buffer: Buffer, room: Room) -> usize {
    let Room { rows, slots, answers, classes } = room;
    let weights = || unreachable!("weights have their own sizes");
    let Some(set) = &spec.equivariant else {
        return match buffer {
            Buffer::Labels => rows,
            Buffer::Inputs => rows * spec.inputs,
            Buffer::Hidden | Buffer::Normed => rows * spec.width,
            Buffer::Query | Buffer::Key | Buffer::Slot | Buffer::Value | Buffer::AttentionOutput => {
                rows * spec.channels()
            }
            Buffer::Mlp => rows * spec.mlp(),
            Buffer::Scores => rows * classes,
            Buffer::Answers => answers * classes,
            Buffer::AttentionWeights => spec.layers * spec.heads * (slots + 1),
            Buffer::Keys(_) | Buffer::Slots(_) | Buffer::Values(_) => slots * spec.channels(),
            _ => weights(),
        };
    };
    // inputs and embeddings come in lists that are not longer, whatever the states do
    let few = rows.min(MOST_ROWS);
    let view = |view: usize| match (&set.stem, view) {
        (Some(stem), 1) => stem.embedding,
        _ => spec.inputs,
    };
    match buffer {
        Buffer::Labels => slots,
        Buffer::Inputs => few * spec.inputs,
        Buffer::Hidden => rows * classes * spec.width,
        Buffer::Query => few * classes * spec.channels(),
        Buffer::AttentionOutput => rows * classes * set_channels(spec),
        Buffer::Scores => set.scores() * rows * classes,
        Buffer::Answers => answers * classes,
        Buffer::AttentionWeights => spec.layers * spec.heads * (slots + 1),
        Buffer::Plane(_) => {
            let sizes = set.stem.as_ref().map_or(Vec::new(), Stem::sizes);
            few * sizes.into_iter().skip(1).map(|(side, channels)| side * side * channels).max().unwrap_or(0)
        }
        Buffer::Embedding => few * view(1),
        Buffer::Relations => set.views() * 3 * rows * slots,
        Buffer::RowSquares => few,
        Buffer::RowScales => 2 * few,
        Buffer::Similar => set.ridge.len() * few * slots,
        Buffer::Alpha => set.ridge.len() * rows * slots,
        Buffer::Slots(_) => slots * classes * projections(spec),
        Buffer::Shown(v) => slots * view(v),
        Buffer::Mean(v) => view(v),
        Buffer::Squares(_) => slots,
        Buffer::Scales(_) => 2 * slots,
        Buffer::Swept | Buffer::Gram | Buffer::Inverse => set.ridge.len() * slots * slots,
        _ => weights(),
    }
}

/// Every scratch and cache buffer.
pub(super) fn buffers(spec: &ModelSpec) -> Vec<Buffer> {
    use Buffer::*;
    let Some(set) = &spec.equivariant else {
        let scratch = [
            Labels,
            Inputs,
            Hidden,
            Normed,
            Query,
            Key,
            Slot,
            Value,
            AttentionOutput,
            Mlp,
            Scores,
            Answers,
            AttentionWeights,
        ];
        let cache = (0..spec.layers).flat_map(|l| [Keys(l), Slots(l), Values(l)]);
        return scratch.into_iter().chain(cache).collect();
    };
    let scratch = [
        Labels,
        Inputs,
        Hidden,
        Query,
        AttentionOutput,
        Scores,
        Answers,
        AttentionWeights,
        Relations,
        RowSquares,
        RowScales,
    ];
    let stem = set.stem.as_ref().map_or([].as_slice(), |_| &[Plane(0), Plane(1), Embedding]);
    let views = (0..set.views()).flat_map(|v| [Shown(v), Mean(v), Squares(v), Scales(v)]);
    let ridges = [Similar, Alpha, Swept, Gram, Inverse];
    let layers = (0..spec.layers).map(Slots);
    scratch.into_iter().chain(stem.iter().copied()).chain(views).chain(ridges).chain(layers).collect()
}
