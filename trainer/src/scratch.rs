//! Learners that begin each episode knowing nothing: the paper's online perceptron (its row "SGD"), and support vector
//! machines. They read an episode as it is, in its order, and answer before they are told.
//!
//! Their constants are textbook ones and were not tuned: hidden units, optimiser and rate of the perceptron are the
//! paper's; the machines have C = 3 and, for the Gaussian kernel, a width set by the mean square norm.

use shaders::random::{self, Stream};

use crate::tasks::Episode;
use crate::tasks::projection::normals;

/// A learner from scratch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// One hidden layer of [`HIDDEN`] ReLU units, one Adam step of [`ADAM_RATE`] an example: the paper's baseline.
    OnlineAdam,
    /// The same net with plain gradient steps of [`SGD_RATE`].
    OnlineSgd,
    /// Support vector machine, linear, one against one.
    LinearSvm,
    /// Support vector machine with a Gaussian kernel, one against one.
    GaussianSvm,
}

/// Hidden units of the online perceptron.
pub const HIDDEN: usize = 128;
/// Adam's rate for it.
pub const ADAM_RATE: f32 = 1e-3;
/// Rate of plain gradient steps.
pub const SGD_RATE: f32 = 0.1;
/// Box constraint of the support vector machines.
pub const BOX: f64 = 3.0;

impl Method {
    /// All, in the order of tables.
    pub const ALL: [Method; 4] = [Method::OnlineAdam, Method::OnlineSgd, Method::LinearSvm, Method::GaussianSvm];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Method::OnlineAdam => "online MLP, Adam",
            Method::OnlineSgd => "online MLP, SGD",
            Method::LinearSvm => "linear SVM",
            Method::GaussianSvm => "Gaussian SVM",
        }
    }

    /// Its answer at each position asked for (counted from 1, ascending), from what came before it. `index` seeds the
    /// perceptron's first weights.
    ///
    /// # Shapes
    /// `episode` T examples of X = `inputs` values; `positions` [P] → [P], labels below C = `classes`.
    pub fn answers(
        self,
        episode: &Episode,
        inputs: usize,
        classes: usize,
        positions: &[usize],
        index: u64,
    ) -> Vec<u32> {
        let row = |i: usize| &episode.inputs[i * inputs..(i + 1) * inputs];
        match self {
            Method::OnlineAdam | Method::OnlineSgd => {
                let mut net = Perceptron::new(inputs, classes, &mut random::stream(0, "scratch", index));
                let mut answers = Vec::with_capacity(positions.len());
                let mut shown = 0;
                for &p in positions {
                    while shown < p - 1 {
                        let gradient = net.gradient(row(shown), episode.labels[shown]);
                        match self {
                            Method::OnlineAdam => net.adam(&gradient),
                            _ => net.step(&gradient, SGD_RATE),
                        }
                        shown += 1;
                    }
                    let chances = net.forward(row(p - 1)).1;
                    answers.push(shaders::answer(&chances).unwrap_or_default() as u32);
                }
                answers
            }
            Method::LinearSvm | Method::GaussianSvm => {
                let gaussian = self == Method::GaussianSvm;
                let answer = |&p: &usize| {
                    let shown: Vec<&[f32]> = (0..p - 1).map(row).collect();
                    machine(&shown, &episode.labels[..p - 1], row(p - 1), gaussian)
                };
                positions.iter().map(answer).collect()
            }
        }
    }
}

/// x → ReLU → log-probabilities, with the moments of Adam.
struct Perceptron {
    inputs: usize,
    classes: usize,
    /// W₁ [X, H], b₁ [H], W₂ [H, C], b₂ [C]
    weights: Vec<f32>,
    moments: [Vec<f32>; 2],
    steps: i32,
}

