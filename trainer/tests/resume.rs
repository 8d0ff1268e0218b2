//! A run that was stopped, killed or damaged goes on as if nothing had happened.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use trainer::config::RunConfig;
use trainer::device::{self, Choice};
use trainer::train::{Metrics, Run, TrainError, read_run};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("trainer-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn config() -> RunConfig {
    let set = [
        "model.width=16",
        "model.key_size=8",
        "model.inputs=16",
        "tasks.length=12",
        "training.steps=24",
        "training.checkpoint_every=5",
        "training.log_every=2",
        "training.batch=4",
        "training.micro_batch=1",
    ];
    RunConfig::resolve("quick", None, &set.map(str::to_owned)).unwrap()
}

fn cpu() -> device::Chosen {
    device::open(Choice::Cpu).unwrap()
}

fn metrics(folder: &Path) -> Vec<Metrics> {
    let text = fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
    // wall-clock is the one thing that may differ
    text.lines().map(|l| Metrics { seconds: 0.0, ..serde_json::from_str(l).unwrap() }).collect()
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

#[test]
fn gradients_of_many_threads_do_not_meet() {
    // Burn joins autodiff graphs that share a leaf: hundreds of steps of eight workers found the race
    let folder = Folder::new("race");
    let mut config = config();
    config.training.steps = 300;
    config.training.batch = 8;
    let mut run = Run::start(config, &folder.0, Path::new("."), cpu()).unwrap();
    run.set_fused(false).unwrap();
    run.set_workers(8);
    assert!(run.train(&AtomicBool::new(false), &mut |_| ()).unwrap());
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    // by hand-written gradients and by autodiff: what is summed, and in which order, follows from the shapes
    for fused in [true, false] {
        let trained = |workers, threads| {
            let folder = Folder::new(&format!("threads-{fused}-{workers}-{threads}"));
            let mut short = config();
            (short.training.steps, short.training.batch, short.training.micro_batch) = (3, 12, 2);
            short.tasks.length = 70;
            let mut run = Run::start(short, &folder.0, Path::new("."), cpu()).unwrap();
            run.set_fused(fused).unwrap();
            run.set_threads(workers, threads);
            run.train(&AtomicBool::new(false), &mut |_| ()).unwrap();
            read_run(&folder.0).unwrap().0.tensors().clone()
        };
        let alone = trained(1, 1);
        assert!(alone == trained(4, 1) && alone == trained(1, 3), "fused: {fused}");
    }
}
