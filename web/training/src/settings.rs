//! What a run in the page can be set to, and the same run as the trainer's settings.

use backprop::{AdamW, Schedule};
use serde::{Deserialize, Serialize};
use shaders::model::spec::{KeyShift, ModelSpec, QueryKey};
use tasks::{Prior, Stage, TaskConfig};

/// T: examples of an episode.
pub const LENGTH: usize = 100;
/// X: inputs of the learners, to which a random matrix projects whatever a task has.
pub const INPUTS: usize = 64;
/// C.
pub const CLASSES: usize = 10;
/// Steps of linear warm-up.
pub const WARM_UP: u64 = 50;
/// Steps between lines of the log, by which stages of a curriculum end.
pub const LOG_EVERY: u64 = 10;
/// Largest norm of a gradient.
pub const CLIP: f64 = 1.0;
/// Decay of the weights' running average.
pub const AVERAGE: f64 = 0.99;

/// Largest D.
const MOST_WIDTH: usize = 256;
/// Steps of a run at most, those of all its extensions together.
pub const MOST_STEPS: u64 = 100_000;

/// Which learner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Shifted keys, with switches of their own.
    Shifted,
    /// The paper's tokens.
    Paper,
}

/// What moves the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimiser {
    /// AdamW for all weights.
    Adamw,
    /// Muon for the matrices of layers, AdamW for the others.
    Muon,
}

/// What tasks are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Data {
    /// All families of the synthetic prior, in the trainer's mixture.
    Prior,
    /// Prototypes with noise: one point a class.
    Prototypes,
    /// Pictures of random strokes.
    Strokes,
    /// The visitor's own drawings.
    Drawings,
}

/// A run's settings. What is left out of a link or of a request is as in [`Settings::default`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Settings {
    /// Seed of weights, tasks and examples.
    pub seed: u32,
    /// Which learner.
    pub learner: Kind,
    /// Of shifted keys: where a slot's key comes from.
    pub key_shift: KeyShift,
    /// Of shifted keys: whether queries and keys begin equal.
    pub equal: bool,
    /// Of shifted keys: whether queries and keys are normalised.
    pub norm: bool,
    /// D.
    pub width: usize,
    /// L.
    pub layers: usize,
    /// H.
    pub heads: usize,
    /// B: episodes a step.
    pub batch: usize,
    /// Number of different tasks as a power of two; −1 for endless tasks.
    pub log2_tasks: i32,
    /// Probability that a task keeps the identity label map.
    pub label_bias: f64,
    /// Whether easier tasks come first.
    pub curriculum: bool,
    /// What tasks are made of.
    pub data: Data,
    /// What moves the weights.
    pub optimiser: Optimiser,
    /// Highest learning rate.
    pub rate: f64,
    /// Steps after which the run is done.
    pub steps: u64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            seed: 1,
            learner: Kind::Shifted,
            key_shift: KeyShift::Full,
            equal: true,
            norm: true,
            width: 64,
            layers: 2,
            heads: 1,
            batch: 8,
            log2_tasks: -1,
            label_bias: 0.0,
            curriculum: false,
            data: Data::Prior,
            optimiser: Optimiser::Adamw,
            rate: 2e-3,
            steps: 400,
        }
    }
}

/// Brings a number into bounds, and says so.
fn bound<N: PartialOrd + Copy + std::fmt::Display>(
    value: &mut N,
    name: &str,
    [low, high]: [N; 2],
    words: &mut Vec<String>,
) {
    let near = match *value {
        found if found > high => high,
        // not a number is the lowest, too
        found if found >= low => return,
        _ => low,
    };
    words.push(format!("{name}: {low} to {high}, found {value}; {near} is used"));
    *value = near;
}

/// How a choice is written in settings.
fn word(choice: impl Serialize) -> String {
    let value = serde_json::to_value(choice).expect("plain data");
    value.as_str().expect("a choice is a word").to_owned()
}

impl Settings {
    /// These settings with every number in its bounds, and what was changed, in words.
    pub fn bounded(mut self) -> (Settings, Vec<String>) {
        let mut words = Vec::new();
        bound(&mut self.width, "Width", [8, MOST_WIDTH], &mut words);
        bound(&mut self.layers, "Layers", [1, 6], &mut words);
        bound(&mut self.heads, "Heads", [1, 8], &mut words);
        bound(&mut self.batch, "Batch", [1, 64], &mut words);
        bound(&mut self.log2_tasks, "Number of tasks, as a power of two", [-1, 16], &mut words);
        bound(&mut self.label_bias, "Label bias", [0.0, 1.0], &mut words);
        bound(&mut self.rate, "Learning rate", [1e-5, 0.1], &mut words);
        bound(&mut self.steps, "Steps", [10, MOST_STEPS], &mut words);
        if !self.width.is_multiple_of(self.heads) {
            let above = self.width.div_ceil(self.heads) * self.heads;
            let width = if above > MOST_WIDTH { above - self.heads } else { above };
            words.push(format!("Width: a multiple of the {} heads, found {}; {width} is used", self.heads, self.width));
            self.width = width;
        }
        (self, words)
    }

