//! LayerNorm: (x − mean)/√(variance + ε)·γ + β over each row.

use super::common::{Case, Kernel, Shader, UNTOUCHED, bare, params, read, values, words, write};
use crate::model::spec::LAYER_NORM_EPSILON;

params! {
    /// R.
    rows,
    /// D.
    width,
    /// Padding.
    unused_0,
    /// Padding.
    unused_1,
}

const THREADS: u32 = 64;

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    shader: Shader {
        name: "layer_norm",
        source: bare!("layer_norm.wgsl"),
        workgroup: [THREADS, 1, 1],
        constants: &[("THREADS", THREADS as f64), ("EPSILON", LAYER_NORM_EPSILON as f64)],
        fields: FIELDS,
        params_size: size_of::<Params>(),
        bindings: &[read("input"), read("gamma"), read("beta"), write("output")],
    },
    #[cfg(feature = "parity")]
    cases,
};

/// Workgroups: one for each row.
pub fn grid(p: &Params) -> [u32; 3] {
    [p.rows, 1, 1]
}

/// On the CPU, with its sums in f64: the engine has no faster half, as little time is spent here.
///
/// # Shapes
/// `input` and `output` `[R, D]`, `gamma` and `beta` `[D]`.
pub fn run(p: &Params, input: &[f32], gamma: &[f32], beta: &[f32], output: &mut [f32]) {
    let width = p.width as usize;
    let rows = input.chunks_exact(width).zip(output.chunks_exact_mut(width)).take(p.rows as usize);
    for (row, out) in rows {
        let mean = row.iter().map(|&x| f64::from(x)).sum::<f64>() / width as f64;
        let variance = row.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / width as f64;
        let scale = 1.0 / (variance + f64::from(LAYER_NORM_EPSILON)).sqrt();
        for (((out, &x), &g), &b) in out.iter_mut().zip(row).zip(gamma).zip(beta) {
            *out = ((f64::from(x) - mean) * scale * f64::from(g) + f64::from(b)) as f32;
        }
    }
}

fn cases() -> Vec<Case> {
    let case = |name, rows: u32, width: u32, make: fn(usize) -> Vec<f32>, tolerance| {
        let p = Params { rows, width, ..Params::default() };
        let input = make((rows * width) as usize);
        let (gamma, beta) = (values("norm gamma", width as usize, 2.0), values("norm beta", width as usize, 1.0));
        let mut output = vec![UNTOUCHED; ((rows + 1) * width) as usize];
        let before = vec![words(&input), words(&gamma), words(&beta), words(&output)];
        run(&p, &input, &gamma, &beta, &mut output);
        Case {
            name,
            params: bytemuck::bytes_of(&p).to_vec(),
            grid: grid(&p),
            before,
            after: vec![(3, output)],
            tolerance,
        }
    };
    // Normalised values stay below √D, times γ ≤ 2: sums of D terms of size 1 lose about √D ulp, 1e-6 of a result near 4.
    let plain = 1e-5;
    // With a mean of 1000 and a spread of 1 the inputs' own differences keep 2^-24·1000 = 6e-5 after the mean is rounded.
    let shifted = 5e-4;
    vec![
        case("one element", 1, 1, |n| values("norm", n, 3.0), plain),
        case("one row", 1, 128, |n| values("norm", n, 3.0), plain),
        case("a width that no workgroup divides", 5, 67, |n| values("norm", n, 3.0), plain),
        case("equal values: variance 0", 2, 64, |n| vec![3.0; n], plain),
        case("a long context", 255, 96, |n| values("norm", n, 1.0), plain),
        case("values near ±80", 3, 256, |n| values("norm", n, 80.0), plain),
        case("a large mean", 3, 100, |n| values("norm", n, 1.0).iter().map(|v| v + 1000.0).collect(), shifted),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_get_mean_beta_and_deviation_gamma() {
        let p = Params { rows: 1, width: 2, ..Params::default() };
        let mut output = [0.0; 2];
        run(&p, &[10.0, 30.0], &[2.0, 2.0], &[5.0, 5.0], &mut output);
        assert!((output[0] - 3.0).abs() < 1e-5 && (output[1] - 7.0).abs() < 1e-5, "{output:?}");
    }
}
