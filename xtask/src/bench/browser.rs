//! What the benchmarks in a browser share: a headless Chromium in which contenders take turns, and what their page reports.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

use crate::chromium;
use crate::shell::{end, output};

use super::report::median;

/// A report comes at least so often.
const PATIENCE: Duration = Duration::from_secs(300);

/// A folder of our own that goes when this is dropped.
pub struct Folder {
    /// Where it is.
    pub path: PathBuf,
}

impl Folder {
    /// A new one below the system's for temporary files.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new() -> Result<Folder, String> {
        let path = env::temp_dir().join(format!("bench-page-{}", std::process::id()));
        make(&path)?;
        Ok(Folder { path })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The browser's other processes may write to its profile for a moment longer than the first one lives.
        for _ in 0..20 {
            if fs::remove_dir_all(&self.path).is_ok() || !self.path.exists() {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Makes a folder, and those that it lies in.
///
/// # Errors
/// The operating system's, with the path.
pub fn make(folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))
}

/// Copies a file.
///
/// # Errors
/// The operating system's, with the path.
pub fn copy(from: &Path, to: &Path) -> Result<(), String> {
    fs::copy(from, to).map(|_| ()).map_err(|error| format!("cannot copy {}: {error}", from.display()))
}

/// What it says of its version.
pub fn version(chromium: &Path) -> String {
    let said = output(Command::new(chromium).arg("--version"));
    said.map_or_else(|_| "a Chromium unknown".into(), |text| text.trim().to_owned())
}

/// Opens the page in a browser of its own and takes its reports to the last; with `gpu` on the adapter of
/// the machine.
///
/// # Errors
/// When it does not start, says nothing for long, or what the page says of its own.
pub fn visit(
    chromium: &Path,
    url: &str,
    gpu: bool,
    profile: &Path,
    reports: &Receiver<String>,
) -> Result<Results, String> {
    let mut browser = Command::new(chromium);
    browser.args(chromium::HEADLESS).arg(chromium::WEBGPU);
    if !gpu {
        browser.arg(chromium::SOFTWARE_ADAPTER);
    }
    browser.arg(format!("--user-data-dir={}", profile.display())).arg(url);
    browser.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = browser.spawn().map_err(|error| format!("cannot start {}: {error}", chromium.display()))?;
    let results = listen(reports);
    end(&mut child);
    results
}

/// Takes reports to the last.
///
/// # Errors
/// As [`visit`].
pub fn listen(reports: &Receiver<String>) -> Result<Results, String> {
    let mut results = Results::default();
    loop {
        let line = reports.recv_timeout(PATIENCE).map_err(|_| {
            format!("the page has said nothing for {} s; is the browser still running?", PATIENCE.as_secs())
        })?;
        if line == "end" {
            return Ok(results);
        }
        if let Some(error) = line.strip_prefix("error ") {
            return Err(format!("the page: {error}"));
        }
        match line.starts_with("failed ") {
            true => results.faults.push(line.lines().next().unwrap_or_default().to_owned()),
            false => results.take(&line)?,
        }
        eprintln!("  {line}");
    }
}

/// Everything that was reported.
#[derive(Debug, Default)]
pub struct Results {
    /// By model, contender and what was measured: a value of each round.
    pub values: BTreeMap<[String; 3], BTreeMap<usize, f64>>,
    /// Who could not go on, and why.
    pub faults: Vec<String>,
}

impl Results {
    /// Takes a line such as `drawing,ours-cpu,1,answer,2.5`.
    ///
    /// # Errors
    /// What stands there is no such line.
    pub fn take(&mut self, line: &str) -> Result<(), String> {
        let words: Vec<&str> = line.split(',').collect();
        let fault = || format!("expected `MODEL,CONTENDER,ROUND,WHAT,VALUE`, found `{line}`");
        let [model, contender, round, what, value] = words[..] else { return Err(fault()) };
        let (round, value) = (round.parse().map_err(|_| fault())?, value.parse().map_err(|_| fault())?);
        let key = [model, contender, what].map(String::from);
        self.values.entry(key).or_default().insert(round, value);
        Ok(())
    }

