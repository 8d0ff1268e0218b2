//! Seconds and operations until new tasks are learned, for each switch of the shifted-key learner.

use super::cell::{CellResult, ExperimentError, Measure, Point, Probe, Scale};
use super::definition::Experiment;
use super::grid::{Grid, word};
use super::plateau::{curves, passes};
use super::section::{Results, Section, Table};
use super::stats::Interval;
use crate::plot::{Axis, LineChart, Spacing, short};

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "emergence",
    about: "seconds and operations until new tasks are learned, for each switch of the shifted-key learner",
    cells,
    section,
};

fn cells(grid: &mut Grid) -> Result<(), ExperimentError> {
    let probe = Probe {
        measure: Measure { episodes: grid.by(4, 32, 256), ..grid.probe(10, 0.62).measure },
        ..grid.probe(10, 0.62)
    };
    let mut plans = vec![("paper".to_owned(), grid.learner("paper"))];
    for shift in ["none", "gated", "full"] {
        for (tie, query_key) in [("", "free"), (" + tie", "equal")] {
            for (norm, qk_norm) in [("", false), (" + norm", true)] {
                // a desk has time for both ends: neither switch, and both
                if grid.scale == Scale::Desk && shift != "full" && tie.is_empty() == qk_norm {
                    continue;
                }
                let mut set = grid.learner("shifted");
                set.extend([
                    format!("model.key_shift={shift}"),
                    format!("model.query_key={query_key}"),
                    format!("model.qk_norm={qk_norm}"),
                ]);
                let shift = if shift == "none" { "no shift".to_owned() } else { format!("{shift} shift") };
                plans.push((format!("{shift}{tie}{norm}"), set));
            }
        }
    }
    if grid.scale == Scale::Smoke {
        plans.truncate(2);
    }
    for (name, mut set) in plans {
        if grid.scale == Scale::Desk {
            set.extend(["training.steps=250", "training.cosine=false"].map(str::to_owned));
        }
        let folder = name.replace(" + ", "-").replace(' ', "-");
        grid.add(&folder, &[("learner", word(&name))], &set, &[], Some(&probe))?;
    }
    Ok(())
}

fn section(data: &Results<'_>) -> Section {
    let mut section = Section {
        question: "How soon do new tasks pass 30 and 60 %, for each switch of the shifted-key learner, at the same data, size \
                   and optimiser? The paper's tokens are the reference."
            .into(),
        ..Section::default()
    };
    let learners = data.words("learner");
    let levels = vec![(0.3, "30 %".into()), (0.6, "60 %".into())];
    let keep = |i: usize, c: &CellResult| c.cell.word("learner") == learners[i];
    let chart = curves(data, "When in-context learning emerges", &learners, &keep, levels);
    section.chart("emergence", &LineChart { x: Axis::new("steps", Spacing::Log10), ..chart });
    section.tables.push(table(data, &learners));
    claim(data, &learners, &mut section);
    section
}

/// When the runs of a learner pass a level.
struct Passed {
    /// Of those that do.
    at: Interval,
    runs: usize,
    all: usize,
}

impl Passed {
    fn new(data: &Results<'_>, learner: &str, level: f64, of: fn(&Point) -> f64) -> Passed {
        let cells: Vec<&&CellResult> = data.done().filter(|c| c.cell.word("learner") == learner).collect();
        let values: Vec<f64> = cells.iter().filter_map(|c| passes(&c.outcome.probes, level)).map(of).collect();
        Passed { at: Interval::of(&values), runs: values.len(), all: cells.len() }
    }

    /// `42 ± 6`, `42 ± 6 (2 of 3)`, `never`.
    fn show(&self, unit: f64) -> String {
        let half = match self.at.half.is_finite() {
            true => format!(" ± {}", short(self.at.half * unit)),
            false => String::new(),
        };
        let mean = short(self.at.mean * unit);
        match (self.runs, self.all) {
            (_, 0) => "–".into(),
            (0, _) => "never".into(),
            (n, all) if n < all => format!("{mean}{half} ({n} of {all})"),
            _ => format!("{mean}{half}"),
        }
    }
}

