//! Loads a learner from its file, shows it ten drawings, and asks about others; no weight changes.
//!
//! `cargo run --release -p shaders --example ten_examples [MODEL]`, from the folder of the workspace.

use std::env;
use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use shaders::input::pixels::{self, Stroke};
use shaders::probability::renormalise_over_seen;
use shaders::{Model, cpu};

const CLASSES: [&str; 2] = ["ring", "cross"];

/// A ring or a cross as a hand might draw it; `turn` makes each of them another one. Points are in the unit square.
fn drawn(class: u32, turn: f32) -> Vec<Stroke> {
    let stroke = |points: Vec<[f32; 2]>| Stroke { points, width: 0.09 };
    let about = |angle: f32, radius: f32| [0.5 + radius * angle.cos(), 0.5 + 0.8 * radius * angle.sin()];
    match class {
        0 => vec![stroke((0..=24).map(|step| about(turn + step as f32 * 0.27, 0.3 + 0.03 * turn.sin())).collect())],
        _ => [0.7, 2.3]
            .map(|angle| angle + 0.2 * turn.sin())
            .map(|angle: f32| stroke(vec![about(angle, 0.4), about(angle + std::f32::consts::PI, 0.35)]))
            .to_vec(),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/drawing.safetensors");
    let file = env::args_os().nth(1).map_or(shipped, Into::into);
    let model = Arc::new(Model::read(&file)?);
    println!("{}: {} inputs, up to {} classes", file.display(), model.spec.inputs, model.spec.classes);

    let mut session = cpu::Session::new(model.clone());
    // This learner has a stem for images; one that has none ignores this.
    session.context.set_images(true);
    for example in 0..10 {
        let class = example % 2;
        let input = pixels::drawing(&drawn(class, example as f32))?;
        session.context.observe(&input, &[class])?;
    }

    for (class, name) in CLASSES.iter().enumerate() {
        let query = pixels::drawing(&drawn(class as u32, 20.5))?;
        let all = session.predict(&query)?;
        // log-probabilities of all classes that the learner can tell apart, of which two were shown
        let seen = renormalise_over_seen(&all, model.spec.classes, &[0, 1]);
        let answer = shaders::answer(&seen[..2]).expect("log-probabilities are finite");
        println!("a {name} it has not seen: {} ({:.1} %)", CLASSES[answer], 100.0 * seen[answer].exp());
    }
    Ok(())
}
