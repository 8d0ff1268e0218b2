//! Documents and examples as text: in a file, and in the browser's storage.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use shaders::input::pixels::{SIDE, Stroke};

use super::codec::{self, Reader, Writer};
use super::{Class, Document, Example, Id, PEN, Picture, preprocess};
use crate::answers::Answers;

impl Document {
    /// As text, for a file.
    pub fn save(&self) -> String {
        let (classes, examples) = (self.classes.clone(), self.examples.iter().map(SavedExample::of).collect());
        serde_json::to_string(&Saved { version: VERSION, classes, examples }).expect("plain data")
    }

    /// Reads what [`Document::save`] wrote, in this version or the first, or says why it can't.
    pub fn load(text: &str) -> Result<Document, String> {
        let saved: Saved = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if !(1..=VERSION).contains(&saved.version) {
            return Err(format!("expected version 1 or {VERSION}, found {}", saved.version));
        }
        let mut document = Document::with_classes(saved.classes)?;
        for example in saved.examples {
            let (strokes, picture) = example.content()?;
            document.take(example.label, strokes, picture)?;
            if let Some(last) = document.examples.last_mut() {
                last.answers = Answers::load(&example.answers);
            }
        }
        Ok(document)
    }
}

/// x, y, x, y, … in whole canvas units.
fn flat(stroke: &Stroke) -> Vec<i32> {
    stroke.points.iter().flatten().map(|v| v.round() as i32).collect()
}

fn packed(picture: &[f32]) -> String {
    let mut writer = Writer::default();
    writer.picture(picture);
    codec::to_letters(&writer.0)
}

fn unpacked(text: &str) -> Option<Picture> {
    let bytes = codec::from_letters(text)?;
    Reader(&bytes).picture().filter(|picture| picture.len() == SIDE * SIDE).map(Arc::new)
}

const VERSION: u32 = 2;

#[derive(Serialize, Deserialize)]
struct Saved {
    version: u32,
    classes: Vec<Class>,
    examples: Vec<SavedExample>,
}

/// An example as it is kept: in a file, and in the browser's storage.
#[derive(Serialize, Deserialize)]
pub struct SavedExample {
    label: u32,
    /// A list for each stroke; see [`flat`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    strokes: Vec<Vec<i32>>,
    /// In place of strokes; see [`Writer::picture`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    picture: Option<String>,
    /// See [`Answers::save`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    answers: Vec<String>,
}

impl SavedExample {
    /// What is kept of an example, beside its id and its place.
    pub fn of(example: &Example) -> SavedExample {
        SavedExample {
            label: example.label,
            strokes: example.strokes.iter().map(flat).collect(),
            picture: example.strokes.is_empty().then(|| packed(&example.picture)),
            answers: example.answers.save(),
        }
    }

    /// The example again, under its id and at its place, or why it can't be read.
    pub fn example(&self, id: Id, place: f64) -> Result<Example, String> {
        let (strokes, picture) = self.content()?;
        let picture = match picture {
            Some(picture) if strokes.is_empty() => picture,
            _ => Arc::new(preprocess(&strokes).map_err(|error| error.to_string())?),
        };
        let answers = Answers::load(&self.answers);
        Ok(Example { id, place, strokes: Arc::new(strokes), picture, label: self.label, answers })
    }

    /// The same where the page has its strokes and picture already.
    pub fn known(&self, known: &Example, place: f64) -> Example {
        Example { label: self.label, place, answers: Answers::load(&self.answers), ..known.clone() }
    }

    fn content(&self) -> Result<(Vec<Stroke>, Option<Picture>), String> {
        let stroke = |flat: &Vec<i32>| Stroke {
            points: flat.chunks_exact(2).map(|point| [point[0] as f32, point[1] as f32]).collect(),
            width: PEN,
        };
        // thinned out, as examples are, no drawing has as many
        let found = self.strokes.iter().map(|flat| flat.len() / 2).sum::<usize>();
        if found > codec::MOST_POINTS {
            return Err(format!("expected a drawing of at most {} points, found {found}", codec::MOST_POINTS));
        }
        let picture = match &self.picture {
            Some(text) => Some(unpacked(text).ok_or("a picture is damaged")?),
            None => None,
        };
        Ok((self.strokes.iter().map(stroke).collect(), picture))
    }
}
