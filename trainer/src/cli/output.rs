//! Standard output for results, standard error for everything else. Either may be a pipe whose reader has gone: what
//! is printed then goes nowhere, and the work goes on.

use std::io::{self, ErrorKind, Write};

/// How a command ends.
pub type Ended = Result<(), Box<dyn std::error::Error>>;

/// Prints results.
///
/// # Errors
/// They could not be written, say into a file on a full disk.
pub fn print(text: &str) -> Result<(), String> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(format!("cannot write to standard output: {error}")),
        _ => Ok(()),
    }
}

/// Prints a line of a log.
pub fn note(text: impl std::fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
