//! More classes than in meta-training: learners that met ten classes at a time are asked to tell up to two hundred apart,
//! as TAIL (Woerner, Oh and Baumgartner, 2026, arXiv 2602.14761) says of labels that are random codes.

use super::cell::{CellResult, ExperimentError, Measure, Scale};
use super::definition::Experiment;
use super::grid::{Grid, word};
use super::section::{Results, Section, Table, chart, headline, line, reference, surely, verdict};
use super::stats::Interval;
use crate::plot::{Axis, LineChart, Spacing};

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "ways",
    about: "up to 20 times as many classes as in meta-training, with labels that are random codes",
    cells,
    section,
};

/// Examples of a class that a query follows, on average: episodes are not balanced, as elsewhere.
const SHOTS: usize = 5;
/// Classes of every task of meta-training.
const MET: usize = 10;
/// Rules that answer the same episodes.
const RULES: [&str; 2] = ["1-NN cosine", "kernel ridge"];

/// Numbers of classes that are asked about.
fn asked(grid: &Grid) -> Vec<usize> {
    grid.by(vec![2, 4], vec![5, 10, 20, 50, 100, 200], vec![5, 10, 20, 50, 100, 200])
}

fn name_of(ways: usize) -> String {
    format!("ways-{ways}")
}

/// The last five positions after [`SHOTS`] examples of each of some classes.
fn measure(grid: &Grid, ways: usize) -> Measure {
    let shown = SHOTS * ways;
    // a query to a thousand examples costs a second
    let episodes = grid.by(2, 3_000 / ways.max(20), 6_000 / ways.max(10));
    let data = grid.by("prior", "omniglot", "omniglot");
    Measure { ways, episodes, positions: (shown + 1..=shown + 5).collect(), ..grid.measure(&name_of(ways), data) }
}

fn cells(grid: &mut Grid) -> Result<(), ExperimentError> {
    let most = asked(grid).into_iter().max().expect("some are asked about");
    let data = grid.by("tasks.data=[\"prior\"]", "tasks.data=[\"omniglot\"]", "tasks.data=[\"omniglot\"]");
    let common = [data.to_owned(), format!("model.longest={}", SHOTS * most + 5)];
    let kinds: [(&str, &[&str]); 3] = [
        ("tail", &["learner.kind=tail"]),
        ("tail, learned codes", &["learner.kind=tail", "learner.codes=learned"]),
        ("set-transformer", &["learner.kind=set-transformer"]),
    ];
    for (kind, own) in kinds {
        // a read-out for each label needs every label in every task
        let classes = if kind == "set-transformer" { MET } else { most.max(MET) };
        let mut set: Vec<String> = common.iter().cloned().chain(own.iter().map(|line| (*line).to_owned())).collect();
        set.extend(grid.pace("set-transformer"));
        set.extend([format!("model.classes={classes}"), format!("tasks.ways={MET}")]);
        if grid.scale == Scale::Desk {
            set.push("training.steps=3000".to_owned());
        }
        let measures: Vec<Measure> =
            asked(grid).into_iter().filter(|ways| *ways <= classes).map(|ways| measure(grid, ways)).collect();
        let name = kind.replace(", learned codes", "-learned");
        grid.add(&name, &[("learner", word(kind))], &set, &measures, None)?;
    }
    // learners have several seeds, and rules none
    let often = |ways: usize| grid.by(2, (4_000 / ways).clamp(100, 250), (10_000 / ways).clamp(200, 1_000));
    let measures: Vec<Measure> =
        asked(grid).into_iter().map(|ways| Measure { episodes: often(ways), ..measure(grid, ways) }).collect();
    grid.rules_with("rules", &[common[1].clone(), format!("model.classes={most}")], measures)
}