    /// The value of each round.
    pub fn of(&self, model: &str, contender: &str, what: &str) -> Option<&BTreeMap<usize, f64>> {
        self.values.get(&[model, contender, what].map(String::from))
    }

    /// The median over rounds.
    pub fn middle(&self, model: &str, contender: &str, what: &str) -> Option<f64> {
        Some(median(&self.of(model, contender, what)?.values().copied().collect::<Vec<_>>()))
    }

    /// Theirs over ours in each round, each by whoever of them has the least median over all rounds.
    pub fn ratios(&self, model: &str, job: &str, ours: &[&str], theirs: &[&str]) -> Vec<f64> {
        let best = |names: &[&str]| {
            let known = names.iter().filter_map(|name| Some((self.middle(model, name, job)?, *name)));
            let best = known.min_by(|a, b| a.0.total_cmp(&b.0))?.1;
            self.of(model, best, job)
        };
        let (Some(ours), Some(theirs)) = (best(ours), best(theirs)) else { return Vec::new() };
        ours.iter().filter_map(|(round, time)| Some(theirs.get(round)? / time)).collect()
    }

    /// All values, a row each; in the head of the table models go by the name `what`.
    pub fn csv(&self, what: &str) -> String {
        let mut rows = format!("{what},contender,what,round,value\n");
        for ([model, contender, what], rounds) in &self.values {
            for (round, value) in rounds {
                let _ = writeln!(rows, "{model},{contender},{what},{round},{value}");
            }
        }
        rows
    }
}

/// Milliseconds, with three digits or so.
pub fn time(ms: f64) -> String {
    let digits = if ms < 10.0 {
        2
    } else if ms < 100.0 {
        1
    } else {
        0
    };
    format!("{ms:.digits$}")
}

/// The median, and the least and most if there are several.
pub fn spread(values: &[f64], show: impl Fn(f64) -> String, mark: &str) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    match values.len() {
        0 => "–".into(),
        1 => format!("{mark}{}{mark}", show(least)),
        _ => format!("{mark}{}{mark} ({} to {})", show(median(values)), show(least), show(most)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_of_one_round_and_of_the_fastest_of_each() {
        let mut results = Results::default();
        for (contender, round, time) in [("a", 1, 2), ("a", 2, 4), ("b", 1, 6), ("b", 2, 8), ("c", 1, 20), ("c", 2, 30)]
        {
            results.take(&format!("small,{contender},{round},step,{time}")).unwrap();
        }
        assert_eq!(results.ratios("small", "step", &["a"], &["c", "b", "d"]), [3.0, 2.0]);
        assert!(results.ratios("small", "step", &["d"], &["a"]).is_empty());
        assert_eq!(results.middle("small", "b", "step"), Some(8.0));
        assert!(results.csv("case").starts_with("case,contender,what,round,value\nsmall,a,step,1,2\n"));
    }

    #[test]
    fn reports_are_taken_to_the_last_and_faults_are_told() {
        assert!(Results::default().take("drawing,ours-cpu,x,answer,1").unwrap_err().contains("ROUND"));
        let (sender, reports) = std::sync::mpsc::channel();
        for line in ["failed drawing on ort-webgpu: no\n  at x", "drawing,ours-cpu,1,answer,0.5", "end"] {
            sender.send(line.to_owned()).unwrap();
        }
        let results = listen(&reports).unwrap();
        assert_eq!(results.faults, ["failed drawing on ort-webgpu: no"]);
        sender.send("error no plan".into()).unwrap();
        assert!(listen(&reports).unwrap_err().contains("no plan"));
    }

    #[test]
    fn several_values_are_written_with_their_range() {
        let show = |values: &[f64]| spread(values, time, "**");
        assert_eq!([show(&[]), show(&[5.0]), show(&[100.0, 20.0, 3.0])], ["–", "**5.00**", "**20.0** (3.00 to 100)"]);
    }
}
