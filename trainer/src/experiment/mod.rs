//! The paper's experiments as grids: every cell is one run with its own folder, settings and result. A grid goes on
//! where it was stopped, skips what is done, leaves some cells to other machines, and survives a cell that diverges.
//!
//! ```text
//! runs/experiments/fig4-desk/shifted-k10-seed1/cell.json      what the cell is; its hash says whether a result is its own
//!                                              config.toml    the run, as `trainer train` would have it
//!                                              metrics.jsonl, probes.jsonl, checkpoint-…   while it trains
//!                                              result.json    written whole, last
//! ```

mod features;
mod figures;
mod grids;
mod measure;
pub mod paper;
pub mod report;
pub mod stats;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::{ConfigError, RunConfig};
use crate::data::DataError;
use crate::device::Chosen;
use crate::train::folder::{FolderError, RunFolder};
use crate::train::{TrainError, write_whole};

pub use grids::{EXPERIMENTS, cells};
pub use measure::{Measure, Measured, Point, Probe, Work};

/// How large an experiment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// Seconds, without any data set: whether everything works.
    Smoke,
    /// Minutes on two CPU cores: whether the effect is there.
    Desk,
    /// The paper's own, for GPUs.
    Full,
}

impl std::fmt::Display for Scale {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Scale::Smoke => "smoke",
            Scale::Desk => "desk",
            Scale::Full => "full",
        })
    }
}

/// A value on one axis of a grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A number.
    Number(f64),
    /// A word.
    Word(String),
}

/// One cell of a grid.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Experiment.
    pub experiment: String,
    /// Scale.
    pub scale: Scale,
    /// Folder below the grid's.
    pub name: String,
    /// Where it lies in the grid.
    pub axes: BTreeMap<String, Value>,
    /// What is to be done.
    pub work: Work,
}

impl Cell {
    /// A number of an axis; NaN where there is none.
    pub fn number(&self, axis: &str) -> f64 {
        match self.axes.get(axis) {
            Some(Value::Number(value)) => *value,
            _ => f64::NAN,
        }
    }

    /// A word of an axis; empty where there is none.
    pub fn word(&self, axis: &str) -> &str {
        match self.axes.get(axis) {
            Some(Value::Word(word)) => word,
            _ => "",
        }
    }

    /// Says whether a result was made by this very work.
    pub fn hash(&self) -> String {
        // raised when results of the same work would differ
        const VERSION: u32 = 1;
        let text = serde_json::to_string(&(VERSION, &self.axes, &self.work)).expect("plain data");
        Sha256::digest(text.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// How a cell ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// As meant.
    Done,
    /// The loss was no longer finite: a finding, not a fault.
    Diverged,
    /// An error; it is tried again with the next call.
    Failed,
}

/// What a cell gave, as `result.json` holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellResult {
    /// The cell.
    pub cell: Cell,
    /// Its hash.
    pub hash: String,
    /// How it ended.
    pub state: State,
    /// Why, if not as meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What was measured.
    pub outcome: Outcome,
    /// Commit of the trainer.
    pub commit: String,
    /// Where it ran.
    pub device: String,
}

/// What was measured in a cell.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Parameters of the learner.
    pub parameters: usize,
    /// State size: numbers that carry what was shown to the last prediction.
    pub state_size: usize,
    /// Steps trained.
    pub steps: u64,
    /// Floating-point operations of training, from the learner's formulas.
    pub flop: f64,
    /// Wall-clock seconds of training, on one thread of a CPU.
    pub seconds: f64,
    /// Accuracies.
    pub measured: Vec<Measured>,
    /// Accuracies on the way.
    pub probes: Vec<Point>,
}

/// Why a grid cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum ExperimentError {
    /// No experiment of this name.
    #[error("unknown experiment `{found}`; there are: {known}, and all")]
    Unknown {
        /// Name given.
        found: String,
        /// Names that exist.
        known: String,
    },
    /// Settings of a cell.
    #[error("cell {cell}: {source}")]
    Config {
        /// Cell.
        cell: String,
        /// Cause.
        source: ConfigError,
    },
    /// A file.
    #[error(transparent)]
    File(#[from] TrainError),
    /// Data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A shard that is none.
    #[error("expected a shard i/n with 1 ≤ i ≤ n, such as 2/8, found `{0}`")]
    Shard(String),
}

