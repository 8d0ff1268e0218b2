//! Hand-written rules: what a meta-trained learner has to beat, on the very same episodes.
//!
//! All of them read one episode through the inner products of its centred inputs (the mean of the shown ones is taken
//! off), so they cost N²·X once and little more after that, and they ignore rotations of the inputs and the order of the
//! shown examples, as the ideal learner does (see [`Episode`]).
//!
//! Their few constants were chosen once, at 10, 19, 49 and 99 shown examples together, on 1,500 episodes each from the
//! training splits of MNIST and Fashion-MNIST (14×14 inputs); the test splits had no part in it. Classes are asked about
//! evenly there, so the baselines carry no prior: an intercept, or the share of a class added back to its regression, costs
//! 1 to 4 points at 10 and 20 examples.

use thiserror::Error;

use crate::linalg::{cholesky, forward, multiply, solve};
use crate::model::ridge;
use crate::model::spec::{Ridge, RidgeKernel};
use crate::probability::{answer, log_softmax};
use crate::simd::dot_in_f64 as dot;

pub mod logistic;

/// A hand-written baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Baseline {
    /// The label of the shown example with the greatest cosine.
    NearestNeighbour,
    /// The class whose mean has the greatest cosine.
    NearestMean,
    /// Ridge regression to centred one-hot labels with the kernel exp(γ(cos − 1)), γ = [`KERNEL_WIDTH`], ridge [`KERNEL_RIDGE`].
    KernelRidge,
    /// Multinomial logistic regression without an intercept, with L2 penalty [`LOGISTIC_PENALTY`].
    Logistic,
    /// Linear discriminant analysis; the common covariance is shrunk to a multiple of the identity by [`SHRINKAGE`].
    ShrunkLda,
    /// The class whose examples explain most of a query in its ridge representation by all shown ones, with the kernel
    /// of local width and λ = [`REPRESENTATION_RIDGE`] (Zhang, Yang and Feng, 2011, with a kernel): the strongest baseline
    /// known to us on these episodes.
    Representation,
}

/// γ of the kernel ridge baseline.
pub const KERNEL_WIDTH: f64 = 1.5;
/// λ that the kernel ridge baseline adds to the diagonal.
pub const KERNEL_RIDGE: f64 = 0.1;
/// λ of the logistic baseline, with mean cross-entropy and inputs scaled to a mean square norm of 1.
pub const LOGISTIC_PENALTY: f64 = 0.001;
/// Share of the identity in the covariance of the discriminant baseline.
pub const SHRINKAGE: f64 = 0.9;
/// λ of the representation baseline; 0.001 … 0.1 are the same to it, and so are 4 … 12 neighbours.
pub const REPRESENTATION_RIDGE: f32 = 0.03;
/// Neighbours that set the local width of its kernel.
pub const REPRESENTATION_NEIGHBOUR: usize = 7;

impl Baseline {
    /// All baselines, in the order of tables.
    pub const ALL: [Baseline; 6] = [
        Baseline::NearestNeighbour,
        Baseline::NearestMean,
        Baseline::KernelRidge,
        Baseline::Logistic,
        Baseline::ShrunkLda,
        Baseline::Representation,
    ];

    /// Its name in tables and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Baseline::NearestNeighbour => "1-NN cosine",
            Baseline::NearestMean => "nearest class mean",
            Baseline::KernelRidge => "kernel ridge",
            Baseline::Logistic => "logistic regression",
            Baseline::ShrunkLda => "shrunk LDA",
            Baseline::Representation => "local representation",
        }
    }
}

/// Why an episode cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EpisodeError {
    /// Lengths that don't fit together.
    #[error("expected {what} of {examples} rows of {inputs} values, found {found} values; pass [N, X], [N] and [Q, X]")]
    Size {
        /// Which slice.
        what: &'static str,
        /// X.
        inputs: usize,
        /// Rows meant: N, or any number of queries.
        examples: String,
        /// Length of the slice.
        found: usize,
    },
    /// A label that is no class.
    #[error("expected labels below {classes}, found {found}; pass the number of classes of the whole task")]
    Label {
        /// C.
        classes: usize,
        /// The label.
        found: u32,
    },
}