impl Perceptron {
    fn new(inputs: usize, classes: usize, stream: &mut Stream) -> Perceptron {
        let scaled = |count: usize, fan_in: usize, stream: &mut Stream| -> Vec<f32> {
            let scale = 1.0 / (fan_in as f32).sqrt();
            normals(count, stream).into_iter().map(|v| v * scale).collect()
        };
        let mut weights = scaled(inputs * HIDDEN, inputs, stream);
        weights.resize(weights.len() + HIDDEN, 0.0);
        weights.extend(scaled(HIDDEN * classes, HIDDEN, stream));
        weights.resize(weights.len() + classes, 0.0);
        let zeros = vec![0.0; weights.len()];
        Perceptron { inputs, classes, weights, moments: [zeros.clone(), zeros], steps: 0 }
    }

    /// Where b₁, W₂ and b₂ begin.
    fn places(&self) -> (usize, usize, usize) {
        let b1 = self.inputs * HIDDEN;
        (b1, b1 + HIDDEN, b1 + HIDDEN + HIDDEN * self.classes)
    }

    /// Hidden units [H] and chances [C].
    fn forward(&self, x: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let (b1, w2, b2) = self.places();
        let mut hidden = self.weights[b1..w2].to_vec();
        for (row, &value) in self.weights.chunks_exact(HIDDEN).zip(x) {
            hidden.iter_mut().zip(row).for_each(|(h, w)| *h += value * w);
        }
        hidden.iter_mut().for_each(|h| *h = h.max(0.0));
        let mut logits = self.weights[b2..].to_vec();
        for (row, &h) in self.weights[w2..b2].chunks_exact(self.classes).zip(&hidden) {
            logits.iter_mut().zip(row).for_each(|(l, w)| *l += h * w);
        }
        let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        logits.iter_mut().for_each(|l| *l = (*l - top).exp());
        let sum: f32 = logits.iter().sum();
        logits.iter_mut().for_each(|l| *l /= sum);
        (hidden, logits)
    }

    /// Gradient of the cross-entropy of one example, in the layout of `weights`.
    fn gradient(&self, x: &[f32], label: u32) -> Vec<f32> {
        let (b1, w2, b2) = self.places();
        let (hidden, mut error) = self.forward(x);
        error[label as usize] -= 1.0;
        let mut gradient = vec![0.0; self.weights.len()];
        gradient[b2..].copy_from_slice(&error);
        for (h, &value) in hidden.iter().enumerate().filter(|(_, value)| **value > 0.0) {
            let row = w2 + h * self.classes;
            let mut back = 0.0;
            for (c, e) in error.iter().enumerate() {
                gradient[row + c] = value * e;
                back += e * self.weights[row + c];
            }
            gradient[b1 + h] = back;
            for (i, v) in x.iter().enumerate() {
                gradient[i * HIDDEN + h] = v * back;
            }
        }
        gradient
    }

    fn step(&mut self, gradient: &[f32], rate: f32) {
        self.weights.iter_mut().zip(gradient).for_each(|(w, g)| *w -= rate * g);
    }

    fn adam(&mut self, gradient: &[f32]) {
        self.steps += 1;
        let (b1, b2) = (0.9f32, 0.999f32);
        let (c1, c2) = (1.0 - b1.powi(self.steps), 1.0 - b2.powi(self.steps));
        let [first, second] = &mut self.moments;
        for (((w, g), m), v) in self.weights.iter_mut().zip(gradient).zip(first).zip(second) {
            *m += (1.0 - b1) * (g - *m);
            *v += (1.0 - b2) * (g * g - *v);
            *w -= ADAM_RATE * (*m / c1) / ((*v / c2).sqrt() + 1e-8);
        }
    }
}

