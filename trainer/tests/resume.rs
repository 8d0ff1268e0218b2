//! A run that was stopped, killed or damaged goes on as if nothing had happened.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use common::{Folder, TINY, cpu, metrics, resolve};
use trainer::config::RunConfig;
use trainer::train::folder::{FolderError, LOCK, MARK};
use trainer::train::{Run, TrainError, read_run};

fn config() -> RunConfig {
    let set = [
        "training.steps=24",
        "training.checkpoint_every=5",
        "training.log_every=2",
        "training.batch=4",
        "training.micro_batch=1",
    ];
    resolve("quick", &[TINY, &set])
}

/// Trains and stops after the logged step `at`.
fn stop_after(run: &mut Run, at: u64) {
    let stop = AtomicBool::new(false);
    let complete = run.train(&stop, &mut |m| stop.store(m.step >= at, Ordering::Relaxed)).unwrap();
    assert!(!complete);
}

#[test]
fn a_resumed_run_equals_an_uninterrupted_one_bit_for_bit() {
    let (whole, broken) = (Folder::new("whole"), Folder::new("broken"));
    let never = AtomicBool::new(false);
    let mut run = Run::start(config(), &whole.0, Path::new("."), cpu()).unwrap();
    assert!(run.train(&never, &mut |_| ()).unwrap());

    let mut run = Run::start(config(), &broken.0, Path::new("."), cpu()).unwrap();
    stop_after(&mut run, 8);
    drop(run);
    let mut run = Run::resume(&broken.0, Path::new("."), cpu()).unwrap();
    assert_eq!(run.step(), 8);
    stop_after(&mut run, 14);
    drop(run);
    // as a kill -9 between checkpoints would leave it: the newest checkpoint is older than the metrics
    fs::remove_dir_all(broken.0.join("checkpoint-000000014")).unwrap();
    fs::create_dir(broken.0.join("checkpoint-000000015.99.tmp")).unwrap();
    let mut run = Run::resume(&broken.0, Path::new("."), cpu()).unwrap();
    assert_eq!(run.step(), 10);
    assert!(run.train(&never, &mut |_| ()).unwrap());

    assert_eq!(metrics(&whole.0), metrics(&broken.0));
    let (a, b) = (read_run(&whole.0).unwrap(), read_run(&broken.0).unwrap());
    assert_eq!(a.2, 24);
    for (name, values) in a.0.tensors() {
        let bits = |v: &[f32]| v.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(values), bits(&b.0.tensors()[name]), "{name}");
    }
}

#[test]
fn mistakes_lose_nothing() {
    let folder = Folder::new("mistakes");
    let mut run = Run::start(config(), &folder.0, Path::new("."), cpu()).unwrap();
    stop_after(&mut run, 10);
    drop(run);
    // starting anew in the folder of a run is refused
    assert!(matches!(Run::start(config(), &folder.0, Path::new("."), cpu()), Err(TrainError::Exists(_))));
    let nothing = Folder::new("nothing");
    assert!(matches!(Run::resume(&nothing.0, Path::new("."), cpu()), Err(TrainError::NoCheckpoint(_))));
    // a damaged checkpoint is named; the one before is still there
    fs::write(folder.0.join("checkpoint-000000010/state.json"), "{").unwrap();
    let error = Run::resume(&folder.0, Path::new("."), cpu()).err().unwrap();
    assert!(error.to_string().contains("checkpoint-000000010"), "{error}");
    fs::remove_dir_all(folder.0.join("checkpoint-000000010")).unwrap();
    assert_eq!(Run::resume(&folder.0, Path::new("."), cpu()).unwrap().step(), 5);
}

fn start(folder: &Path) -> Result<Run, TrainError> {
    Run::start(config(), folder, Path::new("."), cpu())
}

fn start_over(folder: &Path) -> Result<Run, TrainError> {
    Run::start_over(config(), folder, Path::new("."), cpu())
}

fn resume(folder: &Path) -> Result<Run, TrainError> {
    Run::resume(folder, Path::new("."), cpu())
}

/// Names and content of everything below a folder.
fn everything(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(everything(&path)),
            false => found.push((path.clone(), fs::read(&path).unwrap())),
        }
    }
    found.sort();
    found
}