fn table(data: &Results<'_>, learners: &[String]) -> Table {
    let row = |name: &String| {
        let mut row = vec![name.clone()];
        for level in [0.3, 0.6] {
            row.push(Passed::new(data, name, level, |p| p.step as f64).show(1.0));
            row.push(Passed::new(data, name, level, |p| p.seconds).show(1.0));
            row.push(Passed::new(data, name, level, |p| p.flop).show(1e-12));
        }
        let best = |c: &CellResult| c.outcome.probes.iter().map(|p| p.accuracy).fold(f64::NAN, f64::max);
        row.push(data.seeds(&|c| c.cell.word("learner") == name, &|c| Some(best(c))).percent());
        row
    };
    Table {
        title: "Until new tasks pass a level; seconds are wall-clock on one thread of a shared machine".into(),
        head: ["learner", "steps to 30 %", "seconds", "TFLOP", "steps to 60 %", "seconds", "TFLOP", "best seen, %"]
            .map(str::to_owned)
            .to_vec(),
        rows: learners.iter().map(row).collect(),
        reference: vec![],
    }
}

/// Who is soonest above 30 %, and whether the shift of keys is what decides.
fn claim(data: &Results<'_>, learners: &[String], section: &mut Section) {
    let to_30 = |name: &str| Passed::new(data, name, 0.3, |p| p.step as f64);
    let mut emerged: Vec<(&String, f64)> = learners
        .iter()
        .map(|name| (name, to_30(name)))
        .filter(|(_, passed)| passed.runs == passed.all && passed.runs > 0)
        .map(|(name, passed)| (name, passed.at.mean))
        .collect();
    emerged.sort_by(|a, b| a.1.total_cmp(&b.1));
    let Some((name, steps)) = emerged.first() else { return };
    let Passed { runs, all, .. } = to_30("paper");
    let of_paper = data.done().filter(|c| c.cell.word("learner") == "paper");
    let most = of_paper.map(|c| c.outcome.steps).max().unwrap_or(0);
    section.claim(
        (all > 0).then_some(runs == 0),
        format!(
            "Soonest above 30 %: {name}, after {steps:.0} steps. The paper's tokens pass 30 % in {runs} of {all} runs of {most} \
             steps at the same compute."
        ),
    );
    let never: Vec<&String> =
        learners.iter().filter(|name| to_30(name).runs == 0 && name.as_str() != "paper").collect();
    let without = never.iter().filter(|name| name.starts_with("no shift")).count();
    let all_without = learners.iter().filter(|name| name.starts_with("no shift")).count();
    if all_without > 0 {
        section.claim(
            Some(without == all_without && never.len() == all_without),
            format!(
                "The shift of keys is what decides: of {all_without} learners without it {without} stay below 30 %, of {} with \
                 it {}.",
                learners.len() - all_without - usize::from(learners.iter().any(|l| l == "paper")),
                never.len() - without
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::cell::Cell;
    use super::super::registry::cells;
    use super::super::testing::{result, section_of};
    use super::*;

    #[test]
    fn switches_are_told_from_the_probes() {
        let grid = cells("emergence", Scale::Desk, None).unwrap();
        let results = |fast: &dyn Fn(&str) -> bool| -> Vec<CellResult> {
            let probes = |cell: &Cell| match fast(cell.word("learner")) {
                true => vec![(10, 0.1), (20, 0.35), (30, 0.65)],
                false => vec![(10, 0.1), (20, 0.1), (250, 0.12)],
            };
            grid.iter().map(|cell| result(cell, &[], &probes(cell))).collect()
        };
        let shift = section_of(section, &results(&|name| name.starts_with("full")));
        assert_eq!(shift.claims[0].held, Some(true));
        assert!(shift.claims[0].text.contains("after 20 steps"), "{}", shift.claims[0].text);
        assert!(shift.claims[0].text.contains("in 0 of 3 runs of 250 steps"), "{}", shift.claims[0].text);
        let all = section_of(section, &results(&|_| true));
        assert_eq!((all.claims[0].held, all.claims[1].held), (Some(false), Some(false)), "{:?}", all.claims);
    }
}
