//! Slot keys: s_j = (1 − g)·k_j + g·k_{j−1} with k_{−1} = 0, and with q/k norm ŝ = s/√(Σs² + ε) in each head.
//! The blend g is 0 without key shift, 1 with the full one, σ(gate) with the gated one.

use super::common::{Case, Kernel, Shader, UNTOUCHED, bare, params, read, values, words, write};
use crate::model::spec::QK_NORM_EPSILON;

params! {
    /// R.
    rows,
    /// H.
    heads,
    /// K.
    key_size,
    /// Position of row 0.
    first,
    /// Positions from one row to the next: 1 for tokens in a row, 0 for queries on one context.
    step,
    /// Row of `own` that belongs to row 0.
    own_first,
    /// Row of `output` that takes row 0.
    output_first,
    /// Whether slot keys are normalised.
    normalise,
}

const THREADS: u32 = 64;

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    shader: Shader {
        name: "key_shift",
        source: bare!("key_shift.wgsl"),
        workgroup: [THREADS, 1, 1],
        constants: &[("THREADS", THREADS as f64), ("EPSILON", QK_NORM_EPSILON as f64)],
        fields: FIELDS,
        params_size: size_of::<Params>(),
        bindings: &[read("own"), read("previous"), read("blend"), write("output")],
    },
    #[cfg(feature = "parity")]
    cases,
};

/// Workgroups: one for each row and head.
pub fn grid(p: &Params) -> [u32; 3] {
    [p.rows, p.heads, 1]
}

/// On the CPU, with its sums in f64: the engine has no faster half, as little time is spent here.
///
/// # Shapes
/// `own` `[own_first + R, H, K]`, `previous` `[T, H, K]` by position, `blend` `[H]`, `output` `[output_first + R, H, K]`.
pub fn run(p: &Params, own: &[f32], previous: &[f32], blend: &[f32], output: &mut [f32]) {
    let (heads, size) = (p.heads as usize, p.key_size as usize);
    for row in 0..p.rows as usize {
        let position = p.first as usize + p.step as usize * row;
        for (head, &blend) in blend.iter().enumerate() {
            let at = |row: usize| (row * heads + head) * size;
            let own = &own[at(p.own_first as usize + row)..][..size];
            let before = position.checked_sub(1).map(|before| &previous[at(before)..][..size]);
            let g = f64::from(blend);
            let key = |k: usize| (1.0 - g) * f64::from(own[k]) + g * before.map_or(0.0, |b| f64::from(b[k]));
            let scale = match p.normalise {
                0 => 1.0,
                _ => 1.0 / ((0..size).map(|k| key(k).powi(2)).sum::<f64>() + f64::from(QK_NORM_EPSILON)).sqrt(),
            };
            let out = &mut output[at(p.output_first as usize + row)..][..size];
            out.iter_mut().enumerate().for_each(|(k, out)| *out = (scale * key(k)) as f32);
        }
    }
}

fn cases() -> Vec<Case> {
    let case = |name, p: Params, size: f32, blend: &[f32]| {
        let channels = (p.heads * p.key_size) as usize;
        let own = values("keys own", (p.own_first + p.rows) as usize * channels, size);
        let previous = values("keys previous", (p.first + p.rows).max(1) as usize * channels, size);
        let mut output = vec![UNTOUCHED; (p.output_first + p.rows + 1) as usize * channels];
        let before = vec![words(&own), words(&previous), words(blend), words(&output)];
        run(&p, &own, &previous, blend, &mut output);
        // a few roundings of values up to `size`; normalised ones are at most 1
        let tolerance = if p.normalise != 0 { 2e-6 } else { 4e-7 * size.max(1.0) };
        Case {
            name,
            params: bytemuck::bytes_of(&p).to_vec(),
            grid: grid(&p),
            before,
            after: vec![(3, output)],
            tolerance,
        }
    };
    let p = Params { rows: 1, heads: 1, key_size: 1, ..Params::default() };
    vec![
        case("one element before every other", p, 1.0, &[0.3]),
        case(
            "zero vectors under the norm",
            Params { rows: 3, heads: 2, key_size: 16, step: 1, normalise: 1, ..p },
            0.0,
            &[0.5, 1.0],
        ),
        case(
            "gated, tokens in a row",
            Params { rows: 7, heads: 3, key_size: 67, first: 2, step: 1, own_first: 2, output_first: 2, ..p },
            3.0,
            &[0.0, 1.0, 0.4],
        ),
        case(
            "full, normalised, from the first token",
            Params { rows: 255, heads: 2, key_size: 64, step: 1, normalise: 1, ..p },
            3.0,
            &[1.0, 1.0],
        ),
        case(
            "queries at the longest position",
            Params { rows: 5, heads: 2, key_size: 32, first: 2047, normalise: 1, ..p },
            1.0,
            &[1.0, 0.7],
        ),
        case(
            "none, values near ±80",
            Params { rows: 4, heads: 1, key_size: 256, first: 1, step: 1, ..p },
            80.0,
            &[0.0],
        ),
        case(
            "normalised, values near ±80",
            Params { rows: 4, heads: 2, key_size: 200, first: 1, step: 1, normalise: 1, ..p },
            80.0,
            &[0.0, 0.9],
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_shift_takes_the_key_before() {
        let p = Params { rows: 2, heads: 1, key_size: 2, step: 1, ..Params::default() };
        let keys = [1.0, 2.0, 3.0, 4.0];
        let mut output = [9.0; 4];
        run(&p, &keys, &keys, &[1.0], &mut output);
        assert_eq!(output, [0.0, 0.0, 1.0, 2.0]);
        run(&p, &keys, &keys, &[0.0], &mut output);
        assert_eq!(output, keys);
    }
}