/// Numbers of classes that anybody was asked about, ascending.
fn measured_ways(data: &Results<'_>) -> Vec<usize> {
    let names = data.cells.iter().flat_map(|cell| &cell.outcome.measured);
    let mut all: Vec<usize> = names.filter_map(|m| m.name.strip_prefix("ways-")?.parse().ok()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Accuracy of a learner over its seeds.
fn of_learner(data: &Results<'_>, learner: &str, ways: usize) -> Interval {
    let own = |cell: &CellResult| cell.cell.word("learner") == learner;
    data.seeds(&own, &|cell| cell.measured(&name_of(ways), "").map(headline))
}

fn of_rule(data: &Results<'_>, rule: &str, ways: usize) -> Option<f64> {
    data.rules()?.measured(&name_of(ways), rule).map(headline)
}

fn section(data: &Results<'_>) -> Section {
    let mut section = Section {
        question: format!(
            "TAIL says that labels which are random codes reach up to 20 times as many classes as were met. Learners that met \
             {MET} classes at a time are asked about more, after {SHOTS} examples of each; every class is new."
        ),
        ..Section::default()
    };
    let ways = measured_ways(data);
    let learners: Vec<String> = data.words("learner").into_iter().filter(|name| name != "rules").collect();
    let mut lines: Vec<_> = learners
        .iter()
        .enumerate()
        .map(|(colour, name)| line(name, colour, ways.iter().map(|w| (*w as f64, of_learner(data, name, *w)))))
        .collect();
    for (i, rule) in RULES.iter().enumerate() {
        let points: Vec<(f64, f64)> = ways.iter().filter_map(|w| Some((*w as f64, of_rule(data, rule, *w)?))).collect();
        lines.push(reference(rule, learners.len() + i, &points));
    }
    let chance: Vec<(f64, f64)> = ways.iter().map(|w| (*w as f64, 1.0 / *w as f64)).collect();
    lines.push(reference("chance", learners.len() + RULES.len(), &chance));
    let (x, y) = (Axis::new("classes to tell apart", Spacing::Log10), Axis::percent("accuracy"));
    let title = format!("Classes beyond the {MET} of meta-training");
    section.chart("ways", &LineChart { lines, ..chart(title, data.intervals(), x, y) });
    if let Some(most) = ways.iter().copied().filter(|ways| *ways > MET).max() {
        for name in learners.iter().filter(|name| name.starts_with("tail")) {
            claims(data, name, most, &mut section);
        }
    }
    section.tables.push(table(data, &learners, &ways));
    section
}

/// Whether a learner answers among so many classes, and whether it loses more there than a rule does.
fn claims(data: &Results<'_>, learner: &str, most: usize, section: &mut Section) {
    let (far, near) = (of_learner(data, learner, most), of_learner(data, learner, MET));
    if !far.mean.is_finite() {
        return;
    }
    let times = most / MET;
    section.claim(
        Some(surely(far, 10.0 / most as f64)),
        format!(
            "{learner} answers among {most} classes, {times} times what it met: {} %, where chance is {:.1} and ten times \
             chance {:.0}.",
            far.percent(),
            100.0 / most as f64,
            1_000.0 / most as f64
        ),
    );
    let own = |cell: &CellResult| cell.cell.word("learner") == learner;
    let (Some(rule_far), Some(rule_near)) = (of_rule(data, RULES[0], most), of_rule(data, RULES[0], MET)) else {
        return;
    };
    // of what each has at ten classes, the share that is left: a rule knows no numbers of classes
    let kept = data.seeds(&own, &|cell| {
        let of = |ways: usize| cell.measured(&name_of(ways), "").map(headline);
        Some(of(most)? / of(MET)?)
    });
    let by_rule = rule_far / rule_near;
    section.claim(
        verdict(kept, 0.9 * by_rule).filter(|_| near.mean.is_finite()),
        format!(
            "From {MET} classes to {most} {learner} keeps nine tenths of what {} keeps of its accuracy, or more: {} % against \
             {:.1} %.",
            RULES[0],
            kept.percent(),
            100.0 * by_rule
        ),
    );
}

fn table(data: &Results<'_>, learners: &[String], ways: &[usize]) -> Table {
    let of = |name: &str, value: &dyn Fn(usize) -> String| -> Vec<String> {
        std::iter::once(name.to_owned()).chain(ways.iter().map(|w| value(*w))).collect()
    };
    let learned = learners.iter().map(|name| of(name, &|w| of_learner(data, name, w).percent()));
    let rules = RULES.iter().map(|rule| {
        of(rule, &|w| of_rule(data, rule, w).map_or("–".into(), |accuracy| format!("{:.1}", 100.0 * accuracy)))
    });
    Table {
        title: format!("Accuracy in per cent after {SHOTS} examples of each class on average"),
        head: std::iter::once("learner".to_owned()).chain(ways.iter().map(|w| format!("{w} classes"))).collect(),
        rows: learned.chain(rules).collect(),
        reference: vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::super::registry::cells;
    use super::super::testing::{result, section_of};
    use super::*;

    #[test]
    fn learners_with_codes_are_asked_about_more_classes_than_they_met() {
        let grid = cells("ways", Scale::Desk, Some(&[1])).unwrap();
        let names = |name: &str| {
            let cell = grid.iter().find(|cell| cell.name == name).unwrap();
            let super::super::cell::Job::Learner { config, measures, .. } = &cell.job else { panic!("{cell:?}") };
            (config.model.classes, config.tasks.ways, measures.last().unwrap().ways)
        };
        assert_eq!(names("tail-seed1"), (200, 10, 200));
        assert_eq!(names("set-transformer-seed1"), (10, 10, 10));
    }

    #[test]
    fn claims_compare_with_chance_and_with_what_a_rule_keeps() {
        let grid = cells("ways", Scale::Desk, Some(&[1, 2, 3])).unwrap();
        for (far, held) in [(0.5, [true, true]), (0.2, [true, false]), (0.03, [false, false])] {
            let results: Vec<CellResult> = grid
                .iter()
                .filter(|cell| cell.name.starts_with("tail-seed") || cell.name == "rules")
                .map(|cell| {
                    let measured =
                        [("ways-10", 0.1, 0.9), ("ways-200", 0.1, if cell.name == "rules" { 0.5 } else { far })];
                    let mut result = result(cell, &measured, &[]);
                    if cell.name == "rules" {
                        result.outcome.measured.iter_mut().for_each(|m| m.by = RULES[0].into());
                    }
                    result
                })
                .collect();
            let section = section_of(section, &results);
            let found: Vec<Option<bool>> = section.claims.iter().map(|claim| claim.held).collect();
            assert_eq!(found, held.map(Some), "{:?}", section.claims);
        }
    }
}
