//! Drawings of Quick, Draw! (<https://github.com/googlecreativelab/quickdraw-dataset>): a line of JSON each, simplified to 256 × 256
//! or raw with times.

use serde::Deserialize;

use super::pixels::{self, PixelsError, Stroke};

/// Most points of a drawing that is read; a raw one has hundreds.
pub const MOST_POINTS: usize = 4000;

/// A drawing of a word.
#[derive(Debug, Clone, PartialEq)]
pub struct Sketch {
    /// What was to be drawn.
    pub word: String,
    /// x and y of each point of each stroke, y downwards.
    pub strokes: Vec<Vec<[f32; 2]>>,
}

/// What a text holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sketches {
    /// Recognised drawings, in their order.
    pub all: Vec<Sketch>,
    /// Drawings that were not recognised.
    pub unrecognised: usize,
    /// Lines that hold no drawing.
    pub unread: usize,
}

#[derive(Deserialize)]
struct Line {
    word: String,
    #[serde(default = "yes")]
    recognized: bool,
    /// `[strokes][x, y, and t of raw ones][points]`
    drawing: Vec<Vec<Vec<f32>>>,
}

fn yes() -> bool {
    true
}

/// Whether a file holds such drawings, by its beginning.
pub fn is_quick_draw(head: &[u8]) -> bool {
    let holds = |word: &[u8]| head.windows(word.len()).any(|window| window == word);
    head.trim_ascii_start().starts_with(b"{") && holds(b"\"word\"") && holds(b"\"drawing\"")
}

/// Reads up to `most` drawings of a text. An unreadable last line without a line end is not counted: the file was cut
/// there.
pub fn sketches(text: &str, most: usize) -> Sketches {
    let mut found = Sketches::default();
    for line in text.split_inclusive('\n') {
        if found.all.len() == most {
            break;
        }
        if line.trim().is_empty() {
            continue;
        }
        match sketch(line) {
            Some((sketch, true)) => found.all.push(sketch),
            Some((_, false)) => found.unrecognised += 1,
            None => found.unread += usize::from(line.ends_with('\n')),
        }
    }
    found
}

fn sketch(line: &str) -> Option<(Sketch, bool)> {
    let line: Line = serde_json::from_str(line).ok()?;
    let stroke = |axes: &Vec<Vec<f32>>| match &axes[..] {
        [x, y, ..] if x.len() == y.len() => Some(x.iter().zip(y).map(|(x, y)| [*x, *y]).collect::<Vec<_>>()),
        _ => None,
    };
    let strokes = line.drawing.iter().map(stroke).collect::<Option<Vec<_>>>()?;
    let points = strokes.iter().map(Vec::len).sum::<usize>();
    let finite = strokes.iter().flatten().flatten().all(|value| value.is_finite());
    let word = line.word.trim().to_owned();
    let fine = (1..=MOST_POINTS).contains(&points) && finite && !word.is_empty();
    fine.then_some((Sketch { word, strokes }, line.recognized))
}

impl Sketch {
    /// The drawing in a square of `side`, its longer side within a margin of a tenth.
    pub fn fitted(&self, side: f32) -> Vec<Vec<[f32; 2]>> {
        let all = || self.strokes.iter().flatten();
        let bounds = [0, 1].map(|axis| {
            let low = all().map(|point| point[axis]).fold(f32::INFINITY, f32::min);
            (low, all().map(|point| point[axis]).fold(f32::NEG_INFINITY, f32::max))
        });
        let extent = bounds.map(|(low, high)| high - low);
        let scale = 0.8 * side / extent[0].max(extent[1]).max(1.0);
        let at = |point: &[f32; 2]| {
            [0, 1].map(|axis| 0.5 * side + scale * (point[axis] - bounds[axis].0 - 0.5 * extent[axis]))
        };
        self.strokes.iter().map(|stroke| stroke.iter().map(at).collect()).collect()
    }

    /// What a learner sees of it: see [`pixels::drawn`].
    ///
    /// # Shapes
    /// Ink in [0, 1], [28, 28]
    ///
    /// # Errors
    /// Those of [`pixels::drawing`].
    pub fn picture(&self) -> Result<Vec<f32>, PixelsError> {
        let stroke = |points: Vec<[f32; 2]>| Stroke { points, width: 1.0 };
        pixels::drawn(&self.fitted(1000.0).into_iter().map(stroke).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIMPLIFIED: &str =
        r#"{"word":"line","countrycode":"DE","recognized":true,"drawing":[[[0,255],[10,10]],[[40],[80]]]}"#;
    const RAW: &str = r#"{"word":"line","recognized":true,"drawing":[[[310.5,330.5],[200.0,420.0],[0,17]]]}"#;

    #[test]
    fn simplified_and_raw_drawings_are_read() {
        assert!(is_quick_draw(SIMPLIFIED.as_bytes()) && !is_quick_draw(b"{\"version\":2}"));
        let missed = SIMPLIFIED.replace("true", "false");
        let text = format!("{SIMPLIFIED}\r\n{RAW}\n{missed}\n\n{{\"word\":3}}\n{}", &SIMPLIFIED[..40]);
        let found = sketches(&text, 100);
        assert_eq!((found.all.len(), found.unrecognised, found.unread), (2, 1, 1));
        assert_eq!(found.all[0].strokes, [vec![[0.0, 10.0], [255.0, 10.0]], vec![[40.0, 80.0]]]);
        assert_eq!(found.all[1].strokes, [vec![[310.5, 200.0], [330.5, 420.0]]]);
        assert_eq!(sketches(&text, 1).all.len(), 1);
        // axes of different length, no point, a number that is none
        for drawing in ["[[[1,2],[1]]]", "[]", "[[[1],[1e99]]]"] {
            let line = format!("{{\"word\":\"x\",\"drawing\":{drawing}}}\n");
            assert_eq!(sketches(&line, 10), Sketches { unread: 1, ..Sketches::default() }, "{drawing}");
        }
    }

    #[test]
    fn a_drawing_is_centred_and_its_picture_has_ink() {
        let sketch = &sketches(SIMPLIFIED, 1).all[0];
        let fitted = sketch.fitted(1000.0);
        assert_eq!((fitted[0][0][0], fitted[0][1][0]), (100.0, 900.0));
        let (top, bottom) = (fitted[0][0][1], fitted[1][0][1]);
        assert!((top + bottom - 1000.0).abs() < 1e-3 && bottom > top);
        let picture = sketch.picture().unwrap();
        assert_eq!(picture.len(), 784);
        assert!(picture.iter().sum::<f32>() > 20.0);
    }
}
