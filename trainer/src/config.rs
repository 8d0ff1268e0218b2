//! A run's settings: presets, a TOML file, `--set` overrides. Defaults live here and nowhere else; the resolved
//! settings are saved with the run and travel in the model file.

use std::path::Path;

use serde::{Deserialize, Serialize};
use shaders::spec::{Convolution, Encoding, ModelSpec, Normalisation, Ridge, RidgeKernel, Stem};
use toml::{Table, Value};

use crate::nets::research::{KINDS, Learner};
use crate::tasks::TaskConfig;
use crate::tasks::drawings::Augment;
use crate::tasks::prior::Prior;

/// Everything that determines a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunConfig {
    /// Seed of weights, tasks and examples.
    pub seed: u64,
    /// The learner; of a research learner, its inputs, classes, longest T and encoding.
    pub model: ModelSpec,
    /// Whether a research learner takes the model's place, and its dials.
    #[serde(default)]
    pub learner: Learner,
    /// What it meets.
    pub tasks: TaskConfig,
    /// How it is trained.
    pub training: Training,
}

/// Which optimiser moves the weights; with Muon, what is no matrix inside a layer is AdamW's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Optimiser {
    /// AdamW for all parameters.
    Adamw,
    /// Muon (orthogonalised momentum, scaled to AdamW's step size) for matrices inside layers.
    Muon,
    /// Lion for all parameters: every entry moves by the rate, along the sign of its momentum (Chen et al., 2023).
    Lion,
}

/// Optimisation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Optimiser steps.
    pub steps: u64,
    /// B: episodes a step.
    pub batch: usize,
    /// Episodes of one gradient; a step adds batch/micro_batch of them, in parallel on a CPU. Part of the result: the
    /// order of sums follows it and not the number of cores.
    pub micro_batch: usize,
    /// Optimiser of the layers' matrices.
    pub optimiser: Optimiser,
    /// Highest learning rate.
    pub rate: f64,
    /// Steps of linear warm-up.
    pub warm_up: u64,
    /// Whether the rate follows a cosine from `rate` to `final_rate · rate`; else it stays.
    pub cosine: bool,
    /// Share of the rate that is left at the end of the cosine.
    pub final_rate: f64,
    /// AdamW's β₂.
    pub beta_2: f64,
    /// AdamW's ε, added to the root of the second moment; the paper's code has about 1e-4, which lengthens its plateau.
    #[serde(default = "usual_epsilon")]
    pub epsilon: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Largest norm of the whole gradient; 0 for no clipping.
    pub clip: f64,
    /// Decay of the weights' running average, which is what gets exported; 0 exports the last weights.
    pub average: f64,
    /// Learners with a stem: weight of a second loss, the cross-entropy of what neighbours in the embedding alone say.
    #[serde(default)]
    pub neighbours: f64,
    /// Steps between checkpoints.
    pub checkpoint_every: u64,
    /// Steps between lines of metrics.jsonl.
    pub log_every: u64,
}

fn usual_epsilon() -> f64 {
    1e-8
}

impl Default for Training {
    fn default() -> Self {
        Training {
            steps: 1_000,
            batch: 16,
            micro_batch: 8,
            optimiser: Optimiser::Muon,
            rate: 2e-3,
            warm_up: 50,
            cosine: true,
            final_rate: 0.03,
            beta_2: 0.999,
            epsilon: usual_epsilon(),
            weight_decay: 0.0,
            clip: 1.0,
            average: 0.99,
            neighbours: 0.0,
            checkpoint_every: 200,
            log_every: 10,
        }
    }
}

/// Names of the presets, with a line each.
pub const PRESETS: [(&str, &str); 4] = [
    ("quick", "shifted keys, synthetic prior alone, minutes on two CPU cores: the page's first model"),
    (
        "general",
        "equivariant set learner for any inputs and 2–20 classes, with a stem for pictures; synthetic prior and Omniglot",
    ),
    ("drawing", "equivariant set learner with a convolutional stem, for drawings; strokes, Omniglot and MNIST"),
    ("paper", "the paper's model and protocol on MNIST (large: for a GPU and patience)"),
];

