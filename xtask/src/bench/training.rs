//! `cargo xtask bench`: a training step on the CPU, compared with PyTorch and JAX.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::shell::{output, run as run_shown};

use super::report::{Cost, chart, machine_description, median, number, write};
use crate::options::Options;
use crate::workspace::Workspace;

/// B, T, D, L of what is compared.
const CASES: [[usize; 4]; 2] = [[16, 100, 128, 2], [8, 100, 256, 4]];

/// Steps of a round; one more, which is not counted, comes before them.
const STEPS: usize = 5;

pub fn run(workspace: &Workspace, mut options: Options) -> Result<(), String> {
    let python = options.value("--python")?.unwrap_or_else(|| "python3".into());
    let rounds = options.value("--rounds")?.map_or(Ok(9), |text| number(&text, "--rounds"))?;
    let threads = options.value("--threads")?.unwrap_or_else(|| "1,2".into());
    let threads: Vec<usize> =
        threads.split(',').map(|text| number(text, "--threads")).collect::<Result<_, String>>()?;
    let autodiff = options.switch("--autodiff");
    let out = options.value("--out")?.map(|folder| workspace.root.join(folder));
    options.finish()?;

    run_shown(&mut workspace.cargo(&["build", "--release", "-p", "bench", "--bin", "train_step"]))?;
    let bench = Bench { workspace, peers: peers(&python), rounds, autodiff };
    let mut table = format!("{}\n\n{HEADER}\n", machine_description(workspace));
    let mut rows = String::from("case,threads,contender,round,median_ms\n");
    for case in CASES {
        for &threads in &threads {
            let (lines, raw) = bench.compare(case, threads)?;
            println!("\n{HEADER}\n{lines}");
            table += &lines;
            rows += &raw;
        }
    }
    let costs = output(Command::new(bench.step()).arg("cost"))?;
    let costs = Cost::all(&costs)?;
    let grows = costs.iter().map(Cost::line).collect::<String>();
    println!("\n{grows}");
    if let Some(out) = out {
        fs::create_dir_all(&out).map_err(|error| format!("cannot make {}: {error}", out.display()))?;
        write(&out.join("training.md"), &format!("{table}\n{grows}"))?;
        write(&out.join("training.csv"), &rows)?;
        write(&out.join("cost.svg"), &chart("Milliseconds of a training step by size", &costs))?;
    }
    Ok(())
}

/// Those that this Python knows; says who is missing.
fn peers(python: &str) -> Vec<(&'static str, [String; 2])> {
    let list = [("PyTorch", "step_torch.py", "import torch"), ("JAX", "step_jax.py", "import jax, optax")];
    let knows = |import: &str| {
        Command::new(python).args(["-c", import]).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    let mut found = Vec::new();
    for (name, file, import) in list {
        match knows(import) {
            true => found.push((name, [python.to_owned(), format!("xtask/peers/{file}")])),
            false => {
                println!("{name} is left out: `{python} -c '{import}'` fails; --python FILE names another Python.")
            }
        }
    }
    found
}

const HEADER: &str = "\
| B, T, D, L | threads | learner by | step, ms | peak, MB | ours / theirs: median (least to most) | losses differ by |
|---|---|---|---|---|---|---|";

struct Bench<'a> {
    workspace: &'a Workspace,
    /// Names, and the words that start them.
    peers: Vec<(&'static str, [String; 2])>,
    rounds: usize,
    autodiff: bool,
}

/// A process that takes training steps when told to.
struct Learner {
    name: &'static str,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    /// Median milliseconds of each round.
    rounds: Vec<f64>,
}

/// What a learner says at its end.
struct End {
    name: &'static str,
    /// Median milliseconds of each round.
    rounds: Vec<f64>,
    losses: Vec<f64>,
    peak_mb: f64,
    version: String,
}

impl Learner {
    fn start(name: &'static str, command: &mut Command) -> Result<Learner, String> {
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

impl Bench<'_> {
    fn step(&self) -> PathBuf {
        self.workspace.target.join("release").join(format!("train_step{}", env::consts::EXE_SUFFIX))
    }

    /// Rows of the table, and rows of each round.
    fn compare(&self, [b, t, d, l]: [usize; 4], threads: usize) -> Result<(String, String), String> {
        let case = env::temp_dir().join(format!("step-{}-{b}-{t}-{d}-{l}.safetensors", std::process::id()));
        let sizes = [b, t, d, l].map(|n| n.to_string());
        run_shown(Command::new(self.step()).arg("make").arg(&case).args(&sizes))?;
        let compared = self.learners(&case, threads).and_then(|learners| self.take_turns(learners));
        let _ = fs::remove_file(&case);
        let all = compared?;
        let (sizes, mut lines, mut raw) = (sizes.join(", "), String::new(), String::new());
        let first = &all[0];
        for end in &all {
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
            let _ = writeln!(lines, "| {sizes} | {threads} | {name} {version} | {time:.1} | {peak:.0} {compared}");
            for (round, time) in rounds.iter().enumerate() {
                let _ = writeln!(raw, "B{b} T{t} D{d} L{l},{threads},{name},{},{time:.3}", round + 1);
            }
        }
        Ok((lines, raw))
    }

    fn learners(&self, case: &Path, threads: usize) -> Result<Vec<Learner>, String> {
        let count = threads.to_string();
        let start = |name, program: &Path, words: &[&str]| {
            let mut command = Command::new(program);
            command.args(words).current_dir(&self.workspace.root);
            // libraries below read these
            command.env("OMP_NUM_THREADS", &count).env("MKL_NUM_THREADS", &count);
            Learner::start(name, &mut command)
        };
        let case = case.to_string_lossy();
        let mut learners = vec![start(OURS, &self.step(), &["run", &case, &count])?];
        if self.autodiff {
            learners.push(start("autodiff (Burn flex)", &self.step(), &["run", &case, &count, "burn"])?);
        }
        for (name, [python, file]) in &self.peers {
            learners.push(start(name, Path::new(python), &[file, &case, &count])?);
        }
        Ok(learners)
    }

    fn take_turns(&self, mut learners: Vec<Learner>) -> Result<Vec<End>, String> {
        for learner in &mut learners {
            learner.steps(3)?;
        }
        for round in 0..self.rounds {
            // each begins a round as often as the others
            let first = round % learners.len();
            for i in 0..learners.len() {
                let at = (first + i) % learners.len();
                let times = learners[at].steps(STEPS + 1)?;
                learners[at].rounds.push(median(&times[1..]));
            }
        }
        learners.into_iter().map(Learner::end).collect()
    }
}

/// What the trainer itself does.
const OURS: &str = "trainer";
