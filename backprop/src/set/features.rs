//! Features of pairs of rows and shown examples, from which heads make their weights.

use shaders::model::spec::{LINEAR_FEATURES, LINEAR_SLOPE, SOFTMAX_FEATURES, SOFTMAX_SLOPE};

use super::ridges::Ridges;
use super::sizes::{LANES, Sizes};
use super::view::{self, View};
use crate::buffer::room;
use crate::simd::{self, TimesPlus};

/// Features of an episode. Those of a row lie together, each `stride` long; 0 after the N-th value.
#[derive(Default)]
pub struct Features {
    /// cos, cos², −δ, −ε of each view, `[M, F, stride]`.
    softmax: Vec<f32>,
    /// cos, cos², e^−ε of each view by the number of examples seen, then α of each ridge, `[M, F, stride]`; 0 where a row is
    /// the shown example itself.
    linear: Vec<f32>,
    /// V of the learner, and how many of them differ: vectors have one view, which stands for two.
    views: (usize, usize),
    ridges: usize,
    /// Gradients of the features of a learned view, `[M, 4, stride]` and `[M, 3, stride]`, where there is one.
    d_softmax: Vec<f32>,
    d_linear: Vec<f32>,
}

/// Which heads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Softmax,
    Linear,
}

/// Slopes of some heads, as they meet the features: a view that stands for two has the sum of both.
#[derive(Default)]
pub struct Slopes {
    /// `[features, heads]`
    values: Vec<f32>,
    heads: usize,
    /// Sums of their gradients, one in each lane, `[features, heads, LANES]`.
    d: Vec<f32>,
}

impl Features {
    /// # Shapes
    /// `views` those that differ, `all` the learner's V
    pub fn forward(&mut self, views: &[View], all: usize, ridges: &Ridges, sizes: Sizes) {
        let Sizes { m, n, stride, linear, .. } = sizes;
        self.views = (all, views.len());
        self.ridges = ridges.alpha.len();
        let count = self.count(Kind::Softmax);
        let softmax = room(&mut self.softmax, m * count * stride);
        for (i, row) in softmax.chunks_exact_mut(count * stride).enumerate() {
            let pairs = i * stride..(i + 1) * stride;
            for (view, row) in views.iter().zip(row.chunks_exact_mut(SOFTMAX_FEATURES * stride)) {
                let distance = &view.distance()[i * n..(i + 1) * n];
                let (cosine, local) = (&view.cosine[pairs.clone()], &view.local[pairs.clone()]);
                let (cosines, others) = row.split_at_mut(2 * stride);
                let (first, second) = cosines.split_at_mut(stride);
                first.copy_from_slice(cosine);
                second.iter_mut().zip(cosine).for_each(|(to, cosine)| *to = cosine * cosine);
                let (first, second) = others.split_at_mut(stride);
                first.iter_mut().zip(distance).for_each(|(to, distance)| *to = -distance);
                second.iter_mut().zip(local).for_each(|(to, local)| *to = -local);
            }
            row.chunks_exact_mut(stride).for_each(|feature| feature[n..].fill(0.0));
        }
        let learned = if views.len() > 1 { m * stride } else { 0 };
        room(&mut self.d_softmax, SOFTMAX_FEATURES * learned).fill(0.0);
        room(&mut self.d_linear, if linear > 0 { LINEAR_FEATURES * learned } else { 0 }).fill(0.0);
        if linear > 0 {
            self.forward_linear(views, ridges, sizes);
        }
    }

    fn forward_linear(&mut self, views: &[View], ridges: &Ridges, Sizes { m, n, stride, .. }: Sizes) {
        let count = self.count(Kind::Linear);
        let linear = room(&mut self.linear, m * count * stride);
        for (i, row) in linear.chunks_exact_mut(count * stride).enumerate() {
            let share = share(i, n);
            let pairs = i * stride..i * stride + n;
            let (of_views, of_ridges) = row.split_at_mut(views.len() * LINEAR_FEATURES * stride);
            simd::fast(
                #[inline(always)]
                || {
                    for (view, row) in views.iter().zip(of_views.chunks_exact_mut(LINEAR_FEATURES * stride)) {
                        let (cosine, local) = (&view.cosine[pairs.clone()], &view.local[pairs.clone()]);
                        let (first, others) = row.split_at_mut(stride);
                        let (second, third) = others.split_at_mut(stride);
                        for j in 0..n {
                            first[j] = cosine[j] * share;
                            second[j] = cosine[j] * cosine[j] * share;
                            third[j] = simd::exp(-local[j]) * share;
                        }
                    }
                },
            );
            for (alpha, row) in ridges.alpha.iter().zip(of_ridges.chunks_exact_mut(stride)) {
                row[..n].copy_from_slice(&alpha[i * n..(i + 1) * n]);
            }
            for feature in row.chunks_exact_mut(stride) {
                feature[n..].fill(0.0);
                if i < n {
                    feature[i] = 0.0;
                }
            }
        }
    }

