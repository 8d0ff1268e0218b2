//! Ridges over the shown examples, which have no weights and are constants to the gradient. What
//! [`shaders::model::ridge`] computes, in f64 like it, with the inverse and what follows in blocks that fit vectors.

use shaders::model::ridge;
use shaders::model::spec::{Equivariant, REGRESSION_SCALE, REPRESENTATION_SCALE, Ridge, RidgeKernel};

use super::sizes::{Episode, Sizes};
use super::view::View;
use crate::buffer::room;
use crate::simd::{self, TimesPlus};

/// What comes of all ridges of an episode.
#[derive(Default)]
pub struct Ridges {
    /// α of each, `[M, N]`.
    pub alpha: Vec<Vec<f32>>,
    /// `[M·C, S]`
    pub scores: Vec<f32>,
    solver: Solver,
}

/// Buffers of one ridge.
#[derive(Default)]
struct Solver {
    /// K, `[M, N]`, and its transpose.
    kernel: Vec<f64>,
    turned_kernel: Vec<f64>,
    /// (K + λI)⁻¹, `[N, N]`
    inverse: Vec<f64>,
    sweep: Sweep,
    /// α, `[M, N]`, and its transpose.
    alpha: Vec<f64>,
    turned_alpha: Vec<f64>,
    /// ρ and Σ α over the examples of a class, `[C, M]` each.
    explained: Vec<f64>,
    sums: Vec<f64>,
    /// `[M]`
    rest: Vec<f64>,
}

impl Ridges {
    /// Solves all of them.
    ///
    /// # Shapes
    /// `views` the inputs, then their embedding, if there is one
    pub fn forward(&mut self, set: &Equivariant, views: &[View], episode: &Episode<'_>, sizes: Sizes) {
        let Sizes { m, n, c, .. } = sizes;
        let s = set.scores();
        let labels = &episode.labels[..n];
        let Ridges { alpha, scores, solver } = self;
        let scores = room(scores, m * c * s);
        alpha.resize(set.ridge.len(), Vec::new());
        for (r, (ridge, alpha)) in set.ridge.iter().zip(alpha).enumerate() {
            let view = if ridge.raw { 0 } else { views.len() - 1 };
            solver.solve(ridge, &views[view].of_ridges(), labels, (m, c));
            room(alpha, m * n).iter_mut().zip(&solver.alpha).for_each(|(to, alpha)| *to = *alpha as f32);
            put(scores, (2 * r, s), (&solver.sums, REGRESSION_SCALE), (m, c));
            put(scores, (2 * r + 1, s), (&solver.explained, REPRESENTATION_SCALE), (m, c));
        }
        let counts = ridge::counts(m, labels, c);
        scores.iter_mut().skip(s - 1).step_by(s).zip(counts).for_each(|(to, value)| *to = value);
    }
}

/// Writes values without their mean over classes as one of S scores.
///
/// # Shapes
/// `values` `[C, M]`, `scores` `[M·C, S]`
fn put(scores: &mut [f32], (at, s): (usize, usize), (values, scale): (&[f64], f32), (m, c): (usize, usize)) {
    for (i, scores) in scores.chunks_exact_mut(c * s).enumerate() {
        let mean = (0..c).map(|class| values[class * m + i]).sum::<f64>() / c as f64;
        for (class, scores) in scores.chunks_exact_mut(s).enumerate() {
            scores[at] = (f64::from(scale) * (values[class * m + i] - mean)) as f32;
        }
    }
}

