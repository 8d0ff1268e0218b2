//! What settings have to be to fit each other; each by itself is checked in [`super::settings`].

use shaders::input::pixels;
use shaders::model::validate::SpecError;
use tasks::MOST_SHOWN;

use super::error::ConfigError;
use super::run::RunConfig;
use crate::nets::research::{Learner, OutOfBounds};

type Checked = Result<(), ConfigError>;

fn check(held: bool, key: &'static str, message: String) -> Checked {
    if held { Ok(()) } else { Err(ConfigError::Value { key, message }) }
}

impl RunConfig {
    /// Whether all settings fit each other.
    pub(super) fn validate(&self) -> Checked {
        self.model.validate().map_err(|error| self.named(error))?;
        self.validate_learner()?;
        self.validate_set()?;
        self.validate_data()?;
        self.validate_curriculum()?;
        let training = &self.training;
        check(
            training.batch.is_multiple_of(training.micro_batch),
            "training.batch",
            format!("expected a multiple of training.micro_batch = {}, found {}", training.micro_batch, training.batch),
        )
    }

    /// Each stage by itself, with everything else as it is.
    fn validate_curriculum(&self) -> Checked {
        for (index, stage) in self.curriculum.iter().enumerate() {
            let within = |message: String| ConfigError::Value {
                key: "curriculum",
                message: format!("stage {} of {}: {message}", index + 1, self.curriculum.len()),
            };
            if stage.steps.is_none() && stage.accuracy.is_none() {
                return Err(within("expected an end, steps or accuracy, found neither".into()));
            }
            let tasks = stage.config(&self.tasks);
            RunConfig { tasks, curriculum: Vec::new(), ..self.clone() }
                .validate()
                .map_err(|error| within(error.to_string()))?;
        }
        Ok(())
    }

