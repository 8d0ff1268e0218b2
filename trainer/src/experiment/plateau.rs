//! Plateaus: how long a learner stays at chance before it learns new tasks.

use std::collections::BTreeMap;

use super::cell::{CellResult, Point};
use super::section::{Results, chart, line};
use super::stats::{Interval, slope};
use crate::plot::{Axis, Line, LineChart, Spacing};

/// Step at which accuracy first passes a level; `None` if it never does.
pub(super) fn passes(points: &[Point], level: f64) -> Option<&Point> {
    points.iter().find(|point| point.accuracy >= level)
}

/// Where a plateau ends: twice chance.
pub(super) const PLATEAU: f64 = 0.2;

/// Accuracy over steps of the cells that are kept. A run that ended at its goal stays there.
fn curve(data: &Results<'_>, name: &str, colour: usize, keep: &dyn Fn(&CellResult) -> bool) -> Line {
    let mut at: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    let cells: Vec<&&CellResult> = data.done().filter(|cell| keep(cell)).collect();
    for point in cells.iter().flat_map(|cell| &cell.outcome.probes) {
        at.entry(point.step).or_default();
    }
    let shortest = cells.iter().filter_map(|c| c.outcome.probes.last()).map(|p| p.step).max().unwrap_or(0);
    for (step, values) in at.iter_mut().filter(|(step, _)| **step <= shortest) {
        for cell in &cells {
            let probes = &cell.outcome.probes;
            if let Some(point) = probes.iter().find(|p| p.step == *step).or(probes.last()) {
                values.push(point.accuracy);
            }
        }
    }
    let points = at.into_iter().map(|(step, values)| (step as f64, Interval::of(&values)));
    line(name, colour, points)
}

/// Accuracy over steps, a line for each name; `keep` is given the number of a name.
pub(super) fn curves(
    data: &Results<'_>,
    title: &str,
    names: &[String],
    keep: &dyn Fn(usize, &CellResult) -> bool,
    levels: Vec<(f64, String)>,
) -> LineChart {
    let (x, y) = (Axis::new("steps", Spacing::Linear), Axis::percent("accuracy on new tasks"));
    let lines = names.iter().enumerate().map(|(i, name)| curve(data, name, i, &|cell| keep(i, cell))).collect();
    LineChart { lines, levels, ..chart(title.into(), data.intervals(), x, y) }
}

/// Plateau lengths of the cells that are kept, and how many of them never left it within their steps.
pub(super) fn plateaus(data: &Results<'_>, keep: &dyn Fn(&CellResult) -> bool) -> (Vec<f64>, usize) {
    let mut lengths = Vec::new();
    let mut stuck = 0;
    for cell in data.done().filter(|cell| keep(cell)) {
        match passes(&cell.outcome.probes, PLATEAU) {
            Some(point) => lengths.push(point.step as f64),
            None => stuck += 1,
        }
    }
    (lengths, stuck)
}

/// `310 ± 40 steps`, `310 ± 40 steps, 1 of 3 never`.
pub(super) fn plateau_words((lengths, stuck): &(Vec<f64>, usize)) -> String {
    let interval = Interval::of(lengths);
    match (lengths.len(), stuck) {
        (0, 0) => "–".into(),
        (0, _) => "never left".into(),
        (n, stuck) => {
            let half = if interval.half.is_finite() { format!(" ± {:.0}", interval.half) } else { String::new() };
            let never = if *stuck > 0 { format!(", {stuck} of {} never", n + stuck) } else { String::new() };
            format!("{:.0}{half} steps{never}", interval.mean)
        }
    }
}

/// Slope of the plateau's length over an axis, both as logarithms, of every run that left it.
pub(super) fn plateau_slope(
    data: &Results<'_>,
    axis: &dyn Fn(&CellResult) -> f64,
    keep: &dyn Fn(&CellResult) -> bool,
) -> Interval {
    let points: Vec<(f64, f64)> = data
        .done()
        .filter(|cell| keep(cell))
        .filter_map(|cell| Some((axis(cell).ln(), (passes(&cell.outcome.probes, PLATEAU)?.step as f64).ln())))
        .filter(|(x, y)| x.is_finite() && y.is_finite())
        .collect();
    slope(&points)
}
