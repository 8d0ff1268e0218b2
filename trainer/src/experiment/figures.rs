//! From results to figures, tables and the words under them. Every word about what was found is computed here from the
//! results; nothing of it is written by hand.

use std::collections::BTreeMap;

use super::measure::{Measured, Point};
use super::paper;
use super::stats::{Interval, rank_correlation, slope};
use super::{CellResult, Scale, State};
use crate::chart::{Axis, Chart, Heat, Line, Spacing, Stroke, short, superscript};

/// A finding: what the paper says, or what we ask, and whether the results bear it out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Claim {
    /// In words, with the numbers.
    pub text: String,
    /// Held, not held, or not to be told from these results.
    pub held: Option<bool>,
}

/// A table to copy.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Table {
    pub title: String,
    pub head: Vec<String>,
    pub rows: Vec<Vec<String>>,
    /// Rows of others' numbers, for they look different.
    pub reference: Vec<usize>,
}

/// A picture and the numbers behind it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Figure {
    pub name: String,
    pub svg: String,
    pub csv: String,
}

/// What a report says of one experiment.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Section {
    /// What the paper found, or what is asked.
    pub question: String,
    pub figures: Vec<Figure>,
    pub claims: Vec<Claim>,
    pub tables: Vec<Table>,
}

impl Section {
    fn chart(&mut self, name: &str, chart: &Chart) {
        self.figures.push(Figure { name: name.to_owned(), svg: chart.svg(), csv: chart.csv() });
    }

    fn heat(&mut self, name: &str, heat: &Heat) {
        self.figures.push(Figure { name: name.to_owned(), svg: heat.svg(), csv: heat.csv() });
    }

    fn claim(&mut self, held: Option<bool>, text: String) {
        self.claims.push(Claim { text, held });
    }
}

/// The results of one experiment at one scale.
pub(super) struct Data<'a> {
    pub scale: Scale,
    pub cells: Vec<&'a CellResult>,
}

/// The section of an experiment.
pub(super) fn section(name: &str, data: &Data<'_>) -> Section {
    match name {
        "fig2" => figure_2(data),
        "fig3" => figure_3(data),
        "fig4" => figure_4(data),
        "fig5" => figure_5(data),
        "fig7" => figure_7(data),
        "fig8" => figure_8(data),
        "embeddings" => embeddings(data),
        "length" => length(data),
        "table" => table(data),
        "emergence" => emergence(data),
        "prior" => prior(data),
        _ => Section::default(),
    }
}

/// Accuracy at the end of an episode: the mean over its last five positions, whose queries are nearly independent.
fn headline(measured: &Measured) -> f64 {
    let last = measured.positions.last().copied().unwrap_or(1);
    let five: Vec<f64> = (measured.positions.iter().zip(&measured.accuracy))
        .filter(|(p, _)| **p + 5 > last)
        .map(|(_, accuracy)| *accuracy)
        .collect();
    five.iter().sum::<f64>() / five.len().max(1) as f64
}

/// Accuracy before anything was shown.
fn first(measured: &Measured) -> f64 {
    measured.accuracy.first().copied().unwrap_or(f64::NAN)
}

impl CellResult {
    fn measured(&self, name: &str, by: &str) -> Option<&Measured> {
        self.outcome.measured.iter().find(|m| m.name == name && m.by == by)
    }
}

impl<'a> Data<'a> {
    fn done(&self) -> impl Iterator<Item = &&'a CellResult> {
        self.cells.iter().filter(|cell| cell.state == State::Done)
    }

    /// Values of an axis of words, in the order of their first cell.
    fn words(&self, axis: &str) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for cell in &self.cells {
            let word = cell.cell.word(axis);
            if !word.is_empty() && !all.iter().any(|known| known == word) {
                all.push(word.to_owned());
            }
        }
        all
    }

    /// Values of an axis of numbers, ascending.
    fn numbers(&self, axis: &str, keep: &dyn Fn(&CellResult) -> bool) -> Vec<f64> {
        let cells = self.cells.iter().filter(|cell| keep(cell));
        let mut all: Vec<f64> = cells.map(|cell| cell.cell.number(axis)).filter(|v| v.is_finite()).collect();
        all.sort_by(f64::total_cmp);
        all.dedup();
        all
    }

    /// One value of each seed, of the cells that are kept.
    fn seeds(&self, keep: &dyn Fn(&CellResult) -> bool, value: &dyn Fn(&CellResult) -> Option<f64>) -> Interval {
        let values: Vec<f64> = self.done().filter(|cell| keep(cell)).filter_map(|cell| value(cell)).collect();
        Interval::of(&values)
    }

    /// How many seeds cells have, and what an interval is then made of.
    fn intervals(&self) -> String {
        let mut seeds: BTreeMap<&str, usize> = BTreeMap::new();
        for cell in self.done().filter(|cell| cell.cell.number("seed").is_finite()) {
            let name = cell.cell.name.rsplit_once("-seed").map_or(&cell.cell.name[..], |(name, _)| name);
            *seeds.entry(name).or_default() += 1;
        }
        let (least, most) = (seeds.values().min().copied().unwrap_or(0), seeds.values().max().copied().unwrap_or(0));
        let count = if least == most { format!("{most}") } else { format!("{least} to {most}") };
        match most {
            0 | 1 => "one seed: no interval over seeds".into(),
            _ => format!("bands and ±: 95 % intervals of the mean over {count} seeds (Student's t)"),
        }
    }
}

/// Chance level of ten classes.
const CHANCE: f64 = 0.1;

fn power(log2: f64) -> String {
    format!("2{}", superscript(log2.round() as i32))
}

/// Intervals over an axis as a line.
fn line(name: &str, colour: usize, points: impl IntoIterator<Item = (f64, Interval)>) -> Line {
    let points: Vec<(f64, Interval)> = points.into_iter().filter(|(_, i)| i.mean.is_finite()).collect();
    let some = points.iter().any(|(_, i)| i.half.is_finite());
    Line {
        name: name.to_owned(),
        points: points.iter().map(|(x, i)| (*x, i.mean)).collect(),
        half: if some { points.iter().map(|(_, i)| i.half).collect() } else { vec![] },
        stroke: Stroke::Solid,
        colour,
    }
}

fn reference(name: &str, colour: usize, points: &[(f64, f64)]) -> Line {
    Line { name: name.to_owned(), points: points.to_vec(), half: vec![], stroke: Stroke::Reference, colour }
}

fn name_of(data: &str) -> &str {
    match data {
        "mnist" => "MNIST",
        "fashion-mnist" => "Fashion",
        "kmnist" => "KMNIST",
        "sklearn-digits" => "digits",
        "cifar-10" => "CIFAR10",
        "svhn" => "SVHN",
        "random" => "Random",
        other => other,
    }
}

