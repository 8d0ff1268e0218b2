//! Hand-written rules for each class: each ridge's α, with its regression and representation scores, and the
//! score of the count. Formulas: [`crate::model::spec`].

use super::common::{Case, Kernel, Shader, UNTOUCHED, bare, params, read, values, words, write};
use crate::model::spec::{REGRESSION_SCALE, REPRESENTATION_SCALE};
use crate::simd::{LANES, add_rows, add_symmetric, dot};

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

pub(crate) const THREADS: u32 = 128;
/// Most shown inputs; [`crate::ModelSpec::validate`] keeps `longest` of set learners within it.
pub const SLOTS: u32 = 1024;

/// Rows whose scores are computed side by side on the CPU, so that each element of a kernel is read once for all of them.
const ROWS: usize = LANES;
/// Fewer queries are answered one by one on the CPU.
const FEWEST: usize = 4;

/// The kernel.
pub static KERNEL: Kernel = Kernel {
    shader: Shader {
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
    },
    #[cfg(feature = "parity")]
    cases,
};

/// Workgroups: one for each row and ridge, and one for each row's count.
pub fn grid(p: &Params) -> [u32; 3] {
    [p.rows, p.ridges + 1, 1]
}

/// Straight from the formula, with its sums in f64.
///
/// # Shapes
/// `labels` `[N]`, `similarity` and `alpha` `[ridges, R, N]`, `gram` and `inverse` `[ridges, N, N]`, `scores`
/// `[2·ridges + 1, R, C]`.
pub fn reference(
    p: &Params,
    labels: &[u32],
    similarity: &[f32],
    gram: &[f32],
    inverse: &[f32],
    alpha: &mut [f32],
    scores: &mut [f32],
) {
    let (r, n, c) = (p.rows as usize, p.shown as usize, p.classes as usize);
    let members = members(labels, n, c);
    for ridge in 0..p.ridges as usize {
        let (gram, inverse) = (&gram[ridge * n * n..][..n * n], &inverse[ridge * n * n..][..n * n]);
        for row in 0..r {
            let similarity = &similarity[(ridge * r + row) * n..][..n];
            let share = |j: usize| -> f64 {
                match p.among != 0 {
                    true if row == j => 0.0,
                    true => -f64::from(inverse[row * n + j]) / f64::from(inverse[row * n + row]),
                    false => (0..n).map(|i| f64::from(similarity[i]) * f64::from(inverse[i * n + j])).sum(),
                }
            };
            let shares: Vec<f64> = (0..n).map(share).collect();
            alpha[(ridge * r + row) * n..].iter_mut().zip(&shares).for_each(|(alpha, &share)| *alpha = share as f32);
            let part = |members: &[usize], j: usize| {
                let others: f64 = members.iter().map(|&m| f64::from(gram[j * n + m]) * shares[m]).sum();
                shares[j] * (2.0 * f64::from(similarity[j]) - others)
            };
            let explained: Vec<f64> =
                members.iter().map(|members| members.iter().map(|&j| part(members, j)).sum()).collect();
            let sums: Vec<f64> = members.iter().map(|members| members.iter().map(|&j| shares[j]).sum()).collect();
            let mean = |values: &[f64]| values.iter().sum::<f64>() / c as f64;
            for class in 0..c {
                let at = |plane: usize| ((2 * ridge + plane) * r + row) * c + class;
                scores[at(0)] = (f64::from(REGRESSION_SCALE) * (sums[class] - mean(&sums))) as f32;
                scores[at(1)] = (f64::from(REPRESENTATION_SCALE) * (explained[class] - mean(&explained))) as f32;
            }
        }
    }
    count(p, labels, &members, scores);
}

/// The shown examples of each class.
fn members(labels: &[u32], n: usize, classes: usize) -> Vec<Vec<usize>> {
    let mut members = vec![Vec::new(); classes];
    labels[..n].iter().enumerate().for_each(|(j, &label)| members[label as usize].push(j));
    members
}

