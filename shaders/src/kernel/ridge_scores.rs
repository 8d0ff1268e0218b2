//! Hand-written rules for each class: each ridge's α, with its regression and representation scores, and the
//! score of the count. Formulas: [`crate::model::spec`].

use super::common::{Case, Kernel, UNTOUCHED, bare, params, read, values, words, write};
use crate::model::spec::{REGRESSION_SCALE, REPRESENTATION_SCALE};

params! {
    /// R.
    rows,
    /// N.
    shown,
    /// C in use.
    classes,
    /// Ridges.
    ridges,
    /// Whether the rows are the shown inputs themselves, each then explained by the others.
    among,
    /// Padding.
    unused_0,
    /// Padding.
    unused_1,
    /// Padding.
    unused_2,
}

const THREADS: u32 = 128;
/// Most shown inputs; [`crate::ModelSpec::validate`] keeps `longest` of set learners within it.
pub const SLOTS: u32 = 1024;

/// Rows whose scores are computed side by side on the CPU.
const ROWS: usize = 8;

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    name: "ridge_scores",
    source: bare!("ridge_scores.wgsl"),
    workgroup: [THREADS, 1, 1],
    constants: &[
        ("THREADS", THREADS as f64),
        ("SLOTS", SLOTS as f64),
        ("REGRESSION", REGRESSION_SCALE as f64),
        ("REPRESENTATION", REPRESENTATION_SCALE as f64),
    ],
    fields: FIELDS,
    params_size: size_of::<Params>(),
    bindings: &[read("labels"), read("similarity"), read("gram"), read("inverse"), write("alpha"), write("scores")],
    #[cfg(feature = "parity")]
    cases,
};

/// Workgroups: one for each row and ridge, and one for each row's count.
pub fn grid(p: &Params) -> [u32; 3] {
    [p.rows, p.ridges + 1, 1]
}

/// On the CPU, with its sums in f64, both for the engine and as what the WGSL is held to.
///
/// # Shapes
/// `labels` `[N]`, `similarity` and `alpha` `[ridges, R, N]`, `gram` and `inverse` `[ridges, N, N]`, `scores`
/// `[2·ridges + 1, R, C]`.
pub fn run(
    p: &Params,
    labels: &[u32],
    similarity: &[f32],
    gram: &[f32],
    inverse: &[f32],
    alpha: &mut [f32],
    scores: &mut [f32],
) {
    let (r, n, c) = (p.rows as usize, p.shown as usize, p.classes as usize);
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); c];
    labels[..n].iter().enumerate().for_each(|(j, &label)| members[label as usize].push(j));
    let mut shares = vec![0f64; ROWS * n];
    for ridge in 0..p.ridges as usize {
        let (gram, inverse) = (&gram[ridge * n * n..][..n * n], &inverse[ridge * n * n..][..n * n]);
        let halves: Vec<Vec<f64>> = members.iter().map(|members| lower_half(gram, n, members)).collect();
        for begin in (0..r).step_by(ROWS) {
            let rows = begin..r.min(begin + ROWS);
            let similarity = &similarity[(ridge * r + begin) * n..][..rows.len() * n];
            let alpha = &mut alpha[(ridge * r + begin) * n..][..rows.len() * n];
            for (i, row) in rows.clone().enumerate() {
                let shares = &mut shares[i * n..][..n];
                shares.fill(0.0);
                if p.among != 0 {
                    let own = f64::from(inverse[row * n + row]);
                    let others = shares.iter_mut().zip(&inverse[row * n..]);
                    others.for_each(|(share, &value)| *share = -f64::from(value) / own);
                    shares[row] = 0.0;
                } else {
                    for (&similar, inverse) in similarity[i * n..].iter().zip(inverse.chunks_exact(n.max(1))) {
                        let similar = f64::from(similar);
                        shares.iter_mut().zip(inverse).for_each(|(share, &value)| *share += similar * f64::from(value));
                    }
                }
                alpha[i * n..][..n].iter_mut().zip(&*shares).for_each(|(alpha, &share)| *alpha = share as f32);
            }
            let explained: Vec<[f64; ROWS]> = members
                .iter()
                .zip(&halves)
                .map(|(members, half)| explained(half, members, &shares[..rows.len() * n], similarity, n))
                .collect();
            for (i, row) in rows.enumerate() {
                let shares = &shares[i * n..][..n];
                let all: f64 = shares.iter().sum();
                let mean = explained.iter().map(|explained| explained[i]).sum::<f64>() / c as f64;
                for (class, members) in members.iter().enumerate() {
                    let regression = members.iter().map(|&j| shares[j]).sum::<f64>() - all / c as f64;
                    let at = |plane: usize| ((2 * ridge + plane) * r + row) * c + class;
                    scores[at(0)] = (f64::from(REGRESSION_SCALE) * regression) as f32;
                    scores[at(1)] = (f64::from(REPRESENTATION_SCALE) * (explained[class][i] - mean)) as f32;
                }
            }
        }
    }
    let counts = scores[2 * p.ridges as usize * r * c..].chunks_exact_mut(c).take(r);
    for (row, counts) in counts.enumerate() {
        for (class, count) in counts.iter_mut().enumerate() {
            let own = usize::from(p.among != 0 && labels[row] as usize == class);
            let others = (members[class].len() - own) as f64;
            *count = ((others + 0.5) / (n as f64 / c as f64 + 0.5)).ln() as f32;
        }
    }
}

