//! Rows against shown inputs in one view, both less the centre x̄: inner products (x_i − x̄)·(x_j − x̄), squared
//! distances |x_i − x_j|² and squared lengths |x_i − x̄|². Distances are sums of squared differences, not made of the
//! other two, for those of near copies would drown in rounding.

use super::common::{Case, Kernel, UNTOUCHED, bare, params, read, values, words, write};
use crate::simd::{LANES, dot, lanes, mirror_lower};

params! {
    /// R.
    rows,
    /// N.
    shown,
    /// X of the view.
    inputs,
    /// Element of `relations` where the planes of the view begin.
    base,
    /// Whether the rows are the shown inputs themselves: half of the pairs give the other half.
    among,
    /// Padding.
    unused_0,
    /// Padding.
    unused_1,
    /// Padding.
    unused_2,
}

const TILE: u32 = 16;
/// Rows of a tile on the CPU: with [`LANES`] columns its sums fill half of the vector registers.
const ROWS: usize = 2;
/// Fewer rows are compared one by one on the CPU: to lay out the shown inputs takes longer.
const FEWEST: usize = 4;
/// Up to so many rows, threads share the inputs of a pair.
const FEW: u32 = 4;

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    name: "pairwise",
    source: bare!("pairwise.wgsl"),
    workgroup: [TILE, TILE, 1],
    constants: &[],
    fields: FIELDS,
    params_size: size_of::<Params>(),
    bindings: &[read("rows"), read("shown"), read("centre"), write("relations"), write("squares")],
    #[cfg(feature = "parity")]
    cases,
};

/// Workgroups: one for each tile of 16 rows (or for each row, where there are few) and 16 shown inputs; of the shown inputs
/// among themselves those above the diagonal have nothing to do.
pub fn grid(p: &Params) -> [u32; 3] {
    [p.shown.div_ceil(TILE), if p.rows <= FEW { p.rows } else { p.rows.div_ceil(TILE) }, 1]
}

/// Straight from the formula, with its sums in f64.
///
/// # Shapes
/// `rows` `[R, X]`, `shown` `[N, X]`, `centre` `[X]`; `relations` from `base` on `[2, R, N]`: inner products and
/// distances; `squares` `[R]`.
pub fn reference(p: &Params, rows: &[f32], shown: &[f32], centre: &[f32], relations: &mut [f32], squares: &mut [f32]) {
    let (r, n, x) = (p.rows as usize, p.shown as usize, p.inputs as usize);
    let centred = |rows: &[f32]| -> Vec<f64> {
        let row = |row: &[f32]| -> Vec<f64> {
            row.iter().zip(centre).map(|(&x, &mean)| f64::from(x) - f64::from(mean)).collect()
        };
        rows.chunks_exact(x).flat_map(row).collect()
    };
    let (rows, others) = (centred(&rows[..r * x]), centred(&shown[..n * x]));
    let (dots, distances) = relations[p.base as usize..][..2 * r * n].split_at_mut(r * n);
    for (i, row) in rows.chunks_exact(x).enumerate() {
        squares[i] = products(row, row).0 as f32;
        for (j, other) in others.chunks_exact(x).enumerate().take(if p.among != 0 { i + 1 } else { n }) {
            let (dot, distance) = products(row, other);
            (dots[i * n + j], distances[i * n + j]) = (dot as f32, distance as f32);
            if p.among != 0 {
                (dots[j * n + i], distances[j * n + i]) = (dot as f32, distance as f32);
            }
        }
    }
}

/// a·b and |a − b|², in eight sums each, so that the loop vectorises.
fn products(a: &[f64], b: &[f64]) -> (f64, f64) {
    let (mut dots, mut distances) = ([0f64; 8], [0f64; 8]);
    let (a, b) = (a.chunks_exact(8), b.chunks_exact(8));
    for (a, b) in a.remainder().iter().zip(b.remainder()) {
        dots[0] += a * b;
        distances[0] += (a - b) * (a - b);
    }
    for (a, b) in a.zip(b) {
        for lane in 0..8 {
            dots[lane] += a[lane] * b[lane];
            distances[lane] += (a[lane] - b[lane]) * (a[lane] - b[lane]);
        }
    }
    (dots.iter().sum(), distances.iter().sum())
}

