//! What `pairwise` found, in the units of the shown inputs, and how far a row has to reach for company: inner products
//! become cosines, squared distances δ = |x_i − x_j|²/s with s = mean_j |x_j|² + ε, and r_i² is the δ of the k-th nearest
//! shown input, other than the row itself.

use super::common::{Case, Kernel, Shader, UNTOUCHED, bare, params, read, values, words, write};
use crate::model::spec::{COSINE_EPSILON, LEAST_REACH};

params! {
    /// R.
    rows,
    /// N.
    shown,
    /// Element of `relations` where the planes of the view begin.
    base,
    /// k, counted from 1.
    neighbour,
    /// Whether the rows are the shown inputs themselves.
    among,
    /// Padding.
    unused_0,
    /// Padding.
    unused_1,
    /// Padding.
    unused_2,
}

const THREADS: u32 = 64;
/// Most shown inputs; [`crate::ModelSpec::validate`] keeps `longest` of set learners within it.
pub const SLOTS: u32 = 1024;

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    shader: Shader {
        name: "local_scale",
        source: bare!("local_scale.wgsl"),
        workgroup: [THREADS, 1, 1],
        constants: &[
            ("THREADS", THREADS as f64),
            ("SLOTS", SLOTS as f64),
            ("EPSILON", COSINE_EPSILON as f64),
            ("LEAST", LEAST_REACH as f64),
        ],
        fields: FIELDS,
        params_size: size_of::<Params>(),
        bindings: &[read("row_squares"), read("squares"), write("relations"), write("scales")],
    },
    #[cfg(feature = "parity")]
    cases,
};

/// Workgroups: one for each row.
pub fn grid(p: &Params) -> [u32; 3] {
    [p.rows, 1, 1]
}

/// Straight from the formula, in f64.
///
/// # Shapes
/// `row_squares` `[R]`, `squares` `[N]`; `relations` from `base` on `[2, R, N]`, changed in place; `scales` `[R, 2]`:
/// |x_i|²/s and r_i.
pub fn reference(p: &Params, row_squares: &[f32], squares: &[f32], relations: &mut [f32], scales: &mut [f32]) {
    let (r, n) = (p.rows as usize, p.shown as usize);
    let epsilon = f64::from(COSINE_EPSILON);
    let squares = &squares[..n];
    let s = squares.iter().map(|&square| f64::from(square)).sum::<f64>() / n.max(1) as f64 + epsilon;
    let (cosines, distances) = relations[p.base as usize..][..2 * r * n].split_at_mut(r * n);
    for row in 0..r {
        let own = f64::from(row_squares[row]);
        for (cosine, &square) in cosines[row * n..][..n].iter_mut().zip(squares) {
            *cosine = (f64::from(*cosine) / (own * f64::from(square) + epsilon).sqrt()) as f32;
        }
        let distances = &mut distances[row * n..][..n];
        distances.iter_mut().for_each(|distance| *distance = (f64::from(*distance) / s) as f32);
        let others = distances.iter().enumerate().filter(|(j, _)| p.among == 0 || *j != row);
        let mut others: Vec<f32> = others.map(|(_, &distance)| distance).collect();
        let reach = match (p.neighbour as usize).min(others.len()) {
            0 => 1.0,
            k => others.select_nth_unstable_by(k - 1, f32::total_cmp).1.max(LEAST_REACH).sqrt(),
        };
        (scales[2 * row], scales[2 * row + 1]) = ((own / s) as f32, reach);
    }
}

/// As [`reference()`] in f32, for the engine on the CPU.
pub fn run(p: &Params, row_squares: &[f32], squares: &[f32], relations: &mut [f32], scales: &mut [f32]) {
    let (r, n) = (p.rows as usize, p.shown as usize);
    let squares = &squares[..n];
    let total: f64 = squares.iter().map(|&square| f64::from(square)).sum();
    let unit = (1.0 / (total / n.max(1) as f64 + f64::from(COSINE_EPSILON))) as f32;
    let (cosines, distances) = relations[p.base as usize..][..2 * r * n].split_at_mut(r * n);
    let mut others = vec![0.0; n];
    for row in 0..r {
        let own = row_squares[row];
        let pairs = cosines[row * n..][..n].iter_mut().zip(squares);
        pairs.for_each(|(cosine, square)| *cosine /= (own * square + COSINE_EPSILON).sqrt());
        let distances = &mut distances[row * n..][..n];
        distances.iter_mut().for_each(|distance| *distance *= unit);
        others.copy_from_slice(distances);
        if p.among != 0 {
            // after all others
            others[row] = f32::INFINITY;
        }
        let reach = match (p.neighbour as usize).min(n - usize::from(p.among != 0)) {
            0 => 1.0,
            k => others.select_nth_unstable_by(k - 1, f32::total_cmp).1.max(LEAST_REACH).sqrt(),
        };
        (scales[2 * row], scales[2 * row + 1]) = (own * unit, reach);
    }
}

