//! Curricula: stages of easier tasks before the tasks of a run.

use serde::{Deserialize, Serialize};

use super::config::{Prior, TaskConfig};
use super::sampler::Tasks;

/// One stage: how long it lasts, and what is different in it. Keys are those of `[[curriculum]]` in a run's TOML; what is
/// left out is as in `[tasks]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// It ends after so many steps at the latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// It ends when the accuracy at the last position (of all queries, for a set learner), as `metrics.jsonl` has it, is
    /// this or more, after ten lines at the earliest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// T: examples of an episode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<usize>,
    /// Classes of a task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ways: Option<usize>,
    /// Dimensions that inputs have before the learner's own projection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimensions: Option<usize>,
    /// Number of different tasks as a power of two; −1 for endless tasks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log2_tasks: Option<i32>,
    /// Probability that a task keeps the identity label map.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_bias: Option<f64>,
    /// Share of tasks with fewer classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fewer_classes: Option<f64>,
    /// Share of tasks with uneven classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uneven: Option<f64>,
    /// Set learners: share of tasks whose labels are wrong at times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_noise: Option<f64>,
    /// Weights of the base data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<Vec<f64>>,
    /// Families of the synthetic prior; those that are not named have the weight 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prior: Option<Prior>,
}

/// Lines of `metrics.jsonl` after which a stage may end by its accuracy: the first ones are of a few batches, and noise.
pub const LEAST_LINES: u64 = 10;

/// Where a run is in its curriculum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    /// Stages that are done; as many as there are once the run's own tasks are met.
    pub stage: usize,
    /// Steps done when this stage began.
    pub since: u64,
    /// Lines logged in this stage.
    #[serde(default)]
    pub lines: u64,
}

impl Stage {
    /// The settings of tasks in this stage.
    pub fn config(&self, usual: &TaskConfig) -> TaskConfig {
        let usual = usual.clone();
        TaskConfig {
            length: self.length.unwrap_or(usual.length),
            ways: self.ways.unwrap_or(usual.ways),
            dimensions: self.dimensions.unwrap_or(usual.dimensions),
            log2_tasks: self.log2_tasks.unwrap_or(usual.log2_tasks),
            label_bias: self.label_bias.unwrap_or(usual.label_bias),
            fewer_classes: self.fewer_classes.unwrap_or(usual.fewer_classes),
            uneven: self.uneven.unwrap_or(usual.uneven),
            label_noise: self.label_noise.unwrap_or(usual.label_noise),
            weights: self.weights.clone().unwrap_or(usual.weights),
            prior: self.prior.clone().unwrap_or(usual.prior),
            ..usual
        }
    }

    /// The tasks of this stage.
    pub fn tasks(&self, usual: &Tasks) -> Tasks {
        Tasks { config: self.config(&usual.config), ..usual.clone() }
    }

    /// Whether it ends after `steps` steps of its own, with `accuracy` at the last position where that is known.
    pub fn ends(&self, steps: u64, accuracy: Option<f64>) -> bool {
        let long = self.steps.is_some_and(|most| steps >= most);
        let good = self.accuracy.zip(accuracy).is_some_and(|(enough, found)| found >= enough);
        long || good
    }
}

impl Progress {
    /// Goes to the next stage if the present one ends; whether it did.
    pub fn advance(&mut self, stages: &[Stage], step: u64, accuracy: Option<f64>) -> bool {
        self.lines += u64::from(accuracy.is_some());
        let accuracy = accuracy.filter(|_| self.lines >= LEAST_LINES);
        let ends = stages.get(self.stage).is_some_and(|stage| stage.ends(step - self.since, accuracy));
        if ends {
            *self = Progress { stage: self.stage + 1, since: step, lines: 0 };
        }
        ends
    }
}

/// The running mean of the accuracy at each position, by which stages end: a tenth of each line that is logged.
///
/// # Shapes
/// `mean` `[T]`, which begins anew where T changes; `right` `[T]` right answers of so many episodes.
pub fn smooth(mean: &mut Vec<f64>, right: &[f64], episodes: f64) {
    if mean.len() != right.len() {
        *mean = right.iter().map(|n| n / episodes).collect();
    }
    for (mean, n) in mean.iter_mut().zip(right) {
        *mean += 0.1 * (n / episodes - *mean);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_ends_by_its_steps_or_its_accuracy_and_the_last_one_never() {
        let stages = [
            Stage { steps: Some(5), ..Stage::default() },
            Stage { steps: Some(100), accuracy: Some(0.6), ..Stage::default() },
        ];
        let mut progress = Progress::default();
        (0..LEAST_LINES).for_each(|step| {
            let ended = progress.advance(&stages, step.min(4), Some(0.9));
            assert!(!ended, "accuracy ends no stage that does not ask for it");
        });
        assert!(progress.advance(&stages, 5, None));
        assert_eq!(progress, Progress { stage: 1, since: 5, lines: 0 });
        for line in 1..LEAST_LINES {
            assert!(!progress.advance(&stages, 5 + line, Some(1.0)), "line {line} may be noise");
        }
        assert!(!progress.advance(&stages, 20, Some(0.59)));
        assert!(!progress.advance(&stages, 21, None));
        assert!(progress.advance(&stages, 30, Some(0.6)));
        assert!(!progress.advance(&stages, 1_000_000, Some(1.0)));
        assert_eq!((progress.stage, progress.since), (2, 30));
    }

    #[test]
    fn a_stage_changes_what_it_names_alone() {
        let usual = TaskConfig { length: 100, label_bias: 0.2, ..TaskConfig::default() };
        let stage = Stage { length: Some(20), ways: Some(2), ..Stage::default() };
        assert_eq!(stage.config(&usual), TaskConfig { length: 20, ways: 2, ..usual.clone() });
        assert_eq!(Stage::default().config(&usual), usual);
        // one family alone
        let text = r#"{ "prior": { "prototypes": 1 }, "weights": [0, 1] }"#;
        let stage: Stage = serde_json::from_str(text).unwrap();
        let prior = Prior { prototypes: 1.0, ..Prior::none() };
        assert_eq!(stage.config(&usual), TaskConfig { prior, weights: vec![0.0, 1.0], ..usual });
    }
}
