//! Random projections of an episode: x ↦ A x with A_ij ~ N(0, 1/D₀), as in the paper.
//!
//! For a fresh A used by one sequence only, Z = X Aᵀ is Gaussian with independent columns of covariance
//! G = X Xᵀ/D₀, so Z = L E with L Lᵀ = G and E ~ N(0, 1) has exactly its distribution: T² values in the place of
//! D₀·X. Duplicated rows make G singular; the Cholesky factor of a semi-definite matrix has zero columns there.

use rand_distr::{Distribution, StandardNormal};
use shaders::random::Stream;

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
    let mut out = vec![0.0; t * inputs];
    for i in 0..t {
        let row = &mut out[i * inputs..(i + 1) * inputs];
        for j in 0..=i {
            axpy(factor[i * t + j], &noise[j * inputs..(j + 1) * inputs], row);
        }
    }
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
    for i in 0..t {
        let a = &raw[i * dimensions..(i + 1) * dimensions];
        for j in 0..=i {
            let b = &raw[j * dimensions..(j + 1) * dimensions];
            // eight partial sums, so that the compiler may use SIMD
            let mut sums = [0f32; 8];
            let (whole, rest) = (dimensions / 8 * 8, dimensions % 8);
            for (u, v) in a[..whole].chunks_exact(8).zip(b[..whole].chunks_exact(8)) {
                for lane in 0..8 {
                    sums[lane] += u[lane] * v[lane];
                }
            }
            let tail: f32 = (0..rest).map(|r| a[whole + r] * b[whole + r]).sum();
            let value = (sums.iter().sum::<f32>() + tail) / dimensions as f32;
            (out[i * t + j], out[j * t + i]) = (value, value);
        }
    }
    out
}

/// Lower factor of a positive semi-definite matrix; a pivot that is zero to rounding gives a zero column.
fn cholesky(matrix: &[f32], n: usize) -> Vec<f32> {
    let largest = (0..n).map(|i| matrix[i * n + i]).fold(0f32, f32::max);
    let zero = 1e-5 * f64::from(largest);
    let mut factor = vec![0f64; n * n];
    for j in 0..n {
        for i in j..n {
            let known: f64 = (0..j).map(|k| factor[i * n + k] * factor[j * n + k]).sum();
            let left = f64::from(matrix[i * n + j]) - known;
            if i == j {
                factor[j * n + j] = if left > zero { left.sqrt() } else { 0.0 };
            } else if factor[j * n + j] > 0.0 {
                factor[i * n + j] = left / factor[j * n + j];
            }
        }
    }
    factor.into_iter().map(|v| v as f32).collect()
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
}