/// The inner products of one episode: all that a baseline needs.
#[derive(Debug, Clone)]
pub struct Episode {
    /// N labels of the shown examples.
    pub labels: Vec<u32>,
    /// C.
    pub classes: usize,
    /// X.
    pub inputs: usize,
    /// Inner products of the centred shown inputs, [N, N].
    pub gram: Vec<f64>,
    /// Inner products of queries with shown inputs, both centred, [Q, N].
    pub cross: Vec<f64>,
    /// Squared norms of the centred queries, `[Q]`.
    pub norms: Vec<f64>,
    /// The classes that were shown, ascending: only these are ever answered.
    pub seen: Vec<u32>,
}

/// Class that `baseline` gives each query; ties, and N = 0, go to the lowest label.
///
/// # Shapes
/// `shown` [N, X], `labels` `[N]`, `queries` [Q, X], X = `inputs` → `[Q]`
///
/// # Errors
/// [`EpisodeError`] for lengths that don't fit and labels of `classes` or more.
pub fn predict(
    baseline: Baseline,
    shown: &[f32],
    labels: &[u32],
    queries: &[f32],
    inputs: usize,
    classes: usize,
) -> Result<Vec<u32>, EpisodeError> {
    Ok(Episode::new(shown, labels, queries, inputs, classes)?.predict(baseline))
}

impl Episode {
    /// Prepares an episode once for all baselines.
    ///
    /// # Shapes
    /// `shown` [N, X], `labels` `[N]`, `queries` [Q, X], X = `inputs`
    ///
    /// # Errors
    /// [`EpisodeError`] for lengths that don't fit and labels of `classes` or more.
    pub fn new(
        shown: &[f32],
        labels: &[u32],
        queries: &[f32],
        inputs: usize,
        classes: usize,
    ) -> Result<Episode, EpisodeError> {
        let n = labels.len();
        if inputs == 0 || shown.len() != n * inputs {
            return Err(EpisodeError::Size {
                what: "shown inputs",
                inputs,
                examples: n.to_string(),
                found: shown.len(),
            });
        }
        if !queries.len().is_multiple_of(inputs) {
            let examples = "whole".to_string();
            return Err(EpisodeError::Size { what: "queries", inputs, examples, found: queries.len() });
        }
        if let Some(&found) = labels.iter().find(|&&label| label as usize >= classes) {
            return Err(EpisodeError::Label { classes, found });
        }
        let mut mean = vec![0f64; inputs];
        for row in shown.chunks_exact(inputs) {
            mean.iter_mut().zip(row).for_each(|(m, &v)| *m += f64::from(v) / n as f64);
        }
        let centre = |rows: &[f32]| -> Vec<f32> {
            rows.iter().enumerate().map(|(i, &v)| (f64::from(v) - mean[i % inputs]) as f32).collect()
        };
        let (shown, queries) = (centre(shown), centre(queries));
        let mut gram = vec![0f64; n * n];
        for i in 0..n {
            for j in 0..=i {
                let product = dot(&shown[i * inputs..][..inputs], &shown[j * inputs..][..inputs]);
                gram[i * n + j] = product;
                gram[j * n + i] = product;
            }
        }
        let asked = queries.len() / inputs;
        let mut cross = Vec::with_capacity(asked * n);
        let mut norms = Vec::with_capacity(asked);
        for q in 0..asked {
            let query = &queries[q * inputs..][..inputs];
            cross.extend((0..n).map(|i| dot(query, &shown[i * inputs..][..inputs])));
            norms.push(dot(query, query));
        }
        let mut seen = labels.to_vec();
        seen.sort_unstable();
        seen.dedup();
        Ok(Episode { labels: labels.to_vec(), classes, inputs, gram, cross, norms, seen })
    }

    /// Class that `baseline` gives each query, by [`answer`]; N = 0, and scores that are not finite, give the lowest label.
    ///
    /// # Shapes
    /// → `[Q]`
    pub fn predict(&self, baseline: Baseline) -> Vec<u32> {
        let scores = self.scores(baseline);
        let best = |row: &[f64]| answer(row).unwrap_or_default() as u32;
        scores.chunks_exact(self.classes.max(1)).map(best).collect()
    }