/// As [`reference()`] in f32, for the engine on the CPU: many rows in tiles of a few rows and shown inputs.
pub fn run(p: &Params, rows: &[f32], shown: &[f32], centre: &[f32], relations: &mut [f32], squares: &mut [f32]) {
    let (r, n, x) = (p.rows as usize, p.shown as usize, p.inputs as usize);
    let (dots, distances) = relations[p.base as usize..][..2 * r * n].split_at_mut(r * n);
    let mut centred: Vec<f32> = rows[..r * x].to_vec();
    for (row, square) in centred.chunks_exact_mut(x).zip(squares.iter_mut()) {
        row.iter_mut().zip(centre).for_each(|(value, mean)| *value -= mean);
        *square = dot(row, row);
    }
    if r < FEWEST {
        for (i, row) in centred.chunks_exact(x).enumerate() {
            for (j, other) in shown.chunks_exact(x).enumerate().take(if p.among != 0 { i + 1 } else { n }) {
                let (dot, distance) = products_f32(row, other, &centre[..x]);
                (dots[i * n + j], distances[i * n + j]) = (dot, distance);
                if p.among != 0 {
                    (dots[j * n + i], distances[j * n + i]) = (dot, distance);
                }
            }
        }
        return;
    }
    let tall = side_by_side::<ROWS>(&centred, x);
    let mut panel = vec![0.0; LANES * x];
    for first in (0..n).step_by(LANES) {
        let count = LANES.min(n - first);
        for (l, other) in shown[first * x..].chunks_exact(x).enumerate().take(count) {
            let column = panel.iter_mut().skip(l).step_by(LANES);
            column.zip(other.iter().zip(centre)).for_each(|(to, (value, mean))| *to = value - mean);
        }
        // of the shown inputs among themselves, those before the panel are in earlier panels
        let begin = if p.among != 0 { first / ROWS } else { 0 };
        for (tile, a) in tall.chunks_exact(ROWS * x).enumerate().skip(begin) {
            let sums = tile_products(a, &panel);
            for (i, (products, apart)) in (tile * ROWS..r).zip(&sums) {
                dots[i * n + first..][..count].copy_from_slice(&products[..count]);
                distances[i * n + first..][..count].copy_from_slice(&apart[..count]);
            }
        }
    }
    if p.among != 0 {
        mirror_lower(dots, n);
        mirror_lower(distances, n);
    }
}

/// Rows of `x` values in tiles of N: the first values of all of its rows, then their second ones. Missing rows are zero.
fn side_by_side<const N: usize>(rows: &[f32], x: usize) -> Vec<f32> {
    let mut tiles = vec![0.0; (rows.len() / x).next_multiple_of(N) * x];
    for (at, row) in rows.chunks_exact(x).enumerate() {
        let tile = &mut tiles[at / N * N * x..][..N * x];
        tile.iter_mut().skip(at % N).step_by(N).zip(row).for_each(|(to, value)| *to = *value);
    }
    tiles
}

/// Inner products and squared distances of a tile's rows and a panel's shown inputs.
///
/// # Shapes
/// `tile` `[X, ROWS]`, `panel` `[X, LANES]`
fn tile_products(tile: &[f32], panel: &[f32]) -> [([f32; LANES], [f32; LANES]); ROWS] {
    let mut sums = [([0.0; LANES], [0.0; LANES]); ROWS];
    for (a, b) in tile.chunks_exact(ROWS).zip(panel.chunks_exact(LANES)) {
        let b: [f32; LANES] = lanes(b);
        for (a, (dots, distances)) in a.iter().zip(&mut sums) {
            for l in 0..LANES {
                let apart = a - b[l];
                dots[l] += a * b[l];
                distances[l] += apart * apart;
            }
        }
    }
    sums
}

