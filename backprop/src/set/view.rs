//! One view of the rows of an episode: cosines and distances to the shown examples, and back to the rows. Local reaches
//! are constants to the gradient.

use shaders::model::ridge;
use shaders::model::spec::COSINE_EPSILON;

use super::sizes::Sizes;
use crate::buffer::room;
use crate::matrix::{Matrix, multiply};
use crate::simd;

/// What one view says of each row and each shown example. Rows of pairs lie `stride` apart; what is after the N-th value
/// is 0.
#[derive(Default)]
pub struct View {
    /// Centred, `[M, E]`.
    x: Vec<f32>,
    /// |x_i|², `[M]`
    norm: Vec<f32>,
    /// s
    scale: f32,
    /// `[M, stride]`
    pub cosine: Vec<f32>,
    /// δ before it is held above 0, `[M, stride]`.
    raw: Vec<f32>,
    /// ε, `[M, stride]`
    pub local: Vec<f32>,
    /// |x_i|²/s, `[M]`, δ, `[M, N]`, and r, `[M]`, for ridges.
    square: Vec<f32>,
    distance: Vec<f32>,
    reach: Vec<f32>,
    mean: Vec<f32>,
    dot: Vec<f32>,
    d_norm: Vec<f32>,
    d_x: Vec<f32>,
}

/// Gradients of a view's features, `[M, stride]` each.
#[derive(Default)]
pub struct Gradients {
    pub cosine: Vec<f32>,
    pub distance: Vec<f32>,
    pub local: Vec<f32>,
}

impl View {
    /// δ, `[M, N]`.
    pub fn distance(&self) -> &[f32] {
        &self.distance
    }

