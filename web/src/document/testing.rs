//! Documents for unit tests.

use std::sync::Arc;

use shaders::input::pixels::Stroke;

use super::{Document, PEN};

/// Draws something and teaches it.
pub fn drawn(document: &mut Document, label: u32) {
    let points = vec![[100.0, 100.0], [100.0 + 50.0 * label as f32, 800.0]];
    document.drawing = Arc::new(vec![Stroke { points, width: PEN }]);
    document.teach(label);
}
