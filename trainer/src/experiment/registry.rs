//! The list of all experiments.

use super::cell::{Cell, ExperimentError, Scale};
use super::definition::Experiment;
use super::grid::Grid;
use super::{embeddings, emergence, fig2, fig3, fig4, fig5, fig7, fig8, length, prior, table, ways};

/// All experiments, in the order of a report.
pub const EXPERIMENTS: &[Experiment] = &[
    fig2::EXPERIMENT,
    fig3::EXPERIMENT,
    fig4::EXPERIMENT,
    fig5::EXPERIMENT,
    fig7::EXPERIMENT,
    fig8::EXPERIMENT,
    embeddings::EXPERIMENT,
    length::EXPERIMENT,
    table::EXPERIMENT,
    emergence::EXPERIMENT,
    prior::EXPERIMENT,
    ways::EXPERIMENT,
];

/// An experiment and its place in [`EXPERIMENTS`].
pub(super) fn find(name: &str) -> Option<(usize, Experiment)> {
    EXPERIMENTS.iter().copied().enumerate().find(|(_, experiment)| experiment.name == name)
}

/// The cells of an experiment, in their order; `seeds` replace the seeds of the scale.
///
/// # Errors
/// An unknown name.
///
/// ```
/// use trainer::experiment::{Scale, cells};
///
/// let grid = cells("fig4", Scale::Smoke, Some(&[7]))?;
/// assert!(grid.iter().all(|cell| cell.name.ends_with("-seed7")));
/// # Ok::<(), trainer::experiment::ExperimentError>(())
/// ```
pub fn cells(name: &str, scale: Scale, seeds: Option<&[u64]>) -> Result<Vec<Cell>, ExperimentError> {
    let Some((_, experiment)) = find(name) else {
        let known: Vec<&str> = EXPERIMENTS.iter().map(|experiment| experiment.name).collect();
        return Err(ExperimentError::Unknown { found: name.to_owned(), known: known.join(", ") });
    };
    let usual: &[u64] = if scale == Scale::Smoke { &[1] } else { &[1, 2, 3] };
    let mut grid = Grid { name: name.to_owned(), scale, seeds: seeds.unwrap_or(usual).to_vec(), cells: Vec::new() };
    (experiment.cells)(&mut grid)?;
    Ok(grid.cells)
}

#[cfg(test)]
mod tests {
    use super::super::section::Results;
    use super::super::testing::result;
    use super::*;

    #[test]
    fn every_grid_is_valid_at_every_scale_and_names_are_folders() {
        for name in EXPERIMENTS.iter().map(|experiment| experiment.name) {
            for scale in [Scale::Smoke, Scale::Desk, Scale::Full] {
                let all = cells(name, scale, None).unwrap_or_else(|e| panic!("{name} {scale}: {e}"));
                let names: std::collections::BTreeSet<&str> = all.iter().map(|cell| cell.name.as_str()).collect();
                assert_eq!(names.len(), all.len(), "{name} {scale}: two cells of one name");
                assert!(names.iter().all(|n| !n.contains(['/', ' ', ':'])), "{names:?}");
                let hashes: std::collections::BTreeSet<String> = all.iter().map(Cell::hash).collect();
                assert_eq!(hashes.len(), all.len(), "{name} {scale}: two cells do the same");
                let of_two = cells(name, scale, Some(&[7, 8])).unwrap();
                assert!(of_two.iter().all(|cell| cell.axes.get("seed").is_none_or(|_| cell.number("seed") >= 7.0)));
            }
        }
        assert!(cells("fig9", Scale::Desk, None).unwrap_err().to_string().contains("fig2"));
    }

    #[test]
    fn every_section_is_made_of_no_results_of_one_and_of_all() {
        for experiment in EXPERIMENTS {
            let cells = cells(experiment.name, Scale::Smoke, None).unwrap();
            let measured = [("seen", 0.1, 0.9), ("unseen", 0.1, 0.6), ("mnist", 0.1, 0.5)];
            let made: Vec<_> = cells.iter().map(|cell| result(cell, &measured, &[(10, 0.1), (100, 0.6)])).collect();
            for some in [&made[..0], &made[..1], &made] {
                let results = Results { scale: Scale::Smoke, cells: some.iter().collect() };
                let section = (experiment.section)(&results);
                assert!(!section.question.is_empty(), "{}", experiment.name);
            }
        }
    }

    #[test]
    fn the_full_scale_is_the_papers() {
        let all = cells("fig4", Scale::Full, None).unwrap();
        let config = all[0].job.config().unwrap();
        assert_eq!((config.model.width, config.model.layers, config.model.heads), (256, 4, 8));
        assert_eq!((config.training.steps, config.training.batch, config.tasks.length), (50_000, 512, 100));
    }
}
