//! Burn on a GPU trains as the CPU does: every kind of learner, and a whole run from its start to its measurement. On any
//! adapter, also a software one, so that every machine can hold it.
//!
//! Best built without the feature `autotune`, as CI does: choosing among kernels compiles them all, which takes a software
//! adapter minutes for every shape.
#![cfg(feature = "wgpu")]
#![recursion_limit = "256"]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use common::{Folder, cpu, metrics, resolve};
use trainer::config::RunConfig;
use trainer::device::{self, DeviceArg, TrainDevice};
use trainer::eval::{self, Settings};
use trainer::gpu_check::{self, Adapter, GpuCheckError, Parity, Report, html};
use trainer::sources::open_tasks;
use trainer::tasks::{Base, Source};
use trainer::train::{Run, TrainError, probe, read_net, read_run};

/// One at a time: a software adapter uses every core for each.
static TURN: Mutex<()> = Mutex::new(());

fn device() -> Option<(TrainDevice, MutexGuard<'static, ()>)> {
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    common::adapter(device::open).map(|device| (device, turn))
}

const SMALL: &[&str] = &[
    "tasks.data=[\"prior\"]",
    "tasks.length=12",
    "training.batch=2",
    "training.micro_batch=2",
    "model.width=16",
    "model.key_size=8",
    "model.heads=2",
    "model.inputs=16",
    "model.classes=5",
    "model.layers=1",
];

const STEM: &[&str] = &[
    "tasks.data=[\"strokes\"]",
    "tasks.weights=[]",
    "tasks.shown=[12]",
    "tasks.shots=[]",
    "tasks.queries=4",
    "tasks.vectors=0.0",
    "training.batch=2",
    "training.micro_batch=2",
    "model.width=8",
    "model.layers=1",
    "model.heads=2",
    "model.classes=5",
    "tasks.ways=5",
];

/// A learner of each kind that this project trains.
fn learners() -> Vec<(&'static str, RunConfig)> {
    let research = |name, kind: &'static str| (name, resolve("quick", &[SMALL, &[kind]]));
    vec![
        ("paper tokens", resolve("paper", &[SMALL, &["model.longest=12", "training.micro_batch=2"]])),
        ("shifted keys", resolve("quick", &[SMALL])),
        ("shifted keys, AdamW", resolve("quick", &[SMALL, &["training.optimiser=adamw"]])),
        ("general with stem", resolve("general", &[STEM])),
        ("drawing", resolve("drawing", &[STEM])),
        research("perceptron", "learner.kind=mlp"),
        research("LSTM", "learner.kind=lstm"),
        research("outer-product LSTM", "learner.kind=outer-product-lstm"),
        research("fast weights", "learner.kind=fast-weights"),
        research("gated linear attention", "learner.kind=gated-linear-attention"),
        research("VSML", "learner.kind=vsml"),
        research("set transformer", "learner.kind=set-transformer"),
        research("tail", "learner.kind=tail"),
        research("MAML", "learner.kind=maml"),
    ]
}

/// Names this program to itself with fusion switched off by Burn's own setting.
#[test]
fn every_learner_trains_as_on_the_cpu_without_fusion() {
    let Some((_, _turn)) = device() else { return };
    if !device::fuses() {
        return;
    }
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "every_learner_trains_as_on_the_cpu", "--nocapture"]);
    assert!(again.env("BURN_FUSION_MAX_EXPLORATIONS", "0").status().unwrap().success());
}