fn figure_4(data: &Data<'_>) -> Section {
    let mut section = Section {
        question: "Over the number of meta-training tasks the paper sees three phases: tasks are memorised; then \
                   identified from the sequence; then, from 2¹⁴ to 2¹⁵ tasks on, unseen tasks are learned."
            .into(),
        ..Section::default()
    };
    for learner in data.words("learner") {
        let own = |cell: &CellResult| cell.cell.word("learner") == learner;
        let tasks = data.numbers("log2_tasks", &own);
        let at = |k: f64, value: &dyn Fn(&CellResult) -> Option<f64>| {
            data.seeds(&|cell| own(cell) && cell.cell.number("log2_tasks") == k, value)
        };
        let gain = |k: f64, name: &str| at(k, &|c| c.measured(name, "").map(|m| headline(m) - first(m)));
        let last = |k: f64, name: &str| at(k, &|c| c.measured(name, "").map(headline));
        let start = |k: f64, name: &str| at(k, &|c| c.measured(name, "").map(first));
        let mut lines = Vec::new();
        for (colour, (name, words, of_paper)) in
            [("seen", "seen tasks", 0), ("unseen", "unseen tasks", 1), ("unseen-other", "unseen, other data set", 2)]
                .into_iter()
                .enumerate()
        {
            lines.push(line(words, colour, tasks.iter().map(|&k| (k.exp2(), gain(k, name)))));
            if data.scale != Scale::Smoke {
                lines.push(reference(&format!("{words}, paper"), colour, paper::FIGURE_4[of_paper].1));
            }
        }
        section.chart(
            &format!("fig4-{learner}"),
            &Chart {
                title: format!("Three phases: learner “{learner}”"),
                subtitle: format!("gain from the first to the last examples; {}", data.intervals()),
                x: Axis::new("tasks of meta-training", Spacing::Log2),
                y: Axis::percent("gain within a sequence"),
                lines,
                levels: vec![],
            },
        );
        // what each number of tasks did
        let phase = |k: f64| -> &'static str {
            if surely(gain(k, "unseen"), 0.1) {
                "learns to learn"
            } else if surely(gain(k, "seen"), 0.1) {
                "identifies"
            } else if surely(last(k, "seen"), CHANCE + 0.1) {
                "memorises"
            } else {
                "plateau"
            }
        };
        let range = |name: &str| -> Option<String> {
            let of: Vec<f64> = tasks.iter().copied().filter(|&k| phase(k) == name).collect();
            Some(match (of.first()?, of.last()?) {
                (a, b) if a == b => power(*a),
                (a, b) => format!("{} to {}", power(*a), power(*b)),
            })
        };
        let phases = ["memorises", "identifies", "learns to learn"];
        let found: Vec<String> =
            phases.iter().filter_map(|p| range(p).map(|range| format!("{p} at {range} tasks"))).collect();
        let seen = found.len() == 3;
        section.claim(
            Some(seen),
            format!(
                "Learner “{learner}”: three phases seen: {}. {}",
                if seen { "yes" } else { "no" },
                if found.is_empty() { "It stays at chance everywhere.".into() } else { found.join(", ") + "." }
            ),
        );
        let transition = tasks.iter().copied().find(|&k| phase(k) == "learns to learn");
        match transition {
            Some(k) => section.claim(
                None,
                format!(
                    "Learner “{learner}”: unseen tasks are learned from {} tasks on (paper: 2¹⁴ to 2¹⁵ at its scale), gain {} %, \
                     on the other data set {} %.",
                    power(k),
                    gain(*tasks.last().unwrap_or(&k), "unseen").percent(),
                    gain(*tasks.last().unwrap_or(&k), "unseen-other").percent(),
                ),
            ),
            None => section.claim(Some(false), format!("Learner “{learner}” never learns unseen tasks in this grid.")),
        }
        section.tables.push(Table {
            title: format!("Learner “{learner}”, accuracy in per cent"),
            head: ["tasks", "seen: first", "seen: last", "unseen: last", "other data: last", "phase"]
                .map(str::to_owned)
                .to_vec(),
            rows: tasks
                .iter()
                .map(|&k| {
                    let mut row = vec![power(k), start(k, "seen").percent()];
                    row.extend(["seen", "unseen", "unseen-other"].map(|name| last(k, name).percent()));
                    row.push(phase(k).to_owned());
                    row
                })
                .collect(),
            reference: vec![],
        });
    }
    section
}

/// Whether a value is above a level: its whole interval if there is one, else the value.
fn surely(value: Interval, level: f64) -> bool {
    match value.half.is_finite() {
        true => value.above(level),
        false => value.mean > level,
    }
}

fn figure_3(data: &Data<'_>) -> Section {
    let mut section = Section {
        question:
            "The paper's learners go on learning over 100 examples, on the data set of their meta-training and on \
                   another one; those trained on the same data set are a little better."
                .into(),
        ..Section::default()
    };
    let trained = data.words("train");
    let rules = data.cells.iter().find(|cell| cell.cell.word("learner") == "rules");
    let tested: Vec<String> = match data.cells.iter().find(|c| !c.outcome.measured.is_empty()) {
        Some(cell) => cell
            .outcome
            .measured
            .iter()
            .filter(|m| m.by.is_empty() || rules.is_none())
            .map(|m| m.name.clone())
            .collect(),
        None => trained.clone(),
    };
    for test in &tested {
        let mut lines = Vec::new();
        for (colour, train) in trained.iter().enumerate() {
            let own = |cell: &CellResult| cell.cell.word("train") == train;
            let Some(shape) = data.done().find(|c| own(c)).and_then(|c| c.measured(test, "")) else { continue };
            let at = |i: usize| data.seeds(&own, &|c| c.measured(test, "").and_then(|m| m.accuracy.get(i).copied()));
            let points = (0..shape.positions.len()).map(|i| (shape.positions[i] as f64, at(i)));
            lines.push(line(&format!("trained on {}", name_of(train)), colour, points));
            for (_, _, curve) in paper::FIGURE_3.iter().filter(|(a, b, _)| a == train && b == test) {
                // the paper counts examples shown, we the position that is asked
                let shifted: Vec<(f64, f64)> = curve.iter().map(|(n, a)| (n + 1.0, *a)).collect();
                lines.push(reference(&format!("{}, paper", name_of(train)), colour, &shifted));
            }
        }
        if let Some(m) = rules.and_then(|cell| cell.measured(test, "1-NN cosine")) {
            let points: Vec<(f64, f64)> =
                m.positions.iter().map(|p| *p as f64).zip(m.accuracy.iter().copied()).collect();
            lines.push(reference("1-NN, same inputs", trained.len(), &points));
        }
        section.chart(
            &format!("fig3-{test}"),
            &Chart {
                title: format!("Learning {} in context", name_of(test)),
                subtitle: data.intervals(),
                x: Axis::new("position of the example in its episode", Spacing::Linear),
                y: Axis::percent("accuracy"),
                lines,
                levels: vec![(CHANCE, "chance".into())],
            },
        );
        let last = |train: &str, of_seed: Option<f64>| {
            let keep =
                |c: &CellResult| c.cell.word("train") == train && of_seed.is_none_or(|s| c.cell.number("seed") == s);
            data.seeds(&keep, &|c| c.measured(test, "").map(headline))
        };
        for other in trained.iter().filter(|other| *other != test && trained.contains(test)) {
            let seeds = data.numbers("seed", &|_| true);
            let gaps: Vec<f64> = seeds.iter().map(|s| last(test, Some(*s)).mean - last(other, Some(*s)).mean).collect();
            let gap = Interval::of(&gaps);
            let held = match (gap.above(0.0), gap.below(0.0)) {
                (true, _) => Some(true),
                (_, true) => Some(false),
                _ => None,
            };
            section.claim(
                held,
                format!(
                    "Tested on {}: trained on the same data set {} %, on {} {} %; the difference is {} points{}.",
                    name_of(test),
                    last(test, None).percent(),
                    name_of(other),
                    last(other, None).percent(),
                    gap.percent(),
                    if held.is_none() { ", which these seeds cannot tell from none" } else { "" }
                ),
            );
        }
    }
    section.tables.push(Table {
        title: "Accuracy in per cent over the last five positions".into(),
        head: ["trained on", "tested on", "here", "paper, at 99 shown"].map(str::to_owned).to_vec(),
        rows: trained
            .iter()
            .flat_map(|train| tested.iter().map(move |test| (train, test)))
            .map(|(train, test)| {
                let here = data.seeds(&|c| c.cell.word("train") == train, &|c| c.measured(test, "").map(headline));
                let theirs = paper::FIGURE_3.iter().find(|(a, b, _)| a == train && b == test);
                let theirs = theirs.and_then(|(_, _, curve)| curve.last()).map_or("–".into(), |p| short(100.0 * p.1));
                vec![name_of(train).into(), name_of(test).into(), here.percent(), theirs]
            })
            .collect(),
        reference: vec![],
    });
    section
}

