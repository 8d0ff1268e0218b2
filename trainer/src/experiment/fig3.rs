//! Figure 3: learning curves within and across data sets.

use super::cell::{CellResult, ExperimentError, Measure, Scale};
use super::definition::Experiment;
use super::grid::{Grid, word};
use super::paper;
use super::section::{
    Results, Section, Table, headline, learning_curves, line, name_of, reference, rule_line, verdict,
};
use super::stats::Interval;
use crate::plot::{Line, Spacing, short};

pub(super) const EXPERIMENT: Experiment =
    Experiment { name: "fig3", about: "learning curves within and across data sets", cells, section };

fn cells(grid: &mut Grid) -> Result<(), ExperimentError> {
    let sets = [grid.data(), grid.other()];
    let measures: Vec<Measure> = sets.iter().map(|data| grid.measure(data, data)).collect();
    for data in sets.into_iter().filter(|data| *data != "random") {
        let mut set = grid.learner(grid.main_learner());
        set.push(format!("tasks.data=[\"{data}\"]"));
        if grid.scale == Scale::Desk {
            set.push("training.steps=400".into());
        }
        grid.add(&format!("on-{data}"), &[("train", word(data))], &set, &measures, None)?;
    }
    grid.rules("rules", &measures)
}

fn section(data: &Results<'_>) -> Section {
    let mut section = Section {
        question:
            "The paper's learners go on learning over 100 examples, on the data set of their meta-training and on \
                   another one; those trained on the same data set are a little better."
                .into(),
        ..Section::default()
    };
    let trained = data.words("train");
    let tested: Vec<String> = match data.cells.iter().find(|c| !c.outcome.measured.is_empty()) {
        Some(cell) => {
            let measured = cell.outcome.measured.iter().filter(|m| m.by.is_empty() || data.rules().is_none());
            measured.map(|m| m.name.clone()).collect()
        }
        None => trained.clone(),
    };
    for test in &tested {
        let title = format!("Learning {} in context", name_of(test));
        let lines = lines(data, &trained, test);
        section.chart(&format!("fig3-{test}"), &learning_curves(title, data.intervals(), Spacing::Linear, lines));
        for other in trained.iter().filter(|other| *other != test && trained.contains(test)) {
            claim(data, test, other, &mut section);
        }
    }
    section.tables.push(Table {
        title: "Accuracy in per cent over the last five positions".into(),
        head: ["trained on", "tested on", "here", "paper, at 99 shown"].map(str::to_owned).to_vec(),
        rows: trained
            .iter()
            .flat_map(|train| tested.iter().map(move |test| (train, test)))
            .map(|(train, test)| {
                let theirs = paper::FIGURE_3.iter().find(|(a, b, _)| a == train && b == test);
                let theirs = theirs.and_then(|(_, _, curve)| curve.last()).map_or("–".into(), |p| short(100.0 * p.1));
                vec![name_of(train).into(), name_of(test).into(), last(data, train, test, None).percent(), theirs]
            })
            .collect(),
        reference: vec![],
    });
    section
}

/// The curves of a data set: by what each learner was trained on, the paper's, and a rule's.
fn lines(data: &Results<'_>, trained: &[String], test: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    for (colour, train) in trained.iter().enumerate() {
        let own = |cell: &CellResult| cell.cell.word("train") == train;
        let Some(shape) = data.done().find(|c| own(c)).and_then(|c| c.measured(test, "")) else { continue };
        let at = |i: usize| data.seeds(&own, &|c| c.measured(test, "").and_then(|m| m.accuracy.get(i).copied()));
        let points = (0..shape.positions.len()).map(|i| (shape.positions[i] as f64, at(i)));
        lines.push(line(&format!("trained on {}", name_of(train)), colour, points));
        for (_, _, curve) in paper::FIGURE_3.iter().filter(|(a, b, _)| a == train && *b == test) {
            // the paper counts examples shown, we the position that is asked
            let shifted: Vec<(f64, f64)> = curve.iter().map(|(n, a)| (n + 1.0, *a)).collect();
            lines.push(reference(&format!("{}, paper", name_of(train)), colour, &shifted));
        }
    }
    if let Some(m) = data.rules().and_then(|cell| cell.measured(test, "1-NN cosine")) {
        lines.push(rule_line("1-NN, same inputs", trained.len(), m));
    }
    lines
}

/// Accuracy at the end, of one seed or of all.
fn last(data: &Results<'_>, train: &str, test: &str, of_seed: Option<f64>) -> Interval {
    let keep = |c: &CellResult| c.cell.word("train") == train && of_seed.is_none_or(|s| c.cell.number("seed") == s);
    data.seeds(&keep, &|c| c.measured(test, "").map(headline))
}

/// What it is worth to be trained on the data set of the test rather than on another one.
fn claim(data: &Results<'_>, test: &str, other: &str, section: &mut Section) {
    let seeds = data.numbers("seed", &|_| true);
    let of_seed = |train: &str, seed: &f64| last(data, train, test, Some(*seed)).mean;
    let gaps: Vec<f64> = seeds.iter().map(|s| of_seed(test, s) - of_seed(other, s)).collect();
    let gap = Interval::of(&gaps);
    let held = verdict(gap, 0.0);
    section.claim(
        held,
        format!(
            "Tested on {}: trained on the same data set {} %, on {} {} %; the difference is {} points{}.",
            name_of(test),
            last(data, test, test, None).percent(),
            name_of(other),
            last(data, other, test, None).percent(),
            gap.percent(),
            if held.is_none() { ", which these seeds cannot tell from none" } else { "" }
        ),
    );
}
