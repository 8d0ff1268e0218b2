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
    pixels::drawn(&specks::without(strokes))
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
