//! `trainer predict`

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use shaders::Model;
use tables::answers::{heading, lines as lines_of_csv};
use tables::grid::Row;
use tables::read::{self, How};
use tables::stream::Stream;
use tables::{Asked as Matched, Choices, Grid, Table, sample, text};
use trainer::files::{self, Unfinished};
use trainer::learner::read_model;
use trainer::own_file;
use trainer::pictures::{self, Pictures};
use trainer::predict::{Estimate, Examples, PredictError, Score, Shown, answers, estimate, score};

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
    /// Labelled rows or pictures: CSV, TSV or ARFF (also as .gz), a workbook, Parquet, .npy or .npz; a folder or zip file
    /// with a folder of pictures for each class; a folder of IDX files
    #[arg(long, value_name = "PATH")]
    show: PathBuf,
    /// Rows or pictures to answer; without it, what is shown is tested on itself in folds
    #[arg(long, value_name = "PATH")]
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
    /// Sheet of a workbook [default: the first that holds a table]
    #[arg(long, value_name = "NAME")]
    sheet: Option<String>,
    /// Say of each row or picture that is asked about how likely it is to belong to none of the classes shown, in a column
    /// `none of these` (with set learners, as `general` and `drawing` are)
    #[arg(long, requires = "ask")]
    none: bool,
    /// Most rows or pictures to show; more are sampled by class [default: as many as the learner takes]
    #[arg(long, value_name = "N", value_parser = whole::<2, 1_000_000>)]
    limit: Option<usize>,
    /// Test what is shown in N folds
    #[arg(long, value_name = "N", value_parser = whole::<2, 1_000>, conflicts_with = "leave_one_out")]
    folds: Option<usize>,
    /// Test what is shown by leaving each out once
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
    if arguments.none && model.spec.equivariant.is_none() {
        let found = arguments.model.display();
        return Err(format!(
            "--none: expected a set learner, such as general, found {found}, which always names a class"
        )
        .into());
    }
    let choices = Choices {
        heading: arguments.heading,
        class: arguments.class.clone(),
        leave_out: arguments.leave_out.clone(),
        keep: arguments.keep.clone(),
        most_classes: model.spec.most_classes(),
    };
    let shown = |error: &dyn std::fmt::Display| format!("{}: {error}", arguments.show.display());
    let (examples, read) = own_file::examples(&arguments.show, how(arguments), &choices)?;
    if let Some(read) = read {
        say_encoding(&arguments.show, &read);
    }
    describe(&arguments.show, &examples);
    let most = most(arguments, &model);
    let rows = sample::stratified(examples.labels(), most, arguments.seed);
    let labelled = examples.labels().iter().flatten().count();
    if labelled == 0 {
        return Err(shown(&"no class is known. Expected labels beside the pictures").into());
    }
    if rows.len() < labelled {
        note(format!("{} of {labelled} examples are shown, sampled by class.", rows.len()));
    }
    let estimated = match arguments.ask.is_none() || arguments.folds.is_some() || arguments.leave_one_out {
        true => Some(estimated(arguments, &model, &examples, most)?),
        false => None,
    };
    if let (Some(estimate), false) = (&estimated, arguments.json) {
        print(&estimate_text(&examples, estimate))?;
    }
    let asked = match (&arguments.ask, &examples) {
        (None, _) => None,
        (Some(path), Examples::Table(table)) => {
            Some(ask_rows(arguments, &model, &examples, table, &rows, path, &choices)?)
        }
        (Some(path), Examples::Pictures(found)) => {
            Some(ask_pictures(arguments, &model, &examples, found, &rows, path)?)
        }
    };
    report(arguments, &examples, estimated.as_ref(), asked)
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
fn read_grid(path: &Path, arguments: &Arguments) -> Result<Grid, String> {
    let found = own_file::table(path, how(arguments))?;
    say_encoding(path, &found);
    Ok(found.grid)
}

fn how(arguments: &Arguments) -> How<'_> {
    How { encoding: arguments.encoding.as_deref(), sheet: arguments.sheet.as_deref() }
}

/// Says how a text was read, where that is a guess.
fn say_encoding(path: &Path, found: &read::Read) {
    if !found.certain {
        note(format!("{}: read as {}; --encoding NAME chooses another.", path.display(), found.encoding));
    }
}

/// Says how what is shown was understood.
fn describe(path: &Path, examples: &Examples) {
    match examples {
        Examples::Table(table) => {
            note(format!(
                "{}: {} rows, {} of {} columns used, {} classes in “{}”.",
                path.display(),
                table.len(),
                table.columns.iter().filter(|column| column.used()).count(),
                table.columns.len() - 1,
                table.class_names.len(),
                table.columns[table.class].name
            ));
            for (name, why) in table.left_out() {
                note(format!("  “{name}” is left out: {}.", why.reason()));
            }
            table.notes.iter().for_each(|words| note(format!("  {words}")));
        }
        Examples::Pictures(found) => {
            let (height, width, channels) = found.size;
            let colour = if channels == 1 { "grey" } else { "colour" };
            note(format!(
                "{}: {} {colour} pictures of {height} × {width}, {} classes.",
                path.display(),
                found.labels.len(),
                found.class_names.len()
            ));
            found.notes.iter().for_each(|words| note(format!("  {words}")));
        }
    }
}

