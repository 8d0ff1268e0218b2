//! `trainer predict`

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value, json};
use shaders::{FileKind, Model};
use tables::column::{Column, Kind, Values};
use tables::{Choices, Grid, Table, arff, delimited, sample, text};
use trainer::files;
use trainer::learner::read_model;
use trainer::predict::{Estimate, Score, Shown, answers, estimate, score};

use super::numbers::{seed, whole};
use super::output::{Ended, note, print};
use super::progress::{above, bar};

/// Folds of an estimate, where nobody says how many.
const FOLDS: usize = 10;
/// Wrong answers that are named.
const WORST: usize = 5;
/// Rows that are asked about at once.
const BATCH: usize = 4096;

#[derive(clap::Args)]
pub struct Arguments {
    /// Model file; `models/general.safetensors` is the learner for tables
    model: PathBuf,
    /// Table of labelled rows: CSV, TSV or ARFF, also as .gz
    #[arg(long, value_name = "FILE")]
    show: PathBuf,
    /// Table of rows to answer; without it, the shown table is tested on itself in folds
    #[arg(long, value_name = "FILE")]
    ask: Option<PathBuf>,
    /// Column of the class: its heading, or its number from 1 [default: guessed, and printed]
    #[arg(long, value_name = "COLUMN")]
    class: Option<String>,
    /// Whether the first row is a heading [default: found out]
    #[arg(long, value_name = "yes|no", value_parser = yes_or_no)]
    heading: Option<bool>,
    /// Columns not to use, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "COLUMNS")]
    leave_out: Vec<String>,
    /// Columns to use although they would be left out, separated by commas
    #[arg(long, value_delimiter = ',', value_name = "COLUMNS")]
    keep: Vec<String>,
    /// Encoding of the tables, such as windows-1252 [default: found out]
    #[arg(long, value_name = "NAME")]
    encoding: Option<String>,
    /// Most rows to show; more are sampled by class [default: as many as the learner takes]
    #[arg(long, value_name = "N", value_parser = whole::<2, 1_000_000>)]
    limit: Option<usize>,
    /// Test the shown table in N folds
    #[arg(long, value_name = "N", value_parser = whole::<2, 1_000>, conflicts_with = "leave_one_out")]
    folds: Option<usize>,
    /// Test the shown table by leaving each row out once
    #[arg(long)]
    leave_one_out: bool,
    /// Seed of folds and samples
    #[arg(long, default_value = "0", value_parser = seed)]
    seed: u64,
    /// Write the answers there as CSV, in the place of standard output
    #[arg(short, long, value_name = "FILE.csv")]
    output: Option<PathBuf>,
    /// Replace whatever file --output names
    #[arg(long, requires = "output")]
    overwrite: bool,
    /// Everything as JSON on standard output
    #[arg(long)]
    json: bool,
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "true" => Ok(true),
        "no" | "false" => Ok(false),
        _ => Err(format!("expected yes or no, found `{text}`")),
    }
}

pub fn run(arguments: &Arguments) -> Ended {
    if let Some(path) = &arguments.output {
        files::check_writable(path, arguments.overwrite, "a file", |_| false)?;
    }
    let model = Arc::new(read_model(&arguments.model)?);
    let choices = Choices {
        heading: arguments.heading,
        class: arguments.class.clone(),
        leave_out: arguments.leave_out.clone(),
        keep: arguments.keep.clone(),
        most_classes: model.spec.classes,
    };
    let table = Table::new(read_grid(&arguments.show, arguments.encoding.as_deref())?, &choices)
        .map_err(|error| format!("{}: {error}", arguments.show.display()))?;
    describe(&arguments.show, &table);
    let most = most(arguments, &model);
    let rows = sample::stratified(&table.labels, most, arguments.seed);
    let labelled = table.labels.iter().flatten().count();
    if rows.len() < labelled {
        note(format!("{} of {labelled} rows are shown, sampled by class.", rows.len()));
    }
    let estimated = match arguments.ask.is_none() || arguments.folds.is_some() || arguments.leave_one_out {
        true => Some(estimated(arguments, &model, &table, most)?),
        false => None,
    };
    let asked = match &arguments.ask {
        Some(path) => Some(ask(arguments, &model, &table, &rows, path, &choices)?),
        None => None,
    };
    report(arguments, &table, estimated.as_ref(), asked.as_ref())
}

/// Most rows to show: what the learner takes beside a query, or less where asked for.
fn most(arguments: &Arguments, model: &Model) -> usize {
    let room = model.spec.longest - 1;
    if let Some(limit) = arguments.limit.filter(|limit| *limit > room) {
        note(format!("--limit {limit}: this learner takes {room} rows at most."));
    }
    arguments.limit.unwrap_or(room).min(room)
}

