//! Meta-trains a tiny learner for half a minute, then asks it about tasks that it has never seen.
//!
//!     cargo run --release -p trainer --example train_tiny
//!
//! Nothing is downloaded: tasks come from the synthetic prior. What is printed at the end is accuracy at a position of an
//! episode, that is, after so many labelled examples of a new task; guessing would give 20 %.

use std::error::Error;
use std::sync::atomic::AtomicBool;

use shaders::answer;
use trainer::config::RunConfig;
use trainer::device::{self, DeviceArg};
use trainer::nets::Inputs;
use trainer::nets::batch::sequences;
use trainer::nets::tensors::floats;
use trainer::tasks::{Episode, Split};
use trainer::train::Run;

fn main() -> Result<(), Box<dyn Error>> {
    // a preset, and what differs from it; `trainer train --help` lists both
    let settings = [
        "tasks.data=[\"prior\"]",
        "tasks.length=40",
        "model.inputs=16",
        "model.classes=5",
        "model.width=32",
        "model.key_size=32",
        "model.heads=1",
        "model.longest=40",
        "training.steps=400",
        "training.batch=16",
        "training.micro_batch=8",
        "training.rate=3e-3",
        "training.average=0",
        "training.log_every=50",
    ];
    let config = RunConfig::resolve("quick", None, &settings.map(str::to_owned))?;
    let (length, classes) = (config.tasks.length, config.model.classes);
    let device = device::open(DeviceArg::Auto)?;
    let folder = std::env::temp_dir().join(format!("train-tiny-{}", std::process::id()));
    let mut run = Run::start(config, &folder, std::path::Path::new("."), device.clone())?;
    println!("training {} parameters on {}", run.config.model.parameters(), run.device_name());
    run.train(&AtomicBool::new(false), &mut |m| println!("step {:>4}  loss {:.3}", m.step, m.loss))?;

    // episodes of the test stream: tasks that training cannot reach
    let episodes: Vec<Episode> = (0..200).map(|i| run.tasks.episode(Split::Test, i)).collect();
    let (inputs, labels) = sequences(&episodes, classes, &device.device);
    for shown in [0, 1, 5, 10, 20, length - 1] {
        // the answer at position i knows the examples before it
        let predictor = run.learner().predictor(Inputs::Vectors);
        let rows = floats(predictor.predict_at(inputs.clone(), labels.clone(), &[shown]));
        let right = |(row, episode): &(&[f32], &Episode)| answer(row) == Some(episode.labels[shown] as usize);
        let correct = rows.chunks_exact(classes).zip(&episodes).filter(right).count();
        println!("after {shown:>2} examples {:>3.0} %", 100.0 * correct as f64 / episodes.len() as f64);
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
