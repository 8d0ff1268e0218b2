//! Figure 2: accuracy over model size and number of tasks, without a label permutation.

use super::cell::{CellResult, ExperimentError, Measure, Scale};
use super::definition::Experiment;
use super::grid::{Grid, number, word};
use super::paper;
use super::section::{Results, Section, headline, power, surely};
use super::stats::Interval;
use crate::plot::HeatMap;

pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "fig2",
    about: "accuracy over model size and number of tasks: a perceptron on single examples, a Transformer, new tasks",
    cells,
    section,
};

fn cells(grid: &mut Grid) -> Result<(), ExperimentError> {
    let tasks: Vec<i32> = grid.by(vec![0, 3], vec![0, 4, 8, 12], (0..=24).step_by(2).collect());
    let widths: Vec<usize> = grid.by(vec![8, 16], vec![8, 32, 64], vec![16, 32, 64, 128, 256, 512]);
    let units: Vec<usize> = grid.by(vec![8], vec![16, 256], vec![16, 64, 256, 1024, 4096]);
    let seen = Measure { seen: true, identity: true, ..grid.headline("seen", grid.data()) };
    let unseen = Measure { identity: true, ..grid.headline("unseen", grid.data()) };
    for &k in &tasks {
        let common = [format!("tasks.log2_tasks={k}"), "tasks.label_bias=1".to_owned()];
        for &width in &widths {
            let heads = if grid.scale == Scale::Full { 8 } else { 1 };
            let mut set = grid.learner(grid.main_learner());
            set.extend(common.clone());
            set.extend([format!("model.width={width}"), format!("model.key_size={}", (width / heads).max(4))]);
            if grid.scale == Scale::Desk {
                set.push("training.steps=200".into());
            }
            let axes = [("part", word("transformer")), ("size", number(width as f64)), ("log2_tasks", number(k))];
            grid.add(&format!("width{width}-k{k}"), &axes, &set, &[seen.clone(), unseen.clone()], None)?;
        }
        for &units in &units {
            let mut set = grid.learner("mlp");
            set.extend(common.clone());
            set.push(format!("learner.width={units}"));
            if grid.scale == Scale::Desk {
                set.push("training.steps=600".into());
            }
            let axes = [("part", word("mlp")), ("size", number(units as f64)), ("log2_tasks", number(k))];
            grid.add(&format!("mlp{units}-k{k}"), &axes, &set, std::slice::from_ref(&seen), None)?;
        }
    }
    Ok(())
}

/// `2¹² to 2¹³`
fn transition() -> String {
    let [first, last] = paper::FIGURE_2_TRANSITION;
    format!("{} to {}", power(first), power(last))
}

fn section(data: &Results<'_>) -> Section {
    let mut section = Section {
        question: format!(
            "Without a label permutation, the paper finds that a perceptron on single examples and a small \
             Transformer memorise few tasks only, that a wide Transformer solves unseen tasks from {} tasks \
             on, and that width sets how well.",
            transition()
        ),
        ..Section::default()
    };
    let maps = [
        ("mlp", "seen", "Perceptron on single examples, seen tasks", "hidden units"),
        ("transformer", "seen", "Transformer, seen tasks", "width"),
        ("transformer", "unseen", "Transformer, unseen tasks", "width"),
    ];
    for (part, measure, title, size_title) in maps {
        let part = Part::new(data, part);
        if !part.sizes.is_empty() {
            section.heat(&format!("fig2-{}-{measure}", part.name), &part.map(measure, title, size_title));
        }
    }
    claim_transformer(&Part::new(data, "transformer"), &mut section);
    claim_perceptron(&Part::new(data, "mlp"), &mut section);
    section
}

/// The cells of one kind of learner.
struct Part<'a> {
    data: &'a Results<'a>,
    name: &'static str,
    /// log₂ of the numbers of tasks.
    tasks: Vec<f64>,
    sizes: Vec<f64>,
}

