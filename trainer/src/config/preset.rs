//! Presets: each a file of settings in `trainer/presets`, laid over the defaults as a user's file is.

use toml::Table;

use super::error::ConfigError;
use super::merge::merge;
use super::run::RunConfig;

/// A set of settings with a name.
#[derive(Debug, Clone, Copy)]
pub struct Preset {
    /// As `--preset` takes it.
    pub name: &'static str,
    /// The file.
    text: &'static str,
}

/// Every preset, in the order of `--help`.
pub const PRESETS: &[Preset] = &[
    Preset { name: "quick", text: include_str!("../../presets/quick.toml") },
    Preset { name: "general", text: include_str!("../../presets/general.toml") },
    Preset { name: "drawing", text: include_str!("../../presets/drawing.toml") },
    Preset { name: "paper", text: include_str!("../../presets/paper.toml") },
    Preset { name: "paper-desk", text: include_str!("../../presets/paper-desk.toml") },
    Preset { name: "lstm-desk", text: include_str!("../../presets/lstm-desk.toml") },
    Preset { name: "vsml-desk", text: include_str!("../../presets/vsml-desk.toml") },
];

impl Preset {
    /// What it is for: the comment in the first line of its file.
    pub fn about(&self) -> &'static str {
        self.text.lines().next().unwrap_or_default().trim_start_matches(['#', ' '])
    }

    /// The settings that differ from the defaults.
    fn settings(&self) -> Result<Table, ConfigError> {
        let wrong = |error: toml::de::Error| ConfigError::Toml { origin: None, message: error.to_string() };
        self.text.parse().map_err(wrong)
    }
}

impl RunConfig {
    /// A preset by name.
    ///
    /// # Errors
    /// An unknown name.
    pub fn preset(name: &str) -> Result<RunConfig, ConfigError> {
        let preset = PRESETS.iter().find(|preset| preset.name == name).ok_or_else(|| ConfigError::Preset {
            found: name.to_owned(),
            known: PRESETS.iter().map(|preset| preset.name).collect::<Vec<_>>().join(", "),
        })?;
        let mut table = RunConfig::default().to_table();
        let origin = |source| ConfigError::In { path: format!("preset {name}"), source: Box::new(source) };
        merge(&mut table, preset.settings().map_err(origin)?, "").map_err(origin)?;
        RunConfig::from_table(table).map_err(origin)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_file_is_a_preset_that_resolves_and_survives_toml() {
        let folder = std::env::current_dir().unwrap().join("presets");
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        assert_eq!(files, PRESETS.iter().map(|preset| preset.name.to_owned()).collect());
        for preset in PRESETS {
            assert!(preset.text.starts_with("# ") && !preset.about().is_empty(), "{}: its first line", preset.name);
            let config = RunConfig::preset(preset.name).unwrap();
            assert_eq!(RunConfig::from_table(config.to_toml().parse().unwrap()).unwrap(), config);
        }
    }

    /// Presets say what differs; what they leave out must not change under them.
    #[test]
    fn presets_have_the_sizes_of_their_families() {
        use shaders::model::spec::ModelSpec;
        let model = |name: &str| RunConfig::preset(name).unwrap().model;
        assert_eq!(model("quick"), ModelSpec::shifted(256, 128, 2, 1));
        let mut paper = ModelSpec::paper(784, 0, 0.130_66, 0.308_11);
        paper.encoding.side = 0;
        assert_eq!(model("paper"), paper);
        for (name, classes, layers) in [("general", 20, 4), ("drawing", 20, 2)] {
            let mut family = ModelSpec::equivariant(784, classes, 16, layers);
            let found = model(name);
            family.encoding.side = found.encoding.side;
            let (own, of_family) = (found.set(), family.equivariant.as_mut().unwrap());
            of_family.ridge = own.ridge.clone();
            of_family.stem = own.stem.clone();
            assert_eq!(found, family, "{name}");
        }
    }
}
