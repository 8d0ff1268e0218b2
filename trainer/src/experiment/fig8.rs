//! Figure 8: the plateau under biased label maps.

use super::cell::{CellResult, ExperimentError, Scale};
use super::definition::Experiment;
use super::grid::{Grid, number};
use super::plateau::{curves, plateau_words, plateaus};
use super::section::{CHANCE, Results, Section, Table};
use super::stats::Interval;

pub(super) const EXPERIMENT: Experiment =
    Experiment { name: "fig8", about: "the plateau under biased label maps", cells, section };

fn cells(grid: &mut Grid) -> Result<(), ExperimentError> {
    let probe = grid.probe(20, 0.4);
    for bias in grid.by(vec![0.0, 0.9], vec![0.0, 0.5, 0.9], vec![0.0, 0.25, 0.5, 0.75, 0.9, 0.98]) {
        let mut set = grid.plateau();
        set.push(format!("tasks.label_bias={bias}"));
        if grid.scale == Scale::Desk {
            set.push("training.steps=500".into());
        }
        grid.add(&format!("bias{bias}"), &[("bias", number(bias))], &set, &[], Some(&probe))?;
    }
    Ok(())
}

fn section(data: &Results<'_>) -> Section {
    let mut section = Section {
        question:
            "If most tasks keep the identity label map, the paper's plateau disappears, and unseen tasks with permuted \
                   labels are learned all the same (second-hand)."
                .into(),
        ..Section::default()
    };
    let biases = data.numbers("bias", &|_| true);
    let own = |bias: f64| move |c: &CellResult| c.cell.number("bias") == bias;
    let names: Vec<String> = biases.iter().map(|bias| format!("bias {bias}")).collect();
    let title = "Accuracy on permuted labels under a bias of label maps";
    let levels = vec![(CHANCE, "chance".into())];
    section.chart("fig8", &curves(data, title, &names, &|i, c| own(biases[i])(c), levels));
    let lengths: Vec<(f64, (Vec<f64>, usize))> = biases.iter().map(|b| (*b, plateaus(data, &own(*b)))).collect();
    section.tables.push(Table {
        title: "Length of the plateau".into(),
        head: vec![
            "share of tasks with the identity map".into(),
            "until new tasks with permuted labels pass 20 %".into(),
        ],
        rows: lengths.iter().map(|(b, found)| vec![format!("{b}"), plateau_words(found)]).collect(),
        reference: vec![],
    });
    let mean = |found: &(Vec<f64>, usize)| match found.1 {
        0 => Interval::of(&found.0).mean,
        _ => f64::INFINITY,
    };
    let Some((_, none)) = lengths.first() else { return section };
    let best = lengths.iter().skip(1).min_by(|a, b| mean(&a.1).total_cmp(&mean(&b.1)));
    if let Some((bias, found)) = best {
        let share = mean(found) / mean(none);
        section.claim(
            if share.is_finite() { Some(share < 0.8) } else { None },
            format!(
                "A biased label map shortens the plateau: without {}, at best (bias {bias}) {}.",
                plateau_words(none),
                plateau_words(found)
            ),
        );
    }
    section
}
