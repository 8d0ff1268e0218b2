//! From results to the section of a report: figures, tables and the words under them, and what all experiments share to
//! make them. Every word about what was found is computed from the results; nothing of it is written by hand.

use std::collections::BTreeMap;

use super::cell::{CellResult, Measured, Scale, State};
use super::stats::Interval;
use crate::plot::{Axis, HeatMap, Layout, Line, LineChart, Spacing, Stroke, superscript};

/// A finding: what the paper says, or what we ask, and whether the results bear it out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Claim {
    /// In words, with the numbers.
    pub text: String,
    /// Held, not held, or not to be told from these results.
    pub held: Option<bool>,
}

/// A table to copy.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Table {
    pub title: String,
    pub head: Vec<String>,
    pub rows: Vec<Vec<String>>,
    /// Rows of others' numbers, for they look different.
    pub reference: Vec<usize>,
}

/// A picture and the numbers behind it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Figure {
    pub name: String,
    pub svg: String,
    pub csv: String,
}

/// What a report says of one experiment.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Section {
    /// What the paper found, or what is asked.
    pub question: String,
    pub figures: Vec<Figure>,
    pub claims: Vec<Claim>,
    pub tables: Vec<Table>,
}

impl Section {
    pub(super) fn chart(&mut self, name: &str, chart: &LineChart) {
        self.figures.push(Figure { name: name.to_owned(), svg: chart.svg(), csv: chart.csv() });
    }

    pub(super) fn heat(&mut self, name: &str, heat: &HeatMap) {
        self.figures.push(Figure { name: name.to_owned(), svg: heat.svg(), csv: heat.csv() });
    }

    pub(super) fn claim(&mut self, held: Option<bool>, text: String) {
        self.claims.push(Claim { text, held });
    }

    /// A heat map of accuracies: data sets across, the values of another axis down. NaN is left out.
    pub(super) fn accuracy_map(
        &mut self,
        name: &str,
        title: &str,
        (axis, rows): (&str, &[String]),
        tested: &[String],
        value: &dyn Fn(&str, &str) -> f64,
    ) {
        let heat = HeatMap {
            title: title.into(),
            subtitle: "in % over the last five positions, mean over seeds".into(),
            x: ("tested on".into(), tested.iter().map(|test| name_of(test).to_owned()).collect()),
            y: (axis.into(), rows.iter().rev().map(|row| name_of(row).to_owned()).collect()),
            values: rows
                .iter()
                .rev()
                .flat_map(|row| tested.iter().map(move |test| (row, test)))
                .map(|(row, test)| Some(value(row, test)).filter(|v| v.is_finite()))
                .collect(),
            words: vec![],
        };
        self.heat(name, &heat);
    }

    /// The same as a table, with intervals.
    pub(super) fn accuracy_table(
        &mut self,
        (axis, rows): (&str, &[String]),
        tested: &[String],
        value: &dyn Fn(&str, &str) -> Interval,
    ) {
        let cells = |row: &String| {
            let values = tested.iter().map(|test| value(row, test).percent());
            std::iter::once(name_of(row).to_owned()).chain(values).collect()
        };
        self.tables.push(Table {
            title: "Accuracy in per cent over the last five positions".into(),
            head: std::iter::once(axis.to_owned()).chain(tested.iter().map(|t| name_of(t).to_owned())).collect(),
            rows: rows.iter().map(cells).collect(),
            reference: vec![],
        });
    }
}

/// The results of one experiment at one scale.
pub(super) struct Results<'a> {
    pub scale: Scale,
    pub cells: Vec<&'a CellResult>,
}

/// Accuracy at the end of an episode: the mean over its last five positions, whose queries are nearly independent.
pub(super) fn headline(measured: &Measured) -> f64 {
    let last = measured.positions.last().copied().unwrap_or(1);
    let five: Vec<f64> = (measured.positions.iter().zip(&measured.accuracy))
        .filter(|(p, _)| **p + 5 > last)
        .map(|(_, accuracy)| *accuracy)
        .collect();
    five.iter().sum::<f64>() / five.len().max(1) as f64
}

/// Accuracy before anything was shown.
pub(super) fn first(measured: &Measured) -> f64 {
    measured.accuracy.first().copied().unwrap_or(f64::NAN)
}

impl CellResult {
    pub(super) fn measured(&self, name: &str, by: &str) -> Option<&Measured> {
        self.outcome.measured.iter().find(|m| m.name == name && m.by == by)
    }
}

