//! out = epilogue(a·b) for many pairs of matrices of one shape: y = x·W + b, dx = dy·Wᵀ, dW = xᵀ·dy with db = Σ dy, and
//! the products of attention.

use super::common::{Kernel, Shader, bare, buffers, number, params, read, write};
#[cfg(feature = "parity")]
use super::common::{case, values};
#[cfg(feature = "parity")]
use shaders::kernel::common::Case;

params! {
    /// M, rows of `a`.
    rows,
    /// K, what is summed over.
    depth,
    /// N, columns of `b`.
    columns,
    /// Products: `outer` times `inner`.
    outer,
    /// Products of one outer step.
    inner,
    /// Place of `a`'s first value.
    a_first,
    /// From one row of `a` to the next.
    a_row,
    /// From one value of a row of `a` to the next.
    a_depth,
    /// From the `a` of one outer step to the next.
    a_outer,
    /// From the `a` of one inner step to the next.
    a_inner,
    /// Place of `b`'s first value.
    b_first,
    /// From one row of `b` to the next.
    b_depth,
    /// From one value of a row of `b` to the next.
    b_column,
    /// From the `b` of one outer step to the next.
    b_outer,
    /// From the `b` of one inner step to the next.
    b_inner,
    /// Rows of a piece of `b`, if it lies in pieces; otherwise K.
    fold,
    /// From one piece of `b` to the next.
    b_fold,
    /// Place of `out`'s first value.
    out_first,
    /// From one row of `out` to the next.
    out_row,
    /// From the `out` of one outer step to the next.
    out_outer,
    /// From the `out` of one inner step to the next.
    out_inner,
    /// Shares of the depth, each summed by itself.
    shares,
    /// From the `out` of one share to the next.
    out_share,
    /// What is known of triangles: [`WRITE_LOWER`], [`LOWER`], [`UPPER`] or 0.
    triangle,
    /// What becomes of a sum: [`ADD`], [`GELU`], [`TIMES`], [`POLYNOMIAL`], [`DIAGONAL`] or 0.
    epilogue,
    /// Whether the row after `b`'s last is added to every row of the product: a bias.
    bias,
    /// Whether the row after `out`'s last takes the sums over `b`'s rows: the gradient of a bias.
    sums,
    /// α, the bits of an f32.
    alpha,
    /// β, the bits of an f32.
    beta,
    /// Padding.
    unused_0,
    /// Padding.
    unused_1,
    /// Padding.
    unused_2,
}

/// Only `out` at columns up to the row is wanted, and written.
pub const WRITE_LOWER: u32 = 1;
/// `a` is 0 after its diagonal.
pub const LOWER: u32 = 2;
/// `a` is 0 before its diagonal.
pub const UPPER: u32 = 3;

/// The sum is added to `out`.
pub const ADD: u32 = 1;
/// `out` takes GELU of the sum, and `slope` its derivative there.
pub const GELU: u32 = 2;
/// The sum is multiplied by `slope`.
pub const TIMES: u32 = 3;

/// `slope` takes α·out + β·I.
pub const POLYNOMIAL: u32 = 4;
/// β·I is added to the sum.
pub const DIAGONAL: u32 = 5;

const TILE: u32 = 64;
/// Values of the depth that a workgroup loads at a time.
const DEPTH: u32 = 16;

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    shader: Shader {
        name: "product",
        source: bare!("product.wgsl"),
        workgroup: [16, 16, 1],
        constants: &[],
        fields: FIELDS,
        params_size: size_of::<Params>(),
        bindings: &[read("a"), read("b"), write("out"), write("slope")],
    },
    run: |p, buffers| run(&bytemuck::pod_read_unaligned(p), buffers),
    #[cfg(feature = "parity")]
    cases,
};

impl Params {
    /// One plain product of `[rows, depth]` by `[depth, columns]`, all by rows.
    pub fn new([rows, depth, columns]: [u32; 3]) -> Params {
        let one = Params { outer: 1, inner: 1, shares: 1, a_depth: 1, b_column: 1, ..Params::default() };
        Params { rows, depth, columns, a_row: depth, b_depth: columns, fold: depth, out_row: columns, ..one }
    }
}

/// Workgroups: one for each tile of 64 rows and 64 columns of each share of each product.
pub fn grid(p: &Params) -> [u32; 3] {
    [p.columns.div_ceil(TILE), p.rows.div_ceil(TILE), p.outer * p.inner * p.shares]
}

/// Turns of an invocation's loops: a share of the depth, and with it the sums over rows.
pub fn turns(p: &Params) -> u64 {
    let (loads, sums) = (p.depth.div_ceil(p.shares).div_ceil(DEPTH), u64::from(p.sums.min(1)));
    u64::from(loads) * (1 + (1 + sums) * u64::from(DEPTH)) + 4 * sums
}

