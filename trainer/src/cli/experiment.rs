//! `trainer experiment`

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use trainer::device::{self, DeviceArg};
use trainer::experiment::{self, Cell, CellResult, EXPERIMENTS, Event, Scale, Shard, State};

use super::cells::{Busy, Chosen, cores};
use super::interrupt::stop_flag;
use super::numbers::{seed, whole};
use super::output::{Ended, note, print};
use super::progress::{Heartbeat, duration};

#[derive(clap::Args)]
pub struct Arguments {
    #[arg(help = experiment_help(), value_name = "NAME", required_unless_present = "plan_file")]
    names: Vec<String>,
    /// smoke: seconds, no data needed; desk: minutes on two CPU cores; full: the paper's own, for GPUs [default: desk]
    #[arg(long, value_enum)]
    scale: Option<Scale>,
    /// This machine's share of the cells: every n-th, from the i-th on
    #[arg(long, value_name = "i/n")]
    shard: Option<Shard>,
    /// List of cells. With names of experiments it is written, and nothing runs; without them its cells run
    #[arg(long, value_name = "FILE.jsonl")]
    plan_file: Option<PathBuf>,
    /// Cells of --plan-file to run, counted from 0: 3, or 0,4-6, or auto: the index of this task in a scheduler's array
    /// (Slurm, Kubernetes, PBS, Grid Engine, LSF, AWS Batch)
    #[arg(long, value_name = "auto|INDEXES", requires = "plan_file", conflicts_with_all = ["names", "shard"])]
    cell: Option<Chosen>,
    /// With --cell auto: this many neighbouring cells for each task, for arrays that may not be as long as the list
    #[arg(long, value_name = "N", requires = "cell", default_value = "1", value_parser = whole::<1, 1_000_000>)]
    cells_per_task: usize,
    /// Folder of all grids
    #[arg(long, value_name = "FOLDER", default_value = "runs/experiments")]
    out: PathBuf,
    /// Seeds, separated by commas [default: the scale's own]
    #[arg(long, requires = "names", value_delimiter = ',', value_parser = seed)]
    seeds: Option<Vec<u64>>,
    /// Cells at once, each on its own threads [default: CPU cores (of a Slurm task, its own), 1 on a GPU]
    #[arg(long, value_parser = whole::<1, 1_024>)]
    jobs: Option<usize>,
    /// Keep checkpoints of cells that are done
    #[arg(long)]
    keep: bool,
    /// List the cells with their cost and stop
    #[arg(long)]
    plan: bool,
    /// auto, cpu, gpu, gpu:n, or software: a GPU's driver that computes on the CPU
    #[arg(long, default_value = "auto")]
    device: DeviceArg,
    /// On a GPU, compute each operation by a kernel of its own: slower, and the way out where fused kernels compute wrong
    #[arg(long)]
    no_fusion: bool,
}

fn experiment_help() -> String {
    let lines: Vec<String> = EXPERIMENTS.iter().map(|e| format!("{}: {}", e.name, e.about)).collect();
    format!("Experiments, or all:\n{}", lines.join("\n"))
}

/// Runs grids, or lists their cells.
pub fn run(arguments: &Arguments, data_dir: &Path) -> Ended {
    let cells = wanted(arguments)?;
    if let (Some(path), false) = (&arguments.plan_file, arguments.names.is_empty()) {
        experiment::plan::write(path, &cells)?;
        let (n, path) = (cells.len(), path.display());
        note(format!(
            "{n} cells, 0 to {}, are in {path}; `trainer experiment --plan-file {path} --cell 0` runs the first",
            n - 1
        ));
        return if arguments.plan { Ok(print(&plan(&cells, &arguments.out)?)?) } else { Ok(()) };
    }
    if arguments.plan {
        return Ok(print(&plan(&cells, &arguments.out)?)?);
    }
    if arguments.no_fusion {
        device::disable_fusion();
    }
    let device = device::open(arguments.device)?;
    let cores = cores();
    let jobs = arguments.jobs.unwrap_or(if device.cpu { cores.min(cells.len()).max(1) } else { 1 });
    let options = experiment::Options { out: arguments.out.clone(), jobs, cores, keep: arguments.keep };
    note(format!("{}, {jobs} at a time, on {}", count(cells.len()), device.name));
    let stop = stop_flag()?;
    let watch = Arc::new(Watch::new(&cells));
    let seen = watch.clone();
    let heartbeat = Heartbeat::new(move |_| note(seen.line()));
    let summary = experiment::run(&cells, &options, data_dir, &device, &stop, &|event| watch.event(&event));
    drop(heartbeat);
    let summary = summary?;
    let again = format!("the same command goes on; `trainer report {}` shows what is there", arguments.out.display());
    note(format!(
        "{} with results ({} from before, {} diverged), {} failed, {} left; {again}",
        count(summary.done),
        summary.skipped,
        summary.diverged,
        summary.failed,
        summary.left
    ));
    if stop.load(Ordering::Relaxed) {
        std::process::exit(130);
    }
    match summary.failed {
        // somebody waits for just these cells
        0 if summary.left > 0 && arguments.cell.is_some() => Err(Box::new(Busy)),
        0 => Ok(()),
        failed => {
            Err(format!("{failed} cells failed; their result.json says why, and the same command tries them again")
                .into())
        }
    }
}