    /// These settings with another learner. Where nothing else was changed, the rest becomes what that learner needs: the
    /// paper's tokens leave their plateau by a curriculum, sooner with two heads and Muon.
    pub fn with_learner(&self, learner: Kind) -> Settings {
        let usual = |kind: Kind| match kind {
            Kind::Shifted => Settings::default(),
            Kind::Paper => Settings {
                learner: Kind::Paper,
                heads: 2,
                curriculum: true,
                optimiser: Optimiser::Muon,
                rate: 3e-3,
                steps: 4_000,
                ..Settings::default()
            },
        };
        let fitting =
            Settings { seed: self.seed, log2_tasks: self.log2_tasks, width: self.width, ..usual(self.learner) };
        match *self == fitting {
            true => Settings { seed: self.seed, log2_tasks: self.log2_tasks, width: self.width, ..usual(learner) },
            false => Settings { learner, ..self.clone() },
        }
    }

    /// The learner.
    pub fn spec(&self) -> ModelSpec {
        let shifted = ModelSpec::shifted(INPUTS, self.width, self.layers, self.heads);
        match self.learner {
            Kind::Paper => ModelSpec {
                key_size: self.width / self.heads,
                width: self.width,
                layers: self.layers,
                heads: self.heads,
                longest: LENGTH,
                encoding: shifted.encoding,
                ..ModelSpec::paper(INPUTS, 0, 0.0, 1.0)
            },
            Kind::Shifted => ModelSpec {
                key_shift: self.key_shift,
                query_key: if self.equal { QueryKey::Equal } else { QueryKey::Free },
                qk_norm: self.norm,
                ..shifted
            },
        }
    }

    /// The tasks of the run, without its stages.
    pub fn tasks(&self) -> TaskConfig {
        let prior = match self.data {
            Data::Prior | Data::Drawings => Prior::default(),
            Data::Prototypes => Prior { prototypes: 1.0, ..Prior::none() },
            Data::Strokes => Prior { strokes: 1.0, ..Prior::none() },
        };
        TaskConfig {
            length: LENGTH,
            log2_tasks: self.log2_tasks,
            label_bias: self.label_bias,
            prior,
            ..TaskConfig::default()
        }
    }

    /// Easier tasks that come first: those of the preset `paper-desk`, the first of them with prototypes alone.
    pub fn stages(&self) -> Vec<Stage> {
        if !self.curriculum {
            return Vec::new();
        }
        let first = Stage {
            ways: Some(2),
            dimensions: Some(16),
            length: Some(40),
            accuracy: Some(0.8),
            steps: Some(4_000),
            prior: Some(Prior { prototypes: 1.0, ..Prior::none() }),
            ..Stage::default()
        };
        let second =
            Stage { ways: Some(5), dimensions: Some(32), accuracy: Some(0.65), steps: Some(2_000), ..Stage::default() };
        vec![first, second]
    }

    /// The learning rate of each step.
    pub fn schedule(&self) -> Schedule {
        Schedule { rate: self.rate, warm_up: WARM_UP, cosine: None }
    }

    /// What AdamW is given for a step, counted from 0.
    pub fn adam(&self, step: u64) -> AdamW {
        AdamW { rate: self.schedule().at(step), beta_2: 0.999, epsilon: 1e-8, weight_decay: 0.0 }
    }

    /// The same run as settings of the trainer's; none where it met drawings that the trainer does not have.
    pub fn toml(&self) -> Option<String> {
        if self.data == Data::Drawings {
            return None;
        }
        let spec = self.spec();
        let mut text = format!("seed = {}\n\n[model]\nvariant = \"{}\"\n", self.seed, word(spec.variant));
        let sizes = [
            ("inputs", spec.inputs),
            ("classes", spec.classes),
            ("width", spec.width),
            ("layers", spec.layers),
            ("heads", spec.heads),
            ("key_size", spec.key_size),
            ("mlp_factor", spec.mlp_factor),
            ("longest", spec.longest),
        ];
        sizes.iter().for_each(|(name, value)| text += &format!("{name} = {value}\n"));
        text += &format!("key_shift = \"{}\"\nquery_key = \"{}\"\n", word(spec.key_shift), word(spec.query_key));
        text += &format!("qk_norm = {}\npositions = \"{}\"\n", spec.qk_norm, word(spec.positions));
        text += &format!("encoding.side = {}\nencoding.projected = true\n", spec.encoding.side);
        text += "encoding.normalisation = { kind = \"per-example\" }\n";
        text += &self.tasks_toml();
        Some(text + &self.training_toml())
    }

