//! Figure 4: three phases over the number of meta-training tasks.

use super::cell::{CellResult, ExperimentError, Measure, Measured, Scale};
use super::definition::Experiment;
use super::grid::{Grid, number, word};
use super::paper;
use super::section::{CHANCE, Results, Section, Table, chart, first, headline, line, power, reference, surely};
use super::stats::Interval;
use crate::plot::{Axis, LineChart, Spacing};

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "fig4",
    about: "three phases over the number of tasks: memorise, identify, learn to learn",
    cells,
    section,
};

fn cells(grid: &mut Grid) -> Result<(), ExperimentError> {
    let measures = [
        Measure { seen: true, ..grid.measure("seen", grid.data()) },
        grid.measure("unseen", grid.data()),
        grid.measure("unseen-other", grid.other()),
    ];
    let grids: Vec<(&str, Vec<i32>)> = match grid.scale {
        Scale::Smoke => vec![("shifted", vec![0, 3]), ("paper", vec![0])],
        Scale::Desk => {
            vec![("shifted", vec![0, 2, 4, 6, 8, 12]), ("paper", vec![12]), ("paper-curriculum", vec![0, 4, 8, 12, 16])]
        }
        Scale::Full => vec![("paper", (0..=24).step_by(2).collect()), ("shifted", (0..=24).step_by(2).collect())],
    };
    for (learner, tasks) in grids {
        for k in tasks {
            let mut set = grid.learner(learner);
            set.push(format!("tasks.log2_tasks={k}"));
            let axes = [("learner", word(learner)), ("log2_tasks", number(k))];
            grid.add(&format!("{learner}-k{k}"), &axes, &set, &measures, None)?;
        }
    }
    Ok(())
}

fn section(data: &Results<'_>) -> Section {
    let mut section = Section {
        question: "Over the number of meta-training tasks the paper sees three phases: tasks are memorised; then \
                   identified from the sequence; then, from 2¹⁴ to 2¹⁵ tasks on, unseen tasks are learned."
            .into(),
        ..Section::default()
    };
    for learner in data.words("learner") {
        let own = |cell: &CellResult| cell.cell.word("learner") == learner;
        let of = Learner { data, name: &learner, tasks: data.numbers("log2_tasks", &own) };
        section.chart(&format!("fig4-{learner}"), &of.chart());
        of.claim(&mut section);
        section.tables.push(of.table());
    }
    section
}

/// The cells of one learner.
struct Learner<'a> {
    data: &'a Results<'a>,
    name: &'a str,
    /// log₂ of the numbers of tasks.
    tasks: Vec<f64>,
}

