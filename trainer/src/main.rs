//! The command line of the trainer. Logs and progress go to stderr, results to stdout.
#![recursion_limit = "256"]

use std::error::Error;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::module::Module;
use burn::tensor::Device;
use clap::{Parser, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use shaders::Model;
use shaders::file::{FileError, Precision};
use trainer::card::Results;
use trainer::config::{PRESETS, RunConfig};
use trainer::device::{self, Choice};
use trainer::eval::{self, Outcome, Settings};
use trainer::experiment::{self, EXPERIMENTS, Event, Scale, Shard, State, report};
use trainer::nets::Net;
use trainer::nets::research::{KINDS, Learner};
use trainer::train::{self, Metrics, Run};
use trainer::{data, plot};

/// Keeps the memory of tensors that a step made for those of the next.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Meta-train a learner, measure it, export it as one file.
#[derive(Parser)]
#[command(version, about, max_term_width = 110)]
struct Cli {
    /// Folder of data sets [default: $GPICL_DATA, else gpicl in the user's cache]
    #[arg(long, global = true, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Meta-train a learner into a run's folder; Ctrl-C writes a checkpoint
    Train(TrainArguments),
    /// Measure learners on data sets they were not trained on
    Eval(EvalArguments),
    /// Write a run's learner as one safetensors file (not a research learner, which lives in the trainer alone)
    Export {
        /// Folder of the run
        run: PathBuf,
        /// File to write
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        /// How weights are stored
        #[arg(long, value_enum, default_value_t = Dtype::F32)]
        dtype: Dtype,
        /// What `trainer eval --json` printed of this learner, to travel in the file
        #[arg(long, value_name = "FILE.json")]
        evaluation: Vec<PathBuf>,
    },
    /// Say what a model file holds
    Inspect {
        /// Model file
        model: PathBuf,
        /// As JSON on stdout
        #[arg(long)]
        json: bool,
        /// As a Markdown card: what it is, how it was made, what it reaches
        #[arg(long, conflicts_with = "json")]
        card: bool,
    },
    /// Run one of the paper's experiments as a grid of small runs; Ctrl-C stops it at checkpoints, the same command goes on
    Experiment(ExperimentArguments),
    /// Figures, tables and findings of experiments as one HTML file, with SVG, CSV and all results beside it
    Report {
        /// Folders with results, of one machine or of several, or the results.jsonl beside another report
        #[arg(default_value = "runs/experiments")]
        folders: Vec<PathBuf>,
        /// Page to write
        #[arg(short, long, value_name = "FILE.html", default_value = "report.html")]
        output: PathBuf,
    },
    /// Data sets: what there is, download, check
    Data {
        #[command(subcommand)]
        command: DataCommand,
    },
}

#[derive(clap::Args)]
struct TrainArguments {
    /// Where settings start from
    #[arg(long, default_value = "quick", help = preset_help())]
    preset: String,
    /// TOML file laid over the preset
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One setting, such as --set training.steps=2000; may be repeated
    #[arg(long, value_name = "KEY=VALUE", help = set_help())]
    set: Vec<String>,
    /// auto, cpu, gpu or gpu:n
    #[arg(long, default_value = "auto")]
    device: Choice,
    /// Folder of the run [default: runs/PRESET]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Go on with a run from its last checkpoint
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["out", "config", "set", "preset", "overwrite"])]
    resume: Option<PathBuf>,
    /// Remove a run that lies in the folder already
    #[arg(long)]
    overwrite: bool,
    /// Print the resolved settings and stop
    #[arg(long)]
    print_config: bool,
}

