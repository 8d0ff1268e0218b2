//! Times what teaching costs the CPU engine on this machine, natively: `teach MODEL [EXAMPLES] [ROUNDS]`.
//!
//! Drawings of ten classes are shown to the learner in the file MODEL: EXAMPLES (1000) at once with the first answer, then one
//! more, one relabelled and one forgotten, each with an answer, and a further answer by itself. It prints the medians of ROUNDS (5),
//! in milliseconds.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use shaders::cpu::session::Session;
use shaders::input::encode::Encoder;
use shaders::input::pixels::{self, Stroke};
use shaders::input::strokes::{Character, normal};
use shaders::{Model, random};

const CLASSES: usize = 10;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (path, numbers) = words.split_first().ok_or("usage: teach MODEL [EXAMPLES] [ROUNDS]")?;
    let number = |at: usize, default: usize| numbers.get(at).map_or(Ok(default), |word| word.parse::<usize>());
    let (examples, rounds) = (number(0, 1000)?, number(1, 5)?.max(1));
    let model = Arc::new(Model::read(Path::new(path))?);
    let inputs = inputs(&model, examples + 2)?;
    let width = model.spec.inputs;
    let labels: Vec<u32> = (0..examples + 2).map(|index| (index % CLASSES) as u32).collect();
    let query = &inputs[(examples + 1) * width..];
    let jobs = ["taught at once", "one more", "one relabelled", "one forgotten", "an answer"];
    let mut times = vec![Vec::new(); jobs.len()];
    for _ in 0..rounds {
        let mut session = Session::new(model.clone());
        session.context.set_images(true);
        session.context.set_classes(CLASSES)?;
        session.context.observe(&inputs[..examples * width], &labels[..examples])?;
        time(&mut session, query, &mut times[0])?;
        session.context.observe(&inputs[examples * width..(examples + 1) * width], &labels[examples..=examples])?;
        time(&mut session, query, &mut times[1])?;
        session.context.relabel(examples / 2, labels[examples / 2 + 1])?;
        time(&mut session, query, &mut times[2])?;
        session.context.remove(examples / 2)?;
        time(&mut session, query, &mut times[3])?;
        time(&mut session, query, &mut times[4])?;
    }
    for (job, times) in jobs.iter().zip(&mut times) {
        times.sort_by(f64::total_cmp);
        println!("{job}: {:.2} ms ({:.2} to {:.2})", times[times.len() / 2], times[0], times[times.len() - 1]);
    }
    Ok(())
}

/// Adds the milliseconds of an answer to `times`.
fn time(session: &mut Session, query: &[f32], times: &mut Vec<f64>) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    session.predict(query)?;
    times.push(1e3 * start.elapsed().as_secs_f64());
    Ok(())
}

/// Drawings of all classes in turns, as the learner takes them, `[count, X]`.
fn inputs(model: &Model, count: usize) -> Result<Vec<f32>, Box<dyn Error>> {
    let encoder = Encoder::new(&model.spec, pixels::SIDE, pixels::SIDE, 1, 0)?;
    let mut all = Vec::new();
    for index in 0..count {
        let character = Character::draw(&mut random::stream(1, "teach character", (index % CLASSES) as u64));
        let mut stream = random::stream(2, "teach drawing", index as u64);
        let hand = [0.1, 0.15, 0.1].map(|most| most * normal(&mut stream));
        let lines = character.lines(0.3, hand, &mut stream);
        let strokes: Vec<Stroke> = lines.into_iter().map(|points| Stroke { points, width: 0.2 }).collect();
        all.extend(encoder.encode(&pixels::drawing(&strokes)?)?);
    }
    Ok(all)
}