impl Learner<'_> {
    /// A value of a measure with 2^k tasks.
    fn at(&self, k: f64, measure: &str, value: &dyn Fn(&Measured) -> f64) -> Interval {
        let keep = |c: &CellResult| c.cell.word("learner") == self.name && c.cell.number("log2_tasks") == k;
        self.data.seeds(&keep, &|c| c.measured(measure, "").map(value))
    }

    fn gain(&self, k: f64, measure: &str) -> Interval {
        self.at(k, measure, &|m| headline(m) - first(m))
    }

    fn last(&self, k: f64, measure: &str) -> Interval {
        self.at(k, measure, &headline)
    }

    /// What the learner does with 2^k tasks.
    fn phase(&self, k: f64) -> &'static str {
        if surely(self.gain(k, "unseen"), 0.1) {
            "learns to learn"
        } else if surely(self.gain(k, "seen"), 0.1) {
            "identifies"
        } else if surely(self.last(k, "seen"), CHANCE + 0.1) {
            "memorises"
        } else {
            "plateau"
        }
    }

    fn chart(&self) -> LineChart {
        let kinds =
            [("seen", "seen tasks", 0), ("unseen", "unseen tasks", 1), ("unseen-other", "unseen, other data set", 2)];
        let mut lines = Vec::new();
        for (colour, (measure, words, of_paper)) in kinds.into_iter().enumerate() {
            lines.push(line(words, colour, self.tasks.iter().map(|&k| (k.exp2(), self.gain(k, measure)))));
            if self.data.scale != Scale::Smoke {
                lines.push(reference(&format!("{words}, paper"), colour, paper::FIGURE_4[of_paper].1));
            }
        }
        let title = format!("Three phases: learner “{}”", self.name);
        let subtitle = format!("gain from the first to the last examples; {}", self.data.intervals());
        let (x, y) = (Axis::new("tasks of meta-training", Spacing::Log2), Axis::percent("gain within a sequence"));
        LineChart { lines, ..chart(title, subtitle, x, y) }
    }

    /// Which phases were seen, and from how many tasks on unseen ones are learned.
    fn claim(&self, section: &mut Section) {
        let learner = self.name;
        let range = |name: &str| -> Option<String> {
            let of: Vec<f64> = self.tasks.iter().copied().filter(|&k| self.phase(k) == name).collect();
            Some(match (of.first()?, of.last()?) {
                (a, b) if a == b => power(*a),
                (a, b) => format!("{} to {}", power(*a), power(*b)),
            })
        };
        let phases = ["memorises", "identifies", "learns to learn"];
        let found: Vec<String> =
            phases.iter().filter_map(|p| range(p).map(|range| format!("{p} at {range} tasks"))).collect();
        let seen = found.len() == phases.len();
        section.claim(
            Some(seen),
            format!(
                "Learner “{learner}”: three phases seen: {}. {}",
                if seen { "yes" } else { "no" },
                if found.is_empty() { "It stays at chance everywhere.".into() } else { found.join(", ") + "." }
            ),
        );
        let Some(k) = self.tasks.iter().copied().find(|&k| self.phase(k) == "learns to learn") else {
            section.claim(Some(false), format!("Learner “{learner}” never learns unseen tasks in this grid."));
            return;
        };
        let most = *self.tasks.last().unwrap_or(&k);
        section.claim(
            None,
            format!(
                "Learner “{learner}”: unseen tasks are learned from {} tasks on (paper: 2¹⁴ to 2¹⁵ at its scale), gain {} %, \
                 on the other data set {} %.",
                power(k),
                self.gain(most, "unseen").percent(),
                self.gain(most, "unseen-other").percent(),
            ),
        );
    }

    fn table(&self) -> Table {
        let row = |&k: &f64| {
            let mut row = vec![power(k), self.at(k, "seen", &first).percent()];
            row.extend(["seen", "unseen", "unseen-other"].map(|measure| self.last(k, measure).percent()));
            row.push(self.phase(k).to_owned());
            row
        };
        Table {
            title: format!("Learner “{}”, accuracy in per cent", self.name),
            head: ["tasks", "seen: first", "seen: last", "unseen: last", "other data: last", "phase"]
                .map(str::to_owned)
                .to_vec(),
            rows: self.tasks.iter().map(row).collect(),
            reference: vec![],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cell::Scale;
    use super::super::registry::cells;
    use super::super::testing::{result, section_of};
    use super::*;

    #[test]
    fn phases_are_told_from_the_numbers() {
        let grid = cells("fig4", Scale::Desk, None).unwrap();
        let of = |accuracy: &dyn Fn(f64) -> [(f64, f64); 3]| -> Section {
            let results: Vec<CellResult> = grid
                .iter()
                .filter(|cell| cell.word("learner") == "shifted")
                .map(|cell| {
                    // seeds differ a little
                    let shift = 0.01 * cell.number("seed");
                    let [a, b, c] = accuracy(cell.number("log2_tasks")).map(|(f, l)| (f, l + shift));
                    result(cell, &[("seen", a.0, a.1), ("unseen", b.0, b.1), ("unseen-other", c.0, c.1)], &[])
                })
                .collect();
            section_of(section, &results)
        };
        let three = of(&|k| match k {
            k if k < 3.0 => [(0.9, 0.9), (0.1, 0.1), (0.1, 0.1)],
            k if k < 7.0 => [(0.2, 0.7), (0.1, 0.12), (0.1, 0.11)],
            _ => [(0.1, 0.7), (0.1, 0.69), (0.1, 0.6)],
        });
        assert_eq!(three.claims[0].held, Some(true));
        let text = &three.claims[0].text;
        assert!(text.contains("memorises at 2⁰ to 2²") && text.contains("identifies at 2⁴ to 2⁶"), "{text}");
        assert!(text.contains("learns to learn at 2⁸"), "{text}");
        assert!(three.claims[1].text.contains("from 2⁸ tasks on"), "{}", three.claims[1].text);

        let never = of(&|_| [(0.1, 0.1), (0.1, 0.1), (0.1, 0.1)]);
        assert_eq!((never.claims[0].held, never.claims[1].held), (Some(false), Some(false)));
        assert!(never.claims[0].text.contains("stays at chance"));
        let at_once = of(&|_| [(0.1, 0.7), (0.1, 0.7), (0.1, 0.6)]);
        assert_eq!(at_once.claims[0].held, Some(false), "{}", at_once.claims[0].text);
    }
}
