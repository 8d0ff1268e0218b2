//! Why a run cannot begin, or ended early.

use std::io;
use std::path::{Path, PathBuf};

use shaders::model::file::FileError;

use super::folder::FolderError;
use crate::config::ConfigError;
use crate::sources::SourceError;

/// Why a run cannot begin, or ended early.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// Settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Base data.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Model file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Features were wanted of a learner that has none.
    #[error("{}: expected the file of a learner with a convolutional stem, such as models/drawing.safetensors", path.display())]
    NoStem {
        /// File.
        path: PathBuf,
    },
    /// Reading or writing a run's folder.
    #[error("{}: {source}", path.display())]
    Io {
        /// File or folder.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// The folder of a run.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The folder of a new run is taken.
    #[error(
        "{} holds a run already; go on with it by `--resume {}`, choose another --out, or replace it with --overwrite",
        .0.display(), .0.display()
    )]
    Exists(PathBuf),
    /// A file that must not or cannot be written.
    #[error(transparent)]
    Target(#[from] crate::files::FileError),
    /// A run that could not write.
    #[error(
        "{what} could not be written: {cause}. {}. {}, then go on with `trainer train --resume {}`",
        match last {
            Some(last) => format!("What was begun of it is removed; the last checkpoint, {}, is whole", last.display()),
            None => "What was begun of it is removed; there is no checkpoint before it, so that the run begins anew".into(),
        },
        advice(*kind, *bytes),
        folder.display()
    )]
    Unwritten {
        /// What, such as `the checkpoint of step 10`.
        what: String,
        /// The folder of the run.
        folder: PathBuf,
        /// Cause.
        cause: String,
        /// Its kind.
        kind: Option<io::ErrorKind>,
        /// Bytes of a checkpoint, about.
        bytes: u64,
        /// Newest checkpoint.
        last: Option<PathBuf>,
    },
    /// Nothing to resume.
    #[error("{} holds no checkpoint; expected a folder that `trainer train` made", .0.display())]
    NoCheckpoint(PathBuf),
    /// A checkpoint that is not whole.
    #[error("checkpoint {}: {message}; remove this folder to go on from the one before", path.display())]
    Checkpoint {
        /// Folder.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// The loss or its gradient is NaN or infinite.
    #[error(
        "the loss or its gradient is not finite (NaN or infinite) at step {step}, {}; lower training.rate, or set training.clip",
        last.as_ref().map_or("before the first checkpoint".into(), |p| format!("the last checkpoint is {}", p.display()))
    )]
    Diverged {
        /// Step that was not taken.
        step: u64,
        /// Newest checkpoint.
        last: Option<PathBuf>,
    },
    /// The device's memory grows without end.
    #[error(
        "the memory of the device grew from {:.0} to {:.0} MiB over 1,000 steps, as if it were never given back; step \
         {step} is saved: go on with `trainer train --resume {} --no-fusion`, which begins with empty memory and \
         leaves out the fusion of kernels",
        *from as f64 / 1048576.0, *to as f64 / 1048576.0, folder.display()
    )]
    Memory {
        /// Steps done.
        step: u64,
        /// Bytes before.
        from: u64,
        /// Bytes now.
        to: u64,
        /// Folder of the run.
        folder: PathBuf,
    },
    /// A rank of a run that could not begin; every rank says so.
    #[error("{}{message}", if *rank == 0 { String::new() } else { format!("rank {rank} on {host}: ") })]
    Rank {
        /// Its number.
        rank: usize,
        /// Its machine.
        host: String,
        /// Its error.
        message: String,
    },
    /// A rank on which something differs on which the bits of a run depend; every rank says so.
    #[error(
        "rank {rank} on {host} has other {what}: {found}, not {expected} as rank 0; all ranks need the same build of the \
         trainer, the same data sets, and processors of one kind"
    )]
    RankDiffers {
        /// Its number.
        rank: usize,
        /// Its machine.
        host: String,
        /// What differs.
        what: String,
        /// There.
        found: String,
        /// On rank 0.
        expected: String,
    },
    /// A run that several ranks cannot share.
    #[error(
        "several ranks train learners of [model] (learner.kind = \"model\") on CPUs, and this is {0}; start one process \
         without mpirun, or choose --device cpu and another learner"
    )]
    NotShared(String),
    /// Settings that `--engine wgsl` cannot train.
    #[error(
        "--engine wgsl trains causal learners (variants `paper` and `shifted`) by adamw or muon, and this is {0}; leave it out"
    )]
    NotWgsl(String),
    /// The device that takes the steps failed.
    #[error("at step {step} the device failed: {error}. {}", match last {
        Some(path) => format!("The newest checkpoint is {}; go on from it with --resume", path.display()),
        None => "There is no checkpoint yet".to_owned(),
    })]
    Device {
        /// The step.
        step: u64,
        /// The newest checkpoint.
        last: Option<PathBuf>,
        /// What it said.
        error: backprop_gpu::StepError,
    },
    /// A model was wanted from the run of a research learner.
    #[error(
        "{} holds a research learner of kind `{kind}`, which lives in the trainer alone: only learners of [model] \
         (learner.kind = \"model\") can be exported", path.display()
    )]
    Research {
        /// Folder of the run.
        path: PathBuf,
        /// Its kind.
        kind: &'static str,
    },
}

