//! Answers of a learner as JSON, and for people.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use trainer::predict::{Estimate, Examples, Score, answers};

/// Wrong answers that are named.
const WORST: usize = 5;

/// An answer as JSON; `none` is the probability that it is none of the classes.
pub fn answer_as_json(
    examples: &Examples,
    name: &str,
    answer: Option<u32>,
    values: &[f32],
    none: Option<f32>,
) -> Value {
    let classes = examples.class_names();
    let probabilities: Map<String, Value> =
        classes.iter().cloned().zip(values.iter().map(|value| json!(value))).collect();
    let name = name.parse::<usize>().map_or(json!(name), |line| json!(line));
    let mut all = json!({
        examples.key(): name,
        "answer": answer.map(|class| &classes[class as usize]),
        "probabilities": probabilities,
    });
    if let Some(none) = none {
        all["none"] = json!(none);
    }
    all
}

/// An estimate for people: scores, confusion table, surest wrong answers.
pub fn estimate_text(examples: &Examples, estimate: &Estimate) -> String {
    let percent = |value: f64| format!("{:5.1} %", 100.0 * value);
    let mut text = String::from("                        accuracy   balanced\n");
    let learner = ("the learner".to_owned(), estimate.score.clone());
    for (name, score) in std::iter::once(&learner).chain(&estimate.baselines) {
        let _ = writeln!(text, "{name:<24} {}    {}", percent(score.accuracy), percent(score.balanced_accuracy));
    }
    let names = examples.class_names();
    let _ = writeln!(text, "\nRows are the true class, columns the answer:");
    let wide = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).clamp(5, 14);
    let short = |name: &str| name.chars().take(wide).collect::<String>();
    let _ = write!(text, "{:wide$}", "");
    for name in names {
        let _ = write!(text, " {:>wide$}", short(name));
    }
    text.push('\n');
    for (name, row) in names.iter().zip(estimate.confusion.chunks_exact(names.len())) {
        let _ = write!(text, "{:wide$}", short(name));
        for count in row {
            let _ = write!(text, " {count:>wide$}");
        }
        text.push('\n');
    }
    let mut wrong: Vec<(f32, usize, u32, u32)> = estimate
        .rows
        .iter()
        .zip(estimate.probabilities.chunks_exact(names.len()))
        .filter_map(|(row, values)| {
            let (truth, answer) = (examples.labels()[*row]?, shaders::answer(values)? as u32);
            (answer != truth).then(|| (values[answer as usize], *row, truth, answer))
        })
        .collect();
    wrong.sort_by(|a, b| b.0.total_cmp(&a.0));
    if !wrong.is_empty() {
        let _ = writeln!(text, "\nSurest wrong answers:");
    }
    for (sure, row, truth, answer) in wrong.into_iter().take(WORST) {
        let _ = writeln!(
            text,
            "  {} {}: “{}” for “{}” ({:.0} %)",
            examples.key(),
            examples.name(row),
            names[answer as usize],
            names[truth as usize],
            100.0 * sure
        );
    }
    text
}

/// Everything that was found, as JSON.
pub fn as_json(
    examples: &Examples,
    estimate: Option<&Estimate>,
    asked: Option<Vec<Value>>,
    score: Option<&Score>,
) -> Value {
    let mut all = described(examples);
    let one = |score: &Score| json!({ "accuracy": score.accuracy, "balanced_accuracy": score.balanced_accuracy });
    let score = score.or(estimate.map(|estimate| &estimate.score));
    all["accuracy"] = json!(score.map(|score| score.accuracy));
    all["balanced_accuracy"] = json!(score.map(|score| score.balanced_accuracy));
    let baselines: Map<String, Value> = estimate
        .iter()
        .flat_map(|estimate| &estimate.baselines)
        .map(|(name, score)| (name.clone(), one(score)))
        .collect();
    all["baselines"] = Value::Object(baselines);
    if let Some(estimate) = estimate {
        all["estimate"] = one(&estimate.score);
        all["confusion"] = json!(estimate.confusion.chunks(examples.class_names().len()).collect::<Vec<_>>());
    }
    let width = examples.class_names().len();
    let of_estimate = |estimate: &Estimate| {
        let found = answers(&estimate.probabilities, width);
        let values = estimate.probabilities.chunks_exact(width);
        let row = |((at, answer), values): ((&usize, Option<u32>), &[f32])| {
            answer_as_json(examples, &examples.name(*at), answer, values, None)
        };
        estimate.rows.iter().zip(found).zip(values).map(row).collect()
    };
    all["answers"] = Value::Array(asked.or_else(|| estimate.map(of_estimate)).unwrap_or_default());
    all
}

/// What was shown, as JSON.
fn described(examples: &Examples) -> Value {
    match examples {
        Examples::Table(table) => {
            let column = |column: &tables::column::Column| {
                json!({
                    "name": column.name,
                    "kind": column.kind.word(),
                    "missing": column.missing,
                    "left_out": column.left_out.as_ref().map(|why| why.reason()),
                })
            };
            json!({
                "rows": table.len(),
                "class": table.columns[table.class].name,
                "classes": table.class_names,
                "columns": table.columns.iter().map(column).collect::<Vec<_>>(),
                "heading": table.headed,
                "notes": table.notes,
            })
        }
        Examples::Pictures(pictures) => json!({
            "pictures": pictures.labels.len(),
            "size": pictures.size,
            "classes": pictures.class_names,
            "notes": pictures.notes,
        }),
    }
}
