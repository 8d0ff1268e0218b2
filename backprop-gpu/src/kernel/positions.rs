//! The residual stream begins with the vector of each position.

use super::common::{Kernel, Shader, bare, buffers, params, read, write};
#[cfg(feature = "parity")]
use super::common::{case, values};
#[cfg(feature = "parity")]
use shaders::kernel::common::Case;

params! {
    /// N = B·T.
    rows,
    /// D.
    width,
    /// T.
    tokens,
    /// Place of the positions among the weights.
    first,
}

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    shader: Shader {
        name: "positions",
        source: bare!("positions.wgsl"),
        workgroup: [64, 1, 1],
        constants: &[],
        fields: FIELDS,
        params_size: size_of::<Params>(),
        bindings: &[read("weights"), write("output")],
    },
    run: |p, buffers| run(&bytemuck::pod_read_unaligned(p), buffers),
    #[cfg(feature = "parity")]
    cases,
};

/// Workgroups: one for each token.
pub fn grid(p: &Params) -> [u32; 3] {
    [p.rows, 1, 1]
}

/// # Shapes
/// `weights` from `first` `[T, D]`, `output` `[B, T, D]`
fn run(p: &Params, all: &mut [Vec<f64>]) {
    let [weights, output] = buffers(all);
    let (d, tokens) = (p.width as usize, p.tokens as usize);
    for (row, out) in output.chunks_exact_mut(d).take(p.rows as usize).enumerate() {
        out.copy_from_slice(&weights[p.first as usize + row % tokens * d..][..d]);
    }
}

#[cfg(feature = "parity")]
fn cases() -> Vec<Case> {
    let case = |name, rows: u32, width: u32, tokens, first| {
        let p = Params { rows, width, tokens, first };
        let output = vec![0.5; (rows * width) as usize];
        let before = vec![values("positions", (first + tokens * width) as usize, 2.0), output];
        // copies
        case(&KERNEL, name, (&p, grid(&p)), before, 0.0)
    };
    vec![
        case("one token", 1, 1, 1, 0),
        case("three sequences, sizes that no workgroup divides", 21, 67, 7, 5),
        case("sequences of one token", 5, 3, 1, 1),
    ]
}
