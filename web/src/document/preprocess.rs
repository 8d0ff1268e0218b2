//! From strokes to the picture that a learner is given.

use std::sync::Arc;

use shaders::input::pixels::{self, PixelsError, Stroke};

use super::specks;
use super::units::PEN;

/// A drawing: its strokes, shared between snapshots.
pub type Drawing = Arc<Vec<Stroke>>;

/// Ink in [0, 1], [28, 28], shared between snapshots.
pub type Picture = Arc<Vec<f32>>;

/// What the learner sees of a drawing: the same picture, however large and wherever it was drawn, and without specks.
///
/// # Shapes
/// Ink in [0, 1], [28, 28]
pub fn preprocess(strokes: &[Stroke]) -> Result<Vec<f32>, PixelsError> {
    let strokes = specks::without(strokes);
    let extent = |axis: usize| {
        let along = strokes.iter().flat_map(|stroke| &stroke.points).map(|point| point[axis]);
        along.clone().fold(f32::NEG_INFINITY, f32::max) - along.fold(f32::INFINITY, f32::min)
    };
    // Drawn small, a drawing would become a blob with the pen of the canvas. A dot has no side: any pen draws the same one.
    let width = pixels::PEN_SHARE * extent(0).max(extent(1)).max(1.0);
    let fitted = |stroke: &Stroke| Stroke { points: stroke.points.clone(), width };
    pixels::drawing(&strokes.iter().map(fitted).collect::<Vec<_>>())
}

/// Strokes as the pen drew them, from pieces that differ in width alone: see `view/canvas.rs`.
pub fn joined(pieces: &[Stroke]) -> Vec<Stroke> {
    let mut strokes: Vec<Stroke> = Vec::new();
    // one without points, which no pen draws, would go on from any other such
    for piece in pieces.iter().filter(|piece| !piece.points.is_empty()) {
        match strokes.last_mut() {
            Some(stroke) if stroke.points.last() == piece.points.first() => {
                stroke.points.extend_from_slice(&piece.points[1..]);
            }
            _ => strokes.push(Stroke { points: piece.points.clone(), width: PEN }),
        }
    }
    strokes
}
