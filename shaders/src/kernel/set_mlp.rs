//! The rest of a layer of a set learner after attention, in each class:
//!
//! ```text
//! u_c += mixed_c·W_o;   z = RMS(u);   u_c += ReLU([z_c, mean_c z_c]·W_up + b_up)·W_down + b_down
//! ```
//!
//! The γ of the norm is part of W_up already.

use super::common::{Case, Kernel, Shader, accumulate, bare, params, read, rms, values, words, write};
use crate::model::spec::RMS_EPSILON;
use crate::simd::{Scratch, add, add_row, add_rows, inverse_rms, positive};

params! {
    /// R.
    rows,
    /// C in use.
    classes,
    /// D.
    width,
    /// A: channels of all heads.
    channels,
    /// F.
    hidden,
    /// Padding.
    unused_0,
    /// Padding.
    unused_1,
    /// Padding.
    unused_2,
}

pub(crate) const THREADS: u32 = 128;
/// Tokens that the f32 half updates at a time.
const TOKENS: usize = 16;
/// Most hidden units F; [`crate::ModelSpec::validate`] keeps to it.
pub const HIDDEN: u32 = 896;

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    shader: Shader {
        name: "set_mlp",
        source: bare!("set_mlp.wgsl"),
        workgroup: [THREADS, 1, 1],
        constants: &[("THREADS", THREADS as f64), ("HIDDEN", HIDDEN as f64), ("EPSILON", RMS_EPSILON as f64)],
        fields: FIELDS,
        params_size: size_of::<Params>(),
        bindings: &[read("mixed"), read("output_weight"), read("up"), read("down"), write("state")],
    },
    #[cfg(feature = "parity")]
    cases,
};

/// Workgroups: one for each row.
pub fn grid(p: &Params) -> [u32; 3] {
    [p.rows, 1, 1]
}

/// Straight from the formula, with its sums in f64.
///
/// # Shapes
/// `mixed` `[R, C, A]`, `output_weight` `[A, D]`, `up` `[2·D + 1, F]` and `down` `[F + 1, D]`, biases last; `state`
/// `[R, C, D]`.
pub fn reference(p: &Params, mixed: &[f32], output_weight: &[f32], up: &[f32], down: &[f32], state: &mut [f32]) {
    let (classes, width, channels) = (p.classes as usize, p.width as usize, p.channels as usize);
    let units = p.hidden as usize;
    let widen = |row: &[f32]| -> Vec<f64> { row.iter().map(|&value| f64::from(value)).collect() };
    let (own, rest) = up.split_at(width * units);
    let (shared, up_bias) = rest.split_at(width * units);
    let (down, down_bias) = down.split_at(units * width);
    let mut hidden = vec![0f64; units];
    let tokens = state.chunks_exact_mut(classes * width).zip(mixed.chunks_exact(classes * channels));
    for (token, mixed) in tokens.take(p.rows as usize) {
        let mut state = widen(token);
        for (u, mixed) in state.chunks_exact_mut(width).zip(mixed.chunks_exact(channels)) {
            accumulate(u, mixed.iter().map(|&m| f64::from(m)), output_weight.chunks_exact(width));
        }
        let scale = 1.0 / rms(&state);
        let mut mean = vec![0f64; width];
        for u in state.chunks_exact(width) {
            mean.iter_mut().zip(u).for_each(|(mean, u)| *mean += u * scale / classes as f64);
        }
        // what all classes have in common
        let mut common = widen(up_bias);
        accumulate(&mut common, mean.iter().copied(), shared.chunks_exact(units));
        for (u, out) in state.chunks_exact_mut(width).zip(token.chunks_exact_mut(width)) {
            hidden.copy_from_slice(&common);
            accumulate(&mut hidden, u.iter().map(|u| u * scale), own.chunks_exact(units));
            accumulate(u, hidden.iter().map(|h| h.max(0.0)), down.chunks_exact(width));
            let sums = u.iter().zip(down_bias);
            out.iter_mut().zip(sums).for_each(|(out, (u, &bias))| *out = (u + f64::from(bias)) as f32);
        }
    }
}

