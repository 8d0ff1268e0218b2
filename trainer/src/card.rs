//! The card of a model file: what its metadata say of how it was made and what it reaches.

use serde::{Deserialize, Serialize};
use shaders::Model;

use crate::config::RunConfig;
use crate::eval::Outcome;

/// What `trainer eval --json` prints, and what a model file keeps of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// One for each model, data set and protocol.
    pub results: Vec<Outcome>,
}

/// What a model file says of itself in its metadata: how it was made and what it reaches.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Card {
    /// Settings of its run, as TOML.
    pub training: Option<String>,
    /// Optimiser steps.
    pub step: Option<String>,
    /// What it was meta-trained on.
    pub data: Option<String>,
    /// Program and version that made it.
    pub software: Option<String>,
    /// Commit of that program.
    pub commit: Option<String>,
    /// Licence of the file.
    pub licence: Option<String>,
    /// Evaluations that are kept in the file.
    pub evaluation: Option<Results>,
}

impl Card {
    /// The card of a learner that this program trained.
    pub fn of_run(config: &RunConfig, step: u64, evaluation: Option<Results>) -> Card {
        Card {
            training: Some(config.to_toml()),
            step: Some(step.to_string()),
            data: Some(config.tasks.data.join(", ")),
            software: Some(format!("trainer {}", env!("CARGO_PKG_VERSION"))),
            commit: Some(env!("GIT_COMMIT").into()),
            licence: Some("MIT OR Apache-2.0".into()),
            evaluation,
        }
    }

    /// The card in a model's metadata; an evaluation that cannot be read counts as none.
    pub fn read(model: &Model) -> Card {
        let get = |key: &str| model.metadata.get(key).cloned();
        Card {
            training: get("training"),
            step: get("step"),
            data: get("data"),
            software: get("software"),
            commit: get("commit"),
            licence: get("licence"),
            evaluation: get("evaluation").and_then(|json| serde_json::from_str(&json).ok()),
        }
    }

    /// Writes what is known into a model's metadata.
    pub fn write(self, model: &mut Model) {
        let evaluation = self.evaluation.map(|results| serde_json::to_string(&results).expect("plain data"));
        let known = [
            ("training", self.training),
            ("step", self.step),
            ("data", self.data),
            ("software", self.software),
            ("commit", self.commit),
            ("licence", self.licence),
            ("evaluation", evaluation),
        ];
        let known = known.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        model.metadata.extend(known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shaders::ModelSpec;

    #[test]
    fn a_card_is_read_as_it_was_written() {
        let mut model = Model::random(ModelSpec::equivariant(196, 20, 16, 2), 1).unwrap();
        assert_eq!(Card::read(&model), Card::default());
        let evaluation = Some(Results { results: Vec::new() });
        let card = Card { data: Some("prior, omniglot".into()), evaluation, ..Card::default() };
        card.clone().write(&mut model);
        assert_eq!(Card::read(&model), card);
        model.metadata.insert("evaluation".into(), "no JSON".into());
        assert_eq!(Card::read(&model).evaluation, None);
    }
}
