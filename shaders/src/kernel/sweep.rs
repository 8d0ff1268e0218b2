//! One step of (K + λI)⁻¹ of each ridge, by the sweep operator (Beaton, 1964; Goodnight, 1979) on a block P of 32 rows:
//!
//! ```text
//! A_PP → −D,  A_iP → A_iP·D,  A_Pj → D·A_Pj,  A_ij → A_ij − A_iP·D·A_Pj      D = A_PP⁻¹
//! ```
//!
//! Once every block is swept, the matrix is minus the inverse. It stays symmetric on the way, and as K is positive
//! semi-definite but for rounding, no pivot is below about λ.

use super::common::{Case, Kernel, Shader, UNTOUCHED, accumulate, bare, params, read, values, words, write};
use crate::simd::{Scratch, add_lower, add_rows, mirror_lower};

params! {
    /// N.
    shown,
    /// Ridges.
    ridges,
    /// First row of the block.
    first,
    /// Whether λ is still to be added.
    initial,
    /// Whether this is the last block, after which the sign is turned.
    last,
    /// Padding.
    unused_0,
    /// Padding.
    unused_1,
    /// Padding.
    unused_2,
}

const SIDE: u32 = 8;
/// Rows of a block.
pub const BLOCK: u32 = 32;

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    shader: Shader {
        name: "sweep",
        source: bare!("sweep.wgsl"),
        workgroup: [SIDE, SIDE, 1],
        constants: &[],
        fields: FIELDS,
        params_size: size_of::<Params>(),
        bindings: &[read("input"), read("lambda"), write("output")],
    },
    #[cfg(feature = "parity")]
    cases,
};

/// Workgroups: one for each tile of 32 rows and 32 columns of each ridge; those above the diagonal have nothing to do.
pub fn grid(p: &Params) -> [u32; 3] {
    [p.shown.div_ceil(BLOCK), p.shown.div_ceil(BLOCK), p.ridges]
}

/// Straight from the formula, with its sums in f64.
///
/// # Shapes
/// `input` and `output` `[ridges, N, N]`, `lambda` `[ridges]`.
pub fn reference(p: &Params, input: &[f32], lambda: &[f32], output: &mut [f32]) {
    let n = p.shown as usize;
    let block = p.first as usize..(p.first as usize + BLOCK as usize).min(n);
    let size = block.len();
    let sign = if p.last != 0 { -1.0 } else { 1.0 };
    for (ridge, &lambda) in lambda.iter().enumerate().take(p.ridges as usize) {
        let input = &input[ridge * n * n..][..n * n];
        let lambda = if p.initial != 0 { f64::from(lambda) } else { 0.0 };
        let at = |i: usize, j: usize| f64::from(input[i * n + j]) + if i == j { lambda } else { 0.0 };
        // minus D, one row of the block after another
        let mut inverse: Vec<Vec<f64>> = block.clone().map(|i| block.clone().map(|j| at(i, j)).collect()).collect();
        for p in 0..size {
            let column: Vec<f64> = inverse.iter().map(|row| row[p]).collect();
            let share = 1.0 / column[p];
            for (i, row) in inverse.iter_mut().enumerate() {
                let factor = column[i] * share;
                match i == p {
                    true => row.iter_mut().zip(&column).for_each(|(value, c)| *value = c * share),
                    false => row.iter_mut().zip(&column).for_each(|(value, c)| *value -= factor * c),
                }
                row[p] = if i == p { -share } else { factor };
            }
        }
        let mut sums = vec![0f64; n];
        for (i, out) in output[ridge * n * n..].chunks_exact_mut(n).take(n).enumerate() {
            // what multiplies the rows of the block: −A_iP·D, or D in the block itself
            let factors: Vec<f64> = match block.contains(&i) {
                true => inverse[i - block.start].iter().map(|value| -value).collect(),
                false => {
                    let dot = |k: usize| (0..size).map(|m| at(i, block.start + m) * inverse[m][k]).sum();
                    (0..size).map(dot).collect()
                }
            };
            match block.contains(&i) {
                true => sums.fill(0.0),
                false => (0..n).for_each(|j| sums[j] = at(i, j)),
            }
            accumulate(&mut sums, factors.iter().copied(), input[block.start * n..].chunks_exact(n));
            sums[block.clone()].iter_mut().zip(&factors).for_each(|(sum, factor)| *sum = -factor);
            out.iter_mut().zip(&sums).for_each(|(out, sum)| *out = (sign * sum) as f32);
        }
    }
}

