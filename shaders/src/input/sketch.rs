//! Drawings as strokes, each with what it shows.

use super::pixels::{self, PixelsError, Stroke};

/// A canvas measures this many units a side, whatever its size on the screen: those of the page and of files of examples.
pub const CANVAS: f32 = 1000.0;
/// Width of its pen, in these units.
pub const PEN: f32 = 62.0;
/// Most points of a drawing that is read; a raw one of Quick, Draw! has hundreds.
pub const MOST_POINTS: usize = 4000;

/// A drawing of something.
#[derive(Debug, Clone, PartialEq)]
pub struct Sketch {
    /// What it shows; empty where its file does not say.
    pub word: String,
    /// x and y of each point of each stroke, y downwards.
    pub strokes: Vec<Vec<[f32; 2]>>,
}

/// What a file holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sketches {
    /// Recognised drawings, in their order.
    pub all: Vec<Sketch>,
    /// Drawings that were not recognised.
    pub unrecognised: usize,
    /// Lines or records that hold no drawing.
    pub unread: usize,
}

impl Sketch {
    /// A drawing, if it has at least one point, not too many, and no coordinate that is not finite.
    pub fn new(word: &str, strokes: Vec<Vec<[f32; 2]>>) -> Option<Sketch> {
        let points = strokes.iter().map(Vec::len).sum::<usize>();
        let finite = strokes.iter().flatten().flatten().all(|value| value.is_finite());
        ((1..=MOST_POINTS).contains(&points) && finite).then(|| Sketch { word: word.trim().to_owned(), strokes })
    }

    /// The drawing in a square of `side`, its longer side within a margin of a tenth.
    pub fn fitted(&self, side: f32) -> Vec<Vec<[f32; 2]>> {
        let all = || self.strokes.iter().flatten();
        let bounds = [0, 1].map(|axis| {
            let low = all().map(|point| point[axis]).fold(f32::INFINITY, f32::min);
            (low, all().map(|point| point[axis]).fold(f32::NEG_INFINITY, f32::max))
        });
        let extent = bounds.map(|(low, high)| high - low);
        let longest = extent[0].max(extent[1]);
        // ink in inches or metres is small; a dot has no side
        let scale = 0.8 * side / if longest > 0.0 { longest } else { 1.0 };
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

    #[test]
    fn a_drawing_is_centred_at_any_scale_and_its_picture_has_ink() {
        for scale in [1.0, 0.001, 100.0] {
            let at = |x: f32, y: f32| [x * scale, y * scale];
            let sketch =
                Sketch::new(" line ", vec![vec![at(0.0, 10.0), at(255.0, 10.0)], vec![at(40.0, 80.0)]]).unwrap();
            assert_eq!(sketch.word, "line");
            let fitted = sketch.fitted(1000.0);
            let close = |found: f32, expected: f32| assert!((found - expected).abs() < 0.01, "{found}, not {expected}");
            close(fitted[0][0][0], 100.0);
            close(fitted[0][1][0], 900.0);
            let (top, bottom) = (fitted[0][0][1], fitted[1][0][1]);
            close(top + bottom, 1000.0);
            assert!(bottom > top);
            let picture = sketch.picture().unwrap();
            assert_eq!(picture.len(), 784);
            assert!(picture.iter().sum::<f32>() > 20.0);
        }
        assert!(Sketch::new("dot", vec![vec![[5.0, 5.0]]]).unwrap().picture().unwrap().iter().sum::<f32>() > 1.0);
    }

    #[test]
    fn what_is_no_drawing_is_none() {
        for strokes in [vec![], vec![vec![]], vec![vec![[f32::NAN, 1.0]]], vec![vec![[0.0; 2]; MOST_POINTS + 1]]] {
            assert_eq!(Sketch::new("x", strokes), None);
        }
    }
}
