//! Drawings of Quick, Draw! as a file of examples.

use std::collections::HashMap;

use serde_json::json;
use shaders::input::quick_draw::{Sketch, sketches};

/// Most examples.
const MOST: usize = 1000;
/// Most examples of a class.
const MOST_OF_CLASS: usize = 30;
/// Side of the page's canvas in its units.
const CANVAS: f32 = 1000.0;

/// Drawings as a file of examples, each word a class, of which there are `most_classes` at most. Classes come in turns, so that a
/// learner is shown one of each before the second.
///
/// # Errors
/// In words: no drawing.
pub fn examples(text: &str, most_classes: usize) -> Result<String, String> {
    let found = sketches(text, usize::MAX);
    let mut words: Vec<&str> = Vec::new();
    let mut by_word: HashMap<&str, Vec<&Sketch>> = HashMap::new();
    for sketch in &found.all {
        let of_word = by_word.entry(&sketch.word).or_default();
        if of_word.is_empty() {
            words.push(&sketch.word);
        }
        of_word.push(sketch);
    }
    if words.is_empty() {
        let lines = found.unread + found.unrecognised;
        return Err(format!("none of its {lines} lines holds a drawing that was recognised. Get the file again"));
    }
    words.truncate(most_classes);
    let shots = (MOST / words.len()).clamp(1, MOST_OF_CLASS);
    let example = |(label, sketch): (usize, &Sketch)| {
        let strokes: Vec<Vec<i32>> = sketch
            .fitted(CANVAS)
            .iter()
            .map(|stroke| stroke.iter().flatten().map(|value| value.round() as i32).collect())
            .collect();
        json!({ "label": label, "strokes": strokes })
    };
    let in_turns = (0..shots).flat_map(|shot| {
        let by_word = &by_word;
        words.iter().enumerate().filter_map(move |(label, word)| Some((label, *by_word[word].get(shot)?)))
    });
    let examples: Vec<_> = in_turns.map(example).collect();
    let classes: Vec<_> =
        words.iter().enumerate().map(|(label, name)| json!({ "label": label, "name": name })).collect();
    Ok(json!({ "version": 2, "classes": classes, "examples": examples }).to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn line(word: &str, x: usize) -> String {
        format!("{{\"word\":\"{word}\",\"recognized\":true,\"drawing\":[[[0,{x}],[0,200]]]}}\n")
    }

    #[test]
    fn classes_come_in_turns_and_none_has_too_many() {
        let text = (0..40).map(|at| line("cat", 10 + at)).collect::<String>() + &line("dog", 100) + &line("dog", 50);
        let found: Value = serde_json::from_str(&examples(&text, 10).unwrap()).unwrap();
        assert_eq!(found["classes"][1], json!({ "label": 1, "name": "dog" }));
        let labels: Vec<u64> =
            found["examples"].as_array().unwrap().iter().map(|e| e["label"].as_u64().unwrap()).collect();
        assert_eq!((&labels[..5], labels.len()), (&[0, 1, 0, 1, 0][..], MOST_OF_CLASS + 2));
        assert_eq!(found["examples"][1]["strokes"], json!([[300, 100, 700, 900]]));
        let found: Value = serde_json::from_str(&examples(&text, 1).unwrap()).unwrap();
        assert_eq!(found["classes"].as_array().unwrap().len(), 1);
        assert!(examples("{}\n", 10).unwrap_err().contains("1 lines"));
    }
}
