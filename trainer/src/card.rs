//! The card of a model file: what it is, how it was made and what it reaches, as Markdown, from its metadata alone.

use serde::{Deserialize, Serialize};
use shaders::Model;
use shaders::model::spec::Variant;

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

/// The card of `model` as Markdown; `name` is that of its file.
pub fn markdown(name: &str, model: &Model) -> String {
    let (spec, card) = (&model.spec, Card::read(model));
    let or_none = |value: &Option<String>| value.clone().unwrap_or_else(|| "not recorded".into());
    let family = match spec.variant {
        Variant::Paper => "causal Transformer, as in the paper",
        Variant::Shifted => "causal Transformer with shifted keys",
        Variant::Equivariant if spec.set().stem.is_some() => "equivariant set learner with a convolutional stem",
        Variant::Equivariant => "equivariant set learner",
    };
    let mut text = format!(
        "# {name}\n\nA learner for in-context classification: shown labelled examples, it classifies others, with no gradient step.\n\n\
         | | |\n|---|---|\n\
         | kind | {family}, {} layers, {} parameters |\n\
         | takes | up to {} examples of up to {} classes, {} inputs each |\n\
         | meta-trained on | {} |\n\
         | made by | {}, commit {}, step {} |\n\
         | weights (SHA-256) | `{}` |\n\
         | licence | {} |\n",
        spec.layers,
        spec.parameters(),
        spec.longest - 1,
        spec.classes,
        spec.inputs,
        or_none(&card.data),
        or_none(&card.software),
        or_none(&card.commit),
        or_none(&card.step),
        model.hash(),
        or_none(&card.licence),
    );
    text += "\n## What it reaches\n";
    match card.evaluation {
        None => text += "\nNo evaluation is kept in this file.\n",
        Some(kept) => kept.results.iter().for_each(|result| text += &table(result)),
    }
    text += "\n## How it was made\n\nThe settings of its run, for `trainer train --config FILE`:\n\n```toml\n";
    text += or_none(&card.training).trim_end();
    text += "\n```\n";
    text
}

fn table(result: &Outcome) -> String {
    let paper = result.protocol == "paper";
    let head = if paper { "examples shown" } else { "shots a class" };
    let columns: Vec<String> = result.positions.iter().map(|p| (p - usize::from(paper)).to_string()).collect();
    let percent = |values: &[f64]| values.iter().map(|v| format!("{:.1}", 100.0 * v)).collect::<Vec<_>>();
    let row = |name: &str, cells: &[String]| format!("| {name} | {} |\n", cells.join(" | "));
    let project = result.project.map(|n| format!(", projected to {n} dimensions")).unwrap_or_default()
        + if result.vectors { ", as vectors" } else { "" };
    let ensemble = result.ensemble.map(|n| format!(", ensemble of {n}")).unwrap_or_default();
    let mut text = format!(
        "\n{}, {} split, protocol {}{project}{ensemble}, {} episodes; accuracy in per cent ± 95 % interval\n\n",
        result.dataset, result.split, result.protocol, result.episodes
    );
    text += &row(head, &columns);
    text += &row("---", &vec!["---".to_owned(); columns.len()]);
    let own = percent(&result.accuracy).into_iter().zip(percent(&result.ci95)).map(|(a, c)| format!("**{a}** ± {c}"));
    text += &row("**this learner**", &own.collect::<Vec<_>>());
    if !result.rare.is_empty() {
        text += &row("of the class shown once", &percent(&result.rare));
    }
    for (name, accuracy) in &result.baselines {
        text += &row(name, &percent(accuracy));
    }
    text += &row("negative log-likelihood, nats", &result.nll.iter().map(|v| format!("{v:.3}")).collect::<Vec<_>>());
    if !result.ece.is_empty() {
        text += &row("expected calibration error", &percent(&result.ece));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use shaders::ModelSpec;

    #[test]
    fn a_card_says_what_the_file_says() {
        let mut model = Model::random(ModelSpec::equivariant(196, 20, 16, 2), 1).unwrap();
        let outcome = Outcome {
            model: "m".into(),
            dataset: "mnist".into(),
            protocol: "paper".into(),
            split: crate::data::Split::Test,
            episodes: 7,
            positions: vec![11, 100],
            accuracy: vec![0.5, 0.75],
            ci95: vec![0.01, 0.02],
            nll: vec![1.0, 0.5],
            ece: vec![0.03, 0.02],
            overconfidence: vec![],
            ensemble: None,
            project: Some(64),
            vectors: false,
            rare: Vec::new(),
            baselines: [("1-NN cosine".to_owned(), vec![0.4, 0.7])].into(),
            margin_ci95: Default::default(),
        };
        let results = Results { results: vec![outcome] };
        let card = Card { data: Some("prior, omniglot".into()), evaluation: Some(results), ..Card::default() };
        card.clone().write(&mut model);
        assert_eq!(Card::read(&model), card);
        let text = markdown("m.safetensors", &model);
        for part in [
            "equivariant set learner",
            "prior, omniglot",
            "| licence | not recorded |",
            "up to 20 classes",
            "mnist, test split, protocol paper, projected to 64 dimensions, 7 episodes",
            "| examples shown | 10 | 99 |",
            "| **this learner** | **50.0** ± 1.0 | **75.0** ± 2.0 |",
            "| 1-NN cosine | 40.0 | 70.0 |",
        ] {
            assert!(text.contains(part), "`{part}` is not in\n{text}");
        }
    }
}
