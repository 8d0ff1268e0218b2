//! `trainer predict`

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use shaders::{FileKind, Model};
use tables::answers::{heading, lines as lines_of_csv};
use tables::grid::Row;
use tables::stream::Stream;
use tables::{Asked as Matched, Choices, Grid, Table, read, sample, text};
use trainer::files::{self, Unfinished};
use trainer::learner::read_model;
use trainer::predict::{Estimate, Score, Shown, answers, estimate, score};

use super::answers::{answer_as_json, as_json, estimate_text};
use super::numbers::{seed, whole};
use super::output::{Ended, note, print};
use super::progress::{above, bar};

/// Folds of an estimate, where nobody says how many.
const FOLDS: usize = 10;
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
    if let (Some(estimate), false) = (&estimated, arguments.json) {
        print(&estimate_text(&table, estimate))?;
    }
    let asked = match &arguments.ask {
        Some(path) => Some(ask(arguments, &model, &table, &rows, path, &choices)?),
        None => None,
    };
    report(arguments, &table, estimated.as_ref(), asked)
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
    check_kind(&bytes).map_err(|error| named(&error))?;
    let found = read::read(&bytes, encoding).map_err(|error| named(&error))?;
    if !found.certain {
        note(format!("{}: read as {}; --encoding NAME chooses another.", path.display(), found.encoding));
    }
    Ok(found.grid)
}

/// Refuses what is no table by its first bytes; text of any kind may be one, and so may gzip.
fn check_kind(bytes: &[u8]) -> Result<(), String> {
    let text = [FileKind::Empty, FileKind::Csv, FileKind::Text, FileKind::Json, FileKind::Xml];
    let other = FileKind::of(bytes).filter(|kind| !text::is_gzip(bytes) && !text.contains(kind));
    match other {
        Some(kind) => Err(format!("expected a table (CSV, TSV or ARFF), found {}. Save the table as CSV", kind.name())),
        None => Ok(()),
    }
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
struct Asked<'a> {
    table: &'a Table,
    /// Where they are written as CSV as they come; `None` for standard output.
    file: Option<Unfinished>,
    /// Every answer, for JSON.
    json: Option<Vec<Value>>,
    answers: Vec<Option<u32>>,
    /// The class of each row, as long as the file says it of every row.
    truth: Option<Vec<u32>>,
}

impl<'a> Asked<'a> {
    fn new(arguments: &Arguments, table: &'a Table, knows: bool) -> Result<Asked<'a>, String> {
        let file = match &arguments.output {
            Some(path) => {
                Some(Unfinished::create(path).map_err(|error| format!("cannot write {}: {error}", path.display()))?)
            }
            None => None,
        };
        let json = arguments.json.then(Vec::new);
        let mut asked = Asked { table, file, json, answers: Vec::new(), truth: knows.then(Vec::new) };
        asked.write(&heading(table))?;
        Ok(asked)
    }

    /// Text of the CSV.
    fn write(&mut self, text: &str) -> Result<(), String> {
        match (&mut self.file, &self.json) {
            (Some(file), _) => {
                file.write_all(text.as_bytes()).map_err(|error| format!("cannot write the answers: {error}"))
            }
            (None, None) => print(text),
            (None, Some(_)) => Ok(()),
        }
    }

    /// Rows and the probabilities of their classes.
    fn take(&mut self, rows: &[Row], class: Option<usize>, probabilities: &[f32]) -> Result<(), String> {
        let width = self.table.class_names.len();
        let found = answers(probabilities, width);
        let lines: Vec<usize> = rows.iter().map(|row| row.line).collect();
        self.write(&lines_of_csv(self.table, &lines, &found, probabilities))?;
        if let Some(json) = &mut self.json {
            let all = lines.iter().zip(&found).zip(probabilities.chunks_exact(width));
            json.extend(all.map(|((line, answer), values)| answer_as_json(self.table, *line, *answer, values)));
        }
        let truth = class.and_then(|class| rows.iter().map(|row| self.table.class_of(&row.cells[class])).collect());
        match (&mut self.truth, truth) {
            (Some(known), Some::<Vec<u32>>(more)) => known.extend(more),
            _ => self.truth = None,
        }
        self.answers.extend(found);
        Ok(())
    }

    fn score(&self) -> Option<Score> {
        let truth = self.truth.as_ref().filter(|truth| !truth.is_empty())?;
        Some(score(&self.answers, truth, self.table.class_names.len()))
    }
}

/// Opens a table to be read piece by piece.
fn open_stream(path: &Path, encoding: Option<&str>) -> Result<Stream<Box<dyn Read>>, String> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    if path.is_dir() {
        return Err(named(&"expected a table (CSV, TSV or ARFF), found a folder"));
    }
    let mut file = BufReader::with_capacity(1 << 16, File::open(path).map_err(|error| named(&error))?);
    let head = file.fill_buf().map_err(|error| named(&error))?;
    check_kind(head).map_err(|error| named(&error))?;
    let reader: Box<dyn Read> = if text::is_gzip(head) { Box::new(text::unpacking(file)) } else { Box::new(file) };
    let stream = Stream::open(reader, encoding).map_err(|error| named(&error))?;
    let (encoding, certain) = stream.encoding();
    if !certain {
        note(format!("{}: read as {encoding}; --encoding NAME chooses another.", path.display()));
    }
    Ok(stream)
}

