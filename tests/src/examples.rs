//! Files of many examples, as the page saves them.

use std::path::PathBuf;
use std::{env, fs, process};

use serde_json::{Value, json};

use crate::page::built;
use crate::strokes::Figure;

/// What the examples are drawings of, in the order of the classes.
pub const FIGURES: [Figure; 5] = [Figure::Zero, Figure::Seven, Figure::Three, Figure::Cross, Figure::One];
const NAMES: [&str; 5] = ["zero", "seven", "three", "cross", "one"];

/// A file of `count` examples in turns, as the page saves them. With `answers` each comes with what four answerers said
/// of it, under the shipped learner's weights.
pub fn file(count: usize, answers: bool) -> PathBuf {
    let model = built().expect("a page").join("models/drawing.safetensors");
    let hash = shaders::Model::from_bytes(&fs::read(model).unwrap()).unwrap().hash();
    let all: Vec<Value> = (0..count)
        .map(|at| {
            let class = at % FIGURES.len();
            let strokes: Vec<Vec<i32>> = FIGURES[class]
                .drawn(1, (at / FIGURES.len()) as u64)
                .iter()
                .map(|stroke| {
                    stroke.iter().step_by(2).flat_map(|(x, y)| [x, y].map(|v| (v * 1000.0).round() as i32)).collect()
                })
                .collect();
            // nothing can be asked before the second example of a class
            let said = if at < FIGURES.len() { "0000" } else { ["++-+", "+++-", "-+--"][at % 3] };
            match answers {
                true => json!({ "label": class, "strokes": strokes, "answers": [format!("{}:{said}", &hash[..16])] }),
                false => json!({ "label": class, "strokes": strokes }),
            }
        })
        .collect();
    let classes: Vec<Value> =
        NAMES.iter().zip(0..).map(|(name, label)| json!({ "label": label, "name": name })).collect();
    let path = env::temp_dir().join(format!("examples-{count}-{answers}-{}.json", process::id()));
    fs::write(&path, json!({ "version": 2, "classes": classes, "examples": all }).to_string()).unwrap();
    path
}
