//! What the embedding's matrix is multiplied by: a token's inputs, then the label before it, one number for each class. The
//! gradient of the embedding then is that of a matrix.

use super::common::{Kernel, Shader, bare, buffers, params, read, write};
#[cfg(feature = "parity")]
use super::common::{case, values};
#[cfg(feature = "parity")]
use shaders::kernel::common::Case;

params! {
    /// N = B·T.
    rows,
    /// X.
    inputs,
    /// C.
    classes,
    /// T.
    tokens,
}

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    shader: Shader {
        name: "tokens",
        source: bare!("tokens.wgsl"),
        workgroup: [64, 1, 1],
        constants: &[],
        fields: FIELDS,
        params_size: size_of::<Params>(),
        bindings: &[read("inputs"), read("labels"), write("output")],
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
/// `inputs` `[B, T, X]`, `labels` `[B, T]`, `output` `[B, T, X + C]`
fn run(p: &Params, all: &mut [Vec<f64>]) {
    let [inputs, labels, output] = buffers(all);
    let (x, c) = (p.inputs as usize, p.classes as usize);
    for (row, out) in output.chunks_exact_mut(x + c).take(p.rows as usize).enumerate() {
        out[..x].copy_from_slice(&inputs[row * x..(row + 1) * x]);
        out[x..].fill(0.0);
        if !row.is_multiple_of(p.tokens as usize) {
            out[x + labels[row - 1] as usize] = 1.0;
        }
    }
}

#[cfg(feature = "parity")]
fn cases() -> Vec<Case> {
    let case = |name, rows: u32, inputs: u32, classes: u32, tokens| {
        let p = Params { rows, inputs, classes, tokens };
        let labels = (0..rows).map(|i| (i * 7 % classes) as f32).collect();
        let output = vec![0.5; (rows * (inputs + classes)) as usize];
        let before = vec![values("tokens", (rows * inputs) as usize, 2.0), labels, output];
        // copies
        case(&KERNEL, name, (&p, grid(&p)), before, 0.0)
    };
    vec![
        case("one token", 1, 1, 1, 1),
        case("three sequences, sizes that no workgroup divides", 21, 67, 10, 7),
        case("sequences of one token", 5, 3, 2, 1),
        case("many inputs", 4, 784, 20, 2),
    ]
}