impl Solver {
    fn solve(&mut self, ridge: &Ridge, view: &ridge::View<'_>, labels: &[u32], (m, c): (usize, usize)) {
        let n = labels.len();
        self.fill_kernel(ridge.kernel, view, n);
        let inverse = room(&mut self.inverse, n * n);
        inverse.copy_from_slice(&self.kernel[..n * n]);
        (0..n).for_each(|i| inverse[i * n + i] += f64::from(ridge.lambda));
        self.sweep.invert(inverse, n);
        let alpha = room(&mut self.alpha, m * n);
        let (shown, asked) = alpha.split_at_mut(n * n);
        for (i, (out, row)) in shown.chunks_exact_mut(n).zip(inverse.chunks_exact(n)).enumerate() {
            out.iter_mut().zip(row).for_each(|(alpha, value)| *alpha = -value / row[i]);
            out[i] = 0.0;
        }
        multiply(&self.kernel[n * n..], inverse, n, asked);
        turn(&self.kernel, n, room(&mut self.turned_kernel, m * n));
        turn(&self.alpha, n, room(&mut self.turned_alpha, m * n));
        self.score(labels, (m, c));
    }

    fn fill_kernel(&mut self, kind: RidgeKernel, view: &ridge::View<'_>, n: usize) {
        let ridge::View { square, distance, reach } = *view;
        let rows = room(&mut self.kernel, distance.len()).chunks_exact_mut(n).zip(distance.chunks_exact(n));
        simd::fast(
            #[inline(always)]
            || {
                for ((row, distance), (square_i, reach_i)) in rows.zip(square.iter().zip(reach)) {
                    let (square_i, reach_i) = (f64::from(*square_i), f64::from(*reach_i));
                    let others = row.iter_mut().zip(distance).zip(square[..n].iter().zip(&reach[..n]));
                    match kind {
                        RidgeKernel::Linear => {
                            for ((value, distance), (square, _)) in others {
                                *value = (square_i + f64::from(*square) - f64::from(*distance)) / 2.0;
                            }
                        }
                        RidgeKernel::Gaussian => {
                            for ((value, distance), _) in others {
                                *value = simd::exp_f64(-f64::from(*distance) / 2.0);
                            }
                        }
                        RidgeKernel::Local => {
                            for ((value, distance), (_, reach)) in others {
                                *value = simd::exp_f64(-f64::from(*distance) / (reach_i * f64::from(*reach)));
                            }
                        }
                    }
                }
            },
        );
    }

    /// Σ α_ij and ρ_i = Σ_j α_ij·(2·K_ij − Σ_m K_jm·α_im) over the examples j and m of each class, for all rows i at once.
    fn score(&mut self, labels: &[u32], (m, c): (usize, usize)) {
        let n = labels.len();
        let Solver { kernel, turned_kernel, turned_alpha, explained, sums, rest, .. } = self;
        let (explained, sums, rest) = (room(explained, c * m), room(sums, c * m), room(rest, m));
        explained.fill(0.0);
        sums.fill(0.0);
        let alphas = |j: usize| &turned_alpha[j * m..(j + 1) * m];
        simd::fast(
            #[inline(always)]
            || {
                for j in 0..n {
                    let class = labels[j] as usize;
                    let similar = &turned_kernel[j * m..(j + 1) * m];
                    rest.iter_mut().zip(similar).for_each(|(rest, similar)| *rest = 2.0 * similar);
                    for (other, label) in labels.iter().enumerate() {
                        if *label as usize == class {
                            let weight = kernel[j * n + other];
                            let alphas = alphas(other).iter();
                            rest.iter_mut().zip(alphas).for_each(|(rest, a)| *rest = (-weight).times_plus(*a, *rest));
                        }
                    }
                    let (of_class, sums) = (&mut explained[class * m..][..m], &mut sums[class * m..][..m]);
                    let all = of_class.iter_mut().zip(sums).zip(alphas(j)).zip(&*rest);
                    for (((explained, sum), alpha), rest) in all {
                        *explained = alpha.times_plus(*rest, *explained);
                        *sum += alpha;
                    }
                }
            },
        );
    }
}

/// The transpose of rows of n.
fn turn(rows: &[f64], n: usize, to: &mut [f64]) {
    let m = rows.len() / n;
    for (i, row) in rows.chunks_exact(n).enumerate() {
        for (j, value) in row.iter().enumerate() {
            to[j * m + i] = *value;
        }
    }
}