/// The last plane of the scores: that of the count.
fn count(p: &Params, labels: &[u32], members: &[Vec<usize>], scores: &mut [f32]) {
    let (r, n, c) = (p.rows as usize, p.shown as usize, p.classes as usize);
    let counts = scores[2 * p.ridges as usize * r * c..].chunks_exact_mut(c).take(r);
    for (row, counts) in counts.enumerate() {
        for (class, count) in counts.iter_mut().enumerate() {
            let own = usize::from(p.among != 0 && labels[row] as usize == class);
            let others = (members[class].len() - own) as f64;
            *count = ((others + 0.5) / (n as f64 / c as f64 + 0.5)).ln() as f32;
        }
    }
}

/// The kernels among the members of each class, which is all that scores read of them.
#[derive(Debug, Clone, Default)]
pub struct Within {
    /// The shown examples of each class.
    members: Vec<Vec<usize>>,
    /// For each ridge, class and member, the kernel with the members before it and with itself: it is symmetric.
    halves: Vec<f32>,
}

impl Within {
    /// # Shapes
    /// `labels` `[N]`, `gram` `[ridges, N, N]`
    pub fn new(p: &Params, labels: &[u32], gram: &[f32]) -> Self {
        let n = p.shown as usize;
        let members = members(labels, n, p.classes as usize);
        let count: usize = members.iter().map(|members| members.len() * (members.len() + 1) / 2).sum();
        let mut halves = Vec::with_capacity(p.ridges as usize * count);
        for gram in gram.chunks_exact((n * n).max(1)).take(p.ridges as usize) {
            for members in &members {
                for (at, &j) in members.iter().enumerate() {
                    halves.extend(members[..=at].iter().map(|&m| gram[j * n + m]));
                }
            }
        }
        Within { members, halves }
    }
}

/// As [`reference()`] in f32, for the engine on the CPU.
#[allow(clippy::too_many_arguments, reason = "the buffers of the kernel")]
pub fn run(
    p: &Params,
    labels: &[u32],
    similarity: &[f32],
    within: &Within,
    inverse: &[f32],
    alpha: &mut [f32],
    scores: &mut [f32],
    tiles: &mut Vec<f32>,
) {
    let (r, n, c) = (p.rows as usize, p.shown as usize, p.classes as usize);
    scores[..2 * p.ridges as usize * r * c].fill(0.0);
    count(p, labels, &within.members, scores);
    if n == 0 {
        return;
    }
    let mut halves = &within.halves[..];
    for ridge in 0..p.ridges as usize {
        let inverse = &inverse[ridge * n * n..][..n * n];
        let similarity = &similarity[ridge * r * n..][..r * n];
        let alpha = &mut alpha[ridge * r * n..][..r * n];
        if p.among != 0 {
            for (row, (alpha, inverse)) in alpha.chunks_exact_mut(n).zip(inverse.chunks_exact(n)).enumerate() {
                let scale = -1.0 / inverse[row];
                alpha.iter_mut().zip(inverse).for_each(|(share, value)| *share = scale * value);
                alpha[row] = 0.0;
            }
        } else if r < FEWEST {
            alpha.fill(0.0);
            let rows = alpha.chunks_exact_mut(n).zip(similarity.chunks_exact(n));
            rows.for_each(|(alpha, similarity)| add_symmetric(alpha, similarity, inverse));
        } else {
            alpha.fill(0.0);
            add_rows(alpha, similarity, n, n, inverse, tiles);
        }
        let (regression, representation) = scores[2 * ridge * r * c..][..2 * r * c].split_at_mut(r * c);
        for (scores, alpha) in regression.chunks_exact_mut(c).zip(alpha.chunks_exact(n)) {
            let sums = within.members.iter().map(|members| members.iter().map(|&j| alpha[j]).sum());
            scores.iter_mut().zip(sums).for_each(|(to, sum)| *to = sum);
            centre(scores, REGRESSION_SCALE);
        }
        for (class, members) in within.members.iter().enumerate() {
            let half;
            (half, halves) = halves.split_at(members.len() * (members.len() + 1) / 2);
            for begin in (0..r).step_by(ROWS) {
                let rows = begin * n..r.min(begin + ROWS) * n;
                let (alpha, similarity) = (&alpha[rows.clone()], &similarity[rows]);
                let to = representation[begin * c..].chunks_exact_mut(c).map(|scores| &mut scores[class]);
                match r < FEWEST {
                    true => {
                        let rows = alpha.chunks_exact(n).zip(similarity.chunks_exact(n));
                        to.zip(rows).for_each(|(to, (alpha, k))| *to = explained_one(half, members, alpha, k));
                    }
                    false => to.zip(explained(half, members, alpha, similarity, n)).for_each(|(to, sum)| *to = sum),
                }
            }
        }
        representation.chunks_exact_mut(c).for_each(|scores| centre(scores, REPRESENTATION_SCALE));
    }
}

