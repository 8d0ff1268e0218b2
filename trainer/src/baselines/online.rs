//! Learners from scratch on an episode: they read it as it is, in its order, and answer before they see the label.
//!
//! Their constants are textbook ones and were not tuned: hidden units, optimiser and rate of the perceptron are the
//! paper's; the machines have C = 3 and, for the Gaussian kernel, a width set by the mean square norm.

use shaders::random;

use super::perceptron::Perceptron;
use super::svm;
use tasks::Episode;

/// A learner from scratch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// One hidden layer of [`HIDDEN`](super::HIDDEN) ReLU units, one Adam step of [`ADAM_RATE`](super::ADAM_RATE) an example: the paper's baseline.
    OnlineAdam,
    /// The same net with plain gradient steps of [`SGD_RATE`].
    OnlineSgd,
    /// Support vector machine, linear, one against one.
    LinearSvm,
    /// Support vector machine with a Gaussian kernel, one against one.
    GaussianSvm,
}

/// Rate of plain gradient steps.
pub const SGD_RATE: f32 = 0.1;
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
    /// `episode` T examples of X = `inputs` values; `positions` `[P]` → `[P]`, labels below C = `classes`.
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
                    svm::answer(&shown, &episode.labels[..p - 1], row(p - 1), gaussian)
                };
                positions.iter().map(answer).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tasks::projection::normals;

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