#[derive(clap::Args)]
struct EvalArguments {
    /// Model files, or folders of runs (whose learner need not be exportable)
    #[arg(required = true)]
    models: Vec<PathBuf>,
    /// Data sets, separated by commas; `random` is the lookup test
    #[arg(long, value_delimiter = ',', default_value = "mnist,fashion-mnist")]
    data: Vec<String>,
    /// Protocol
    #[arg(long, value_enum, default_value_t = Protocol::Paper)]
    protocol: Protocol,
    /// Episodes of each data set
    #[arg(long, default_value_t = 1000)]
    episodes: usize,
    /// Seed of the evaluation's streams
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Positions of the paper protocol, counted from 1, separated by commas
    #[arg(long, value_delimiter = ',', default_value = "1,2,3,5,10,20,30,50,70,100")]
    positions: Vec<usize>,
    /// Classes of an episode of the drawing protocol
    #[arg(long, value_delimiter = ',', default_value = "5,10")]
    ways: Vec<usize>,
    /// Shots a class of the drawing protocol
    #[arg(long, value_delimiter = ',', default_value = "1,3,5,10")]
    shots: Vec<usize>,
    /// Half of each data set: test for reported numbers, train for choosing hyper-parameters
    #[arg(long, value_enum, default_value_t = SplitArgument::Test)]
    split: SplitArgument,
    /// Hand-written rules and controls on the same episodes
    #[arg(long)]
    baselines: bool,
    /// Paper protocol: queries at each position on the same shown examples (more make the intervals narrower)
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    queries: u16,
    /// Drawing protocol, equivariant learners: show each drawing N times, once as it is and then a little changed, and
    /// average the answers to N variants of each query
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    ensemble: u8,
    /// Paper protocol, equivariant learners: project inputs to N dimensions, afresh in every episode (the others
    /// always project, to their own number of inputs)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=4096))]
    project: Option<u16>,
    /// Paper protocol, learners with a stem: show pictures as mere vectors, of which only inner products count
    #[arg(long)]
    vectors: bool,
    /// Drawing protocol: show one class of each episode once, the others as often as --shots says, and tell how many of
    /// its queries are found
    #[arg(long)]
    rare: bool,
    /// JSON on stdout in the place of a table
    #[arg(long)]
    json: bool,
    /// Learning curves as SVG; several data sets get their name before the ending
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// auto, cpu, gpu or gpu:n
    #[arg(long, default_value = "auto")]
    device: Choice,
}

#[derive(clap::Args)]
struct ExperimentArguments {
    #[arg(help = experiment_help(), value_name = "NAME", required = true)]
    names: Vec<String>,
    /// smoke: seconds, no data needed; desk: minutes on two CPU cores; full: the paper's own, for GPUs
    #[arg(long, value_enum, default_value_t = Scale::Desk)]
    scale: Scale,
    /// This machine's share of the cells: every n-th, from the i-th on
    #[arg(long, value_name = "i/n")]
    shard: Option<Shard>,
    /// Folder of all grids
    #[arg(long, value_name = "FOLDER", default_value = "runs/experiments")]
    out: PathBuf,
    /// Seeds, separated by commas [default: the scale's own]
    #[arg(long, value_delimiter = ',')]
    seeds: Option<Vec<u64>>,
    /// Cells at once, each on its own threads [default: CPU cores, 1 on a GPU]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Keep checkpoints of cells that are done
    #[arg(long)]
    keep: bool,
    /// List the cells with their cost and stop
    #[arg(long)]
    plan: bool,
    /// auto, cpu, gpu or gpu:n
    #[arg(long, default_value = "auto")]
    device: Choice,
}

