//! Linear algebra on small dense matrices in f64, row-major: for the reference, the ridges that the trainer solves and the
//! baselines.

/// [R, n] · [n, k] → [R, k]
pub fn multiply(left: &[f64], right: &[f64], n: usize, k: usize) -> Vec<f64> {
    let mut out = vec![0f64; left.len() / n * k];
    for (row, to) in left.chunks_exact(n).zip(out.chunks_exact_mut(k)) {
        for (&weight, from) in row.iter().zip(right.chunks_exact(k)) {
            to.iter_mut().zip(from).for_each(|(to, &v)| *to += weight * v);
        }
    }
    out
}

/// Replaces the lower triangle of a positive definite [n, n] by its Cholesky factor.
pub fn cholesky(matrix: &mut [f64], n: usize) {
    let floor = 1e-12 * (0..n).map(|i| matrix[i * n + i]).fold(1e-300, f64::max);
    for i in 0..n {
        for j in 0..=i {
            let (upper, lower) = matrix.split_at(i * n);
            let before: f64 = if i == j {
                lower[..j].iter().map(|v| v * v).sum()
            } else {
                lower[..j].iter().zip(&upper[j * n..]).map(|(a, b)| a * b).sum()
            };
            let rest = matrix[i * n + j] - before;
            matrix[i * n + j] = if i == j { rest.max(floor).sqrt() } else { rest / matrix[j * n + j] };
        }
    }
}

/// Solves L u = u in place.
pub fn forward(factor: &[f64], n: usize, u: &mut [f64]) {
    for i in 0..n {
        let before: f64 = factor[i * n..i * n + i].iter().zip(u.iter()).map(|(a, b)| a * b).sum();
        u[i] = (u[i] - before) / factor[i * n + i];
    }
}

/// Solves matrix · x = targets, [n, k], in place; `matrix` is positive definite and becomes its factor.
pub fn solve(matrix: &mut [f64], n: usize, targets: &mut [f64], k: usize) {
    cholesky(matrix, n);
    for i in 0..n {
        let (done, row) = targets.split_at_mut(i * k);
        for j in 0..i {
            let weight = matrix[i * n + j];
            row[..k].iter_mut().zip(&done[j * k..]).for_each(|(to, &v)| *to -= weight * v);
        }
        row[..k].iter_mut().for_each(|v| *v /= matrix[i * n + i]);
    }
    for i in (0..n).rev() {
        let (row, done) = targets[i * k..].split_at_mut(k);
        for j in i + 1..n {
            let weight = matrix[j * n + i];
            row.iter_mut().zip(&done[(j - i - 1) * k..]).for_each(|(to, &v)| *to -= weight * v);
        }
        row.iter_mut().for_each(|v| *v /= matrix[i * n + i]);
    }
}

/// Inverse of a symmetric positive definite matrix `[n, n]` in place, by Gauss–Jordan sweeps without pivots.
pub fn invert(a: &mut [f64], n: usize) {
    let mut pivot_row = vec![0.0; n];
    for p in 0..n {
        let d = 1.0 / a[p * n + p];
        pivot_row.copy_from_slice(&a[p * n..(p + 1) * n]);
        pivot_row[p] = 1.0;
        pivot_row.iter_mut().for_each(|v| *v *= d);
        for (i, row) in a.chunks_exact_mut(n).enumerate() {
            if i == p {
                row.copy_from_slice(&pivot_row);
                continue;
            }
            let factor = row[p];
            row[p] = 0.0;
            row.iter_mut().zip(&pivot_row).for_each(|(v, q)| *v -= factor * q);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_times_its_inverse_is_the_identity() {
        let n = 5;
        let entry = |i: usize, j: usize| (-((i as f64 - j as f64) / 2.0).powi(2)).exp() + f64::from(u8::from(i == j));
        let a: Vec<f64> = (0..n * n).map(|at| entry(at / n, at % n)).collect();
        let mut inverse = a.clone();
        invert(&mut inverse, n);
        for i in 0..n {
            for j in 0..n {
                let sum: f64 = (0..n).map(|k| a[i * n + k] * inverse[k * n + j]).sum();
                assert!((sum - f64::from(u8::from(i == j))).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn a_solution_fulfils_its_equations() {
        let n = 4;
        let entry = |i: usize, j: usize| (-((i as f64 - j as f64) / 3.0).powi(2)).exp() + f64::from(u8::from(i == j));
        let a: Vec<f64> = (0..n * n).map(|at| entry(at / n, at % n)).collect();
        let wanted = [1.0, -2.0, 0.5, 3.0, 0.0, 1.0, -1.0, 2.0];
        let mut found = multiply(&a, &wanted, n, 2);
        solve(&mut a.clone(), n, &mut found, 2);
        assert!(found.iter().zip(wanted).all(|(found, wanted)| (found - wanted).abs() < 1e-12), "{found:?}");
    }
}
