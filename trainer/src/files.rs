//! Files are written whole or not at all, and a command replaces only what it wrote itself.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Why a file cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Another file is there.
    #[error("{} is there already; it is {what} and is kept. Choose another name, or replace it with --overwrite", path.display())]
    Taken {
        /// The file.
        path: PathBuf,
        /// What it is, such as `no earlier export of this run`.
        what: String,
    },
    /// A folder has this name.
    #[error("{} is a folder, expected the name of a file", .0.display())]
    Folder(PathBuf),
    /// The folder of the file does not exist.
    #[error("cannot write {}: there is no folder {}; make it first, or choose another place", path.display(), folder.display())]
    NoFolder {
        /// The file.
        path: PathBuf,
        /// The folder that is missing.
        folder: PathBuf,
    },
    /// The operating system refuses.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
}

/// Writes under a temporary name beside the file, then renames it; a failure leaves no temporary file and the old
/// content. A link is followed, and what is no file (a pipe, a device) is written to directly.
///
/// # Errors
/// The operating system's.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let path = real(path);
    if fs::metadata(&path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        return OpenOptions::new().write(true).open(&path)?.write_all(bytes);
    }
    let (mut file, temporary) = begin(&path)?;
    let written = (|| {
        file.write_all(bytes)?;
        // a rename can reach the disk before the content does
        file.sync_all()?;
        fs::rename(&temporary, &path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// A file that is written piece by piece under a temporary name, and has its own name only when it is finished. Dropped
/// before, it leaves nothing.
pub struct Unfinished {
    file: BufWriter<File>,
    temporary: PathBuf,
    path: PathBuf,
    finished: bool,
}

impl Unfinished {
    /// Begins a file. A link is followed.
    ///
    /// # Errors
    /// The operating system's.
    pub fn create(path: &Path) -> io::Result<Unfinished> {
        let path = real(path);
        // a pipe or a device has no name to come to
        let direct = fs::metadata(&path).is_ok_and(|found| !found.is_file() && !found.is_dir());
        let (file, temporary) = match direct {
            true => (OpenOptions::new().write(true).open(&path)?, path.clone()),
            false => begin(&path)?,
        };
        Ok(Unfinished { file: BufWriter::new(file), temporary, path, finished: direct })
    }

    /// Gives it its name.
    ///
    /// # Errors
    /// The operating system's; nothing is left then.
    pub fn finish(mut self) -> io::Result<()> {
        self.file.flush()?;
        if !self.finished {
            self.file.get_ref().sync_all()?;
            fs::rename(&self.temporary, &self.path)?;
            self.finished = true;
        }
        Ok(())
    }
}

impl Write for Unfinished {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.finished {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Finds out, before anything is computed, whether a command may write a file and is able to. `own` says whether an
/// existing file was written by the same command; `what` says what any other file is.
///
/// # Errors
/// The file must be kept, or cannot be written.
pub fn check_writable(
    path: &Path,
    overwrite: bool,
    what: &str,
    own: impl FnOnce(&Path) -> bool,
) -> Result<(), FileError> {
    let io = |source| FileError::Io { path: path.to_owned(), source };
    if path.file_name().is_none() {
        return Err(FileError::Folder(path.to_owned()));
    }
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => return Err(FileError::Folder(path.to_owned())),
        // a pipe or a device
        Ok(found) if !found.is_file() => return OpenOptions::new().write(true).open(path).map(|_| ()).map_err(io),
        Ok(_) if !overwrite && !own(path) => {
            return Err(FileError::Taken { path: path.to_owned(), what: what.to_owned() });
        }
        Ok(found) if found.permissions().readonly() => return Err(io(io::ErrorKind::PermissionDenied.into())),
        _ => {}
    }
    let path = real(path);
    let folder = folder(&path);
    if !folder.is_dir() {
        return Err(FileError::NoFolder { folder: folder.to_owned(), path });
    }
    let temporary = temporary(&path);
    File::create(&temporary).and_then(|_| fs::remove_file(&temporary)).map_err(io)
}

/// Makes a lock file if there is none, and holds it until the result is dropped. While another process holds it, this
/// one waits; `waiting` is called before. None where the file cannot be made or the file system has no locks: then
/// processes are not kept apart.
pub fn lock(path: &Path, waiting: impl FnOnce()) -> Option<File> {
    let file = File::options().create(true).truncate(false).write(true).open(path).ok()?;
    match file.try_lock() {
        Ok(()) => return Some(file),
        Err(TryLockError::WouldBlock) => waiting(),
        Err(TryLockError::Error(_)) => return None,
    }
    loop {
        match file.lock() {
            Ok(()) => return Some(file),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
}

/// The folder that a file lies in.
pub fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Where a link leads; every other path is its own.
fn real(path: &Path) -> PathBuf {
    match path.is_symlink() {
        true => fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()),
        false => path.to_owned(),
    }
}

/// Begins a file under its temporary name, locked as long as it is open, and removes what killed processes left of it.
fn begin(path: &Path) -> io::Result<(File, PathBuf)> {
    remove_abandoned(path);
    let temporary = temporary(path);
    loop {
        let file = File::create(&temporary)?;
        // where there are no locks nobody takes it for abandoned; before it had its lock, somebody may have
        if file.lock().is_err() || temporary.exists() {
            return Ok((file, temporary));
        }
    }
}

/// Removes the unfinished files of `path` that no process holds. What cannot be removed stays.
fn remove_abandoned(path: &Path) {
    for entry in fs::read_dir(folder(path)).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.to_str().and_then(unfinished).is_some_and(|base| path.file_name() == Some(base.as_ref())) {
            let held = OpenOptions::new().write(true).open(entry.path()).and_then(|file| Ok(file.try_lock()?));
            let _ = held.and_then(|()| fs::remove_file(entry.path()));
        }
    }
}

/// The temporary name of a file that is being written.
fn temporary(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    path.with_file_name(name)
}

/// The name that a temporary name will become: `metrics.jsonl` of `metrics.jsonl.123.tmp`, or `optimiser.bpk` of
/// `optimiser.bpk.123-4.tmp`, as burn-pack names them.
pub(crate) fn unfinished(name: &str) -> Option<&str> {
    let (base, process) = name.strip_suffix(".tmp")?.rsplit_once('.')?;
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    process.splitn(2, '-').all(number).then_some(base)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::testing::Folder;

    #[test]
    fn a_file_is_replaced_only_by_what_wrote_it() {
        let folder = Folder::new("files");
        let path = folder.path("a.txt");
        let check = |path: &Path, overwrite, own| check_writable(path, overwrite, "something else", |_| own);
        assert!(check(&path, false, false).is_ok());
        write_whole(&path, b"first").unwrap();
        let Err(error) = check(&path, false, false) else { panic!("a stranger's file is taken for ours") };
        assert!(error.to_string().contains("--overwrite"), "{error}");
        assert!(check(&path, false, true).is_ok() && check(&path, true, false).is_ok());
        assert!(matches!(check(folder.root(), true, true), Err(FileError::Folder(_))));
        assert!(matches!(check(&folder.path("none/a.txt"), true, true), Err(FileError::NoFolder { .. })));
        assert_eq!(folder.names(), ["a.txt"], "a check leaves nothing behind");
        assert!(write_whole(&folder.path("none/a.txt"), b"x").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"first");
    }

    #[test]
    fn a_lock_is_waited_for() {
        let folder = Folder::new("lock");
        let path = folder.path("lock");
        let held = lock(&path, || panic!("nobody holds it")).unwrap();
        let (say, heard) = std::sync::mpsc::channel();
        let other = std::thread::spawn({
            let path = path.clone();
            move || {
                let lock = lock(&path, || say.send("waiting").unwrap());
                say.send("held").unwrap();
                lock.is_some()
            }
        });
        assert_eq!(heard.recv(), Ok("waiting"));
        assert!(heard.try_recv().is_err(), "it is held twice");
        drop(held);
        assert_eq!(heard.recv(), Ok("held"));
        assert!(other.join().unwrap());
        assert!(lock(&folder.path("none/lock"), || {}).is_none(), "there is no such folder");
    }

    #[test]
    fn an_unfinished_file_leaves_nothing() {
        let folder = Folder::new("unfinished");
        let path = folder.path("a.txt");
        write_whole(&path, b"first").unwrap();
        let mut file = Unfinished::create(&path).unwrap();
        file.write_all(b"sec").unwrap();
        drop(file);
        assert_eq!((folder.names(), fs::read(&path).unwrap()), (vec!["a.txt".to_owned()], b"first".to_vec()));
        let mut file = Unfinished::create(&path).unwrap();
        file.write_all(b"second").unwrap();
        file.finish().unwrap();
        assert_eq!((folder.names(), fs::read(&path).unwrap()), (vec!["a.txt".to_owned()], b"second".to_vec()));
    }

    #[test]
    fn what_a_killed_process_left_of_a_file_goes_with_the_next_one() {
        let folder = Folder::new("abandoned");
        let path = folder.path("a.txt");
        for name in ["a.txt.4000000000.tmp", "a.txt.7.tmp", "b.txt.7.tmp", "a.txt.mine.tmp"] {
            fs::write(folder.path(name), b"half").unwrap();
        }
        // one process is still at work
        let busy = File::open(folder.path("a.txt.7.tmp")).unwrap();
        busy.lock().unwrap();
        write_whole(&path, b"whole").unwrap();
        assert_eq!(folder.names(), ["a.txt", "a.txt.7.tmp", "a.txt.mine.tmp", "b.txt.7.tmp"]);
        drop(busy);
        Unfinished::create(&path).unwrap().finish().unwrap();
        assert_eq!(folder.names(), ["a.txt", "a.txt.mine.tmp", "b.txt.7.tmp"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_devices_stay_what_they_are() {
        let folder = Folder::new("links");
        let (file, link, device) = (folder.path("file"), folder.path("link"), folder.path("device"));
        fs::write(&file, b"old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write_whole(&link, b"new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"new");
        std::os::unix::fs::symlink("/dev/null", &device).unwrap();
        check_writable(&device, false, "something else", |_| false).unwrap();
        write_whole(&device, b"gone").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }

    #[test]
    fn names_of_unfinished_files_are_known() {
        assert_eq!(unfinished("metrics.jsonl.12.tmp"), Some("metrics.jsonl"));
        assert_eq!(unfinished("checkpoint-000000010.9.tmp"), Some("checkpoint-000000010"));
        assert_eq!(unfinished("optimiser.bpk.12-3.tmp"), Some("optimiser.bpk"));
        for other in [
            "a.1-.tmp",
            "a.-1.tmp",
            "a.1-2-3.tmp",
            "notes.tmp",
            "notes.x1.tmp",
            "a..tmp",
            "metrics.jsonl",
            "metrics.jsonl.12",
        ] {
            assert_eq!(unfinished(other), None, "{other}");
        }
    }
}
