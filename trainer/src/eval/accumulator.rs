//! Scores of answers: accuracy, likelihood, calibration, intervals.

use super::outcome::Outcome;
use super::settings::Settings;

/// Hits and log-likelihoods of one answerer at each position.
#[derive(Clone, Default)]
pub(crate) struct Accumulator {
    /// Σ over episodes of the fraction right.
    sum: Vec<f64>,
    /// Σ of its square.
    square: Vec<f64>,
    nll: Vec<f64>,
    /// Fractions right of each episode.
    each: Vec<Vec<f64>>,
    /// Answers of each position by their confidence.
    bins: Vec<[Bin; BINS]>,
    pub(super) episodes: usize,
}

const BINS: usize = 15;

/// Answers of similar confidence.
#[derive(Clone, Copy, Default)]
struct Bin {
    confidence: f64,
    right: f64,
    count: f64,
}

/// The score of one answer.
#[derive(Clone, Copy)]
pub(super) struct Answer {
    pub right: bool,
    /// −ln of the chance given to the right label.
    pub nll: f64,
    /// Chance given to the most likely label.
    pub confidence: f64,
}

impl Answer {
    /// `row`: log-probabilities `[C]`.
    pub fn new(row: &[f32], label: u32) -> Answer {
        let answer = shaders::answer(row);
        Answer {
            right: answer == Some(label as usize),
            nll: -f64::from(row[label as usize]),
            confidence: answer.map_or(0.0, |answer| f64::from(row[answer]).exp()),
        }
    }
}

impl Accumulator {
    /// Answers of one episode: all of each position.
    pub(super) fn add_answers(&mut self, positions: &[Vec<Answer>]) {
        let mean = |value: &dyn Fn(&Answer) -> f64| -> Vec<f64> {
            positions.iter().map(|all| all.iter().map(value).sum::<f64>() / all.len() as f64).collect()
        };
        self.add(&mean(&|a| f64::from(u8::from(a.right))), &mean(&|a| a.nll));
        self.bins.resize(positions.len(), [Bin::default(); BINS]);
        for (bins, answers) in self.bins.iter_mut().zip(positions) {
            for answer in answers {
                let bin = &mut bins[((answer.confidence * BINS as f64) as usize).min(BINS - 1)];
                bin.confidence += answer.confidence;
                bin.right += f64::from(u8::from(answer.right));
                bin.count += 1.0;
            }
        }
    }

    /// Σ over bins of |confidence − accuracy|, weighted by their answers.
    pub(super) fn ece(&self) -> Vec<f64> {
        let of = |bins: &[Bin; BINS]| {
            let count: f64 = bins.iter().map(|bin| bin.count).sum();
            bins.iter().map(|bin| (bin.confidence - bin.right).abs()).sum::<f64>() / count
        };
        self.bins.iter().map(of).collect()
    }

    /// Mean confidence minus the fraction right.
    pub(super) fn overconfidence(&self) -> Vec<f64> {
        let sum = |bins: &[Bin; BINS], value: &dyn Fn(&Bin) -> f64| bins.iter().map(value).sum::<f64>();
        self.bins.iter().map(|bins| sum(bins, &|b| b.confidence - b.right) / sum(bins, &|b| b.count)).collect()
    }

    pub(super) fn mean_nll(&self) -> Vec<f64> {
        self.nll.iter().map(|s| s / self.episodes as f64).collect()
    }

    pub(crate) fn add(&mut self, right: &[f64], nll: &[f64]) {
        for (store, values) in [(&mut self.sum, right), (&mut self.nll, nll)] {
            store.resize(values.len(), 0.0);
            store.iter_mut().zip(values).for_each(|(s, v)| *s += v);
        }
        self.square.resize(right.len(), 0.0);
        self.square.iter_mut().zip(right).for_each(|(s, v)| *s += v * v);
        self.each.push(right.to_vec());
        self.episodes += 1;
    }

    pub(crate) fn mean(&self) -> Vec<f64> {
        self.sum.iter().map(|s| s / self.episodes as f64).collect()
    }

    /// The row of results of the *paper* protocol, with the rules and controls on the same episodes.
    pub(super) fn outcome(
        &self,
        model: &str,
        dataset: &str,
        settings: &Settings,
        others: Vec<(String, Accumulator)>,
    ) -> Outcome {
        Outcome {
            model: model.to_owned(),
            dataset: dataset.to_owned(),
            protocol: "paper".into(),
            split: settings.split,
            episodes: self.episodes,
            positions: settings.positions.clone(),
            accuracy: self.mean(),
            ci95: self.ci95(),
            nll: self.mean_nll(),
            ece: self.ece(),
            overconfidence: self.overconfidence(),
            ensemble: None,
            project: None,
            vectors: false,
            rare: Vec::new(),
            outsiders: Vec::new(),
            margin_ci95: others.iter().map(|(name, other)| (name.clone(), self.margin_ci95(other))).collect(),
            baselines: others.into_iter().map(|(name, other)| (name, other.mean())).collect(),
        }
    }

    /// 1.96 standard errors of the difference to another answerer of the same episodes.
    pub(super) fn margin_ci95(&self, other: &Accumulator) -> Vec<f64> {
        let mut difference = Accumulator::default();
        for (own, other) in self.each.iter().zip(&other.each) {
            difference.add(&own.iter().zip(other).map(|(a, b)| a - b).collect::<Vec<_>>(), &[]);
        }
        difference.ci95()
    }

    /// 1.96 standard errors over episodes.
    pub(crate) fn ci95(&self) -> Vec<f64> {
        let n = self.episodes as f64;
        let error = |(s, q): (&f64, &f64)| 1.96 * ((q / n - (s / n).powi(2)).max(0.0) / n).sqrt();
        self.sum.iter().zip(&self.square).map(error).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calibration_tells_too_much_trust_from_too_little() {
        let of = |answers: &[(bool, f64)]| {
            let mut answered = Accumulator::default();
            let answer = |&(right, confidence): &(bool, f64)| Answer { right, nll: 0.0, confidence };
            answered.add_answers(&[answers.iter().map(answer).collect()]);
            (answered.ece()[0], answered.overconfidence()[0])
        };
        let near = |(a, b): (f64, f64), (c, d): (f64, f64)| (a - c).abs() < 1e-9 && (b - d).abs() < 1e-9;
        assert!(near(of(&[(true, 0.8), (false, 0.8)]), (0.3, 0.3)));
        assert!(near(of(&[(true, 0.6), (true, 0.6)]), (0.4, -0.4)));
        // trust that is too much here and too little there does not show in the mean
        assert!(near(of(&[(true, 0.6), (false, 0.4)]), (0.4, 0.0)));
    }
}
