//! GELU with the exact error function (Hendrycks and Gimpel, arXiv 1606.08415), with a bias before it.

use crate::simd::{self, TimesPlus};

/// x ← GELU(x + b), slope ← GELU'(x + b).
///
/// # Shapes
/// `rows` and `slope` `[N, F]`, `bias` `[F]`
pub fn forward(rows: &mut [f32], bias: &[f32], slope: &mut [f32]) {
    use std::f32::consts::FRAC_1_SQRT_2;
    /// 1/√(2π)
    const DENSITY: f32 = 0.398_942_3;
    simd::fast(
        #[inline(always)]
        || {
            for (row, slope) in rows.chunks_exact_mut(bias.len()).zip(slope.chunks_exact_mut(bias.len())) {
                for ((x, bias), slope) in row.iter_mut().zip(bias).zip(slope) {
                    let u = *x + bias;
                    let below = simd::erf(u * FRAC_1_SQRT_2).times_plus(0.5, 0.5);
                    *x = u * below;
                    *slope = (u * DENSITY).times_plus(simd::exp(-0.5 * u * u), below);
                }
            }
        },
    );
}

/// d ← d · slope
pub fn backward(d: &mut [f32], slope: &[f32]) {
    simd::fast(
        #[inline(always)]
        || d.iter_mut().zip(slope).for_each(|(d, s)| *d *= s),
    );
}
