//! LayerNorm (Ba, Kiros and Hinton, arXiv 1607.06450).

use shaders::model::spec::LAYER_NORM_EPSILON;

use crate::buffer::sized;
use crate::simd;

/// What the backward half needs.
#[derive(Default)]
pub struct Kept {
    /// x̂ = (x − mean)/√(variance + ε), `[N, D]`
    normal: Vec<f32>,
    /// 1/√(variance + ε), `[N]`
    scale: Vec<f32>,
}

impl Kept {
    /// out ← x̂·γ + β
    ///
    /// # Shapes
    /// `rows` and `out` `[N, D]`, `gamma` and `beta` `[D]`
    pub fn forward(&mut self, rows: &[f32], gamma: &[f32], beta: &[f32], out: &mut [f32]) {
        let d = gamma.len();
        let normal = sized(&mut self.normal, rows.len());
        let scale = sized(&mut self.scale, rows.len() / d);
        let all = rows.chunks_exact(d).zip(normal.chunks_exact_mut(d)).zip(out.chunks_exact_mut(d)).zip(scale);
        simd::fast(
            #[inline(always)]
            || {
                for (((row, normal), out), scale) in all {
                    let mean = simd::sum(row, row, |x, _| x) / d as f32;
                    let variance = simd::sum(row, row, |x, _| (x - mean) * (x - mean)) / d as f32;
                    *scale = 1.0 / (variance + LAYER_NORM_EPSILON).sqrt();
                    for i in 0..d {
                        normal[i] = (row[i] - mean) * *scale;
                        out[i] = normal[i] * gamma[i] + beta[i];
                    }
                }
            },
        );
    }

    /// Adds the gradient of the rows to `to`, and those of γ and β to `d_gamma` and `d_beta`.
    ///
    /// # Shapes
    /// `d` and `to` `[N, D]`, the others `[D]`
    pub fn backward(&self, d: &[f32], gamma: &[f32], [d_gamma, d_beta]: [&mut [f32]; 2], to: &mut [f32]) {
        let n = gamma.len();
        let all = d.chunks_exact(n).zip(self.normal.chunks_exact(n)).zip(to.chunks_exact_mut(n)).zip(&self.scale);
        simd::fast(
            #[inline(always)]
            || {
                let mut each = vec![0.0; n];
                for (((d, normal), to), scale) in all {
                    for i in 0..n {
                        d_gamma[i] += d[i] * normal[i];
                        d_beta[i] += d[i];
                        each[i] = d[i] * gamma[i];
                    }
                    let mean = simd::sum(&each, &each, |e, _| e) / n as f32;
                    let along = simd::dot(&each, normal) / n as f32;
                    for i in 0..n {
                        to[i] += scale * (each[i] - mean - normal[i] * along);
                    }
                }
            },
        );
    }
}