#[test]
fn a_folder_of_someone_else_is_never_touched() {
    let settings = config().to_toml();
    // another program's settings; a run's settings beside someone's work; only a note; only a hidden file
    let folders: [&[(&str, &str)]; 6] = [
        &[("config.toml", "[server]\nport = 80\n"), ("src/main.rs", "fn main() {}")],
        &[("config.toml", &settings), ("thesis.tex", "years of work")],
        &[("notes.txt", "mine")],
        &[(".profile", "mine")],
        &[("config.toml", "not even TOML"), ("metrics.jsonl", "someone's log\n")],
        &[("checkpoint-000000010/weights.bin", "of another program")],
    ];
    for (n, files) in folders.into_iter().enumerate() {
        let folder = Folder::new(&format!("foreign-{n}"));
        for (name, text) in files {
            let path = folder.0.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let before = everything(&folder.0);
        for made in [start(&folder.0), start_over(&folder.0), resume(&folder.0)] {
            let words = made.err().expect("refused").to_string();
            assert!(words.contains(&folder.0.display().to_string()), "{words}");
        }
        let found = start_over(&folder.0).err().unwrap();
        assert!(matches!(found, TrainError::Folder(FolderError::Foreign { .. })), "{n}: {found}");
        assert_eq!(everything(&folder.0), before, "{n}");
    }
    // a file that only looks like a mark opens nothing
    let folder = Folder::new("foreign-mark");
    fs::create_dir_all(&folder.0).unwrap();
    for mark in
        ["", "touched", "program = \"another\"\n", "program = \"gpicl trainer\"\nversion = 99\nkind = \"run\"\n"]
    {
        fs::write(folder.0.join(MARK), mark).unwrap();
        fs::write(folder.0.join("config.toml"), &settings).unwrap();
        let before = everything(&folder.0);
        assert!(start(&folder.0).is_err() && start_over(&folder.0).is_err() && resume(&folder.0).is_err());
        assert_eq!(everything(&folder.0), before, "{mark:?}");
    }
}

#[test]
fn overwriting_removes_what_a_run_wrote_and_leaves_the_rest() {
    let folder = Folder::new("overwrite");
    let mut run = start(&folder.0).unwrap();
    stop_after(&mut run, 10);
    drop(run);
    assert!(folder.0.join(MARK).is_file());
    let old = folder.0.join("checkpoint-000000010");
    let own =
        [folder.0.join("notes.txt"), old.join("why.txt"), folder.0.join("result.json"), folder.0.join("plots/a.svg")];
    for path in &own {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "mine").unwrap();
    }
    // what cannot begin removes nothing
    let before = everything(&folder.0);
    let mut missing = config();
    missing.tasks.data = vec!["no-such-data".into()];
    assert!(Run::start_over(missing, &folder.0, Path::new("."), cpu()).is_err());
    let pid = std::process::id().to_string();
    let without_lock = |all: Vec<(PathBuf, Vec<u8>)>| -> Vec<_> {
        all.into_iter().filter(|(path, bytes)| !(path.ends_with(LOCK) && bytes == pid.as_bytes())).collect()
    };
    assert_eq!(without_lock(everything(&folder.0)), without_lock(before));

    let mut run = start_over(&folder.0).unwrap();
    assert_eq!(run.step(), 0);
    assert!(!folder.0.join("metrics.jsonl").exists() && !old.join("state.json").exists());
    assert!(!folder.0.join("checkpoint-000000005").exists());
    // its checkpoints move in beside what lies in the folder of the old one
    stop_after(&mut run, 10);
    drop(run);
    assert_eq!(resume(&folder.0).unwrap().step(), 10);
    assert!(run_is_whole(&old));
    for path in &own {
        assert_eq!(fs::read_to_string(path).unwrap(), "mine", "{}", path.display());
    }
    // something of someone else under a name that a run needs: nothing is removed
    fs::remove_file(folder.0.join("config.toml")).unwrap();
    fs::write(folder.0.join("config.toml"), "[server]\nport = 80\n").unwrap();
    let before = everything(&folder.0);
    assert!(matches!(start_over(&folder.0), Err(TrainError::Folder(FolderError::InTheWay { .. }))));
    assert_eq!(everything(&folder.0), before);
}

fn run_is_whole(checkpoint: &Path) -> bool {
    ["model.safetensors", "average.safetensors", "optimiser.bpk", "state.json"]
        .iter()
        .all(|f| checkpoint.join(f).is_file())
}