fn cases() -> Vec<Case> {
    let case = |name, p: Params, size: f32, make: fn(f32) -> f32| {
        let (r, n) = (p.rows as usize, p.shown as usize);
        let positive = |purpose, count| -> Vec<f32> { values(purpose, count, size).iter().map(|v| v.abs()).collect() };
        let squares = positive("reach squares", n);
        let row_squares = if p.among != 0 { squares.clone() } else { positive("reach rows", r) };
        let mut relations = vec![UNTOUCHED; p.base as usize];
        relations.extend(values("reach dots", r * n, 0.3 * size));
        relations.extend(positive("reach distances", r * n).into_iter().map(make));
        relations.push(UNTOUCHED);
        let mut scales = vec![UNTOUCHED; 2 * r + 1];
        let before = [&row_squares, &squares, &relations, &scales].map(|buffer| words(buffer)).to_vec();
        reference(&p, &row_squares, &squares, &mut relations, &mut scales);
        // a few roundings of the results, of which a small square can make large cosines; N for the sum in s
        let largest = relations.iter().chain(&scales).fold(1f32, |most, value| most.max(value.abs()));
        let tolerance = 2e-6 * largest;
        let params = bytemuck::bytes_of(&p).to_vec();
        Case { name, params, grid: grid(&p), before, after: vec![(2, relations), (3, scales)], tolerance }
    };
    let p = Params { rows: 1, shown: 1, neighbour: 1, ..Params::default() };
    vec![
        case("one of one", p, 1.0, |d| d),
        case("no other example", Params { among: 1, ..p }, 1.0, |d| d),
        case(
            "fewer others than asked for",
            Params { rows: 3, shown: 3, neighbour: 7, among: 1, base: 2, ..p },
            1.0,
            |d| d,
        ),
        case("rows that no workgroup divides", Params { rows: 5, shown: 67, neighbour: 7, base: 9, ..p }, 3.0, |d| d),
        case("equal distances", Params { rows: 4, shown: 70, neighbour: 64, ..p }, 1.0, |d| (3.0 * d).floor()),
        case("copies of one input", Params { rows: 66, shown: 66, neighbour: 3, among: 1, ..p }, 1.0, |_| 0.0),
        case("the longest context", Params { rows: 3, shown: 1024, neighbour: 64, among: 0, ..p }, 700.0, |d| d),
        case("values near 80²", Params { rows: 4, shown: 20, neighbour: 2, ..p }, 6400.0, |d| d),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kth_nearest_beside_itself_is_the_reach() {
        let p = Params { rows: 3, shown: 3, neighbour: 2, among: 1, ..Params::default() };
        let mut relations = [[1.0; 9], [0.0, 4.0, 9.0, 4.0, 0.0, 1.0, 9.0, 1.0, 0.0]].concat();
        let mut scales = [0.0; 6];
        reference(&p, &[1.0; 3], &[1.0; 3], &mut relations, &mut scales);
        for (found, expected) in scales.iter().zip([1.0, 3.0, 1.0, 2.0, 1.0, 3.0]) {
            assert!((found - expected).abs() < 1e-5, "{scales:?}");
        }
        assert!((relations[0] - 1.0).abs() < 1e-5);
    }
    #[test]
    #[cfg(feature = "parity")]
    fn the_f32_half_is_as_close_to_the_formula_as_the_one_in_wgsl() {
        crate::kernel::common::check_run(&KERNEL, |p, b| {
            let [row_squares, squares, relations, scales] = b else { unreachable!() };
            run(p, row_squares, squares, relations, scales);
        });
    }
}
