//! All learners and rules on all data sets: the paper's headline table.

use super::cell::{CellResult, ExperimentError, Measure, Scale};
use super::definition::Experiment;
use super::grid::{Grid, word};
use super::paper;
use super::section::{Results, Section, Table, headline, name_of, verdict};
use super::stats::Interval;
use crate::plot::short;

pub(super) const EXPERIMENT: Experiment =
    Experiment { name: "table", about: "all learners and rules on all data sets", cells, section };

fn cells(grid: &mut Grid) -> Result<(), ExperimentError> {
    let measures: Vec<Measure> = grid.all_data().iter().map(|data| grid.headline(data, data)).collect();
    grid.rules("rules", &measures)?;
    let kinds = grid.by(
        vec!["shifted", "lstm"],
        vec![
            "shifted",
            "set-transformer",
            "tail",
            "gated-linear-attention",
            "fast-weights",
            "vsml",
            "outer-product-lstm",
            "lstm",
            "maml",
            "paper-curriculum",
        ],
        vec![
            "paper",
            "shifted",
            "set-transformer",
            "tail",
            "gated-linear-attention",
            "fast-weights",
            "vsml",
            "vsml-untied",
            "outer-product-lstm",
            "lstm",
            "maml",
        ],
    );
    for kind in kinds {
        let mut set = grid.learner(kind);
        set.extend(grid.pace(kind));
        if grid.scale == Scale::Desk && kind == "shifted" {
            set.push("training.steps=600".to_owned());
        }
        grid.add(kind, &[("learner", word(kind))], &set, &measures, None)?;
    }
    Ok(())
}

/// What the rows of the table are made of.
struct Rows<'a> {
    data: &'a Results<'a>,
    /// The cell of the rules.
    rules: Option<&'a CellResult>,
    /// Names of learners.
    learners: Vec<String>,
    /// Names of rules.
    by: Vec<String>,
    /// Names of data sets.
    tested: Vec<String>,
}

/// Names, each once, in the order of their first place.
fn distinct<'a>(names: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for name in names {
        if !all.contains(name) {
            all.push(name.clone());
        }
    }
    all
}

impl<'a> Rows<'a> {
    fn new(data: &'a Results<'a>) -> Rows<'a> {
        let rules = data.rules();
        let learners = data.words("learner").into_iter().filter(|name| name != "rules").collect();
        let tested = distinct(data.cells.iter().flat_map(|c| &c.outcome.measured).map(|m| &m.name));
        let by = distinct(rules.iter().flat_map(|c| &c.outcome.measured).map(|m| &m.by));
        Rows { data, rules, learners, by, tested }
    }

    fn of_learner(&self, learner: &str, test: &str) -> Interval {
        self.data.seeds(&|c| c.cell.word("learner") == learner, &|c| c.measured(test, "").map(headline))
    }

    fn of_rule(&self, rule: &str, test: &str) -> f64 {
        self.rules.and_then(|c| c.measured(test, rule)).map_or(f64::NAN, headline)
    }

    fn of_any(&self, name: &str, test: &str) -> f64 {
        match self.learners.iter().any(|l| l == name) {
            true => self.of_learner(name, test).mean,
            false => self.of_rule(name, test),
        }
    }

    /// The best of some names.
    fn best(&self, names: &[String], test: &str) -> Option<(String, f64)> {
        let mut best: Option<(String, f64)> = None;
        for name in names {
            let found = self.of_any(name, test);
            if found.is_finite() && best.as_ref().is_none_or(|(_, b)| found > *b) {
                best = Some((name.clone(), found));
            }
        }
        best
    }

    /// The table: learners, rules, and the paper's own rows.
    fn table(&self) -> Table {
        let row = |name: String, values: &dyn Fn(&str) -> String, seconds: String| -> Vec<String> {
            let values = self.tested.iter().map(|test| values(test));
            std::iter::once(name).chain(values).chain([seconds]).collect()
        };
        let of_learner = |learner: &String| {
            let own = |c: &CellResult| c.cell.word("learner") == learner;
            let seconds = short(self.data.seeds(&own, &|c| Some(c.outcome.seconds)).mean);
            row(learner.clone(), &|test| self.of_learner(learner, test).percent(), seconds)
        };
        let of_rule = |rule: &String| {
            let value = |test: &str| match self.of_rule(rule, test) {
                v if v.is_finite() => format!("{:.1}", 100.0 * v),
                _ => "–".into(),
            };
            row(rule.clone(), &value, "0".into())
        };
        let of_paper = |(name, values): &(&str, [f64; 6])| {
            let value = |test: &str| {
                let at = paper::TABLE_DATA.iter().position(|data| *data == test);
                at.map_or("–".into(), |i| format!("{:.1}", values[i]))
            };
            row(format!("{name}, paper"), &value, "–".into())
        };
        let own = self.learners.iter().map(of_learner).chain(self.by.iter().map(of_rule));
        let rows: Vec<Vec<String>> = own.chain(paper::TABLE.iter().map(of_paper)).collect();
        Table {
            title: format!("Accuracy in per cent over the last five positions; {}", self.data.intervals()),
            head: std::iter::once("learner".to_owned())
                .chain(self.tested.iter().map(|test| name_of(test).to_owned()))
                .chain(["training, s".to_owned()])
                .collect(),
            reference: (self.learners.len() + self.by.len()..rows.len()).collect(),
            rows,
        }
    }
}

fn section(data: &Results<'_>) -> Section {
    let mut section = Section {
        question:
            "The paper's headline table: accuracy at example 100 after meta-training on one data set, for learners and \
                   for what needs no meta-training. Rows in italics are the paper's own, at its scale and inputs."
                .into(),
        ..Section::default()
    };
    let rows = Rows::new(data);
    section.tables.push(rows.table());
    let all: Vec<String> = rows.learners.iter().chain(&rows.by).cloned().collect();
    let value = |name: &str, test: &str| rows.of_any(name, test);
    section.accuracy_map("table", "Accuracy of learners and rules", ("", &all), &rows.tested, &value);
    for test in &rows.tested {
        if let (Some((learner, a)), Some((rule, b))) = (rows.best(&rows.learners, test), rows.best(&rows.by, test)) {
            let interval = rows.of_learner(&learner, test);
            section.claim(
                verdict(interval, b),
                format!(
                    "{}: a meta-trained learner beats every rule: best learner {learner} {} %, best rule {rule} {:.1} % on the same \
                     inputs ({:+.1} points).",
                    name_of(test),
                    interval.percent(),
                    100.0 * b,
                    100.0 * (a - b)
                ),
            );
        }
    }
    section
}
