//! LayerNorm (Ba, Kiros and Hinton, arXiv 1607.06450) for training: the normalised rows x̂ = (x − mean)/√(variance + ε) and
//! their scale 1/√(variance + ε) are kept for the backward pass.

use super::common::{Kernel, ROWS, Shader, bare, buffers, params, read, write};
#[cfg(feature = "parity")]
use super::common::{case, values};
#[cfg(feature = "parity")]
use shaders::kernel::common::Case;
use shaders::model::spec::LAYER_NORM_EPSILON;

params! {
    /// N.
    rows,
    /// D.
    width,
    /// Place of γ among the weights; β follows it.
    gamma,
    /// Padding.
    unused_0,
}

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    shader: Shader {
        name: "norm",
        source: bare!("norm.wgsl"),
        workgroup: [8, ROWS, 1],
        constants: &[("EPSILON", LAYER_NORM_EPSILON as f64)],
        fields: FIELDS,
        params_size: size_of::<Params>(),
        bindings: &[read("input"), read("weights"), write("normal"), write("scale"), write("output")],
    },
    run: |p, buffers| run(&bytemuck::pod_read_unaligned(p), buffers),
    #[cfg(feature = "parity")]
    cases,
};

/// Workgroups: one for 8 rows.
pub fn grid(p: &Params) -> [u32; 3] {
    [p.rows.div_ceil(ROWS), 1, 1]
}

/// # Shapes
/// `input`, `normal` and `output` `[N, D]`, `weights` from `gamma` `[2, D]`, `scale` `[N]`
fn run(p: &Params, all: &mut [Vec<f64>]) {
    let [input, weights, normal, scale, output] = buffers(all);
    let d = p.width as usize;
    let (gamma, beta) = weights[p.gamma as usize..][..2 * d].split_at(d);
    for row in 0..p.rows as usize {
        let x = &input[row * d..(row + 1) * d];
        let mean = x.iter().sum::<f64>() / d as f64;
        let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / d as f64;
        scale[row] = 1.0 / (variance + f64::from(LAYER_NORM_EPSILON)).sqrt();
        for i in 0..d {
            normal[row * d + i] = (x[i] - mean) * scale[row];
            output[row * d + i] = normal[row * d + i] * gamma[i] + beta[i];
        }
    }
}

#[cfg(feature = "parity")]
fn cases() -> Vec<Case> {
    let case = |name, rows: u32, width: u32, make: fn(f32) -> f32, tolerance| {
        let p = Params { rows, width, gamma: 3, ..Params::default() };
        let (n, d) = (rows as usize, width as usize);
        let input = values("norm", n * d, 3.0).into_iter().map(make).collect();
        let before =
            vec![input, values("norm weights", 3 + 2 * d, 2.0), vec![0.5; n * d], vec![0.5; n], vec![0.5; n * d]];
        case(&KERNEL, name, (&p, grid(&p)), before, tolerance)
    };
    // Normalised values stay below √D, times γ ≤ 2: sums of D terms of size 1 lose about √D ulp, 1e-6 of a result near 4.
    let plain = 1e-5;
    vec![
        case("one row", 1, 128, |x| x, plain),
        case("sizes that no workgroup divides", 19, 67, |x| x, plain),
        // 1/√ε, of which a few ulp
        case("equal values: variance 0", 2, 64, |_| 3.0, 1e-3),
        case("values near ±80", 9, 256, |x| x * 27.0, plain),
        // with a spread of 3 the inputs' own differences keep 2^-24·1000 = 6e-5 after the mean is rounded
        case("a large mean", 3, 100, |x| x + 1000.0, 5e-4),
    ]
}
