//! Figure 7: the plateau over batch size, number of tasks and optimiser.

use super::cell::{CellResult, ExperimentError, Measure, Scale, Value};
use super::definition::Experiment;
use super::grid::{Grid, number, word};
use super::paper;
use super::plateau::{PLATEAU, Ratio, curves, passes, plateau_slope, plateau_words, plateaus};
use super::section::{CHANCE, Results, Section, Table, chart, headline, line, power};
use super::stats::Interval;
use crate::plot::{Axis, HeatMap, LineChart, Spacing};

pub(super) const EXPERIMENT: Experiment =
    Experiment { name: "fig7", about: "the plateau over batch size, number of tasks and optimiser", cells, section };

/// The optimisers whose plateaus are compared.
const SMALL: &str = "Adam, ε 1e-8";
const LARGE: &str = "Adam, ε 1e-4";

/// A cell to be: its name, its place on the axes, its settings.
type Planned = (String, Vec<(&'static str, Value)>, Vec<String>);

fn cells(grid: &mut Grid) -> Result<(), ExperimentError> {
    let probe = grid.probe(20, 0.3);
    let seen = Measure { seen: true, ..grid.headline("seen", grid.data()) };
    for (name, axes, set) in [plan_batches(grid), plan_tasks(grid), plan_optimisers(grid)].concat() {
        let set = [grid.plateau(), set].concat();
        let measures = if name.starts_with('k') { vec![seen.clone()] } else { vec![] };
        grid.add(&name, &axes, &set, &measures, Some(&probe))?;
    }
    Ok(())
}

/// The batch of all cells that are not about it.
fn usual_batch(grid: &Grid) -> usize {
    grid.by(4, 8, 512)
}

/// Steps of a desk's run: as many episodes for each batch, within reason.
fn steps(grid: &Grid, batch: usize) -> Vec<String> {
    match grid.scale {
        Scale::Desk => vec![format!("training.steps={}", (4_000 / batch).clamp(300, 1_000))],
        _ => vec![],
    }
}

/// Settings of a batch.
fn batch_settings(grid: &Grid, batch: usize) -> Vec<String> {
    let micro = batch.min(grid.by(4, 8, 32));
    let mut set = vec![format!("training.batch={batch}"), format!("training.micro_batch={micro}")];
    set.extend(steps(grid, batch));
    set
}

fn plan_batches(grid: &Grid) -> Vec<Planned> {
    let batches: Vec<usize> = grid.by(vec![2, 4], vec![2, 4, 8, 16], vec![64, 128, 256, 512, 1024, 2048]);
    let plan = |&batch: &usize| {
        let mut axes = vec![("part", word("batch")), ("batch", number(batch as f64))];
        if batch == usual_batch(grid) {
            axes.push(("optimiser", word(SMALL)));
        }
        (format!("batch{batch}"), axes, batch_settings(grid, batch))
    };
    batches.iter().map(plan).collect()
}

/// Numbers of tasks at the usual batch, and then the rest of the map of batch and tasks together.
fn plan_tasks(grid: &Grid) -> Vec<Planned> {
    let tasks: Vec<i32> = grid.by(vec![3], vec![4, 6, 8, 12], vec![10, 12, 14, 16, 18, 20]);
    let usual = usual_batch(grid);
    let mut plans: Vec<Planned> = Vec::new();
    for &k in &tasks {
        let axes = vec![
            ("part", word("tasks")),
            ("log2_tasks", number(k)),
            ("map_batch", number(usual as f64)),
            ("map_tasks", number(k)),
        ];
        let mut set = vec![format!("tasks.log2_tasks={k}")];
        set.extend(steps(grid, usual));
        plans.push((format!("k{k}"), axes, set));
    }
    for &batch in &grid.by(vec![2], vec![4, 16], vec![128, 2048]) {
        for &k in &tasks {
            let axes = vec![("part", word("map")), ("map_batch", number(batch as f64)), ("map_tasks", number(k))];
            let mut set = vec![format!("tasks.log2_tasks={k}")];
            set.extend(batch_settings(grid, batch));
            plans.push((format!("k{k}-batch{batch}"), axes, set));
        }
    }
    plans
}

/// Other optimisers than Adam with ε = 1e-8, which is the cell of the usual batch.
fn plan_optimisers(grid: &Grid) -> Vec<Planned> {
    let optimisers: [(&str, &[&str]); 3] = [
        (LARGE, &["training.epsilon=1e-4"]),
        // Lion's steps are as large as its rate, Adam's are smaller as a rule: a third of the rate
        ("sign of momentum", &["training.optimiser=lion", "training.rate=6e-4"]),
        ("Muon", &["training.optimiser=muon"]),
    ];
    let plan = |(i, (name, set)): (usize, (&str, &[&str]))| {
        let mut set: Vec<String> = set.iter().map(|s| (*s).to_owned()).collect();
        set.extend(steps(grid, usual_batch(grid)));
        (format!("optimiser{i}"), vec![("part", word("optimiser")), ("optimiser", word(name))], set)
    };
    optimisers.into_iter().enumerate().map(plan).collect()
}

fn section(data: &Results<'_>) -> Section {
    let plateau = format!("{:.0},000", paper::FIGURE_7_PLATEAU / 1_000.0);
    let mut section = Section {
        question: format!(
            "The paper's learner stays at chance for some {plateau} steps (second-hand). Its plateau shortens with the \
             batch as a power law, with a smaller ε of Adam, and depends on the number of tasks."
        ),
        ..Section::default()
    };
    let mut rows = batches(data, &mut section);
    rows.extend(tasks(data, &mut section));
    plateau_map(data, &mut section);
    rows.extend(optimisers(data, &mut section));
    section.tables.push(Table {
        title: "Length of the plateau".into(),
        head: vec!["setting".into(), "until new tasks pass 20 %".into()],
        rows,
        reference: vec![],
    });
    section
}

/// Plateau lengths of the cells with a value on an axis.
fn lengths(data: &Results<'_>, axis: &str, value: f64) -> (Vec<f64>, usize) {
    plateaus(data, &|c: &CellResult| c.cell.number(axis) == value)
}

/// The plateau over the batch: chart, claim, rows of the table.
fn batches(data: &Results<'_>, section: &mut Section) -> Vec<Vec<String>> {
    let of_batch = |cell: &CellResult| cell.cell.word("part") == "batch";
    let batches = data.numbers("batch", &of_batch);
    if batches.is_empty() {
        return vec![];
    }
    let subtitle = format!("steps until new tasks pass 20 %; {}", data.intervals());
    let (x, y) = (Axis::new("sequences a step", Spacing::Log2), Axis::new("steps", Spacing::Log10));
    let points = batches.iter().map(|b| (*b, Interval::of(&lengths(data, "batch", *b).0)));
    section.chart(
        "fig7-batch",
        &LineChart {
            lines: vec![line("plateau", 0, points)],
            ..chart("Length of the plateau over the batch".into(), subtitle, x, y)
        },
    );
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
    let row = |b: &f64| vec![format!("batch {b:.0}"), plateau_words(&lengths(data, "batch", *b))];
    batches.iter().map(row).collect()
}

/// The plateau over the number of tasks: chart, claim, rows of the table.
fn tasks(data: &Results<'_>, section: &mut Section) -> Vec<Vec<String>> {
    let of_tasks = |cell: &CellResult| cell.cell.word("part") == "tasks";
    let tasks = data.numbers("log2_tasks", &of_tasks);
    if tasks.is_empty() {
        return vec![];
    }
    let words = |k: f64| outcome_words(data, &|c| of_tasks(c) && c.cell.number("log2_tasks") == k);
    let subtitle = format!("steps to 20 % on new tasks, if ever; {}", data.intervals());
    let (x, y) = (Axis::new("tasks of meta-training", Spacing::Log2), Axis::new("steps", Spacing::Log10));
    let points = tasks.iter().map(|k| (k.exp2(), Interval::of(&lengths(data, "log2_tasks", *k).0)));
    section.chart(
        "fig7-tasks",
        &LineChart {
            lines: vec![line("plateau", 0, points)],
            ..chart("Length of the plateau over the number of tasks".into(), subtitle, x, y)
        },
    );
    let found: Vec<String> = tasks.iter().map(|k| format!("{} {}", power(*k), words(*k))).collect();
    let few = tasks.first().map(|k| words(*k)).unwrap_or_default();
    let many = tasks.last().map(|k| words(*k)).unwrap_or_default();
    section.claim(
        Some(few == "memorises" && many == "learns"),
        format!("Few tasks are memorised, many end in learning: {}.", found.join("; ")),
    );
    let row = |k: &f64| {
        let words = format!("{}; {}", plateau_words(&lengths(data, "log2_tasks", *k)), words(*k));
        vec![format!("{} tasks", power(*k)), words]
    };
    tasks.iter().map(row).collect()
}

/// The plateau under each optimiser: chart, claim, rows of the table.
fn optimisers(data: &Results<'_>, section: &mut Section) -> Vec<Vec<String>> {
    let optimisers = data.words("optimiser");
    if optimisers.is_empty() {
        return vec![];
    }
    let of = |name: &str| plateaus(data, &|c: &CellResult| c.cell.word("optimiser") == name);
    let levels = vec![(CHANCE, "chance".into())];
    let keep = |i: usize, c: &CellResult| c.cell.word("optimiser") == optimisers[i];
    section.chart("fig7-optimiser", &curves(data, "The plateau under four optimisers", &optimisers, &keep, levels));
    let (small, large) = (of(SMALL), of(LARGE));
    let named = |name: &'static str| move |c: &CellResult| c.cell.word("optimiser") == name;
    let ratio = Ratio::of(data, &named(SMALL), &named(LARGE));
    section.claim(
        ratio.longer(),
        format!(
            "A smaller ε shortens the plateau: {} at 1e-8, {} at 1e-4, {} (paper: more than halved).",
            plateau_words(&small),
            plateau_words(&large),
            ratio.words()
        ),
    );
    optimisers.iter().map(|name| vec![name.clone(), plateau_words(&of(name))]).collect()
}

/// What became of runs: `learns`, or `learns 2/3, plateau 1/3`.
fn outcome_words(data: &Results<'_>, keep: &dyn Fn(&CellResult) -> bool) -> String {
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
fn plateau_map(data: &Results<'_>, section: &mut Section) {
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
            (true, _) => outcome_words(data, &at(b, k)).split(' ').next().unwrap_or("–").to_owned(),
            (false, _) => format!("{:.0}", Interval::of(&lengths).mean),
        }
    };
    section.heat(
        "fig7-map",
        &HeatMap {
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

#[cfg(test)]
mod tests {
    use super::super::cell::Cell;
    use super::super::registry::cells;
    use super::super::testing::{result, section_of};
    use super::*;

    #[test]
    fn the_exponent_of_the_plateau_is_that_of_its_lengths() {
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
            section_of(section, &all)
        };
        let falling = law(-0.8);
        assert_eq!(falling.claims[0].held, Some(true));
        assert!(falling.claims[0].text.contains("exponent -0.8"), "{}", falling.claims[0].text);
        assert_eq!(law(0.0).claims[0].held, Some(false));
    }

    #[test]
    fn the_map_names_the_batches_that_learn() {
        // many tasks are learned, and with large batches fewer are enough; the rest is memorised
        let mapped: Vec<CellResult> = cells("fig7", Scale::Desk, None)
            .unwrap()
            .iter()
            .filter(|cell| cell.number("map_batch").is_finite())
            .map(|cell| {
                let (batch, tasks) = (cell.number("map_batch"), cell.number("map_tasks"));
                let learns = tasks >= if batch >= 16.0 { 6.0 } else { 8.0 };
                let end = if learns { (100, 0.3) } else { (300, 0.1) };
                result(cell, &[("seen", 0.1, 0.9)], &[(1, 0.1), end])
            })
            .collect();
        let section = section_of(section, &mapped);
        let map = section.figures.iter().find(|figure| figure.name == "fig7-map").expect("a map");
        assert!(map.svg.contains(">memorises<") && map.svg.contains(">100<"), "{}", map.svg);
        let words: Vec<&str> = section.claims.iter().map(|claim| claim.text.as_str()).collect();
        let found = words.iter().find(|text| text.starts_with("All runs learn")).expect("the map in words");
        assert!(found.contains("batch 4 from 2⁸ tasks on") && found.contains("batch 16 from 2⁶ tasks on"), "{found}");
    }
}
