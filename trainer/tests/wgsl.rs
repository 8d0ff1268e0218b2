//! `--engine wgsl`: a run's steps on a device are those on the CPU, and a run may change hands. On any adapter, also a software
//! one.

mod common;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use common::{Folder, TINY, cpu, metrics, resolve};
use trainer::config::RunConfig;
use trainer::device::{self, Engine, TrainDevice};
use trainer::train::{Metrics, Run, TrainError};

fn wgsl() -> Option<TrainDevice> {
    common::adapter(|choice| device::open_for(Engine::Wgsl, choice))
}

fn config(preset: &str, more: &[&str]) -> RunConfig {
    let set = [
        "training.steps=24",
        "training.checkpoint_every=5",
        "training.log_every=2",
        "training.batch=4",
        "training.micro_batch=1",
        "training.epsilon=1e-5",
    ];
    resolve(preset, &[TINY, &set, more])
}

/// A run that changes device after some logged steps.
fn trained(config: RunConfig, name: &str, first: &TrainDevice, changes: &[(u64, &TrainDevice)]) -> Vec<Metrics> {
    let folder = Folder::new(name);
    let mut run = Run::start(config, &folder.0, Path::new("."), first.clone()).unwrap();
    for (at, next) in changes {
        let stop = AtomicBool::new(false);
        let complete = run.train(&stop, &mut |m| stop.store(m.step >= *at, Ordering::Relaxed)).unwrap();
        assert!(!complete);
        drop(run);
        run = Run::resume(&folder.0, Path::new("."), (*next).clone()).unwrap();
        assert_eq!(run.step(), *at);
    }
    assert!(run.train(&AtomicBool::new(false), &mut |_| ()).unwrap());
    metrics(&folder.0)
}

/// Losses and norms are close, step by step.
fn close(found: &[Metrics], expected: &[Metrics], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.step, expected.step);
        assert!((found.loss / expected.loss - 1.0).abs() < 1e-4, "{what}: {found:?}, expected {expected:?}");
        assert!((found.gradient_norm / expected.gradient_norm - 1.0).abs() < 1e-2, "{what}: {found:?}, {expected:?}");
    }
}

#[test]
fn a_run_in_wgsl_is_the_run_on_the_cpu_and_may_change_hands() {
    let Some(wgsl) = wgsl() else { return };
    for optimiser in ["adamw", "muon"] {
        let config = || config("quick", &[&format!("training.optimiser={optimiser}")]);
        let expected = trained(config(), &format!("cpu-{optimiser}"), &cpu(), &[]);
        let whole = trained(config(), &format!("wgsl-{optimiser}"), &wgsl, &[]);
        close(&whole, &expected, optimiser);
        let there_and_back = [(8, &cpu()), (14, &wgsl)];
        let shared = trained(config(), &format!("shared-{optimiser}"), &wgsl, &there_and_back);
        close(&shared, &expected, &format!("{optimiser}, shared"));
    }
}

#[test]
fn the_probe_compares_the_device_with_the_cpu() {
    let Some(wgsl) = wgsl() else { return };
    let folder = Folder::new("wgsl-probe");
    let run = Run::start(config("quick", &[]), &folder.0, Path::new("."), wgsl).unwrap();
    let probed = run.probe().unwrap().expect("a device is compared");
    assert!(probed.gpu.len() == 20 && probed.losses_apart() < 1e-4, "{probed:?}");
    // a product for each of the four matrices of a layer at the least
    assert!(probed.launched["product"] >= 4, "{:?}", probed.launched);
}

#[test]
fn what_it_cannot_train_is_said_before_a_folder_is_made() {
    let Some(wgsl) = wgsl() else { return };
    let folder = Folder::new("wgsl-refused");
    for config in [config("quick", &["training.optimiser=lion"]), config("quick", &["learner.kind=lstm"])] {
        let refused = Run::start(config, &folder.0, Path::new("."), wgsl.clone());
        assert!(matches!(refused, Err(TrainError::NotWgsl(_))), "{:?}", refused.err());
        assert!(!folder.0.exists());
    }
}
