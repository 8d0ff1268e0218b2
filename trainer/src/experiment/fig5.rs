//! Figure 5: accuracy against state size and against parameters, all learners.

use super::cell::{CellResult, ExperimentError};
use super::definition::Experiment;
use super::grid::{Grid, number, word};
use super::section::{CHANCE, Results, Section, Table, chart, headline, line};
use super::stats::rank_correlation;
use crate::plot::{Axis, Line, LineChart, Spacing, short};

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "fig5",
    about: "accuracy against state size and against parameters, all learners",
    cells,
    section,
};

/// Learners of many kinds and sizes: kind, the key of its size, sizes.
type Plan = (&'static str, &'static str, Vec<usize>);

fn plans(grid: &Grid) -> Vec<Plan> {
    grid.by(
        vec![("lstm", "hidden", vec![8]), ("outer-product-lstm", "size", vec![4]), ("vsml-untied", "grid", vec![2])],
        vec![
            ("lstm", "hidden", vec![16, 32, 64, 128]),
            ("outer-product-lstm", "size", vec![4, 8, 16, 32]),
            ("vsml-untied", "grid", vec![1, 2, 3, 4]),
            ("fast-weights", "key_size", vec![4, 8, 16, 32]),
            ("gated-linear-attention", "key_size", vec![4, 8, 16, 32]),
        ],
        vec![
            ("lstm", "hidden", vec![64, 256, 1024, 4096]),
            ("outer-product-lstm", "size", vec![8, 32, 128, 512]),
            ("vsml-untied", "grid", vec![1, 2, 4, 8, 16, 24]),
            ("fast-weights", "key_size", vec![8, 16, 32, 64, 128]),
            ("gated-linear-attention", "key_size", vec![8, 16, 32, 64, 128]),
        ],
    )
}

fn cells(grid: &mut Grid) -> Result<(), ExperimentError> {
    let measure = grid.headline("unseen", grid.data());
    for (kind, key, sizes) in plans(grid) {
        for size in sizes {
            let mut set = grid.learner(kind);
            set.push(format!("learner.{key}={size}"));
            set.extend(grid.pace(kind));
            let axes = [("learner", word(kind)), ("size", number(size as f64))];
            grid.add(&format!("{kind}-{size}"), &axes, &set, std::slice::from_ref(&measure), None)?;
        }
    }
    for size in grid.by(vec![8], vec![2, 4, 8, 16, 32, 64, 128], vec![4, 8, 16, 32, 64]) {
        let mut set = grid.learner(grid.main_learner());
        set.push(format!("model.key_size={size}"));
        let axes = [("learner", word("transformer")), ("size", number(size as f64))];
        grid.add(&format!("transformer-{size}"), &axes, &set, std::slice::from_ref(&measure), None)?;
    }
    Ok(())
}

fn accuracy(cell: &CellResult) -> Option<f64> {
    cell.measured("unseen", "").map(headline)
}

fn section(data: &Results<'_>) -> Section {
    let mut section = Section {
        question: "Over LSTMs, outer-product LSTMs, VSML without symmetries and Transformers the paper finds that the size of \
                   the state decides, and not the number of parameters."
            .into(),
        ..Section::default()
    };
    let learners = data.words("learner");
    type Size = (&'static str, &'static str, fn(&CellResult) -> f64);
    let sizes: [Size; 2] = [
        ("state", "state size: numbers that carry what was shown", |c| c.outcome.state_size as f64),
        ("parameters", "parameters", |c| c.outcome.parameters as f64),
    ];
    let correlations = sizes.map(|(name, title, size)| {
        let lines = learners.iter().enumerate().map(|(colour, learner)| by_size(data, learner, colour, size)).collect();
        let (x, y) = (Axis::new(title, Spacing::Log10), Axis::percent("accuracy on new tasks"));
        let levels = vec![(CHANCE, "chance".into())];
        let empty = chart(format!("Accuracy against {name}"), data.intervals(), x, y);
        section.chart(&format!("fig5-{name}"), &LineChart { lines, levels, ..empty });
        let points: Vec<(f64, f64)> = data.done().filter_map(|c| Some((size(c), accuracy(c)?))).collect();
        (rank_correlation(&points), points.len())
    });
    let [(state, n), (parameters, _)] = correlations;
    if n > 4 {
        section.claim(
            Some(state > parameters + 0.1).filter(|_| state.is_finite() && parameters.is_finite()),
            format!(
                "State decides rather than parameters: the rank correlation of accuracy is {state:.2} with state size and \
                 {parameters:.2} with parameters, over {n} runs of {} learners.",
                learners.len()
            ),
        );
    }
    section.tables.push(table(data, &learners));
    section
}

/// Accuracy of a learner over one of its sizes.
fn by_size(data: &Results<'_>, learner: &str, colour: usize, size: fn(&CellResult) -> f64) -> Line {
    let own = |c: &CellResult| c.cell.word("learner") == learner;
    let mut at: Vec<f64> = data.done().filter(|c| own(c)).map(|c| size(c)).collect();
    at.sort_by(f64::total_cmp);
    at.dedup();
    line(learner, colour, at.iter().map(|s| (*s, data.seeds(&|c| own(c) && size(c) == *s, &accuracy))))
}

fn table(data: &Results<'_>, learners: &[String]) -> Table {
    let rows = learners.iter().flat_map(|learner| {
        let own = move |c: &CellResult| c.cell.word("learner") == learner;
        data.numbers("size", &own).into_iter().map(move |size| {
            let keep = |c: &CellResult| own(c) && c.cell.number("size") == size;
            let first = data.done().find(|c| keep(c));
            let of = |value: fn(&CellResult) -> usize| first.map_or("–".into(), |c| value(c).to_string());
            vec![
                learner.clone(),
                format!("{size:.0}"),
                of(|c| c.outcome.state_size),
                of(|c| c.outcome.parameters),
                data.seeds(&keep, &accuracy).percent(),
                short(data.seeds(&keep, &|c| Some(c.outcome.seconds)).mean),
            ]
        })
    });
    Table {
        title: "Accuracy on new tasks, in per cent over the last five positions".into(),
        head: ["learner", "size", "state size", "parameters", "accuracy", "training, s"].map(str::to_owned).to_vec(),
        rows: rows.collect(),
        reference: vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::super::cell::{Cell, Scale};
    use super::super::registry::cells;
    use super::super::testing::{result, section_of};
    use super::*;

    #[test]
    fn state_and_parameters_are_told_apart() {
        let grid = cells("fig5", Scale::Desk, Some(&[1])).unwrap();
        let with = |by_state: bool| -> Section {
            let of = |(i, cell): (usize, &Cell)| {
                let (state, parameters) = (10usize << i, 1_000 + (i * 7 % grid.len()) * 100);
                let decides = if by_state { i } else { i * 7 % grid.len() };
                let mut found = result(cell, &[("unseen", 0.1, 0.1 + 0.04 * decides as f64)], &[]);
                (found.outcome.state_size, found.outcome.parameters) = (state, parameters);
                found
            };
            section_of(section, &grid.iter().enumerate().map(of).collect::<Vec<_>>())
        };
        assert_eq!(with(true).claims[0].held, Some(true));
        assert_eq!(with(false).claims[0].held, Some(false));
        assert_eq!(with(true).figures.len(), 2);
    }
}
