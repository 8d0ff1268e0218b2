//! The folder of a run: who may use it, and what may be removed from it.
//!
//! A folder that the trainer uses carries a mark, [`MARK`]. Without the mark nothing in a folder is removed or
//! replaced; with it, only the files that a run writes. A second file, [`LOCK`], is locked as long as a process uses the
//! folder; the operating system releases that lock however the process ends.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::metrics::Metrics;
use crate::files::{unfinished, write_whole};

/// The file that marks the folder of a run.
pub const MARK: &str = ".gpicl-run";
/// The file that is locked while a process uses the folder; it holds the number of that process.
pub const LOCK: &str = ".gpicl-lock";

const PROGRAM: &str = "gpicl trainer";
const VERSION: i64 = 1;
/// Files of a whole checkpoint; the last one to arrive makes it whole.
const IN_CHECKPOINT: [&str; 4] = ["model.safetensors", "average.safetensors", "optimiser.bpk", STATE];
/// A folder is a checkpoint when it holds this file.
pub(super) const STATE: &str = "state.json";
/// What file systems and file managers put into folders by themselves.
const LITTER: [&str; 5] = [".DS_Store", "Thumbs.db", "desktop.ini", "lost+found", ".gitkeep"];

/// Why a folder cannot be used for a run.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A folder with files that no run wrote.
    #[error(
        "{} holds files that no run wrote ({}); choose a new or empty folder with --out. Nothing was changed",
        path.display(), some(found)
    )]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// Names in it.
        found: Vec<String>,
    },
    /// A run without a mark, which --overwrite may not remove.
    #[error(
        "{} looks like a run of an older trainer, but has no file {MARK} that says so; nothing was removed. \
         Remove the folder yourself, choose another --out, or go on with `trainer train --resume {}`, which marks it",
        .0.display(), .0.display()
    )]
    Unmarked(PathBuf),
    /// The folder of something else that the trainer makes.
    #[error("{} is {found}, expected {expected}; choose another folder", path.display())]
    OtherKind {
        /// The folder.
        path: PathBuf,
        /// What it is.
        found: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A mark that cannot be read.
    #[error("{}: {reason}; nothing in this folder was changed", path.join(MARK).display())]
    Mark {
        /// The folder.
        path: PathBuf,
        /// Expected and found.
        reason: String,
    },
    /// A file that no run wrote has a name that a run needs.
    #[error(
        "{} holds {}, which no run wrote although a run uses this name; move it away. Nothing was removed",
        path.display(), some(found)
    )]
    InTheWay {
        /// The folder.
        path: PathBuf,
        /// Names in it.
        found: Vec<String>,
    },
    /// Another process uses the folder.
    #[error(
        "{} is in use by another trainer{}; wait until it ends, stop it, or choose another --out",
        path.display(), process.map(|id| format!(" (process {id})")).unwrap_or_default()
    )]
    Busy {
        /// The folder.
        path: PathBuf,
        /// Its process, if it could be read.
        process: Option<u32>,
    },
    /// Neither a mark nor anything else that shows a run.
    #[error("{} is not the folder of a run: {missing}", path.display())]
    NoRun {
        /// The folder.
        path: PathBuf,
        /// What it lacks.
        missing: String,
    },
    /// The operating system's answer.
    #[error("{}: {source}", path.display())]
    Io {
        /// File or folder.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
}

/// The first few of some names.
fn some(names: &[String]) -> String {
    match names.len() {
        0..=4 => names.join(", "),
        n => format!("{} and {} more", names[..3].join(", "), n - 3),
    }
}

fn io(path: &Path) -> impl FnOnce(io::Error) -> FolderError + '_ {
    move |source| FolderError::Io { path: path.to_owned(), source }
}

/// What a marked folder is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A run of `trainer train`.
    Run,
    /// A cell of `trainer experiment`.
    Cell,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Run => "run",
            Kind::Cell => "cell",
        }
    }

    fn about(self) -> &'static str {
        match self {
            Kind::Run => "a run of `trainer train`",
            Kind::Cell => "a cell of `trainer experiment`",
        }
    }

    /// Files that are written into such a folder, beside checkpoints and temporary files.
    fn files(self) -> &'static [&'static str] {
        match self {
            Kind::Run => &["config.toml", "metrics.jsonl"],
            Kind::Cell => &["config.toml", "metrics.jsonl", "probes.jsonl", "cell.json", "result.json"],
        }
    }

    fn mark(self) -> String {
        format!(
            "# The trainer writes into this folder. Where it finds this mark, it may remove and replace the files below, \
             and nothing else.\nprogram = \"{PROGRAM}\"\nversion = {VERSION}\nkind = \"{}\"\nwrites = {:?}\n",
            self.word(),
            [self.files(), &["checkpoint-*"]].concat()
        )
    }
}

