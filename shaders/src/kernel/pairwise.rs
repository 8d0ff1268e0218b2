//! Rows against shown inputs in one view, both less the centre x̄: inner products (x_i − x̄)·(x_j − x̄), squared
//! distances |x_i − x_j|² and squared lengths |x_i − x̄|². Distances are sums of squared differences, not made of the
//! other two, for those of near copies would drown in rounding; the other way round it is harmless.

use super::common::{Case, Kernel, Shader, UNTOUCHED, bare, params, read, values, words, write};
use crate::simd::{LANES, TILE, copy_lanes, interleave, lanes, mirror_lower};

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

const SIDE: u32 = 16;
/// Of squared lengths: below it an inner product is not made of lengths and distance on the CPU.
const LEAST_RATIO: f32 = 1e-4;
/// Fewer rows are compared one by one on the CPU: to lay out the shown inputs takes longer.
const FEWEST: usize = 4;
/// Up to so many rows, threads share the inputs of a pair.
const FEW: u32 = 4;

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    shader: Shader {
        name: "pairwise",
        source: bare!("pairwise.wgsl"),
        workgroup: [SIDE, SIDE, 1],
        constants: &[],
        fields: FIELDS,
        params_size: size_of::<Params>(),
        bindings: &[read("rows"), read("shown"), read("centre"), write("relations"), write("squares")],
    },
    #[cfg(feature = "parity")]
    cases,
};

/// Workgroups: one for each tile of 16 rows (or for each row, where there are few) and 16 shown inputs; of the shown inputs
/// among themselves those above the diagonal have nothing to do.
pub fn grid(p: &Params) -> [u32; 3] {
    [p.shown.div_ceil(SIDE), if p.rows <= FEW { p.rows } else { p.rows.div_ceil(SIDE) }, 1]
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

/// Squared distances of each shown input to the ones before it, `[N·(N − 1)/2]`. They do not depend on the centre, so they are kept
/// while other inputs are shown or removed.
#[derive(Debug, Clone, Default)]
pub struct Known {
    rows: usize,
    distances: Vec<f32>,
}

impl Known {
    /// Keeps the inputs at the ascending indices `kept`, and forgets all others.
    pub fn keep(&mut self, kept: &[usize]) {
        let kept = &kept[..kept.partition_point(|&at| at < self.rows)];
        let moved = kept.iter().enumerate().position(|(to, &at)| to != at).unwrap_or(kept.len());
        let mut to = moved * moved.saturating_sub(1) / 2;
        for (row, &i) in kept.iter().enumerate().skip(moved) {
            // never to the right of where it was
            for &j in &kept[..row] {
                self.distances[to] = self.distances[i * i.saturating_sub(1) / 2 + j];
                to += 1;
            }
        }
        self.rows = kept.len();
        self.distances.truncate(to);
    }

    /// Computes the distances of `shown` `[N, X]` that are missing.
    fn complete(&mut self, shown: &[f32], x: usize) {
        let (before, n) = (self.rows, shown.len() / x);
        let start = |row: usize| row * row.saturating_sub(1) / 2;
        self.rows = n;
        self.distances.reserve_exact(start(n) - self.distances.len());
        self.distances.resize(start(n), 0.0);
        let fresh = &shown[before * x..];
        if n - before < FEWEST {
            for (row, a) in (before..n).zip(fresh.chunks_exact(x)) {
                let to = &mut self.distances[start(row)..][..row];
                to.iter_mut().zip(shown.chunks_exact(x)).for_each(|(to, b)| *to = distance(a, b));
            }
            return;
        }
        let tall = side_by_side::<TILE>(fresh, x);
        for first in (0..n).step_by(LANES) {
            let panel = side_by_side::<LANES>(&shown[first * x..n.min(first + LANES) * x], x);
            // rows before the panel's first have none to it
            let begin = first.saturating_sub(before) / TILE;
            for (tile, a) in tall.chunks_exact(TILE * x).enumerate().skip(begin) {
                for (row, sums) in (before + tile * TILE..n).zip(&tile_distances(a, &panel)) {
                    let to = &mut self.distances[start(row)..start(row + 1)];
                    copy_lanes(to.get_mut(first..).unwrap_or_default(), sums);
                }
            }
        }
    }
}

/// |a − b|²
fn distance(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| (a - b) * (a - b)).sum();
    for (a, b) in a.zip(b) {
        let (a, b): ([f32; LANES], [f32; LANES]) = (lanes(a), lanes(b));
        (0..LANES).for_each(|l| sums[l] += (a[l] - b[l]) * (a[l] - b[l]));
    }
    sums.iter().sum::<f32>() + rest
}

