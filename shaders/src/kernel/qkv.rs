//! What attention reads of a token, in each class: RMS(u)·W with W the query, key and value projections side by side,
//! or some columns of it. RMS divides by √(mean of u² over classes and channels + ε); its γ is part of W already.

use super::common::{Case, Kernel, Shader, UNTOUCHED, accumulate, bare, params, read, rms, values, words, write};
use crate::model::spec::RMS_EPSILON;
use crate::simd::{add_row, inverse_rms};

params! {
    /// R.
    rows,
    /// C in use.
    classes,
    /// D.
    width,
    /// O: columns of W.
    outputs,
    /// First column that is wanted.
    first,
    /// How many are wanted.
    count,
    /// Elements from one row and class to the next in `output`; column o goes to element o.
    stride,
    /// Padding.
    unused_0,
}

pub(crate) const THREADS: u32 = 128;

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    shader: Shader {
        name: "qkv",
        source: bare!("qkv.wgsl"),
        workgroup: [THREADS, 1, 1],
        constants: &[("THREADS", THREADS as f64), ("EPSILON", RMS_EPSILON as f64)],
        fields: FIELDS,
        params_size: size_of::<Params>(),
        bindings: &[read("state"), read("weight"), write("output")],
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
/// `state` `[R, C, D]`, `weight` `[D, O]`, `output` `[R, C, stride]`.
pub fn reference(p: &Params, state: &[f32], weight: &[f32], output: &mut [f32]) {
    let (classes, width, outputs) = (p.classes as usize, p.width as usize, p.outputs as usize);
    let columns = p.first as usize..(p.first + p.count) as usize;
    let mut sums = vec![0f64; columns.len()];
    let outs = output.chunks_exact_mut(classes * p.stride as usize);
    for (token, out) in state.chunks_exact(classes * width).take(p.rows as usize).zip(outs) {
        let scale = 1.0 / rms(token);
        for (u, out) in token.chunks_exact(width).zip(out.chunks_exact_mut(p.stride as usize)) {
            sums.fill(0.0);
            let weights = weight.chunks_exact(outputs).map(|row| &row[columns.clone()]);
            accumulate(&mut sums, u.iter().map(|&u| f64::from(u)), weights);
            out[columns.clone()].iter_mut().zip(&sums).for_each(|(out, sum)| *out = (sum * scale) as f32);
        }
    }
}

/// As [`reference()`] in f32, for the engine on the CPU.
pub fn run(p: &Params, state: &[f32], weight: &[f32], output: &mut [f32]) {
    let (classes, width, outputs) = (p.classes as usize, p.width as usize, p.outputs as usize);
    let (first, count, stride) = (p.first as usize, p.count as usize, p.stride as usize);
    let outs = output.chunks_exact_mut(classes * stride);
    let mut normed = vec![0.0; width];
    for (token, out) in state.chunks_exact(classes * width).take(p.rows as usize).zip(outs) {
        let scale = inverse_rms(token, RMS_EPSILON);
        for (u, out) in token.chunks_exact(width).zip(out.chunks_exact_mut(stride)) {
            normed.iter_mut().zip(u).for_each(|(to, u)| *to = u * scale);
            let out = &mut out[first..first + count];
            out.fill(0.0);
            add_row(out, &normed, &weight[first..], outputs);
        }
    }
}

fn cases() -> Vec<Case> {
    let case = |name, p: Params, size: f32| {
        let state = values("project state", (p.rows * p.classes * p.width) as usize, size);
        let weight = values("project weight", (p.width * p.outputs) as usize, 1.0);
        let mut output = vec![UNTOUCHED; ((p.rows * p.classes + 1) * p.stride) as usize];
        let before = [&state, &weight, &output].map(|buffer| words(buffer)).to_vec();
        reference(&p, &state, &weight, &mut output);
        // D products of size about 1, and as many roundings of the norm
        let tolerance = 1e-6 * (p.width as f32).sqrt() + 4e-7 * p.width as f32;
        let params = bytemuck::bytes_of(&p).to_vec();
        Case { name, params, grid: grid(&p), before, after: vec![(2, output)], tolerance }
    };
    let p = Params { rows: 1, classes: 2, width: 1, outputs: 1, count: 1, stride: 1, ..Params::default() };
    vec![
        case("one channel", p, 1.0),
        case(
            "queries: the first columns",
            Params { rows: 3, classes: 5, width: 19, outputs: 67, count: 21, stride: 21, ..p },
            3.0,
        ),
        case(
            "the last layer: all but the first columns",
            Params { rows: 37, classes: 10, width: 16, outputs: 56, first: 16, count: 40, stride: 56, ..p },
            1.0,
        ),
        case("a state of zeros", Params { rows: 2, classes: 3, width: 8, outputs: 9, count: 9, stride: 9, ..p }, 0.0),
        case("many classes", Params { rows: 2, classes: 256, width: 64, outputs: 70, count: 70, stride: 70, ..p }, 1.0),
        case(
            "values near ±80",
            Params { rows: 9, classes: 4, width: 33, outputs: 20, count: 20, stride: 20, ..p },
            80.0,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_classes_of_a_token_share_one_norm() {
        let p =
            Params { rows: 1, classes: 2, width: 1, outputs: 2, first: 1, count: 1, stride: 2, ..Params::default() };
        let mut output = [9.0; 4];
        reference(&p, &[3.0, 1.0], &[50.0, 1.0], &mut output);
        let norm = 5f32.sqrt();
        assert_eq!((output[0], output[2]), (9.0, 9.0));
        assert!((output[1] - 3.0 / norm).abs() < 1e-5 && (output[3] - 1.0 / norm).abs() < 1e-5, "{output:?}");
    }

    #[test]
    #[cfg(feature = "parity")]
    fn the_f32_half_is_as_close_to_the_formula_as_the_one_in_wgsl() {
        crate::kernel::common::check_run(&KERNEL, |p, b| {
            let [state, weight, output] = b else { unreachable!() };
            run(p, state, weight, output);
        });
    }
}