impl<'a> Part<'a> {
    fn new(data: &'a Results<'a>, name: &'static str) -> Part<'a> {
        let own = |cell: &CellResult| cell.cell.word("part") == name;
        Part { data, name, tasks: data.numbers("log2_tasks", &own), sizes: data.numbers("size", &own) }
    }

    fn value(&self, measure: &str, size: f64, k: f64) -> Interval {
        let keep = |c: &CellResult| {
            c.cell.word("part") == self.name && c.cell.number("size") == size && c.cell.number("log2_tasks") == k
        };
        self.data.seeds(&keep, &|c| c.measured(measure, "").map(headline))
    }

    fn map(&self, measure: &str, title: &str, size_title: &str) -> HeatMap {
        HeatMap {
            title: title.into(),
            subtitle: "accuracy in % over the last five positions, mean over seeds".into(),
            x: ("tasks of meta-training".into(), self.tasks.iter().map(|k| power(*k)).collect()),
            y: (size_title.into(), self.sizes.iter().map(|s| format!("{s:.0}")).collect()),
            values: self
                .sizes
                .iter()
                .flat_map(|s| self.tasks.iter().map(move |k| (s, k)))
                .map(|(s, k)| Some(self.value(measure, *s, *k).mean).filter(|v| v.is_finite()))
                .collect(),
            words: vec![],
        }
    }
}

/// What width does, from how many tasks on unseen ones are learned, and that few are memorised.
fn claim_transformer(part: &Part<'_>, section: &mut Section) {
    let Part { tasks, sizes, .. } = part;
    let (Some(&most), Some(&small), Some(&wide)) = (tasks.last(), sizes.first(), sizes.last()) else { return };
    let (a, b) = (part.value("unseen", small, most), part.value("unseen", wide, most));
    let held = Some(b.mean - b.half > a.mean + a.half).filter(|_| a.half.is_finite() && b.half.is_finite());
    let [theirs_small, .., theirs_wide] =
        paper::FIGURE_2_UNSEEN.map(|(width, accuracy)| format!("{width:.0} {:.0} %", 100.0 * accuracy));
    section.claim(
        held,
        format!(
            "Width sets how well unseen tasks are learned: width {small:.0} {} %, width {wide:.0} {} % at {} tasks (paper: \
             {theirs_small}, {theirs_wide}).",
            a.percent(),
            b.percent(),
            power(most)
        ),
    );
    let rising = |size: f64| tasks.iter().copied().find(|k| surely(part.value("unseen", size, *k), 0.3));
    let words: Vec<String> = sizes
        .iter()
        .map(|s| format!("width {s:.0} {}", rising(*s).map_or("never".into(), |k| format!("from {}", power(k)))))
        .collect();
    section.claim(
        Some(rising(wide).is_some()),
        format!("Unseen tasks are learned (above 30 %): {}; paper: from {}.", words.join(", "), transition()),
    );
    let few = tasks.first().copied().unwrap_or(0.0);
    let (seen, unseen) = (part.value("seen", wide, few), part.value("unseen", wide, few));
    section.claim(
        Some(seen.mean - unseen.mean > 0.2),
        format!(
            "Few tasks are memorised and not learned from: at {} seen {} %, unseen {} % (width {wide:.0}).",
            power(few),
            seen.percent(),
            unseen.percent()
        ),
    );
}

/// How many tasks a perceptron memorises.
fn claim_perceptron(part: &Part<'_>, section: &mut Section) {
    let falls = |size: f64| part.tasks.iter().copied().find(|k| part.value("seen", size, *k).mean < 0.5);
    if part.sizes.is_empty() {
        return;
    }
    let all: Vec<Option<f64>> = part.sizes.iter().map(|s| falls(*s)).collect();
    let words: Vec<String> = part
        .sizes
        .iter()
        .zip(&all)
        .map(|(s, k)| format!("{s:.0} units {}", k.map_or("not within the grid".into(), power)))
        .collect();
    let [(units, tasks), others @ ..] = paper::FIGURE_2_MLP;
    let others = others.map(|(units, tasks)| format!("{units:.0} {}", power(tasks)));
    let order: Vec<f64> = all.iter().map(|k| k.unwrap_or(f64::INFINITY)).collect();
    section.claim(
        Some(order.is_sorted() && order.first() < order.last()),
        format!(
            "A larger perceptron memorises more tasks; below 50 % at: {} (paper: {units:.0} units {}, {}).",
            words.join(", "),
            power(tasks),
            others.join(", ")
        ),
    );
}
