//! Muon's momentum, and what it wants: the look ahead of Nesterov, as [`backprop::muon`] has it, the wide way round: a matrix
//! with more rows than columns is transposed.

use super::common::{Kernel, Shader, bare, buffers, number, params, read, write};
#[cfg(feature = "parity")]
use super::common::{case, values};
#[cfg(feature = "parity")]
use shaders::kernel::common::Case;

params! {
    /// r, rows of a matrix the wide way round.
    rows,
    /// c, its columns.
    columns,
    /// M.
    matrices,
    /// Decay of the momentum; this and what follows are the bits of an f32.
    keep,
    /// Share of a new gradient in it.
    take,
    /// How far is looked ahead.
    ahead,
    /// Largest norm of the gradient; 0 is for no limit.
    clip,
    /// Padding.
    unused_0,
}

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    shader: Shader {
        name: "muon_momentum",
        source: bare!("muon_momentum.wgsl"),
        workgroup: [256, 1, 1],
        constants: &[],
        fields: FIELDS,
        params_size: size_of::<Params>(),
        bindings: &[read("places"), read("gradient"), read("numbers"), write("velocity"), write("wanted")],
    },
    run: |p, buffers| run(&bytemuck::pod_read_unaligned(p), buffers),
    #[cfg(feature = "parity")]
    cases,
};

/// Workgroups: one for 256 values of each matrix.
pub fn grid(p: &Params) -> [u32; 3] {
    [(p.rows * p.columns).div_ceil(256), p.matrices, 1]
}

/// A matrix in `places`: its place in two halves of 16 bits, which an f32 holds exactly, and whether it is tall.
pub fn placed(place: usize, tall: bool) -> [f32; 3] {
    [(place >> 16) as f32, (place & 0xffff) as f32, f32::from(u8::from(tall))]
}

/// Where value `at` of a matrix the wide way round lies among the weights.
pub(super) fn place(places: &[f64], [rows, columns]: [u32; 2], matrix: usize, at: usize) -> usize {
    let (rows, columns) = (rows as usize, columns as usize);
    let first = places[3 * matrix] as usize * 65536 + places[3 * matrix + 1] as usize;
    match places[3 * matrix + 2] != 0.0 {
        true => first + at % columns * rows + at / columns,
        false => first + at,
    }
}

/// # Shapes
/// `places` `[M, 3]`, `gradient` and `velocity` `[weights]`, `numbers` `[2 + T]`, `wanted` `[M, r, c]`
fn run(p: &Params, all: &mut [Vec<f64>]) {
    let [places, gradient, numbers, velocity, wanted] = buffers(all);
    if !numbers[..2].iter().all(|number| number.is_finite()) {
        return;
    }
    let most = number(p.clip);
    let scale = if most > 0.0 { (most / (numbers[1] + 1e-9)).min(1.0) } else { 1.0 };
    let size = (p.rows * p.columns) as usize;
    for (index, wanted) in wanted.iter_mut().enumerate().take(p.matrices as usize * size) {
        let at = place(places, [p.rows, p.columns], index / size, index % size);
        let g = gradient[at] * scale;
        velocity[at] = g * number(p.take) + velocity[at] * number(p.keep);
        *wanted = velocity[at] * number(p.ahead) + g;
    }
}

#[cfg(feature = "parity")]
fn cases() -> Vec<Case> {
    let case = |name, [rows, columns, matrices]: [u32; 3], norm: f32, size: f32| {
        let bits = |value: f32| value.to_bits();
        let p = Params { rows, columns, matrices, keep: bits(0.9), take: bits(0.8), ..Params::default() };
        let p = Params { ahead: bits(0.7), clip: bits(1.0), ..p };
        let each = (rows * columns) as usize;
        // the last one begins beyond 16 bits
        let place = |m: usize| if m + 1 == matrices as usize { 65_540 } else { m * each };
        let places = (0..matrices as usize).flat_map(|m| placed(place(m), m % 2 == 1)).collect();
        let weights = 65_540 + each;
        let before = vec![
            places,
            values("gradient", weights, size),
            vec![1.0, norm],
            values("velocity", weights, size),
            vec![0.5; matrices as usize * each],
        ];
        case(&KERNEL, name, (&p, grid(&p)), before, 1e-6 * size)
    };
    vec![
        case("one value", [1, 1, 1], 0.5, 1.0),
        case("three matrices, one of them tall, cut to a norm", [7, 43, 3], 4.0, 1.0),
        case("values near ±80", [16, 16, 2], 0.5, 80.0),
        case("a norm that is no number", [3, 5, 2], f32::NAN, 1.0),
    ]
}
