//! Muon's step along a direction whose singular values are about 1, and the running average.

use super::common::{Kernel, Shader, bare, buffers, number, params, read, write};
#[cfg(feature = "parity")]
use super::common::{case, values};
use super::muon_momentum::place;
#[cfg(feature = "parity")]
use shaders::kernel::common::Case;

params! {
    /// r, rows of a matrix the wide way round.
    rows,
    /// c, its columns.
    columns,
    /// M.
    matrices,
    /// What the direction is multiplied by; this and what follows are the bits of an f32.
    step,
    /// Decay of the running average.
    average_keep,
    /// What it takes of the weights.
    average_take,
    /// Padding.
    unused_0,
    /// Padding.
    unused_1,
}

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    shader: Shader {
        name: "muon_step",
        source: bare!("muon_step.wgsl"),
        workgroup: [256, 1, 1],
        constants: &[],
        fields: FIELDS,
        params_size: size_of::<Params>(),
        bindings: &[read("places"), read("numbers"), read("direction"), write("weights"), write("average")],
    },
    run: |p, buffers| run(&bytemuck::pod_read_unaligned(p), buffers),
    #[cfg(feature = "parity")]
    cases,
};

/// Workgroups: one for 256 values of each matrix.
pub fn grid(p: &Params) -> [u32; 3] {
    [(p.rows * p.columns).div_ceil(256), p.matrices, 1]
}

/// # Shapes
/// `places` `[M, 3]`, `numbers` `[2 + T]`, `direction` `[M, r, c]`, `weights` and `average` `[weights]`
fn run(p: &Params, all: &mut [Vec<f64>]) {
    let [places, numbers, direction, weights, average] = buffers(all);
    if !numbers[..2].iter().all(|number| number.is_finite()) {
        return;
    }
    let size = (p.rows * p.columns) as usize;
    for (index, d) in direction.iter().enumerate().take(p.matrices as usize * size) {
        let at = place(places, [p.rows, p.columns], index / size, index % size);
        weights[at] -= d * number(p.step);
        average[at] = average[at] * number(p.average_keep) + weights[at] * number(p.average_take);
    }
}

#[cfg(feature = "parity")]
fn cases() -> Vec<Case> {
    use super::muon_momentum::placed;
    let case = |name, [rows, columns, matrices]: [u32; 3], norm: f32, size: f32| {
        let bits = |value: f32| value.to_bits();
        let p = Params { rows, columns, matrices, step: bits(0.1), ..Params::default() };
        let p = Params { average_keep: bits(0.7), average_take: bits(0.3), ..p };
        let each = (rows * columns) as usize;
        let places = (0..matrices as usize).flat_map(|m| placed(2 + m * each, m % 2 == 1)).collect();
        let weights = 2 + matrices as usize * each;
        let before = vec![
            places,
            vec![1.0, norm],
            values("direction", weights - 2, size),
            values("weights", weights, size),
            values("average", weights, size),
        ];
        case(&KERNEL, name, (&p, grid(&p)), before, 1e-6 * size)
    };
    vec![
        case("one value", [1, 1, 1], 0.5, 1.0),
        case("three matrices, one of them tall", [7, 43, 3], 4.0, 1.0),
        case("values near ±80", [16, 16, 2], 0.5, 80.0),
        case("a norm that is infinite", [3, 5, 2], f32::INFINITY, 1.0),
    ]
}