    /// How well each class fits each query by `baseline`, greater is better: cosines, regression values, log-probabilities
    /// or negative distances. Classes that were not shown have −∞; all have 0 when nothing was shown.
    ///
    /// # Shapes
    /// → [Q, C]
    pub fn scores(&self, baseline: Baseline) -> Vec<f64> {
        let (asked, classes) = (self.norms.len(), self.classes);
        if self.labels.is_empty() {
            return vec![0.0; asked * classes];
        }
        let small = match baseline {
            Baseline::NearestNeighbour => self.nearest_neighbour(),
            Baseline::NearestMean => self.nearest_mean(),
            Baseline::KernelRidge => self.kernel_ridge(KERNEL_WIDTH, KERNEL_RIDGE),
            Baseline::Logistic => self.logistic(LOGISTIC_PENALTY),
            Baseline::ShrunkLda => self.shrunk_lda(SHRINKAGE),
            Baseline::Representation => self.representation(REPRESENTATION_RIDGE, REPRESENTATION_NEIGHBOUR),
        };
        let mut scores = vec![f64::NEG_INFINITY; asked * classes];
        for q in 0..asked {
            for (k, &class) in self.seen.iter().enumerate() {
                scores[q * classes + class as usize] = small[q * self.seen.len() + k];
            }
        }
        scores
    }

    /// Place of each shown example's class among those seen, `[N]`.
    fn places(&self) -> Vec<usize> {
        self.labels.iter().map(|label| self.seen.binary_search(label).unwrap_or(0)).collect()
    }

    /// Inner products turned into cosines: those of the shown [N, N] and of queries with shown [Q, N]. An input that
    /// equals the mean has cosine 0 with all others.
    fn cosines(&self) -> (Vec<f64>, Vec<f64>) {
        let n = self.labels.len();
        let inverse = |square: f64| if square > 0.0 { 1.0 / square.sqrt() } else { 0.0 };
        let shown: Vec<f64> = (0..n).map(|i| inverse(self.gram[i * n + i])).collect();
        let within = (0..n * n).map(|e| self.gram[e] * shown[e / n] * shown[e % n]).collect();
        let cross = (0..self.cross.len()).map(|e| self.cross[e] * inverse(self.norms[e / n]) * shown[e % n]).collect();
        (within, cross)
    }

    // Each baseline returns scores of the classes seen, [Q, seen].

    fn nearest_neighbour(&self) -> Vec<f64> {
        let (n, places) = (self.labels.len(), self.places());
        let (_, cross) = self.cosines();
        let mut scores = vec![f64::NEG_INFINITY; self.norms.len() * self.seen.len()];
        for (e, &cosine) in cross.iter().enumerate() {
            let score = &mut scores[e / n * self.seen.len() + places[e % n]];
            *score = score.max(cosine);
        }
        scores
    }

    fn nearest_mean(&self) -> Vec<f64> {
        let (n, k, places) = (self.labels.len(), self.seen.len(), self.places());
        let means = self.mean_weights();
        (0..self.norms.len() * k)
            .map(|e| {
                let (q, c) = (e / k, e % k);
                let product: f64 = (0..n).map(|i| means[i * k + c] * self.cross[q * n + i]).sum();
                let square: f64 = (0..n)
                    .filter(|&i| places[i] == c)
                    .map(|i| means[i * k + c] * (0..n).map(|j| means[j * k + c] * self.gram[i * n + j]).sum::<f64>())
                    .sum();
                // The query's own norm is the same for all classes.
                if square > 1e-12 * self.gram[0].max(1e-12) { product / square.sqrt() } else { 0.0 }
            })
            .collect()
    }

    /// Weights that make class means of shown examples, [N, seen].
    fn mean_weights(&self) -> Vec<f64> {
        let (k, places) = (self.seen.len(), self.places());
        let mut weights = vec![0f64; places.len() * k];
        for c in 0..k {
            let count = places.iter().filter(|&&place| place == c).count();
            places
                .iter()
                .enumerate()
                .filter(|(_, p)| **p == c)
                .for_each(|(i, _)| weights[i * k + c] = 1.0 / count as f64);
        }
        weights
    }

