//! Documents for unit tests.

use std::sync::Arc;

use shaders::pixels::Stroke;

use super::{PEN, Table};

/// Draws something and teaches it.
pub fn drawn(table: &mut Table, label: u32) {
    let points = vec![[100.0, 100.0], [100.0 + 50.0 * label as f32, 800.0]];
    table.drawing = Arc::new(vec![Stroke { points, width: PEN }]);
    table.teach(label);
}
