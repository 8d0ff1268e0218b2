//! The README of a model file in the model hubs' form: YAML that their search and tables read, then Markdown; both from the
//! file's metadata alone.

use std::fmt::Write;

use shaders::Model;
use shaders::model::spec::{ModelSpec, Variant};

use crate::card::Card;
use crate::eval::Outcome;

/// Licences by their SPDX names, and the hubs' names for them.
const LICENCES: [(&str, &str); 7] = [
    ("MIT", "mit"),
    ("Apache-2.0", "apache-2.0"),
    ("BSD-3-Clause", "bsd-3-clause"),
    ("MPL-2.0", "mpl-2.0"),
    ("CC0-1.0", "cc0-1.0"),
    ("CC-BY-4.0", "cc-by-4.0"),
    ("CC-BY-SA-4.0", "cc-by-sa-4.0"),
];

/// The README of `model`; `file` is the name of its file.
pub fn readme(file: &str, model: &Model) -> String {
    let card = Card::read(model);
    let name = file.strip_suffix(".safetensors").unwrap_or(file);
    let mut text = front_matter(name, model, &card);
    text += &summary(file, model, &card);
    text += &usage(file, name, model);
    text += "\n## What it reaches\n";
    match &card.evaluation {
        None => text += "\nNo evaluation is kept in this file.\n",
        Some(kept) => kept.results.iter().for_each(|result| text += &table(result)),
    }
    text += &limits(model);
    text += "\n## How it was made\n\nThe settings of its run, for `trainer train --config FILE`:\n\n```toml\n";
    text += or_none(&card.training).trim_end();
    text += "\n```\n";
    text
}

fn or_none(value: &Option<String>) -> &str {
    value.as_deref().unwrap_or("not recorded")
}

/// Whether pictures are what it is for: it has a stem, and takes them at the size that they have.
fn is_for_pictures(model: &Model) -> bool {
    model.spec.encoding.side == 0 && model.spec.equivariant.as_ref().is_some_and(|set| set.stem.is_some())
}

/// The hubs' name of what it does.
fn pipeline(model: &Model) -> &'static str {
    if is_for_pictures(model) { "image-classification" } else { "tabular-classification" }
}

/// A string of YAML. JSON's are among them once they hold printable characters alone.
fn quoted(text: &str) -> String {
    let json = serde_json::to_string(text).expect("a string is plain data");
    let mut yaml = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(yaml, "\\u{:04x}", u32::from(c));
            }
            _ => yaml.push(c),
        }
    }
    yaml
}

/// What the hubs read, between two lines of `---`.
fn front_matter(name: &str, model: &Model, card: &Card) -> String {
    let pipeline = pipeline(model);
    let mut text = "---\n".to_owned();
    if let Some(licence) = &card.licence {
        let known = |spdx: &str| LICENCES.iter().find(|(name, _)| *name == spdx).map(|(_, hub)| *hub);
        match licence.split(" OR ").map(|spdx| known(spdx.trim())).collect::<Option<Vec<_>>>() {
            Some(known) => {
                text += "license:\n";
                known.iter().for_each(|licence| text += &format!("  - {licence}\n"));
            }
            None => text += &format!("license: other\nlicense_name: {}\n", quoted(licence)),
        }
    }
    text += &format!("library_name: learner-in-a-file\npipeline_tag: {pipeline}\ntags:\n");
    for tag in ["in-context-learning", "meta-learning", "few-shot-learning", "safetensors", "onnx"] {
        text += &format!("  - {tag}\n");
    }
    let results: Vec<String> =
        card.evaluation.iter().flat_map(|kept| &kept.results).filter_map(|result| entry(result, pipeline)).collect();
    if !results.is_empty() {
        text += &format!("model-index:\n  - name: {}\n    results:\n", quoted(name));
        results.iter().for_each(|result| text += result);
    }
    text + "---\n\n"
}