#[test]
fn every_learner_trains_as_on_the_cpu() {
    let Some((device, _turn)) = device() else { return };
    println!("on {}", device.name);
    let mut wrong = Vec::new();
    for (name, config) in learners() {
        let started = Instant::now();
        let tasks = open_tasks(&config, Path::new(".")).unwrap();
        let probed = match probe::check(&config, &tasks, &device) {
            Ok(probed) => probed,
            Err(error) => {
                wrong.push(format!("{name}: {error}"));
                continue;
            }
        };
        println!(
            "{name}: losses {:.1e}, first norms {:.1e}, weights {:.1e} apart after {} steps, {:.1} s",
            probed.losses_apart(),
            probed.first_norms_apart(),
            probed.weights,
            probed.gpu.len(),
            started.elapsed().as_secs_f64(),
        );
        let mut launched: Vec<_> = probed.launched.iter().map(|(kernel, count)| (*count, kernel.as_str())).collect();
        launched.sort_by(|a, b| b.cmp(a));
        let most: Vec<_> = launched.iter().take(5).map(|(count, kernel)| format!("{count} {kernel}")).collect();
        println!("  {} kernels a step: {}", launched.iter().map(|(count, _)| count).sum::<usize>(), most.join(", "));
        assert!(!launched.is_empty(), "{name}: a step without kernels");
        // Adam's steps are as long as its rate wherever a gradient is nothing but rounding
        if probed.weights > 2.0 * 1e-3 * probed.gpu.len() as f64 {
            wrong.push(format!("{name}: weights {} apart", probed.weights));
        }
        let moved = probed.cpu.windows(2).any(|pair| pair[0][0] != pair[1][0]);
        assert!(moved, "{name}: nothing was learned, so nothing was compared");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_run_is_checkpointed_resumed_and_measured_as_on_the_cpu() {
    let Some((device, _turn)) = device() else { return };
    let sets = [
        "training.steps=24",
        "training.checkpoint_every=6",
        "training.log_every=4",
        "training.rate=0.003",
        "model.classes=10",
    ];
    let config = resolve("quick", &[SMALL, &sets]);
    let (on_gpu, on_cpu) = (Folder::new("run"), Folder::new("run-cpu"));
    let never = AtomicBool::new(false);
    let here = Path::new(".");

    let mut run = Run::start(config.clone(), &on_gpu.0, here, device.clone()).unwrap();
    let stop = AtomicBool::new(false);
    assert!(!run.train(&stop, &mut |m| stop.store(m.step >= 8, Ordering::Relaxed)).unwrap());
    drop(run);
    // as after a kill: on from a checkpoint in the middle
    fs::remove_dir_all(on_gpu.0.join("checkpoint-000000008")).unwrap();
    let mut run = Run::resume(&on_gpu.0, here, device.clone()).unwrap();
    assert_eq!(run.step(), 6);
    assert!(run.train(&never, &mut |_| ()).unwrap());
    drop(run);

    let mut run = Run::start(config, &on_cpu.0, here, cpu()).unwrap();
    assert!(run.train(&never, &mut |_| ()).unwrap());
    let (got, want) = (metrics(&on_gpu.0), metrics(&on_cpu.0));
    assert_eq!(got.iter().map(|m| m.step).collect::<Vec<_>>(), want.iter().map(|m| m.step).collect::<Vec<_>>());
    for (got, want) in got.iter().zip(&want) {
        assert!((got.loss - want.loss).abs() < 1e-3, "step {}: {} on the GPU, {}", got.step, got.loss, want.loss);
        assert_eq!(got.rolled_back, 0);
    }

    // the learner in the file answers on either device as it does on the other
    let (model, ..) = read_run(&on_gpu.0).unwrap();
    assert!(model.tensors().values().flatten().all(|value| value.is_finite()));
    let settings = Settings { episodes: 20, positions: vec![1, 12], ..Settings::default() };
    let asked = |device: &TrainDevice| {
        let (net, ..) = read_net(&on_gpu.0, &device.device).unwrap();
        eval::paper("run", &net, None, "random", here, &device.device, &settings, &mut |_| ()).unwrap().nll
    };
    let (gpu, cpu) = (asked(&device), asked(&cpu()));
    for (gpu, cpu) in gpu.iter().zip(&cpu) {
        assert!((gpu - cpu).abs() < 1e-4, "{gpu} nats on the GPU, {cpu} on the CPU");
    }
}

#[test]
fn steps_that_are_not_finite_are_taken_back_and_named() {
    let Some((device, _turn)) = device() else { return };
    let sets = ["training.steps=30", "training.checkpoint_every=100", "training.log_every=100", "training.warm_up=1"];
    let config = resolve("quick", &[SMALL, &sets]);
    let folder = Folder::new("nan");
    let never = AtomicBool::new(false);
    let mut run = Run::start(config.clone(), &folder.0, Path::new("."), device.clone()).unwrap();
    run.train_until(20, &never, &mut |_| ()).unwrap();
    let good = run.tasks.bases.clone();
    // from step 21 on the data are not numbers
    let nan = Base::new("nan", vec![f32::NAN; 16 * 50], (0..50).map(|n| n % 5).collect());
    run.tasks.bases = vec![Source::Set(nan)];
    // a projection would turn them into zeros
    run.tasks.projected = false;
    match run.train_until(30, &never, &mut |_| ()) {
        // taken again from the state after step 16, on such data
        Err(TrainError::Diverged { step: 17, last: None }) => {}
        other => panic!("expected a run that diverges, found {other:?}"),
    }
    // the state before, 16 steps after the start
    assert_eq!(run.step(), 16);
    assert_eq!(metrics(&folder.0).iter().map(|m| m.step).collect::<Vec<_>>(), [1]);
    // with numbers again it goes on from there, as a run that never met any others
    run.tasks.bases = good;
    run.tasks.projected = true;
    assert!(run.train(&never, &mut |_| ()).unwrap());
    let undisturbed = Folder::new("numbers");
    let mut other = Run::start(config, &undisturbed.0, Path::new("."), device).unwrap();
    assert!(other.train(&never, &mut |_| ()).unwrap());
    let values = |folder: &Folder| -> Vec<f32> {
        read_run(&folder.0).unwrap().0.tensors().values().flatten().copied().collect()
    };
    let (got, want) = (values(&folder), values(&undisturbed));
    let worst = got.iter().zip(&want).fold(0.0f32, |worst, (a, b)| worst.max((a - b).abs()));
    println!("weights {worst:.1e} apart");
    assert!(worst < 1e-4, "{worst}");
}

#[test]
fn a_gpu_is_checked_from_start_to_end() {
    let Some((_, _turn)) = device() else { return };
    let folder = Folder::new("check");
    let mut check = Command::new(env!("CARGO_BIN_EXE_trainer"));
    let device = if device::open(DeviceArg::Software).is_ok() { "software" } else { "gpu" };
    check.args(["gpu", "--smoke", "--minutes", "20", "--device", device, "--python", "no-such-python", "--out"]);
    let output = check.arg(&folder.0).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let json = fs::read(folder.0.join("report.json")).unwrap();
    let report: Report = serde_json::from_slice(&json).unwrap();
    assert!(report.complete && report.agrees() == Some(true), "{report:#?}");
    assert!(report.kernels.len() > 15 && report.training.len() == 1 && report.speed.len() == 1, "{report:#?}");
    let run = &report.runs[0];
    assert_eq!((run.preset.as_str(), run.steps), ("quick", [12, 12]));
    assert!(run.accuracy.iter().any(|(set, ..)| set == "random"), "{run:#?}");
    assert!(report.notes.iter().any(|note| note.contains("no-such-python")), "{:#?}", report.notes);
    let page = fs::read_to_string(folder.0.join("index.html")).unwrap();
    assert!(page.contains("It computes what the CPU computes."));
    assert!(!report.training[0].launched.is_empty() && page.contains("Kernels launched by a step"), "{report:#?}");
}

/// The CPU, which needs no adapter, as a check is given it.
fn no_adapter() -> TrainDevice {
    TrainDevice { device: device::host(), name: "none".into(), cpu: true, wgsl: None }
}

#[test]
fn a_folder_of_something_else_is_left_alone() {
    let folder = Folder::new("thesis");
    let out = folder.0.clone();
    fs::create_dir_all(&out).unwrap();
    fs::write(out.join("thesis.tex"), "years of work").unwrap();
    let settings = gpu_check::Settings {
        device: no_adapter(),
        out: out.clone(),
        data_dir: out.clone(),
        minutes: 1.0,
        smoke: true,
        python: "python3".into(),
    };
    let error = gpu_check::run(&settings, &AtomicBool::new(false), &mut |_| ()).unwrap_err();
    assert!(matches!(error, GpuCheckError::Foreign(_)), "{error}");
    assert_eq!(fs::read_dir(&out).unwrap().count(), 1);
}

#[test]
fn set_learners_are_timed_on_tasks_that_are_made() {
    for (preset, rows) in [("general", 9 + 6), ("drawing", 2 * 5 + 6)] {
        let small = [
            "training.batch=4",
            "tasks.queries=6",
            "model.layers=1",
            if preset == "general" { "tasks.shown=[9]" } else { "tasks.ways=2" },
        ];
        let row = gpu_check::set_learner(preset, &no_adapter(), &small).unwrap();
        assert_eq!((row.learner.as_str(), row.size), (preset, [4, rows, 16, 1]));
        assert!(row.step > 0.0 && (row.tokens - 4.0 * rows as f64 / row.step).abs() < 1e-6 * row.tokens);
    }
    assert!(gpu_check::set_learner("quick", &no_adapter(), &[]).is_err());
}

#[test]
fn a_report_says_what_differs_and_escapes_names() {
    let parity = |failed: &[&str]| Parity {
        name: "gram".into(),
        cases: 3,
        worst: 0.5,
        failed: failed.iter().map(|&text| text.to_owned()).collect(),
    };
    let adapter =
        Adapter { name: "A<b>".into(), kind: "discrete".into(), backend: "Vulkan".into(), driver: "d & e".into() };
    let mut report = Report { device: "A<b> (Vulkan)".into(), adapters: vec![adapter], ..Report::default() };
    assert!(html(&report).contains("Nothing was compared yet"));
    report.kernels = vec![parity(&[])];
    assert!(html(&report).contains("the check is not complete"));
    report.complete = true;
    let page = html(&report);
    assert!(page.contains("It computes what the CPU computes") && page.contains("A&lt;b&gt;"), "{page}");
    assert!(page.contains("d &amp; e") && !page.contains("A<b>"), "{page}");
    report.kernels.push(parity(&["element 3: got 1, want 2", "another"]));
    let page = html(&report);
    assert!(page.contains("It does not compute") && page.contains("want 2, and 1 more"), "{page}");
}