/// Less their mean, times `scale`.
fn centre(scores: &mut [f32], scale: f32) {
    let mean = scores.iter().sum::<f32>() / scores.len() as f32;
    scores.iter_mut().for_each(|score| *score = scale * (*score - mean));
}

/// [`explained`] for one row.
///
/// # Shapes
/// `alpha` (α) and `similarity` (k) `[N]`
fn explained_one(half: &[f32], members: &[usize], alpha: &[f32], similarity: &[f32]) -> f32 {
    let side: Vec<f32> = members.iter().map(|&j| alpha[j]).collect();
    let mut half = half;
    let mut sum = 0.0;
    for (at, &j) in members.iter().enumerate() {
        let (row, rest) = half.split_at(at + 1);
        half = rest;
        let before = dot(&row[..at], &side[..at]);
        sum += side[at] * (2.0 * similarity[j] - 2.0 * before - row[at] * side[at]);
    }
    sum
}

/// Σ_j α_j (2 k_j − Σ_m K_jm α_m) over the members of a class, for some rows side by side. Rows that there are not
/// give 0.
///
/// # Shapes
/// `half` of one ridge and class, see [`Within`]; `shares` (α) and `similarity` (k) `[rows, N]` with at most [`ROWS`] rows
fn explained(half: &[f32], members: &[usize], shares: &[f32], similarity: &[f32], n: usize) -> [f32; ROWS] {
    let mut side = vec![[0f32; ROWS]; members.len()];
    for (i, shares) in shares.chunks_exact(n).enumerate() {
        side.iter_mut().zip(members).for_each(|(side, &j)| side[i] = shares[j]);
    }
    let mut sums = [0f32; ROWS];
    let mut half = half;
    for (at, &j) in members.iter().enumerate() {
        let (row, rest) = half.split_at(at + 1);
        half = rest;
        let mut before = [0f32; ROWS];
        for (&value, side) in row[..at].iter().zip(&side) {
            (0..ROWS).for_each(|l| before[l] += value * side[l]);
        }
        let own = &side[at];
        let mut twice = [0f32; ROWS];
        twice.iter_mut().zip(similarity[j..].iter().step_by(n)).for_each(|(to, &k)| *to = 2.0 * k);
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
        reference(&p, &labels, &similarity, &gram, &inverse, &mut alpha, &mut scores);
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
        case("many queries", Params { rows: 19, shown: 45, classes: 3, ridges: 2, ..p }, 1.0),
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
        reference(&p, &[0, 1], &[1.0, 0.0], &identity, &identity, &mut alpha, &mut scores);
        assert_eq!(alpha, [1.0, 0.0]);
        assert_eq!(scores, [1.5, -1.5, 2.0, -2.0, 0.0, 0.0]);
    }

    #[test]
    #[cfg(feature = "parity")]
    fn the_f32_half_is_as_close_to_the_formula_as_the_one_in_wgsl() {
        crate::kernel::common::check_run(&KERNEL, |p, b| {
            let [labels, similarity, gram, inverse, alpha, scores] = b else { unreachable!() };
            let labels: Vec<u32> = labels.iter().map(|label| label.to_bits()).collect();
            let within = Within::new(p, &labels, gram);
            run(p, &labels, similarity, &within, inverse, alpha, scores, &mut Vec::new());
        });
    }
}