/// As [`reference()`] in f32, for the engine on the CPU, which calls [`invert`].
pub fn run(p: &Params, input: &[f32], lambda: &[f32], output: &mut [f32], scratch: &mut Scratch) {
    let n = p.shown as usize;
    output[..p.ridges as usize * n * n].copy_from_slice(&input[..p.ridges as usize * n * n]);
    for (output, &lambda) in output.chunks_exact_mut(n * n).zip(lambda).take(p.ridges as usize) {
        if p.initial != 0 {
            output.iter_mut().step_by(n + 1).for_each(|own| *own += lambda);
        }
        sweep_lower(output, n, p.first as usize, scratch);
        if p.last != 0 {
            output.iter_mut().for_each(|out| *out = -*out);
        }
        mirror_lower(output, n);
    }
}

/// (K + λI)⁻¹ of each ridge: every block, one after another and in place. The matrix is symmetric, so that until the end
/// only what stands at and below the diagonal is computed.
///
/// # Shapes
/// `gram` and `inverse` `[ridges, N, N]`, `lambda` `[ridges]`.
pub fn invert(p: &Params, gram: &[f32], lambda: &[f32], inverse: &mut [f32], scratch: &mut Scratch) {
    let n = p.shown as usize;
    let ridges = gram.chunks_exact(n * n).zip(inverse.chunks_exact_mut(n * n)).zip(lambda);
    for ((gram, inverse), &lambda) in ridges.take(p.ridges as usize) {
        for (i, (to, from)) in inverse.chunks_exact_mut(n).zip(gram.chunks_exact(n)).enumerate() {
            to[..=i].copy_from_slice(&from[..=i]);
            to[i] += lambda;
        }
        (0..n).step_by(BLOCK as usize).for_each(|first| sweep_lower(inverse, n, first, scratch));
        for (i, row) in inverse.chunks_exact_mut(n).enumerate() {
            row[..=i].iter_mut().for_each(|value| *value = -*value);
        }
        mirror_lower(inverse, n);
    }
}

/// Sweeps the block that begins at row `first`, at and below the diagonal of `matrix` `[N, N]`; above it anything may stand
/// before and afterwards. The block itself is inverted in f64: it is small, and every later one leans on it.
fn sweep_lower(matrix: &mut [f32], n: usize, first: usize, scratch: &mut Scratch) {
    let block = first..(first + BLOCK as usize).min(n);
    let size = block.len();
    // columns of the block, [N, block], and the same as rows; above the diagonal they are read from the block's rows
    let (columns, factors) = (&mut scratch.rows, &mut scratch.hidden);
    columns.clear();
    columns.resize(2 * n * size, 0.0);
    let (columns, rows) = columns.split_at_mut(n * size);
    for i in 0..n {
        for (k, at) in block.clone().enumerate() {
            let value = matrix[i.max(at) * n + i.min(at)];
            (columns[i * size + k], rows[k * n + i]) = (value, value);
        }
    }
    let mut inverse: Vec<f64> = columns[first * size..][..size * size].iter().map(|&value| f64::from(value)).collect();
    let mut column = vec![0f64; size];
    for p in 0..size {
        column.iter_mut().zip(inverse.chunks_exact(size)).for_each(|(to, row)| *to = row[p]);
        let share = 1.0 / column[p];
        for (i, row) in inverse.chunks_exact_mut(size).enumerate() {
            let factor = column[i] * share;
            match i == p {
                true => row.iter_mut().zip(&column).for_each(|(value, c)| *value = c * share),
                false => row.iter_mut().zip(&column).for_each(|(value, c)| *value -= factor * c),
            }
            row[p] = if i == p { -share } else { factor };
        }
    }
    let inverse: Vec<f32> = inverse.iter().map(|&value| value as f32).collect();
    // what multiplies the rows of the block: −A_iP·D, or D in the block itself, whose rows are 0 in what it is added to
    factors.clear();
    factors.resize(n * size, 0.0);
    add_rows(factors, columns, size, size, &inverse, &mut scratch.tiles);
    for (to, value) in factors[first * size..][..size * size].iter_mut().zip(&inverse) {
        *to = -value;
    }
    block.clone().for_each(|i| matrix[i * n..][..=i].fill(0.0));
    add_lower(matrix, factors, size, rows, &mut scratch.tiles);
    for (i, factors) in factors.chunks_exact(size).enumerate().skip(first) {
        matrix[i * n..][block.clone()].iter_mut().zip(factors).for_each(|(out, factor)| *out = -factor);
    }
}

