//! `trainer eval`

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use clap::ValueEnum;
use trainer::card::Results;
use trainer::device::{self, DeviceArg};
use trainer::eval::{Drawing, EvalError, Outcome, Own, Paper, Sets, Settings};
use trainer::learner::Measured;
use trainer::{data, files, plot};

use super::numbers::{seed, whole};
use super::output::{Ended, note, print};
use super::progress::{Heartbeat, bar, duration};

#[derive(clap::Args)]
pub struct Arguments {
    /// Model files, or folders of runs (whose learner need not be exportable)
    #[arg(required = true)]
    models: Vec<PathBuf>,
    /// Data sets, separated by commas; `random` is the lookup test. A file or folder with a point or slash in its name, such as
    /// ./wine.csv, is a table or are pictures of your own, read as `trainer predict` reads them
    #[arg(long, value_delimiter = ',', default_value = "mnist,fashion-mnist")]
    data: Vec<String>,
    /// Protocol
    #[arg(long, value_enum, default_value_t = Protocol::Paper)]
    protocol: Protocol,
    /// Episodes of each data set
    #[arg(long, default_value = "1000", value_parser = whole::<1, 1_000_000_000>)]
    episodes: usize,
    /// Seed of the evaluation's streams
    #[arg(long, default_value = "0", value_parser = seed)]
    seed: u64,
    /// Positions of the paper protocol, counted from 1, separated by commas
    #[arg(long, value_delimiter = ',', default_value = "1,2,3,5,10,20,30,50,70,100", value_parser = whole::<1, 2_048>)]
    positions: Vec<usize>,
    /// Classes of an episode of the drawing protocol
    #[arg(long, value_delimiter = ',', default_value = "5,10", value_parser = whole::<2, 256>)]
    ways: Vec<usize>,
    /// Shots a class of the drawing protocol
    #[arg(long, value_delimiter = ',', default_value = "1,3,5,10", value_parser = whole::<1, 2_048>)]
    shots: Vec<usize>,
    /// Half of each data set: test for reported numbers, train for choosing hyper-parameters
    #[arg(long, value_enum, default_value_t = SplitArgument::Test)]
    split: SplitArgument,
    /// Hand-written rules and controls on the same episodes
    #[arg(long)]
    baselines: bool,
    /// Paper protocol: queries at each position on the same shown examples (more make the intervals narrower)
    #[arg(long, value_name = "N", default_value = "1", value_parser = whole::<1, 1_000>)]
    queries: usize,
    /// Drawing protocol, equivariant learners: show each drawing N times, once as it is and then a little changed, and
    /// average the answers to N variants of each query
    #[arg(long, value_name = "N", default_value = "1", value_parser = whole::<1, 16>)]
    ensemble: usize,
    /// Paper protocol, equivariant learners: project inputs to N dimensions, afresh in every episode (the others
    /// always project, to their own number of inputs)
    #[arg(long, value_name = "N", value_parser = whole::<2, 4_096>)]
    project: Option<usize>,
    /// Paper protocol, learners with a stem: show pictures as mere vectors, of which only inner products count
    #[arg(long)]
    vectors: bool,
    /// Drawing protocol: show one class of each episode once, the others as often as --shots says, and report how many
    /// of its queries are found
    #[arg(long)]
    rare: bool,
    /// Drawing protocol, equivariant learners: ask about as many drawings of classes that were not shown, and report how well
    /// they are told from the others, as the area under the ROC curve
    #[arg(long)]
    outsiders: bool,
    /// JSON on stdout in the place of a table
    #[arg(long)]
    json: bool,
    /// Learning curves as SVG; several data sets get their name before the ending. A plot that this command wrote is
    /// replaced, any other file is kept
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// Replace whatever file --plot names
    #[arg(long, requires = "plot")]
    overwrite: bool,
    /// auto, cpu, gpu, gpu:n, or software: a GPU's driver that computes on the CPU
    #[arg(long, default_value = "auto")]
    device: DeviceArg,
}

#[derive(Clone, Copy, ValueEnum)]
enum SplitArgument {
    Test,
    Train,
}

#[derive(Clone, Copy, ValueEnum)]
enum Protocol {
    Paper,
    Drawing,
}

/// One evaluation, ready to run.
enum Job<'a> {
    Paper(Box<Paper<'a>>),
    Own(Box<Own>),
    Drawing(Box<Drawing>),
}

