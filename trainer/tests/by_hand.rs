//! Hand-written gradients train as autodiff does.

mod common;

use std::path::Path;
use std::sync::atomic::AtomicBool;

use common::Folder;
use trainer::config::RunConfig;
use trainer::device::{self, DeviceArg};
use trainer::nets::Net;
use trainer::train::{Metrics, Run, read_net};

fn config(preset: &str, set: &[&str]) -> RunConfig {
    let small = [
        "model.width=32",
        "model.heads=2",
        "model.key_size=16",
        "model.layers=2",
        "model.inputs=20",
        "tasks.length=40",
        "training.steps=40",
        "training.log_every=1",
        "training.checkpoint_every=15",
        "training.batch=12",
        "training.rate=0.003",
    ];
    let all: Vec<String> = small.iter().chain(set).map(|&s| s.to_owned()).collect();
    RunConfig::resolve(preset, None, &all).unwrap()
}

/// Trains; `by_hand` tells before which steps the gradients change hands.
fn trained(name: &str, config: &RunConfig, by_hand: &[(u64, bool)]) -> (Vec<Metrics>, Vec<f32>) {
    let folder = Folder::new(name);
    let cpu = device::open(DeviceArg::Cpu).unwrap();
    let mut run = Run::start(config.clone(), &folder.0, Path::new("."), cpu).unwrap();
    let mut metrics = Vec::new();
    for &(step, by_hand) in by_hand {
        run.train_until(step, &AtomicBool::new(false), &mut |m| metrics.push(m.clone())).unwrap();
        run.set_by_hand(by_hand).unwrap();
    }
    run.train(&AtomicBool::new(false), &mut |m| metrics.push(m.clone())).unwrap();
    (metrics, weights(&folder))
}

/// The weights of a run's learner, of any kind.
fn weights(folder: &Folder) -> Vec<f32> {
    let net = read_net(&folder.0, &device::host()).unwrap().0;
    match &net {
        Net::Research(net) => net.tensors().into_values().flat_map(|(_, values)| values).collect(),
        net => net.to_model().unwrap().tensors().values().flatten().copied().collect(),
    }
}

/// Losses are the same but for `tolerance`, as a share, and norms and weights but for a hundred times as much.
fn assert_same(name: &str, config: &RunConfig, ways: [&[(u64, bool)]; 2], tolerance: f64) {
    let (got, weights) = trained(&format!("{name}-a"), config, ways[0]);
    let (want, wanted) = trained(&format!("{name}-b"), config, ways[1]);
    assert_eq!(got.len(), 40, "{name}");
    assert!(want[39].loss < want[0].loss - 0.01, "{name} learns: {} to {}", want[0].loss, want[39].loss);
    for (got, want) in got.iter().zip(&want) {
        let apart = (got.loss / want.loss - 1.0).abs();
        assert!(apart < tolerance, "{name}: at step {} losses {} and {}", got.step, got.loss, want.loss);
        let apart = (got.gradient_norm / want.gradient_norm - 1.0).abs();
        assert!(
            apart < 100.0 * tolerance,
            "{name}: at step {} norms {} and {}",
            got.step,
            got.gradient_norm,
            want.gradient_norm
        );
    }
    let worst = weights.iter().zip(&wanted).fold(0.0f32, |worst, (a, b)| worst.max((a - b).abs()));
    // where a gradient is nothing but rounding, as that of a key's bias in softmax, Adam still takes steps
    println!("{name}: weights differ by {worst:.1e} at most");
    assert!(f64::from(worst) < 100.0 * tolerance, "{name}: weights differ by {worst}");
}

#[test]
fn losses_are_those_of_autodiff() {
    for (name, preset, set) in [
        ("shifted", "quick", vec!["training.micro_batch=12"]),
        ("shifted-parts", "quick", vec!["training.micro_batch=3", "training.clip=0.2", "training.weight_decay=0.1"]),
        ("muon", "quick", vec!["training.micro_batch=4", "training.optimiser=muon"]),
        (
            "paper",
            "paper",
            vec!["training.micro_batch=6", "training.warm_up=10", "tasks.data=[\"prior\"]", "model.longest=40"],
        ),
        (
            "raw",
            "quick",
            vec![
                "training.micro_batch=6",
                "tasks.data=[\"strokes\"]",
                "model.inputs=784",
                "model.encoding.projected=false",
            ],
        ),
    ] {
        assert_same(name, &config(preset, &set), [&[], &[(0, false)]], 1e-5);
    }
}

