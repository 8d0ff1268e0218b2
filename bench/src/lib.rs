//! What the programs that `cargo xtask bench` times have in common.

use std::error::Error;
use std::io::BufRead;
use std::time::Instant;

/// The first losses, which are compared.
const LOSSES: usize = 5;

/// Reads what [`peer_case::floats`](trainer::peer_case::floats) made.
///
/// # Errors
/// There is no such tensor.
pub fn read_floats(file: &safetensors::SafeTensors<'_>, name: &str) -> Result<Vec<f32>, Box<dyn Error>> {
    Ok(file.tensor(name)?.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

/// Reads what [`peer_case::labels`](trainer::peer_case::labels) made.
///
/// # Errors
/// There is no such tensor.
pub fn read_labels(file: &safetensors::SafeTensors<'_>, name: &str) -> Result<Vec<u32>, Box<dyn Error>> {
    Ok(file.tensor(name)?.data().as_chunks().0.iter().map(|bytes| i64::from_le_bytes(*bytes) as u32).collect())
}

/// An entry of the metadata of a safetensors file.
///
/// # Errors
/// There is none.
pub fn metadata(bytes: &[u8], key: &str) -> Result<String, Box<dyn Error>> {
    let (_, header) = safetensors::SafeTensors::read_metadata(bytes)?;
    let found = header.metadata().as_ref().and_then(|all| all.get(key)).cloned();
    Ok(found.ok_or_else(|| format!("expected the metadata `{key}` in the file, found none"))?)
}

/// Peak of this process's memory, MB; none where the system does not tell.
fn peak() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok()? / 1024.0)
}

/// How the time of a step is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// By the clock.
    Clock,
    /// What the processor spent, all threads together: the same on a machine where others compute, too.
    Spent,
}

impl Count {
    /// Milliseconds since some moment.
    ///
    /// # Panics
    /// For [`Count::Spent`] where the system does not tell.
    fn now(self, start: Instant) -> f64 {
        match self {
            Count::Clock => 1e3 * start.elapsed().as_secs_f64(),
            Count::Spent => {
                spent().expect("expected Linux, whose /proc/self/task/*/schedstat tells what threads spent")
            }
        }
    }
}

/// Milliseconds that the threads of this process have spent so far; threads that have ended are not counted.
fn spent() -> Option<f64> {
    let tasks = std::fs::read_dir("/proc/self/task").ok()?;
    let own = |task: std::io::Result<std::fs::DirEntry>| {
        let text = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    };
    tasks.map(own).sum::<Option<f64>>().map(|nanoseconds| nanoseconds / 1e6)
}

/// For each line with a number on standard input takes so many steps and prints their milliseconds; at the end the first
/// losses and the peak of memory. `prepare` gets the number of a step and is not timed; `step` gives a loss.
///
/// # Errors
/// A line that is no number, or what `prepare` says.
pub fn take_steps<T>(
    count_by: Count,
    mut prepare: impl FnMut(usize) -> Result<T, Box<dyn Error>>,
    mut step: impl FnMut(&T) -> f64,
) -> Result<(), Box<dyn Error>> {
    let (mut losses, mut done, started) = (Vec::new(), 0, Instant::now());
    for line in std::io::stdin().lock().lines() {
        let count: usize = line?.trim().parse()?;
        let mut times = Vec::new();
        for _ in 0..count {
            let prepared = prepare(done)?;
            let before = count_by.now(started);
            let loss = step(&prepared);
            times.push(format!("{:.3}", count_by.now(started) - before));
            done += 1;
            if losses.len() < LOSSES {
                losses.push(format!("{loss:.7}"));
            }
        }
        println!("{}", times.join(" "));
    }
    println!("losses {}", losses.join(" "));
    println!("peak_mb {:.0}", peak().unwrap_or(f64::NAN));
    println!("version {}", env!("CARGO_PKG_VERSION"));
    Ok(())
}