/// Why settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No preset of this name.
    #[error("unknown preset `{found}`; there are: {known}")]
    Preset {
        /// Name given.
        found: String,
        /// Names that exist.
        known: String,
    },
    /// No research learner of this kind.
    #[error("setting `learner.kind`: unknown kind `{found}`{}; there are: {}",
        nearest.map(|n| format!(", did you mean `{n}`?")).unwrap_or_default(), KINDS.map(|(name, _)| name).join(", "))]
    Learner {
        /// Kind given.
        found: String,
        /// The known kind most like it.
        nearest: Option<&'static str>,
    },
    /// A key that no setting has.
    #[error("unknown setting `{key}`{}", nearest.as_ref().map(|n| format!("; did you mean `{n}`?")).unwrap_or_default())]
    UnknownKey {
        /// Key as given, with dots.
        key: String,
        /// The known key most like it.
        nearest: Option<String>,
    },
    /// `--set` without an equals sign.
    #[error("`--set {found}`: expected key=value, such as training.steps=2000")]
    Assignment {
        /// Text given.
        found: String,
    },
    /// Not TOML, or a value of another type.
    #[error("settings{}: {message}", origin.as_ref().map(|o| format!(" in {o}")).unwrap_or_default())]
    Toml {
        /// File, if it came from one.
        origin: Option<String>,
        /// What the parser says.
        message: String,
    },
    /// A value out of bounds.
    #[error("setting `{key}`: {message}")]
    Value {
        /// Key.
        key: &'static str,
        /// Expected and found.
        message: String,
    },
    /// The model's spec is wrong.
    #[error(transparent)]
    Spec(#[from] shaders::spec::SpecError),
    /// A file could not be read.
    #[error("{path}: {source}")]
    Io {
        /// File.
        path: String,
        /// Cause.
        source: std::io::Error,
    },
}

