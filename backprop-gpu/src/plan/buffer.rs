//! The buffers of a step and their sizes.

use shaders::model::spec::{KeyShift, ModelSpec, QueryKey};

/// Sizes of a step, with the letters of the axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// B
    pub batch: u32,
    /// T
    pub tokens: u32,
    /// N = B·T
    pub rows: u32,
    /// X
    pub x: u32,
    /// C
    pub c: u32,
    /// D
    pub d: u32,
    /// F
    pub f: u32,
    /// H
    pub h: u32,
    /// K
    pub k: u32,
    /// H·K
    pub hk: u32,
    /// Query, key (unless it is the query) and value: 2 or 3.
    pub parts: u32,
    /// P = parts·H·K
    pub p: u32,
    /// Numbers of each head that are learned: its gate, its temperature.
    pub switches: u32,
    /// Shares that the gradient is summed in.
    pub shares: u32,
    /// Weights.
    pub total: u32,
}

/// Tokens of a share of the gradient, about: enough products run side by side, and there are few shares to add.
const SHARE: u32 = 256;
/// Most shares.
const MOST_SHARES: u32 = 16;

impl Sizes {
    /// Of B sequences of T examples. Shares of the gradient take at most `most` bytes together.
    pub fn new(spec: &ModelSpec, total: usize, [batch, tokens]: [usize; 2], most: u64) -> Sizes {
        let [batch, tokens, total] = [batch, tokens, total].map(|size| size as u32);
        let [x, c, d, f] = [spec.inputs, spec.classes, spec.width, spec.mlp()].map(|size| size as u32);
        let (h, k) = (spec.heads as u32, spec.key_size as u32);
        let parts = if spec.query_key == QueryKey::Tied { 2 } else { 3 };
        let rows = batch * tokens;
        let fit = (most / (4 * u64::from(total))).clamp(1, u64::from(MOST_SHARES)) as u32;
        Sizes {
            batch,
            tokens,
            rows,
            x,
            c,
            d,
            f,
            h,
            k,
            hk: h * k,
            parts,
            p: parts * h * k,
            switches: u32::from(spec.key_shift == KeyShift::Gated) + u32::from(spec.qk_norm),
            shares: rows.div_ceil(SHARE).clamp(1, fit),
            total,
        }
    }
}

/// Matrices of one shape that Muon moves, the wide way round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group {
    /// M
    pub matrices: u32,
    /// r
    pub rows: u32,
    /// c, at least r.
    pub columns: u32,
}

/// A buffer of f32. Those of a norm are numbered: 2·l before attention of layer l, 2·l + 1 before its MLP, and a last one
/// before the read-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Buffer {
    /// `[weights]`, as [`backprop::Layout`] has them; so the next four.
    Weights,
    /// The weights' running average.
    Average,
    /// Adam's first moment.
    First,
    /// Adam's second moment.
    Second,
    /// Of the last batch.
    Gradient,
    /// The gradient in shares, `[shares, weights]`.
    Parts,
    /// Sums of squares of the gradient, `[workgroups]`.
    Squares,
    /// Loss, norm, right answers, `[2 + T]`.
    Numbers,
    /// `[B, T, X]`
    Inputs,
    /// `[B, T]`
    Labels,
    /// What the embedding's matrix is multiplied by, `[N, X + C]`.
    Tokens,
    /// The residual stream, `[N, D]`.
    State,
    /// Normalised rows of a norm, `[N, D]`.
    Normal(u32),
    /// Their scale, `[N]`.
    Scale(u32),
    /// What a norm gives, `[N, D]`.
    Z(u32),
    /// Query, key and value of a layer, `[N, P]`.
    Projected(u32),
    /// Queries and slot keys as they meet, `[2, N, H·K]`.
    Met(u32),
    /// 1/|z| of both, `[N, H, 2]`.
    Scales(u32),
    /// Attention weights, `[B, H, T, T]`.
    Attention(u32),
    /// Mixed values, `[N, H·K]`.
    Mixed(u32),
    /// GELU's output, `[N, F]`.
    Active(u32),
    /// GELU's derivative, `[N, F]`.
    Slope(u32),
    /// Logits, then their gradient, `[N, C]`.
    Logits,
    /// Losses and right answers, `[2, N]`.
    Losses,
    /// Gradient of [`Buffer::State`]; the following are of what they are named after.
    DState,
    /// `[N, D]`
    DZ,
    /// `[N, F]`
    DActive,
    /// `[N, H·K]`
    DMixed,
    /// `[N, P]`
    DProjected,
    /// `[2, N, H·K]`
    DMet,
    /// `[B, H, T, T]`
    DAttention,
    /// Gradients of gates and temperatures from each token, `[N, switches, H]`.
    Slopes,
    /// 1 where Muon moves a weight, `[weights]`.
    ByMuon,
    /// Where the matrices of a group lie, `[M, 3]`.
    MuonPlaces(Group),
    /// Muon's matrices, `[M, r, c]`: one step of its iteration, and the next.
    Muon(Group, bool),
    /// X·Xᵀ, `[M, r, r]`.
    Gram(Group),
    /// What it is multiplied by, `[M, r, r]`.
    Factor(Group),
    /// The polynomial of it, `[M, r, r]`.
    Polynomial(Group),
    /// Bound where a kernel has no use for a binding.
    Nothing,
}

impl Buffer {
    /// Values in it.
    pub fn len(self, s: &Sizes) -> u64 {
        let [n, d, hk, t] = [s.rows, s.d, s.hk, s.tokens].map(u64::from);
        let square = u64::from(s.batch * s.h) * t * t;
        match self {
            Buffer::Weights | Buffer::Average | Buffer::First | Buffer::Second => s.total.into(),
            Buffer::Gradient | Buffer::ByMuon => s.total.into(),
            Buffer::MuonPlaces(group) => 3 * u64::from(group.matrices),
            Buffer::Muon(group, _) => u64::from(group.matrices) * u64::from(group.rows) * u64::from(group.columns),
            Buffer::Gram(group) | Buffer::Factor(group) | Buffer::Polynomial(group) => {
                u64::from(group.matrices) * u64::from(group.rows).pow(2)
            }
            Buffer::Parts => u64::from(s.total) * u64::from(s.shares),
            Buffer::Squares => s.total.div_ceil(1024).into(),
            Buffer::Numbers => 2 + t,
            Buffer::Inputs => n * u64::from(s.x),
            Buffer::Labels | Buffer::Scale(_) => n,
            Buffer::Tokens => n * u64::from(s.x + s.c),
            Buffer::State | Buffer::Normal(_) | Buffer::Z(_) | Buffer::DState | Buffer::DZ => n * d,
            Buffer::Projected(_) | Buffer::DProjected => n * u64::from(s.p),
            Buffer::Met(_) | Buffer::DMet => 2 * n * hk,
            Buffer::Scales(_) => 2 * n * u64::from(s.h),
            Buffer::Attention(_) | Buffer::DAttention => square,
            Buffer::Mixed(_) | Buffer::DMixed => n * hk,
            Buffer::Active(_) | Buffer::Slope(_) | Buffer::DActive => n * u64::from(s.f),
            Buffer::Logits => n * u64::from(s.c),
            Buffer::Losses => 2 * n,
            Buffer::Slopes => n * u64::from(s.switches * s.h),
            Buffer::Nothing => 1,
        }
    }

    /// Whether it stays when the shape of batches changes.
    pub fn lasts(self) -> bool {
        matches!(self, Buffer::Weights | Buffer::Average | Buffer::First | Buffer::Second | Buffer::Gradient)
    }
}
