//! The trainer's program, run as a user runs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::{env, fs};

/// The trainer's program.
///
/// # Panics
/// It is not built.
pub fn program() -> PathBuf {
    beside("trainer")
}

/// A program that was built beside the running test.
///
/// # Panics
/// It is not built.
pub fn beside(name: &str) -> PathBuf {
    let test = env::current_exe().expect("a running test has a program");
    let folder = test.parent().and_then(Path::parent).expect("tests lie in target/PROFILE/deps");
    let program = folder.join(format!("{name}{}", env::consts::EXE_SUFFIX));
    assert!(program.is_file(), "{} is not built: run `cargo build --release` first", program.display());
    program
}

/// A call of it, without input and without the user's own data sets.
pub fn trainer() -> Command {
    let mut command = Command::new(program());
    command.stdin(Stdio::null()).env("GPICL_DATA", env::temp_dir().join("no-data-sets-here"));
    command
}

/// A learner that trains in seconds, and a run short enough for a test.
const TINY: [&str; 10] = [
    "model.inputs=64",
    "model.width=16",
    "model.layers=1",
    "model.heads=1",
    "model.key_size=16",
    "model.longest=40",
    "tasks.length=32",
    "training.batch=4",
    "training.micro_batch=2",
    "training.checkpoint_every=10",
];

/// Trains such a learner in the folder `out`.
pub fn train_tiny(out: &Path, steps: u64) -> Command {
    let mut command = trainer();
    command.args(["train", "--preset", "quick", "--device", "cpu", "--out"]).arg(out);
    for setting in TINY {
        command.args(["--set", setting]);
    }
    command.args(["--set", &format!("training.steps={steps}")]);
    command
}

/// What became of a call.
///
/// # Panics
/// It could not be started.
pub fn output(command: &mut Command) -> Output {
    command.output().expect("the program starts")
}

/// What a call wrote to standard output and standard error.
///
/// # Panics
/// It ended with a fault.
#[track_caller]
pub fn good(command: &mut Command) -> (String, String) {
    let output = output(command);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?} ended with {}: {}", output.status, text(&output.stderr));
    (text(&output.stdout), text(&output.stderr))
}

/// What a call said on standard error.
///
/// # Panics
/// It ended well, panicked, or wrote to standard output.
#[track_caller]
pub fn bad(command: &mut Command) -> String {
    let output = output(command);
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{command:?} ended well: {words}");
    assert!(output.stdout.is_empty(), "{command:?} wrote to standard output");
    assert!(!words.contains("panicked"), "{command:?} panicked: {words}");
    assert!(!words.trim().is_empty(), "{command:?} failed without a word");
    words
}

/// An empty folder of a test's own, removed when the test has passed, and kept for a look when it has failed.
pub struct Folder(pub PathBuf);

impl Folder {
    /// `name` tells the tests of a process apart.
    ///
    /// # Panics
    /// The folder cannot be made.
    pub fn new(name: &str) -> Folder {
        let path = env::temp_dir().join(format!("trainer-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a folder for temporary files");
        Folder(path)
    }

    /// A path within.
    pub fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file within.
    ///
    /// # Panics
    /// It cannot be written.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.at(name);
        fs::write(&path, content).expect("a file for a test");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// Copies a folder with all that is in it.
///
/// # Panics
/// Something cannot be read or written.
pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