#[cfg(unix)]
#[test]
fn links_lead_nowhere() {
    let (folder, other) = (Folder::new("links"), Folder::new("linked"));
    stop_after(&mut start(&folder.0).unwrap(), 10);
    fs::create_dir_all(&other.0).unwrap();
    fs::rename(folder.0.join("checkpoint-000000005"), other.0.join("moved")).unwrap();
    std::os::unix::fs::symlink(other.0.join("moved"), folder.0.join("checkpoint-000000005")).unwrap();
    assert!(matches!(start_over(&folder.0), Err(TrainError::Folder(FolderError::InTheWay { .. }))));
    assert!(run_is_whole(&other.0.join("moved")) && run_is_whole(&folder.0.join("checkpoint-000000010")));
}

#[test]
fn a_run_of_an_older_trainer_goes_on_and_is_marked_then() {
    let folder = Folder::new("unmarked");
    stop_after(&mut start(&folder.0).unwrap(), 8);
    fs::remove_file(folder.0.join(MARK)).unwrap();
    fs::remove_file(folder.0.join(LOCK)).unwrap();
    let before = everything(&folder.0);
    let found = start_over(&folder.0).err().unwrap();
    assert!(matches!(found, TrainError::Folder(FolderError::Unmarked(_))), "{found}");
    assert!(found.to_string().contains("--resume"), "{found}");
    assert!(start(&folder.0).is_err());
    assert_eq!(everything(&folder.0), before);
    assert_eq!(resume(&folder.0).unwrap().step(), 8);
    assert!(folder.0.join(MARK).is_file());
    assert_eq!(start_over(&folder.0).unwrap().step(), 0);
}

#[test]
fn what_a_killed_process_left_unfinished_is_removed() {
    let folder = Folder::new("unfinished");
    stop_after(&mut start(&folder.0).unwrap(), 10);
    let tmp = folder.0.join("checkpoint-000000012.4711.tmp");
    fs::create_dir(&tmp).unwrap();
    fs::write(tmp.join("model.safetensors"), "half of it").unwrap();
    fs::write(tmp.join("state.json.4711.tmp"), "{").unwrap();
    fs::write(folder.0.join("metrics.jsonl.4711.tmp"), "{").unwrap();
    // not the run's, though it looks like it
    fs::write(folder.0.join("notes.txt.4711.tmp"), "mine").unwrap();
    fs::write(folder.0.join("notes.tmp"), "mine").unwrap();
    assert_eq!(read_run(&folder.0).unwrap().2, 10, "what is unfinished is passed by");
    assert_eq!(resume(&folder.0).unwrap().step(), 10);
    assert!(!tmp.exists() && !folder.0.join("metrics.jsonl.4711.tmp").exists());
    assert!(folder.0.join("notes.txt.4711.tmp").exists() && folder.0.join("notes.tmp").exists());
}

#[test]
fn a_folder_has_one_run_at_a_time() {
    let folder = Folder::new("one");
    let run = start(&folder.0).unwrap();
    for other in [resume(&folder.0), start_over(&folder.0)] {
        let found = other.err().expect("refused");
        let own = std::process::id();
        assert!(
            matches!(found, TrainError::Folder(FolderError::Busy { process: Some(id), .. }) if id == own),
            "{found}"
        );
        assert!(found.to_string().contains(&own.to_string()), "{found}");
    }
    drop(run);
    assert_eq!(resume(&folder.0).unwrap().step(), 0);
}

#[test]
fn a_step_has_one_line_even_if_no_checkpoint_was_reached() {
    let folder = Folder::new("early");
    let mut run = start(&folder.0).unwrap();
    let stop = AtomicBool::new(false);
    run.train_until(4, &stop, &mut |_| ()).unwrap();
    drop(run);
    assert_eq!(metrics(&folder.0).iter().map(|m| m.step).collect::<Vec<_>>(), [1, 2, 4]);
    // cut off in the middle of a line
    let path = folder.0.join("metrics.jsonl");
    let text = fs::read_to_string(&path).unwrap() + "{\"step\":6,\"lo";
    fs::write(&path, text).unwrap();
    let mut run = resume(&folder.0).unwrap();
    assert_eq!(run.step(), 0);
    run.train_until(8, &stop, &mut |_| ()).unwrap();
    assert_eq!(metrics(&folder.0).iter().map(|m| m.step).collect::<Vec<_>>(), [1, 2, 4, 6, 8]);
}