/// Answers the rows of a file, in pieces: what is kept of a row is its answer.
fn ask<'a>(
    arguments: &Arguments,
    model: &Arc<Model>,
    table: &'a Table,
    rows: &[usize],
    path: &Path,
    choices: &Choices,
) -> Result<Asked<'a>, String> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let mut stream = open_stream(path, arguments.encoding.as_deref())?;
    let mut matched = Matched::new(table, stream.first(), choices.heading).map_err(|error| named(&error))?;
    let mut shown = Shown::new(model, table, rows).map_err(|error| named(&error))?;
    let class = matched.class;
    let mut asked = Asked::new(arguments, table, class.is_some())?;
    let spinner = bar(0, "{spinner} {pos} rows answered");
    let mut piece = stream.first().rows[usize::from(matched.headed)..].to_vec();
    loop {
        for batch in piece.chunks(BATCH) {
            let values = matched.values(table, batch);
            let queries: Vec<Vec<f32>> = (0..batch.len()).map(|row| shown.inputs().other(&values, row)).collect();
            let probabilities = shown.ask(&queries);
            asked.take(batch, class, &probabilities.map_err(|error| named(&error))?)?;
            if let Some(spinner) = &spinner {
                spinner.inc(batch.len() as u64);
            }
        }
        match stream.more().map_err(|error| named(&error))? {
            Some(more) => piece = more,
            None => break,
        }
    }
    if let Some(spinner) = spinner {
        spinner.finish_and_clear();
    }
    let all = asked.answers.len();
    matched.notes(table, all).into_iter().for_each(|words| note(format!("{}: {words}", path.display())));
    Ok(asked)
}

/// Prints and writes what was found.
fn report(arguments: &Arguments, table: &Table, estimate: Option<&Estimate>, asked: Option<Asked>) -> Ended {
    let score = asked.as_ref().and_then(Asked::score);
    let (file, answers_of_file) = match asked {
        Some(asked) => (asked.file, asked.json),
        None => (None, None),
    };
    if let Some(file) = file {
        file.finish().map_err(|error| format!("cannot write the answers: {error}"))?;
    } else if let (Some(path), Some(estimate), None) = (&arguments.output, estimate, &arguments.ask) {
        let lines: Vec<usize> = estimate.rows.iter().map(|row| table.lines[*row]).collect();
        let found = answers(&estimate.probabilities, table.class_names.len());
        let text = heading(table) + &lines_of_csv(table, &lines, &found, &estimate.probabilities);
        files::write_whole(path, text.as_bytes())
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    if arguments.json {
        return Ok(print(&format!("{:#}\n", as_json(table, estimate, answers_of_file, score.as_ref())))?);
    }
    if let Some(score) = score {
        let percent = |value: f64| format!("{:.1} %", 100.0 * value);
        note(format!("{} of them are right ({} balanced).", percent(score.accuracy), percent(score.balanced_accuracy)));
    }
    Ok(())
}