    /// What ridges read.
    pub fn of_ridges(&self) -> ridge::View<'_> {
        ridge::View { square: &self.square, distance: &self.distance, reach: &self.reach }
    }

    /// Compares rows `[M, E]`.
    pub fn forward(&mut self, x: &[f32], sizes: Sizes, neighbour: usize) {
        let Sizes { m, n, stride, .. } = sizes;
        let e = x.len() / m;
        self.centre(x, n, e);
        let dot = room(&mut self.dot, m * stride);
        multiply([m, e, n], Matrix::rows(&self.x, e), Matrix::columns(&self.x, e), dot, stride, false);
        self.scale = self.norm[..n].iter().sum::<f32>() / n as f32 + COSINE_EPSILON;
        let View { norm, scale, cosine, raw, distance, .. } = self;
        let (cosine, raw) = (room(cosine, m * stride), room(raw, m * stride));
        let distance = room(distance, m * n);
        let rows = cosine.chunks_exact_mut(stride).zip(raw.chunks_exact_mut(stride)).zip(dot.chunks_exact(stride));
        simd::fast(
            #[inline(always)]
            || {
                for ((((cosine, raw), dot), distance), own) in rows.zip(distance.chunks_exact_mut(n)).zip(&*norm) {
                    let (cosine, raw, dot, norm) = (&mut cosine[..n], &mut raw[..n], &dot[..n], &norm[..n]);
                    for j in 0..n {
                        cosine[j] = dot[j] / (own * norm[j] + COSINE_EPSILON).sqrt();
                        raw[j] = (own + norm[j] - 2.0 * dot[j]) / *scale;
                        distance[j] = if raw[j] < 0.0 { 0.0 } else { raw[j] };
                    }
                }
            },
        );
        self.localise(sizes, neighbour);
    }

    /// Rows without the mean of the shown ones, and their squared norms.
    fn centre(&mut self, x: &[f32], n: usize, e: usize) {
        let View { x: centred, norm, mean, .. } = self;
        let mean = room(mean, e);
        mean.fill(0.0);
        let centred = room(centred, x.len());
        let norm = room(norm, x.len() / e);
        simd::fast(
            #[inline(always)]
            || {
                for row in x.chunks_exact(e).take(n) {
                    mean.iter_mut().zip(row).for_each(|(mean, value)| *mean += value);
                }
                mean.iter_mut().for_each(|mean| *mean /= (n + 1) as f32);
                for ((to, row), norm) in centred.chunks_exact_mut(e).zip(x.chunks_exact(e)).zip(norm) {
                    to.iter_mut().zip(row).zip(&*mean).for_each(|((to, value), mean)| *to = value - mean);
                    *norm = simd::dot(to, to);
                }
            },
        );
    }

    /// Reaches, and distances in their terms.
    fn localise(&mut self, Sizes { m, n, stride, .. }: Sizes, neighbour: usize) {
        let View { norm, scale, local, square, distance, reach, .. } = self;
        *reach = ridge::reaches(distance, n, neighbour);
        room(square, m).iter_mut().zip(&*norm).for_each(|(square, norm)| *square = norm / *scale);
        let local = room(local, m * stride);
        let rows = local.chunks_exact_mut(stride).zip(distance.chunks_exact(n)).zip(&*reach);
        simd::fast(
            #[inline(always)]
            || {
                for ((local, distance), own) in rows {
                    for ((local, distance), reach) in local.iter_mut().zip(distance).zip(&reach[..n]) {
                        *local = distance / (own * reach);
                    }
                }
            },
        );
    }

    /// The gradient of the rows, `[M, E]`, from those of the features; takes that of the local distances into `d.distance`.
    pub fn backward(&mut self, d: &mut Gradients, Sizes { m, n, stride, .. }: Sizes) -> &[f32] {
        let e = self.x.len() / m;
        let (norm, scale, reach) = (&self.norm, self.scale, &self.reach);
        // of the inner products
        let d_dot = room(&mut self.dot, m * stride);
        let d_norm = room(&mut self.d_norm, m);
        d_norm.fill(0.0);
        let mut d_scale = 0.0;
        let rows = d.cosine.chunks_exact(stride).zip(d.distance.chunks_exact_mut(stride));
        let rows = rows.zip(d.local.chunks_exact(stride)).zip(d_dot.chunks_exact_mut(stride));
        let kept = self.cosine.chunks_exact(stride).zip(self.raw.chunks_exact(stride));
        simd::fast(
            #[inline(always)]
            || {
                for (i, ((((d_cosine, d_distance), d_local), d_dot), (cosine, raw))) in rows.zip(kept).enumerate() {
                    let (own, own_reach) = (norm[i], reach[i]);
                    let (d_cosine, d_distance, d_local) = (&d_cosine[..n], &mut d_distance[..n], &d_local[..n]);
                    let (d_dot, cosine, raw) = (&mut d_dot[..n], &cosine[..n], &raw[..n]);
                    let (norm, reach, of_shown) = (&norm[..n], &reach[..n], &mut d_norm[..n]);
                    let (mut of_own, mut of_scale) = (0.0, 0.0);
                    for j in 0..n {
                        let d = d_distance[j] + d_local[j] / (own_reach * reach[j]);
                        let d = if raw[j] < 0.0 { 0.0 } else { d / scale };
                        d_distance[j] = d;
                        let square = own * norm[j] + COSINE_EPSILON;
                        let d_square = -0.5 * d_cosine[j] * cosine[j] / square;
                        d_dot[j] = d_cosine[j] / square.sqrt() - 2.0 * d;
                        of_shown[j] += d + d_square * own;
                    }
                    for j in 0..n {
                        let square = own * norm[j] + COSINE_EPSILON;
                        of_own += d_distance[j] - 0.5 * d_cosine[j] * cosine[j] / square * norm[j];
                        of_scale -= d_distance[j] * raw[j];
                    }
                    d_norm[i] += of_own;
                    d_scale += of_scale;
                }
            },
        );
        d_norm[..n].iter_mut().for_each(|d| *d += d_scale / n as f32);
        let (d_x, x) = (room(&mut self.d_x, m * e), &self.x);
        multiply([m, n, e], Matrix::rows(d_dot, stride), Matrix::rows(x, e), d_x, e, false);
        multiply([n, m, e], Matrix::columns(d_dot, stride), Matrix::rows(x, e), d_x, e, true);
        let mean = room(&mut self.mean, e);
        mean.fill(0.0);
        simd::fast(
            #[inline(always)]
            || {
                for ((d, x), norm) in d_x.chunks_exact_mut(e).zip(x.chunks_exact(e)).zip(&*d_norm) {
                    d.iter_mut().zip(x).for_each(|(d, x)| *d += 2.0 * norm * x);
                    mean.iter_mut().zip(&*d).for_each(|(mean, d)| *mean += d);
                }
                mean.iter_mut().for_each(|mean| *mean /= (n + 1) as f32);
                for d in d_x.chunks_exact_mut(e).take(n) {
                    d.iter_mut().zip(&*mean).for_each(|(d, mean)| *d -= mean);
                }
            },
        );
        d_x
    }
}
