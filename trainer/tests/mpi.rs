//! One run on several processes through MPI: the bits of a run of one. Needs `mpirun` on PATH; `cargo xtask mpi` runs these.
#![cfg(all(feature = "mpi", feature = "cpu", unix))]

mod common;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use common::{Folder, TINY, written};

const PROGRAM: &str = env!("CARGO_BIN_EXE_trainer");

/// An empty folder.
fn empty(name: &str) -> Folder {
    let folder = Folder::new(name);
    fs::create_dir_all(&folder.0).unwrap();
    folder
}

/// `mpirun` with as many ranks, on however many cores there are, also for root.
fn mpirun(ranks: usize) -> Command {
    let mut command = Command::new("mpirun");
    command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    command.args(["--oversubscribe", "--bind-to", "none", "-n", &ranks.to_string(), PROGRAM]).stdin(Stdio::null());
    command
}

fn alone() -> Command {
    let mut command = Command::new(PROGRAM);
    command.stdin(Stdio::null());
    command
}

/// Settings of a causal learner of `steps` steps, and of a set learner.
fn causal(steps: u64, optimiser: &str) -> Vec<String> {
    let own = [format!("training.steps={steps}"), format!("training.optimiser={optimiser}")];
    let set = TINY.iter().chain(&["training.batch=18"]).map(|&set| set.to_owned());
    settings("quick", set.chain(own))
}

fn set(steps: u64) -> Vec<String> {
    let set = [
        "tasks.data=[\"prior\", \"strokes\"]",
        "tasks.weights=[0.5, 0.5]",
        "tasks.shown=[12, 5]",
        "tasks.queries=4",
        "model.inputs=588",
        "model.layers=1",
        "training.batch=5",
    ];
    settings("general", set.map(str::to_owned).into_iter().chain([format!("training.steps={steps}")]))
}

fn settings(preset: &str, set: impl Iterator<Item = String>) -> Vec<String> {
    let all = ["training.micro_batch=1", "training.checkpoint_every=10", "training.log_every=2"].map(str::to_owned);
    let set = set.chain(all).flat_map(|setting| ["--set".to_owned(), setting]);
    ["train", "--device", "cpu", "--preset", preset].map(str::to_owned).into_iter().chain(set).collect()
}