/// Squared distances of a tile's rows and a panel's.
///
/// # Shapes
/// `tile` `[X, TILE]`, `panel` `[X, LANES]`
fn tile_distances(tile: &[f32], panel: &[f32]) -> [[f32; LANES]; TILE] {
    let mut sums = [[0.0; LANES]; TILE];
    for (a, b) in tile.chunks_exact(TILE).zip(panel.chunks_exact(LANES)) {
        let b: [f32; LANES] = lanes(b);
        for (a, sums) in a.iter().zip(&mut sums) {
            for l in 0..LANES {
                let apart = a - b[l];
                sums[l] += apart * apart;
            }
        }
    }
    sums
}

/// As [`reference()`] in f32, for the engine on the CPU, from distances alone: x·y = (|x|² + |y|² − |x − y|²)/2. Of the shown
/// inputs among themselves it computes those that are not `known` yet.
///
/// # Shapes
/// `lengths` `[N]`: |x_j − x̄|² of the shown inputs; those of `squares` if the rows are the shown inputs.
#[allow(clippy::too_many_arguments, reason = "the buffers of the kernel, and what the engine has besides")]
pub fn run(
    p: &Params,
    rows: &[f32],
    shown: &[f32],
    centre: &[f32],
    lengths: &[f32],
    known: &mut Known,
    relations: &mut [f32],
    squares: &mut [f32],
) {
    let (r, n, x) = (p.rows as usize, p.shown as usize, p.inputs as usize);
    let (rows, shown) = (&rows[..r * x], &shown[..n * x]);
    let (dots, distances) = relations[p.base as usize..][..2 * r * n].split_at_mut(r * n);
    for (row, square) in rows.chunks_exact(x).zip(squares.iter_mut()) {
        *square = dot_less(row, row, &centre[..x]);
    }
    if p.among != 0 {
        known.complete(shown, x);
        let mut rest = &known.distances[..];
        for (i, distances) in distances.chunks_exact_mut(n).enumerate() {
            let row;
            (row, rest) = rest.split_at(i);
            distances[..i].copy_from_slice(row);
            distances[i] = 0.0;
        }
        mirror_lower(distances, n);
    } else if r < FEWEST {
        for (row, distances) in rows.chunks_exact(x).zip(distances.chunks_exact_mut(n.max(1))) {
            distances.iter_mut().zip(shown.chunks_exact(x)).for_each(|(to, other)| *to = distance(row, other));
        }
    } else {
        let tall = side_by_side::<TILE>(rows, x);
        for first in (0..n).step_by(LANES) {
            let panel = side_by_side::<LANES>(&shown[first * x..n.min(first + LANES) * x], x);
            for (tile, a) in tall.chunks_exact(TILE * x).enumerate() {
                for (i, sums) in (tile * TILE..r).zip(&tile_distances(a, &panel)) {
                    copy_lanes(&mut distances[i * n..][first..n], sums);
                }
            }
        }
    }
    let lengths = if p.among != 0 { &squares[..n] } else { &lengths[..n] };
    for (i, (dots, distances)) in dots.chunks_exact_mut(n.max(1)).zip(distances.chunks_exact(n.max(1))).enumerate() {
        let own = squares[i];
        let pairs = dots.iter_mut().zip(distances.iter().zip(lengths));
        pairs.for_each(|(dot, (distance, length))| *dot = (own + length - distance) * 0.5);
        // one is so much shorter than the other that its direction would drown
        for (j, &length) in lengths.iter().enumerate() {
            if own < LEAST_RATIO * length || length < LEAST_RATIO * own {
                dots[j] = dot_less(&rows[i * x..][..x], &shown[j * x..][..x], &centre[..x]);
            }
        }
    }
}

