//! `cargo xtask bench`: a training step on the CPU, compared with PyTorch and JAX.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{output, run as run_shown};

use super::learners::{COLUMNS, Compared, Learner, OURS, knows, take_turns};
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
    let bench = Bench { workspace, peers: peers(&python), python, rounds, autodiff };
    let header = format!("| B, T, D, L | {COLUMNS}\n|---|---|---|---|---|---|---|");
    let mut table = format!("{}\n\n{header}\n", machine_description(workspace));
    let mut rows = String::from("case,threads,contender,round,median_ms\n");
    for case in CASES {
        for &threads in &threads {
            let Compared { lines, raw } = bench.compare(case, threads)?;
            println!("\n{header}\n{lines}");
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

/// Those that this Python knows.
fn peers(python: &str) -> Vec<(&'static str, &'static str)> {
    let list = [
        ("PyTorch", "xtask/peers/step_torch.py", "import torch"),
        ("JAX", "xtask/peers/step_jax.py", "import jax, optax"),
    ];
    let known = list.into_iter().filter(|(name, _, import)| knows(python, name, import));
    known.map(|(name, file, _)| (name, file)).collect()
}

struct Bench<'a> {
    workspace: &'a Workspace,
    python: String,
    /// Names and files.
    peers: Vec<(&'static str, &'static str)>,
    rounds: usize,
    autodiff: bool,
}

impl Bench<'_> {
    fn step(&self) -> PathBuf {
        self.workspace.target.join("release").join(format!("train_step{}", env::consts::EXE_SUFFIX))
    }

    fn compare(&self, [b, t, d, l]: [usize; 4], threads: usize) -> Result<Compared, String> {
        let case = env::temp_dir().join(format!("step-{}-{b}-{t}-{d}-{l}.safetensors", std::process::id()));
        let sizes = [b, t, d, l].map(|n| n.to_string());
        run_shown(Command::new(self.step()).arg("make").arg(&case).args(&sizes))?;
        let of_round = |times: &[f64]| median(&times[1..]);
        let learners = self.learners(&case, threads);
        let compared = learners.and_then(|learners| take_turns(learners, (self.rounds, 3, STEPS + 1), of_round));
        let _ = fs::remove_file(&case);
        let sizes = sizes.join(", ");
        Ok(Compared::new(&compared?, (&sizes, &format!("B{b} T{t} D{d} L{l}")), threads))
    }

    fn learners(&self, case: &Path, threads: usize) -> Result<Vec<Learner>, String> {
        let (case, count) = (case.to_string_lossy(), threads.to_string());
        let ours = self.step();
        let mut learners = vec![Learner::start(OURS, &ours, &["run", &case, &count], threads)?];
        if self.autodiff {
            let words = ["run", &case, &count, "burn"];
            learners.push(Learner::start("autodiff (Burn flex)", &ours, &words, threads)?);
        }
        for (name, file) in &self.peers {
            let file = self.workspace.root.join(file);
            learners.push(Learner::start(
                name,
                Path::new(&self.python),
                &[&file.to_string_lossy(), &case, &count],
                threads,
            )?);
        }
        Ok(learners)
    }
}