    /// Features of each pair.
    fn count(&self, kind: Kind) -> usize {
        match kind {
            Kind::Softmax => SOFTMAX_FEATURES * self.views.1,
            Kind::Linear => LINEAR_FEATURES * self.views.1 + self.ridges,
        }
    }

    /// Features of a view.
    fn of_view(kind: Kind) -> usize {
        match kind {
            Kind::Softmax => SOFTMAX_FEATURES,
            Kind::Linear => LINEAR_FEATURES,
        }
    }

    /// Slopes `[F, heads]` as they are stored become those that meet the features.
    pub fn slopes(&self, kind: Kind, stored: &[f32], heads: usize, slopes: &mut Slopes) {
        let scale = scale(kind);
        slopes.heads = heads;
        let values = room(&mut slopes.values, self.count(kind) * heads);
        values.fill(0.0);
        room(&mut slopes.d, values.len() * LANES).fill(0.0);
        for (f, stored) in stored.chunks_exact(heads).enumerate() {
            let to = &mut values[self.place(kind, f) * heads..][..heads];
            to.iter_mut().zip(stored).for_each(|(to, stored)| *to += scale * stored);
        }
    }

    /// The feature that a stored slope meets.
    fn place(&self, kind: Kind, stored: usize) -> usize {
        let (all, differ) = self.views;
        let of_view = Features::of_view(kind);
        let of_views = all * of_view;
        match stored < of_views {
            true => stored % (differ * of_view),
            false => stored - of_views + differ * of_view,
        }
    }

    /// Adds the gradients of the stored slopes.
    pub fn add_slopes(&self, kind: Kind, slopes: &Slopes, stored: &mut [f32]) {
        let (scale, heads) = (scale(kind), slopes.heads);
        for (f, stored) in stored.chunks_exact_mut(heads).enumerate() {
            let from = &slopes.d[self.place(kind, f) * heads * LANES..][..heads * LANES];
            for (stored, lanes) in stored.iter_mut().zip(from.chunks_exact(LANES)) {
                *stored += scale * lanes.iter().sum::<f32>();
            }
        }
    }