/// The kernel among the members of a class: each one with those before it, and with itself. It is symmetric.
fn lower_half(gram: &[f32], n: usize, members: &[usize]) -> Vec<f64> {
    let row = |(at, &j): (usize, &usize)| members[..=at].iter().map(move |&m| f64::from(gram[j * n + m]));
    members.iter().enumerate().flat_map(row).collect()
}

/// Σ_j α_j (2 k_j − Σ_m K_jm α_m) over the members of a class, for some rows side by side, so that each element of K is
/// read once for all of them. Rows that there are not give 0.
///
/// # Shapes
/// `half` of [`lower_half`]; `shares` (α) and `similarity` (k) `[rows, N]` with at most [`ROWS`] rows
fn explained(half: &[f64], members: &[usize], shares: &[f64], similarity: &[f32], n: usize) -> [f64; ROWS] {
    let mut side = vec![[0f64; ROWS]; members.len()];
    for (i, shares) in shares.chunks_exact(n.max(1)).enumerate() {
        side.iter_mut().zip(members).for_each(|(side, &j)| side[i] = shares[j]);
    }
    let mut sums = [0f64; ROWS];
    let mut half = half;
    for (at, &j) in members.iter().enumerate() {
        let (row, rest) = half.split_at(at + 1);
        half = rest;
        let mut before = [0f64; ROWS];
        for (&value, side) in row[..at].iter().zip(&side) {
            (0..ROWS).for_each(|l| before[l] += value * side[l]);
        }
        let own = &side[at];
        let mut twice = [0f64; ROWS];
        twice.iter_mut().zip(similarity[j..].iter().step_by(n)).for_each(|(to, &k)| *to = 2.0 * f64::from(k));
        (0..ROWS).for_each(|l| sums[l] += own[l] * (twice[l] - 2.0 * before[l] - row[at] * own[l]));
    }
    sums
}