/// GELU and its derivative: u·Φ(u), Φ(u) + u·φ(u) (Hendrycks and Gimpel, arXiv 1606.08415).
fn gelu(u: f64) -> [f64; 2] {
    let below = 0.5 + 0.5 * libm::erf(u * std::f64::consts::FRAC_1_SQRT_2);
    let density = (-0.5 * u * u).exp() / (2.0 * std::f64::consts::PI).sqrt();
    [u * below, below + u * density]
}

/// # Shapes
/// `a` `[M, K]`, `b` `[K, N]`, `out` and `slope` `[M, N]`, by their strides.
fn run(p: &Params, all: &mut [Vec<f64>]) {
    let [a, b, out, slope] = buffers(all);
    let part = p.depth.div_ceil(p.shares);
    let diagonal = |row: u32, column: u32| if row == column { number(p.beta) } else { 0.0 };
    for z in 0..p.outer * p.inner * p.shares {
        let (share, batch) = (z % p.shares, z / p.shares);
        let (outer, inner) = (batch / p.inner, batch % p.inner);
        let a_first = p.a_first + outer * p.a_outer + inner * p.a_inner;
        let b_first = p.b_first + outer * p.b_outer + inner * p.b_inner;
        let out_first = p.out_first + share * p.out_share + outer * p.out_outer + inner * p.out_inner;
        let b_at = |k: u32, column: u32| {
            (b_first + k / p.fold * p.b_fold + k % p.fold * p.b_depth + column * p.b_column) as usize
        };
        let depth = p.depth.min(share * part)..p.depth.min((share + 1) * part);
        for row in 0..p.rows {
            for column in (0..p.columns).filter(|column| p.triangle != WRITE_LOWER || *column <= row) {
                let a_at = |k: u32| (a_first + row * p.a_row + k * p.a_depth) as usize;
                let mut sum: f64 = depth.clone().map(|k| a[a_at(k)] * b[b_at(k, column)]).sum();
                if p.bias != 0 {
                    sum += b[(b_first + p.depth * p.b_depth + column * p.b_column) as usize];
                }
                let at = (out_first + row * p.out_row + column) as usize;
                match p.epilogue {
                    ADD => out[at] += sum,
                    GELU => [out[at], slope[at]] = gelu(sum),
                    TIMES => out[at] = sum * slope[at],
                    POLYNOMIAL => [out[at], slope[at]] = [sum, number(p.alpha) * sum + diagonal(row, column)],
                    DIAGONAL => out[at] = sum + diagonal(row, column),
                    _ => out[at] = sum,
                }
            }
        }
        for column in (0..p.columns).filter(|_| p.sums != 0) {
            let sum = depth.clone().map(|k| b[b_at(k, column)]).sum();
            out[(out_first + p.rows * p.out_row + column) as usize] = sum;
        }
    }
}