#[derive(Subcommand)]
enum DataCommand {
    /// Data sets that can be fetched and folders that are there
    List,
    /// Download data sets, with checksums and resume
    Fetch {
        /// Names, such as mnist
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Compare files on disk with their checksums
    Verify {
        /// Names; all that are there if none is given
        names: Vec<String>,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Dtype {
    F32,
    F16,
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

fn preset_help() -> String {
    let lines: Vec<String> = PRESETS.iter().map(|(name, what)| format!("{name}: {what}")).collect();
    format!("Where settings start from:\n{}", lines.join("\n"))
}

fn set_help() -> String {
    let lines: Vec<String> = KINDS.iter().map(|(name, what)| format!("{name}: {what}")).collect();
    format!(
        "One setting, such as --set training.steps=2000; may be repeated. learner.kind trains another learner for \
         comparison on the tasks, inputs and classes of a causal preset; --print-config shows its dials:\n{}",
        lines.join("\n")
    )
}

fn experiment_help() -> String {
    let lines: Vec<String> = EXPERIMENTS.iter().map(|(name, what)| format!("{name}: {what}")).collect();
    format!("Experiments, or all:\n{}", lines.join("\n"))
}

type Outcomes = Result<(), Box<dyn Error>>;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = data::data_dir(cli.data_dir.as_deref()).map_err(Into::into).and_then(|dir| match cli.command {
        Command::Train(arguments) => train_command(&arguments, &dir),
        Command::Eval(arguments) => eval_command(&arguments, &dir),
        Command::Export { run, output, dtype, evaluation } => export_command(&run, &output, dtype, &evaluation),
        Command::Inspect { model, json, card } => inspect_command(&model, json, card),
        Command::Experiment(arguments) => experiment_command(&arguments, &dir),
        Command::Report { folders, output } => report_command(&folders, &output),
        Command::Data { command } => data_command(&command, &dir),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn train_command(arguments: &TrainArguments, data_dir: &Path) -> Outcomes {
    if arguments.print_config {
        let config = match &arguments.resume {
            Some(folder) => RunConfig::read(&folder.join("config.toml"))?,
            None => RunConfig::resolve(&arguments.preset, arguments.config.as_deref(), &arguments.set)?,
        };
        print!("{}", config.to_toml());
        return Ok(());
    }
    let device = device::open(arguments.device)?;
    let mut run = match &arguments.resume {
        Some(folder) => Run::resume(folder, data_dir, device)?,
        None => {
            let config = RunConfig::resolve(&arguments.preset, arguments.config.as_deref(), &arguments.set)?;
            let folder = arguments.out.clone().unwrap_or_else(|| Path::new("runs").join(&arguments.preset));
            if arguments.overwrite && folder.join("config.toml").exists() {
                std::fs::remove_dir_all(&folder)?;
            }
            Run::start(config, &folder, data_dir, device)?
        }
    };
    let RunConfig { model: spec, learner, training, tasks, .. } = &run.config;
    let cost = match learner {
        Learner::Model => format!(
            "{:.2} GFLOP a step of {} episodes",
            3.0 * spec.forward_flop(tasks.length) * training.batch as f64 / 1e9,
            training.batch
        ),
        _ => format!("{}, {} episodes a step", learner.kind(), training.batch),
    };
    eprintln!(
        "{} parameters, state of {} numbers at T = {}, {cost}, on {}; {}",
        run.learner().num_params(),
        learner.state_size(spec, tasks.length),
        tasks.length,
        run.device_name(),
        match run.step() {
            0 => format!("{} steps", training.steps),
            step => format!("resumed at step {step} of {}", training.steps),
        }
    );
    let stop = stop_flag()?;
    let (steps, batch) = (training.steps, training.batch as u64);
    let bar = ProgressBar::new(steps).with_position(run.step());
    bar.set_style(
        ProgressStyle::with_template("{bar:30} {pos}/{len}  {per_sec}  ETA {eta}  {msg}").expect("a valid template"),
    );
    let terminal = std::io::stderr().is_terminal();
    let mut last_line = 0;
    // step and seconds at which the episodes of the last line were counted
    let mut counted = None;
    let complete = run.train(&stop, &mut |m| {
        let speed = counted.filter(|&(_, seconds)| m.seconds > seconds).map(|(step, seconds): (u64, f64)| {
            format!("  {:.0} episodes/s", (batch * (m.step - step)) as f64 / (m.seconds - seconds))
        });
        let text = describe(m) + &speed.unwrap_or_default();
        if terminal {
            counted = Some((m.step, m.seconds));
            bar.set_position(m.step);
            bar.set_message(text);
        } else if m.step >= last_line + steps.div_ceil(20) || m.step == steps {
            last_line = m.step;
            counted = Some((m.step, m.seconds));
            eprintln!("step {}/{steps}  {:.0} s  {text}", m.step, m.seconds);
        }
    })?;
    bar.finish_and_clear();
    let folder = run.folder.display();
    if complete {
        let next = match run.config.learner {
            Learner::Model => format!("write the learner with `trainer export {folder} -o FILE.safetensors`"),
            _ => format!("measure the learner with `trainer eval {folder}`"),
        };
        eprintln!("done: {steps} steps; {next}");
        Ok(())
    } else {
        eprintln!("stopped at step {}; go on with `trainer train --resume {folder}`", run.step());
        std::process::exit(130);
    }
}

/// Set by Ctrl-C.
fn stop_flag() -> Result<Arc<AtomicBool>, ctrlc::Error> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = stop.clone();
    ctrlc::set_handler(move || {
        // a second Ctrl-C does not wait
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })?;
    Ok(stop)
}

fn experiment_command(arguments: &ExperimentArguments, data_dir: &Path) -> Outcomes {
    let all = EXPERIMENTS.map(|(name, _)| name.to_owned());
    let names = if arguments.names.iter().any(|name| name == "all") { &all[..] } else { &arguments.names[..] };
    let mut cells = Vec::new();
    for name in names {
        cells.extend(experiment::cells(name, arguments.scale, arguments.seeds.as_deref())?);
    }
    if let Some(shard) = arguments.shard {
        cells = shard.of(cells);
    }
    if arguments.plan {
        let mut total = 0.0;
        println!("{:<44} {:>10} {:>8} {:>9}  state", "cell", "parameters", "steps", "TFLOP");
        for cell in &cells {
            let cost = experiment::estimate(cell);
            let state = cell.result(&arguments.out).map_or("to do", |r| match r.state {
                State::Diverged => "diverged",
                _ => "done",
            });
            total += cost.flop;
            let name = format!("{}/{}", cell.experiment, cell.name);
            println!("{name:<44} {:>10} {:>8} {:>9.3}  {state}", cost.parameters, cost.steps, cost.flop / 1e12);
        }
        println!(
            "{} cells, {:.3} PFLOP of training: {:.1} hours of one CPU core at 30 GFLOP/s, {:.1} hours of a GPU at 10 TFLOP/s",
            cells.len(),
            total / 1e15,
            total / 30e9 / 3600.0,
            total / 10e12 / 3600.0
        );
        return Ok(());
    }
    let device = device::open(arguments.device)?;
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    let jobs = arguments.jobs.map(usize::from).unwrap_or(if device.cpu { cores } else { 1 });
    let options = experiment::Options { out: arguments.out.clone(), jobs, keep: arguments.keep };
    eprintln!("{} cells, {jobs} at a time, on {}", cells.len(), device.name);
    let stop = stop_flag()?;
    // a cell counts by its cost, for the time that is left
    let cost: Vec<f64> = cells.iter().map(|cell| experiment::estimate(cell).flop.max(1e10)).collect();
    let of = |cell: &experiment::Cell| {
        cells.iter().position(|c| c.experiment == cell.experiment && c.name == cell.name).map_or(0.0, |i| cost[i])
    };
    let started = std::time::Instant::now();
    struct Progress {
        ended: usize,
        done: f64,
        left: f64,
    }
    let progress = std::sync::Mutex::new(Progress { ended: 0, done: 0.0, left: cost.iter().sum() });
    let summary = experiment::run(&cells, &options, data_dir, &device, &stop, &|event| {
        let mut p = progress.lock().expect("no thread panics while counting");
        match event {
            Event::Skipped(cell) => {
                p.ended += 1;
                p.left -= of(cell);
            }
            Event::Ended(result) => {
                p.ended += 1;
                p.left -= of(&result.cell);
                p.done += of(&result.cell);
                let seconds = started.elapsed().as_secs_f64();
                eprintln!(
                    "{}/{} cells  {}/{}: {}  ETA {}",
                    p.ended,
                    cells.len(),
                    result.cell.experiment,
                    result.cell.name,
                    describe_cell(result),
                    duration(seconds * p.left / p.done)
                );
            }
            Event::Stopped(cell) => eprintln!("stopped {}/{} at a checkpoint", cell.experiment, cell.name),
            Event::Started(_) | Event::Step(..) => {}
        }
    })?;
    let again = format!("the same command goes on; `trainer report {}` shows what is there", arguments.out.display());
    eprintln!(
        "{} cells have results ({} from before, {} diverged), {} failed, {} are left; {again}",
        summary.done, summary.skipped, summary.diverged, summary.failed, summary.left
    );
    if stop.load(Ordering::Relaxed) {
        std::process::exit(130);
    }
    match summary.failed {
        0 => Ok(()),
        failed => {
            Err(format!("{failed} cells failed; their result.json says why, and the same command tries them again")
                .into())
        }
    }
}

/// `1 h 05 min`, `3 min`, `20 s`.
fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.0} h {:02.0} min", (s / 3600.0).floor(), (s % 3600.0) / 60.0),
    }
}

fn describe_cell(result: &experiment::CellResult) -> String {
    let outcome = &result.outcome;
    match (&result.message, outcome.measured.first(), outcome.probes.last()) {
        (Some(message), ..) => message.clone(),
        (None, Some(m), _) => {
            let last = m.accuracy.last().copied().unwrap_or(0.0);
            format!("{:.0} s, {} {:.1} %", outcome.seconds, m.name, 100.0 * last)
        }
        (None, None, Some(p)) => format!("{:.0} s, step {}, {:.1} %", outcome.seconds, p.step, 100.0 * p.accuracy),
        _ => format!("{:.0} s", outcome.seconds),
    }
}

fn report_command(folders: &[PathBuf], output: &Path) -> Outcomes {
    let results = report::collect(folders)?;
    if results.is_empty() {
        let names: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
        let here = names.join(", ");
        return Err(format!("expected results in {here}, found none; make some with `trainer experiment fig4`").into());
    }
    let report = report::build(&results);
    report::write(&report, output)?;
    eprintln!("wrote {} from {} cells, and {} files beside it", output.display(), report.cells, report.files.len());
    Ok(())
}

fn describe(m: &Metrics) -> String {
    let accuracy: Vec<String> = m
        .positions
        .iter()
        .zip(&m.accuracy)
        .map(|(&p, a)| match p {
            0 => format!("{:.1} %", 100.0 * a),
            p => format!("@{p} {:.1} %", 100.0 * a),
        })
        .collect();
    format!("loss {:.3}  accuracy {}", m.loss, accuracy.join("  "))
}

fn eval_command(arguments: &EvalArguments, data_dir: &Path) -> Outcomes {
    let device = device::open(arguments.device)?;
    let settings = Settings {
        episodes: arguments.episodes.max(1),
        seed: arguments.seed,
        positions: arguments.positions.clone(),
        split: match arguments.split {
            SplitArgument::Test => data::Split::Test,
            SplitArgument::Train => data::Split::Train,
        },
        queries: usize::from(arguments.queries),
        baselines: arguments.baselines,
        ensemble: usize::from(arguments.ensemble),
        project: arguments.project.map(usize::from),
        vectors: arguments.vectors,
        rare: arguments.rare,
    };
    let mut results: Vec<Outcome> = Vec::new();
    for path in &arguments.models {
        let (learner, untrained) = read_learner(path, settings.seed, &device.device)?;
        let net = learner.net();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for set in &arguments.data {
            match arguments.protocol {
                Protocol::Paper => {
                    let mut settings = settings.clone();
                    settings.positions.retain(|&p| p <= net.spec().longest);
                    let bar = ProgressBar::new(settings.episodes as u64).with_message(format!("{name} on {set}"));
                    bar.set_style(
                        ProgressStyle::with_template("{msg:30} {bar:30} {pos}/{len}  ETA {eta}")
                            .expect("a valid template"),
                    );
                    let device = &device.device;
                    let mut progress = |done| bar.set_position(done as u64);
                    let outcome =
                        eval::paper(&name, net, Some(&untrained), set, data_dir, device, &settings, &mut progress)?;
                    bar.finish_and_clear();
                    results.push(outcome);
                }
                Protocol::Drawing => {
                    let model = learner.model(path)?;
                    for &ways in &arguments.ways {
                        results.push(eval::drawing(&name, model, set, data_dir, ways, &arguments.shots, &settings)?);
                    }
                }
            }
        }
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&Results { results: results.clone() })?);
    } else {
        print!("{}", table(&results));
    }
    if let Some(path) = &arguments.plot {
        plot_results(&results, path)?;
    }
    Ok(())
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

/// One plot a data set and protocol, with every model and rule.
fn plot_results(results: &[Outcome], path: &Path) -> Outcomes {
    let mut groups: Vec<(String, String)> = Vec::new();
    for r in results {
        let key = (r.dataset.clone(), r.protocol.clone());
        if !groups.contains(&key) {
            groups.push(key);
        }
    }
    for (dataset, protocol) in &groups {
        let rows: Vec<&Outcome> = results.iter().filter(|r| &r.dataset == dataset && &r.protocol == protocol).collect();
        let mut series: Vec<plot::Series> = rows
            .iter()
            .map(|r| plot::Series {
                name: r.model.clone(),
                positions: r.positions.clone(),
                accuracy: r.accuracy.clone(),
                ci95: r.ci95.clone(),
                dashed: false,
            })
            .collect();
        for (name, accuracy) in &rows[0].baselines {
            series.push(plot::Series {
                name: name.clone(),
                positions: rows[0].positions.clone(),
                accuracy: accuracy.clone(),
                ci95: Vec::new(),
                dashed: true,
            });
        }
        let plot = plot::Plot {
            title: format!("Learning {dataset} in context"),
            subtitle: format!("{protocol} protocol, {} episodes, 95 % bands", rows[0].episodes),
            logarithmic: true,
            chance: None,
            series,
        };
        let file = if groups.len() == 1 {
            path.to_owned()
        } else {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            path.with_file_name(format!("{stem}-{}-{}.svg", dataset, protocol.replace(' ', "-")))
        };
        plot.save(&file)?;
        eprintln!("wrote {}", file.display());
    }
    Ok(())
}

fn export_command(run: &Path, output: &Path, dtype: Dtype, evaluation: &[PathBuf]) -> Outcomes {
    let (mut model, config, step) = train::read_run(run)?;
    let mut results = Results { results: Vec::new() };
    for path in evaluation {
        let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let more: Results = serde_json::from_str(&text)
            .map_err(|e| format!("{}: expected what `trainer eval --json` prints: {e}", path.display()))?;
        results.results.extend(more.results);
    }
    if !results.results.is_empty() {
        model.metadata.insert("evaluation".into(), serde_json::to_string(&results)?);
    }
    let text = &mut model.metadata;
    text.insert("training".into(), config.to_toml());
    text.insert("step".into(), step.to_string());
    text.insert("data".into(), config.tasks.data.join(", "));
    text.insert("commit".into(), env!("GIT_COMMIT").into());
    text.insert("licence".into(), "MIT OR Apache-2.0".into());
    text.insert("software".into(), format!("trainer {}", env!("CARGO_PKG_VERSION")));
    model.write(
        output,
        match dtype {
            Dtype::F32 => Precision::F32,
            Dtype::F16 => Precision::F16,
        },
    )?;
    // what was written is what a page will read
    let back = Model::read(output)?;
    let bytes = std::fs::metadata(output)?.len();
    eprintln!(
        "wrote {}: {} parameters, {bytes} bytes, step {step} of {}, weights {}",
        output.display(),
        back.spec.parameters(),
        config.training.steps,
        &back.hash()[..12]
    );
    Ok(())
}

/// Reads a model file; a fault names it, as there may be several on the command line.
fn read_model(path: &Path) -> Result<Model, Box<dyn Error>> {
    Model::read(path).map_err(|error| match error {
        FileError::Io { .. } => error.into(),
        error => format!("{}: {error}", path.display()).into(),
    })
}

/// What is measured: of a research learner there is no model.
struct Measured(Net, Option<Model>);

impl Measured {
    fn net(&self) -> &Net {
        &self.0
    }

