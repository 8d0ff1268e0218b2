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

/// On the CPU, with its sums in f64: the engine has no faster half, as little time is spent here.
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
    let mut shares = vec![0f64; n];
    for ridge in 0..p.ridges as usize {
        let (gram, inverse) = (&gram[ridge * n * n..][..n * n], &inverse[ridge * n * n..][..n * n]);
        for row in 0..r {
            let first = (ridge * r + row) * n;
            let similarity = &similarity[first..first + n];
            shares.fill(0.0);
            if p.among != 0 {
                let own = f64::from(inverse[row * n + row]);
                let others = shares.iter_mut().zip(&inverse[row * n..]);
                others.for_each(|(share, &value)| *share = -f64::from(value) / own);
                shares[row] = 0.0;
            } else {
                for (&similar, inverse) in similarity.iter().zip(inverse.chunks_exact(n.max(1))) {
                    let similar = f64::from(similar);
                    shares.iter_mut().zip(inverse).for_each(|(share, &value)| *share += similar * f64::from(value));
                }
            }
            alpha[first..first + n].iter_mut().zip(&shares).for_each(|(alpha, &share)| *alpha = share as f32);
            let all: f64 = shares.iter().sum();
            let regression = |members: &Vec<usize>| members.iter().map(|&j| shares[j]).sum::<f64>() - all / c as f64;
            let explained = |members: &Vec<usize>| -> f64 {
                let part = |&j: &usize| {
                    let others: f64 = members.iter().map(|&m| f64::from(gram[j * n + m]) * shares[m]).sum();
                    shares[j] * (2.0 * f64::from(similarity[j]) - others)
                };
                members.iter().map(part).sum()
            };
            let explained: Vec<f64> = members.iter().map(explained).collect();
            let mean = explained.iter().sum::<f64>() / c as f64;
            for class in 0..c {
                let at = |plane: usize| ((2 * ridge + plane) * r + row) * c + class;
                scores[at(0)] = (f64::from(REGRESSION_SCALE) * regression(&members[class])) as f32;
                scores[at(1)] = (f64::from(REPRESENTATION_SCALE) * (explained[class] - mean)) as f32;
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
}
