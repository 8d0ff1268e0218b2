//! What `cargo xtask bench --page` gives to every contender: `page FOLDER MODEL…` copies the models to the folder, makes one
//! of the paper's size with random weights beside them, and writes for each `NAME.bin`, little-endian f32:
//!
//! ```text
//! shown      [100, 784]   drawings, bright on black, of 10 classes in turns
//! queries    [32, 784]
//! inputs     [100, X]     both as the learner takes them
//! questions  [32, X]
//! expected   [32, 10]     probabilities, by the CPU engine
//! ```
//!
//! and one line on standard output, `NAME PARAMETERS X LONGEST`. X leaves out inputs that are 0 in all
//! of them.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use shaders::engine::Engine;
use shaders::input::encode::Encoder;
use shaders::input::pixels::{self, Stroke};
use shaders::input::strokes::{Character, normal};
use shaders::model::file::Precision;
use shaders::{Model, ModelSpec, random};

const SHOWN: usize = 100;
const QUERIES: usize = 32;
const CLASSES: usize = 10;
const SIDE: usize = 28;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [folder, models @ ..] = &words[..] else { return Err("usage: page FOLDER MODEL…".into()) };
    let folder = Path::new(folder);
    for path in models {
        let name = Path::new(path).file_stem().ok_or("a model has a name")?.to_string_lossy().into_owned();
        std::fs::copy(path, folder.join(format!("{name}.safetensors")))?;
        write(folder, &name, Model::read(Path::new(path))?)?;
    }
    // the mean and spread of MNIST; a query is a token too
    let mut spec = ModelSpec::paper(SIDE * SIDE, 0, 0.1307, 0.3081);
    (spec.longest, spec.encoding.projected) = (SHOWN + 1, false);
    let model = Model::random(spec, 1)?;
    model.write(&folder.join("paper.safetensors"), Precision::F32)?;
    write(folder, "paper", model)
}

/// Drawings of all classes in turns, `[count, 784]`.
fn drawings(count: usize, hand: u64) -> Result<Vec<f32>, Box<dyn Error>> {
    let mut all = Vec::new();
    for index in 0..count {
        let character = Character::draw(&mut random::stream(1, "page character", (index % CLASSES) as u64));
        let mut stream = random::stream(hand, "page drawing", index as u64);
        let hand = [0.1, 0.15, 0.1].map(|most| most * normal(&mut stream));
        let lines = character.lines(0.3, hand, &mut stream);
        let strokes: Vec<Stroke> = lines.into_iter().map(|points| Stroke { points, width: 0.2 }).collect();
        all.extend(pixels::drawing(&strokes)?);
    }
    Ok(all)
}

fn write(folder: &Path, name: &str, model: Model) -> Result<(), Box<dyn Error>> {
    let (spec, model) = (model.spec.clone(), Arc::new(model));
    let encoder = Encoder::new(&spec, SIDE, SIDE, 1, 0)?;
    let (shown, queries) = (drawings(SHOWN, 1)?, drawings(QUERIES, 2)?);
    let encode =
        |raw: &[f32]| raw.chunks_exact(SIDE * SIDE).map(|one| encoder.encode(one)).collect::<Result<Vec<_>, _>>();
    let (inputs, questions) = (encode(&shown)?, encode(&queries)?);
    let labels: Vec<u32> = (0..SHOWN).map(|index| (index % CLASSES) as u32).collect();

    let mut engine = Engine::cpu(model);
    engine.set_images(encoder.drawings());
    if spec.equivariant.is_some() {
        engine.set_classes(CLASSES)?;
    }
    engine.observe(&inputs.concat(), &labels)?;
    let answers = pollster::block_on(engine.predict(&questions.concat()))?;
    let expected = answers.chunks_exact(spec.classes).flat_map(|row| row[..CLASSES].iter().map(|log| log.exp()));

    let used = |row: &Vec<f32>| row.iter().rposition(|value| *value != 0.0).map_or(0, |last| last + 1);
    let side = if spec.encoding.side == 0 { SIDE } else { spec.encoding.side };
    let used = inputs.iter().chain(&questions).map(used).max().unwrap_or(0).max(side * side);
    let cut = |rows: &[Vec<f32>]| rows.iter().flat_map(|row| row[..used].to_vec()).collect::<Vec<f32>>();
    let all = [shown, queries, cut(&inputs), cut(&questions), expected.collect()].concat();
    let bytes: Vec<u8> = all.iter().flat_map(|value| value.to_le_bytes()).collect();
    std::fs::write(folder.join(format!("{name}.bin")), bytes)?;
    println!("{name} {} {used} {}", spec.parameters(), spec.longest);
    Ok(())
}
