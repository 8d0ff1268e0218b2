//! Products of matrices in WebAssembly, tile by tile in registers.
//!
//! WebAssembly has no instruction that multiplies and adds, so a product needs a register of its own. The tiles of the library that
//! is used elsewhere fill all sixteen without it, and browsers then keep sums in memory; tiles of eight vectors of sums stay in
//! registers. Both sides are packed in the order in which tiles read them.

use std::cell::RefCell;

use crate::buffer::room;
use crate::strides::Matrix;

/// Rows of a tile.
const TALL: usize = 4;
/// Columns of a tile: two vectors of WebAssembly's.
const WIDE: usize = 8;
/// Terms that are summed before the sums are written, so that what is packed stays in the caches.
const DEEP: usize = 256;

/// out ← out + a·b
///
/// # Shapes
/// `[m, k, n]`: a `[m, k]`, b `[k, n]`, out `[m, n]` in rows that lie `width` apart.
pub fn add_product([m, k, n]: [usize; 3], a: Matrix, b: Matrix, out: &mut [f32], width: usize) {
    thread_local! {
        /// A strip of a, and the panels of b.
        static PACKED: RefCell<[Vec<f32>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
    }
    PACKED.with_borrow_mut(|[strip, panels]| {
        for first in (0..k).step_by(DEEP) {
            let depth = DEEP.min(k - first);
            let strip = room(strip, depth * TALL);
            let panels = room(panels, n.div_ceil(WIDE) * depth * WIDE);
            for (panel, left) in panels.chunks_exact_mut(depth * WIDE).zip((0..n).step_by(WIDE)) {
                let columns = Matrix { row: b.column, column: b.row, ..part(b, first, left) };
                pack::<WIDE>(columns, [n - left, depth], panel);
            }
            for top in (0..m).step_by(TALL) {
                pack::<TALL>(part(a, top, first), [m - top, depth], strip);
                let rows = out[top * width..].chunks_mut(width).take(TALL.min(m - top));
                add_strip(strip, panels, depth, rows, n);
            }
        }
    });
}

/// What is below and right of an element.
fn part(matrix: Matrix, row: usize, column: usize) -> Matrix {
    Matrix { values: &matrix.values[row * matrix.row + column * matrix.column..], ..matrix }
}

/// Adds the products of a strip and all panels to its rows.
fn add_strip<'a>(strip: &[f32], panels: &[f32], depth: usize, rows: impl Iterator<Item = &'a mut [f32]>, n: usize) {
    let mut rows: [Option<&mut [f32]>; TALL] = {
        let mut rows = rows;
        std::array::from_fn(|_| rows.next())
    };
    for (panel, left) in panels.chunks_exact(depth * WIDE).zip((0..n).step_by(WIDE)) {
        let sums = tile(strip, panel);
        for (row, sums) in rows.iter_mut().flatten().zip(&sums) {
            match row.get_mut(left..left + WIDE).filter(|_| left + WIDE <= n) {
                Some(out) => out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum),
                None => row[left..n].iter_mut().zip(sums).for_each(|(out, sum)| *out += sum),
            }
        }
    }
}

/// The products of a strip's rows and a panel's columns.
///
/// # Shapes
/// `strip` `[depth, TALL]`, `panel` `[depth, WIDE]`
fn tile(strip: &[f32], panel: &[f32]) -> [[f32; WIDE]; TALL] {
    let mut sums = [[0.0; WIDE]; TALL];
    for (x, w) in strip.as_chunks::<TALL>().0.iter().zip(panel.as_chunks::<WIDE>().0) {
        for i in 0..TALL {
            for l in 0..WIDE {
                sums[i][l] += x[i] * w[l];
            }
        }
    }
    sums
}

/// The first N rows of a matrix, side by side, zeros where it has fewer.
///
/// # Shapes
/// `packed` `[depth, N]`
fn pack<const N: usize>(matrix: Matrix, [rows, depth]: [usize; 2], packed: &mut [f32]) {
    let packed = packed.as_chunks_mut::<N>().0;
    let count = N.min(rows);
    if count < N {
        packed.iter_mut().for_each(|to| to[count..].fill(0.0));
    }
    if matrix.row == 1 {
        // what lies side by side already is copied; a copy of known size is no call
        for (p, to) in packed.iter_mut().enumerate() {
            let from = &matrix.values[p * matrix.column..][..count];
            match from.first_chunk::<N>() {
                Some(from) => *to = *from,
                None => to[..count].copy_from_slice(from),
            }
        }
        return;
    }
    for i in 0..count {
        let row = matrix.values[i * matrix.row..].iter().step_by(matrix.column).take(depth);
        packed.iter_mut().zip(row).for_each(|(to, value)| to[i] = *value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_any_size_are_right() {
        let values = |n: usize, seed: usize| -> Vec<f32> {
            (0..n).map(|i| ((i * 7919 + seed * 104_729) % 1009) as f32 / 504.5 - 1.0).collect()
        };
        let sizes = [1, 2, 5, 6, 7, 8, 9, 17, 24];
        let deep = [1, 3, 8, 255, 256, 257, 600];
        for (m, n, k) in sizes.iter().flat_map(|m| sizes.iter().flat_map(move |n| deep.map(|k| (*m, *n, k)))) {
            let (a, b, start) = (values(m * (k + 2), m), values(k * n, k), values(m * (n + 3), n));
            // a in parts of rows or transposed, b as it lies or transposed
            let ways = [
                (Matrix::rows(&a, k + 2), Matrix::rows(&b, n)),
                (Matrix::columns(&a, m), Matrix::columns(&b, k)),
                (Matrix::rows(&a, k), Matrix::columns(&b, k)),
                (Matrix::columns(&a, m), Matrix::rows(&b, n)),
            ];
            for (a, b) in ways {
                let mut out = start.clone();
                add_product([m, k, n], a, b, &mut out, n + 3);
                for (at, (found, start)) in out.iter().zip(&start).enumerate() {
                    let (i, j) = (at / (n + 3), at % (n + 3));
                    let term = |p: usize| {
                        f64::from(a.values[i * a.row + p * a.column]) * f64::from(b.values[p * b.row + j * b.column])
                    };
                    let sum = if j < n { (0..k).map(term).sum() } else { 0.0 };
                    let wrong = (f64::from(*found) - f64::from(*start) - sum).abs();
                    assert!(wrong < 2e-6 * (k as f64).sqrt() * 4.0, "{m}×{k}×{n} at {i}, {j}: {wrong}");
                    assert!(j < n || found == start, "{m}×{k}×{n}: wrote beyond its columns");
                }
            }
        }
    }
}