/// A result for the hubs' tables: the accuracy with the most examples.
fn entry(result: &Outcome, pipeline: &str) -> Option<String> {
    let (position, accuracy) = result.positions.iter().zip(&result.accuracy).max_by_key(|(position, _)| **position)?;
    let examples = match result.protocol == "paper" {
        true => format!("{} examples shown", position - 1),
        false => format!("{position} examples of each class shown"),
    };
    let dataset = format!("{}, {}{}", result.dataset, result.protocol, conditions(result));
    accuracy.is_finite().then(|| {
        format!(
            "      - task:\n          type: {pipeline}\n        dataset:\n          type: {}\n          name: {}\n          \
             split: {}\n        metrics:\n          - type: accuracy\n            name: {}\n            value: {accuracy:.4}\n",
            quoted(&result.dataset),
            quoted(&dataset),
            result.split,
            quoted(&format!("accuracy, {examples}")),
        )
    })
}

fn summary(file: &str, model: &Model, card: &Card) -> String {
    let spec = &model.spec;
    let family = match spec.variant {
        Variant::Paper => "causal Transformer, as in the paper",
        Variant::Shifted => "causal Transformer with shifted keys",
        Variant::Equivariant if spec.set().stem.is_some() => "equivariant set learner with a convolutional stem",
        Variant::Equivariant => "equivariant set learner",
    };
    format!(
        "# {file}\n\nA learner for in-context classification: shown labelled examples, it classifies others, with no gradient step.\n\n\
         | | |\n|---|---|\n\
         | kind | {family}, {} layers, {} parameters |\n\
         | takes | up to {} examples of {}, {} inputs each |\n\
         | meta-trained on | {} |\n\
         | made by | {}, commit {}, step {} |\n\
         | weights (SHA-256) | `{}` |\n\
         | licence | {} |\n",
        spec.layers,
        spec.parameters(),
        spec.longest - 1,
        classes_taken(spec, card),
        spec.inputs,
        or_none(&card.data),
        or_none(&card.software),
        or_none(&card.commit),
        or_none(&card.step),
        model.hash(),
        or_none(&card.licence),
    )
}

/// How many classes a learner tells apart, in words.
fn classes_taken(spec: &ModelSpec, card: &Card) -> String {
    match spec.most_classes() {
        most if most > spec.classes => {
            let met = spec.classes.max(most_ways(card).unwrap_or(0));
            format!("up to {most} classes (at most {met} in meta-training)")
        }
        most => format!("up to {most} classes"),
    }
}

/// The most classes of its drawing tasks, where the configuration says so.
fn most_ways(card: &Card) -> Option<usize> {
    let config: toml::Table = card.training.as_deref()?.parse().ok()?;
    let tasks = config.get("tasks")?.as_table()?;
    let many = tasks.get("many")?.as_float()? > 0.0;
    tasks.get("most_ways")?.as_integer().filter(|_| many)?.try_into().ok()
}

fn usage(file: &str, name: &str, model: &Model) -> String {
    let mut text = format!(
        "\n## How to use it\n\n\
         - In the page: drop the file on it, draw, and give labels.\n\
         - On a table of yours: `trainer predict {file} --show labelled.csv --ask new.csv`.\n\
         - In JavaScript, with the npm package `learner-in-a-file`: `await Learner.load(\"{file}\")`.\n\
         - In any runtime for ONNX: `trainer export {file} --onnx {name}.onnx`, then in Python\n\n\
         ```python\n\
         import numpy as np\n\
         import onnxruntime\n\n\
         session = onnxruntime.InferenceSession(\"{name}.onnx\")\n\
         fed = {{\"context_x\": shown, \"context_y\": labels, \"query_x\": asked}}    # f32 [N, X], i64 [N], f32 [Q, X]\n"
    );
    if let Some(set) = &model.spec.equivariant {
        text += "fed[\"classes\"] = np.array(3)    # how many there are\n";
        if set.stem.is_some() {
            let said = if is_for_pictures(model) { "True" } else { "False" };
            text += &format!("fed[\"images\"] = np.array({said})    # whether inputs are pictures\n");
        }
    }
    text += "probabilities = session.run([\"probabilities\"], fed)[0]\n```\n";
    text
}