impl RunConfig {
    /// A preset by name.
    ///
    /// # Errors
    /// An unknown name.
    pub fn preset(name: &str) -> Result<RunConfig, ConfigError> {
        match name {
            "quick" => Ok(RunConfig {
                seed: 1,
                model: ModelSpec::shifted(256, 128, 2, 1),
                learner: Learner::Model,
                tasks: TaskConfig { fewer_classes: 0.25, uneven: 0.25, ..Default::default() },
                training: Training { steps: 1_000, ..Default::default() },
            }),
            "general" => {
                let mut model = ModelSpec::equivariant(784, 20, 16, 4);
                let set = model.equivariant.as_mut().expect("the variant has its part");
                let raw = |kernel, lambda| Ridge { kernel, lambda, raw: true };
                set.ridge = vec![
                    Ridge { kernel: RidgeKernel::Local, lambda: 0.03, raw: false },
                    raw(RidgeKernel::Local, 0.03),
                    raw(RidgeKernel::Linear, 0.3),
                    raw(RidgeKernel::Gaussian, 0.01),
                ];
                let convolution = |channels, size, stride| Convolution { channels, size, stride };
                set.stem = Some(Stem {
                    side: 14,
                    convolutions: vec![convolution(24, 3, 1), convolution(48, 3, 2), convolution(64, 3, 2)],
                    embedding: 64,
                });
                Ok(RunConfig {
                    seed: 1,
                    model,
                    learner: Learner::Model,
                    tasks: TaskConfig {
                        data: vec!["prior".into(), "omniglot".into(), "strokes".into()],
                        weights: vec![0.6, 0.32, 0.08],
                        fewer_classes: 0.3,
                        uneven: 0.4,
                        shown: vec![99, 99, 50, 50, 30, 20, 20, 10, 10, 5],
                        queries: 45,
                        ways: 10,
                        label_noise: 0.15,
                        vectors: 0.25,
                        augment: Augment {
                            share: 0.9,
                            turns: true,
                            rotation: 12.0,
                            shear: 0.32,
                            aspect: 0.2,
                            elastic: 2.5,
                            blur: 1.3,
                        },
                        prior: Prior { fields: 0.3, shapes: 0.7, mixtures: 0.4, ..Prior::none() },
                        ..Default::default()
                    },
                    training: Training {
                        steps: 4_000,
                        batch: 8,
                        micro_batch: 4,
                        optimiser: Optimiser::Adamw,
                        rate: 6e-3,
                        warm_up: 60,
                        beta_2: 0.99,
                        average: 0.995,
                        neighbours: 1.0,
                        ..Default::default()
                    },
                })
            }
            "drawing" => {
                let mut model = ModelSpec::equivariant(784, 10, 16, 2);
                model.encoding.side = 0;
                let set = model.equivariant.as_mut().expect("the variant has its part");
                let convolution = |channels, size, stride| Convolution { channels, size, stride };
                set.stem = Some(Stem {
                    side: 28,
                    convolutions: vec![convolution(24, 5, 2), convolution(48, 3, 2), convolution(96, 3, 2)],
                    embedding: 96,
                });
                set.ridge = vec![Ridge { kernel: RidgeKernel::Local, lambda: 0.03, raw: false }];
                Ok(RunConfig {
                    seed: 1,
                    model,
                    learner: Learner::Model,
                    tasks: TaskConfig {
                        data: vec!["omniglot".into(), "strokes".into(), "mnist".into(), "prior".into()],
                        weights: vec![0.65, 0.15, 0.2, 1.0],
                        fewer_classes: 0.5,
                        uneven: 0.3,
                        shown: vec![99, 99, 50, 20],
                        shots: vec![1, 1, 2, 3, 5, 8],
                        queries: 30,
                        ways: 10,
                        vectors: 0.1,
                        augment: Augment {
                            share: 0.9,
                            turns: true,
                            rotation: 12.0,
                            shear: 0.32,
                            aspect: 0.2,
                            elastic: 2.5,
                            blur: 1.3,
                        },
                        prior: Prior { fields: 0.6, mixtures: 0.4, ..Prior::none() },
                        ..Default::default()
                    },
                    training: Training {
                        steps: 4_500,
                        batch: 16,
                        micro_batch: 4,
                        optimiser: Optimiser::Adamw,
                        rate: 6e-3,
                        warm_up: 100,
                        beta_2: 0.99,
                        average: 0.998,
                        neighbours: 1.0,
                        ..Default::default()
                    },
                })
            }
            "paper" => {
                // scalar statistics of MNIST's training pixels
                let mut model = ModelSpec::paper(784, 0, 0.130_66, 0.308_11);
                model.encoding = Encoding {
                    side: 0,
                    normalisation: Normalisation::Scalar { mean: 0.130_66, std: 0.308_11 },
                    projected: true,
                };
                Ok(RunConfig {
                    seed: 1,
                    model,
                    learner: Learner::Model,
                    tasks: TaskConfig {
                        data: vec!["mnist".into()],
                        log2_tasks: 25,
                        sequences_per_task: 32,
                        ..Default::default()
                    },
                    training: Training {
                        steps: 50_000,
                        batch: 512,
                        micro_batch: 32,
                        optimiser: Optimiser::Adamw,
                        rate: 1e-3,
                        warm_up: 0,
                        cosine: false,
                        final_rate: 1.0,
                        clip: 0.0,
                        average: 0.0,
                        ..Default::default()
                    },
                })
            }
            found => {
                Err(ConfigError::Preset { found: found.to_owned(), known: PRESETS.map(|(name, _)| name).join(", ") })
            }
        }
    }

