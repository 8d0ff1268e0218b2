//! RMS norm of each token over classes and channels (after Zhang and Sennrich, arXiv 1910.07467). Its gains are no
//! part of it: they are folded into the matrices that follow, which spares two passes over the rows.

use shaders::model::spec::RMS_EPSILON;

use crate::buffer::room;
use crate::simd;

/// What the backward half needs.
#[derive(Default)]
pub struct Rms {
    /// û = u/√(mean u² + ε), `[T, C·D]`
    pub normal: Vec<f32>,
    /// 1/√(mean u² + ε), `[T]`
    scale: Vec<f32>,
}

impl Rms {
    /// Normalises rows of `width` = C·D.
    pub fn forward(&mut self, rows: &[f32], width: usize) {
        let normal = room(&mut self.normal, rows.len());
        let scale = room(&mut self.scale, rows.len() / width);
        let all = rows.chunks_exact(width).zip(normal.chunks_exact_mut(width)).zip(scale);
        simd::fast(
            #[inline(always)]
            || {
                for ((row, normal), scale) in all {
                    *scale = 1.0 / (simd::dot(row, row) / width as f32 + RMS_EPSILON).sqrt();
                    normal.iter_mut().zip(row).for_each(|(normal, value)| *normal = value * *scale);
                }
            },
        );
    }

    /// Adds the gradient of the rows to `to`.
    ///
    /// # Shapes
    /// `d` that of û and `to`, both `[T, C·D]`.
    pub fn backward(&self, d: &[f32], width: usize, to: &mut [f32]) {
        let all = d.chunks_exact(width).zip(self.normal.chunks_exact(width)).zip(to.chunks_exact_mut(width));
        simd::fast(
            #[inline(always)]
            || {
                for (((d, normal), to), scale) in all.zip(&self.scale) {
                    let along = simd::dot(d, normal) / width as f32;
                    for ((to, d), normal) in to.iter_mut().zip(d).zip(normal) {
                        *to += scale * (d - normal * along);
                    }
                }
            },
        );
    }
}

/// Gains times the rows of a matrix, into columns of `out` that begin at `at`.
///
/// # Shapes
/// `gains` `[D]`, `weight` `[D, P]`, `out` `[D, width]`
pub fn fold(gains: &[f32], weight: &[f32], out: &mut [f32], (at, width): (usize, usize)) {
    let p = weight.len() / gains.len();
    for ((gain, row), out) in gains.iter().zip(weight.chunks_exact(p)).zip(out.chunks_exact_mut(width)) {
        out[at..at + p].iter_mut().zip(row).for_each(|(out, weight)| *out = gain * weight);
    }
}

/// From the gradient of what [`fold`] gave, adds those of the gains and the matrix.
///
/// # Shapes
/// As there; `d` `[D, width]`.
pub fn unfold(
    (gains, weight): (&[f32], &[f32]),
    d: &[f32],
    (at, width): (usize, usize),
    [d_gains, d_weight]: [&mut [f32]; 2],
) {
    let p = weight.len() / gains.len();
    let rows = weight.chunks_exact(p).zip(d_weight.chunks_exact_mut(p)).zip(d.chunks_exact(width));
    for ((gain, d_gain), ((weight, d_weight), d)) in gains.iter().zip(d_gains).zip(rows) {
        for ((weight, d_weight), d) in weight.iter().zip(d_weight).zip(&d[at..at + p]) {
            *d_gain += weight * d;
            *d_weight += gain * d;
        }
    }
}