fn limits(model: &Model) -> String {
    let spec = &model.spec;
    let mut text = format!(
        "\n## Limits\n\n\
         - It knows of a task what the shown examples say, and forgets it with them: its weights never change.\n\
         - More than {} examples or {} classes do not fit.\n",
        spec.longest - 1,
        spec.most_classes()
    );
    if let Some(stem) = spec.equivariant.as_ref().and_then(|set| set.stem.as_ref()) {
        let colour = if stem.channels > 1 { "in colour" } else { "in grey" };
        let side = stem.side;
        text += &format!(
            "- It sees pictures at {side} × {side}, {colour}; of other inputs it uses inner products alone.\n"
        );
    }
    text += "- It was measured on nothing but the data sets above. Where a wrong answer costs something, measure it on yours first.\n";
    text
}

/// How episodes differ from the usual.
fn conditions(result: &Outcome) -> String {
    let project = result.project.map(|n| format!(", projected to {n} dimensions")).unwrap_or_default();
    let vectors = if result.vectors { ", as vectors" } else { "" };
    let ensemble = result.ensemble.map(|n| format!(", ensemble of {n}")).unwrap_or_default();
    project + vectors + &ensemble
}

fn table(result: &Outcome) -> String {
    let paper = result.protocol == "paper";
    let head = if paper { "examples shown" } else { "shots a class" };
    let columns: Vec<String> = result.positions.iter().map(|p| (p - usize::from(paper)).to_string()).collect();
    let percent = |values: &[f64]| values.iter().map(|v| format!("{:.1}", 100.0 * v)).collect::<Vec<_>>();
    let row = |name: &str, cells: &[String]| format!("| {name} | {} |\n", cells.join(" | "));
    let mut text = format!(
        "\n{}, {} split, protocol {}{}, {} episodes; accuracy in per cent ± 95 % interval\n\n",
        result.dataset,
        result.split,
        result.protocol,
        conditions(result),
        result.episodes
    );
    text += &row(head, &columns);
    text += &row("---", &vec!["---".to_owned(); columns.len()]);
    let own = percent(&result.accuracy).into_iter().zip(percent(&result.ci95)).map(|(a, c)| format!("**{a}** ± {c}"));
    text += &row("**this learner**", &own.collect::<Vec<_>>());
    if !result.rare.is_empty() {
        text += &row("of the class shown once", &percent(&result.rare));
    }
    if !result.outsiders.is_empty() {
        text += &row("area under the ROC curve of “none of these”", &percent(&result.outsiders));
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
    use crate::card::Results;
    use shaders::model::spec::{Convolution, Stem};

    fn outcome() -> Outcome {
        Outcome {
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
            outsiders: Vec::new(),
            baselines: [("1-NN cosine".to_owned(), vec![0.4, 0.7])].into(),
            margin_ci95: Default::default(),
        }
    }

    fn model(card: Card) -> Model {
        let mut model = Model::random(ModelSpec::equivariant(196, 20, 16, 2), 1).unwrap();
        card.write(&mut model);
        model
    }

    fn assert_holds(text: &str, parts: &[&str]) {
        for part in parts {
            assert!(text.contains(part), "`{part}` is not in\n{text}");
        }
    }

    #[test]
    fn a_readme_counts_the_classes_of_tasks_with_many() {
        let training = Some("[tasks]\nmany = 0.2\nmost_ways = 100\n".to_owned());
        let text = readme("m.safetensors", &model(Card { training, ..Card::default() }));
        assert_holds(&text, &["up to 200 classes (at most 100 in meta-training)"]);
    }

    #[test]
    fn a_readme_says_what_the_file_says() {
        let evaluation = Some(Results { results: vec![outcome()] });
        let data = Some("prior, omniglot".into());
        let text = readme("m.safetensors", &model(Card { data, evaluation, ..Card::default() }));
        assert_holds(
            &text,
            &[
                "# m.safetensors\n",
                "equivariant set learner",
                "prior, omniglot",
                "| licence | not recorded |",
                "up to 200 classes (at most 20 in meta-training)",
                "--onnx m.onnx",
                "mnist, test split, protocol paper, projected to 64 dimensions, 7 episodes",
                "| examples shown | 10 | 99 |",
                "| **this learner** | **50.0** ± 1.0 | **75.0** ± 2.0 |",
                "| 1-NN cosine | 40.0 | 70.0 |",
            ],
        );
        assert!(!text.contains("license"), "none was recorded");
    }

    #[test]
    fn hubs_find_licence_task_and_results() {
        let evaluation = Some(Results { results: vec![outcome()] });
        let licence = Some("MIT OR Apache-2.0".into());
        let text = readme("m.safetensors", &model(Card { licence, evaluation, ..Card::default() }));
        let (front, _) = text.strip_prefix("---\n").unwrap().split_once("---\n\n# m.safetensors\n").unwrap();
        let expected = "license:\n  - mit\n  - apache-2.0\nlibrary_name: learner-in-a-file\n\
             pipeline_tag: tabular-classification\ntags:\n  - in-context-learning\n  - meta-learning\n  - few-shot-learning\n  \
             - safetensors\n  - onnx\nmodel-index:\n  - name: \"m\"\n    results:\n      - task:\n          \
             type: tabular-classification\n        dataset:\n          type: \"mnist\"\n          \
             name: \"mnist, paper, projected to 64 dimensions\"\n          split: test\n        metrics:\n          \
             - type: accuracy\n            name: \"accuracy, 99 examples shown\"\n            value: 0.7500\n";
        assert_eq!(front, expected);
    }

    #[test]
    fn strings_stay_strings_in_yaml() {
        for (text, expected) in [
            ("no", "\"no\""),
            ("a: b # c", "\"a: b # c\""),
            ("\"x\"\\\n\t", r#""\"x\"\\\n\t""#),
            ("é ≥ 🦀", "\"é ≥ 🦀\""),
            ("\u{7f}\u{85}\u{2028}\u{feff}", r#""\u007f\u0085\u2028\ufeff""#),
        ] {
            assert_eq!(quoted(text), expected);
        }
        let licence = Some("my own: \"free\"".into());
        let text = readme("a: b.safetensors", &model(Card { licence, ..Card::default() }));
        assert_holds(&text, &["license: other\nlicense_name: \"my own: \\\"free\\\"\"\n"]);
        assert!(!text.contains("model-index"), "there are no results");
    }

    #[test]
    fn a_learner_of_pictures_is_listed_as_one() {
        let mut spec = ModelSpec::equivariant(196, 10, 8, 1);
        let convolutions = vec![Convolution { channels: 2, size: 3, stride: 2 }];
        spec.equivariant.as_mut().unwrap().stem = Some(Stem { side: 14, channels: 1, convolutions, embedding: 4 });
        for (side, listed, images) in [(0, "image-classification", "True"), (14, "tabular-classification", "False")] {
            spec.encoding.side = side;
            let text = readme("m.safetensors", &Model::random(spec.clone(), 1).unwrap());
            assert_holds(&text, &[&format!("pipeline_tag: {listed}\n"), &format!("[\"images\"] = np.array({images})")]);
        }
    }

    #[test]
    fn a_result_that_is_no_number_is_left_out_of_the_tables() {
        let evaluation = Some(Results { results: vec![Outcome { accuracy: vec![0.5, f64::NAN], ..outcome() }] });
        assert!(
            !front_matter("m", &model(Card::default()), &Card { evaluation, ..Card::default() })
                .contains("model-index")
        );
    }
}
