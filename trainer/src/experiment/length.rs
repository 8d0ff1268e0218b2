//! Learning curves up to 1,000 examples.

use super::cell::{CellResult, ExperimentError, Measure, Scale};
use super::definition::Experiment;
use super::grid::{Grid, number, positions};
use super::section::{Results, Section, headline, learning_curves, line, name_of, rule_line, surely};
use crate::plot::{Line, Spacing};

pub(super) const EXPERIMENT: Experiment =
    Experiment { name: "length", about: "learning curves up to 1,000 examples", cells, section };

/// Contexts of up to 1,000 examples.
fn cells(grid: &mut Grid) -> Result<(), ExperimentError> {
    let longest: usize = grid.by(24, 1_000, 1_000);
    let measure = |data: &str| Measure {
        episodes: grid.by(4, 60, 500),
        positions: positions(longest),
        ..grid.measure(data, data)
    };
    let measures = [measure(grid.data()), measure(grid.other())];
    for t in grid.by(vec![12, 24], vec![100, 1_000], vec![100, 1_000]) {
        let mut set = grid.learner("shifted");
        set.extend([format!("model.longest={longest}"), format!("tasks.length={t}")]);
        if grid.scale == Scale::Desk && t > 100 {
            set.extend(["training.batch=1", "training.micro_batch=1"].map(str::to_owned));
        }
        if grid.scale == Scale::Desk {
            set.push("training.steps=500".into());
        }
        grid.add(&format!("t{t}"), &[("length", number(t as f64))], &set, &measures, None)?;
    }
    grid.rules("rules", &measures)
}

/// Names of the data sets: as the rules were measured, or without them as the first cell was.
fn tested(data: &Results<'_>) -> Vec<String> {
    let (cell, by) = match data.rules() {
        Some(rules) => (Some(rules), "1-NN cosine"),
        None => (data.cells.first().copied(), ""),
    };
    let all = cell.iter().flat_map(|cell| &cell.outcome.measured);
    all.filter(|m| by.is_empty() || m.by == by).map(|m| m.name.clone()).collect()
}

fn section(data: &Results<'_>) -> Section {
    let mut section = Section {
        question: "Does a learner go on learning beyond the lengths of its meta-training, up to 1,000 examples?".into(),
        ..Section::default()
    };
    let lengths = data.numbers("length", &|_| true);
    for test in &tested(data) {
        let learners = lengths.iter().enumerate();
        let mut lines: Vec<Line> = learners.filter_map(|(colour, t)| curve(data, test, *t, colour)).collect();
        for t in &lengths {
            claim(data, test, *t, &mut section);
        }
        for (i, by) in ["1-NN cosine", "kernel ridge"].iter().enumerate() {
            if let Some(m) = data.rules().and_then(|cell| cell.measured(test, by)) {
                lines.push(rule_line(by, lengths.len() + i, m));
            }
        }
        let title = format!("Up to 1,000 examples of {}", name_of(test));
        section.chart(&format!("length-{test}"), &learning_curves(title, data.intervals(), Spacing::Log10, lines));
    }
    section
}

/// The curve of the learners trained at length `t`.
fn curve(data: &Results<'_>, test: &str, t: f64, colour: usize) -> Option<Line> {
    let own = |cell: &CellResult| cell.cell.number("length") == t;
    let shape = data.done().find(|c| own(c)).and_then(|c| c.measured(test, ""))?;
    let at = |i: usize| data.seeds(&own, &|c| c.measured(test, "").and_then(|m| m.accuracy.get(i).copied()));
    let points = (0..shape.positions.len()).map(|i| (shape.positions[i] as f64, at(i)));
    Some(line(&format!("trained at T = {t:.0}"), colour, points))
}

/// Whether they go on learning beyond it.
fn claim(data: &Results<'_>, test: &str, t: f64, section: &mut Section) {
    let own = |cell: &CellResult| cell.cell.number("length") == t;
    let Some(shape) = data.done().find(|c| own(c)).and_then(|c| c.measured(test, "")) else { return };
    let Some(last) = shape.positions.last().filter(|p| **p as f64 > t) else { return };
    let end = data.seeds(&own, &|c| c.measured(test, "").map(headline));
    let at_length = data.seeds(&own, &|c| {
        let m = c.measured(test, "")?;
        m.positions.iter().position(|p| *p as f64 >= t).map(|i| m.accuracy[i])
    });
    section.claim(
        Some(surely(end, at_length.mean)),
        format!(
            "{}: trained at T = {t:.0} it goes on learning beyond: {} % at {t:.0}, {} % at {last}.",
            name_of(test),
            at_length.percent(),
            end.percent(),
        ),
    );
}
