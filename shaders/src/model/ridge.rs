//! Regularised kernels over shown examples on the CPU: what [`crate::model::spec`] calls reaches, α and scores. The trainer
//! computes them here for its batches, outside of any gradient.

use super::spec::{LEAST_REACH, REGRESSION_SCALE, REPRESENTATION_SCALE, Ridge, RidgeKernel};
use crate::linalg;

/// r of every row: the root of its distance to the k-th nearest shown example (the farthest where fewer are shown,
/// 1 where none is). Row i < N is shown example i, which is not its own neighbour.
///
/// # Shapes
/// `distance` `[M, N]`, with all shown examples first; the result `[M]`.
pub fn reaches(distance: &[f32], shown: usize, neighbour: usize) -> Vec<f32> {
    let mut others = Vec::with_capacity(shown);
    let row = |(i, row): (usize, &[f32])| {
        others.clear();
        others.extend(row.iter().enumerate().filter(|&(j, _)| j != i).map(|(_, &d)| d));
        let at = neighbour.min(others.len()).checked_sub(1)?;
        Some(others.select_nth_unstable_by(at, f32::total_cmp).1.max(LEAST_REACH).sqrt())
    };
    let rows: Vec<Option<f32>> = distance.chunks_exact(shown).enumerate().map(row).collect();
    rows.into_iter().map(|reach| reach.unwrap_or(1.0)).collect()
}

/// One view of every row and each shown example. All shown examples come first among the M rows.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// |x_i|²/s, `[M]`.
    pub square: &'a [f32],
    /// δ, `[M, N]`.
    pub distance: &'a [f32],
    /// r, `[M]`; see [`reaches`].
    pub reach: &'a [f32],
}

/// What comes of one ridge.
#[derive(Debug, Clone, PartialEq)]
pub struct Solved {
    /// α, `[M, N]`.
    pub alpha: Vec<f32>,
    /// Regression scores, `[M, C]`.
    pub regression: Vec<f32>,
    /// Representation scores, `[M, C]`.
    pub representation: Vec<f32>,
}

/// Solves one ridge for every row of a view.
///
/// # Shapes
/// `labels` `[N]`, each below `classes` = C.
pub fn solve(ridge: &Ridge, view: &View<'_>, labels: &[u32], classes: usize) -> Solved {
    let (n, m) = (labels.len(), view.square.len());
    let mut kernel = vec![0f64; m * n];
    for (i, row) in kernel.chunks_exact_mut(n.max(1)).enumerate() {
        let distances = &view.distance[i * n..(i + 1) * n];
        for (j, (value, &distance)) in row.iter_mut().zip(distances).enumerate() {
            let distance = f64::from(distance);
            *value = match ridge.kernel {
                RidgeKernel::Linear => (f64::from(view.square[i]) + f64::from(view.square[j]) - distance) / 2.0,
                RidgeKernel::Gaussian => (-distance / 2.0).exp(),
                RidgeKernel::Local => (-distance / (f64::from(view.reach[i]) * f64::from(view.reach[j]))).exp(),
            };
        }
    }
    let mut inverse = kernel[..n * n].to_vec();
    (0..n).for_each(|i| inverse[i * n + i] += f64::from(ridge.lambda));
    linalg::invert(&mut inverse, n);

    let mut alpha = vec![0f64; m * n];
    for (i, out) in alpha.chunks_exact_mut(n.max(1)).enumerate() {
        if i < n {
            let own = inverse[i * n + i];
            out.iter_mut().zip(&inverse[i * n..]).for_each(|(a, v)| *a = -v / own);
            out[i] = 0.0;
        } else {
            for (k, row) in kernel[i * n..(i + 1) * n].iter().zip(inverse.chunks_exact(n)) {
                out.iter_mut().zip(row).for_each(|(a, v)| *a += k * v);
            }
        }
    }
    let mut members = vec![Vec::new(); classes];
    labels.iter().enumerate().for_each(|(j, &label)| members[label as usize].push(j));
    let (mut regression, mut representation) = (vec![0f32; m * classes], vec![0f32; m * classes]);
    let mut explained = vec![0f64; classes];
    for i in 0..m {
        let (alpha, similar) = (&alpha[i * n..(i + 1) * n], &kernel[i * n..(i + 1) * n]);
        let everywhere = alpha.iter().sum::<f64>() / classes as f64;
        for (c, members) in members.iter().enumerate() {
            let sum: f64 = members.iter().map(|&j| alpha[j]).sum();
            regression[i * classes + c] = (f64::from(REGRESSION_SCALE) * (sum - everywhere)) as f32;
            explained[c] = members
                .iter()
                .map(|&j| {
                    let row = &kernel[j * n..(j + 1) * n];
                    alpha[j] * (2.0 * similar[j] - members.iter().map(|&m| row[m] * alpha[m]).sum::<f64>())
                })
                .sum();
        }
        let mean = explained.iter().sum::<f64>() / classes as f64;
        for (out, value) in representation[i * classes..].iter_mut().zip(&explained) {
            *out = (f64::from(REPRESENTATION_SCALE) * (value - mean)) as f32;
        }
    }
    Solved { alpha: alpha.into_iter().map(|a| a as f32).collect(), regression, representation }
}

/// Score of how many examples of each class there are without the row itself.
///
/// # Shapes
/// The result `[M, C]`.
pub fn counts(rows: usize, labels: &[u32], classes: usize) -> Vec<f32> {
    let mut count = vec![0f64; classes];
    labels.iter().for_each(|&label| count[label as usize] += 1.0);
    let even = labels.len() as f64 / classes as f64 + 0.5;
    (0..rows)
        .flat_map(|i| {
            let own = labels.get(i).map(|&label| label as usize);
            let score = move |(c, &count): (usize, &f64)| {
                let others = count - f64::from(u8::from(own == Some(c)));
                ((others + 0.5) / even).ln() as f32
            };
            count.iter().enumerate().map(score).collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reaches_skip_the_example_itself() {
        // 0, 1 and 3 on a line, and a query at 0
        let distance = [0.0, 1.0, 9.0, 1.0, 0.0, 4.0, 9.0, 4.0, 0.0, 0.0, 1.0, 9.0];
        let least = LEAST_REACH.sqrt();
        assert_eq!(reaches(&distance, 3, 1), [1.0, 1.0, 2.0, least]);
        assert_eq!(reaches(&distance, 3, 7), [3.0, 2.0, 3.0, 3.0]);
        assert_eq!(reaches(&[0.0, 4.0], 1, 7), [1.0, 2.0]);
    }

    #[test]
    fn a_balanced_count_says_nothing() {
        assert_eq!(counts(3, &[0, 1], 2)[4..], [0.0, 0.0]);
        assert_eq!(counts(1, &[], 2), [0.0, 0.0]);
    }
}
