//! Products of many short rows with a small matrix, tile by tile in registers. A library's product first packs both sides,
//! which for a few columns takes as long as the product itself; here the small side alone is packed.

use crate::buffer::room;
use crate::simd::TimesPlus;

/// Rows of a tile; with [`WIDE`] columns its sums fill twelve vectors of eight.
pub const TALL: usize = 6;
/// Columns of a tile.
pub const WIDE: usize = 16;

/// sums ← sums + rows·panel
///
/// # Shapes
/// `rows` of one length k at least, `panel` `[k, W]`, k by its length
#[inline(always)]
pub fn rows_by_panel<const R: usize, const W: usize>(sums: &mut [[f32; W]; R], rows: [&[f32]; R], panel: &[f32]) {
    let panel = panel.as_chunks::<W>().0;
    let mut rows = rows;
    for row in &mut rows {
        *row = &row[..panel.len()];
    }
    let mut local = *sums;
    for (p, panel) in panel.iter().enumerate() {
        for r in 0..R {
            let value = rows[r][p];
            for l in 0..W {
                local[r][l] = value.times_plus(panel[l], local[r][l]);
            }
        }
    }
    *sums = local;
}

/// sums ← sums + columnᵀ·row
///
/// # Shapes
/// `column` `[R]`, `row` `[W]`
#[inline(always)]
pub fn outer<const R: usize, const W: usize>(sums: &mut [[f32; W]; R], column: &[f32], row: &[f32]) {
    let (column, row) = (&column[..R], &row[..W]);
    for r in 0..R {
        for l in 0..W {
            sums[r][l] = column[r].times_plus(row[l], sums[r][l]);
        }
    }
}

/// Panels of [`WIDE`] columns, the last one filled with zeros: `[⌈n/WIDE⌉, k, WIDE]`, of a matrix `[k, n]` whose value
/// (p, j) is `value(p, j)`.
pub fn pack([k, n]: [usize; 2], value: impl Fn(usize, usize) -> f32, panels: &mut Vec<f32>) {
    let panels = room(panels, n.div_ceil(WIDE) * k * WIDE);
    for (t, panel) in panels.chunks_exact_mut((k * WIDE).max(1)).enumerate() {
        for (p, row) in panel.as_chunks_mut::<WIDE>().0.iter_mut().enumerate() {
            for (l, to) in row.iter_mut().enumerate() {
                let j = t * WIDE + l;
                *to = if j < n { value(p, j) } else { 0.0 };
            }
        }
    }
}