fn estimated(arguments: &Arguments, model: &Arc<Model>, examples: &Examples, most: usize) -> Result<Estimate, String> {
    let labels = examples.labels();
    let labelled = labels.iter().flatten().count();
    let folds = match arguments.leave_one_out {
        true => {
            let mut next = 0..;
            labels.iter().map(|label| label.and_then(|_| next.next())).collect()
        }
        false => sample::folds(labels, arguments.folds.unwrap_or(FOLDS).min(labelled), arguments.seed),
    };
    let count = folds.iter().flatten().max().map_or(0, |last: &usize| last + 1);
    let bar = bar(count as u64, "{bar:30} {pos}/{len} folds");
    let found = estimate(model, examples, &folds, most, arguments.seed, |done| {
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

/// Answers to what was asked.
struct Asked<'a> {
    examples: &'a Examples,
    /// Where they are written as CSV as they come; `None` for standard output.
    file: Option<Unfinished>,
    /// Every answer, for JSON.
    json: Option<Vec<Value>>,
    answers: Vec<Option<u32>>,
    /// The class of each row, as long as the file says it of every row.
    truth: Option<Vec<u32>>,
}

impl<'a> Asked<'a> {
    fn new(arguments: &Arguments, examples: &'a Examples, knows: bool) -> Result<Asked<'a>, String> {
        let file = match &arguments.output {
            Some(path) => {
                Some(Unfinished::create(path).map_err(|error| format!("cannot write {}: {error}", path.display()))?)
            }
            None => None,
        };
        let json = arguments.json.then(Vec::new);
        let mut asked = Asked { examples, file, json, answers: Vec::new(), truth: knows.then(Vec::new) };
        asked.write(&heading(examples.key(), examples.class_names(), arguments.none))?;
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

    /// What was asked about by name, what it is where that is known, and the probabilities of its classes and of none of them.
    fn take(
        &mut self,
        names: &[String],
        truth: Option<Vec<u32>>,
        (probabilities, none): &(Vec<f32>, Vec<f32>),
    ) -> Result<(), String> {
        let classes = self.examples.class_names();
        let found = answers(probabilities, classes.len());
        let none = Some(&none[..]).filter(|none| !none.is_empty());
        self.write(&lines_of_csv(classes, names, &found, probabilities, none))?;
        if let Some(json) = &mut self.json {
            let all = names.iter().zip(&found).zip(probabilities.chunks_exact(classes.len()));
            json.extend(all.enumerate().map(|(at, ((name, answer), values))| {
                answer_as_json(self.examples, name, *answer, values, none.map(|none| none[at]))
            }));
        }
        match (&mut self.truth, truth) {
            (Some(known), Some(more)) => known.extend(more),
            _ => self.truth = None,
        }
        self.answers.extend(found);
        Ok(())
    }

    fn score(&self) -> Option<Score> {
        let truth = self.truth.as_ref().filter(|truth| !truth.is_empty())?;
        Some(score(&self.answers, truth, self.examples.class_names().len()))
    }
}

/// Opens a table to be read piece by piece.
fn open_rows(path: &Path, arguments: &Arguments) -> Result<Stream<Box<dyn Read>>, String> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    if own_file::parts(path).is_some() {
        return Ok(Stream::of(read_grid(path, arguments)?, Box::new(std::io::empty())));
    }
    if path.is_dir() {
        return Err(named(&"expected a table like the one that is shown, found a folder"));
    }
    let mut file = BufReader::with_capacity(1 << 16, File::open(path).map_err(|error| named(&error))?);
    let head = file.fill_buf().map_err(|error| named(&error))?;
    if read::is_whole(head) {
        return Ok(Stream::of(read_grid(path, arguments)?, Box::new(std::io::empty())));
    }
    own_file::check_kind(head).map_err(|error| named(&error))?;
    let reader: Box<dyn Read> = if text::is_gzip(head) { Box::new(text::unpacking(file)) } else { Box::new(file) };
    let stream = Stream::open(reader, arguments.encoding.as_deref()).map_err(|error| named(&error))?;
    let (encoding, certain) = stream.encoding();
    if !certain {
        note(format!("{}: read as {encoding}; --encoding NAME chooses another.", path.display()));
    }
    Ok(stream)
}

/// The learner with what it is shown.
fn shown_to(
    arguments: &Arguments,
    model: &Arc<Model>,
    examples: &Examples,
    rows: &[usize],
) -> Result<Shown, PredictError> {
    let shown = Shown::new(model, examples, rows)?;
    if arguments.none { shown.or_none() } else { Ok(shown) }
}

/// Answers the rows of a file, in pieces: what is kept of a row is its answer.
fn ask_rows<'a>(
    arguments: &Arguments,
    model: &Arc<Model>,
    examples: &'a Examples,
    table: &Table,
    rows: &[usize],
    path: &Path,
    choices: &Choices,
) -> Result<Asked<'a>, String> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let mut stream = open_rows(path, arguments)?;
    let mut matched = Matched::new(table, stream.first(), choices.heading).map_err(|error| named(&error))?;
    let mut shown = shown_to(arguments, model, examples, rows).map_err(|error| named(&error))?;
    let mut asked = Asked::new(arguments, examples, matched.class.is_some())?;
    let spinner = bar(0, "{spinner} {pos} rows answered");
    let mut piece = stream.first().rows[usize::from(matched.headed)..].to_vec();
    loop {
        for batch in piece.chunks(BATCH) {
            let values = matched.values(table, batch);
            let inputs = shown.inputs().ok_or_else(|| named(&"pictures were shown"))?;
            let queries: Vec<Vec<f32>> = (0..batch.len()).map(|row| inputs.other(&values, row)).collect();
            let probabilities = shown.ask_or_none(&queries).map_err(|error| named(&error))?;
            let names: Vec<String> = batch.iter().map(|row| row.line.to_string()).collect();
            let class_of = |class: usize| batch.iter().map(|row: &Row| table.class_of(&row.cells[class])).collect();
            asked.take(&names, matched.class.and_then(class_of), &probabilities)?;
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

/// Answers pictures, which are read at once. What a folder or a file of labels says of them is the truth they are held to.
fn ask_pictures<'a>(
    arguments: &Arguments,
    model: &Arc<Model>,
    examples: &'a Examples,
    shown_pictures: &Pictures,
    rows: &[usize],
    path: &Path,
) -> Result<Asked<'a>, String> {
    let named = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let found = pictures::read(path, false, usize::MAX).map_err(|error| named(&error))?;
    let found = found.ok_or_else(|| named(&"expected pictures like those shown, found a table"))?;
    let found = found.with_channels(shown_pictures.size.2);
    if found.size != shown_pictures.size {
        let size = |(height, width, _): (usize, usize, usize)| format!("{height} × {width}");
        let (wanted, have) = (size(shown_pictures.size), size(found.size));
        return Err(named(&format!("expected pictures of {wanted} like those shown, found {have}")));
    }
    found.notes.iter().for_each(|words| note(format!("{}: {words}", path.display())));
    // the same class under the same name
    let classes: Vec<Option<u32>> = found
        .class_names
        .iter()
        .map(|name| examples.class_names().iter().position(|known| known.to_lowercase() == name.to_lowercase()))
        .map(|at| at.map(|at| at as u32))
        .collect();
    let truth: Option<Vec<u32>> = found.labels.iter().map(|label| classes[(*label)? as usize]).collect();
    let mut shown = shown_to(arguments, model, examples, rows).map_err(|error| named(&error))?;
    let mut asked = Asked::new(arguments, examples, truth.is_some())?;
    for from in (0..found.names.len()).step_by(BATCH) {
        let batch = from..(from + BATCH).min(found.names.len());
        let queries: Vec<Vec<f32>> = batch.clone().map(|at| found.picture(at).to_vec()).collect();
        let probabilities = shown.ask_or_none(&queries).map_err(|error| named(&error))?;
        let truth = truth.as_ref().map(|truth| truth[batch.clone()].to_vec());
        asked.take(&found.names[batch], truth, &probabilities)?;
    }
    Ok(asked)
}

/// Prints and writes what was found.
fn report(arguments: &Arguments, examples: &Examples, estimate: Option<&Estimate>, asked: Option<Asked>) -> Ended {
    let score = asked.as_ref().and_then(Asked::score);
    let (file, answers_of_file) = match asked {
        Some(asked) => (asked.file, asked.json),
        None => (None, None),
    };
    if let Some(file) = file {
        file.finish().map_err(|error| format!("cannot write the answers: {error}"))?;
    } else if let (Some(path), Some(estimate), None) = (&arguments.output, estimate, &arguments.ask) {
        let names: Vec<String> = estimate.rows.iter().map(|row| examples.name(*row)).collect();
        let classes = examples.class_names();
        let found = answers(&estimate.probabilities, classes.len());
        let text = heading(examples.key(), classes, false)
            + &lines_of_csv(classes, &names, &found, &estimate.probabilities, None);
        files::write_whole(path, text.as_bytes())
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    if arguments.json {
        return Ok(print(&format!("{:#}\n", as_json(examples, estimate, answers_of_file, score.as_ref())))?);
    }
    if let Some(score) = score {
        let percent = |value: f64| format!("{:.1} %", 100.0 * value);
        note(format!("{} of them are right ({} balanced).", percent(score.accuracy), percent(score.balanced_accuracy)));
    }
    Ok(())
}