#[track_caller]
fn ended(output: &Output) -> (bool, String) {
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[track_caller]
fn good(command: &mut Command) -> String {
    let (good, words) = ended(&command.output().expect("the program starts"));
    assert!(good, "{command:?}: {words}");
    words
}

#[test]
fn any_number_of_ranks_writes_the_files_of_one_process() {
    for (name, settings) in [("adamw", causal(20, "adamw")), ("muon", causal(20, "muon")), ("set", set(20))] {
        let folder = empty(name);
        good(alone().args(&settings).arg("--out").arg(folder.0.join("alone")));
        let expected = written(&folder.0.join("alone"), 20);
        for ranks in [1, 2, 3, 4] {
            let out = folder.0.join(ranks.to_string());
            let words = good(mpirun(ranks).args(&settings).args(["--threads", "1", "--out"]).arg(&out));
            let (plural, first) = (if ranks == 1 { "" } else { "s" }, words.lines().next().unwrap_or_default());
            assert!(first.contains(&format!("{ranks} rank{plural} on 1 machine, 1 thread each")), "{words}");
            assert_eq!(words.matches("done: 20 steps").count(), 1, "one rank speaks: {words}");
            assert!(written(&out, 20) == expected, "{name} on {ranks} ranks");
        }
    }
}

/// Waits until a run has some whole checkpoint.
fn wait_for_checkpoint(folder: &Path, child: &mut Child) {
    let start = Instant::now();
    let whole = || {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.into_iter().any(|entry| entry.path().join("state.json").exists())
    };
    while !whole() {
        assert!(start.elapsed() < Duration::from_secs(120), "no checkpoint");
        assert!(child.try_wait().unwrap().is_none(), "the run has ended");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Processes of a run other than `mpirun`, by its folder.
#[cfg(target_os = "linux")]
fn ranks_of(folder: &Path) -> Vec<String> {
    let out = folder.to_str().unwrap();
    let of = |entry: fs::DirEntry| {
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let words: Vec<&str> = line.split(|byte| *byte == 0).map(|w| std::str::from_utf8(w).unwrap_or("")).collect();
        (words.first() == Some(&PROGRAM) && words.contains(&out)).then(|| entry.file_name().into_string().ok())?
    };
    fs::read_dir("/proc").unwrap().flatten().filter_map(of).collect()
}

#[cfg(target_os = "linux")]
#[test]
fn a_rank_that_is_killed_ends_the_run_and_others_go_on() {
    let (folder, steps) = (empty("killed"), 400);
    let (whole, broken) = (folder.0.join("whole"), folder.0.join("broken"));
    good(alone().args(causal(steps, "muon")).arg("--out").arg(&whole));
    let mut start = mpirun(3);
    start.args(causal(steps, "muon")).arg("--out").arg(&broken).stderr(Stdio::piped());
    let mut run = start.spawn().unwrap();
    wait_for_checkpoint(&broken, &mut run);
    let ranks = ranks_of(&broken);
    assert_eq!(ranks.len(), 3, "{ranks:?}");
    assert!(Command::new("kill").args(["-9", ranks.last().unwrap()]).status().unwrap().success());
    let (good_end, words) = ended(&run.wait_with_output().unwrap());
    assert!(!good_end && words.contains("signal 9"), "{words}");
    assert!(ranks_of(&broken).is_empty(), "a rank is left");
    let words = good(mpirun(2).args(["train", "--device", "cpu", "--resume"]).arg(&broken));
    assert!(words.contains("resumed at step"), "{words}");
    assert!(written(&broken, steps) == written(&whole, steps));
}

#[cfg(target_os = "linux")]
#[test]
fn a_rank_that_is_asked_to_stop_stops_all_after_one_step() {
    let (folder, steps) = (empty("stopped"), 400);
    let (whole, broken) = (folder.0.join("whole"), folder.0.join("broken"));
    good(alone().args(causal(steps, "adamw")).arg("--out").arg(&whole));
    let mut start = mpirun(3);
    start.args(causal(steps, "adamw")).arg("--out").arg(&broken).stderr(Stdio::piped());
    let mut run = start.spawn().unwrap();
    wait_for_checkpoint(&broken, &mut run);
    // any of them, not the one that writes
    assert!(Command::new("kill").args(["-TERM", ranks_of(&broken).last().unwrap()]).status().unwrap().success());
    let (good_end, words) = ended(&run.wait_with_output().unwrap());
    assert!(!good_end && words.contains("stopped at step"), "{words}");
    good(alone().args(["train", "--device", "cpu", "--resume"]).arg(&broken));
    assert!(written(&broken, steps) == written(&whole, steps));
}

#[test]
fn an_error_or_a_panic_of_one_rank_ends_all() {
    let folder = empty("faults");
    let mut settings = causal(100_000, "adamw");
    settings.extend(["--out".to_owned(), folder.0.join("run").to_str().unwrap().to_owned()]);
    let with_data = [&settings[..], &["--set".to_owned(), "tasks.data=[\"no-such-set\"]".to_owned()]].concat();
    let (good_end, words) = ended(&mpirun(2).args(with_data).output().unwrap());
    assert!(!good_end && words.contains("no-such-set"), "{words}");
    assert_eq!(words.matches("error: ").count(), 1, "one rank speaks: {words}");
    assert!(!folder.0.join("run").exists());
    // too little memory for its threads, which is a panic while rank 0 waits for a gradient
    let mut command = mpirun(1);
    let limited = "ulimit -v 4000000; exec \"$0\" \"$@\" --threads 2500";
    command.args(&settings).args([":", "-n", "1", "sh", "-c", limited, PROGRAM]).args(&settings);
    let start = Instant::now();
    let (good_end, words) = ended(&command.output().unwrap());
    assert!(!good_end && words.contains("panicked"), "{words}");
    assert!(start.elapsed() < Duration::from_secs(120), "it took {:?}", start.elapsed());
}

#[test]
fn without_mpirun_it_is_a_plain_run() {
    let folder = empty("plain");
    let words = good(alone().args(causal(4, "adamw")).arg("--out").arg(folder.0.join("run")));
    assert!(!words.contains("rank"), "{words}");
}