fn cases() -> Vec<Case> {
    // the Gaussian kernel of points in four dimensions
    let case = |name, p: Params, lambda: &[f32], size: f32| {
        let p = Params { ridges: lambda.len() as u32, ..p };
        let n = p.shown as usize;
        let points = values("sweep", n * 4, size);
        let distance = |i: usize, j: usize| -> f32 {
            points[i * 4..][..4].iter().zip(&points[j * 4..]).map(|(a, b)| (a - b) * (a - b)).sum()
        };
        let gram: Vec<f32> = (0..n * n).map(|at| (-distance(at / n, at % n)).exp()).collect();
        let mut input: Vec<f32> = lambda.iter().flat_map(|_| gram.clone()).collect();
        // a matrix as the blocks before leave it
        for first in (0..p.first).step_by(BLOCK as usize) {
            let before = input.clone();
            reference(&Params { first, initial: u32::from(first == 0), last: 0, ..p }, &before, lambda, &mut input);
        }
        let mut output = vec![UNTOUCHED; input.len() + 1];
        let before = vec![words(&input), words(lambda), words(&output)];
        reference(&p, &input, lambda, &mut output);
        // Entries of D are at most 1/λ; a relative rounding of 2^-24 of the block changes them by that times 32/λ.
        let least = lambda.iter().copied().fold(f32::INFINITY, f32::min);
        let tolerance = 2e-6 / least + BLOCK as f32 / (least * least) / (1 << 24) as f32;
        let params = bytemuck::bytes_of(&p).to_vec();
        Case { name, params, grid: grid(&p), before, after: vec![(2, output)], tolerance }
    };
    let p = Params { initial: 1, ..Params::default() };
    vec![
        case("one shown", Params { shown: 1, last: 1, ..p }, &[0.5], 1.0),
        case("a side that no tile divides", Params { shown: 19, last: 1, ..p }, &[0.1, 0.5], 1.0),
        case("copies of one input", Params { shown: 32, last: 1, ..p }, &[0.1], 0.0),
        case("the first block", Params { shown: 100, ..p }, &[0.1, 0.2, 1.0], 1.0),
        case("a block between", Params { shown: 67, first: 32, initial: 0, ..p }, &[0.2], 1.0),
        case("the last block", Params { shown: 100, first: 96, initial: 0, last: 1, ..p }, &[0.1, 0.2, 1.0], 1.0),
        case("a long context", Params { shown: 515, ..p }, &[0.1], 1.0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_blocks_together_make_the_inverse() {
        let (n, lambda) = (70, 0.5);
        let points = values("sweep test", n, 3.0);
        let gram: Vec<f32> = (0..n * n).map(|at| (-(points[at / n] - points[at % n]).powi(2)).exp()).collect();
        let (mut input, mut output) = (gram.clone(), vec![0.0; n * n]);
        for first in [0, 32, 64] {
            let (initial, last) = (u32::from(first == 0), u32::from(first == 64));
            let p = Params { shown: n as u32, ridges: 1, first, initial, last, ..Params::default() };
            reference(&p, &input, &[lambda], &mut output);
            input.copy_from_slice(&output);
        }
        for (i, j) in (0..n * n).map(|at| (at / n, at % n)) {
            let product: f32 =
                (0..n).map(|m| (gram[i * n + m] + if i == m { lambda } else { 0.0 }) * output[m * n + j]).sum();
            assert!((product - if i == j { 1.0 } else { 0.0 }).abs() < 1e-5, "{i} {j} {product}");
        }
    }

    #[test]
    #[cfg(feature = "parity")]
    fn the_f32_half_is_as_close_to_the_formula_as_the_one_in_wgsl() {
        crate::kernel::common::check_run(&KERNEL, |p, b| {
            let [input, lambda, output] = b else { unreachable!() };
            run(p, input, lambda, output, &mut Scratch::default());
        });
    }
}