/// (a − centre)·(b − centre)
fn dot_less(a: &[f32], b: &[f32], centre: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    let (a, b, centre) = (a.chunks_exact(LANES), b.chunks_exact(LANES), centre.chunks_exact(LANES));
    let rest = a.remainder().iter().zip(b.remainder()).zip(centre.remainder());
    let rest: f32 = rest.map(|((a, b), c)| (a - c) * (b - c)).sum();
    for ((a, b), c) in a.zip(b).zip(centre) {
        let (a, b, c): ([f32; LANES], [f32; LANES], [f32; LANES]) = (lanes(a), lanes(b), lanes(c));
        (0..LANES).for_each(|l| sums[l] += (a[l] - c[l]) * (b[l] - c[l]));
    }
    sums.iter().sum::<f32>() + rest
}

/// Rows of `x` values in tiles of N: the first values of all of its rows, then their second ones. Missing rows are zero.
fn side_by_side<const N: usize>(rows: &[f32], x: usize) -> Vec<f32> {
    let mut tiles = vec![0.0; (rows.len() / x).next_multiple_of(N) * x];
    for (at, row) in rows.chunks_exact(x).enumerate() {
        interleave::<N>(&mut tiles, at, x, row.iter().copied());
    }
    tiles
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
        crate::kernel::common::check_run(&KERNEL, |p: &Params, b| {
            let [rows, shown, centre, relations, squares] = b else { unreachable!() };
            let lengths: Vec<f32> =
                shown.chunks_exact(p.inputs as usize).map(|row| dot_less(row, row, centre)).collect();
            run(p, rows, shown, centre, &lengths, &mut Known::default(), relations, squares);
        });
    }
    #[test]
    fn known_distances_are_those_of_the_inputs_that_were_kept() {
        let x = 11;
        let inputs = values("known", 30 * x, 1.0);
        let all = |inputs: &[f32]| {
            let mut known = Known::default();
            known.complete(inputs, x);
            known
        };
        // one by one, few, many: the sums have another order, and that is all
        let close = |found: &Known, expected: &Known| {
            assert_eq!((found.rows, found.distances.len()), (expected.rows, expected.distances.len()));
            let pairs = found.distances.iter().zip(&expected.distances);
            pairs.for_each(|(a, b)| assert!((a - b).abs() < 1e-5, "{a} {b}"));
        };
        let mut known = all(&inputs[..x]);
        for count in [2, 3, 5, 17, 30] {
            known.complete(&inputs[..count * x], x);
            close(&known, &all(&inputs[..count * x]));
        }
        let kept = [0, 3, 4, 9, 20, 29];
        known.keep(&kept);
        let rows: Vec<f32> = kept.iter().flat_map(|&at| inputs[at * x..][..x].to_vec()).collect();
        close(&known, &all(&rows));
        // it has no row 7
        known.keep(&[1, 2, 7]);
        close(&known, &all(&rows[x..3 * x]));
        known.keep(&[]);
        close(&known, &Known::default());
    }

    #[test]
    fn products_of_long_and_short_inputs_do_not_drown() {
        // one length is a ten thousandth of the other's
        let shown = [[300.0, 400.0], [0.03, -0.04]].concat();
        let p = Params { rows: 2, shown: 2, inputs: 2, among: 1, ..Params::default() };
        let (mut relations, mut squares) = ([0.0; 8], [0.0; 2]);
        run(&p, &shown, &shown, &[0.0; 2], &[], &mut Known::default(), &mut relations, &mut squares);
        assert!((relations[1] + 7.0).abs() < 1e-5, "{relations:?}");
    }
}
