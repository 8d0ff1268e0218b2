//! From a preset, a file and `--set` to the settings of a run.

use std::path::Path;

use shaders::FileKind;
use toml::{Table, Value};

use super::error::ConfigError;
use super::merge::merge;
use super::run::RunConfig;

impl RunConfig {
    /// Preset, then a file, then `key=value` overrides in their order.
    ///
    /// # Errors
    /// Unknown keys (with the nearest one), values of a wrong type or out of bounds.
    pub fn resolve(preset: &str, file: Option<&Path>, set: &[String]) -> Result<RunConfig, ConfigError> {
        let mut table = RunConfig::preset(preset)?.to_table();
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
    use shaders::model::spec::ModelSpec;
    use shaders::model::validate::SpecError;

    use super::super::preset::{PRESETS, Preset};
    use super::super::settings::{self, Kind, MODEL};
    use super::*;
    use crate::nets::research::{KINDS, Learner};

    fn set(assignment: &str) -> Result<RunConfig, ConfigError> {
        RunConfig::resolve("quick", None, &[assignment.to_owned()])
    }

    #[test]
    fn overrides_reach_every_level() {
        assert_eq!(set("seed=9").unwrap().seed, 9);
        assert_eq!(set("training.rate=1").unwrap().training.rate, 1.0);
        assert_eq!(set("tasks.prior.strokes=0.9").unwrap().tasks.prior.strokes, 0.9);
        assert_eq!(set("model.key_shift=gated").unwrap().model.key_shift, shaders::model::spec::KeyShift::Gated);
        assert_eq!(set("tasks.data=[\"mnist\", \"prior\"]").unwrap().tasks.data.len(), 2);
    }

    #[test]
    fn a_kind_of_learner_brings_its_hyperparameters() {
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
        assert!(text(set("learner.hidden=3")).contains("learner.hidden"), "the model of [model] has no such setting");
        assert!(text(set("learner.kind=7")).contains("kind"));
        assert!(text(RunConfig::preset("quik").map(|_| unreachable!())).contains("quick"));
    }

    #[test]
    fn settings_of_set_learners_that_do_not_fit_each_other_are_named() {
        for (preset, change, parts) in [
            // it would be given no picture
            ("general", "model.equivariant.stem.side=12", ["model.equivariant.stem.side", "expected 14"]),
            ("drawing", "model.encoding.side=14", ["model.equivariant.stem.side", "expected 14"]),
            ("drawing", "tasks.most_ways=20", ["tasks.most_ways", "more than the usual 20"]),
            ("drawing", "model.longest=200", ["model.longest", "more than 200"]),
        ] {
            let error = RunConfig::resolve(preset, None, &[change.to_owned()]).unwrap_err().to_string();
            assert!(parts.iter().all(|part| error.contains(part)), "{change}: {error}");
        }
        let without = ["tasks.many=0.0", "tasks.most_ways=0", "model.longest=200"].map(str::to_owned);
        assert!(RunConfig::resolve("drawing", None, &without).is_ok());
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
        let mut starts: Vec<(&str, Option<&str>)> = PRESETS.iter().map(|preset| (preset.name, None)).collect();
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
                    let of_learner = key.starts_with("learner.") && table_at(&table, key).is_some_and(Value::is_float);
                    let open = *value == "1.5e300" && (of_learner || key_takes_any_number(key));
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
        use settings::Bounds;
        matches!(settings::kind_of(key), Some(Kind::Number(Bounds::Positive | Bounds::FromZero)))
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
        let folder = crate::data::testing::Folder::new("no-settings");
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
        let folder = crate::data::testing::Folder::new("settings");
        for Preset { name, .. } in PRESETS {
            let config = RunConfig::preset(name).unwrap();
            let file = folder.write("run.toml", config.to_toml().as_bytes());
            assert_eq!(RunConfig::resolve("quick", Some(&file), &[]).unwrap(), config, "{name}");
        }
    }
}