/// What to do before a run that could not write is resumed.
fn advice(kind: Option<io::ErrorKind>, bytes: u64) -> String {
    use io::ErrorKind::{FileTooLarge, PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    match kind {
        // two checkpoints are kept, and the third must fit beside them
        Some(StorageFull | QuotaExceeded) => {
            format!(
                "Free some space on this disk (a checkpoint takes about {:.1} MB, three must fit)",
                bytes as f64 / 1e6
            )
        }
        Some(FileTooLarge) => format!("Allow larger files (a checkpoint takes about {:.1} MB)", bytes as f64 / 1e6),
        Some(PermissionDenied | ReadOnlyFilesystem) => "Make the folder writable".into(),
        _ => "See what is wrong with this disk".into(),
    }
}

/// The error of the operating system among the causes of an error.
pub(super) fn io_kind(error: &(dyn std::error::Error + 'static)) -> Option<io::ErrorKind> {
    let chain = std::iter::successors(Some(error), |error| error.source());
    let mut found = chain.filter_map(|error| error.downcast_ref::<io::Error>().map(io::Error::kind));
    // some libraries keep only its message
    found.next().or_else(|| {
        let words = error.to_string();
        let known = [
            ("No space left on device", io::ErrorKind::StorageFull),
            ("not enough space", io::ErrorKind::StorageFull),
            ("quota exceeded", io::ErrorKind::QuotaExceeded),
            ("File too large", io::ErrorKind::FileTooLarge),
        ];
        known.into_iter().find(|(part, _)| words.contains(part)).map(|(_, kind)| kind)
    })
}

impl TrainError {
    /// Whether training ran out of finite numbers, which is a finding about its settings.
    pub fn diverged(&self) -> bool {
        matches!(self, TrainError::Diverged { .. })
    }

    /// Whether every rank of a run ends with this error, not one of them alone.
    pub fn of_all_ranks(&self) -> bool {
        self.diverged() || matches!(self, TrainError::Rank { .. } | TrainError::RankDiffers { .. })
    }
}

/// Gives an error of the operating system its path.
pub(super) fn io_at(path: &Path) -> impl FnOnce(io::Error) -> TrainError + '_ {
    move |source| TrainError::Io { path: path.to_owned(), source }
}

/// Writes under a temporary name, then renames.
///
/// # Errors
/// The operating system's.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    crate::files::write_whole(path, bytes).map_err(io_at(path))
}