/// Measures learners; everything that can be wrong is found before the first episode.
pub fn run(arguments: &Arguments, data_dir: &Path) -> Ended {
    let plots = plots(arguments)?;
    let shots = ascending(&arguments.shots);
    let device = device::open(arguments.device)?;
    let settings = settings(arguments);
    let mut learners = Vec::new();
    for path in &arguments.models {
        learners.push(Measured::read(path, settings.seed, &device.device)?);
    }
    let mut sets = Sets::new(data_dir);
    let mut jobs = Vec::new();
    for learner in &learners {
        let name = learner.name();
        let settings = reachable(&settings, learner, arguments.protocol)?;
        for set in &arguments.data {
            match arguments.protocol {
                Protocol::Paper if is_own(set, data_dir) => {
                    let job = Own::open(&name, learner.model()?, Path::new(set), &settings)?;
                    jobs.push((format!("{name} on {set}"), settings.episodes, Job::Own(Box::new(job))));
                }
                Protocol::Paper => {
                    let (net, untrained) = (&learner.net, Some(&learner.untrained));
                    let job = Paper::open(&name, net, untrained, set, &mut sets, &device.device, &settings)?;
                    jobs.push((format!("{name} on {set}"), settings.episodes, Job::Paper(Box::new(job))));
                }
                Protocol::Drawing if is_own(set, data_dir) => {
                    return Err(format!(
                        "--protocol drawing: expected a data set, found {set}; leave the protocol out"
                    )
                    .into());
                }
                Protocol::Drawing => {
                    let model = learner.model()?;
                    for &ways in &arguments.ways {
                        let job = Drawing::open(&name, model, set, &mut sets, ways, &shots, &settings)?;
                        jobs.push((
                            format!("{name} on {set}, {ways}-way"),
                            job.episodes(),
                            Job::Drawing(Box::new(job)),
                        ));
                    }
                }
            }
        }
    }
    let mut results: Vec<Outcome> = Vec::new();
    for (what, episodes, job) in &jobs {
        results.push(measure(what, *episodes, job)?);
    }
    for ((dataset, protocol), file) in &plots {
        write_plot(&results, dataset, protocol, file)?;
    }
    let text = match arguments.json {
        true => serde_json::to_string_pretty(&Results { results })? + "\n",
        false => table(&results),
    };
    Ok(print(&text)?)
}

/// Whether data are somebody's own file or folder, and no set of the folder of data sets.
fn is_own(data: &str, data_dir: &Path) -> bool {
    let of_folder = Path::new(data).is_relative() && data_dir.join(data).is_dir();
    data.contains(['.', '/', '\\']) && !of_folder
}