    fn model(&self, path: &Path) -> Result<&Model, Box<dyn Error>> {
        let wrong = || format!("{}: a research learner has only the paper protocol", path.display());
        self.1.as_ref().ok_or_else(|| wrong().into())
    }
}

/// The learner of a model file or of a run's newest checkpoint, and the same before meta-training.
fn read_learner(path: &Path, seed: u64, device: &Device) -> Result<(Measured, Net), Box<dyn Error>> {
    if path.is_dir() {
        let (net, config, _) = train::read_net(path, device)?;
        let model = net.to_model();
        return Ok((Measured(net, model), train::new_net(&config, seed, device)?));
    }
    let model = read_model(path)?;
    let untrained = Net::from_model(&Model::random(model.spec.clone(), seed)?, device);
    Ok((Measured(Net::from_model(&model, device), Some(model)), untrained))
}

fn inspect_command(path: &Path, json: bool, card: bool) -> Outcomes {
    let model = read_model(path)?;
    if card {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        print!("{}", trainer::card::card(&name, &model));
        return Ok(());
    }
    if json {
        let text = serde_json::json!({
            "spec": model.spec,
            "parameters": model.spec.parameters(),
            "hash": model.hash(),
            "metadata": model.metadata,
            "tensors": model.spec.tensors().iter().map(|t| (t.name.clone(), t.shape.clone())).collect::<Vec<_>>(),
        });
        println!("{}", serde_json::to_string_pretty(&text)?);
        return Ok(());
    }
    println!("{}", path.display());
    println!("  parameters  {}", model.spec.parameters());
    println!("  bytes       {}", std::fs::metadata(path)?.len());
    println!("  weights     {}", model.hash());
    println!("  spec        {}", serde_json::to_string(&model.spec)?);
    for (key, value) in &model.metadata {
        if value.contains('\n') {
            println!("  {key}");
            value.lines().for_each(|line| println!("    {line}"));
        } else {
            println!("  {key:<11} {value}");
        }
    }
    println!("  tensors");
    for tensor in model.spec.tensors() {
        let values = model.tensor(&tensor.name);
        let rms = (values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / values.len() as f64).sqrt();
        println!("    {:<28} {:<14} rms {rms:.4}", tensor.name, format!("{:?}", tensor.shape));
    }
    Ok(())
}

fn data_command(command: &DataCommand, dir: &Path) -> Outcomes {
    match command {
        DataCommand::List => {
            println!("data directory: {}", dir.display());
            for set in data::fetch::list(dir) {
                let state = if set.present { "here" } else { "not here" };
                let size = match set.bytes {
                    0 => String::new(),
                    bytes => format!("{:.0} MB", bytes as f64 / 1e6),
                };
                println!("  {:<16} {:<9} {:>7}  {}  {}", set.name, state, size, set.about, set.licence);
            }
            Ok(())
        }
        DataCommand::Fetch { names } => {
            for name in names {
                let bar = ProgressBar::new(0);
                bar.set_style(
                    ProgressStyle::with_template("{msg}  {bar:24} {bytes}/{total_bytes}  {bytes_per_sec}")
                        .expect("a valid template"),
                );
                let folder = data::fetch::fetch(name, dir, &mut |file, event| {
                    use data::fetch::Event;
                    match event {
                        Event::Present => bar.suspend(|| eprintln!("{file}: here already, checksum right")),
                        Event::Start { url, from } => {
                            bar.set_message(file.to_owned());
                            bar.suspend(|| match from {
                                0 => eprintln!("{file}: from {url}"),
                                from => eprintln!("{file}: from {url}, going on at byte {from}"),
                            });
                        }
                        Event::Bytes { done, total } => {
                            bar.set_length(total.unwrap_or(done));
                            bar.set_position(done);
                        }
                        Event::Failed { reason } => bar.suspend(|| eprintln!("{file}: {reason}")),
                        Event::Done => bar.suspend(|| eprintln!("{file}: done, checksum right")),
                        Event::Convert => bar.suspend(|| eprintln!("{file}: converting")),
                    }
                })?;
                bar.finish_and_clear();
                eprintln!("{name} is in {}", folder.display());
            }
            Ok(())
        }
        DataCommand::Verify { names } => {
            let names = if names.is_empty() { data::folders(dir) } else { names.clone() };
            let mut wrong = 0;
            for name in &names {
                for (file, state) in data::fetch::verify(name, dir)? {
                    use data::fetch::State;
                    let text = match &state {
                        State::Right => "right".to_owned(),
                        State::Readable => "readable (no checksum is known)".to_owned(),
                        State::Missing => "missing".to_owned(),
                        State::Wrong(how) => format!("WRONG: {how}"),
                    };
                    wrong += usize::from(matches!(state, State::Missing | State::Wrong(_)));
                    println!("{name}/{file}: {text}");
                }
            }
            if wrong > 0 {
                return Err(
                    format!("{wrong} files are missing or wrong; mend them with `trainer data fetch NAME`").into()
                );
            }
            Ok(())
        }
    }
}