/// The class that most pairwise machines vote for; ties go to the greater sum of margins.
fn machine(shown: &[&[f32]], labels: &[u32], query: &[f32], gaussian: bool) -> u32 {
    let n = shown.len();
    let Some(&first) = labels.first() else { return 0 };
    let mut mean = vec![0f64; query.len()];
    shown.iter().for_each(|row| mean.iter_mut().zip(*row).for_each(|(m, v)| *m += f64::from(*v) / n as f64));
    let centred = |row: &[f32]| -> Vec<f64> { row.iter().zip(&mean).map(|(v, m)| f64::from(*v) - m).collect() };
    let rows: Vec<Vec<f64>> = shown.iter().map(|row| centred(row)).chain([centred(query)]).collect();
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let square: Vec<f64> = rows.iter().map(|row| product(row, row)).collect();
    let scale = (square[..n].iter().sum::<f64>() / n as f64).max(1e-12);
    // [n, n + 1], the query last; 1 beside a kernel is a bias that is held small like every other weight
    let kernel: Vec<f64> = (0..n * (n + 1))
        .map(|e| {
            let (i, j) = (e / (n + 1), e % (n + 1));
            let dot = product(&rows[i], &rows[j]) / scale;
            let of = if gaussian { (-((square[i] + square[j]) / scale - 2.0 * dot)).exp() } else { dot };
            of + 1.0
        })
        .collect();
    let mut seen: Vec<u32> = labels.to_vec();
    seen.sort_unstable();
    seen.dedup();
    if seen.len() == 1 {
        return first;
    }
    let mut votes = vec![0f64; seen.len()];
    for a in 0..seen.len() {
        for b in a + 1..seen.len() {
            let members: Vec<usize> = (0..n).filter(|&i| labels[i] == seen[a] || labels[i] == seen[b]).collect();
            let side: Vec<f64> = members.iter().map(|&i| if labels[i] == seen[a] { 1.0 } else { -1.0 }).collect();
            let m = members.len();
            let own: Vec<f64> = (0..m * m).map(|e| kernel[members[e / m] * (n + 1) + members[e % m]]).collect();
            let alpha = dual(&own, &side, BOX);
            let margin: f64 = (0..m).map(|i| alpha[i] * side[i] * kernel[members[i] * (n + 1) + n]).sum();
            // a whole vote, and less than a third of one for its margin
            let soft = margin / (3.0 * (1.0 + margin.abs()));
            votes[a] += f64::from(u8::from(margin > 0.0)) + soft;
            votes[b] += f64::from(u8::from(margin <= 0.0)) - soft;
        }
    }
    seen[(0..votes.len()).fold(0, |best, k| if votes[k] > votes[best] { k } else { best })]
}

