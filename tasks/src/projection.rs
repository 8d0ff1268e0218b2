//! Random projections of an episode: x ↦ A x with A_ij ~ N(0, 1/D₀), as in the paper.
//!
//! For a fresh A used by one sequence only, Z = X Aᵀ is Gaussian with independent columns of covariance
//! G = X Xᵀ/D₀, so Z = L E with L Lᵀ = G and E ~ N(0, 1) has exactly its distribution: T² values in the place of
//! D₀·X. Duplicated rows make G singular; the Cholesky factor of a semi-definite matrix has zero columns there.

use std::array::from_fn;

use backprop::simd::fast;
use rand_distr::{Distribution, StandardNormal};
use shaders::random::Stream;

// The loops below add in a fixed order, with a product and a sum each rounded: the same bits on every machine.

/// Numbers that are worked on side by side.
const LANES: usize = 8;

/// Projects with an A that no other sequence shares.
///
/// # Shapes
/// `raw` `[T, D₀]` → `[T, X]`.
pub fn fresh(raw: &[f32], dimensions: usize, inputs: usize, stream: &mut Stream) -> Vec<f32> {
    let t = raw.len() / dimensions;
    if dimensions <= t {
        return seeded(raw, dimensions, inputs, stream);
    }
    let factor = cholesky(&gram(raw, dimensions), t);
    let noise = normals(t * inputs, stream);
    lower_product(&factor, &noise, t, inputs)
}

/// L E for a lower triangular L, each sum in the order of its columns.
///
/// # Shapes
/// `factor` `[T, T]`, `noise` `[T, X]` → `[T, X]`.
fn lower_product(factor: &[f32], noise: &[f32], t: usize, inputs: usize) -> Vec<f32> {
    const WIDE: usize = 4 * LANES;
    let mut out = vec![0.0; t * inputs];
    fast(
        #[inline(always)]
        || {
            for (i, row) in out.chunks_exact_mut(inputs).enumerate() {
                let factors = &factor[i * t..][..=i];
                let (pieces, rest) = row.as_chunks_mut::<WIDE>();
                let first = pieces.len() * WIDE;
                for (at, piece) in pieces.iter_mut().enumerate() {
                    let mut sums = [0f32; WIDE];
                    for (j, factor) in factors.iter().enumerate() {
                        let from = &noise[j * inputs + at * WIDE..][..WIDE];
                        sums.iter_mut().zip(from).for_each(|(sum, from)| *sum += factor * from);
                    }
                    *piece = sums;
                }
                for (j, factor) in factors.iter().enumerate() {
                    axpy(*factor, &noise[j * inputs + first..(j + 1) * inputs], rest);
                }
            }
        },
    );
    out
}

/// Projects with the A that `stream` gives: the way for tasks that come more than once.
///
/// # Shapes
/// `raw` `[T, D₀]` → `[T, X]`.
pub fn seeded(raw: &[f32], dimensions: usize, inputs: usize, stream: &mut Stream) -> Vec<f32> {
    let matrix = normals(dimensions * inputs, stream); // [D₀, X]
    let scale = 1.0 / (dimensions as f32).sqrt();
    let mut out = vec![0.0; raw.len() / dimensions * inputs];
    for (row, x) in out.chunks_exact_mut(inputs).zip(raw.chunks_exact(dimensions)) {
        for (d, &value) in x.iter().enumerate() {
            if value != 0.0 {
                axpy(value * scale, &matrix[d * inputs..(d + 1) * inputs], row);
            }
        }
    }
    out
}

/// Independent N(0, 1).
pub fn normals(count: usize, stream: &mut Stream) -> Vec<f32> {
    (0..count).map(|_| Distribution::<f32>::sample(&StandardNormal, stream)).collect()
}

fn axpy(scale: f32, from: &[f32], to: &mut [f32]) {
    for (t, f) in to.iter_mut().zip(from) {
        *t += scale * f;
    }
}

/// X Xᵀ/D₀.
///
/// # Shapes
/// `[T, D₀]` → `[T, T]`.
pub fn gram(raw: &[f32], dimensions: usize) -> Vec<f32> {
    let t = raw.len() / dimensions;
    let mut out = vec![0.0; t * t];
    let row = |i: usize| &raw[i * dimensions..(i + 1) * dimensions];
    fast(
        #[inline(always)]
        || {
            for i in 0..t {
                for first in (0..=i).step_by(ROWS) {
                    // beyond the diagonal its last row again
                    let rows = from_fn(|r| row((first + r).min(i)));
                    for (j, sum) in (first..=i).zip(dots(row(i), rows)) {
                        let value = sum / dimensions as f32;
                        (out[i * t + j], out[j * t + i]) = (value, value);
                    }
                }
            }
        },
    );
    out
}

/// Rows that a row is multiplied with at once.
const ROWS: usize = 4;

/// Products of a row with others, each in [`LANES`] partial sums and the rest.
#[inline(always)]
fn dots(x: &[f32], rows: [&[f32]; ROWS]) -> [f32; ROWS] {
    let whole = x.len() / LANES * LANES;
    let [r0, r1, r2, r3] = rows;
    // one by one by name: as an array of arrays the compiler keeps them in memory
    let [mut s0, mut s1, mut s2, mut s3] = [[0f32; LANES]; ROWS];
    for at in (0..whole).step_by(LANES) {
        let lanes = |row: &[f32]| -> [f32; LANES] { row[at..at + LANES].try_into().expect("as long as x") };
        let (x, y0, y1, y2, y3) = (lanes(x), lanes(r0), lanes(r1), lanes(r2), lanes(r3));
        (0..LANES).for_each(|lane| s0[lane] += x[lane] * y0[lane]);
        (0..LANES).for_each(|lane| s1[lane] += x[lane] * y1[lane]);
        (0..LANES).for_each(|lane| s2[lane] += x[lane] * y2[lane]);
        (0..LANES).for_each(|lane| s3[lane] += x[lane] * y3[lane]);
    }
    let sums = [s0, s1, s2, s3];
    from_fn(|r| {
        let rest: f32 = (whole..x.len()).map(|at| x[at] * rows[r][at]).sum();
        sums[r].iter().sum::<f32>() + rest
    })
}