fn count(cells: usize) -> String {
    if cells == 1 { "1 cell".into() } else { format!("{cells} cells") }
}

/// The cells that the command line asks for.
fn wanted(arguments: &Arguments) -> Result<Vec<Cell>, Box<dyn std::error::Error>> {
    let mut cells = Vec::new();
    if arguments.names.is_empty() {
        let path = arguments.plan_file.as_deref().expect("asked for in the place of names");
        if arguments.scale.is_some() {
            return Err(format!("{} has its cells' scale; leave out --scale", path.display()).into());
        }
        cells = experiment::plan::read(path)?;
        if let Some(chosen) = &arguments.cell {
            cells = chosen.of(cells, arguments.cells_per_task, path)?;
        }
    }
    let all: Vec<String> = EXPERIMENTS.iter().map(|experiment| experiment.name.to_owned()).collect();
    let names = if arguments.names.iter().any(|name| name == "all") { &all[..] } else { &arguments.names[..] };
    for name in names {
        let scale = arguments.scale.unwrap_or(Scale::Desk);
        cells.extend(experiment::cells(name, scale, arguments.seeds.as_deref())?);
    }
    Ok(match arguments.shard {
        Some(shard) => shard.of(cells),
        None => cells,
    })
}

/// The cells with their cost and whether they are done.
fn plan(cells: &[Cell], out: &Path) -> Result<String, std::fmt::Error> {
    let mut total = 0.0;
    let mut text = String::new();
    writeln!(text, "{:<44} {:>10} {:>8} {:>9}  state", "cell", "parameters", "steps", "TFLOP")?;
    for cell in cells {
        let cost = experiment::estimate(cell);
        let state = cell.result(out).map_or("to do", |r| match r.state {
            State::Diverged => "diverged",
            _ => "done",
        });
        total += cost.flop;
        let name = format!("{}/{}", cell.experiment, cell.name);
        writeln!(text, "{name:<44} {:>10} {:>8} {:>9.3}  {state}", cost.parameters, cost.steps, cost.flop / 1e12)?;
    }
    writeln!(
        text,
        "{} cells, {:.3} PFLOP of training: {:.1} hours of one CPU core at 30 GFLOP/s, {:.1} hours of a GPU at 10 TFLOP/s",
        cells.len(),
        total / 1e15,
        total / 30e9 / 3600.0,
        total / 10e12 / 3600.0
    )?;
    Ok(text)
}

/// How far a grid is.
struct Watch {
    /// A cell counts by its cost, for the time that is left.
    cost: Vec<(String, f64)>,
    started: Instant,
    state: Mutex<Counts>,
}

struct Counts {
    ended: usize,
    done: f64,
    left: f64,
    /// Names of the cells at work, with their steps.
    running: Vec<(String, u64)>,
}

fn name_of(cell: &Cell) -> String {
    format!("{}/{}", cell.experiment, cell.name)
}

impl Watch {
    fn new(cells: &[Cell]) -> Watch {
        let cost: Vec<(String, f64)> =
            cells.iter().map(|cell| (name_of(cell), experiment::estimate(cell).flop.max(1e10))).collect();
        let left = cost.iter().map(|(_, cost)| cost).sum();
        let state = Mutex::new(Counts { ended: 0, done: 0.0, left, running: Vec::new() });
        Watch { cost, started: Instant::now(), state }
    }

    fn of(&self, cell: &Cell) -> f64 {
        let name = name_of(cell);
        self.cost.iter().find(|(known, _)| *known == name).map_or(0.0, |(_, cost)| *cost)
    }

    fn event(&self, event: &Event<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Skipped(cell) => {
                state.ended += 1;
                state.left -= self.of(cell);
            }
            Event::Started(cell) => state.running.push((name_of(cell), 0)),
            Event::Step(cell, step) => {
                let name = name_of(cell);
                if let Some(running) = state.running.iter_mut().find(|(known, _)| *known == name) {
                    running.1 = *step;
                }
            }
            Event::Ended(result) => {
                let cost = self.of(&result.cell);
                state.ended += 1;
                state.left -= cost;
                state.done += cost;
                let name = name_of(&result.cell);
                state.running.retain(|(known, _)| *known != name);
                let left = duration(self.started.elapsed().as_secs_f64() * state.left / state.done);
                let (ended, all) = (state.ended, self.cost.len());
                note(format!("{ended}/{all} cells  {name}: {}  ETA {left}", describe(result)));
            }
            Event::Stopped(cell) => {
                let name = name_of(cell);
                state.running.retain(|(known, _)| *known != name);
                note(format!("stopped {name} at a checkpoint"));
            }
            Event::Busy(cell, why) => {
                let name = name_of(cell);
                state.running.retain(|(known, _)| *known != name);
                note(format!("left out {name}: {why}"));
            }
        }
    }

    fn line(&self) -> String {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let running: Vec<String> = state.running.iter().map(|(name, step)| format!("{name} at step {step}")).collect();
        let seconds = duration(self.started.elapsed().as_secs_f64());
        format!("{}/{} cells  {seconds}  {}", state.ended, self.cost.len(), running.join(", "))
    }
}

fn describe(result: &CellResult) -> String {
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
