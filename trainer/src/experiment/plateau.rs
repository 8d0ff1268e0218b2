//! Plateaus: how long a learner stays at chance before it learns new tasks.

use std::collections::BTreeMap;

use super::cell::{CellResult, Point};
use super::section::{Results, chart, line};
use super::stats::{Interval, difference, slope};
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

/// How many times as long as another a plateau is.
pub(super) struct Ratio {
    /// ln of the ratio, with its interval.
    log: Interval,
    /// Standard deviation of ln of the lengths, pooled over both.
    spread: f64,
}

/// Ratios nearer to 1 than this, up or down, count as none.
const NO_DIFFERENCE: f64 = 1.25;

impl Ratio {
    /// Of the plateaus in `b` to those in `a`. A run that never left its plateau counts with its last step, which makes the
    /// ratio one of restricted means: a lower bound of how much longer the plateaus are of which more are cut short.
    pub fn of(data: &Results<'_>, a: &dyn Fn(&CellResult) -> bool, b: &dyn Fn(&CellResult) -> bool) -> Ratio {
        let logs = |keep: &dyn Fn(&CellResult) -> bool| -> Vec<f64> {
            let last = |cell: &CellResult| {
                let probes = &cell.outcome.probes;
                passes(probes, PLATEAU).or(probes.last()).map(|point| (point.step as f64).ln())
            };
            data.done().filter(|cell| keep(cell)).filter_map(|cell| last(cell)).collect()
        };
        let (a, b) = (logs(a), logs(b));
        let square = |values: &[f64]| {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            values.iter().map(|v| (v - mean).powi(2)).sum::<f64>()
        };
        let spread = ((square(&a) + square(&b)) / (a.len() + b.len()).saturating_sub(2) as f64).sqrt();
        Ratio { log: difference(&a, &b), spread }
    }

    /// Whether the whole interval lies below 1; that it does not, where it lies within a quarter of 1 or above it; and
    /// nothing where it is too wide to tell.
    pub fn shorter(&self) -> Option<bool> {
        let none = NO_DIFFERENCE.ln();
        match (self.log.below(0.0), self.log.above(-none)) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        }
    }

    /// The same for a ratio above 1.
    pub fn longer(&self) -> Option<bool> {
        Ratio { log: Interval { mean: -self.log.mean, ..self.log }, spread: self.spread }.shorter()
    }

    /// `0.74 times as long (0.61 to 0.90 over 48 runs; …)`, and how many runs it takes to detect a change by a quarter.
    pub fn words(&self) -> String {
        let Interval { mean, half, n } = self.log;
        if !half.is_finite() {
            return "too few runs to compare".into();
        }
        // the half width 1.96·s·√(2/n) is to be ln 1.25
        let needed = 2.0 * (1.96 * self.spread / NO_DIFFERENCE.ln()).powi(2);
        format!(
            "{:.2} times as long ({:.2} to {:.2} over {n} runs; to detect a change by a quarter takes some {needed:.0} of each)",
            mean.exp(),
            (mean - half).exp(),
            (mean + half).exp()
        )
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