    /// Preset, then a file, then `key=value` overrides in their order.
    ///
    /// # Errors
    /// Unknown keys (with the nearest one), values of a wrong type or out of bounds.
    pub fn resolve(preset: &str, file: Option<&Path>, set: &[String]) -> Result<RunConfig, ConfigError> {
        let mut table = Table::try_from(RunConfig::preset(preset)?).expect("settings are plain data");
        if let Some(path) = file {
            let origin = path.display().to_string();
            let text =
                std::fs::read_to_string(path).map_err(|source| ConfigError::Io { path: origin.clone(), source })?;
            let given: Table = text
                .parse()
                .map_err(|e: toml::de::Error| ConfigError::Toml { origin: Some(origin), message: e.to_string() })?;
            merge(&mut table, given, "")?;
        }
        for assignment in set {
            let (key, value) =
                assignment.split_once('=').ok_or_else(|| ConfigError::Assignment { found: assignment.clone() })?;
            // a bare word is a string: model.key_shift=gated
            let value = format!("v = {value}")
                .parse::<Table>()
                .ok()
                .and_then(|mut t| t.remove("v"))
                .unwrap_or_else(|| Value::String(value.to_owned()));
            let given = key
                .rsplit('.')
                .fold(value, |value, part| Value::Table(Table::from_iter([(part.trim().to_owned(), value)])));
            let Value::Table(given) = given else { unreachable!("a key has at least one part") };
            merge(&mut table, given, "")?;
        }
        RunConfig::from_table(table)
    }

    /// Reads the settings that were saved with a run.
    ///
    /// # Errors
    /// As [`RunConfig::resolve`].
    pub fn read(path: &Path) -> Result<RunConfig, ConfigError> {
        let origin = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Io { path: origin.clone(), source })?;
        let table = text
            .parse()
            .map_err(|e: toml::de::Error| ConfigError::Toml { origin: Some(origin), message: e.to_string() })?;
        RunConfig::from_table(table)
    }

    fn from_table(table: Table) -> Result<RunConfig, ConfigError> {
        let config: RunConfig = table
            .try_into()
            .map_err(|e: toml::de::Error| ConfigError::Toml { origin: None, message: e.to_string() })?;
        config.validate()?;
        Ok(config)
    }

    /// The settings as TOML.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("settings are plain data")
    }

    fn validate(&self) -> Result<(), ConfigError> {
        self.model.validate()?;
        let (tasks, training) = (&self.tasks, &self.training);
        let check = |held: bool, key: &'static str, message: String| {
            if held { Ok(()) } else { Err(ConfigError::Value { key, message }) }
        };
        let longest = self.model.longest;
        check(
            (2..=longest).contains(&tasks.length),
            "tasks.length",
            format!("expected 2…{longest} (model.longest), found {}", tasks.length),
        )?;
        if let Some((key, message)) = self.learner.wrong() {
            return Err(ConfigError::Value { key, message });
        }
        check(
            self.learner == Learner::Model || self.model.equivariant.is_none(),
            "learner.kind",
            format!(
                "`{}` reads sequences: start from a preset with model.variant shifted or paper, found equivariant",
                self.learner.kind()
            ),
        )?;
        check(
            !self.learner.asks_queries() || tasks.shown.iter().all(|n| (1..tasks.length).contains(n)),
            "tasks.shown",
            format!("expected 1…{} examples (tasks.length − 1), found {:?}", tasks.length - 1, tasks.shown),
        )?;
        if let Some(set) = &self.model.equivariant {
            check(tasks.queries > 0, "tasks.queries", "expected 1 or more for a set learner, found 0".into())?;
            check(
                !tasks.shown.is_empty() || !tasks.shots.is_empty(),
                "tasks.shown",
                "expected at least one number of shown examples (or tasks.shots) for a set learner".into(),
            )?;
            let most = tasks.shots.iter().map(|s| s * self.model.classes).chain(tasks.shown.iter().copied());
            let found = most.max().unwrap_or(0);
            check(
                found < longest && !tasks.shown.contains(&0) && !tasks.shots.contains(&0),
                "tasks.shown",
                format!("expected 1…{} examples (model.longest − 1), found 0 or {found}", longest - 1),
            )?;
            let named = |name: &str| tasks.data.iter().any(|data| data == name);
            check(
                tasks.ways <= self.model.classes && tasks.ways != 1,
                "tasks.ways",
                format!("expected 0 or 2…{} (model.classes), found {}", self.model.classes, tasks.ways),
            )?;
            check(
                set.stem.is_none() || tasks.vectors == 0.0 || (named("prior") && !tasks.shown.is_empty()),
                "tasks.vectors",
                "a share of other inputs than drawings needs \"prior\" in tasks.data and tasks.shown".into(),
            )?;
        }
        check(!tasks.data.is_empty(), "tasks.data", "expected at least one name, such as \"prior\"".into())?;
        check(
            tasks.weights.is_empty() || tasks.weights.len() == tasks.data.len(),
            "tasks.weights",
            format!("expected none or one for each of the {} entries of tasks.data", tasks.data.len()),
        )?;
        check(
            tasks.weights.iter().all(|w| w.is_finite() && *w >= 0.0)
                && (tasks.weights.is_empty() || tasks.weights.iter().sum::<f64>() > 0.0),
            "tasks.weights",
            "expected weights of 0 or more, not all 0".into(),
        )?;
        for (key, share) in [
            ("tasks.label_bias", tasks.label_bias),
            ("tasks.fewer_classes", tasks.fewer_classes),
            ("tasks.uneven", tasks.uneven),
            ("tasks.label_noise", tasks.label_noise),
            ("tasks.vectors", tasks.vectors),
            ("tasks.augment.share", tasks.augment.share),
        ] {
            check((0.0..=1.0).contains(&share), key, format!("expected a share in 0…1, found {share}"))?;
        }
        check(
            (-1..=40).contains(&tasks.log2_tasks),
            "tasks.log2_tasks",
            format!("expected −1 (endless) or 0…40, found {}", tasks.log2_tasks),
        )?;
        check(tasks.sequences_per_task > 0, "tasks.sequences_per_task", "expected 1 or more, found 0".into())?;
        check(training.steps > 0, "training.steps", "expected 1 or more, found 0".into())?;
        check(
            training.micro_batch > 0 && training.batch > 0 && training.batch.is_multiple_of(training.micro_batch),
            "training.batch",
            format!("expected a multiple of training.micro_batch = {}, found {}", training.micro_batch, training.batch),
        )?;
        check(
            training.rate.is_finite() && training.rate > 0.0,
            "training.rate",
            format!("expected a positive number, found {}", training.rate),
        )?;
        check(
            (0.0..1.0).contains(&training.average),
            "training.average",
            format!("expected 0…1, found {}", training.average),
        )?;
        check(
            (0.0..1.0).contains(&training.beta_2),
            "training.beta_2",
            format!("expected 0…1, found {}", training.beta_2),
        )?;
        check(
            training.neighbours.is_finite() && training.neighbours >= 0.0,
            "training.neighbours",
            format!("expected a weight of 0 or more, found {}", training.neighbours),
        )?;
        check(
            training.epsilon.is_finite() && training.epsilon > 0.0,
            "training.epsilon",
            format!("expected a positive number, found {}", training.epsilon),
        )?;
        check(training.clip >= 0.0, "training.clip", format!("expected 0 or more, found {}", training.clip))?;
        check(
            training.checkpoint_every > 0 && training.log_every > 0,
            "training.log_every",
            "expected log_every and checkpoint_every of 1 or more".into(),
        )
    }
}