    /// Scores are how much of a query the examples of each class explain.
    fn representation(&self, lambda: f32, neighbour: usize) -> Vec<f64> {
        let (n, k) = (self.labels.len(), self.seen.len());
        let places: Vec<u32> = self.places().into_iter().map(|place| place as u32).collect();
        let own = |i: usize| if i < n { self.gram[i * n + i] } else { self.norms[i - n] };
        let scale = ((0..n).map(own).sum::<f64>() / n as f64).max(1e-12);
        let rows = n + self.norms.len();
        let product = |i: usize, j: usize| if i < n { self.gram[i * n + j] } else { self.cross[(i - n) * n + j] };
        let square: Vec<f32> = (0..rows).map(|i| (own(i) / scale) as f32).collect();
        let distance: Vec<f32> = (0..rows * n)
            .map(|e| {
                let (i, j) = (e / n, e % n);
                ((own(i) + own(j) - 2.0 * product(i, j)) / scale).max(0.0) as f32
            })
            .collect();
        let reach = ridge::reaches(&distance, n, neighbour);
        let view = ridge::View { square: &square, distance: &distance, reach: &reach };
        let local = Ridge { kernel: RidgeKernel::Local, lambda, raw: false };
        let solved = ridge::solve(&local, &view, &places, k);
        solved.representation[n * k..].iter().map(|&v| f64::from(v)).collect()
    }

    /// Scores are the regression's values of each class's indicator, less the class's share.
    fn kernel_ridge(&self, width: f64, ridge: f64) -> Vec<f64> {
        let (n, k, places) = (self.labels.len(), self.seen.len(), self.places());
        let (within, cross) = self.cosines();
        let kernel = |cosine: &f64| (width * (cosine - 1.0)).exp();
        let mut matrix: Vec<f64> = within.iter().map(kernel).collect();
        (0..n).for_each(|i| matrix[i * n + i] += ridge);
        // Without their shares, a class that was shown often has no advantage far from everything.
        let mut share = vec![0f64; k];
        places.iter().for_each(|&place| share[place] += 1.0 / n as f64);
        let mut targets: Vec<f64> =
            (0..n * k).map(|e| f64::from(u8::from(places[e / k] == e % k)) - share[e % k]).collect();
        solve(&mut matrix, n, &mut targets, k);
        let cross: Vec<f64> = cross.iter().map(kernel).collect();
        multiply(&cross, &targets, n, k)
    }

    /// Scores are log-probabilities.
    ///
    /// An own solver and not a crate's (linfa-logistic was looked at): those work on the X·C weights themselves, which
    /// are thousands here, for a hundred examples. The weights are combinations of the shown inputs, w = Σ aᵢ xᵢ, so the
    /// same optimum is found on N·C coefficients through the Gram matrix: L-BFGS (Nocedal & Wright, algorithm 7.4) with
    /// inner products ⟨a, b⟩ = aᵀ K b, which makes it the method on w itself at a fraction of the cost.
    fn logistic(&self, penalty: f64) -> Vec<f64> {
        let (n, k, places) = (self.labels.len(), self.seen.len(), self.places());
        let spread = (0..n).map(|i| self.gram[i * n + i]).sum::<f64>() / n as f64;
        let scale = if spread > 0.0 { 1.0 / spread } else { 0.0 };
        let kernel: Vec<f64> = self.gram.iter().map(|v| v * scale).collect();
        let a = logistic::fit(&kernel, &places, k, penalty);
        let cross: Vec<f64> = self.cross.iter().map(|v| v * scale).collect();
        let mut scores = multiply(&cross, &a, n, k);
        scores.chunks_exact_mut(k).for_each(log_softmax);
        scores
    }

