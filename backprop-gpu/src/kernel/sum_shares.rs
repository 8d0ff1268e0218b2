//! The gradient from its shares, always in one order, and the sum of its squares in each workgroup, for its norm.

use super::common::{Kernel, Shader, bare, buffers, params, read, write};
#[cfg(feature = "parity")]
use super::common::{case, values};
#[cfg(feature = "parity")]
use shaders::kernel::common::Case;

params! {
    /// Weights.
    total,
    /// Shares.
    shares,
    /// Padding.
    unused_0,
    /// Padding.
    unused_1,
}

/// Weights of a workgroup.
const BLOCK: u32 = 1024;

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    shader: Shader {
        name: "sum_shares",
        source: bare!("sum_shares.wgsl"),
        workgroup: [256, 1, 1],
        constants: &[],
        fields: FIELDS,
        params_size: size_of::<Params>(),
        bindings: &[read("parts"), write("gradient"), write("squares")],
    },
    run: |p, buffers| run(&bytemuck::pod_read_unaligned(p), buffers),
    #[cfg(feature = "parity")]
    cases,
};

/// Workgroups: one for 1,024 weights.
pub fn grid(p: &Params) -> [u32; 3] {
    [p.total.div_ceil(BLOCK), 1, 1]
}

/// # Shapes
/// `parts` `[shares, weights]`, `gradient` `[weights]`, `squares` `[workgroups]`
fn run(p: &Params, all: &mut [Vec<f64>]) {
    let [parts, gradient, squares] = buffers(all);
    let total = p.total as usize;
    for (at, gradient) in gradient.iter_mut().take(total).enumerate() {
        *gradient = (0..p.shares as usize).map(|share| parts[share * total + at]).sum();
    }
    for (square, gradient) in squares.iter_mut().zip(gradient[..total].chunks(BLOCK as usize)) {
        *square = gradient.iter().map(|g| g * g).sum();
    }
}

#[cfg(feature = "parity")]
fn cases() -> Vec<Case> {
    let case = |name, total: u32, shares: u32, size: f32| {
        let p = Params { total, shares, ..Params::default() };
        let squares = vec![0.5; grid(&p)[0] as usize];
        let before = vec![values("parts", (total * shares) as usize, size), vec![0.5; total as usize], squares];
        // 1,024 squares add up to about (32·size)²·shares/3
        let square = (32.0 * size).powi(2) * shares as f32;
        case(&KERNEL, name, (&p, grid(&p)), before, 1e-6 * square.max(1.0))
    };
    vec![
        case("one weight", 1, 1, 1.0 / 32.0),
        case("a number that no workgroup divides", 2500, 3, 1.0 / 32.0),
        case("values near ±80", 1024, 8, 80.0),
    ]
}