fn cases() -> Vec<Case> {
    let case = |name, p: Params, size: f32| {
        let (r, n, c, ridges) = (p.rows as usize, p.shown as usize, p.classes as usize, p.ridges as usize);
        let labels: Vec<u32> = (0..n as u32).map(|j| (j * j + j / 3) % p.classes).collect();
        let symmetric = |purpose, diagonal: f32| -> Vec<f32> {
            let half = values(purpose, ridges * n * n, size);
            let value = |at: usize| {
                let (i, j) = (at / n % n, at % n);
                let first = at - i * n - j;
                half[first + i.min(j) * n + i.max(j)] + if i == j { diagonal } else { 0.0 }
            };
            (0..ridges * n * n).map(value).collect()
        };
        let gram = symmetric("score gram", 0.0);
        // the diagonal of an inverse is positive
        let inverse = symmetric("score inverse", 3.0 * size);
        let similarity = if p.among != 0 { gram.clone() } else { values("score similarity", ridges * r * n, size) };
        let mut alpha = vec![UNTOUCHED; ridges * r * n + 1];
        let mut scores = vec![UNTOUCHED; (2 * ridges + 1) * r * c + 1];
        let before =
            vec![labels.clone(), words(&similarity), words(&gram), words(&inverse), words(&alpha), words(&scores)];
        run(&p, &labels, &similarity, &gram, &inverse, &mut alpha, &mut scores);
        // Sums of N terms, and of N² for the representation, of both signs: their partial sums are about as large as the
        // largest result.
        let largest = alpha.iter().chain(&scores).fold(1f32, |most, value| most.max(value.abs()));
        let tolerance = largest * (16.0 + (n as f32).sqrt()) / (1 << 21) as f32;
        let params = bytemuck::bytes_of(&p).to_vec();
        Case { name, params, grid: grid(&p), before, after: vec![(4, alpha), (5, scores)], tolerance }
    };
    let p = Params { rows: 1, shown: 1, classes: 2, ..Params::default() };
    vec![
        case("nothing shown, no ridge", Params { shown: 0, ..p }, 1.0),
        case("nothing shown", Params { rows: 2, shown: 0, ridges: 2, ..p }, 1.0),
        case("the only one shown", Params { ridges: 1, among: 1, ..p }, 1.0),
        case(
            "queries, sizes that no workgroup divides",
            Params { rows: 3, shown: 37, classes: 5, ridges: 2, ..p },
            1.0,
        ),
        case("the shown ones", Params { rows: 67, shown: 67, classes: 10, ridges: 3, among: 1, ..p }, 1.0),
        case("the longest context", Params { rows: 2, shown: 1024, classes: 200, ridges: 1, ..p }, 0.1),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_perfect_copy_is_explained_by_its_class_alone() {
        // K_q = (1, 0), A = I: α = (1, 0), so class 0 gets 3·(1 − 1/2) and 4·(1·(2 − 1) − 1/2)
        let p = Params { rows: 1, shown: 2, classes: 2, ridges: 1, ..Params::default() };
        let identity = [1.0, 0.0, 0.0, 1.0];
        let (mut alpha, mut scores) = ([9.0; 2], [9.0; 6]);
        run(&p, &[0, 1], &[1.0, 0.0], &identity, &identity, &mut alpha, &mut scores);
        assert_eq!(alpha, [1.0, 0.0]);
        assert_eq!(scores, [1.5, -1.5, 2.0, -2.0, 0.0, 0.0]);
    }

    #[test]
    fn rows_side_by_side_are_those_of_the_formula() {
        let (n, rows) = (13, 2 * ROWS + 3);
        let half = values("explained gram", n * n, 1.0);
        let gram: Vec<f32> = (0..n * n).map(|at| half[(at / n).max(at % n) * n + (at / n).min(at % n)]).collect();
        let shares: Vec<f64> = values("explained shares", rows * n, 1.0).into_iter().map(f64::from).collect();
        let similarity = values("explained similarity", rows * n, 1.0);
        let members = [1, 2, 5, 11];
        let triangle = lower_half(&gram, n, &members);
        for first in (0..rows).step_by(ROWS) {
            let count = ROWS.min(rows - first);
            let range = first * n..(first + count) * n;
            let found = explained(&triangle, &members, &shares[range.clone()], &similarity[range], n);
            for (i, found) in found.iter().enumerate() {
                let part = |&j: &usize| {
                    let at = |j: usize| (first + i) * n + j;
                    let others: f64 = members.iter().map(|&m| f64::from(gram[j * n + m]) * shares[at(m)]).sum();
                    shares[at(j)] * (2.0 * f64::from(similarity[at(j)]) - others)
                };
                let expected: f64 = if i < count { members.iter().map(part).sum() } else { 0.0 };
                assert!((found - expected).abs() < 1e-12, "row {}: {found}, expected {expected}", first + i);
            }
        }
    }
}