/// Which cells are this machine's: every n-th, from the i-th on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// i, from 1.
    pub index: usize,
    /// n.
    pub count: usize,
}

impl std::str::FromStr for Shard {
    type Err = ExperimentError;

    fn from_str(text: &str) -> Result<Shard, ExperimentError> {
        let read = || {
            let (index, count) = text.split_once('/')?;
            let shard = Shard { index: index.trim().parse().ok()?, count: count.trim().parse().ok()? };
            (1..=shard.count).contains(&shard.index).then_some(shard)
        };
        read().ok_or_else(|| ExperimentError::Shard(text.to_owned()))
    }
}

impl Shard {
    /// This machine's cells, in their order.
    pub fn of(self, cells: Vec<Cell>) -> Vec<Cell> {
        cells.into_iter().skip(self.index - 1).step_by(self.count).collect()
    }
}

/// How to run a grid.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder of all grids.
    pub out: PathBuf,
    /// Cells at once, each on threads/jobs threads.
    pub jobs: usize,
    /// Keep checkpoints of cells that are done.
    pub keep: bool,
}

/// What happens while a grid runs.
#[derive(Debug)]
pub enum Event<'a> {
    /// A cell has a result already.
    Skipped(&'a Cell),
    /// A cell begins or goes on.
    Started(&'a Cell),
    /// A step of a cell was logged.
    Step(&'a Cell, u64),
    /// A cell has its result.
    Ended(&'a CellResult),
    /// A cell was stopped by Ctrl-C, at a checkpoint.
    Stopped(&'a Cell),
    /// A cell is left to another process, which is at it; why, in words.
    Busy(&'a Cell, String),
}

/// How a grid ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Cells with a result, old or new.
    pub done: usize,
    /// Cells that had one before.
    pub skipped: usize,
    /// Cells whose loss became NaN.
    pub diverged: usize,
    /// Cells with an error.
    pub failed: usize,
    /// Cells that were stopped, not begun, or are another process's.
    pub left: usize,
}

impl Cell {
    /// The cell's folder.
    pub fn folder(&self, out: &Path) -> PathBuf {
        out.join(format!("{}-{}", self.experiment, self.scale)).join(&self.name)
    }

    /// The result that this very cell has already, unless it failed.
    pub fn result(&self, out: &Path) -> Option<CellResult> {
        let result = read_result(&self.folder(out).join("result.json"))?;
        (result.hash == self.hash() && result.state != State::Failed).then_some(result)
    }
}

/// A `result.json`, if it is whole.
pub(crate) fn read_result(path: &Path) -> Option<CellResult> {
    serde_json::from_str(&fs::read_to_string(path).ok()?).ok()
}

/// Runs cells in their order, `jobs` at a time. Cells that have their result are skipped; a cell that was stopped or
/// killed goes on from its checkpoint; one whose settings changed begins anew.
///
/// # Errors
/// A folder that cannot be written. What goes wrong inside a cell is its result, and the grid goes on.
pub fn run(
    cells: &[Cell],
    options: &Options,
    data_dir: &Path,
    device: &Chosen,
    stop: &AtomicBool,
    event: &(dyn Fn(Event<'_>) + Sync),
) -> Result<Summary, ExperimentError> {
    let summary = Mutex::new(Summary::default());
    let count = |change: &dyn Fn(&mut Summary)| change(&mut summary.lock().expect("no thread panics while counting"));
    let fault: Mutex<Option<TrainError>> = Mutex::new(None);
    let next = AtomicUsize::new(0);
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    let threads = (cores / options.jobs.max(1)).max(1);
    let work = || {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started");
        while let Some(cell) = cells.get(next.fetch_add(1, Ordering::Relaxed)) {
            if stop.load(Ordering::Relaxed) {
                count(&|s| s.left += 1);
                continue;
            }
            if let Some(result) = cell.result(&options.out) {
                event(Event::Skipped(cell));
                count(&|s| {
                    s.done += 1;
                    s.skipped += 1;
                    s.diverged += usize::from(result.state == State::Diverged);
                });
                continue;
            }
            event(Event::Started(cell));
            let ended = pool.install(|| run_cell(cell, options, data_dir, device, threads, stop, event));
            match ended {
                Ok(Some(result)) => {
                    count(&|s| match result.state {
                        State::Failed => s.failed += 1,
                        State::Done => s.done += 1,
                        State::Diverged => {
                            s.done += 1;
                            s.diverged += 1;
                        }
                    });
                    event(Event::Ended(&result));
                }
                Ok(None) => {
                    count(&|s| s.left += 1);
                    event(Event::Stopped(cell));
                }
                Err(TrainError::Folder(busy @ FolderError::Busy { .. })) => {
                    count(&|s| s.left += 1);
                    event(Event::Busy(cell, busy.to_string()));
                }
                Err(error) => {
                    stop.store(true, Ordering::Relaxed);
                    *fault.lock().expect("no thread panics here") = Some(error);
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..options.jobs.max(1).min(cells.len()) {
            scope.spawn(work);
        }
    });
    match fault.into_inner().expect("no thread panics here") {
        Some(error) => Err(error.into()),
        None => Ok(summary.into_inner().expect("no thread panics while counting")),
    }
}

/// One cell; `None` if it was stopped.
fn run_cell(
    cell: &Cell,
    options: &Options,
    data_dir: &Path,
    device: &Chosen,
    threads: usize,
    stop: &AtomicBool,
    event: &(dyn Fn(Event<'_>) + Sync),
) -> Result<Option<CellResult>, TrainError> {
    let folder = cell.folder(&options.out);
    let place = RunFolder::cell(&folder)?;
    // another process may have done it in the meantime
    if let Some(result) = cell.result(&options.out) {
        return Ok(Some(result));
    }
    let (file, hash) = (folder.join("cell.json"), cell.hash());
    let text = serde_json::to_string_pretty(&serde_json::json!({ "hash": hash, "cell": cell })).expect("plain data");
    if fs::read_to_string(&file).ok().as_ref() != Some(&text) {
        // another cell's, or a new one: nothing that a cell wrote there is this one's
        place.clear()?;
        write_whole(&file, text.as_bytes())?;
    }
    let started = Instant::now();
    let site = measure::Site { place: &place, data_dir, device, threads, stop };
    let (state, message, outcome) = match cell.work.run(&site, &mut |step| event(Event::Step(cell, step))) {
        Ok(None) => return Ok(None),
        Ok(Some(outcome)) => (State::Done, None, outcome),
        Err(error) => {
            let state = if error.diverged() { State::Diverged } else { State::Failed };
            let seconds = started.elapsed().as_secs_f64();
            (state, Some(error.to_string()), Outcome { seconds, ..Outcome::default() })
        }
    };
    let result = CellResult {
        cell: cell.clone(),
        hash,
        state,
        message,
        outcome,
        commit: env!("GIT_COMMIT").into(),
        device: device.name.clone(),
    };
    let text = serde_json::to_string_pretty(&result).expect("plain data");
    write_whole(&folder.join("result.json"), text.as_bytes())?;
    if !options.keep && state == State::Done {
        place.remove_checkpoints(0)?;
    }
    Ok(Some(result))
}

/// What a cell will cost, before it is run.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// Parameters of its learner.
    pub parameters: usize,
    /// Steps.
    pub steps: u64,
    /// Floating-point operations of training.
    pub flop: f64,
}

/// What is known of a cell before it is run.
pub fn estimate(cell: &Cell) -> Estimate {
    match cell.work.config() {
        Some(config) => Estimate {
            parameters: measure::parameters(config),
            steps: config.training.steps,
            flop: measure::step_flop(config) * config.training.steps as f64,
        },
        None => Estimate { parameters: 0, steps: 0, flop: 0.0 },
    }
}

/// Settings of a cell, from a preset and assignments; a wrong one names the cell.
fn resolve(cell: &str, preset: &str, set: &[String]) -> Result<RunConfig, ExperimentError> {
    RunConfig::resolve(preset, None, set).map_err(|source| ExperimentError::Config { cell: cell.to_owned(), source })
}