#[test]
fn recurrent_learners_train_as_with_autodiff() {
    let grid = ["learner.kind=vsml", "learner.size=8", "training.rate=0.02", "tasks.length=25", "tasks.log2_tasks=2"];
    let one = [&grid[..], &["training.micro_batch=12", "model.inputs=6", "model.classes=3"]].concat();
    let parts = [&grid[..], &["training.micro_batch=3", "model.inputs=17", "model.classes=2"]].concat();
    let lstm =
        ["learner.kind=lstm", "learner.hidden=16", "training.rate=0.02", "tasks.length=25", "tasks.log2_tasks=2"];
    let two = [&lstm[..], &["training.micro_batch=12", "learner.layers=2"]].concat();
    let whole = [&lstm[..], &["training.batch=36", "training.micro_batch=18", "learner.whole_tokens=true"]].concat();
    let untied = ["learner.kind=vsml-untied", "learner.grid=3", "learner.size=6", "training.micro_batch=6"];
    let untied = [&untied[..], &lstm[2..]].concat();
    for (name, set) in [("vsml", one), ("vsml-parts", parts), ("lstm", two), ("lstm-whole", whole), ("untied", untied)]
    {
        assert_same(name, &config("quick", &set), [&[], &[(0, false)]], 1e-4);
    }
    // an episode's gradient is summed in its place whatever thread made it
    let config = config("quick", &[&grid[..], &["training.micro_batch=6", "model.inputs=6"]].concat());
    let in_threads = |threads: usize| {
        let folder = Folder::new(&format!("vsml-{threads}"));
        let cpu = device::open(DeviceArg::Cpu).unwrap();
        let mut run = Run::start(config.clone(), &folder.0, Path::new("."), cpu).unwrap();
        run.set_threads(1, threads);
        run.train(&AtomicBool::new(false), &mut |_| {}).unwrap();
        weights(&folder)
    };
    assert!(in_threads(1) == in_threads(3), "weights differ");
}

/// Set learners at sizes that take seconds.
fn set_config(preset: &str, set: &[&str]) -> RunConfig {
    let small = [
        "model.width=8",
        "model.heads=2",
        "model.key_size=4",
        "model.layers=2",
        "training.steps=40",
        "training.log_every=1",
        "training.checkpoint_every=15",
        "training.batch=6",
        "training.micro_batch=2",
        "training.warm_up=10",
        "training.rate=0.002",
        "tasks.data=[\"prior\", \"strokes\"]",
        "tasks.weights=[1.0, 1.0]",
        "tasks.queries=9",
        "tasks.ways=4",
    ];
    let all: Vec<String> = small.iter().chain(set).map(|&s| s.to_owned()).collect();
    RunConfig::resolve(preset, None, &all).unwrap()
}

#[test]
fn set_learners_train_as_with_autodiff() {
    let general = ["model.inputs=588", "tasks.shown=[24, 12, 5, 1]"];
    let vectors = [&general[..], &["tasks.vectors=0.9", "training.weight_decay=0.1", "training.clip=0.5"]].concat();
    let drawing =
        ["tasks.shown=[16, 5]", "tasks.shots=[2, 5]", "model.equivariant.stem.embedding=12", "training.rate=0.0003"];
    // harder tasks between the others would hide that it learns
    let few = [&drawing[..], &["tasks.many=0.0"]].concat();
    let many = [&drawing[..], &["tasks.many=1.0", "tasks.most_ways=60", "training.steps=5"]].concat();
    let lion = [&general[..], &["training.optimiser=lion", "training.rate=0.0003", "tasks.vectors=0.8"]].concat();
    for (name, preset, set, tolerance) in [
        ("vectors", "general", &vectors[..], 1e-5),
        // from 1e-7 in the first ten steps rounding grows on: few shown pictures make sharp losses, and Lion takes signs
        ("general", "general", &general[..], 1e-3),
        ("drawing", "drawing", &few[..], 1e-3),
        ("lion", "general", &lion[..], 1e-3),
    ] {
        assert_same(name, &set_config(preset, set), [&[], &[(0, false)]], tolerance);
    }
    let (got, _) = trained("many-a", &set_config("drawing", &many), &[]);
    let (want, _) = trained("many-b", &set_config("drawing", &many), &[(0, false)]);
    assert_eq!(got.len(), 5);
    for (got, want) in got.iter().zip(&want) {
        assert!((got.loss / want.loss - 1.0).abs() < 1e-5, "many classes: losses {} and {}", got.loss, want.loss);
    }
    let mut plain = set_config("general", &general);
    plain.model.equivariant.as_mut().expect("a set learner").stem = None;
    assert_same("no-stem", &plain, [&[], &[(0, false)]], 1e-5);
    assert_same("set-hands", &set_config("general", &vectors), [&[(10, false), (25, true)], &[(0, false)]], 1e-5);
}

#[test]
fn a_run_changes_hands_with_its_optimiser() {
    for (name, optimiser) in [("hands", "training.optimiser=adamw"), ("hands-muon", "training.optimiser=muon")] {
        let config = config("quick", &["training.micro_batch=6", optimiser]);
        assert_same(name, &config, [&[(10, false), (25, true)], &[(0, false)]], 1e-5);
    }
}
