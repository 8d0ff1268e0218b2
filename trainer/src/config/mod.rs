//! A run's settings: presets, a TOML file, `--set` overrides. Defaults live here and nowhere else; the resolved
//! settings are saved with the run and travel in the model file.

mod error;
mod merge;
mod settings;
mod validate;

use std::path::Path;

use serde::{Deserialize, Serialize};
use shaders::FileKind;
use shaders::spec::{Convolution, Encoding, ModelSpec, Normalisation, Ridge, RidgeKernel, Stem};
use toml::{Table, Value};

use crate::nets::research::Learner;
use crate::tasks::{Augment, Prior, TaskConfig};
pub use error::ConfigError;
use merge::merge;

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
            let (given, origin) = read_table(path)?;
            merge(&mut table, given, "")
                .map_err(|source| ConfigError::In { path: origin, source: Box::new(source) })?;
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
        let (table, origin) = read_table(path)?;
        RunConfig::from_table(table).map_err(|source| ConfigError::In { path: origin, source: Box::new(source) })
    }

    fn from_table(mut table: Table) -> Result<RunConfig, ConfigError> {
        settings::check(&mut table)?;
        // every value has its type: what can be wrong is that one is missing
        let missing = |e: toml::de::Error| {
            let lack =
                e.message().strip_prefix("missing field ").map(|name| format!("expected a setting {name}, found none"));
            ConfigError::Toml { origin: None, message: lack.unwrap_or_else(|| e.message().to_owned()) }
        };
        let config: RunConfig = table.try_into().map_err(missing)?;
        config.validate()?;
        Ok(config)
    }

    /// The settings as TOML.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("settings are plain data")
    }
}

