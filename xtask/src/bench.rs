//! `cargo xtask bench`: a training step beside PyTorch and JAX, how its cost grows, and the benchmarks of the crates.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use xtask::shell::{output, run as run_shown};

use crate::{Options, Workspace, bench_page};

pub const HELP: &str = "\
cargo xtask bench [--python FILE] [--rounds N] [--threads N,N…] [--autodiff] [--out FOLDER] [--filter NAME]

Times one training step of a causal learner on the CPU (forward, backward, Adam; the same weights, the same batch) beside
PyTorch and JAX where Python has them, in turns: each round gives everyone a few steps, and ratios are taken within a
round. Then shows how the cost of a step grows with T, width and batch. Ends with the benchmarks of the native crates
(cargo bench); those whose name holds NAME, if it is given.

    --python FILE     the Python to ask for torch and jax (python3)
    --rounds N        rounds of each comparison (9)
    --threads N,N…    numbers of threads (1,2)
    --autodiff        also times Burn's autodiff on the CPU, the path that GPUs take
    --out FOLDER      writes training.md, training.csv and cost.svg there

cargo xtask bench --page [--python FILE] [--rounds N] [--out FOLDER]

Times the learner in the page instead, in a headless Chromium beside onnxruntime-web with the same weights: an answer with
100 examples in the context, teaching 100 examples at once, and a cold load. Each contender has a fresh frame to itself in
every round; ratios are taken within a round. GPU times are those of the browser's software adapter. Then shows how the
time of ours grows with the context, from 10 to 1,000 examples.

    --python FILE     the Python to ask for onnx and numpy (python3)
    --rounds N        rounds of each model (5)
    --gpu             lets the browser choose its adapter, where there is a real one
    --out FOLDER      writes page.md, page.csv and page-cost.svg there";

/// The crates that may have benchmarks.
const CRATES: [&str; 3] = ["shaders", "trainer", "tests"];

/// B, T, D, L of what is compared.
const CASES: [[usize; 4]; 2] = [[16, 100, 128, 2], [8, 100, 256, 4]];

/// Steps of a round; one more, which is not counted, comes before them.
const STEPS: usize = 5;

pub fn run(workspace: &Workspace, mut options: Options) -> Result<(), String> {
    if options.switch("--page") {
        return bench_page::run(workspace, options);
    }
    let filter = options.value("--filter")?;
    let python = options.value("--python")?.unwrap_or_else(|| "python3".into());
    let rounds = options.value("--rounds")?.map_or(Ok(9), |text| number(&text, "--rounds"))?;
    let threads = options.value("--threads")?.unwrap_or_else(|| "1,2".into());
    let threads: Vec<usize> =
        threads.split(',').map(|text| number(text, "--threads")).collect::<Result<_, String>>()?;
    let autodiff = options.switch("--autodiff");
    let out = options.value("--out")?.map(|folder| workspace.root.join(folder));
    options.finish()?;

    run_shown(&mut workspace.cargo(&["build", "--release", "-p", "trainer", "--example", "step"]))?;
    let bench = Bench { workspace, peers: peers(&python), rounds, autodiff };
    let mut table = format!("{}\n\n{HEADER}\n", place(workspace));
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

    let has_benches = |name: &&str| fs::read_dir(workspace.root.join(name).join("benches")).is_ok();
    for name in CRATES.into_iter().filter(|name| has_benches(name)) {
        let mut bench = workspace.cargo(&["bench", "-p", name, "--benches"]);
        if let Some(filter) = &filter {
            bench.args(["--", filter]);
        }
        run_shown(&mut bench)?;
    }
    Ok(())
}

pub fn number(text: &str, option: &str) -> Result<usize, String> {
    let found = text.parse().ok().filter(|&n| n > 0);
    found.ok_or_else(|| format!("{option}: expected a whole number above 0, found `{text}`"))
}

