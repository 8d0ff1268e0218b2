//! `cargo xtask bench --set`: a training step of the set learners on the CPU, compared with PyTorch.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{output, run as run_shown};

use super::learners::{COLUMNS, Compared, Learner, OURS, knows, take_turns};
use super::report::{machine_description, number, write};
use crate::options::Options;
use crate::workspace::Workspace;

/// Steps of a case, all of which a round takes: they differ in numbers of examples and classes.
const STEPS: usize = 12;

/// What is compared.
const PEER: &str = "xtask/peers/set_torch.py";

pub fn run(workspace: &Workspace, mut options: Options) -> Result<(), String> {
    let python = options.value("--python")?.unwrap_or_else(|| "python3".into());
    let rounds = options.value("--rounds")?.map_or(Ok(5), |text| number(&text, "--rounds"))?;
    let threads = options.value("--threads")?.unwrap_or_else(|| "1,2".into());
    let threads: Vec<usize> =
        threads.split(',').map(|text| number(text, "--threads")).collect::<Result<_, String>>()?;
    let presets = options.value("--presets")?.unwrap_or_else(|| "general,drawing".into());
    let compile = options.switch("--compile");
    let spent = options.switch("--spent").then_some("--spent");
    let out = options.value("--out")?.map(|folder| workspace.root.join(folder));
    options.finish()?;

    run_shown(&mut workspace.cargo(&["build", "--release", "-p", "bench", "--bin", "set_step"]))?;
    let peers = match knows(&python, "PyTorch", "import torch") {
        true if compile => vec![("PyTorch", None), ("PyTorch, compiled", Some("--compile"))],
        true => vec![("PyTorch", None)],
        false => Vec::new(),
    };
    let bench = Bench { workspace, python, peers, rounds, spent };
    let unit = if spent.is_some() { "ms spent" } else { "ms" };
    let header = format!("| preset | {}\n|---|---|---|---|---|---|---|", COLUMNS.replace("ms", unit));
    let (mut table, mut rows) =
        (String::new(), format!("case,threads,contender,round,mean_{}\n", unit.replace(' ', "_")));
    let mut made = String::new();
    let machine = machine_description(workspace);
    for preset in presets.split(',') {
        let case = env::temp_dir().join(format!("set-step-{}-{preset}", std::process::id()));
        let compared = bench.make(&case, preset).and_then(|text| {
            made += &format!("- {preset}: {text}\n");
            for &threads in &threads {
                let Compared { lines, raw } = bench.compare(&case, preset, threads)?;
                println!("\n{header}\n{lines}");
                table += &lines;
                rows += &raw;
            }
            Ok(())
        });
        let _ = fs::remove_dir_all(&case);
        compared?;
    }
    println!("\n{made}");
    if let Some(out) = out {
        fs::create_dir_all(&out).map_err(|error| format!("cannot make {}: {error}", out.display()))?;
        write(&out.join("set.md"), &format!("{machine}\n\n{header}\n{table}\n{made}"))?;
        write(&out.join("set.csv"), &rows)?;
    }
    Ok(())
}

struct Bench<'a> {
    workspace: &'a Workspace,
    python: String,
    /// Names, and a switch that each gets.
    peers: Vec<(&'static str, Option<&'static str>)>,
    rounds: usize,
    /// A switch that everyone gets.
    spent: Option<&'static str>,
}

impl Bench<'_> {
    fn step(&self) -> PathBuf {
        self.workspace.target.join("release").join(format!("set_step{}", env::consts::EXE_SUFFIX))
    }

    /// Makes a case; gives what its episodes took.
    fn make(&self, case: &Path, preset: &str) -> Result<String, String> {
        let steps = STEPS.to_string();
        let text = output(Command::new(self.step()).arg("make").arg(case).args([preset, &steps]))?;
        print!("{text}");
        Ok(text.lines().last().unwrap_or_default().to_owned())
    }

    fn compare(&self, case: &Path, preset: &str, threads: usize) -> Result<Compared, String> {
        let (case, count) = (case.to_string_lossy(), threads.to_string());
        let words: Vec<&str> = ["run", &*case, &*count].into_iter().chain(self.spent).collect();
        let mut learners = vec![Learner::start(OURS, &self.step(), &words, threads)?];
        let file = self.workspace.root.join(PEER);
        for (name, switch) in &self.peers {
            let file = file.to_string_lossy();
            let words: Vec<&str> = [&*file, &*case, &*count].into_iter().chain(*switch).chain(self.spent).collect();
            learners.push(Learner::start(name, Path::new(&self.python), &words, threads)?);
        }
        // steps differ in size: a round takes each of them once
        let mean = |times: &[f64]| times.iter().sum::<f64>() / times.len() as f64;
        let ends = take_turns(learners, (self.rounds, STEPS, STEPS), mean)?;
        Ok(Compared::new(&ends, (preset, preset), threads))
    }
}
