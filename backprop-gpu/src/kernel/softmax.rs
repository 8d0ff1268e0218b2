//! Softmax of what a token may see, in place: of row i the first i + 1 values; the others become 0.

use super::common::{Kernel, ROWS, Shader, bare, buffers, params, write};
#[cfg(feature = "parity")]
use super::common::{case, values};
#[cfg(feature = "parity")]
use shaders::kernel::common::Case;
use shaders::probability::softmax;

params! {
    /// T.
    tokens,
    /// B·H.
    squares,
    /// Padding.
    unused_0,
    /// Padding.
    unused_1,
}

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    shader: Shader {
        name: "softmax",
        source: bare!("softmax.wgsl"),
        workgroup: [8, ROWS, 1],
        constants: &[],
        fields: FIELDS,
        params_size: size_of::<Params>(),
        bindings: &[write("weights")],
    },
    run: |p, buffers| run(&bytemuck::pod_read_unaligned(p), buffers),
    #[cfg(feature = "parity")]
    cases,
};

/// Workgroups: one for 8 rows of a square.
pub fn grid(p: &Params) -> [u32; 3] {
    [p.tokens.div_ceil(ROWS), p.squares, 1]
}

/// # Shapes
/// `weights` `[B·H, T, T]`
fn run(p: &Params, all: &mut [Vec<f64>]) {
    let [weights] = buffers(all);
    let tokens = p.tokens as usize;
    for (row, weights) in weights.chunks_exact_mut(tokens).take(tokens * p.squares as usize).enumerate() {
        let (seen, unseen) = weights.split_at_mut(row % tokens + 1);
        softmax(seen);
        unseen.fill(0.0);
    }
}

#[cfg(feature = "parity")]
fn cases() -> Vec<Case> {
    let case = |name, tokens: u32, squares: u32, size: f32| {
        let p = Params { tokens, squares, ..Params::default() };
        let before = vec![values("softmax", (tokens * tokens * squares) as usize, size)];
        // shares of at most 1; exp loses some ulp of its argument
        case(&KERNEL, name, (&p, grid(&p)), before, 1e-6 * size.max(1.0))
    };
    vec![
        case("one token", 1, 1, 1.0),
        case("lengths that no workgroup divides", 37, 3, 3.0),
        case("a long context", 257, 1, 3.0),
        case("values near ±80", 20, 2, 80.0),
    ]
}
