//! Figure 8: the plateau under biased label maps.

use super::cell::{CellResult, ExperimentError, Scale};
use super::definition::Experiment;
use super::grid::{Grid, number};
use super::plateau::{Ratio, curves, plateau_words, plateaus};
use super::section::{CHANCE, Results, Section, Table};

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
    let Some((none, without)) = lengths.first() else { return section };
    for (bias, found) in &lengths[1..] {
        let ratio = Ratio::of(data, &own(*none), &own(*bias));
        section.claim(
            ratio.shorter(),
            format!(
                "A label map that is biased by {bias} shortens the plateau: {} with it, {} without, {}.",
                plateau_words(found),
                plateau_words(without),
                ratio.words()
            ),
        );
    }
    section
}

#[cfg(test)]
mod tests {
    use super::super::cell::Cell;
    use super::super::registry::cells;
    use super::super::testing::{result, section_of};
    use super::*;

    #[test]
    fn plateaus_are_compared_by_their_interval() {
        let seeds: Vec<u64> = (1..=12).collect();
        let grid = cells("fig8", Scale::Desk, Some(&seeds)).unwrap();
        // plateaus that differ by such a share from seed to seed; where the bias says so, times `factor`
        let held = |bias: f64, factor: f64, noise: f64| {
            let length = |cell: &Cell| {
                let own = if cell.number("bias") == bias { factor } else { 1.0 };
                (300.0 * own * (1.0 + noise * (cell.number("seed") * 2.4).sin())).round() as u64
            };
            let of = |cell: &Cell| result(cell, &[], &[(1, 0.1), (length(cell), 0.3), (500, 0.9)]);
            let section = section_of(section, &grid.iter().map(of).collect::<Vec<_>>());
            let claim = section.claims.iter().find(|claim| claim.text.contains(&format!("biased by {bias} ")));
            (claim.unwrap().held, claim.unwrap().text.clone())
        };
        let (shorter, text) = held(0.9, 0.5, 0.2);
        assert!(shorter == Some(true) && text.contains("0.50 times as long") && text.contains("24 runs"), "{text}");
        assert_eq!(held(0.9, 1.0, 0.2).0, Some(false));
        assert_eq!(held(0.5, 0.5, 0.2).0, Some(true));
        // too few runs for so much noise
        assert_eq!(held(0.5, 0.9, 0.6).0, None);
        // runs that never leave it count with their last step
        assert_eq!(held(0.9, 100.0, 0.2).0, Some(false));
    }
}
