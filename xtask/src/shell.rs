//! Running other programs: found on PATH, shown before they run, ended when they take too long.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Where a program lies on PATH, if it does.
pub fn which(program: &str) -> Option<PathBuf> {
    let file = format!("{program}{}", env::consts::EXE_SUFFIX);
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(&file)).find(|path| path.is_file())
}

/// The user's cache folder of this project, where tools, data sets and build products that outlive a clone are kept.
///
/// # Errors
/// When the machine names no home folder.
pub fn cache_folder() -> Result<PathBuf, String> {
    let folder = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || folder("HOME").or_else(|| folder("USERPROFILE"));
    let base = folder("XDG_CACHE_HOME").or_else(|| {
        if cfg!(windows) {
            folder("LOCALAPPDATA")
        } else if cfg!(target_os = "macos") {
            home().map(|home| home.join("Library/Caches"))
        } else {
            home().map(|home| home.join(".cache"))
        }
    });
    base.map(|base| base.join("gpicl"))
        .ok_or_else(|| "no home folder is known: set HOME (or XDG_CACHE_HOME) and try again.".to_string())
}

/// The command as a person would type it.
pub fn words(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|argument| argument.to_string_lossy().into_owned()));
    words.join(" ")
}

/// Shows the command, runs it with its output on the terminal, and waits.
///
/// # Errors
/// When the program cannot be started or ends with a fault.
pub fn run(command: &mut Command) -> Result<(), String> {
    eprintln!("  $ {}", words(command));
    let status = command.status().map_err(|error| cannot_start(command, &error))?;
    if status.success() { Ok(()) } else { Err(format!("`{}` ended with {status}", words(command))) }
}

/// Runs the command unseen and gives what it printed.
///
/// # Errors
/// When the program cannot be started or ends with a fault; the text then ends with what it said.
pub fn output(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| cannot_start(command, &error))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("`{}` ended with {}: {}", words(command), output.status, said.trim()))
}

/// Shows the command and runs it, but ends it when it takes longer than `limit`.
///
/// # Errors
/// As [`run`], and when the time is up.
pub fn run_within(command: &mut Command, limit: Duration) -> Result<(), String> {
    eprintln!("  $ {}", words(command));
    let mut child = command.stdin(Stdio::null()).spawn().map_err(|error| cannot_start(command, &error))?;
    let start = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("`{}` ended with {status}", words(command))),
            Ok(None) if start.elapsed() < limit => thread::sleep(Duration::from_millis(50)),
            Ok(None) => {
                end(&mut child);
                return Err(format!("`{}` gave no answer in {} s", words(command), limit.as_secs()));
            }
            Err(error) => return Err(format!("cannot wait for `{}`: {error}", words(command))),
        }
    }
}

/// Shows the command, runs it, passes each line of its standard output on and hands it to `each_line` as well.
/// Gives whether the program ended well.
///
/// # Errors
/// When the program cannot be started or its output cannot be read.
pub fn run_reading(command: &mut Command, each_line: impl FnMut(&str)) -> Result<bool, String> {
    eprintln!("  $ {}", words(command));
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(|error| cannot_start(command, &error))?;
    let pipe = child.stdout.take().expect("standard output was asked for as a pipe");
    pass_on(pipe, &mut io::stdout(), each_line).map_err(|error| cannot_read(command, &error))?;
    ended_well(command, &mut child)
}

/// [`run_reading`] for what the program prints to standard error.
///
/// # Errors
/// As [`run_reading`].
pub fn run_reading_errors(command: &mut Command, each_line: impl FnMut(&str)) -> Result<bool, String> {
    eprintln!("  $ {}", words(command));
    let mut child = command.stderr(Stdio::piped()).spawn().map_err(|error| cannot_start(command, &error))?;
    let pipe = child.stderr.take().expect("standard error was asked for as a pipe");
    pass_on(pipe, &mut io::stderr(), each_line).map_err(|error| cannot_read(command, &error))?;
    ended_well(command, &mut child)
}

fn pass_on(from: impl Read, to: &mut impl Write, mut each_line: impl FnMut(&str)) -> io::Result<()> {
    for line in BufReader::new(from).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        // A closed terminal must not end the run with a panic.
        let _ = writeln!(to, "{line}");
        each_line(&line);
    }
    Ok(())
}

fn ended_well(command: &Command, child: &mut Child) -> Result<bool, String> {
    let status = child.wait().map_err(|error| format!("cannot wait for `{}`: {error}", words(command)))?;
    Ok(status.success())
}

/// Puts a finished file in the place of another.
///
/// # Errors
/// What the operating system says.
pub fn rename_into(from: &Path, to: &Path) -> Result<(), String> {
    fs::rename(from, to).map_err(|error| format!("cannot replace {}: {error}", to.display()))
}

/// Ends a child process and waits until it is gone.
pub fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

fn cannot_read(command: &Command, error: &io::Error) -> String {
    format!("cannot read the output of `{}`: {error}", words(command))
}

fn cannot_start(command: &Command, error: &io::Error) -> String {
    format!("cannot start `{}`: {error}. Is it installed and on PATH?", command.get_program().to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn lines_of_either_output_are_read() {
        let command = || {
            let mut command = Command::new("sh");
            command.args(["-c", "echo out; echo error >&2; exit 3"]);
            command
        };
        let mut seen = Vec::new();
        assert_eq!(run_reading(&mut command(), |line| seen.push(line.to_string())), Ok(false));
        assert_eq!(run_reading_errors(&mut command(), |line| seen.push(line.to_string())), Ok(false));
        assert_eq!(seen, ["out", "error"]);
    }

    #[test]
    fn a_program_that_hangs_is_ended() {
        if cfg!(windows) {
            return;
        }
        let start = Instant::now();
        let error = run_within(Command::new("sleep").arg("30"), Duration::from_millis(200)).unwrap_err();
        assert!(error.contains("sleep 30") && error.contains("no answer"), "{error}");
        assert!(start.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = output(&mut Command::new("no-such-program-anywhere")).unwrap_err();
        assert!(error.contains("no-such-program-anywhere") && error.contains("PATH"), "{error}");
        assert_eq!(which("no-such-program-anywhere"), None);
        assert!(which("cargo").is_some(), "this test is run by cargo");
    }
}