/// a·(b − centre) and |a − (b − centre)|²
fn products_f32(a: &[f32], b: &[f32], centre: &[f32]) -> (f32, f32) {
    let (mut dots, mut distances) = ([0.0; LANES], [0.0; LANES]);
    let (a, b, centre) = (a.chunks_exact(LANES), b.chunks_exact(LANES), centre.chunks_exact(LANES));
    for (a, (b, c)) in a.remainder().iter().zip(b.remainder().iter().zip(centre.remainder())) {
        let b = b - c;
        dots[0] += a * b;
        distances[0] += (a - b) * (a - b);
    }
    for ((a, b), c) in a.zip(b).zip(centre) {
        let (a, b, c): ([f32; LANES], [f32; LANES], [f32; LANES]) = (lanes(a), lanes(b), lanes(c));
        for l in 0..LANES {
            let b = b[l] - c[l];
            let apart = a[l] - b;
            dots[l] += a[l] * b;
            distances[l] += apart * apart;
        }
    }
    (dots.iter().sum(), distances.iter().sum())
}

fn cases() -> Vec<Case> {
    let case = |name, p: Params, size: f32| {
        let (r, n, x) = (p.rows as usize, p.shown as usize, p.inputs as usize);
        let rows = values("relate rows", r * x, size);
        let mut shown = values("relate shown", n * x, size);
        match p.among {
            0 => shown[..x].copy_from_slice(&rows[..x]),
            _ => shown.copy_from_slice(&rows),
        }
        let centre = values("relate centre", x, 0.5 * size);
        let mut relations = vec![UNTOUCHED; p.base as usize + 2 * r * n + 1];
        let mut squares = vec![UNTOUCHED; r + 1];
        let before = [&rows, &shown, &centre, &relations, &squares].map(|buffer| words(buffer)).to_vec();
        reference(&p, &rows, &shown, &centre, &mut relations, &mut squares);
        // sums of X products up to 4·size²: a random walk of half ulps of a partial sum
        let tolerance = 4.0 * size * size * (x as f32) * (8.0 + (x as f32).sqrt()) / (1 << 24) as f32;
        let params = bytemuck::bytes_of(&p).to_vec();
        Case { name, params, grid: grid(&p), before, after: vec![(3, relations), (4, squares)], tolerance }
    };
    let p = Params { rows: 1, shown: 1, inputs: 1, ..Params::default() };
    vec![
        case("one pair of one value", p, 1.0),
        case("one row", Params { rows: 1, shown: 100, inputs: 196, ..p }, 1.7),
        case("four rows, the most whose threads share", Params { rows: 4, shown: 33, inputs: 67, base: 5, ..p }, 1.0),
        case("five rows, the fewest in tiles", Params { rows: 5, shown: 33, inputs: 67, base: 5, ..p }, 1.0),
        case("three among themselves", Params { rows: 3, shown: 3, inputs: 19, among: 1, ..p }, 1.0),
        case(
            "sizes that no tile divides, among themselves",
            Params { rows: 37, shown: 37, inputs: 45, among: 1, ..p },
            1.0,
        ),
        case("the longest context", Params { rows: 17, shown: 1024, inputs: 64, ..p }, 1.0),
        case("values near ±80", Params { rows: 20, shown: 19, inputs: 33, ..p }, 80.0),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_centre_moves_lengths_and_not_distances() {
        let p = Params { rows: 1, shown: 2, inputs: 2, ..Params::default() };
        let (mut relations, mut squares) = ([0.0; 4], [0.0]);
        reference(&p, &[3.0, 4.0], &[3.0, 4.0, 0.0, 0.0], &[1.0, 1.0], &mut relations, &mut squares);
        assert_eq!(relations, [13.0, -5.0, 0.0, 25.0]);
        assert_eq!(squares, [13.0]);
    }

    #[test]
    fn shown_inputs_against_themselves_are_as_any_rows() {
        let (shown, centre) = (values("same", 55, 1.0), values("same centre", 11, 1.0));
        let run = |among| {
            let p = Params { rows: 5, shown: 5, inputs: 11, among, ..Params::default() };
            let (mut relations, mut squares) = (vec![0.0; 50], vec![0.0; 5]);
            reference(&p, &shown, &shown, &centre, &mut relations, &mut squares);
            (relations, squares)
        };
        assert_eq!(run(0), run(1));
    }

    #[test]
    #[cfg(feature = "parity")]
    fn the_f32_half_is_as_close_to_the_formula_as_the_one_in_wgsl() {
        crate::kernel::common::check_run(&KERNEL, |p, b| {
            let [rows, shown, centre, relations, squares] = b else { unreachable!() };
            run(p, rows, shown, centre, relations, squares);
        });
    }
}
