//! What makes an experiment: its name, its grid, and what the report says of its results.

use super::cell::ExperimentError;
use super::grid::Grid;
use super::section::{Results, Section};

/// An experiment. Each has a file of its own, with its cells, figures and findings, and a line in
/// [`EXPERIMENTS`](super::EXPERIMENTS).
#[derive(Debug, Clone, Copy)]
pub struct Experiment {
    /// Its name on the command line.
    pub name: &'static str,
    /// One line about it.
    pub about: &'static str,
    /// Adds its cells to a grid.
    pub(super) cells: fn(&mut Grid) -> Result<(), ExperimentError>,
    /// Its section of a report.
    pub(super) section: fn(&Results<'_>) -> Section,
}