    fn rows(&self, kind: Kind, first: usize, stride: usize) -> std::slice::ChunksExact<'_, f32> {
        let values = if kind == Kind::Softmax { &self.softmax } else { &self.linear };
        let row = self.count(kind) * stride;
        values[first * row..].chunks_exact(row)
    }

    /// Adds to `weights` what slopes make of the features of all rows from the `first` on.
    ///
    /// # Shapes
    /// `weights` `[heads, rows, stride]`
    pub fn weigh(&self, kind: Kind, slopes: &Slopes, (first, stride): (usize, usize), weights: &mut [f32]) {
        let heads = slopes.heads;
        let size = weights.len() / heads;
        for (h, weights) in weights.chunks_exact_mut(size).enumerate() {
            let rows = weights.chunks_exact_mut(stride).zip(self.rows(kind, first, stride));
            simd::fast(
                #[inline(always)]
                || {
                    for (weights, features) in rows {
                        for (at, to) in weights.as_chunks_mut::<LANES>().0.iter_mut().enumerate() {
                            let mut sum = *to;
                            let of_heads = slopes.values.chunks_exact(heads);
                            for (feature, slopes) in features.chunks_exact(stride).zip(of_heads) {
                                let feature = &feature.as_chunks::<LANES>().0[at];
                                let slope = slopes[h];
                                for l in 0..LANES {
                                    sum[l] = slope.times_plus(feature[l], sum[l]);
                                }
                            }
                            *to = sum;
                        }
                    }
                },
            );
        }
    }

    /// From the gradient of weights, adds to those of the slopes and of the features of a learned view.
    ///
    /// # Shapes
    /// `d` `[heads, rows, stride]`, 0 after the N-th value of a row
    pub fn backward(&mut self, kind: Kind, slopes: &mut Slopes, (first, stride): (usize, usize), d: &[f32]) {
        let Slopes { values, heads, d: d_slopes } = slopes;
        let heads = *heads;
        let size = d.len() / heads;
        for (h, d) in d.chunks_exact(size).enumerate() {
            let rows = d.chunks_exact(stride).zip(self.rows(kind, first, stride));
            simd::fast(
                #[inline(always)]
                || {
                    for (d, features) in rows {
                        for (f, feature) in features.chunks_exact(stride).enumerate() {
                            let to = &mut d_slopes[(f * heads + h) * LANES..][..LANES];
                            let mut sum = [0.0; LANES];
                            sum.copy_from_slice(to);
                            for (feature, d) in feature.as_chunks::<LANES>().0.iter().zip(d.as_chunks::<LANES>().0) {
                                for l in 0..LANES {
                                    sum[l] = feature[l].times_plus(d[l], sum[l]);
                                }
                            }
                            to.copy_from_slice(&sum);
                        }
                    }
                },
            );
        }
        if self.views.1 < 2 {
            return;
        }
        let of_view = Features::of_view(kind);
        let to = if kind == Kind::Softmax { &mut self.d_softmax } else { &mut self.d_linear };
        let to = &mut to[first * of_view * stride..];
        // the learned view is the last one
        let own = &values[of_view * heads..2 * of_view * heads];
        for (h, d) in d.chunks_exact(size).enumerate() {
            let rows = d.chunks_exact(stride).zip(to.chunks_exact_mut(of_view * stride));
            simd::fast(
                #[inline(always)]
                || {
                    for (d, to) in rows {
                        for (to, slopes) in to.chunks_exact_mut(stride).zip(own.chunks_exact(heads)) {
                            let slope = slopes[h];
                            to.iter_mut().zip(d).for_each(|(to, d)| *to = slope.times_plus(*d, *to));
                        }
                    }
                },
            );
        }
    }

    /// From the gradients of the features of the learned view to those of its cosines and distances.
    pub fn backward_view(&self, view: &View, Sizes { m, n, stride, linear, .. }: Sizes, to: &mut view::Gradients) {
        let cosines = room(&mut to.cosine, m * stride);
        let distances = room(&mut to.distance, m * stride);
        let locals = room(&mut to.local, m * stride);
        simd::fast(
            #[inline(always)]
            || {
                for i in 0..m {
                    let pairs = i * stride..i * stride + n;
                    let (cosine, local) = (&view.cosine[pairs.clone()], &view.local[pairs.clone()]);
                    let (to, from) = (&mut cosines[pairs.clone()], &self.d_softmax[SOFTMAX_FEATURES * i * stride..]);
                    let (first, second) = (&from[..n], &from[stride..][..n]);
                    for j in 0..n {
                        to[j] = first[j] + 2.0 * cosine[j] * second[j];
                    }
                    let (third, fourth) = (&from[2 * stride..], &from[3 * stride..]);
                    distances[pairs.clone()].iter_mut().zip(third).for_each(|(to, d)| *to = -d);
                    locals[pairs.clone()].iter_mut().zip(fourth).for_each(|(to, d)| *to = -d);
                    if linear == 0 {
                        continue;
                    }
                    let share = share(i, n);
                    let from = &self.d_linear[LINEAR_FEATURES * i * stride..];
                    let (first, second, third) = (&from[..n], &from[stride..][..n], &from[2 * stride..][..n]);
                    let of_local = &mut locals[pairs.clone()];
                    for j in 0..n {
                        // nothing comes of what a shown example says of itself
                        let share = if i == j { 0.0 } else { share };
                        to[j] += share * (first[j] + 2.0 * cosine[j] * second[j]);
                        of_local[j] -= share * simd::exp(-local[j]) * third[j];
                    }
                }
            },
        );
    }
}

/// One by the number of shown examples that row i sees.
fn share(i: usize, n: usize) -> f32 {
    let seen = if i < n { n - 1 } else { n };
    1.0 / seen.max(1) as f32
}

fn scale(kind: Kind) -> f32 {
    match kind {
        Kind::Softmax => SOFTMAX_SLOPE,
        Kind::Linear => LINEAR_SLOPE,
    }
}
