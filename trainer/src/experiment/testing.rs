//! Made-up results for the tests of experiments.

use super::cell::{Cell, CellResult, Measured, Outcome, Point, Scale, State};
use super::section::{Results, Section};

/// A result of a cell with accuracies (first, last) of its measures, and probes.
pub(super) fn result(cell: &Cell, accuracy: &[(&str, f64, f64)], probes: &[(u64, f64)]) -> CellResult {
    let measured = accuracy.iter().map(|(name, first, last)| Measured {
        name: (*name).into(),
        by: String::new(),
        episodes: 10,
        positions: vec![1, 50, 96, 97, 98, 99, 100],
        accuracy: vec![*first, 0.5, *last, *last, *last, *last, *last],
        ci95: vec![0.1; 7],
    });
    let point =
        |&(step, accuracy): &(u64, f64)| Point { step, seconds: step as f64, flop: 1e9 * step as f64, accuracy };
    CellResult {
        cell: cell.clone(),
        hash: cell.hash(),
        state: State::Done,
        message: None,
        outcome: Outcome {
            steps: probes.last().map_or(100, |p| p.0),
            measured: measured.collect(),
            probes: probes.iter().map(point).collect(),
            ..Outcome::default()
        },
        commit: "c".into(),
        device: "d".into(),
    }
}

/// An experiment's section, of desk scale.
pub(super) fn section_of(section: fn(&Results<'_>) -> Section, results: &[CellResult]) -> Section {
    section(&Results { scale: Scale::Desk, cells: results.iter().collect() })
}