/// Whether a folder carries a mark, and of what kind.
///
/// # Errors
/// A file of that name that is no mark, or one of a newer trainer.
pub fn marked(folder: &Path) -> Result<Option<Kind>, FolderError> {
    let wrong = |reason: &str| FolderError::Mark { path: folder.to_owned(), reason: reason.to_owned() };
    let text = match fs::read_to_string(folder.join(MARK)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Err(wrong("expected a mark, found no text"));
        }
        Err(error) => return Err(io(&folder.join(MARK))(error)),
    };
    let mark = text.parse::<toml::Table>().unwrap_or_default();
    let word = |key: &str| mark.get(key).and_then(toml::Value::as_str);
    if word("program") != Some(PROGRAM) {
        return Err(wrong("expected the mark of a run, found something else"));
    }
    match (mark.get("version").and_then(toml::Value::as_integer), word("kind")) {
        (Some(VERSION), Some("run")) => Ok(Some(Kind::Run)),
        (Some(VERSION), Some("cell")) => Ok(Some(Kind::Cell)),
        _ => Err(wrong("this mark is of another version of the trainer; use that version here")),
    }
}

/// Entries of a folder, sorted; none if it does not exist.
fn names(folder: &Path) -> Result<Vec<String>, FolderError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(io(folder)(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        found.push(entry.map_err(io(folder))?.file_name().to_string_lossy().into_owned());
    }
    found.sort();
    Ok(found)
}