/// Columns that are summed at once: two vectors of four, for four rows.
const COLUMNS: usize = 8;
const ROWS: usize = 4;

/// out ← left·right
///
/// # Shapes
/// `left` and `out` `[R, n]`, `right` `[n, n]`
fn multiply(left: &[f64], right: &[f64], n: usize, out: &mut [f64]) {
    simd::fast(
        #[inline(always)]
        || {
            let (tall, low) = (left.chunks_exact(ROWS * n), left.chunks_exact(ROWS * n).remainder());
            let done = left.len() - low.len();
            let (to, to_low) = out.split_at_mut(done);
            for (left, out) in tall.zip(to.chunks_exact_mut(ROWS * n)) {
                rows_of_product::<ROWS>(left, right, n, out);
            }
            for (left, out) in low.chunks_exact(n).zip(to_low.chunks_exact_mut(n)) {
                rows_of_product::<1>(left, right, n, out);
            }
        },
    );
}

#[inline(always)]
fn rows_of_product<const R: usize>(left: &[f64], right: &[f64], n: usize, out: &mut [f64]) {
    for from in (0..n).step_by(COLUMNS) {
        let count = COLUMNS.min(n - from);
        let mut sums = [[0.0f64; COLUMNS]; R];
        for (k, right) in right.chunks_exact(n).enumerate() {
            let mut row = [0.0; COLUMNS];
            match right[from..].first_chunk::<COLUMNS>() {
                Some(right) => row = *right,
                None => row[..count].copy_from_slice(&right[from..]),
            }
            for r in 0..R {
                let value = left[r * n + k];
                for l in 0..COLUMNS {
                    sums[r][l] = value.times_plus(row[l], sums[r][l]);
                }
            }
        }
        for (out, sums) in out.chunks_exact_mut(n).zip(&sums) {
            out[from..from + count].copy_from_slice(&sums[..count]);
        }
    }
}

/// Pivots that are swept at once: each sweep passes over the whole matrix.
const PIVOTS: usize = 8;

/// Buffers of an inverse.
#[derive(Default)]
struct Sweep {
    /// Rows of the pivots, `[PIVOTS, n]`.
    pivots: Vec<f64>,
}

impl Sweep {
    /// Inverse of a symmetric positive definite matrix `[n, n]` in place, by Gauss–Jordan sweeps of a few pivots.
    fn invert(&mut self, a: &mut [f64], n: usize) {
        let pivots = room(&mut self.pivots, PIVOTS * n);
        simd::fast(
            #[inline(always)]
            || {
                for from in (0..n).step_by(PIVOTS) {
                    let count = PIVOTS.min(n - from);
                    sweep(a, n, (from, count), &mut pivots[..count * n]);
                }
            },
        );
    }
}

/// Sweeps `count` pivots, from one on.
#[inline(always)]
fn sweep(a: &mut [f64], n: usize, (from, count): (usize, usize), pivots: &mut [f64]) {
    // the block of the pivots alone
    let mut block = [[0.0f64; PIVOTS]; PIVOTS];
    for (p, row) in block.iter_mut().enumerate().take(count) {
        row[..count].copy_from_slice(&a[(from + p) * n + from..][..count]);
    }
    invert_block(&mut block, count);
    // their rows times its inverse
    for (row, pivots) in block.iter().zip(pivots.chunks_exact_mut(n)) {
        pivots.fill(0.0);
        for (q, factor) in row.iter().enumerate().take(count) {
            let of_pivot = &a[(from + q) * n..(from + q + 1) * n];
            pivots.iter_mut().zip(of_pivot).for_each(|(to, value)| *to = factor.times_plus(*value, *to));
        }
        pivots[from..from + count].copy_from_slice(&row[..count]);
    }
    for (i, row) in a.chunks_exact_mut(n).enumerate() {
        if (from..from + count).contains(&i) {
            row.copy_from_slice(&pivots[(i - from) * n..(i - from + 1) * n]);
            continue;
        }
        let mut factors = [0.0f64; PIVOTS];
        factors[..count].copy_from_slice(&row[from..from + count]);
        row[from..from + count].fill(0.0);
        match count {
            PIVOTS => subtract::<PIVOTS>(row, &factors, pivots, n),
            _ => {
                for (factor, pivots) in factors.iter().zip(pivots.chunks_exact(n)) {
                    row.iter_mut().zip(pivots).for_each(|(to, value)| *to = (-factor).times_plus(*value, *to));
                }
            }
        }
    }
}