/// Maximises Σα − ½ΣΣ α_i α_j y_i y_j K_ij over 0 ≤ α ≤ `most` by coordinate ascent (Hsieh et al., 2008, with a kernel),
/// until no coordinate can gain more than 10⁻⁴.
///
/// # Shapes
/// `kernel` [N, N], `side` [N] of ±1 → α [N].
fn dual(kernel: &[f64], side: &[f64], most: f64) -> Vec<f64> {
    let n = side.len();
    let mut alpha = vec![0f64; n];
    // Σ_j α_j y_j K_ij
    let mut value = vec![0f64; n];
    for _ in 0..1_000 {
        let mut worst = 0f64;
        for i in 0..n {
            let slope = 1.0 - side[i] * value[i];
            let to = (alpha[i] + slope / kernel[i * n + i].max(1e-12)).clamp(0.0, most);
            let change = to - alpha[i];
            if change != 0.0 {
                worst = worst.max((change * slope).abs());
                alpha[i] = to;
                value.iter_mut().zip(&kernel[i * n..(i + 1) * n]).for_each(|(v, k)| *v += change * side[i] * k);
            }
        }
        if worst < 1e-4 {
            break;
        }
    }
    alpha
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three clouds of points around corners.
    fn clouds(t: usize, x: usize, spread: f32) -> Episode {
        let mut stream = random::stream(1, "clouds", 0);
        let corners = normals(3 * x, &mut stream);
        let labels: Vec<u32> = (0..t).map(|i| (i * 7 % 3) as u32).collect();
        let noise = normals(t * x, &mut stream);
        let inputs = (0..t * x).map(|e| corners[labels[e / x] as usize * x + e % x] + spread * noise[e]).collect();
        Episode { inputs, labels }
    }

    #[test]
    fn all_of_them_learn_clouds_and_none_looks_ahead() {
        let episode = clouds(300, 8, 0.3);
        let late: Vec<usize> = (281..=300).collect();
        for method in Method::ALL {
            let answers = method.answers(&episode, 8, 3, &late, 0);
            let right = answers.iter().zip(&late).filter(|(a, p)| **a == episode.labels[**p - 1]).count();
            assert!(right >= 18, "{}: {right} of 20", method.name());
            let mut other = episode.clone();
            other.labels[99..].iter_mut().for_each(|label| *label = 2 - *label);
            let early = [1, 50, 100];
            let (a, b) = (method.answers(&episode, 8, 3, &early, 0), method.answers(&other, 8, 3, &early, 0));
            assert_eq!(a, b, "{}", method.name());
        }
    }

    #[test]
    fn the_perceptrons_gradient_is_that_of_its_loss() {
        let mut net = Perceptron::new(5, 3, &mut random::stream(2, "net", 0));
        let x = normals(5, &mut random::stream(2, "x", 0));
        let gradient = net.gradient(&x, 1);
        let loss = |net: &Perceptron| -f64::from(net.forward(&x).1[1]).ln();
        for at in [0, 77, 5 * HIDDEN + 3, 5 * HIDDEN + HIDDEN + 40, 6 * HIDDEN + 3 * HIDDEN + 1] {
            let (old, step) = (net.weights[at], 2e-2f32);
            net.weights[at] = old + step;
            let up = loss(&net);
            net.weights[at] = old - step;
            let down = loss(&net);
            net.weights[at] = old;
            let found = (up - down) / (2.0 * f64::from(step));
            assert!((found - f64::from(gradient[at])).abs() < 2e-3, "{at}: {found} against {}", gradient[at]);
        }
    }

    #[test]
    fn a_machine_meets_the_conditions_of_its_optimum() {
        let episode = clouds(40, 4, 1.5);
        let keep: Vec<usize> = (0..40).filter(|&i| episode.labels[i] < 2).collect();
        let n = keep.len();
        let side: Vec<f64> = keep.iter().map(|&i| if episode.labels[i] == 0 { 1.0 } else { -1.0 }).collect();
        let row = |i: usize| &episode.inputs[keep[i] * 4..keep[i] * 4 + 4];
        let dot = |i: usize, j: usize| row(i).iter().zip(row(j)).map(|(a, b)| f64::from(a * b)).sum::<f64>();
        let kernel: Vec<f64> = (0..n * n).map(|e| 1.0 + dot(e / n, e % n)).collect();
        let alpha = dual(&kernel, &side, BOX);
        for i in 0..n {
            let margin = side[i] * (0..n).map(|j| alpha[j] * side[j] * kernel[i * n + j]).sum::<f64>();
            match alpha[i] {
                a if a <= 0.0 => assert!(margin > 0.95, "{margin}"),
                a if a >= BOX => assert!(margin < 1.05, "{margin}"),
                _ => assert!((margin - 1.0).abs() < 0.05, "{margin}"),
            }
        }
        assert!(alpha.contains(&BOX) && alpha.contains(&0.0), "overlapping clouds bind some and free others");
    }

    #[test]
    fn a_gaussian_machine_solves_what_no_line_does() {
        // a ring around a disc: labels by radius
        let mut stream = random::stream(3, "ring", 0);
        let points = normals(2 * 160, &mut stream);
        let labels: Vec<u32> = points.chunks_exact(2).map(|p| u32::from(p[0].hypot(p[1]) > 1.18)).collect();
        let episode = Episode { inputs: points, labels };
        let late: Vec<usize> = (121..=160).collect();
        let right = |method: Method| {
            let answers = method.answers(&episode, 2, 2, &late, 0);
            answers.iter().zip(&late).filter(|(a, p)| **a == episode.labels[**p - 1]).count()
        };
        assert!(right(Method::GaussianSvm) >= 36, "{}", right(Method::GaussianSvm));
        assert!(right(Method::LinearSvm) <= 30, "{}", right(Method::LinearSvm));
    }
}