fn figure_2(data: &Data<'_>) -> Section {
    let mut section = Section {
        question: "Without a label permutation, the paper finds that a perceptron on single examples and a small \
                   Transformer memorise few tasks only, that a wide Transformer solves unseen tasks from 2¹² to 2¹³ tasks \
                   on, and that width sets how well."
            .into(),
        ..Section::default()
    };
    let parts = [
        ("mlp", "seen", "Perceptron on single examples, seen tasks", "hidden units"),
        ("transformer", "seen", "Transformer, seen tasks", "width"),
        ("transformer", "unseen", "Transformer, unseen tasks", "width"),
    ];
    let value = |part: &str, name: &str, size: f64, k: f64| {
        let keep = |c: &CellResult| {
            c.cell.word("part") == part && c.cell.number("size") == size && c.cell.number("log2_tasks") == k
        };
        data.seeds(&keep, &|c| c.measured(name, "").map(headline))
    };
    for (part, name, title, size_title) in parts {
        let own = |cell: &CellResult| cell.cell.word("part") == part;
        let (tasks, sizes) = (data.numbers("log2_tasks", &own), data.numbers("size", &own));
        if sizes.is_empty() {
            continue;
        }
        let values: Vec<Option<f64>> = sizes
            .iter()
            .flat_map(|s| tasks.iter().map(move |k| (s, k)))
            .map(|(s, k)| Some(value(part, name, *s, *k).mean).filter(|v| v.is_finite()))
            .collect();
        section.heat(
            &format!("fig2-{part}-{name}"),
            &Heat {
                title: title.into(),
                subtitle: "accuracy in % over the last five positions, mean over seeds".into(),
                x: ("tasks of meta-training".into(), tasks.iter().map(|k| power(*k)).collect()),
                y: (size_title.into(), sizes.iter().map(|s| format!("{s:.0}")).collect()),
                values,
                words: vec![],
            },
        );
    }
    let own = |cell: &CellResult| cell.cell.word("part") == "transformer";
    let (tasks, sizes) = (data.numbers("log2_tasks", &own), data.numbers("size", &own));
    if let (Some(&most), Some(&small), Some(&wide)) = (tasks.last(), sizes.first(), sizes.last()) {
        let (a, b) = (value("transformer", "unseen", small, most), value("transformer", "unseen", wide, most));
        let held = Some(b.mean - b.half > a.mean + a.half).filter(|_| a.half.is_finite() && b.half.is_finite());
        section.claim(
            held,
            format!(
                "Width sets how well unseen tasks are learned: width {small:.0} {} %, width {wide:.0} {} % at {} tasks (paper: 16 29 %, \
                 512 86 %).",
                a.percent(),
                b.percent(),
                power(most)
            ),
        );
        let rising = |size: f64| tasks.iter().copied().find(|k| surely(value("transformer", "unseen", size, *k), 0.3));
        let words: Vec<String> = sizes
            .iter()
            .map(|s| format!("width {s:.0} {}", rising(*s).map_or("never".into(), |k| format!("from {}", power(k)))))
            .collect();
        section.claim(
            Some(rising(wide).is_some()),
            format!("Unseen tasks are learned (above 30 %): {}; paper: from 2¹² to 2¹³.", words.join(", ")),
        );
        let few = tasks.first().copied().unwrap_or(0.0);
        let (seen, unseen) = (value("transformer", "seen", wide, few), value("transformer", "unseen", wide, few));
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
    let own = |cell: &CellResult| cell.cell.word("part") == "mlp";
    let (tasks, units) = (data.numbers("log2_tasks", &own), data.numbers("size", &own));
    let falls = |size: f64| tasks.iter().copied().find(|k| value("mlp", "seen", size, *k).mean < 0.5);
    if !units.is_empty() {
        let all: Vec<Option<f64>> = units.iter().map(|s| falls(*s)).collect();
        let words: Vec<String> = units
            .iter()
            .zip(&all)
            .map(|(s, k)| format!("{s:.0} units {}", k.map_or("not within the grid".into(), power)))
            .collect();
        let order: Vec<f64> = all.iter().map(|k| k.unwrap_or(f64::INFINITY)).collect();
        section.claim(
            Some(order.is_sorted() && order.first() < order.last()),
            format!(
                "A larger perceptron memorises more tasks; below 50 % at: {} (paper: 64 units 2⁹, 256 2¹¹, 1024 2¹²).",
                words.join(", ")
            ),
        );
    }
    section
}

/// Step at which accuracy first passes a level; `None` if it never does.
fn passes(points: &[Point], level: f64) -> Option<&Point> {
    points.iter().find(|point| point.accuracy >= level)
}

/// Where a plateau ends: twice chance.
const PLATEAU: f64 = 0.2;

/// Accuracy over steps of the cells that are kept. A run that ended at its goal stays there.
fn curve(data: &Data<'_>, name: &str, colour: usize, keep: &dyn Fn(&CellResult) -> bool) -> Line {
    let mut at: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    let cells: Vec<&&CellResult> = data.done().filter(|cell| keep(cell)).collect();
    for point in cells.iter().flat_map(|cell| &cell.outcome.probes) {
        at.entry(point.step).or_default();
    }
    let shortest = cells.iter().filter_map(|c| c.outcome.probes.last()).map(|p| p.step).max().unwrap_or(0);
    for (step, values) in at.iter_mut().filter(|(step, _)| **step <= shortest) {
        for cell in &cells {
            let probes = &cell.outcome.probes;
            if let Some(point) = probes.iter().find(|p| p.step == *step).or(probes.last()) {
                values.push(point.accuracy);
            }
        }
    }
    let points = at.into_iter().map(|(step, values)| (step as f64, Interval::of(&values)));
    line(name, colour, points)
}

/// Plateau lengths of the cells that are kept, and how many of them never left it within their steps.
fn plateaus(data: &Data<'_>, keep: &dyn Fn(&CellResult) -> bool) -> (Vec<f64>, usize) {
    let mut lengths = Vec::new();
    let mut stuck = 0;
    for cell in data.done().filter(|cell| keep(cell)) {
        match passes(&cell.outcome.probes, PLATEAU) {
            Some(point) => lengths.push(point.step as f64),
            None => stuck += 1,
        }
    }
    (lengths, stuck)
}

/// `310 ± 40 steps`, `310 ± 40 steps, 1 of 3 never`.
fn plateau_words((lengths, stuck): &(Vec<f64>, usize)) -> String {
    let interval = Interval::of(lengths);
    match (lengths.len(), stuck) {
        (0, 0) => "–".into(),
        (0, _) => "never left".into(),
        (n, stuck) => {
            let half = if interval.half.is_finite() { format!(" ± {:.0}", interval.half) } else { String::new() };
            let never = if *stuck > 0 { format!(", {stuck} of {} never", n + stuck) } else { String::new() };
            format!("{:.0}{half} steps{never}", interval.mean)
        }
    }
}

/// Slope of the plateau's length over an axis, both as logarithms, of every run that left it.
fn plateau_slope(data: &Data<'_>, axis: &dyn Fn(&CellResult) -> f64, keep: &dyn Fn(&CellResult) -> bool) -> Interval {
    let points: Vec<(f64, f64)> = data
        .done()
        .filter(|cell| keep(cell))
        .filter_map(|cell| Some((axis(cell).ln(), (passes(&cell.outcome.probes, PLATEAU)?.step as f64).ln())))
        .filter(|(x, y)| x.is_finite() && y.is_finite())
        .collect();
    slope(&points)
}

/// What became of runs: `learns`, or `learns 2/3, plateau 1/3`.
fn outcomes(data: &Data<'_>, keep: &dyn Fn(&CellResult) -> bool) -> String {
    let kind = |cell: &CellResult| {
        let seen = cell.measured("seen", "").map_or(f64::NAN, headline);
        match passes(&cell.outcome.probes, PLATEAU) {
            Some(_) => "learns",
            None if seen > PLATEAU => "memorises",
            None => "plateau",
        }
    };
    let of: Vec<&str> = data.done().filter(|c| keep(c)).map(|c| kind(c)).collect();
    ["learns", "memorises", "plateau"]
        .iter()
        .map(|kind| (of.iter().filter(|k| *k == kind).count(), kind))
        .filter(|(n, _)| *n > 0)
        .map(|(n, kind)| if n == of.len() { (*kind).to_owned() } else { format!("{kind} {n}/{}", of.len()) })
        .collect::<Vec<_>>()
        .join(", ")
}

/// Figure 7's map: what batch and number of tasks do together.
fn plateau_map(data: &Data<'_>, section: &mut Section) {
    let (batches, tasks) = (data.numbers("map_batch", &|_| true), data.numbers("map_tasks", &|_| true));
    if batches.len() < 2 || tasks.len() < 2 {
        return;
    }
    let at = |batch: f64, k: f64| {
        move |c: &CellResult| c.cell.number("map_batch") == batch && c.cell.number("map_tasks") == k
    };
    let places = || batches.iter().flat_map(|b| tasks.iter().map(move |k| (*b, *k)));
    // coloured by how many runs learn; the words say after how many steps, or what they do instead
    let share = |(b, k): (f64, f64)| {
        let (lengths, stuck) = plateaus(data, &at(b, k));
        (lengths.len() + stuck > 0).then(|| lengths.len() as f64 / (lengths.len() + stuck) as f64)
    };
    let cell = |(b, k): (f64, f64)| {
        let (lengths, stuck) = plateaus(data, &at(b, k));
        match (lengths.is_empty(), stuck) {
            (true, 0) => "–".to_owned(),
            (true, _) => outcomes(data, &at(b, k)).split(' ').next().unwrap_or("–").to_owned(),
            (false, _) => format!("{:.0}", Interval::of(&lengths).mean),
        }
    };
    section.heat(
        "fig7-map",
        &Heat {
            title: "The plateau by batch and number of tasks".into(),
            subtitle: "steps, a mean of the runs that leave it; the lighter, the more of them do".into(),
            x: ("tasks of meta-training".into(), tasks.iter().map(|k| power(*k)).collect()),
            y: ("sequences a step".into(), batches.iter().map(|b| format!("{b:.0}")).collect()),
            values: places().map(share).collect(),
            words: places().map(cell).collect(),
        },
    );
    let learning = |b: f64| {
        let first = tasks.iter().rposition(|k| share((b, *k)) != Some(1.0)).map_or(0, |last| last + 1);
        tasks.get(first).map(|k| power(*k))
    };
    let by_batch: Vec<String> = batches
        .iter()
        .map(|b| match learning(*b) {
            Some(k) => format!("batch {b:.0} from {k} tasks on"),
            None => format!("batch {b:.0} at no number of tasks"),
        })
        .collect();
    section.claim(None, format!("All runs learn new tasks within their steps: {}.", by_batch.join(", ")));
}

fn figure_7(data: &Data<'_>) -> Section {
    let mut section = Section {
        question:
            "The paper's learner stays at chance for some 35,000 steps (second-hand). Its plateau shortens with the \
                   batch as a power law, with a smaller ε of Adam, and depends on the number of tasks."
                .into(),
        ..Section::default()
    };
    let part = |name: &'static str| move |cell: &CellResult| cell.cell.word("part") == name;
    let mut rows = Vec::new();
    let of_batch = part("batch");
    let batches = data.numbers("batch", &of_batch);
    let lengths = |axis: &'static str, value: f64| plateaus(data, &move |c: &CellResult| c.cell.number(axis) == value);
    if !batches.is_empty() {
        section.chart(
            "fig7-batch",
            &Chart {
                title: "Length of the plateau over the batch".into(),
                subtitle: format!("steps until new tasks pass 20 %; {}", data.intervals()),
                x: Axis::new("sequences a step", Spacing::Log2),
                y: Axis::new("steps", Spacing::Log10),
                lines: vec![line("plateau", 0, batches.iter().map(|b| (*b, Interval::of(&lengths("batch", *b).0))))],
                levels: vec![],
            },
        );
        rows.extend(batches.iter().map(|b| vec![format!("batch {b:.0}"), plateau_words(&lengths("batch", *b))]));
        let found = plateau_slope(data, &|c| c.cell.number("batch"), &of_batch);
        if found.half.is_finite() {
            section.claim(
                Some(found.below(0.0)),
                format!(
                    "A larger batch shortens the plateau: exponent {:.2} ± {:.2} of steps over batch, a power law over {} runs \
                     (−1 would be the same number of sequences).",
                    found.mean, found.half, found.n
                ),
            );
        }
    }
    let of_tasks = part("tasks");
    let tasks = data.numbers("log2_tasks", &of_tasks);
    if !tasks.is_empty() {
        let words = |k: f64| outcomes(data, &|c| of_tasks(c) && c.cell.number("log2_tasks") == k);
        rows.extend(tasks.iter().map(|k| {
            let words = format!("{}; {}", plateau_words(&lengths("log2_tasks", *k)), words(*k));
            vec![format!("{} tasks", power(*k)), words]
        }));
        section.chart(
            "fig7-tasks",
            &Chart {
                title: "Length of the plateau over the number of tasks".into(),
                subtitle: format!("steps until new tasks pass 20 %, runs that do; {}", data.intervals()),
                x: Axis::new("tasks of meta-training", Spacing::Log2),
                y: Axis::new("steps", Spacing::Log10),
                lines: vec![line(
                    "plateau",
                    0,
                    tasks.iter().map(|k| (k.exp2(), Interval::of(&lengths("log2_tasks", *k).0))),
                )],
                levels: vec![],
            },
        );
        let found: Vec<String> = tasks.iter().map(|k| format!("{} {}", power(*k), words(*k))).collect();
        let few = tasks.first().map(|k| words(*k)).unwrap_or_default();
        let many = tasks.last().map(|k| words(*k)).unwrap_or_default();
        section.claim(
            Some(few == "memorises" && many == "learns"),
            format!("Few tasks are memorised, many end in learning: {}.", found.join("; ")),
        );
    }
    plateau_map(data, &mut section);
    let optimisers = data.words("optimiser");
    if !optimisers.is_empty() {
        let own = |name: &str| {
            let name = name.to_owned();
            move |c: &CellResult| c.cell.word("optimiser") == name
        };
        section.chart(
            "fig7-optimiser",
            &Chart {
                title: "The plateau under four optimisers".into(),
                subtitle: data.intervals(),
                x: Axis::new("steps", Spacing::Linear),
                y: Axis::percent("accuracy on new tasks"),
                lines: optimisers.iter().enumerate().map(|(i, name)| curve(data, name, i, &own(name))).collect(),
                levels: vec![(CHANCE, "chance".into())],
            },
        );
        rows.extend(optimisers.iter().map(|name| vec![name.clone(), plateau_words(&plateaus(data, &own(name)))]));
        let small = plateaus(data, &own("Adam, ε 1e-8"));
        let large = plateaus(data, &own("Adam, ε 1e-4"));
        let ratio = Interval::of(&large.0).mean / Interval::of(&small.0).mean;
        let held = match (large.0.is_empty(), small.0.is_empty()) {
            // not one of the runs at 1e-4 left it; where there was no run there is nothing to say
            (true, false) => (large.1 > 0).then_some(true),
            (false, false) => Some(ratio > 1.2),
            _ => None,
        };
        section.claim(
            held,
            format!(
                "A smaller ε shortens the plateau: {} at 1e-8, {} at 1e-4{} (paper: more than halved).",
                plateau_words(&small),
                plateau_words(&large),
                if ratio.is_finite() { format!(", {ratio:.1} times as long") } else { String::new() }
            ),
        );
    }
    section.tables.push(Table {
        title: "Length of the plateau".into(),
        head: vec!["setting".into(), "until new tasks pass 20 %".into()],
        rows,
        reference: vec![],
    });
    section
}

fn figure_8(data: &Data<'_>) -> Section {
    let mut section = Section {
        question:
            "If most tasks keep the identity label map, the paper's plateau disappears, and unseen tasks with permuted \
                   labels are learned all the same (second-hand)."
                .into(),
        ..Section::default()
    };
    let biases = data.numbers("bias", &|_| true);
    let own = |bias: f64| move |c: &CellResult| c.cell.number("bias") == bias;
    section.chart(
        "fig8",
        &Chart {
            title: "Accuracy on permuted labels under a bias of label maps".into(),
            subtitle: data.intervals(),
            x: Axis::new("steps", Spacing::Linear),
            y: Axis::percent("accuracy on new tasks"),
            lines: biases.iter().enumerate().map(|(i, b)| curve(data, &format!("bias {b}"), i, &own(*b))).collect(),
            levels: vec![(CHANCE, "chance".into())],
        },
    );
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
    if let Some((_, none)) = lengths.first() {
        let mean = |found: &(Vec<f64>, usize)| match found.1 {
            0 => Interval::of(&found.0).mean,
            _ => f64::INFINITY,
        };
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
    }
    section
}

fn emergence(data: &Data<'_>) -> Section {
    let mut section = Section {
        question: "How soon do new tasks pass 30 and 60 %, for each switch of the shifted-key learner, at the same data, size \
                   and optimiser? The paper's tokens are the reference."
            .into(),
        ..Section::default()
    };
    let learners = data.words("learner");
    let own = |name: &str| {
        let name = name.to_owned();
        move |c: &CellResult| c.cell.word("learner") == name
    };
    section.chart(
        "emergence",
        &Chart {
            title: "When in-context learning emerges".into(),
            subtitle: data.intervals(),
            x: Axis::new("steps", Spacing::Log10),
            y: Axis::percent("accuracy on new tasks"),
            lines: learners.iter().enumerate().map(|(i, name)| curve(data, name, i, &own(name))).collect(),
            levels: vec![(0.3, "30 %".into()), (0.6, "60 %".into())],
        },
    );
    let to = |name: &str, level: f64, of: &dyn Fn(&Point) -> f64| -> (Interval, usize, usize) {
        let cells: Vec<&&CellResult> = data.done().filter(|c| own(name)(c)).collect();
        let values: Vec<f64> = cells.iter().filter_map(|c| passes(&c.outcome.probes, level)).map(of).collect();
        (Interval::of(&values), values.len(), cells.len())
    };
    let show = |(interval, n, all): (Interval, usize, usize), unit: f64| -> String {
        let half =
            if interval.half.is_finite() { format!(" ± {}", short(interval.half * unit)) } else { String::new() };
        match (n, all) {
            (_, 0) => "–".into(),
            (0, _) => "never".into(),
            (n, all) if n < all => format!("{}{half} ({n} of {all})", short(interval.mean * unit)),
            _ => format!("{}{half}", short(interval.mean * unit)),
        }
    };
    section.tables.push(Table {
        title: "Until new tasks pass a level; seconds are wall-clock on one thread of a shared machine".into(),
        head: ["learner", "steps to 30 %", "seconds", "TFLOP", "steps to 60 %", "seconds", "TFLOP", "best seen, %"]
            .map(str::to_owned)
            .to_vec(),
        rows: learners
            .iter()
            .map(|name| {
                let mut row = vec![name.clone()];
                for level in [0.3, 0.6] {
                    row.push(show(to(name, level, &|p| p.step as f64), 1.0));
                    row.push(show(to(name, level, &|p| p.seconds), 1.0));
                    row.push(show(to(name, level, &|p| p.flop), 1e-12));
                }
                let best = |c: &CellResult| c.outcome.probes.iter().map(|p| p.accuracy).fold(f64::NAN, f64::max);
                row.push(data.seeds(&own(name), &|c| Some(best(c))).percent());
                row
            })
            .collect(),
        reference: vec![],
    });
    let mut emerged: Vec<(&String, f64)> = learners
        .iter()
        .filter(|name| {
            let (_, n, all) = to(name, 0.3, &|p| p.step as f64);
            n == all && n > 0
        })
        .map(|name| (name, to(name, 0.3, &|p| p.step as f64).0.mean))
        .collect();
    emerged.sort_by(|a, b| a.1.total_cmp(&b.1));
    if let Some((name, steps)) = emerged.first() {
        let (_, n, all) = to("paper", 0.3, &|p| p.step as f64);
        let most = data.done().filter(|c| own("paper")(c)).map(|c| c.outcome.steps).max().unwrap_or(0);
        section.claim(
            (all > 0).then_some(n == 0),
            format!(
                "Soonest above 30 %: {name}, after {steps:.0} steps. The paper's tokens pass 30 % in {n} of {all} runs of {most} steps \
                 at the same compute."
            ),
        );
        let never: Vec<String> = learners
            .iter()
            .filter(|name| to(name, 0.3, &|p| p.step as f64).1 == 0 && name.as_str() != "paper")
            .cloned()
            .collect();
        let without: Vec<&String> = never.iter().filter(|name| name.starts_with("no shift")).collect();
        let all_without = learners.iter().filter(|name| name.starts_with("no shift")).count();
        if all_without > 0 {
            section.claim(
                Some(without.len() == all_without && never.len() == all_without),
                format!(
                    "The shift of keys is what decides: of {all_without} learners without it {} stay below 30 %, of {} with it {}.",
                    without.len(),
                    learners.len() - all_without - usize::from(learners.iter().any(|l| l == "paper")),
                    never.len() - without.len()
                ),
            );
        }
    }
    section
}

fn length(data: &Data<'_>) -> Section {
    let mut section = Section {
        question: "Does a learner go on learning beyond the lengths of its meta-training, up to 1,000 examples?".into(),
        ..Section::default()
    };
    let rules = data.cells.iter().find(|cell| cell.cell.word("learner") == "rules");
    let lengths = data.numbers("length", &|_| true);
    let tested: Vec<String> = rules
        .map(|r| r.outcome.measured.iter().filter(|m| m.by == "1-NN cosine").map(|m| m.name.clone()).collect())
        .unwrap_or_else(|| {
            data.cells.first().map(|c| c.outcome.measured.iter().map(|m| m.name.clone()).collect()).unwrap_or_default()
        });
    for test in &tested {
        let mut lines = Vec::new();
        for (colour, t) in lengths.iter().enumerate() {
            let own = |cell: &CellResult| cell.cell.number("length") == *t;
            let Some(shape) = data.done().find(|c| own(c)).and_then(|c| c.measured(test, "")) else { continue };
            let at = |i: usize| data.seeds(&own, &|c| c.measured(test, "").and_then(|m| m.accuracy.get(i).copied()));
            lines.push(line(
                &format!("trained at T = {t:.0}"),
                colour,
                (0..shape.positions.len()).map(|i| (shape.positions[i] as f64, at(i))),
            ));
            let end = data.seeds(&own, &|c| c.measured(test, "").map(headline));
            let at_100 = data.seeds(&own, &|c| {
                let m = c.measured(test, "")?;
                m.positions.iter().position(|p| *p as f64 >= *t).map(|i| m.accuracy[i])
            });
            if shape.positions.last().is_some_and(|p| *p as f64 > *t) {
                section.claim(
                    Some(surely(end, at_100.mean)),
                    format!(
                        "{}: trained at T = {t:.0} it goes on learning beyond: {} % at {t:.0}, {} % at {}.",
                        name_of(test),
                        at_100.percent(),
                        end.percent(),
                        shape.positions.last().unwrap_or(&0)
                    ),
                );
            }
        }
        for (i, by) in ["1-NN cosine", "kernel ridge"].iter().enumerate() {
            if let Some(m) = rules.and_then(|cell| cell.measured(test, by)) {
                let points: Vec<(f64, f64)> =
                    m.positions.iter().map(|p| *p as f64).zip(m.accuracy.iter().copied()).collect();
                lines.push(reference(by, lengths.len() + i, &points));
            }
        }
        section.chart(
            &format!("length-{test}"),
            &Chart {
                title: format!("Up to 1,000 examples of {}", name_of(test)),
                subtitle: data.intervals(),
                x: Axis::new("position of the example in its episode", Spacing::Log10),
                y: Axis::percent("accuracy"),
                lines,
                levels: vec![(CHANCE, "chance".into())],
            },
        );
    }
    section
}

fn prior(data: &Data<'_>) -> Section {
    let mut section = Section {
        question: "Which source of meta-training tasks gives a learner for which data?".into(),
        ..Section::default()
    };
    let trained = data.words("train");
    let tested: Vec<String> =
        data.done().next().map(|c| c.outcome.measured.iter().map(|m| m.name.clone()).collect()).unwrap_or_default();
    let value = |train: &str, test: &str| {
        data.seeds(&|c| c.cell.word("train") == train, &|c| c.measured(test, "").map(headline))
    };
    section.heat(
        "prior",
        &Heat {
            title: "Accuracy by source of meta-training and data of the test".into(),
            subtitle: "in % over the last five positions, mean over seeds".into(),
            x: ("tested on".into(), tested.iter().map(|t| name_of(t).to_owned()).collect()),
            y: ("trained on".into(), trained.iter().rev().map(|t| name_of(t).to_owned()).collect()),
            values: trained
                .iter()
                .rev()
                .flat_map(|train| tested.iter().map(move |test| (train, test)))
                .map(|(train, test)| Some(value(train, test).mean).filter(|v| v.is_finite()))
                .collect(),
            words: vec![],
        },
    );
    section.tables.push(Table {
        title: "Accuracy in per cent over the last five positions".into(),
        head: std::iter::once("trained on".to_owned()).chain(tested.iter().map(|t| name_of(t).to_owned())).collect(),
        rows: trained
            .iter()
            .map(|train| {
                std::iter::once(name_of(train).to_owned())
                    .chain(tested.iter().map(|test| value(train, test).percent()))
                    .collect()
            })
            .collect(),
        reference: vec![],
    });
    let synthetic: Vec<&String> = trained.iter().filter(|t| t.starts_with("prior")).collect();
    for test in tested.iter().filter(|t| t.as_str() != "random" && t.as_str() != "prior") {
        let best = synthetic.iter().max_by(|a, b| value(a, test).mean.total_cmp(&value(b, test).mean));
        let worst = synthetic.iter().min_by(|a, b| value(a, test).mean.total_cmp(&value(b, test).mean));
        if let (Some(best), Some(worst)) = (best, worst) {
            let own = trained.contains(test).then(|| format!("; trained on itself {} %", value(test, test).percent()));
            section.claim(
                None,
                format!(
                    "{}: best synthetic source {best}, {} %; worst {worst}, {} %{}.",
                    name_of(test),
                    value(best, test).percent(),
                    value(worst, test).percent(),
                    own.unwrap_or_default()
                ),
            );
        }
    }
    section
}

fn figure_5(data: &Data<'_>) -> Section {
    let mut section = Section {
        question: "Over LSTMs, outer-product LSTMs, VSML without symmetries and Transformers the paper finds that the size of \
                   the state decides, and not the number of parameters."
            .into(),
        ..Section::default()
    };
    let learners = data.words("learner");
    let accuracy = |cell: &CellResult| cell.measured("unseen", "").map(headline);
    type Size = (&'static str, &'static str, fn(&CellResult) -> f64);
    let sizes: [Size; 2] = [
        ("state", "state size: numbers that carry what was shown", |c| c.outcome.state_size as f64),
        ("parameters", "parameters", |c| c.outcome.parameters as f64),
    ];
    let mut correlations = Vec::new();
    for (name, title, size) in sizes {
        let lines = learners
            .iter()
            .enumerate()
            .map(|(colour, learner)| {
                let own = |c: &CellResult| c.cell.word("learner") == learner;
                let mut at: Vec<f64> = data.done().filter(|c| own(c)).map(|c| size(c)).collect();
                at.sort_by(f64::total_cmp);
                at.dedup();
                line(learner, colour, at.iter().map(|s| (*s, data.seeds(&|c| own(c) && size(c) == *s, &accuracy))))
            })
            .collect();
        section.chart(
            &format!("fig5-{name}"),
            &Chart {
                title: format!("Accuracy against {name}"),
                subtitle: data.intervals(),
                x: Axis::new(title, Spacing::Log10),
                y: Axis::percent("accuracy on new tasks"),
                lines,
                levels: vec![(CHANCE, "chance".into())],
            },
        );
        let points: Vec<(f64, f64)> = data.done().filter_map(|c| Some((size(c), accuracy(c)?))).collect();
        correlations.push((rank_correlation(&points), points.len()));
    }
    if let [(state, n), (parameters, _)] = correlations[..]
        && n > 4
    {
        section.claim(
            Some(state > parameters + 0.1).filter(|_| state.is_finite() && parameters.is_finite()),
            format!(
                "State decides rather than parameters: the rank correlation of accuracy is {state:.2} with state size and \
                 {parameters:.2} with parameters, over {n} runs of {} learners.",
                learners.len()
            ),
        );
    }
    section.tables.push(Table {
        title: "Accuracy on new tasks, in per cent over the last five positions".into(),
        head: ["learner", "size", "state size", "parameters", "accuracy", "training, s"].map(str::to_owned).to_vec(),
        rows: learners
            .iter()
            .flat_map(|learner| {
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
            })
            .collect(),
        reference: vec![],
    });
    section
}

fn table(data: &Data<'_>) -> Section {
    let mut section = Section {
        question:
            "The paper's headline table: accuracy at example 100 after meta-training on one data set, for learners and \
                   for what needs no meta-training. Rows in italics are the paper's own, at its scale and inputs."
                .into(),
        ..Section::default()
    };
    let learners = data.words("learner");
    let rules = data.cells.iter().find(|cell| cell.cell.word("learner") == "rules");
    let own: Vec<String> = learners.iter().filter(|l| *l != "rules").cloned().collect();
    let mut tested: Vec<String> = Vec::new();
    for m in data.cells.iter().flat_map(|c| &c.outcome.measured) {
        if !tested.contains(&m.name) {
            tested.push(m.name.clone());
        }
    }
    let value = |learner: &str, test: &str| {
        data.seeds(&|c| c.cell.word("learner") == learner, &|c| c.measured(test, "").map(headline))
    };
    let mut rows: Vec<Vec<String>> = own
        .iter()
        .map(|learner| {
            let mut row = vec![learner.clone()];
            row.extend(tested.iter().map(|test| value(learner, test).percent()));
            let of = |c: &CellResult| c.cell.word("learner") == learner;
            row.push(short(data.seeds(&of, &|c| Some(c.outcome.seconds)).mean));
            row
        })
        .collect();
    let mut by: Vec<String> = Vec::new();
    for m in rules.iter().flat_map(|c| &c.outcome.measured) {
        if !by.contains(&m.by) {
            by.push(m.by.clone());
        }
    }
    let of_rule = |rule: &str, test: &str| rules.and_then(|c| c.measured(test, rule)).map_or(f64::NAN, headline);
    for rule in &by {
        let mut row = vec![rule.clone()];
        row.extend(tested.iter().map(|test| match of_rule(rule, test) {
            v if v.is_finite() => format!("{:.1}", 100.0 * v),
            _ => "–".into(),
        }));
        row.push("0".into());
        rows.push(row);
    }
    let first_of_paper = rows.len();
    for (name, values) in paper::TABLE {
        let mut row = vec![format!("{name}, paper")];
        row.extend(tested.iter().map(|test| {
            let at = paper::TABLE_DATA.iter().position(|data| data == test);
            at.map_or("–".into(), |i| format!("{:.1}", values[i]))
        }));
        row.push("–".into());
        rows.push(row);
    }
    section.tables.push(Table {
        title: format!("Accuracy in per cent over the last five positions; {}", data.intervals()),
        head: std::iter::once("learner".to_owned())
            .chain(tested.iter().map(|test| name_of(test).to_owned()))
            .chain(["training, s".to_owned()])
            .collect(),
        reference: (first_of_paper..rows.len()).collect(),
        rows,
    });
    let all: Vec<&String> = own.iter().chain(&by).collect();
    let of_any = |name: &str, test: &str| match own.iter().any(|l| l == name) {
        true => value(name, test).mean,
        false => of_rule(name, test),
    };
    section.heat(
        "table",
        &Heat {
            title: "Accuracy of learners and rules".into(),
            subtitle: "in % over the last five positions, mean over seeds".into(),
            x: ("tested on".into(), tested.iter().map(|t| name_of(t).to_owned()).collect()),
            y: ("".into(), all.iter().rev().map(|name| (*name).clone()).collect()),
            values: all
                .iter()
                .rev()
                .flat_map(|name| tested.iter().map(move |test| (name, test)))
                .map(|(name, test)| Some(of_any(name, test)).filter(|v| v.is_finite()))
                .collect(),
            words: vec![],
        },
    );
    for test in &tested {
        let best = |names: &[String]| {
            let mut best: Option<(String, f64)> = None;
            for name in names {
                let found = of_any(name, test);
                if found.is_finite() && best.as_ref().is_none_or(|(_, b)| found > *b) {
                    best = Some((name.clone(), found));
                }
            }
            best
        };
        if let (Some((learner, a)), Some((rule, b))) = (best(&own), best(&by)) {
            let interval = value(&learner, test);
            let held = match (interval.above(b), interval.below(b)) {
                (true, _) => Some(true),
                (_, true) => Some(false),
                _ => None,
            };
            section.claim(
                held,
                format!(
                    "{}: a meta-trained learner beats every rule: best learner {learner} {} %, best rule {rule} {:.1} % on the same \
                     inputs ({:+.1} points).",
                    name_of(test),
                    interval.percent(),
                    100.0 * b,
                    100.0 * (a - b)
                ),
            );
        }
    }
    section
}

fn embeddings(data: &Data<'_>) -> Section {
    let mut section = Section {
        question: "With frozen features of a pretrained network in the place of pixels the paper's learner works on harder data: \
                   about 45 % on CIFAR10 (second-hand). Here: the stem of a drawing learner that never saw these sets, and the \
                   same stem with random weights."
            .into(),
        ..Section::default()
    };
    let features = data.words("features");
    let tested: Vec<String> =
        data.done().next().map(|c| c.outcome.measured.iter().map(|m| m.name.clone()).collect()).unwrap_or_default();
    let value = |network: &str, test: &str| {
        data.seeds(&|c| c.cell.word("features") == network, &|c| c.measured(test, "").map(headline))
    };
    section.heat(
        "embeddings",
        &Heat {
            title: "Accuracy by features".into(),
            subtitle: "in % over the last five positions, mean over seeds".into(),
            x: ("tested on".into(), tested.iter().map(|t| name_of(t).to_owned()).collect()),
            y: ("features".into(), features.iter().rev().cloned().collect()),
            values: features
                .iter()
                .rev()
                .flat_map(|network| tested.iter().map(move |test| (network, test)))
                .map(|(network, test)| Some(value(network, test).mean).filter(|v| v.is_finite()))
                .collect(),
            words: vec![],
        },
    );
    section.tables.push(Table {
        title: "Accuracy in per cent over the last five positions".into(),
        head: std::iter::once("features".to_owned()).chain(tested.iter().map(|t| name_of(t).to_owned())).collect(),
        rows: features
            .iter()
            .map(|network| {
                std::iter::once(network.clone())
                    .chain(tested.iter().map(|test| value(network, test).percent()))
                    .collect()
            })
            .collect(),
        reference: vec![],
    });
    for test in &tested {
        let (pixels, trained) = (value("pixels", test), value("trained network", test));
        if pixels.mean.is_finite() && trained.mean.is_finite() {
            section.claim(
                Some(trained.mean - trained.half > pixels.mean + pixels.half).filter(|_| trained.half.is_finite()),
                format!(
                    "{}: features of a trained network help: pixels {} %, random network {} %, trained network {} %.",
                    name_of(test),
                    pixels.percent(),
                    value("random network", test).percent(),
                    trained.percent()
                ),
            );
        }
    }
    section
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::{Cell, Outcome, State, cells};

    /// A result of a cell with accuracies (first, last) of its measures, and probes.
    fn result(cell: &Cell, accuracy: &[(&str, f64, f64)], probes: &[(u64, f64)]) -> CellResult {
        let measured = accuracy.iter().map(|(name, first, last)| Measured {
            name: (*name).into(),
            by: String::new(),
            episodes: 10,
            positions: vec![1, 50, 96, 97, 98, 99, 100],
            accuracy: vec![*first, 0.5, *last, *last, *last, *last, *last],
            ci95: vec![0.1; 7],
        });
        let point =
            |&(step, accuracy): &(u64, f64)| Point { step, seconds: step as f64, flop: 1e9 * step as f64, accuracy };
        CellResult {
            cell: cell.clone(),
            hash: cell.hash(),
            state: State::Done,
            message: None,
            outcome: Outcome {
                steps: probes.last().map_or(100, |p| p.0),
                measured: measured.collect(),
                probes: probes.iter().map(point).collect(),
                ..Outcome::default()
            },
            commit: "c".into(),
            device: "d".into(),
        }
    }

    fn section_of(name: &str, results: &[CellResult]) -> Section {
        section(name, &Data { scale: Scale::Desk, cells: results.iter().collect() })
    }

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
            section_of("fig4", &results)
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

    #[test]
    fn plateaus_and_switches_are_told_from_the_probes() {
        let grid = cells("emergence", Scale::Desk, None).unwrap();
        let results = |fast: &dyn Fn(&str) -> bool| -> Vec<CellResult> {
            let probes = |cell: &Cell| match fast(cell.word("learner")) {
                true => vec![(10, 0.1), (20, 0.35), (30, 0.65)],
                false => vec![(10, 0.1), (20, 0.1), (250, 0.12)],
            };
            grid.iter().map(|cell| result(cell, &[], &probes(cell))).collect()
        };
        let shift = section_of("emergence", &results(&|name| name.starts_with("full")));
        assert_eq!(shift.claims[0].held, Some(true));
        assert!(shift.claims[0].text.contains("after 20 steps"), "{}", shift.claims[0].text);
        assert!(shift.claims[0].text.contains("in 0 of 3 runs of 250 steps"), "{}", shift.claims[0].text);
        let all = section_of("emergence", &results(&|_| true));
        assert_eq!((all.claims[0].held, all.claims[1].held), (Some(false), Some(false)), "{:?}", all.claims);

        let grid = cells("fig7", Scale::Desk, None).unwrap();
        let law = |exponent: f64| -> Section {
            let length = |cell: &Cell| match cell.number("batch") {
                batch if batch.is_finite() => {
                    (4000.0 * (batch / 2.0).powf(exponent)).round() as u64 + cell.number("seed") as u64
                }
                _ => 100,
            };
            let cells = grid.iter().filter(|cell| cell.word("part") == "batch");
            let all: Vec<CellResult> = cells.map(|cell| result(cell, &[], &[(1, 0.1), (length(cell), 0.3)])).collect();
            section_of("fig7", &all)
        };
        let falling = law(-0.8);
        assert_eq!(falling.claims[0].held, Some(true));
        assert!(falling.claims[0].text.contains("exponent -0.8"), "{}", falling.claims[0].text);
        assert_eq!(law(0.0).claims[0].held, Some(false));

        // many tasks are learned, and with large batches fewer are enough; the rest is memorised
        let mapped: Vec<CellResult> = grid
            .iter()
            .filter(|cell| cell.number("map_batch").is_finite())
            .map(|cell| {
                let (batch, tasks) = (cell.number("map_batch"), cell.number("map_tasks"));
                let learns = tasks >= if batch >= 16.0 { 6.0 } else { 8.0 };
                let end = if learns { (100, 0.3) } else { (300, 0.1) };
                result(cell, &[("seen", 0.1, 0.9)], &[(1, 0.1), end])
            })
            .collect();
        let section = section_of("fig7", &mapped);
        let map = section.figures.iter().find(|figure| figure.name == "fig7-map").expect("a map");
        assert!(map.svg.contains(">memorises<") && map.svg.contains(">100<"), "{}", map.svg);
        let words: Vec<&str> = section.claims.iter().map(|claim| claim.text.as_str()).collect();
        let found = words.iter().find(|text| text.starts_with("All runs learn")).expect("the map in words");
        assert!(found.contains("batch 4 from 2⁸ tasks on") && found.contains("batch 16 from 2⁶ tasks on"), "{found}");
    }

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
            section_of("fig5", &grid.iter().enumerate().map(of).collect::<Vec<_>>())
        };
        assert_eq!(with(true).claims[0].held, Some(true));
        assert_eq!(with(false).claims[0].held, Some(false));
        assert_eq!(with(true).figures.len(), 2);
    }
}
