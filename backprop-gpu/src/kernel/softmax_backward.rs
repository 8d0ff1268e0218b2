//! The backward pass of [`softmax`](super::softmax), in place: d = a·(d − Σ a·d), 0 where a token may not see.

use super::common::{Kernel, ROWS, Shader, bare, buffers, params, read, write};
#[cfg(feature = "parity")]
use super::common::{case, values};
#[cfg(feature = "parity")]
use shaders::kernel::common::Case;

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
        name: "softmax_backward",
        source: bare!("softmax_backward.wgsl"),
        workgroup: [8, ROWS, 1],
        constants: &[],
        fields: FIELDS,
        params_size: size_of::<Params>(),
        bindings: &[read("weights"), write("d")],
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
/// `weights` and `d` `[B·H, T, T]`
fn run(p: &Params, all: &mut [Vec<f64>]) {
    let [weights, d] = buffers(all);
    let tokens = p.tokens as usize;
    let rows = d.chunks_exact_mut(tokens).zip(weights.chunks_exact(tokens)).take(tokens * p.squares as usize);
    for (row, (d, weights)) in rows.enumerate() {
        let (seen, unseen) = d.split_at_mut(row % tokens + 1);
        let along: f64 = seen.iter().zip(weights).map(|(d, a)| d * a).sum();
        seen.iter_mut().zip(weights).for_each(|(d, a)| *d = a * (*d - along));
        unseen.fill(0.0);
    }
}

#[cfg(feature = "parity")]
fn cases() -> Vec<Case> {
    let case = |name, tokens: u32, squares: u32, size: f32| {
        let p = Params { tokens, squares, ..Params::default() };
        let count = (tokens * tokens * squares) as usize;
        let mut weights: Vec<f32> = values("softmax a", count, 1.0).into_iter().map(f32::abs).collect();
        for (row, weights) in weights.chunks_exact_mut(tokens as usize).enumerate() {
            let seen = row % tokens as usize + 1;
            let total: f32 = weights[..seen].iter().sum();
            weights.iter_mut().for_each(|a| *a /= total);
        }
        // what is not seen holds anything
        let before = vec![weights, values("softmax d", count, size)];
        case(&KERNEL, name, (&p, grid(&p)), before, 2e-6 * size)
    };
    vec![
        case("one token", 1, 1, 1.0),
        case("lengths that no workgroup divides", 37, 3, 3.0),
        case("a long context", 257, 1, 3.0),
        case("values near ±80", 20, 2, 80.0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::common::testing::{check_gradient, numbers};
    use crate::kernel::softmax;

    #[test]
    fn the_way_back_is_the_slope_of_the_way_there() {
        let (tokens, squares) = (5u32, 2u32);
        let count = (tokens * tokens * squares) as usize;
        let (x, d) = (numbers("x", count), numbers("d", count));
        let there = |x: &[f64]| {
            let mut all = [x.to_vec()];
            let p = softmax::Params { tokens, squares, ..Default::default() };
            (softmax::KERNEL.run)(bytemuck::bytes_of(&p), &mut all);
            all
        };
        let [weights] = there(&x);
        let mut all = [weights, d.clone()];
        run(&Params { tokens, squares, ..Params::default() }, &mut all);
        check_gradient("softmax", |x| there(x)[0].iter().zip(&d).map(|(a, d)| a * d).sum(), &x, &all[1]);
    }
}