/// row ← row − Σ factor·pivot
#[inline(always)]
fn subtract<const P: usize>(row: &mut [f64], factors: &[f64; P], pivots: &[f64], n: usize) {
    let rows: [&[f64]; P] = std::array::from_fn(
        #[inline(always)]
        |p| &pivots[p * n..(p + 1) * n],
    );
    let row = &mut row[..n];
    for (j, to) in row.iter_mut().enumerate() {
        let mut value = *to;
        for p in 0..P {
            value = (-factors[p]).times_plus(rows[p][j], value);
        }
        *to = value;
    }
}

#[inline(always)]
fn invert_block(block: &mut [[f64; PIVOTS]; PIVOTS], count: usize) {
    for p in 0..count {
        let mut pivot = block[p];
        let d = 1.0 / pivot[p];
        pivot[p] = 1.0;
        pivot.iter_mut().for_each(|value| *value *= d);
        for (i, row) in block.iter_mut().enumerate().take(count) {
            if i == p {
                *row = pivot;
                continue;
            }
            let factor = row[p];
            row[p] = 0.0;
            row.iter_mut().zip(&pivot).for_each(|(value, pivot)| *value = (-factor).times_plus(*pivot, *value));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Distances of points on a bent line, and what belongs to them.
    fn line(m: usize, n: usize) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
        let point = |i: usize| [(i as f32 * 0.7).sin(), (i as f32 * 1.3).cos(), i as f32 * 0.05];
        let square = |a: [f32; 3], b: [f32; 3]| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f32>();
        let distance: Vec<f32> = (0..m).flat_map(|i| (0..n).map(move |j| square(point(i), point(j)))).collect();
        let reach = ridge::reaches(&distance, n, 3);
        ((0..m).map(|i| square(point(i), [0.0; 3])).collect(), distance, reach)
    }

    #[test]
    fn ridges_are_those_of_the_engines() {
        for (m, n, c) in [(30, 21, 4), (9, 8, 3), (5, 1, 2), (20, 16, 1), (13, 3, 5)] {
            let (square, distance, reach) = line(m, n);
            let view = ridge::View { square: &square, distance: &distance, reach: &reach };
            let labels: Vec<u32> = (0..n).map(|i| ((i * i + 1) % c) as u32).collect();
            for kernel in [RidgeKernel::Local, RidgeKernel::Linear, RidgeKernel::Gaussian] {
                let ridge = Ridge { kernel, lambda: 0.05, raw: false };
                let want = ridge::solve(&ridge, &view, &labels, c);
                let mut solver = Solver::default();
                solver.solve(&ridge, &view, &labels, (m, c));
                let near = |got: f32, want: f32, what| {
                    assert!((got - want).abs() < 1e-5 * (1.0 + want.abs()), "{what}, {kernel:?}, {n}: {got}, {want}");
                };
                let mut scores = vec![0.0; m * c * 2];
                put(&mut scores, (0, 2), (&solver.sums, REGRESSION_SCALE), (m, c));
                put(&mut scores, (1, 2), (&solver.explained, REPRESENTATION_SCALE), (m, c));
                solver.alpha.iter().zip(&want.alpha).for_each(|(got, want)| near(*got as f32, *want, "α"));
                for (got, want) in scores.chunks_exact(2).zip(want.regression.iter().zip(&want.representation)) {
                    near(got[0], *want.0, "regression");
                    near(got[1], *want.1, "representation");
                }
            }
        }
    }
}