/// Reads a file of settings.
fn read_table(path: &Path) -> Result<(Table, String), ConfigError> {
    let origin = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|source| ConfigError::Io { path: origin.clone(), source })?;
    let table = std::str::from_utf8(&bytes)
        .map_err(|e| e.to_string())
        .and_then(|text| text.parse::<Table>().map_err(|e| e.to_string()));
    match table {
        Ok(table) => Ok((table, origin)),
        Err(words) => {
            // what is wrong in a line says little where the file is none of settings
            let settings = |kind: &FileKind| match kind {
                FileKind::Text | FileKind::Csv => true,
                // a section begins as a list of JSON does
                FileKind::Json => bytes.trim_ascii_start().starts_with(b"["),
                _ => false,
            };
            let kind = FileKind::of(&bytes).filter(|kind| !settings(kind));
            let other = kind.map(|kind| format!("expected settings as TOML, found {}", kind.name()));
            Err(ConfigError::Toml { origin: Some(origin), message: other.unwrap_or(words) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::settings::{Kind, MODEL};
    use super::*;
    use crate::nets::research::KINDS;
    use shaders::spec::SpecError;

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

    /// What Rust calls its types, and serde what it expects.
    const RUST: [&str; 17] = [
        "usize",
        "u64",
        "u32",
        "u16",
        "i64",
        "i32",
        "f32",
        "f64",
        "string",
        "boolean",
        "integer",
        "floating",
        "struct",
        "enum",
        "a sequence",
        "unknown variant",
        "a map",
    ];

    /// The settings of a preset and of every kind of learner, as `--set` names them.
    fn walk(table: &Table, prefix: &str, keys: &mut Vec<String>) {
        for (name, value) in table {
            let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            if let Value::Table(inner) = value {
                walk(inner, &key, keys);
            }
            keys.push(key);
        }
    }

    #[test]
    fn every_setting_refuses_what_it_cannot_be_and_says_what_it_can_be() {
        let mut starts: Vec<(&str, Option<&str>)> = PRESETS.iter().map(|(name, _)| (*name, None)).collect();
        starts.extend(KINDS.iter().map(|(kind, _)| ("quick", Some(*kind))));
        let mut tried = 0;
        for (preset, kind) in starts {
            let of_kind = kind.map(|kind| format!("learner.kind={kind}"));
            let resolve = |more: Option<String>| {
                RunConfig::resolve(preset, None, &of_kind.iter().cloned().chain(more).collect::<Vec<_>>())
            };
            let table = Table::try_from(resolve(None).unwrap()).unwrap();
            let mut keys = Vec::new();
            walk(&table, "", &mut keys);
            for key in keys.iter().filter(|key| kind.is_none() || key.starts_with("learner")) {
                // what no setting can be, and what some can
                let never =
                    ["nan", "inf", "-inf", "1.5e300", "{}", "[[]]", "[nan]", "many words", "\"\"", "2020-01-01"];
                let perhaps = ["-1", "0", "true", "7", "[]", "[-1]", "0.5", "1e40", "word", "9223372036854775807"];
                for value in never.iter().chain(&perhaps) {
                    // any finite number of 0 or more
                    let open = *value == "1.5e300" && key_takes_any_number(key);
                    // a section with nothing in it says nothing
                    let empty = *value == "{}" && table_at(&table, key).is_some_and(Value::is_table);
                    let found = resolve(Some(format!("{key}={value}")));
                    tried += 1;
                    let error = match found {
                        Ok(_) if perhaps.contains(value) || open || empty => continue,
                        Ok(_) => panic!("{preset}: {key}={value} was accepted"),
                        Err(error) => error.to_string(),
                    };
                    let words = error.to_lowercase();
                    let section = key.split('.').next().unwrap();
                    assert!(words.contains(section) && words.contains("expected"), "{key}={value}: {error}");
                    if !matches!(*value, "{}" | "[]") {
                        assert!(words.contains("found"), "{key}={value}: {error}");
                    }
                    assert!(RUST.iter().all(|name| !words.contains(name)), "{key}={value}: {error}");
                    if never.contains(value) && !empty {
                        assert!(error.contains(&format!("`{key}")), "{key}={value} is blamed on another: {error}");
                    }
                }
                let negative = resolve(Some(format!("{key}=-1")));
                let below_zero = ["tasks.log2_tasks", "model.encoding.normalisation.mean"];
                assert!(negative.is_err() || below_zero.contains(&key.as_str()), "{key}=-1 was accepted");
            }
        }
        assert!(tried > 5_000, "{tried}");
    }

    fn table_at<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
        let (first, rest) = key.split_once('.').map_or((key, None), |(first, rest)| (first, Some(rest)));
        match rest {
            None => table.get(first),
            Some(rest) => table_at(table.get(first)?.as_table()?, rest),
        }
    }

    fn key_takes_any_number(key: &str) -> bool {
        use super::settings::Bounds;
        matches!(super::settings::kind_of(key), Some(Kind::Number(Bounds::Positive | Bounds::FromZero)))
            || key == "learner.rate"
    }

    #[test]
    fn each_of_two_settings_is_blamed_for_itself() {
        let text = |assignment: &str| set(assignment).unwrap_err().to_string();
        assert!(text("training.checkpoint_every=0").contains("training.checkpoint_every"));
        assert!(text("training.log_every=0").contains("training.log_every"));
        assert!(text("training.weight_decay=nan").contains("a number of 0 or more, found nan"));
        assert!(text("tasks.augment.rotation=inf").contains("0…180"));
        assert!(text("tasks.prior.strokes=-1").contains("tasks.prior.strokes"));
        assert!(text("training.steps=1.5").contains("a whole number of 1 or more, found 1.5"));
        assert_eq!(set("training.steps=2e3").unwrap().training.steps, 2_000);
        let none: Vec<String> = ["spectral", "network", "clusters", "prototypes", "sparse", "strokes"]
            .map(|family| format!("tasks.prior.{family}=0"))
            .into();
        let error = RunConfig::resolve("quick", None, &none).unwrap_err().to_string();
        assert!(error.contains("tasks.prior"), "{error}");
    }

    /// Two lists of bounds, which a change of one alone would set apart.
    #[test]
    fn sizes_have_the_bounds_of_the_spec() {
        for (name, kind) in MODEL {
            let Kind::Whole(low, high) = *kind else { continue };
            for (value, held) in [(low - 1, false), (low, true), (high, true), (high + 1, false)] {
                if value < 0 {
                    continue;
                }
                let mut table = Table::try_from(RunConfig::preset("quick").unwrap().model).unwrap();
                table.insert((*name).to_owned(), Value::Integer(value));
                let spec: ModelSpec = table.try_into().unwrap();
                let size = matches!(spec.validate(), Err(SpecError::Size { field, .. }) if field == *name);
                assert_eq!(size, !held, "model.{name} = {value}");
            }
        }
    }

    #[test]
    fn files_that_are_none_of_settings_are_named() {
        let folder = crate::data::tests::Folder::new("no-settings");
        let words = |bytes: &[u8]| {
            let file = folder.write("run.toml", bytes);
            RunConfig::resolve("quick", Some(&file), &[]).unwrap_err().to_string()
        };
        for (bytes, name) in [
            (&b"<!DOCTYPE html><html><body>404"[..], "web page"),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:0a\nsize 1\n", "Git LFS pointer"),
            (b"{\"training\": {\"steps\": 3}}", "JSON"),
            (b"\x89PNG\r\n\x1a\n\xff", "PNG"),
            (b"[training]\nsteps = \n", "line 2"),
            (b"[training]\nstepz = 3\n", "training.steps"),
        ] {
            let words = words(bytes);
            assert!(words.contains(name) && words.contains("run.toml"), "{words}");
        }
    }

    #[test]
    fn the_settings_of_any_run_can_be_laid_over_any_preset() {
        let folder = crate::data::tests::Folder::new("settings");
        for (name, _) in PRESETS {
            let config = RunConfig::preset(name).unwrap();
            let file = folder.write("run.toml", config.to_toml().as_bytes());
            assert_eq!(RunConfig::resolve("quick", Some(&file), &[]).unwrap(), config, "{name}");
        }
    }
}