    /// Scores are negative squared distances to the class means under Σ⁻¹, times s·tr S / X, where S is the covariance
    /// within classes and Σ = (1 − s) S + s·(tr S / X)·1. Woodbury's identity makes it a matter of inner products only.
    fn shrunk_lda(&self, shrinkage: f64) -> Vec<f64> {
        let (n, k, places) = (self.labels.len(), self.seen.len(), self.places());
        let means = self.mean_weights();
        // Products of shown examples and of queries with class means, and of the means with themselves.
        let shown_means = multiply(&self.gram, &means, n, k);
        let query_means = multiply(&self.cross, &means, n, k);
        let mean_means = |a: usize, b: usize| (0..n).map(|i| means[i * k + a] * shown_means[i * k + b]).sum::<f64>();
        let between: Vec<f64> = (0..k * k).map(|e| mean_means(e / k, e % k)).collect();
        // Deviations from the own class mean, vᵢ = xᵢ − μ(yᵢ): their products V Vᵀ.
        let mut matrix = vec![0f64; n * n];
        for i in 0..n {
            for j in 0..n {
                let (p, r) = (places[i], places[j]);
                matrix[i * n + j] =
                    self.gram[i * n + j] - shown_means[i * k + r] - shown_means[j * k + p] + between[p * k + r];
            }
        }
        let trace: f64 = (0..n).map(|i| matrix[i * n + i]).sum::<f64>() / n as f64;
        let total: f64 = (0..n).map(|i| self.gram[i * n + i]).sum::<f64>() / n as f64;
        // With one example a class there is no spread within classes: what is left is the nearest mean.
        let identity = shrinkage * trace / self.inputs as f64;
        let usable = trace > 1e-9 * total;
        if usable {
            (0..n).for_each(|i| matrix[i * n + i] += n as f64 * identity / (1.0 - shrinkage));
            cholesky(&mut matrix, n);
        }
        let mut scores = Vec::with_capacity(self.norms.len() * k);
        let mut u = vec![0f64; n];
        for (q, norm) in self.norms.iter().enumerate() {
            for c in 0..k {
                let distance = norm - 2.0 * query_means[q * k + c] + between[c * k + c];
                let explained = if usable {
                    for i in 0..n {
                        let p = places[i];
                        u[i] = self.cross[q * n + i] - query_means[q * k + p] - shown_means[i * k + c]
                            + between[p * k + c];
                    }
                    forward(&matrix, n, &mut u);
                    u.iter().map(|v| v * v).sum()
                } else {
                    0.0
                };
                scores.push(explained - distance);
            }
        }
        scores
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: usize = 24;

    /// Noise in [-1, 1) that depends on nothing but its place.
    fn noise(i: usize) -> f32 {
        let mut z = (i as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    /// `n` examples of `classes` classes around random centres, with their labels: [n, X], [n].
    fn clusters(n: usize, classes: usize, spread: f32, seed: usize) -> (Vec<f32>, Vec<u32>) {
        let labels: Vec<u32> = (0..n).map(|i| ((i * 7 + i / classes) % classes) as u32).collect();
        let value = |e: usize| noise(labels[e / X] as usize * X + e % X) + spread * noise(10_000 * (seed + 1) + e);
        ((0..n * X).map(value).collect(), labels)
    }

    #[test]
    fn every_rule_learns_what_can_be_learned_and_only_that() {
        let (shown, labels) = clusters(60, 6, 0.5, 0);
        let (queries, truth) = clusters(200, 6, 0.5, 1);
        let episode = Episode::new(&shown, &labels, &queries, X, 6).unwrap();
        // The same examples under labels that have nothing to do with them.
        let shuffled: Vec<u32> = (0..60).map(|i| ((noise(i + 99) + 1.0) * 3.0) as u32).collect();
        let control = Episode::new(&shown, &shuffled, &queries, X, 6).unwrap();
        for baseline in Baseline::ALL {
            let right = |e: &Episode| e.predict(baseline).iter().zip(&truth).filter(|(a, b)| a == b).count();
            assert!(right(&episode) >= 196, "{}: {} of 200", baseline.name(), right(&episode));
            assert!(right(&control) < 100, "{}: {} of 200 with shuffled labels", baseline.name(), right(&control));
        }
    }

    #[test]
    fn labels_order_rotation_and_shift_do_not_matter() {
        let (shown, labels) = clusters(33, 5, 2.0, 0);
        let (queries, _) = clusters(100, 5, 2.0, 1);
        let names = [3u32, 0, 4, 1, 2];
        let renamed: Vec<u32> = labels.iter().map(|&l| names[l as usize]).collect();
        let reversed: Vec<f32> = shown.chunks_exact(X).rev().flatten().copied().collect();
        let backwards: Vec<u32> = labels.iter().rev().copied().collect();
        // A rotation in each pair of axes, a common scale and a shift.
        let moved = |rows: &[f32]| -> Vec<f32> {
            let (sin, cos) = 0.7f32.sin_cos();
            let pairs = rows.chunks_exact(2);
            pairs.flat_map(|p| [3.0 * (cos * p[0] - sin * p[1]) + 5.0, 3.0 * (sin * p[0] + cos * p[1]) - 2.0]).collect()
        };
        for baseline in Baseline::ALL {
            let plain = predict(baseline, &shown, &labels, &queries, X, 5).unwrap();
            let other = predict(baseline, &shown, &renamed, &queries, X, 5).unwrap();
            let expected: Vec<u32> = plain.iter().map(|&l| names[l as usize]).collect();
            assert_eq!(other, expected, "{}: renamed labels", baseline.name());
            assert_eq!(
                plain,
                predict(baseline, &reversed, &backwards, &queries, X, 5).unwrap(),
                "{}: order",
                baseline.name()
            );
            let other = predict(baseline, &moved(&shown), &labels, &moved(&queries), X, 5).unwrap();
            let differ = plain.iter().zip(&other).filter(|(a, b)| a != b).count();
            assert!(differ <= 1, "{}: {differ} of 100 answers change under rotation, scale and shift", baseline.name());
        }
    }

    #[test]
    fn only_classes_that_were_shown_are_answered() {
        let (queries, _) = clusters(30, 8, 1.0, 3);
        for baseline in Baseline::ALL {
            assert_eq!(
                predict(baseline, &[], &[], &queries, X, 8).unwrap(),
                [0; 30],
                "{}: nothing shown",
                baseline.name()
            );
            // One example, and one class only.
            assert_eq!(predict(baseline, &queries[..X], &[5], &queries, X, 8).unwrap(), [5; 30], "{}", baseline.name());
            assert_eq!(
                predict(baseline, &queries[..3 * X], &[6; 3], &queries, X, 8).unwrap(),
                [6; 30],
                "{}",
                baseline.name()
            );
            let found = predict(baseline, &queries[..4 * X], &[7, 2, 2, 7], &queries, X, 8).unwrap();
            assert!(found.iter().all(|l| [2, 7].contains(l)), "{}: {found:?}", baseline.name());
            // What was just shown is recognised.
            assert_eq!(found[..4], [7, 2, 2, 7], "{}", baseline.name());
            assert!(predict(baseline, &queries, &[1; 30], &[], X, 8).unwrap().is_empty());
        }
    }

    #[test]
    fn degenerate_inputs_give_finite_scores() {
        let constant = [0.25f32; 6 * X];
        let huge: Vec<f32> = (0..6 * X).map(|i| noise(i) * 1e15).collect();
        let twice: Vec<f32> = huge[..3 * X].repeat(2);
        for shown in [&constant[..], &[0.0; 6 * X], &huge, &twice] {
            let episode = Episode::new(shown, &[0, 1, 2, 0, 1, 1], shown, X, 3).unwrap();
            for baseline in Baseline::ALL {
                assert!(episode.scores(baseline).iter().all(|s| s.is_finite()), "{}", baseline.name());
            }
        }
    }

    #[test]
    fn lengths_and_labels_are_checked() {
        let rows = [0.0f32; 3 * X];
        let wrong = |shown: &[f32], labels: &[u32], queries: &[f32], inputs| {
            predict(Baseline::NearestMean, shown, labels, queries, inputs, 2).unwrap_err()
        };
        assert!(matches!(wrong(&rows, &[0, 1], &rows, X), EpisodeError::Size { found: 72, .. }));
        assert!(matches!(wrong(&rows, &[0, 1, 0], &rows[1..], X), EpisodeError::Size { what: "queries", .. }));
        assert!(matches!(wrong(&[], &[], &[], 0), EpisodeError::Size { .. }));
        assert_eq!(wrong(&rows, &[0, 2, 0], &rows, X), EpisodeError::Label { classes: 2, found: 2 });
    }

    /// The optimum found through the Gram matrix is that of the weights themselves: plain gradient descent on them, from
    /// the formula, comes to the same log-probabilities.
    #[test]
    fn logistic_regression_reaches_the_optimum() {
        let (shown, labels) = clusters(40, 3, 2.0, 0);
        let (queries, _) = clusters(20, 3, 2.0, 1);
        let found = Episode::new(&shown, &labels, &queries, X, 3).unwrap().logistic(0.05);

        let mean: Vec<f64> = (0..X).map(|x| (0..40).map(|i| f64::from(shown[i * X + x])).sum::<f64>() / 40.0).collect();
        let centred =
            |rows: &[f32]| -> Vec<f64> { rows.iter().enumerate().map(|(i, &v)| f64::from(v) - mean[i % X]).collect() };
        let (mut inputs, mut asked) = (centred(&shown), centred(&queries));
        let scale = (inputs.iter().map(|v| v * v).sum::<f64>() / 40.0).sqrt();
        inputs.iter_mut().chain(&mut asked).for_each(|v| *v /= scale);
        let mut w = vec![0f64; X * 3];
        for _ in 0..20_000 {
            let mut p = multiply(&inputs, &w, X, 3);
            let mut step = w.iter().map(|w| 0.05 * w).collect::<Vec<f64>>();
            for (i, row) in p.chunks_exact_mut(3).enumerate() {
                log_softmax(row);
                for c in 0..3 {
                    let error = (row[c].exp() - f64::from(u8::from(labels[i] as usize == c))) / 40.0;
                    (0..X).for_each(|x| step[x * 3 + c] += error * inputs[i * X + x]);
                }
            }
            w.iter_mut().zip(step).for_each(|(w, s)| *w -= s);
        }
        let mut expected = multiply(&asked, &w, X, 3);
        expected.chunks_exact_mut(3).for_each(log_softmax);
        let (worst, e) =
            (0..60).map(|e| ((found[e] - expected[e]).abs(), e)).max_by(|a, b| a.0.total_cmp(&b.0)).unwrap();
        assert!(worst < 2e-3, "query {}, class {}: {} instead of {}", e / 3, e % 3, found[e], expected[e]);
    }

    /// The discriminant through inner products equals the one with X×X matrices, from the formula.
    #[test]
    fn discriminant_analysis_follows_its_formula() {
        let (shown, labels) = clusters(30, 3, 2.0, 0);
        let (queries, _) = clusters(10, 3, 2.0, 1);
        let shrinkage = 0.3;
        let found = Episode::new(&shown, &labels, &queries, X, 3).unwrap().shrunk_lda(shrinkage);

        let mean = |class: u32, x: usize| {
            let own: Vec<usize> = (0..30).filter(|&i| labels[i] == class).collect();
            own.iter().map(|&i| f64::from(shown[i * X + x])).sum::<f64>() / own.len() as f64
        };
        let mut covariance = vec![0f64; X * X];
        for i in 0..30 {
            let v: Vec<f64> = (0..X).map(|x| f64::from(shown[i * X + x]) - mean(labels[i], x)).collect();
            (0..X * X).for_each(|e| covariance[e] += v[e / X] * v[e % X] / 30.0);
        }
        let trace: f64 = (0..X).map(|x| covariance[x * X + x]).sum();
        covariance.iter_mut().for_each(|v| *v *= 1.0 - shrinkage);
        (0..X).for_each(|x| covariance[x * X + x] += shrinkage * trace / X as f64);
        for q in 0..10 {
            for c in 0..3 {
                let d: Vec<f64> = (0..X).map(|x| f64::from(queries[q * X + x]) - mean(c as u32, x)).collect();
                let mut solved = d.clone();
                solve(&mut covariance.clone(), X, &mut solved, 1);
                let expected = -d.iter().zip(&solved).map(|(a, b)| a * b).sum::<f64>();
                let value = found[q * 3 + c] * scale_of(shrinkage, trace);
                assert!((value - expected).abs() < 1e-3 * expected.abs(), "query {q}, class {c}: {value} {expected}");
            }
        }
    }

    /// Scores leave out the common factor of Woodbury's identity, the identity's share.
    fn scale_of(shrinkage: f64, trace: f64) -> f64 {
        X as f64 / (shrinkage * trace)
    }
}