/// Lays `given` over `table`; every key has to be there already.
fn merge(table: &mut Table, given: Table, prefix: &str) -> Result<(), ConfigError> {
    for (key, value) in given {
        let full = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match (table.get_mut(&key), value) {
            (Some(Value::Table(inner)), Value::Table(value)) => {
                if full == "learner" {
                    merge_learner(inner, value)?;
                } else if inner.contains_key("kind") && value.contains_key("kind") {
                    // a tagged choice (such as the normalisation) is replaced as a whole
                    *inner = value;
                } else {
                    merge(inner, value, &full)?;
                }
            }
            // 1 is a fine way to write 1.0
            (Some(slot @ Value::Float(_)), Value::Integer(whole)) => *slot = Value::Float(whole as f64),
            (Some(slot), value) => *slot = value,
            (None, _) => {
                let nearest = nearest(&key, table.keys().map(String::as_str))
                    .map(|known| if prefix.is_empty() { known.to_owned() } else { format!("{prefix}.{known}") });
                return Err(ConfigError::UnknownKey { key: full, nearest });
            }
        }
    }
    Ok(())
}

/// Another kind of learner starts from the dials that it has by default.
fn merge_learner(table: &mut Table, given: Table) -> Result<(), ConfigError> {
    if let Some(kind) = given.get("kind").and_then(Value::as_str)
        && table.get("kind").and_then(Value::as_str) != Some(kind)
    {
        let wrong = || ConfigError::Learner {
            found: kind.to_owned(),
            nearest: nearest(kind, KINDS.iter().map(|(name, _)| *name)),
        };
        *table = Table::try_from(Learner::of_kind(kind).ok_or_else(wrong)?).expect("settings are plain data");
    }
    merge(table, given, "learner")
}