impl<'a> Results<'a> {
    pub(super) fn done(&self) -> impl Iterator<Item = &&'a CellResult> {
        self.cells.iter().filter(|cell| cell.state == State::Done)
    }

    /// The cell of the hand-written rules.
    pub(super) fn rules(&self) -> Option<&'a CellResult> {
        self.cells.iter().find(|cell| cell.cell.word("learner") == "rules").copied()
    }

    /// Names of what was measured, as the first finished cell has them.
    pub(super) fn tested(&self) -> Vec<String> {
        let measured = self.done().next().map(|cell| &cell.outcome.measured);
        measured.into_iter().flatten().map(|m| m.name.clone()).collect()
    }

    /// Values of an axis of words, in the order of their first cell.
    pub(super) fn words(&self, axis: &str) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for cell in &self.cells {
            let word = cell.cell.word(axis);
            if !word.is_empty() && !all.iter().any(|known| known == word) {
                all.push(word.to_owned());
            }
        }
        all
    }

    /// Values of an axis of numbers, ascending.
    pub(super) fn numbers(&self, axis: &str, keep: &dyn Fn(&CellResult) -> bool) -> Vec<f64> {
        let cells = self.cells.iter().filter(|cell| keep(cell));
        let mut all: Vec<f64> = cells.map(|cell| cell.cell.number(axis)).filter(|v| v.is_finite()).collect();
        all.sort_by(f64::total_cmp);
        all.dedup();
        all
    }

    /// One value of each seed, of the cells that are kept.
    pub(super) fn seeds(
        &self,
        keep: &dyn Fn(&CellResult) -> bool,
        value: &dyn Fn(&CellResult) -> Option<f64>,
    ) -> Interval {
        let values: Vec<f64> = self.done().filter(|cell| keep(cell)).filter_map(|cell| value(cell)).collect();
        Interval::of(&values)
    }

    /// How many seeds cells have, and what an interval is then made of.
    pub(super) fn intervals(&self) -> String {
        let mut seeds: BTreeMap<&str, usize> = BTreeMap::new();
        for cell in self.done().filter(|cell| cell.cell.number("seed").is_finite()) {
            let name = cell.cell.name.rsplit_once("-seed").map_or(&cell.cell.name[..], |(name, _)| name);
            *seeds.entry(name).or_default() += 1;
        }
        let (least, most) = (seeds.values().min().copied().unwrap_or(0), seeds.values().max().copied().unwrap_or(0));
        let count = if least == most { format!("{most}") } else { format!("{least} to {most}") };
        match most {
            0 | 1 => "one seed: no interval over seeds".into(),
            _ => format!("bands and ±: 95 % intervals of the mean over {count} seeds (Student's t)"),
        }
    }
}

/// Chance level of ten classes.
pub(super) const CHANCE: f64 = 0.1;

pub(super) fn power(log2: f64) -> String {
    format!("2{}", superscript(log2.round() as i32))
}

/// Intervals over an axis as a line.
pub(super) fn line(name: &str, colour: usize, points: impl IntoIterator<Item = (f64, Interval)>) -> Line {
    let points: Vec<(f64, Interval)> = points.into_iter().filter(|(_, i)| i.mean.is_finite()).collect();
    let some = points.iter().any(|(_, i)| i.half.is_finite());
    Line {
        name: name.to_owned(),
        points: points.iter().map(|(x, i)| (*x, i.mean)).collect(),
        half: if some { points.iter().map(|(_, i)| i.half).collect() } else { vec![] },
        stroke: Stroke::Solid,
        colour,
    }
}

pub(super) fn reference(name: &str, colour: usize, points: &[(f64, f64)]) -> Line {
    Line { name: name.to_owned(), points: points.to_vec(), half: vec![], stroke: Stroke::Reference, colour }
}

pub(super) fn name_of(data: &str) -> &str {
    match data {
        "mnist" => "MNIST",
        "fashion-mnist" => "Fashion",
        "kmnist" => "KMNIST",
        "sklearn-digits" => "digits",
        "cifar-10" => "CIFAR10",
        "svhn" => "SVHN",
        "random" => "Random",
        other => other,
    }
}

/// Whether a value is above a level: its whole interval if there is one, else the value.
pub(super) fn surely(value: Interval, level: f64) -> bool {
    match value.half.is_finite() {
        true => value.above(level),
        false => value.mean > level,
    }
}

/// Whether an interval lies above a level or below it; `None` where it holds the level.
pub(super) fn verdict(interval: Interval, level: f64) -> Option<bool> {
    match (interval.above(level), interval.below(level)) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

/// A chart with the sizes of a report and nothing drawn.
pub(super) fn chart(title: String, subtitle: String, x: Axis, y: Axis) -> LineChart {
    let layout = Layout::default();
    LineChart { title, subtitle, description: String::new(), x, y, lines: vec![], levels: vec![], layout }
}

/// Accuracy in per cent over the positions of an episode, with the level of chance.
pub(super) fn learning_curves(title: String, subtitle: String, spacing: Spacing, lines: Vec<Line>) -> LineChart {
    let (x, y) = (Axis::new("position of the example in its episode", spacing), Axis::percent("accuracy"));
    LineChart { lines, levels: vec![(CHANCE, "chance".into())], ..chart(title, subtitle, x, y) }
}

/// A rule's accuracy over the positions at which it was measured.
pub(super) fn rule_line(name: &str, colour: usize, measured: &Measured) -> Line {
    let positions = measured.positions.iter().map(|p| *p as f64);
    let points: Vec<(f64, f64)> = positions.zip(measured.accuracy.iter().copied()).collect();
    reference(name, colour, &points)
}