/// Lower factor of a positive semi-definite matrix; a pivot that is zero to rounding gives a zero column.
fn cholesky(matrix: &[f32], n: usize) -> Vec<f32> {
    let largest = (0..n).map(|i| matrix[i * n + i]).fold(0f32, f32::max);
    let zero = 1e-5 * f64::from(largest);
    // in columns, so that all rows of one are worked on side by side
    let mut columns = vec![0f64; n * n];
    let mut known = vec![0f64; n];
    fast(
        #[inline(always)]
        || {
            for j in 0..n {
                let (before, column) = columns.split_at_mut(j * n);
                let (column, known) = (&mut column[j..n], &mut known[j..]);
                known.fill(0.0);
                for earlier in before.chunks_exact(n) {
                    let factor = earlier[j];
                    known.iter_mut().zip(&earlier[j..]).for_each(|(known, value)| *known += value * factor);
                }
                let left = f64::from(matrix[j * n + j]) - known[0];
                if left > zero {
                    column[0] = left.sqrt();
                    for i in j + 1..n {
                        column[i - j] = (f64::from(matrix[i * n + j]) - known[i - j]) / column[0];
                    }
                }
            }
        },
    );
    let mut factor = vec![0f32; n * n];
    for (j, column) in columns.chunks_exact(n).enumerate() {
        (j..n).for_each(|i| factor[i * n + j] = column[i] as f32);
    }
    factor
}

#[cfg(test)]
mod tests {
    use super::*;
    use shaders::random::stream;

    fn raw(t: usize, d: usize) -> Vec<f32> {
        let mut x = normals(t * d, &mut stream(3, "raw", 0));
        // the last row repeats the first: a singular Gram matrix
        let first = x[..d].to_vec();
        x[(t - 1) * d..].copy_from_slice(&first);
        x
    }

    #[test]
    fn both_ways_have_the_covariance_of_the_gram_matrix() {
        let (t, d, inputs) = (12, 40, 20_000);
        let x = raw(t, d);
        let want = gram(&x, d);
        let a = fresh(&x, d, inputs, &mut stream(1, "a", 0));
        let b = seeded(&x, d, inputs, &mut stream(1, "b", 0));
        for z in [a, b] {
            let got = gram(&z, inputs);
            for (g, w) in got.iter().zip(&want) {
                // entries have a standard deviation of about 1/√20,000
                assert!((g - w).abs() < 0.04, "{g} against {w}");
            }
            assert_eq!(z[..inputs], z[(t - 1) * inputs..], "equal rows stay equal");
        }
    }

    /// The plain loops.
    fn plain(raw: &[f32], d: usize, noise: &[f32], inputs: usize) -> [Vec<f32>; 3] {
        let t = raw.len() / d;
        let mut product = vec![0.0; t * t];
        for (i, j) in (0..t).flat_map(|i| (0..=i).map(move |j| (i, j))) {
            let mut sums = [0f32; LANES];
            let term = |at: usize| raw[i * d + at] * raw[j * d + at];
            (0..d / LANES * LANES).for_each(|at| sums[at % LANES] += term(at));
            let rest: f32 = (d / LANES * LANES..d).map(term).sum();
            product[i * t + j] = (sums.iter().sum::<f32>() + rest) / d as f32;
            product[j * t + i] = product[i * t + j];
        }
        let largest = (0..t).map(|i| product[i * t + i]).fold(0f32, f32::max);
        let mut factor = vec![0f64; t * t];
        for (j, i) in (0..t).flat_map(|j| (j..t).map(move |i| (j, i))) {
            let known: f64 = (0..j).map(|k| factor[i * t + k] * factor[j * t + k]).sum();
            let left = f64::from(product[i * t + j]) - known;
            if i == j {
                factor[j * t + j] = if left > 1e-5 * f64::from(largest) { left.sqrt() } else { 0.0 };
            } else if factor[j * t + j] > 0.0 {
                factor[i * t + j] = left / factor[j * t + j];
            }
        }
        let factor: Vec<f32> = factor.into_iter().map(|v| v as f32).collect();
        let mut out = vec![0f32; t * inputs];
        for (i, j) in (0..t).flat_map(|i| (0..=i).map(move |j| (i, j))) {
            (0..inputs).for_each(|x| out[i * inputs + x] += factor[i * t + j] * noise[j * inputs + x]);
        }
        [product, factor, out]
    }

    #[test]
    fn fast_loops_give_the_bits_of_plain_ones() {
        let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        for (t, d, inputs) in [(100, 784, 70), (12, 16, 5), (33, 50, 32), (5, 203, 128), (2, 3, 1)] {
            let x = raw(t, d);
            let noise = normals(t * inputs, &mut stream(5, "noise", 0));
            let [product, factor, out] = plain(&x, d, &noise, inputs);
            assert_eq!(bits(&gram(&x, d)), bits(&product), "{t} {d}");
            assert_eq!(bits(&cholesky(&product, t)), bits(&factor), "{t} {d}");
            assert_eq!(bits(&lower_product(&factor, &noise, t, inputs)), bits(&out), "{t} {d} {inputs}");
        }
    }
}
