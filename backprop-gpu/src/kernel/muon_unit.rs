//! Matrices divided by their norms, in place: where Muon's iteration begins.

use super::common::{Kernel, Shader, bare, buffers, params, write};
#[cfg(feature = "parity")]
use super::common::{case, values};
use backprop::muon::LEAST;
#[cfg(feature = "parity")]
use shaders::kernel::common::Case;

params! {
    /// r·c.
    size,
    /// M.
    matrices,
    /// Padding.
    unused_0,
    /// Padding.
    unused_1,
}

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    shader: Shader {
        name: "muon_unit",
        source: bare!("muon_unit.wgsl"),
        workgroup: [256, 1, 1],
        constants: &[("LEAST", LEAST as f64)],
        fields: FIELDS,
        params_size: size_of::<Params>(),
        bindings: &[write("wanted")],
    },
    run: |p, buffers| run(&bytemuck::pod_read_unaligned(p), buffers),
    #[cfg(feature = "parity")]
    cases,
};

/// Workgroups: one for each matrix.
pub fn grid(p: &Params) -> [u32; 3] {
    [p.matrices, 1, 1]
}

/// Turns of an invocation's loops: a matrix, which the threads share, once for its norm and once for its values.
pub fn turns(p: &Params) -> u64 {
    let threads = KERNEL.workgroup[0];
    2 * u64::from(p.size.div_ceil(threads)) + u64::from(threads.ilog2())
}

/// # Shapes
/// `wanted` `[M, r·c]`
fn run(p: &Params, all: &mut [Vec<f64>]) {
    let [wanted] = buffers(all);
    for matrix in wanted.chunks_exact_mut(p.size as usize).take(p.matrices as usize) {
        let norm = matrix.iter().map(|x| x * x).sum::<f64>().sqrt().max(f64::from(LEAST));
        matrix.iter_mut().for_each(|x| *x /= norm);
    }
}

#[cfg(feature = "parity")]
fn cases() -> Vec<Case> {
    let case = |name, size: u32, matrices: u32, of: f32| {
        let p = Params { size, matrices, ..Params::default() };
        case(&KERNEL, name, (&p, grid(&p)), vec![values("wanted", (size * matrices) as usize, of)], 1e-6)
    };
    vec![
        case("one value", 1, 1, 1.0),
        case("three matrices that no workgroup divides", 701, 3, 1.0),
        case("nothing: the least norm", 30, 2, 0.0),
        case("values near ±80", 512, 2, 80.0),
    ]
}