    /// Every setting of the tasks: what is left out would be as in the trainer's usual preset.
    fn tasks_toml(&self) -> String {
        let config = serde_json::to_value(self.tasks()).expect("plain data");
        let config = config.as_object().expect("a struct");
        let (tables, plain): (Vec<_>, Vec<_>) = config.iter().partition(|(_, value)| value.is_object());
        let mut text = "\n[tasks]\n".to_owned();
        plain.into_iter().for_each(|(name, value)| text += &format!("{name} = {value}\n"));
        // nothing is drawn anew here, so that changes of drawings are left to the trainer
        for (table, values) in tables.into_iter().filter(|(table, _)| *table != "augment") {
            text += &format!("\n[tasks.{table}]\n");
            let values = values.as_object().expect("just seen");
            values.iter().for_each(|(name, value)| text += &format!("{name} = {value}\n"));
        }
        text
    }

    fn training_toml(&self) -> String {
        let mut text = format!(
            "\n[training]\nsteps = {}\nbatch = {}\nmicro_batch = {}\noptimiser = \"{}\"\nrate = {:?}\nwarm_up = {WARM_UP}\n\
             cosine = false\nbeta_2 = 0.999\nepsilon = 1e-8\nweight_decay = 0.0\nclip = {CLIP:?}\naverage = {AVERAGE:?}\nlog_every = {LOG_EVERY}\n",
            self.steps,
            self.batch,
            self.batch,
            word(self.optimiser),
            self.rate
        );
        for stage in self.stages() {
            text += "\n[[curriculum]]\n";
            let stage = serde_json::to_value(&stage).expect("plain data");
            for (name, value) in stage.as_object().expect("a struct") {
                match value.as_object() {
                    // of families
                    Some(weights) => {
                        let weights: Vec<String> =
                            weights.iter().map(|(name, weight)| format!("{name} = {weight}")).collect();
                        text += &format!("{name} = {{ {} }}\n", weights.join(", "));
                    }
                    None => text += &format!("{name} = {value}\n"),
                }
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_bounds_are_brought_back_and_said() {
        let wild = Settings {
            width: 5,
            layers: 99,
            heads: 3,
            batch: 0,
            log2_tasks: 40,
            label_bias: f64::NAN,
            rate: -1.0,
            steps: u64::MAX,
            ..Settings::default()
        };
        let (settings, words) = wild.bounded();
        assert_eq!(words.len(), 8, "{words:?}");
        assert_eq!((settings.width, settings.layers, settings.batch, settings.log2_tasks), (9, 6, 1, 16));
        assert_eq!((settings.label_bias, settings.rate, settings.steps), (0.0, 1e-5, 100_000));
        assert!(settings.spec().validate().is_ok());
        let (same, none) = settings.clone().bounded();
        assert!(none.is_empty() && same == settings);
        // what is within bounds stays there
        for (heads, width) in [(3, 255), (5, 255), (6, 252), (7, 252), (8, 256)] {
            let (settings, _) = Settings { width: 256, heads, ..Settings::default() }.bounded();
            assert_eq!((settings.width, settings.bounded().1.len()), (width, 0));
        }
    }

    #[test]
    fn every_learner_that_can_be_chosen_is_one() {
        for learner in [Kind::Shifted, Kind::Paper] {
            for key_shift in [KeyShift::None, KeyShift::Gated, KeyShift::Full] {
                for (equal, norm, heads) in [(true, true, 1), (false, false, 4), (true, false, 8)] {
                    let settings = Settings { learner, key_shift, equal, norm, heads, ..Settings::default() };
                    settings.spec().validate().unwrap();
                }
            }
        }
    }

    #[test]
    fn another_learner_brings_what_it_needs_and_keeps_what_was_chosen() {
        let paper = Settings { seed: 4, ..Settings::default() }.with_learner(Kind::Paper);
        assert!(paper.curriculum && paper.seed == 4 && paper.optimiser == Optimiser::Muon);
        assert_eq!(paper.with_learner(Kind::Shifted), Settings { seed: 4, ..Settings::default() });
        let own = Settings { batch: 16, ..Settings::default() };
        assert_eq!(own.with_learner(Kind::Paper), Settings { learner: Kind::Paper, ..own });
    }

    #[test]
    fn settings_are_read_back_from_what_they_are_written_as_and_nothing_else_is() {
        let settings = Settings { learner: Kind::Paper, curriculum: true, data: Data::Strokes, ..Settings::default() };
        let text = serde_json::to_string(&settings).unwrap();
        assert_eq!(serde_json::from_str::<Settings>(&text).unwrap(), settings);
        assert_eq!(serde_json::from_str::<Settings>("{}").unwrap(), Settings::default());
        assert!(serde_json::from_str::<Settings>("{\"widht\": 3}").is_err());
    }
}