/// The step of `checkpoint-000000010`.
fn checkpoint_step(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("checkpoint-")?;
    (digits.len() >= 9 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// Whole checkpoints of a folder, oldest first.
///
/// # Errors
/// The operating system's.
pub(super) fn checkpoints(folder: &Path) -> Result<Vec<PathBuf>, FolderError> {
    let mut found: Vec<(u64, PathBuf)> = names(folder)?
        .into_iter()
        .filter_map(|name| Some((checkpoint_step(&name)?, folder.join(name))))
        .filter(|(_, path)| path.join(STATE).is_file())
        .collect();
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// Step of a folder's last whole checkpoint.
///
/// # Errors
/// The operating system's.
pub fn last_checkpoint(folder: &Path) -> Result<Option<u64>, FolderError> {
    let last = checkpoints(folder)?.pop();
    Ok(last.and_then(|path| checkpoint_step(&path.file_name()?.to_string_lossy())))
}

/// Whether something in a folder is a plain file or plain folder (no link) of a name that the trainer writes there.
fn written(folder: &Path, name: &str, kind: Kind) -> bool {
    let base = unfinished(name).unwrap_or(name);
    let Ok(found) = folder.join(name).symlink_metadata() else { return false };
    match checkpoint_step(base) {
        Some(_) => found.is_dir(),
        None => found.is_file() && (kind.files().contains(&base) || base == MARK || base == LOCK),
    }
}

/// Removes a checkpoint, whole or unfinished: its files, and the folder if nothing else is in it.
///
/// # Errors
/// The operating system's.
pub(super) fn remove_checkpoint(path: &Path) -> Result<(), FolderError> {
    for name in names(path)? {
        let file = path.join(&name);
        let base = unfinished(&name).unwrap_or(&name);
        if IN_CHECKPOINT.contains(&base) && file.symlink_metadata().is_ok_and(|found| found.is_file()) {
            fs::remove_file(&file).map_err(io(&file))?;
        }
    }
    match fs::remove_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::DirectoryNotEmpty => Err(io(path)(error)),
        _ => Ok(()),
    }
}

/// Gives a checkpoint its name. Where a folder of this name holds something else, it moves in beside it.
///
/// # Errors
/// The operating system's.
pub(super) fn finish_checkpoint(temporary: &Path, path: &Path) -> io::Result<()> {
    if !path.exists() {
        return fs::rename(temporary, path);
    }
    for name in IN_CHECKPOINT {
        fs::rename(temporary.join(name), path.join(name))?;
    }
    fs::remove_dir(temporary)
}

/// Whether a folder without a mark is a run that an older trainer made: beside its settings lies a checkpoint or what
/// it logged.
pub(super) fn looks_like_a_run(folder: &Path) -> bool {
    let metrics = || {
        let text = fs::read_to_string(folder.join("metrics.jsonl")).ok()?;
        Some(text.lines().next().is_none_or(|line| serde_json::from_str::<Metrics>(line).is_ok()))
    };
    checkpoints(folder).is_ok_and(|found| !found.is_empty()) || metrics().unwrap_or(false)
}

/// Whether a folder without a mark is a cell that an older trainer made.
fn old_cell(folder: &Path) -> bool {
    let cell = fs::read_to_string(folder.join("cell.json")).ok();
    let cell: Option<serde_json::Value> = cell.and_then(|text| serde_json::from_str(&text).ok());
    cell.is_some_and(|cell| cell["hash"].is_string() && cell["cell"]["experiment"].is_string())
}

/// Looks whether a folder holds a run, without changing anything; returns its mark, which an older trainer did not make.
///
/// # Errors
/// It holds none.
pub fn expect_run(folder: &Path) -> Result<Option<Kind>, FolderError> {
    let missing = |missing: &str| FolderError::NoRun { path: folder.to_owned(), missing: missing.to_owned() };
    let mark = marked(folder)?;
    if !settings(&folder.join("config.toml")) {
        return Err(missing("its config.toml holds no settings of a run"));
    }
    if mark.is_none() && !looks_like_a_run(folder) {
        return Err(missing("it has neither a checkpoint nor a metrics.jsonl that a run wrote"));
    }
    Ok(mark)
}

/// Whether a file of settings is one of a run, whatever its version.
fn settings(path: &Path) -> bool {
    let table = fs::read_to_string(path).ok().and_then(|text| text.parse::<toml::Table>().ok()).unwrap_or_default();
    ["seed", "model", "tasks", "training"].iter().all(|key| table.contains_key(*key))
}

/// What stands in the way of a new run in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Nothing: it does not exist, is empty, or is marked and holds no run.
    Free,
    /// A run, with a mark.
    Taken,
}

/// Looks at the folder that a new run is to have, without changing anything.
///
/// # Errors
/// It holds something else.
pub fn look(folder: &Path, kind: Kind) -> Result<Place, FolderError> {
    if fs::metadata(folder).is_ok_and(|found| !found.is_dir()) {
        let missing = "it is a file; choose another --out".into();
        return Err(FolderError::NoRun { path: folder.to_owned(), missing });
    }
    let found = names(folder)?;
    match marked(folder)? {
        Some(other) if other != kind => {
            let (found, expected) = (other.about(), kind.about());
            return Err(FolderError::OtherKind { path: folder.to_owned(), found, expected });
        }
        Some(_) if found.iter().any(|name| name == "config.toml" || checkpoint_step(name).is_some()) => {
            return Ok(Place::Taken);
        }
        Some(_) => return Ok(Place::Free),
        None => {}
    }
    let own = |name: &str| LITTER.contains(&name) || [MARK, LOCK].contains(&unfinished(name).unwrap_or(name));
    let foreign: Vec<String> = found.into_iter().filter(|name| !own(name)).collect();
    if foreign.is_empty() {
        return Ok(Place::Free);
    }
    if settings(&folder.join("config.toml")) && looks_like_a_run(folder) {
        return Err(FolderError::Unmarked(folder.to_owned()));
    }
    Err(FolderError::Foreign { path: folder.to_owned(), found: foreign })
}

/// A folder that this process alone uses, until the last copy of this value is gone.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
    kind: Kind,
    /// Holds the lock; none on file systems that know no locks.
    _lock: Option<Arc<File>>,
}

impl RunFolder {
    /// Takes a folder for something new: makes it, locks it and marks it. What is in it stays.
    ///
    /// # Errors
    /// It holds something else or is in use.
    pub fn create(path: &Path, kind: Kind) -> Result<RunFolder, FolderError> {
        look(path, kind)?;
        let made = !path.exists();
        fs::create_dir_all(path).map_err(io(path))?;
        let ready = RunFolder::lock(path, kind).and_then(|folder| folder.mark().map(|()| folder));
        if ready.is_err() && made {
            // only what was just made
            let _ = fs::remove_file(path.join(LOCK)).and_then(|()| fs::remove_dir(path));
        }
        ready
    }