#[test]
fn gradients_of_many_threads_do_not_meet() {
    // Burn joins autodiff graphs that share a leaf: hundreds of steps of eight workers found the race
    let folder = Folder::new("race");
    let mut config = config();
    config.training.steps = 300;
    config.training.batch = 8;
    let mut run = Run::start(config, &folder.0, Path::new("."), cpu()).unwrap();
    run.set_by_hand(false).unwrap();
    run.set_workers(8);
    assert!(run.train(&AtomicBool::new(false), &mut |_| ()).unwrap());
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    // by hand-written gradients and by autodiff: what is summed, and in which order, follows from the shapes
    for by_hand in [true, false] {
        let trained = |workers, threads| {
            let folder = Folder::new(&format!("threads-{by_hand}-{workers}-{threads}"));
            let mut short = config();
            (short.training.steps, short.training.batch, short.training.micro_batch) = (3, 12, 2);
            short.tasks.length = 70;
            let mut run = Run::start(short, &folder.0, Path::new("."), cpu()).unwrap();
            run.set_by_hand(by_hand).unwrap();
            run.set_threads(workers, threads);
            run.train(&AtomicBool::new(false), &mut |_| ()).unwrap();
            read_run(&folder.0).unwrap().0.tensors().clone()
        };
        let alone = trained(1, 1);
        assert!(alone == trained(4, 1) && alone == trained(1, 3), "by hand: {by_hand}");
    }
}

#[test]
fn a_curriculum_goes_through_its_stages_and_is_resumed_within_one() {
    let stages = "[[curriculum]]\nsteps = 5\nways = 2\nlength = 6\ndimensions = 4\n\
                  [[curriculum]]\nsteps = 9\naccuracy = 1.0\nlength = 8\nlabel_bias = 0.5\n";
    let (whole, broken) = (Folder::new("stages"), Folder::new("stages-broken"));
    let file = whole.0.with_extension("toml");
    fs::write(&file, stages).unwrap();
    let set = ["training.log_every=1", "training.steps=24", "training.checkpoint_every=5", "tasks.length=12"];
    let set: Vec<String> =
        set.iter().chain(&["model.width=16", "model.key_size=8", "model.inputs=16"]).map(|&s| s.into()).collect();
    let config = RunConfig::resolve("quick", Some(&file), &set).unwrap();
    fs::remove_file(&file).unwrap();
    // what a run writes of its settings is read again
    let never = AtomicBool::new(false);
    let mut run = Run::start(config.clone(), &whole.0, Path::new("."), cpu()).unwrap();
    assert_eq!(RunConfig::read(&whole.0.join("config.toml")).unwrap(), config);
    assert!(run.train(&never, &mut |_| ()).unwrap());
    let stages: Vec<Option<usize>> = metrics(&whole.0).iter().map(|m| m.stage).collect();
    let want: Vec<Option<usize>> =
        [(Some(1), 5), (Some(2), 9), (None, 10)].iter().flat_map(|&(s, n)| vec![s; n]).collect();
    assert_eq!(stages, want);

    let mut run = Run::start(config, &broken.0, Path::new("."), cpu()).unwrap();
    stop_after(&mut run, 8);
    drop(run);
    let mut run = Run::resume(&broken.0, Path::new("."), cpu()).unwrap();
    assert_eq!(run.step(), 8);
    assert!(run.train(&never, &mut |_| ()).unwrap());
    assert_eq!(metrics(&broken.0), metrics(&whole.0));
    let values = |folder: &Folder| -> Vec<f32> {
        read_run(&folder.0).unwrap().0.tensors().values().flatten().copied().collect()
    };
    assert_eq!(values(&broken), values(&whole));
}

#[test]
fn a_stage_that_cannot_be_is_refused_with_its_number() {
    let file = std::env::temp_dir().join(format!("trainer-stage-{}.toml", std::process::id()));
    for (stage, words) in [
        ("ways = 2", "stage 1 of 1: expected an end, steps or accuracy"),
        ("steps = 3\nlength = 500", "stage 1 of 1"),
        ("steps = 3\nways = 11", "expected 0 or 2…10 (model.classes), found 11"),
        ("steps = 3\nwidth = 11", "curriculum[0].width"),
    ] {
        fs::write(&file, format!("[[curriculum]]\n{stage}\n")).unwrap();
        let error = RunConfig::resolve("quick", Some(&file), &["model.longest=100".into()]).unwrap_err();
        // the file is named as well, which is the outer error
        let mut said = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(inner) = cause {
            said += &format!(" {inner}");
            cause = inner.source();
        }
        assert!(said.contains(words), "{stage}: {said}");
    }
    fs::remove_file(&file).unwrap();
}