/// As [`reference()`] in f32, for the engine on the CPU.
pub fn run(
    p: &Params,
    mixed: &[f32],
    output_weight: &[f32],
    up: &[f32],
    down: &[f32],
    state: &mut [f32],
    scratch: &mut Scratch,
) {
    let (classes, width, channels) = (p.classes as usize, p.width as usize, p.channels as usize);
    let units = p.hidden as usize;
    let (own, rest) = up.split_at(width * units);
    let (shared, up_bias) = rest.split_at(width * units);
    let (down, down_bias) = down.split_at(units * width);
    let state = &mut state[..p.rows as usize * classes * width];
    let Scratch { tiles, rows, hidden } = scratch;
    let parts = state.chunks_mut(TOKENS * classes * width).zip(mixed.chunks(TOKENS * classes * channels));
    for (state, mixed) in parts {
        add_rows(state, mixed, channels, channels, output_weight, tiles);
        rows.clear();
        hidden.clear();
        for token in state.chunks_exact(classes * width) {
            let scale = inverse_rms(token, RMS_EPSILON);
            rows.extend(token.iter().map(|u| u * scale));
            let mut mean = vec![0.0; width];
            let normed = &rows[rows.len() - token.len()..];
            normed.chunks_exact(width).for_each(|z| add(&mut mean, 1.0 / classes as f32, z));
            // what all classes have in common
            let mut common = up_bias[..units].to_vec();
            add_row(&mut common, &mean, shared, units);
            (0..classes).for_each(|_| hidden.extend_from_slice(&common));
        }
        add_rows(hidden, rows, width, width, own, tiles);
        hidden.iter_mut().for_each(|h| *h = positive(*h));
        state.chunks_exact_mut(width).for_each(|u| add(u, 1.0, down_bias));
        add_rows(state, hidden, units, units, down, tiles);
    }
}

fn cases() -> Vec<Case> {
    let case = |name, p: Params, size: f32| {
        let (rows, classes, d, a, f) =
            (p.rows as usize, p.classes as usize, p.width as usize, p.channels as usize, p.hidden as usize);
        let mixed = values("update mixed", rows * classes * a, size);
        let output_weight = values("update output", a * d, 1.0 / (a as f32).sqrt());
        let up = values("update up", (2 * d + 1) * f, 1.0 / (d as f32).sqrt());
        let down = values("update down", (f + 1) * d, 1.0 / (f as f32).sqrt());
        let mut state = values("update state", (rows * classes + 1) * d, size);
        let before = [&mixed, &output_weight, &up, &down, &state].map(|buffer| words(buffer)).to_vec();
        reference(&p, &mixed, &output_weight, &up, &down, &mut state);
        // sums of A products up to size/√A, then of D and F products of about 1/√D and 1/√F
        let sums = size * (a as f32).sqrt() + (d as f32).sqrt() + (f as f32).sqrt();
        let tolerance = 8.0 * (sums + 4.0) / (1 << 24) as f32 + 1e-6 * size.max(1.0);
        let params = bytemuck::bytes_of(&p).to_vec();
        Case { name, params, grid: grid(&p), before, after: vec![(4, state)], tolerance }
    };
    let p = Params { rows: 1, classes: 2, width: 1, channels: 1, hidden: 1, ..Params::default() };
    vec![
        case("one channel", p, 1.0),
        case("the usual sizes", Params { rows: 3, classes: 10, width: 16, channels: 24, hidden: 48, ..p }, 1.0),
        case(
            "sizes that no workgroup divides",
            Params { rows: 5, classes: 7, width: 19, channels: 33, hidden: 67, ..p },
            1.0,
        ),
        case(
            "the most classes, several at a time",
            Params { rows: 2, classes: 256, width: 16, channels: 24, hidden: 48, ..p },
            1.0,
        ),
        case("the widest", Params { rows: 2, classes: 9, width: 224, channels: 64, hidden: 896, ..p }, 1.0),
        case("a long context", Params { rows: 255, classes: 5, width: 16, channels: 24, hidden: 48, ..p }, 1.0),
        case("values near ±80", Params { rows: 4, classes: 3, width: 16, channels: 24, hidden: 48, ..p }, 80.0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_over_classes_reaches_every_class() {
        // nothing mixed in; the MLP passes on the mean of z alone
        let p = Params { rows: 1, classes: 2, width: 1, channels: 1, hidden: 1, ..Params::default() };
        let mut state = [3.0, 1.0];
        reference(&p, &[0.0; 2], &[1.0], &[0.0, 1.0, 0.0], &[1.0, 0.5], &mut state);
        let mean = 2.0 / 5f32.sqrt();
        assert!((state[0] - 3.5 - mean).abs() < 1e-5 && (state[1] - 1.5 - mean).abs() < 1e-5, "{state:?}");
    }

    #[test]
    #[cfg(feature = "parity")]
    fn the_f32_half_is_as_close_to_the_formula_as_the_one_in_wgsl() {
        crate::kernel::common::check_run(&KERNEL, |p, b| {
            let [mixed, weight, up, down, state] = b else { unreachable!() };
            run(p, mixed, weight, up, down, state, &mut Scratch::default());
        });
    }
}
