//! Processes that take training steps when told to, ours and its peers, in turns; and what comes of comparing them.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::report::median;

/// What the trainer itself does.
pub const OURS: &str = "trainer";

/// The columns of [`Compared::lines`] after the case's own.
pub const COLUMNS: &str =
    "threads | learner by | step, ms | peak, MB | ours / theirs: median (least to most) | losses differ by |";

/// Whether a Python can import something; says so where it cannot.
pub fn knows(python: &str, name: &str, import: &str) -> bool {
    let mut command = Command::new(python);
    let known = command.args(["-c", import]).stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    if !known {
        println!("{name} is left out: `{python} -c '{import}'` fails; --python FILE names another Python.");
    }
    known
}

/// A process that takes training steps when told to.
pub struct Learner {
    name: &'static str,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// Milliseconds of a step in each round.
    rounds: Vec<f64>,
}

/// What a learner says at its end.
pub struct End {
    name: &'static str,
    /// Milliseconds of a step in each round.
    rounds: Vec<f64>,
    losses: Vec<f64>,
    peak_mb: f64,
    version: String,
}

/// Rows of tables.
pub struct Compared {
    /// Of the report, in Markdown.
    pub lines: String,
    /// Of each round, in CSV: case, threads, contender, round, milliseconds.
    pub raw: String,
}

impl Learner {
    /// Starts a program, whose libraries may use so many threads.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(name: &'static str, program: &Path, words: &[&str], threads: usize) -> Result<Learner, String> {
        let mut command = Command::new(program);
        command.args(words);
        // libraries below read these
        let count = threads.to_string();
        command.env("OMP_NUM_THREADS", &count).env("MKL_NUM_THREADS", &count);
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = started.map_err(|error| format!("cannot start {name}: {error}"))?;
        let (input, output) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        Ok(Learner { name, child, input, output: BufReader::new(output), rounds: Vec::new() })
    }

    /// Milliseconds of some steps.
    fn steps(&mut self, count: usize) -> Result<Vec<f64>, String> {
        let mut line = String::new();
        let told = writeln!(self.input, "{count}").and_then(|()| self.output.read_line(&mut line));
        let times: Vec<f64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        match told.is_ok() && times.len() == count {
            true => Ok(times),
            false => Err(format!("{}: expected {count} times, found `{}`", self.name, line.trim())),
        }
    }

    fn end(self) -> Result<End, String> {
        let Learner { name, mut child, input, output, rounds } = self;
        drop(input);
        let lines: Vec<String> = output.lines().map_while(Result::ok).collect();
        child.wait().map_err(|error| format!("{name}: {error}"))?;
        let field = |key: &str| {
            let found = lines.iter().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
            found.ok_or_else(|| format!("{name} ended without its {key}"))
        };
        let losses = field("losses")?.split(' ').filter_map(|word| word.parse().ok()).collect();
        let peak_mb = field("peak_mb")?.parse().unwrap_or(f64::NAN);
        Ok(End { name, rounds, losses, peak_mb, version: field("version")?.to_owned() })
    }
}

/// Everyone takes `warm` steps, then in every round `steps`, of whose times `of_round` makes one.
///
/// # Errors
/// A learner that ends early.
pub fn take_turns(
    mut learners: Vec<Learner>,
    (rounds, warm, steps): (usize, usize, usize),
    of_round: impl Fn(&[f64]) -> f64,
) -> Result<Vec<End>, String> {
    for learner in &mut learners {
        learner.steps(warm)?;
    }
    for round in 0..rounds {
        // each begins a round as often as the others
        let first = round % learners.len();
        for i in 0..learners.len() {
            let at = (first + i) % learners.len();
            let times = learners[at].steps(steps)?;
            learners[at].rounds.push(of_round(&times));
        }
    }
    learners.into_iter().map(Learner::end).collect()
}

impl Compared {
    /// Compares all learners with the first one. Ratios are taken within a round.
    pub fn new(all: &[End], (case, name_of_case): (&str, &str), threads: usize) -> Compared {
        let (mut lines, mut raw) = (String::new(), String::new());
        let first = &all[0];
        for end in all {
            let (name, rounds) = (end.name, &end.rounds);
            let ratios: Vec<f64> = first.rounds.iter().zip(rounds).map(|(a, b)| a / b).collect();
            let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
            let most = ratios.iter().copied().fold(0.0, f64::max);
            let differ = first.losses.iter().zip(&end.losses).map(|(a, b)| (a / b - 1.0).abs()).fold(0.0, f64::max);
            let compared = match name == OURS {
                true => "| |".to_owned(),
                false => format!("| **{:.2}** ({least:.2} to {most:.2}) | {differ:.0e} |", median(&ratios)),
            };
            let (time, peak, version) = (median(rounds), end.peak_mb, &end.version);
            let _ = writeln!(lines, "| {case} | {threads} | {name} {version} | {time:.1} | {peak:.0} {compared}");
            for (round, time) in rounds.iter().enumerate() {
                let _ = writeln!(raw, "{name_of_case},{threads},{name},{},{time:.3}", round + 1);
            }
        }
        Compared { lines, raw }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(name: &'static str, rounds: &[f64], loss: f64) -> End {
        End { name, rounds: rounds.to_vec(), losses: vec![2.0, loss], peak_mb: 50.0, version: "1.0".into() }
    }

    #[test]
    fn ratios_are_of_the_same_round_and_losses_are_compared_one_by_one() {
        let all = [end(OURS, &[10.0, 20.0, 30.0], 1.0), end("PyTorch", &[20.0, 20.0, 40.0], 1.01)];
        let Compared { lines, raw } = Compared::new(&all, ("B, T", "B"), 2);
        let lines: Vec<&str> = lines.lines().collect();
        assert_eq!(lines[0], "| B, T | 2 | trainer 1.0 | 20.0 | 50 | |");
        assert_eq!(lines[1], "| B, T | 2 | PyTorch 1.0 | 20.0 | 50 | **0.75** (0.50 to 1.00) | 1e-2 |");
        assert_eq!(raw.lines().nth(5), Some("B,2,PyTorch,3,40.000"));
    }

    #[test]
    fn a_learner_that_ends_early_is_named() {
        let learner = Learner::start("nobody", Path::new("true"), &[], 1).unwrap();
        let error = take_turns(vec![learner], (1, 1, 1), |times| times[0]).err().unwrap();
        assert!(error.contains("nobody: expected 1 times"), "{error}");
    }
}