/// The name most like another, if it is like it at all.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|known| (strsim::normalized_damerau_levenshtein(known, name), known))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(likeness, _)| *likeness > 0.3)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(assignment: &str) -> Result<RunConfig, ConfigError> {
        RunConfig::resolve("quick", None, &[assignment.to_owned()])
    }

    #[test]
    fn presets_are_valid_and_survive_toml() {
        for (name, _) in PRESETS {
            let config = RunConfig::resolve(name, None, &[]).unwrap();
            assert_eq!(RunConfig::from_table(config.to_toml().parse().unwrap()).unwrap(), config);
        }
    }

    #[test]
    fn overrides_reach_every_level() {
        assert_eq!(set("seed=9").unwrap().seed, 9);
        assert_eq!(set("training.rate=1").unwrap().training.rate, 1.0);
        assert_eq!(set("tasks.prior.strokes=0.9").unwrap().tasks.prior.strokes, 0.9);
        assert_eq!(set("model.key_shift=gated").unwrap().model.key_shift, shaders::spec::KeyShift::Gated);
        assert_eq!(set("tasks.data=[\"mnist\", \"prior\"]").unwrap().tasks.data.len(), 2);
    }

    #[test]
    fn a_kind_of_learner_brings_its_dials() {
        for (kind, _) in KINDS {
            let config = set(&format!("learner.kind={kind}")).unwrap();
            assert_eq!(config.learner, Learner::of_kind(kind).unwrap());
            assert_eq!(config.learner.kind(), kind);
            assert_eq!(RunConfig::from_table(config.to_toml().parse().unwrap()).unwrap(), config);
        }
        let several = ["learner.kind=lstm", "learner.hidden=12", "learner.kind=lstm", "learner.layers=2"];
        let config = RunConfig::resolve("quick", None, &several.map(str::to_owned)).unwrap();
        assert_eq!(config.learner.state_size(&config.model, 100), 2 * 12 * 2);
        let wrong = |more: &str| {
            let set = ["learner.kind=lstm", more].map(str::to_owned);
            RunConfig::resolve("quick", None, &set).unwrap_err().to_string()
        };
        assert!(wrong("learner.hiden=3").contains("did you mean `learner.hidden`"));
        assert!(wrong("learner.hidden=0").contains("expected 1…8192, found 0"));
        let set = ["learner.kind=lstm".to_owned()];
        assert!(RunConfig::resolve("general", None, &set).unwrap_err().to_string().contains("equivariant"));
    }

    #[test]
    fn mistakes_are_named() {
        let text = |r: Result<RunConfig, ConfigError>| r.unwrap_err().to_string();
        assert!(text(set("training.stepz=3")).contains("did you mean `training.steps`"));
        assert!(text(set("trainign.steps=3")).contains("did you mean `training`"));
        assert!(text(set("training.steps")).contains("key=value"));
        assert!(text(set("training.steps=many")).contains("steps"));
        assert!(text(set("training.batch=9")).contains("multiple"));
        assert!(text(set("tasks.uneven=2")).contains("0…1"));
        assert!(text(set("model.width=0")).contains("width"));
        assert!(text(set("learner.kind=lstn")).contains("did you mean `lstm`"));
        assert!(text(set("learner.hidden=3")).contains("learner.hidden"), "the model of [model] has no such dial");
        assert!(text(set("learner.kind=7")).contains("kind"));
        assert!(text(RunConfig::preset("quik").map(|_| unreachable!())).contains("quick"));
    }
}