    /// Takes a folder that holds a run already, marks it if an older trainer made it, and removes what a killed
    /// process left unfinished.
    ///
    /// # Errors
    /// There is no run, or it is in use.
    pub fn open(path: &Path) -> Result<RunFolder, FolderError> {
        let mark = expect_run(path)?;
        let folder = RunFolder::lock(path, mark.unwrap_or(Kind::Run))?;
        if mark.is_none() {
            folder.mark()?;
        }
        folder.remove_unfinished()?;
        Ok(folder)
    }

    /// Takes the folder of a cell of an experiment, new or not; an older trainer left it without a mark.
    ///
    /// # Errors
    /// As [`RunFolder::create`].
    pub fn cell(path: &Path) -> Result<RunFolder, FolderError> {
        if marked(path)?.is_some() || !old_cell(path) {
            return RunFolder::create(path, Kind::Cell);
        }
        let folder = RunFolder::lock(path, Kind::Cell)?;
        folder.mark()?;
        Ok(folder)
    }

    fn lock(path: &Path, kind: Kind) -> Result<RunFolder, FolderError> {
        let at = path.join(LOCK);
        let mut file =
            File::options().create(true).truncate(false).read(true).write(true).open(&at).map_err(io(&at))?;
        let lock = match file.try_lock() {
            Ok(()) => {
                // whoever comes next reads here who it is; without the number the lock still holds
                let number = std::process::id().to_string();
                let _ = file.set_len(0).and_then(|()| file.write_all(number.as_bytes()));
                Some(Arc::new(file))
            }
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let _ = file.rewind().and_then(|()| file.read_to_string(&mut text));
                return Err(FolderError::Busy { path: path.to_owned(), process: text.trim().parse().ok() });
            }
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => None,
            Err(TryLockError::Error(error)) => return Err(io(&at)(error)),
        };
        Ok(RunFolder { path: path.to_owned(), kind, _lock: lock })
    }

    fn mark(&self) -> Result<(), FolderError> {
        let path = self.path.join(MARK);
        write_whole(&path, self.kind.mark().as_bytes()).map_err(io(&path))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes what a run wrote here; the mark, and everything else, stays.
    ///
    /// # Errors
    /// Something that no run wrote has a name that a run needs: then nothing is removed.
    pub fn clear(&self) -> Result<(), FolderError> {
        let found = names(&self.path)?;
        let needed = |name: &&String| {
            let base = unfinished(name).unwrap_or(name);
            self.kind.files().contains(&base) || checkpoint_step(base).is_some()
        };
        let (own, others): (Vec<&String>, Vec<&String>) =
            found.iter().filter(needed).partition(|name| written(&self.path, name, self.kind));
        let config = self.path.join("config.toml");
        let strange = config.exists() && !settings(&config);
        let in_the_way: Vec<String> =
            others.into_iter().cloned().chain(strange.then(|| "another program's config.toml".to_owned())).collect();
        if !in_the_way.is_empty() {
            return Err(FolderError::InTheWay { path: self.path.clone(), found: in_the_way });
        }
        // the settings last: without them what is left would be no run any more
        for name in own.iter().filter(|name| *name != &"config.toml").chain(own.iter().filter(|n| *n == &"config.toml"))
        {
            self.remove(name)?;
        }
        Ok(())
    }

    /// Removes temporary files and checkpoints that were never finished.
    ///
    /// # Errors
    /// The operating system's.
    pub fn remove_unfinished(&self) -> Result<(), FolderError> {
        for name in names(&self.path)? {
            if unfinished(&name).is_some() && written(&self.path, &name, self.kind) {
                self.remove(&name)?;
            }
        }
        Ok(())
    }

    /// Removes checkpoints, newest excepted as many as are to be kept.
    ///
    /// # Errors
    /// The operating system's.
    pub fn remove_checkpoints(&self, keep: usize) -> Result<(), FolderError> {
        for old in checkpoints(&self.path)?.iter().rev().skip(keep) {
            if old.symlink_metadata().is_ok_and(|found| found.is_dir()) {
                remove_checkpoint(old)?;
            }
        }
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<(), FolderError> {
        let path = self.path.join(name);
        match checkpoint_step(unfinished(name).unwrap_or(name)) {
            Some(_) => remove_checkpoint(&path),
            None => fs::remove_file(&path).map_err(io(&path)),
        }
    }
}