/// Reads the cells of a table file.
fn read_grid(path: &Path, encoding: Option<&str>) -> Result<Grid, String> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    if path.is_dir() {
        return Err(named(&"expected a table (CSV, TSV or ARFF), found a folder"));
    }
    let bytes = fs::read(path).map_err(|error| named(&error))?;
    // text of any kind may be a table
    let text = [FileKind::Empty, FileKind::Csv, FileKind::Text, FileKind::Json, FileKind::Xml];
    let other = FileKind::of(&bytes).filter(|kind| !text::is_gzip(&bytes) && !text.contains(kind));
    if let Some(kind) = other {
        return Err(named(&format!(
            "expected a table (CSV, TSV or ARFF), found {}. Save the table as CSV",
            kind.name()
        )));
    }
    let decoded = text::decode(&bytes, encoding).map_err(|error| named(&error))?;
    if !decoded.certain {
        note(format!("{}: read as {}; --encoding NAME chooses another.", path.display(), decoded.encoding));
    }
    let grid = match arff::is_arff(&decoded.text) {
        true => arff::read(&decoded.text),
        false => delimited::read(&decoded.text),
    };
    grid.map_err(|error| named(&error))
}

/// Says how the table was understood.
fn describe(path: &Path, table: &Table) {
    let class = &table.columns[table.class];
    note(format!(
        "{}: {} rows, {} of {} columns used, {} classes in “{}”.",
        path.display(),
        table.len(),
        table.columns.iter().filter(|column| column.used()).count(),
        table.columns.len() - 1,
        table.class_names.len(),
        class.name
    ));
    for (name, why) in table.left_out() {
        note(format!("  “{name}” is left out: {}.", why.reason()));
    }
    table.notes.iter().for_each(|words| note(format!("  {words}")));
}

fn estimated(arguments: &Arguments, model: &Arc<Model>, table: &Table, most: usize) -> Result<Estimate, String> {
    let labelled = table.labels.iter().flatten().count();
    let folds = match arguments.leave_one_out {
        true => {
            let mut next = 0..;
            table.labels.iter().map(|label| label.and_then(|_| next.next())).collect()
        }
        false => sample::folds(&table.labels, arguments.folds.unwrap_or(FOLDS).min(labelled), arguments.seed),
    };
    let count = folds.iter().flatten().max().map_or(0, |last: &usize| last + 1);
    let bar = bar(count as u64, "{bar:30} {pos}/{len} folds");
    let found = estimate(model, table, &folds, most, arguments.seed, |done| {
        if let Some(bar) = &bar {
            bar.set_position(done as u64);
        } else if done % 50 == 0 && done < count {
            above(None, format!("{done} of {count} folds"));
        }
    });
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    found.map_err(|error| format!("{}: {error}", arguments.show.display()))
}

/// Answers to the rows of a file.
struct Asked {
    /// Line of each row in its file.
    lines: Vec<usize>,
    /// `[rows, C]`
    probabilities: Vec<f32>,
    answers: Vec<Option<u32>>,
    /// Where the file says the class of every row.
    score: Option<Score>,
}