    /// An error of the model's spec with the name that its setting has.
    fn named(&self, error: SpecError) -> ConfigError {
        let wrong = |key: &str, expected: String, found: String| ConfigError::Setting {
            key: format!("model.{key}"),
            expected,
            found,
        };
        let model = toml::Table::try_from(&self.model).expect("settings are plain data");
        // `qk_norm = false`
        let switch = |text: &'static str, variant: &str, others: &str| {
            let (key, value) = text.split_once(" = ").unwrap_or((text, ""));
            let mut found = Some(&model).map(|table| toml::Value::Table(table.clone()));
            for part in key.split('.') {
                found = found.and_then(|value| value.get(part).cloned());
            }
            let found = found.map_or("nothing".into(), |value| value.to_string());
            wrong(key, format!("{value} for model.variant = \"{variant}\" ({others})"), found)
        };
        match error {
            SpecError::Size { field, low, high, found } => {
                wrong(field, format!("a whole number in {low}…{high}"), found.to_string())
            }
            SpecError::NotThePaper { switch: text } => switch(text, "paper", "\"shifted\" leaves the choice"),
            SpecError::NotCausal { switch: text } => switch(text, "equivariant", "\"shifted\" leaves the choice"),
            SpecError::Equivariant => {
                let found = if self.model.equivariant.is_some() { "it with another" } else { "none" };
                wrong("equivariant", "it for model.variant = \"equivariant\" and no other".into(), found.into())
            }
            SpecError::Stem { side, channels, found } => {
                let values = side * side * channels;
                let least = format!("at least {values} for a stem that reads {channels} × {side} × {side} values");
                wrong("inputs", least, found.to_string())
            }
            SpecError::Channels { found } => {
                wrong("equivariant.stem.channels", "1 (grey) or 3 (colour)".into(), found.to_string())
            }
            SpecError::TooManyParameters { found } => {
                let most = shaders::model::validate::MAX_PARAMETERS;
                wrong(
                    "width",
                    format!("a learner of at most {most} parameters (model.layers and model.inputs count too)"),
                    found.to_string(),
                )
            }
            other => ConfigError::Spec(other),
        }
    }

    fn validate_learner(&self) -> Checked {
        let (tasks, longest) = (&self.tasks, self.model.longest);
        check(
            (2..=longest).contains(&tasks.length),
            "tasks.length",
            format!("expected 2…{longest} (model.longest), found {}", tasks.length),
        )?;
        check(
            tasks.ways <= self.model.classes && tasks.ways != 1,
            "tasks.ways",
            format!("expected 0 or 2…{} (model.classes), found {}", self.model.classes, tasks.ways),
        )?;
        check(
            tasks.dimensions == 0 || self.model.encoding.projected,
            "tasks.dimensions",
            format!("expected 0 for a learner whose inputs are not projected, found {}", tasks.dimensions),
        )?;
        if let Err(OutOfBounds { key, message }) = self.learner.validate() {
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
        )
    }

    /// What a set learner needs.
    fn validate_set(&self) -> Checked {
        let (tasks, longest) = (&self.tasks, self.model.longest);
        let Some(set) = &self.model.equivariant else { return Ok(()) };
        check(tasks.queries > 0, "tasks.queries", "expected 1 or more for a set learner, found 0".into())?;
        check(
            !tasks.shown.is_empty() || !tasks.shots.is_empty(),
            "tasks.shown",
            "expected at least one number of shown examples (or tasks.shots) for a set learner, found none".into(),
        )?;
        let most = tasks.shots.iter().map(|s| s * self.model.classes).chain(tasks.shown.iter().copied());
        let found = most.max().unwrap_or(0);
        check(
            found < longest && !tasks.shown.contains(&0) && !tasks.shots.contains(&0),
            "tasks.shown",
            format!("expected 1…{} examples (model.longest − 1), found 0 or {found}", longest - 1),
        )?;
        // a stem that reads another size would see no picture at all
        let side = if self.model.encoding.side == 0 { pixels::SIDE } else { self.model.encoding.side };
        if let Some(stem) = &set.stem {
            check(
                stem.side == side,
                "model.equivariant.stem.side",
                format!(
                    "expected {side}, the size that pictures are brought to (model.encoding.side, and {} for 0), found {}",
                    pixels::SIDE,
                    stem.side
                ),
            )?;
        }
        let usual = if tasks.ways > 0 { tasks.ways } else { self.model.classes };
        check(
            tasks.many == 0.0 || tasks.shots.is_empty() || tasks.most_ways > usual,
            "tasks.most_ways",
            format!(
                "expected more than the usual {usual} classes for tasks.many {}, found {}",
                tasks.many, tasks.most_ways
            ),
        )?;
        check(
            tasks.many == 0.0 || tasks.shots.is_empty() || tasks.most_ways.max(MOST_SHOWN) < longest,
            "model.longest",
            format!(
                "expected more than {} for tasks of many classes (or tasks.many 0), found {longest}",
                tasks.most_ways.max(MOST_SHOWN)
            ),
        )?;
        let prior = tasks.data.iter().any(|data| data == "prior");
        check(
            set.stem.is_none() || tasks.vectors == 0.0 || (prior && !tasks.shown.is_empty()),
            "tasks.vectors",
            format!(
                "expected 0, or \"prior\" in tasks.data and some tasks.shown for the share of other inputs than drawings, \
                 found {}",
                tasks.vectors
            ),
        )
    }

    /// Where episodes come from.
    fn validate_data(&self) -> Checked {
        let tasks = &self.tasks;
        check(
            !tasks.data.is_empty(),
            "tasks.data",
            "expected at least one name, such as \"prior\", found none".into(),
        )?;
        check(
            tasks.weights.is_empty() || tasks.weights.len() == tasks.data.len(),
            "tasks.weights",
            format!(
                "expected none or one for each of the {} entries of tasks.data, found {}",
                tasks.data.len(),
                tasks.weights.len()
            ),
        )?;
        let sum = tasks.weights.iter().sum::<f64>();
        check(
            tasks.weights.iter().all(|w| w.is_finite() && *w >= 0.0)
                && (tasks.weights.is_empty() || (sum > 0.0 && sum.is_finite())),
            "tasks.weights",
            format!("expected weights of 0 or more, not all 0, found {:?}", tasks.weights),
        )?;
        let families = tasks.prior.total();
        check(
            !tasks.data.iter().any(|data| data == "prior") || (families > 0.0 && families.is_finite()),
            "tasks.prior",
            format!(
                "expected a family with a weight above 0, as tasks.data names \"prior\", found a sum of {families}"
            ),
        )
    }
}
