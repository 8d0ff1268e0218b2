//! The numbers of a step: mean loss, norm of the gradient, right answers at each position.

use super::common::{Kernel, Shader, bare, buffers, params, read, write};
#[cfg(feature = "parity")]
use super::common::{case, values};
#[cfg(feature = "parity")]
use shaders::kernel::common::Case;

params! {
    /// B.
    sequences,
    /// T.
    tokens,
    /// Sums of squares of the gradient.
    squares,
    /// Padding.
    unused_0,
}

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    shader: Shader {
        name: "score",
        source: bare!("score.wgsl"),
        workgroup: [64, 1, 1],
        constants: &[],
        fields: FIELDS,
        params_size: size_of::<Params>(),
        bindings: &[read("losses"), read("squares"), write("numbers")],
    },
    run: |p, buffers| run(&bytemuck::pod_read_unaligned(p), buffers),
    #[cfg(feature = "parity")]
    cases,
};

/// Workgroups: one for each number.
pub fn grid(p: &Params) -> [u32; 3] {
    [2 + p.tokens, 1, 1]
}

/// Turns of an invocation's loops: all losses, or all sums of squares, which the threads share.
pub fn turns(p: &Params) -> u64 {
    let (threads, rows) = (u64::from(KERNEL.workgroup[0]), u64::from(p.sequences) * u64::from(p.tokens));
    rows.max(p.squares.into()).div_ceil(threads) + u64::from(threads.ilog2())
}

/// # Shapes
/// `losses` `[2, B, T]`: losses, right answers; `squares` of the workgroups of [`super::sum_shares`], `numbers` `[2 + T]`
fn run(p: &Params, all: &mut [Vec<f64>]) {
    let [losses, squares, numbers] = buffers(all);
    let (sequences, tokens) = (p.sequences as usize, p.tokens as usize);
    let rows = sequences * tokens;
    numbers[0] = losses[..rows].iter().sum::<f64>() / rows as f64;
    numbers[1] = squares[..p.squares as usize].iter().sum::<f64>().sqrt();
    for t in 0..tokens {
        numbers[2 + t] = (0..sequences).map(|sequence| losses[rows + sequence * tokens + t]).sum();
    }
}

#[cfg(feature = "parity")]
fn cases() -> Vec<Case> {
    let case = |name, sequences: u32, tokens: u32, squares: u32| {
        let p = Params { sequences, tokens, squares, ..Params::default() };
        let mut losses = values("losses", 2 * (sequences * tokens) as usize, 3.0);
        // whole numbers add up without rounding
        losses[(sequences * tokens) as usize..].iter_mut().for_each(|v| *v = f32::from(u8::from(*v > 0.0)));
        let squares = values("squares", squares as usize, 2.0).into_iter().map(f32::abs).collect();
        let before = vec![losses, squares, vec![0.5; 2 + tokens as usize]];
        case(&KERNEL, name, (&p, grid(&p)), before, 1e-5)
    };
    vec![
        case("one token", 1, 1, 1),
        case("sizes that no workgroup divides", 67, 9, 103),
        case("many positions", 3, 300, 5),
    ]
}