#[cfg(feature = "parity")]
fn cases() -> Vec<Case> {
    // A sum of K products, of at most `size` together as b is scaled, loses a random walk of √K halves of an ulp; 8 times
    // that for chance, and 1e-6 for the series of erf.
    let case = |name, p: Params, size: f32, lower: bool| {
        let batches = (p.outer * p.inner) as usize;
        let [m, k, n] = [p.rows, p.depth, p.columns].map(|axis| axis as usize);
        let mut a = values("product a", (batches * m * k).max((p.outer * p.a_outer) as usize), size);
        if lower {
            // [M, M] of which what comes after the diagonal is 0
            a.iter_mut().enumerate().filter(|(at, _)| at % (m * k) % m > at % (m * k) / m).for_each(|(_, v)| *v = 0.0);
        }
        let of_b = (batches * (k + 1) * n).max((p.outer * p.b_outer) as usize);
        let b = values("product b", of_b, 1.0 / (k as f32).sqrt());
        let places = p.out_first + p.shares * p.out_share.max(p.outer * p.out_outer.max(p.inner * p.out_inner));
        let out = values("product out", places as usize + (m + 1) * p.out_row as usize, 1.0);
        let slope = values("product slope", out.len(), 1.0);
        let sums = if p.sums != 0 { (k as f32).sqrt() } else { 1.0 };
        let tolerance = 8.0 * size.max(1.0) * (k as f32).sqrt() * sums / (1 << 24) as f32 + 1e-6 * size.max(1.0);
        case(&KERNEL, name, (&p, grid(&p)), vec![a, b, out, slope], tolerance)
    };
    let columns_of = |[m, k, n]: [u32; 3]| Params { a_row: 1, a_depth: m, ..Params::new([m, k, n]) };
    let rows_of_b = |[m, k, n]: [u32; 3]| Params { b_depth: 1, b_column: k, ..Params::new([m, k, n]) };
    let attention = Params { outer: 2, inner: 3, a_outer: 500, a_inner: 4, ..Params::new([30, 4, 30]) };
    let attention = Params { a_row: 12, b_outer: 500, b_inner: 4, b_depth: 1, b_column: 12, ..attention };
    let attention = Params { out_outer: 2700, out_inner: 900, triangle: WRITE_LOWER, ..attention };
    let square = Params { triangle: LOWER, outer: 2, a_outer: 67 * 67, ..Params::new([67, 67, 5]) };
    let square = Params { b_outer: 67 * 5, out_outer: 67 * 5, ..square };
    let transposed = Params { a_row: 1, a_depth: 67, triangle: UPPER, ..square };
    let shares = Params { shares: 3, out_share: 70 * 9, sums: 1, out_first: 7, ..columns_of([67, 100, 9]) };
    let folded = Params { fold: 8, b_depth: 1, b_column: 8, b_fold: 8 * 33, ..Params::new([5, 24, 33]) };
    let blend = Params { alpha: 2f32.to_bits(), beta: (-3f32).to_bits(), ..rows_of_b([67, 20, 67]) };
    vec![
        case("a polynomial", Params { epilogue: POLYNOMIAL, ..blend }, 3.0, false),
        case("a diagonal is added", Params { epilogue: DIAGONAL, ..blend }, 3.0, false),
        case("one element", Params::new([1, 1, 1]), 1.0, false),
        case("sizes that no tile divides, with a bias", Params { bias: 1, ..Params::new([67, 37, 71]) }, 3.0, false),
        case("GELU", Params { bias: 1, epilogue: GELU, ..Params::new([65, 64, 70]) }, 3.0, false),
        case("GELU of values near ±80", Params { epilogue: GELU, ..Params::new([20, 1, 20]) }, 80.0, false),
        case("b by columns, times a slope", Params { epilogue: TIMES, ..rows_of_b([19, 40, 66]) }, 3.0, false),
        case("added from a place on", Params { epilogue: ADD, out_first: 30, ..Params::new([9, 130, 10]) }, 3.0, false),
        case("a by columns, in shares, with the sums of b", shares, 3.0, false),
        case("b in pieces", folded, 3.0, false),
        case("many products of which a triangle is wanted", attention, 3.0, false),
        case("triangles", square, 3.0, true),
        case("triangles by columns", transposed, 3.0, true),
        case("values near ±80", Params::new([64, 512, 64]), 80.0, false),
        case(
            "more shares than there is to sum",
            Params { shares: 4, out_share: 8, ..Params::new([2, 3, 4]) },
            3.0,
            false,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::common::testing::{check_gradient, numbers};

    #[test]
    fn the_slope_is_that_of_gelu() {
        let x = numbers("x", 20);
        let slopes: Vec<f64> = x.iter().map(|&u| gelu(3.0 * u)[1] * 3.0).collect();
        check_gradient("gelu", |x| x.iter().map(|u| gelu(3.0 * u)[0]).sum(), &x, &slopes);
    }

    /// dx = d·Wᵀ, dW = xᵀ·d with db = Σ d, against differences of Σ d·(x·W + b).
    #[test]
    fn the_ways_back_are_the_slopes_of_the_way_there() {
        let [rows, depth, columns] = [5, 4, 3];
        let (x, weights, d) = (numbers("x", 20), numbers("w", 15), numbers("d", 15));
        let multiply = |p: Params, a: &[f64], b: &[f64], out: usize| {
            let mut all = [a.to_vec(), b.to_vec(), vec![0.0; out], vec![0.0; out]];
            run(&p, &mut all);
            all[2].clone()
        };
        let there = |x: &[f64], weights: &[f64]| -> f64 {
            let y = multiply(Params { bias: 1, ..Params::new([rows, depth, columns]) }, x, weights, 15);
            y.iter().zip(&d).map(|(y, d)| y * d).sum()
        };
        let p = Params { b_depth: 1, b_column: columns, ..Params::new([rows, columns, depth]) };
        check_gradient("x", |x| there(x, &weights), &x, &multiply(p, &d, &weights, 20));
        let p = Params { a_row: 1, a_depth: depth, sums: 1, ..Params::new([depth, rows, columns]) };
        check_gradient("W and b", |weights| there(&x, weights), &weights, &multiply(p, &x, &d, 15));
    }
}
