//! Runs a grid: cells in their order, several at a time, each in a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use super::cell::{Cell, CellResult, ExperimentError, Outcome, State};
use super::job::{self, RunContext};
use crate::device::TrainDevice;
use crate::train::folder::{FolderError, RunFolder};
use crate::train::{TrainError, write_whole};

/// How to run a grid.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder of all grids.
    pub out: PathBuf,
    /// Cells at once, each on cores/jobs threads.
    pub jobs: usize,
    /// CPU cores to use.
    pub cores: usize,
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

/// Runs cells in their order, `jobs` at a time. Cells that have their result are skipped; a cell that was stopped or
/// killed goes on from its checkpoint; one whose settings changed begins anew.
///
/// # Errors
/// A folder that cannot be written. What goes wrong inside a cell is its result, and the grid goes on.
pub fn run(
    cells: &[Cell],
    options: &Options,
    data_dir: &Path,
    device: &TrainDevice,
    stop: &AtomicBool,
    event: &(dyn Fn(Event<'_>) + Sync),
) -> Result<Summary, ExperimentError> {
    let summary = Mutex::new(Summary::default());
    let count = |change: &dyn Fn(&mut Summary)| change(&mut summary.lock().expect("no thread panics while counting"));
    let fault: Mutex<Option<TrainError>> = Mutex::new(None);
    let next = AtomicUsize::new(0);
    let threads = (options.cores / options.jobs.max(1)).max(1);
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
    device: &TrainDevice,
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
    let context = RunContext { place: &place, data_dir, device, threads, stop };
    let (state, message, outcome) = match job::run(&cell.job, &context, &mut |step| event(Event::Step(cell, step))) {
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
