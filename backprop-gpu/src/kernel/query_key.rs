//! Queries and slot keys as they meet: s_j = (1 − g)·k_j + g·k_{j−1} with g of each head, and with q/k norm e^τ·q̂ and ŝ,
//! where ẑ = z/√(Σz² + ε); without it q/√K.

use super::common::{Kernel, Shader, bare, buffers, params, read, write};
#[cfg(feature = "parity")]
use super::common::{case, values};
#[cfg(feature = "parity")]
use shaders::kernel::common::Case;
use shaders::model::spec::QK_NORM_EPSILON;

params! {
    /// N = B·T.
    rows,
    /// T.
    tokens,
    /// H.
    heads,
    /// K.
    size,
    /// P, values of a row of what was projected.
    row,
    /// Place of the keys in a row; 0 if they are the queries.
    key,
    /// 0: keys stay; [`GATED`]; [`FULL`].
    shift,
    /// Place of the gates among the weights.
    gate,
    /// Whether queries and slot keys are normalised.
    normalise,
    /// Place of the temperatures among the weights.
    temperature,
    /// Padding.
    unused_0,
    /// Padding.
    unused_1,
}

/// A head's share of the key before is σ of its gate.
pub const GATED: u32 = 1;
/// A slot has the key before.
pub const FULL: u32 = 2;

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    shader: Shader {
        name: "query_key",
        source: bare!("query_key.wgsl"),
        workgroup: [64, 1, 1],
        constants: &[("EPSILON", QK_NORM_EPSILON as f64)],
        fields: FIELDS,
        params_size: size_of::<Params>(),
        bindings: &[read("projected"), read("weights"), write("met"), write("scales")],
    },
    run: |p, buffers| run(&bytemuck::pod_read_unaligned(p), buffers),
    #[cfg(feature = "parity")]
    cases,
};

/// Workgroups: one for 64 rows and heads.
pub fn grid(p: &Params) -> [u32; 3] {
    [(p.rows * p.heads).div_ceil(64), 1, 1]
}

/// A head's share of the key before in the key of a slot.
pub(super) fn share(p: &Params, weights: &[f64], head: usize) -> f64 {
    match p.shift {
        GATED => 1.0 / (1.0 + (-weights[p.gate as usize + head]).exp()),
        FULL => 1.0,
        _ => 0.0,
    }
}

/// What the queries of a head are multiplied by.
pub(super) fn factor(p: &Params, weights: &[f64], head: usize) -> f64 {
    match p.normalise {
        0 => 1.0 / f64::from(p.size).sqrt(),
        _ => weights[p.temperature as usize + head].exp(),
    }
}

/// # Shapes
/// `projected` `[N, P]`, `met` `[2, N, H, K]`, `scales` `[N, H, 2]`, 1/√(Σz² + ε) of query and slot key
fn run(p: &Params, all: &mut [Vec<f64>]) {
    let [projected, weights, met, scales] = buffers(all);
    let (size, heads) = (p.size as usize, p.heads as usize);
    for pair in 0..p.rows as usize * heads {
        let (row, head) = (pair / heads, pair % heads);
        let at = row * p.row as usize + head * size;
        let share = share(p, weights, head);
        let mut factor = factor(p, weights, head);
        let query = projected[at..at + size].to_vec();
        let key_at = at + p.key as usize;
        let before = |k: usize| match row % p.tokens as usize {
            0 => 0.0,
            _ => projected[key_at + k - p.row as usize],
        };
        let mut key: Vec<f64> = (0..size).map(|k| (1.0 - share) * projected[key_at + k] + share * before(k)).collect();
        if p.normalise != 0 {
            let unit = |z: &[f64]| 1.0 / (z.iter().map(|z| z * z).sum::<f64>() + f64::from(QK_NORM_EPSILON)).sqrt();
            [scales[2 * pair], scales[2 * pair + 1]] = [unit(&query), unit(&key)];
            factor *= scales[2 * pair];
            key.iter_mut().for_each(|k| *k *= scales[2 * pair + 1]);
        }
        let keys = p.rows as usize * heads * size;
        for k in 0..size {
            met[pair * size + k] = query[k] * factor;
            met[keys + pair * size + k] = key[k];
        }
    }
}

/// Every way that queries and keys meet, with names; for tests.
#[cfg(any(test, feature = "parity"))]
pub(super) fn ways() -> Vec<(&'static str, Params)> {
    let way = |rows, tokens, heads, size, parts: u32, shift, normalise| {
        let key = if parts == 3 { heads * size } else { 0 };
        let p = Params { rows, tokens, heads, size, row: parts * heads * size, key, ..Params::default() };
        Params { shift, normalise, gate: 1, temperature: 1 + heads, ..p }
    };
    vec![
        ("one element", way(1, 1, 1, 1, 3, 0, 0)),
        ("no shift", way(35, 5, 3, 7, 3, 0, 0)),
        ("full shift, normalised", way(35, 7, 3, 7, 3, FULL, 1)),
        ("gates, normalised", way(35, 7, 3, 7, 3, GATED, 1)),
        ("gates", way(66, 33, 2, 16, 3, GATED, 0)),
        ("one projection for both, gates, normalised", way(35, 7, 3, 7, 2, GATED, 1)),
        ("one projection for both, sequences of one token", way(5, 1, 2, 4, 2, 0, 1)),
    ]
}

#[cfg(feature = "parity")]
fn cases() -> Vec<Case> {
    let case = |(name, p): (&'static str, Params), size: f32| {
        let count = (p.rows * p.heads) as usize;
        let before = vec![
            values("query key", (p.rows * p.row) as usize, size),
            values("query key weights", 1 + 2 * p.heads as usize, 1.0),
            vec![0.5; 2 * count * p.size as usize],
            vec![0.5; 2 * count],
        ];
        // with a full shift the first slot has no key, and is scaled by 1/√ε = 1000, of which an ulp is 6e-5
        let tolerance = if p.normalise != 0 && p.shift == FULL { 2e-4 } else { 1e-5 * size };
        case(&KERNEL, name, (&p, grid(&p)), before, tolerance)
    };
    let mut cases: Vec<Case> = ways().into_iter().map(|way| case(way, 2.0)).collect();
    let (_, last) = ways().remove(1);
    cases.push(case(("values near ±80", last), 80.0));
    cases
}
