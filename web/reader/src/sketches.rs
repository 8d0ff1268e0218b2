//! Drawings of other programs as a file of examples.

use std::collections::HashMap;

use serde_json::json;
use shaders::input::sketch::{CANVAS, Sketch, Sketches};
use shaders::input::sketch_file::{self, EXPECTED};
use tables::pictures::classes_by_path;

/// Most examples.
const MOST: usize = 1000;
/// Most examples of a class.
const MOST_OF_CLASS: usize = 30;

/// Where neither drawings nor files say what is drawn.
const SILENT: &str = "nothing says what its drawings show. Expected an annotation \"truth\", a folder for each class, or the class in \
                      each file's name, such as heart-1.inkml";

/// Drawings of some files as a file of examples, each word a class, of which there are `most_classes` at most. Classes come in
/// turns, so that a learner is shown one of each before the second. Where no drawing says what it shows, the folders of the files
/// or their names do, as with pictures.
///
/// # Errors
/// In words: a file that is damaged, no drawing, drawings of which nothing says what they show.
pub fn examples(files: &[(String, &[u8])], most_classes: usize) -> Result<String, String> {
    let mut found = Sketches::default();
    let mut of_file = Vec::new();
    for (path, bytes) in files {
        let named = |error| if files.len() > 1 { format!("in {path}: {error}") } else { error };
        let more = sketch_file::sketches(path, bytes, usize::MAX).map_err(named)?;
        of_file.extend(more.all.iter().map(|_| path.clone()));
        found.all.extend(more.all);
        found.unrecognised += more.unrecognised;
        found.unread += more.unread;
    }
    if found.all.is_empty() {
        let others = found.unread + found.unrecognised;
        return Err(format!("{EXPECTED}; none of {others} lines or records holds one that was recognised"));
    }
    if found.all.iter().all(|sketch| sketch.word.is_empty()) {
        let (words, _) = classes_by_path(of_file).map_err(|_| SILENT)?;
        found.all.iter_mut().zip(words).for_each(|(sketch, word)| sketch.word = word);
    }
    let mut words: Vec<&str> = Vec::new();
    let mut by_word: HashMap<&str, Vec<&Sketch>> = HashMap::new();
    for sketch in found.all.iter().filter(|sketch| !sketch.word.is_empty()) {
        let of_word = by_word.entry(&sketch.word).or_default();
        if of_word.is_empty() {
            words.push(&sketch.word);
        }
        of_word.push(sketch);
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

    fn of_text(text: &str, most_classes: usize) -> Result<String, String> {
        examples(&[("a.ndjson".to_owned(), text.as_bytes())], most_classes)
    }

    #[test]
    fn classes_come_in_turns_and_none_has_too_many() {
        let text = (0..40).map(|at| line("cat", 10 + at)).collect::<String>() + &line("dog", 100) + &line("dog", 50);
        let found: Value = serde_json::from_str(&of_text(&text, 10).unwrap()).unwrap();
        assert_eq!(found["classes"][1], json!({ "label": 1, "name": "dog" }));
        let labels: Vec<u64> =
            found["examples"].as_array().unwrap().iter().map(|e| e["label"].as_u64().unwrap()).collect();
        assert_eq!((&labels[..5], labels.len()), (&[0, 1, 0, 1, 0][..], MOST_OF_CLASS + 2));
        assert_eq!(found["examples"][1]["strokes"], json!([[300, 100, 700, 900]]));
        let found: Value = serde_json::from_str(&of_text(&text, 1).unwrap()).unwrap();
        assert_eq!(found["classes"].as_array().unwrap().len(), 1);
        assert!(of_text("{}\n", 10).unwrap_err().contains("1 lines"));
    }

    #[test]
    fn ink_that_says_nothing_is_named_by_its_files() {
        let ink = b"<ink><trace>0 0, 5 5</trace></ink>".as_slice();
        let named = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), ink)).collect::<Vec<_>>();
        let six =
            ["star_1", "star_2", "heart_1", "heart_2", "heart_3", "star_3"].map(|name| format!("inks/{name}.inkml"));
        let found = examples(&named(&six.each_ref().map(String::as_str)), 10).unwrap();
        let found: Value = serde_json::from_str(&found).unwrap();
        assert_eq!(found["classes"][0]["name"], "star");
        assert_eq!(found["examples"].as_array().unwrap().len(), 6);
        assert!(examples(&named(&["a.inkml"]), 10).unwrap_err().contains("heart-1.inkml"));
        let error = examples(&[("a.inkml".into(), ink), ("b.inkml".into(), b"<ink".as_slice())], 10);
        assert!(error.is_err());
    }
}