pub fn write(path: &Path, text: &str) -> Result<(), String> {
    let temporary = path.with_extension("tmp");
    let written = fs::write(&temporary, text).and_then(|()| fs::rename(&temporary, path));
    written.map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// When, of which commit and on which machine, in words.
pub fn place(workspace: &Workspace) -> String {
    let said = |command: &mut Command| output(command).map(|text| text.trim().to_owned());
    let git = |words: &[&str]| said(Command::new("git").args(words).current_dir(&workspace.root));
    let mut commit = git(&["rev-parse", "--short", "HEAD"]).unwrap_or_else(|_| "unknown".into());
    if git(&["status", "--porcelain"]).is_ok_and(|changes| !changes.is_empty()) {
        commit += " with changes";
    }
    let date = said(Command::new("date").args(["-u", "+%Y-%m-%d"])).unwrap_or_else(|_| "a day unknown".into());
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| cpu.lines().find(|line| line.starts_with(name)).and_then(|line| line.split(':').nth(1));
    let model = field("model name").unwrap_or(" unknown processor").trim().to_owned();
    let flags = field("flags").unwrap_or_default();
    let widest = ["avx512f", "avx2"].into_iter().find(|flag| flags.split(' ').any(|f| f == *flag)).unwrap_or("no AVX2");
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown");
    format!("{date}, commit {commit}, {model} ({widest}), {cores} cores, load average at the start {load}")
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

/// The middle of some numbers.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

impl Bench<'_> {
    fn step(&self) -> PathBuf {
        self.workspace.target.join("release/examples").join(format!("step{}", env::consts::EXE_SUFFIX))
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

/// How milliseconds grow with one size.
pub struct Cost {
    /// What grows: T, D or B, or a job of the page over its context.
    pub axis: String,
    /// Size and milliseconds.
    pub points: Vec<(f64, f64)>,
    /// The powers between which time should grow.
    pub expected: &'static [f64],
}

impl Cost {
    /// Reads lines such as `T 25 1.5`.
    ///
    /// Products of weights grow as T, the width's square and the batch, attention as T²: T lies between 1 and 2.
    fn all(text: &str) -> Result<Vec<Cost>, String> {
        let mut all: Vec<Cost> = Vec::new();
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let [axis, size, time] = words[..] else { return Err(format!("expected `AXIS SIZE MS`, found `{line}`")) };
            let read = |word: &str| word.parse().map_err(|_| format!("expected a number, found `{word}`"));
            let point = (read(size)?, read(time)?);
            let expected: &[f64] = match axis {
                "T" => &[1.0, 2.0],
                "D" => &[2.0],
                _ => &[1.0],
            };
            match all.last_mut().filter(|cost| cost.axis == axis) {
                Some(cost) => cost.points.push(point),
                None => all.push(Cost { axis: axis.to_owned(), points: vec![point], expected }),
            }
        }
        Ok(all)
    }

    /// How often the time doubles where the size doubles, over the last step.
    fn slope(&self) -> f64 {
        let [.., (x0, y0), (x1, y1)] = self.points[..] else { return f64::NAN };
        (y1 / y0).ln() / (x1 / x0).ln()
    }

    pub fn line(&self) -> String {
        let digits = |time: f64| if time < 10.0 { 2 } else { 1 };
        let point = |(size, time): &(f64, f64)| format!("{size}: {time:.0$} ms", digits(*time));
        let points: Vec<String> = self.points.iter().map(point).collect();
        format!("- {}: {}; last slope {:.2}\n", self.axis, points.join(", "), self.slope())
    }
}

/// Both axes logarithmic, one panel for each size; dashed lines have the slopes that are expected, written at their ends.
pub fn chart(title: &str, costs: &[Cost]) -> String {
    const SIDE: f64 = 220.0;
    const PANEL: f64 = 280.0;
    /// Panels of a row, and its height.
    const ROW: usize = 3;
    const DOWN: f64 = 300.0;
    let all = || costs.iter().flat_map(|cost| &cost.points);
    let least = all().map(|p| p.1).fold(f64::INFINITY, f64::min).log10().floor();
    let most = all().map(|p| p.1).fold(0.0, f64::max).log10().ceil();
    let width = PANEL * costs.len().min(ROW) as f64 + 20.0;
    let height = DOWN * costs.len().div_ceil(ROW) as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-10 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"11\" \
         fill=\"#333\"><title>{title}</title>\
         <rect x=\"-10\" width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    for (panel, cost) in costs.iter().enumerate() {
        let _ = writeln!(svg, "<g transform=\"translate(0 {})\">", DOWN * (panel / ROW) as f64);
        let left = 50.0 + (panel % ROW) as f64 * PANEL;
        let (low, high) = (cost.points[0].0.log10(), cost.points[cost.points.len() - 1].0.log10());
        let x = |size: f64| left + SIDE * (size.log10() - low) / (high - low);
        let y = |time: f64| 20.0 + SIDE * (1.0 - (time.log10() - least) / (most - least));
        for power in least as i32..=most as i32 {
            let (at, label) = (y(10f64.powi(power)), 10f64.powi(power));
            let _ = writeln!(
                svg,
                "<path d=\"M{left:.1} {at:.1}h{SIDE}\" stroke=\"#ddd\"/><text x=\"{:.1}\" y=\"{:.1}\" \
                 text-anchor=\"end\">{label} ms</text>",
                left - 4.0,
                at + 4.0
            );
        }
        let path = |points: &mut dyn Iterator<Item = (f64, f64)>| {
            points.map(|(size, time)| format!("{:.1},{:.1}", x(size), y(time))).collect::<Vec<_>>().join(" ")
        };
        let (size, time) = cost.points[0];
        for slope in cost.expected {
            let reach = (high - low).min((most - time.log10()) / slope);
            let end = (size * 10f64.powf(reach), time * 10f64.powf(slope * reach));
            let straight = path(&mut [(size, time), end].into_iter());
            let _ = writeln!(
                svg,
                "<polyline points=\"{straight}\" fill=\"none\" stroke=\"#999\" stroke-dasharray=\"4 3\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" fill=\"#777\" text-anchor=\"end\">{slope:.0}</text>",
                x(end.0) - 2.0,
                y(end.1) - 3.0
            );
        }
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"#0a63b0\" stroke-width=\"2\"/>",
            path(&mut cost.points.iter().copied())
        );
        for &(size, time) in &cost.points {
            let _ = writeln!(
                svg,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\" fill=\"#0a63b0\"/><text x=\"{:.1}\" y=\"256\" \
                 text-anchor=\"middle\">{size}</text>",
                x(size),
                y(time),
                x(size)
            );
        }
        let (middle, axis) = (left + SIDE / 2.0, &cost.axis);
        let _ = writeln!(
            svg,
            "<text x=\"{middle:.1}\" y=\"276\" text-anchor=\"middle\">{axis} (slope at its end {:.2})</text></g>",
            cost.slope()
        );
    }
    svg + "</svg>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn costs_are_read_and_their_slope_is_the_power_by_which_they_grow() {
        let costs = Cost::all("T 25 1\nT 50 2\nT 100 8\nB 1 3\nB 10 30").unwrap();
        assert_eq!(costs.iter().map(|cost| cost.axis.as_str()).collect::<Vec<_>>(), ["T", "B"]);
        assert!((costs[0].slope() - 2.0).abs() < 1e-9 && (costs[1].slope() - 1.0).abs() < 1e-9);
        let svg = chart("title", &costs);
        assert_eq!(svg.matches("<circle").count(), 5);
        assert_eq!(svg.matches("stroke-dasharray").count(), 3, "T has two expected slopes, B one");
        assert!(!svg.contains("NaN") && svg.ends_with("</svg>\n"), "{svg}");
        assert!(Cost::all("T 25").is_err() && Cost::all("T 25 x").is_err());
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[3.0, 100.0, 1.0]), 3.0);
        assert!(number("0", "--rounds").unwrap_err().contains("--rounds"));
    }
}