/// In order and each once, as a curve needs them.
fn ascending(numbers: &[usize]) -> Vec<usize> {
    let mut numbers = numbers.to_vec();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

fn settings(arguments: &Arguments) -> Settings {
    Settings {
        episodes: arguments.episodes,
        seed: arguments.seed,
        positions: ascending(&arguments.positions),
        split: match arguments.split {
            SplitArgument::Test => data::Split::Test,
            SplitArgument::Train => data::Split::Train,
        },
        queries: arguments.queries,
        baselines: arguments.baselines,
        ensemble: arguments.ensemble,
        project: arguments.project,
        vectors: arguments.vectors,
        rare: arguments.rare,
        outsiders: arguments.outsiders,
    }
}

/// Without the positions that a learner cannot reach.
fn reachable(settings: &Settings, learner: &Measured, protocol: Protocol) -> Result<Settings, EvalError> {
    let longest = learner.net.spec().longest;
    let (within, beyond): (Vec<usize>, Vec<usize>) = settings.positions.iter().partition(|p| **p <= longest);
    if matches!(protocol, Protocol::Paper) && !beyond.is_empty() {
        if within.is_empty() {
            return Err(EvalError::Position { found: beyond[0], longest });
        }
        let path = learner.path.display();
        note(format!("{path}: positions {beyond:?} are left out, as this learner takes 1…{longest}"));
    }
    Ok(Settings { positions: within, ..settings.clone() })
}

/// One evaluation with its progress.
fn measure(what: &str, episodes: usize, job: &Job<'_>) -> Result<Outcome, EvalError> {
    let started = Instant::now();
    let bar = bar(episodes as u64, "{msg:30} {bar:30} {pos}/{len}  ETA {eta}");
    if let Some(bar) = &bar {
        bar.set_message(what.to_owned());
    }
    let count: Arc<AtomicUsize> = Arc::default();
    let (seen, name) = (count.clone(), what.to_owned());
    let heartbeat = bar.is_none().then(|| {
        Heartbeat::new(move |seconds| {
            let done = seen.load(Ordering::Relaxed);
            let left = match done {
                0 => String::new(),
                _ => format!(", ETA {}", duration(seconds * (episodes - done.min(episodes)) as f64 / done as f64)),
            };
            note(format!("{name}: {done}/{episodes} episodes{left}"));
        })
    });
    let progress = |done: usize| {
        count.fetch_max(done, Ordering::Relaxed);
        if let Some(bar) = &bar {
            bar.set_position(done as u64);
        }
    };
    let outcome = match job {
        Job::Paper(job) => job.run(&mut |done| progress(done)),
        Job::Own(job) => job.run(&progress)?,
        Job::Drawing(job) => job.run(&progress)?,
    };
    drop(heartbeat);
    match &bar {
        Some(bar) => bar.finish_and_clear(),
        None => note(format!("{what}: {episodes} episodes in {}", duration(started.elapsed().as_secs_f64()))),
    }
    Ok(outcome)
}

/// A table a person can read: one block a result, one column a position.
fn table(results: &[Outcome]) -> String {
    let mut text = String::new();
    for r in results {
        let head = if r.protocol == "paper" { "accuracy % at position" } else { "accuracy % at shots a class" };
        let project = r.project.map(|n| format!(" · projected to {n}")).unwrap_or_default()
            + if r.vectors { " · as vectors" } else { "" }
            + &r.ensemble.map(|n| format!(" · ensemble of {n}")).unwrap_or_default();
        text += &format!(
            "\n{} · {} ({}) · {}{project} · {} episodes\n",
            r.model, r.dataset, r.split, r.protocol, r.episodes
        );
        let row = |name: &str, cells: Vec<String>| {
            format!("  {name:<24}{}\n", cells.iter().map(|c| format!("{c:>7}")).collect::<String>())
        };
        let percent = |values: &[f64]| values.iter().map(|a| format!("{:.1}", 100.0 * a)).collect::<Vec<_>>();
        text += &row(head, r.positions.iter().map(|p| p.to_string()).collect());
        text += &row("learner", percent(&r.accuracy));
        text += &row("  ± 95 %", percent(&r.ci95));
        if !r.rare.is_empty() {
            text += &row("  of the class shown once", percent(&r.rare));
        }
        if !r.outsiders.is_empty() {
            text += &row("  none of these, AUC %", percent(&r.outsiders));
        }
        text += &row("  NLL, nats", r.nll.iter().map(|v| format!("{v:.3}")).collect());
        text += &row("  ECE, %", percent(&r.ece));
        text += &row("  overconfidence, %", percent(&r.overconfidence));
        for (name, accuracy) in &r.baselines {
            text += &row(name, percent(accuracy));
            if let Some(margin) = r.margin_ci95.get(name) {
                let gain = |((a, b), m): ((&f64, &f64), &f64)| format!("{:+.1}±{:.1}", 100.0 * (a - b), 100.0 * m);
                let gains: Vec<String> = r.accuracy.iter().zip(accuracy).zip(margin).map(gain).collect();
                text += &format!(
                    "  {:<24}{}\n",
                    "  learner is ahead by",
                    gains.iter().map(|g| format!(" {g:>9}")).collect::<String>()
                );
            }
        }
    }
    text
}

/// Shows that a plot is one of this command, which may replace it.
const OWN_PLOT: &str = "<!-- trainer eval -->";

/// Data set and protocol of each plot, and its file; none without `--plot`.
type Plots = Vec<((String, String), PathBuf)>;

/// The plots that will be written, one a data set and protocol, each of which can be.
fn plots(arguments: &Arguments) -> Result<Plots, files::FileError> {
    let Some(path) = &arguments.plot else { return Ok(Vec::new()) };
    let protocols: Vec<String> = match arguments.protocol {
        Protocol::Paper => vec!["paper".into()],
        Protocol::Drawing => arguments.ways.iter().map(|ways| format!("drawing {ways}-way")).collect(),
    };
    let mut groups: Vec<(String, String)> = Vec::new();
    for dataset in &arguments.data {
        for protocol in &protocols {
            let group = (dataset.clone(), protocol.clone());
            if !groups.contains(&group) {
                groups.push(group);
            }
        }
    }
    let alone = groups.len() == 1;
    let file = |(dataset, protocol): &(String, String)| {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        // of a path, its last part
        let dataset = Path::new(dataset).file_stem().unwrap_or_default().to_string_lossy();
        path.with_file_name(format!("{stem}-{dataset}-{}.svg", protocol.replace(' ', "-")))
    };
    let own = |path: &Path| std::fs::read_to_string(path).is_ok_and(|text| text.contains(OWN_PLOT));
    let mut plots = Vec::new();
    for group in groups {
        let file = if alone { path.clone() } else { file(&group) };
        files::check_writable(&file, arguments.overwrite, "no plot of `trainer eval`", own)?;
        plots.push((group, file));
    }
    Ok(plots)
}

/// A plot of one data set and protocol, with every model and rule.
fn write_plot(results: &[Outcome], dataset: &str, protocol: &str, file: &Path) -> Ended {
    let rows: Vec<&Outcome> = results.iter().filter(|r| r.dataset == dataset && r.protocol == protocol).collect();
    let Some(first) = rows.first() else { return Ok(()) };
    let curve = |r: &&Outcome| plot::Series {
        name: r.model.clone(),
        positions: r.positions.clone(),
        accuracy: r.accuracy.clone(),
        ci95: r.ci95.clone(),
        dashed: false,
    };
    let rule = |(name, accuracy): (&String, &Vec<f64>)| plot::Series {
        name: name.clone(),
        positions: first.positions.clone(),
        accuracy: accuracy.clone(),
        ci95: Vec::new(),
        dashed: true,
    };
    let plot = plot::Plot {
        title: format!("Learning {dataset} in context"),
        subtitle: format!("{protocol} protocol, {} episodes, 95 % bands", first.episodes),
        logarithmic: true,
        chance: None,
        series: rows.iter().map(curve).chain(first.baselines.iter().map(rule)).collect(),
    };
    let svg = plot.svg()?.replacen('>', &format!(">{OWN_PLOT}"), 1);
    files::write_whole(file, svg.as_bytes()).map_err(|e| format!("cannot write {}: {e}", file.display()))?;
    note(format!("wrote {}", file.display()));
    Ok(())
}