fn ask(
    arguments: &Arguments,
    model: &Arc<Model>,
    table: &Table,
    rows: &[usize],
    path: &Path,
    choices: &Choices,
) -> Result<Asked, String> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let grid = read_grid(path, arguments.encoding.as_deref())?;
    let (headed, places) = table.matching(&grid, choices).map_err(|error| named(&error))?;
    let mut shown = Shown::new(model, table, rows).map_err(|error| named(&error))?;
    let classes = table.class_names.len();
    let asked = &grid.rows[usize::from(headed)..];
    let bar = bar(asked.len() as u64, "{bar:30} {pos}/{len} rows");
    let mut probabilities = Vec::with_capacity(asked.len() * classes);
    let mut unreadable = vec![0; table.columns.len()];
    for batch in asked.chunks(BATCH) {
        let values: Vec<Values> = table
            .columns
            .iter()
            .zip(&places)
            .zip(&mut unreadable)
            .map(|((column, place), unreadable)| {
                let cells: Vec<&str> =
                    batch.iter().map(|row| place.map_or("", |place| row.cells[place].as_str())).collect();
                *unreadable += column.unreadable(&cells);
                column.values_of(&cells)
            })
            .collect();
        let queries: Vec<Vec<f32>> = (0..batch.len()).map(|row| shown.inputs().other(&values, row)).collect();
        probabilities.extend(shown.ask(&queries).map_err(|error| named(&error))?);
        if let Some(bar) = &bar {
            bar.inc(batch.len() as u64);
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    for (column, count) in table.columns.iter().zip(unreadable).filter(|(column, count)| column.used() && *count > 0) {
        let what = match kind(column) {
            "category" => "a word that was not shown",
            "date" => "no date like those shown",
            _ => "no number like those shown",
        };
        note(format!(
            "{}: “{}”, {count} of {} cells: {what}, taken as missing.",
            path.display(),
            column.name,
            asked.len()
        ));
    }
    let answers = answers(&probabilities, classes);
    let truth: Option<Vec<u32>> =
        places[table.class].and_then(|place| asked.iter().map(|row| table.class_of(&row.cells[place])).collect());
    let score = truth.filter(|truth| !truth.is_empty()).map(|truth| score(&answers, &truth, classes));
    Ok(Asked { lines: asked.iter().map(|row| row.line).collect(), probabilities, answers, score })
}

/// Prints and writes everything.
fn report(arguments: &Arguments, table: &Table, estimate: Option<&Estimate>, asked: Option<&Asked>) -> Ended {
    if let Some(path) = &arguments.output {
        let text = match (asked, estimate) {
            (Some(asked), _) => csv(table, &asked.lines, &asked.answers, &asked.probabilities),
            (None, Some(estimate)) => {
                let lines: Vec<usize> = estimate.rows.iter().map(|row| table.lines[*row]).collect();
                let found = answers(&estimate.probabilities, table.class_names.len());
                csv(table, &lines, &found, &estimate.probabilities)
            }
            (None, None) => String::new(),
        };
        files::write_whole(path, text.as_bytes())
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    if arguments.json {
        return Ok(print(&format!("{:#}\n", as_json(table, estimate, asked)))?);
    }
    if let Some(estimate) = estimate {
        print(&estimate_text(table, estimate))?;
    }
    if let Some(asked) = asked {
        if let Some(score) = &asked.score {
            note(format!(
                "{:.1} % of them are right ({:.1} % balanced).",
                100.0 * score.accuracy,
                100.0 * score.balanced_accuracy
            ));
        }
        if arguments.output.is_none() {
            print(&csv(table, &asked.lines, &asked.answers, &asked.probabilities))?;
        }
    }
    Ok(())
}

/// A cell of CSV.
fn quoted(text: &str) -> String {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

/// The answers as CSV: line, answer, and the probability of each class under its name.
fn csv(table: &Table, lines: &[usize], answers: &[Option<u32>], probabilities: &[f32]) -> String {
    let names: Vec<String> = table.class_names.iter().map(|name| quoted(name)).collect();
    let mut text = format!("line,answer,{}\n", names.join(","));
    for ((line, answer), row) in lines.iter().zip(answers).zip(probabilities.chunks_exact(names.len())) {
        let answer = answer.map_or("", |class| names[class as usize].as_str());
        let _ = write!(text, "{line},{answer}");
        for value in row {
            let _ = write!(text, ",{value:.5}");
        }
        text.push('\n');
    }
    text
}

fn estimate_text(table: &Table, estimate: &Estimate) -> String {
    let percent = |value: f64| format!("{:5.1} %", 100.0 * value);
    let mut text = String::from("                        accuracy   balanced\n");
    let learner = ("the learner".to_owned(), estimate.score.clone());
    for (name, score) in std::iter::once(&learner).chain(&estimate.baselines) {
        let _ = writeln!(text, "{name:<24} {}    {}", percent(score.accuracy), percent(score.balanced_accuracy));
    }
    let names = &table.class_names;
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
            let (truth, answer) = (table.labels[*row]?, shaders::answer(values)? as u32);
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
            "  line {}: “{}” for “{}” ({:.0} %)",
            table.lines[row],
            names[answer as usize],
            names[truth as usize],
            100.0 * sure
        );
    }
    text
}

fn kind(column: &Column) -> &'static str {
    match column.kind {
        Kind::Number(_) => "number",
        Kind::Date(_) => "date",
        Kind::Category(_) => "category",
    }
}

fn as_json(table: &Table, estimate: Option<&Estimate>, asked: Option<&Asked>) -> Value {
    let columns: Vec<Value> = table
        .columns
        .iter()
        .map(|column| {
            json!({
                "name": column.name,
                "kind": kind(column),
                "missing": column.missing,
                "left_out": column.left_out.as_ref().map(|why| why.reason()),
            })
        })
        .collect();
    let one = |score: &Score| json!({ "accuracy": score.accuracy, "balanced_accuracy": score.balanced_accuracy });
    let mut all = json!({
        "rows": table.len(),
        "class": table.columns[table.class].name,
        "classes": table.class_names,
        "columns": columns,
        "heading": table.headed,
        "notes": table.notes,
    });
    let score = asked.and_then(|asked| asked.score.as_ref()).or(estimate.map(|estimate| &estimate.score));
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
        all["confusion"] = json!(estimate.confusion.chunks(table.class_names.len()).collect::<Vec<_>>());
    }
    let row = |line: usize, answer: Option<u32>, values: &[f32]| {
        let probabilities: Map<String, Value> =
            table.class_names.iter().cloned().zip(values.iter().map(|value| json!(value))).collect();
        json!({
            "line": line,
            "answer": answer.map(|class| &table.class_names[class as usize]),
            "probabilities": probabilities,
        })
    };
    let width = table.class_names.len();
    let rows: Vec<Value> = match (asked, estimate) {
        (Some(asked), _) => {
            let values = asked.probabilities.chunks_exact(width);
            asked
                .lines
                .iter()
                .zip(&asked.answers)
                .zip(values)
                .map(|((line, answer), v)| row(*line, *answer, v))
                .collect()
        }
        (None, Some(estimate)) => {
            let found = answers(&estimate.probabilities, width);
            let values = estimate.probabilities.chunks_exact(width);
            estimate
                .rows
                .iter()
                .zip(found)
                .zip(values)
                .map(|((at, answer), v)| row(table.lines[*at], answer, v))
                .collect()
        }
        (None, None) => Vec::new(),
    };
    all["answers"] = Value::Array(rows);
    all
}
