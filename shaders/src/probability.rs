//! From scores of each class to probabilities and to one answer. Whatever names a class goes through [`answer`], so that
//! the page, the package, the evaluation and the baselines never differ.

/// The class with the largest value, the first of several; none where there is no class, where a value is not a number or
/// +∞, or where every one is −∞ (the logarithm of a probability of 0, which no answer has).
///
/// Values are looked at here, on the CPU: comparisons with NaN mean different things on different GPUs.
pub fn answer<T: Copy + Into<f64>>(values: &[T]) -> Option<usize> {
    let mut best = None;
    let mut largest = f64::NEG_INFINITY;
    for (class, value) in values.iter().map(|value| (*value).into()).enumerate() {
        if value.is_nan() || value == f64::INFINITY {
            return None;
        }
        if value > largest {
            (best, largest) = (Some(class), value);
        }
    }
    best
}

/// Log-softmax in place.
pub fn log_softmax(row: &mut [f64]) {
    let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let log_sum = top + row.iter().map(|v| (v - top).exp()).sum::<f64>().ln();
    row.iter_mut().for_each(|v| *v -= log_sum);
}

/// Softmax in place.
pub fn softmax(row: &mut [f64]) {
    let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    row.iter_mut().for_each(|v| *v = (*v - top).exp());
    let total: f64 = row.iter().sum();
    row.iter_mut().for_each(|v| *v /= total);
}

/// Log-probabilities renormalised over the classes that were shown; the others get −∞. When nothing was shown
/// yet, they come back as they are.
///
/// # Shapes
/// `log_probabilities` and the result `[Q, classes]`; `shown` holds labels, in any order, with repeats.
pub fn renormalise_over_seen(log_probabilities: &[f32], classes: usize, shown: &[u32]) -> Vec<f32> {
    if shown.is_empty() {
        return log_probabilities.to_vec();
    }
    let mut allowed = vec![false; classes];
    shown.iter().for_each(|&label| allowed[label as usize] = true);
    let mut restricted = Vec::with_capacity(log_probabilities.len());
    for row in log_probabilities.chunks_exact(classes) {
        let largest = row.iter().zip(&allowed).filter(|(_, a)| **a).map(|(v, _)| *v).fold(f32::NEG_INFINITY, f32::max);
        // a row of −∞ on every shown class ranks none of them: uniform
        let shifted = |value: f32| if largest == f32::NEG_INFINITY { 0.0 } else { f64::from(value - largest) };
        let sum: f64 = row.iter().zip(&allowed).filter(|(_, a)| **a).map(|(v, _)| shifted(*v).exp()).sum();
        restricted.extend(row.iter().zip(&allowed).map(|(value, allowed)| match allowed {
            true => (shifted(*value) - sum.ln()) as f32,
            false => f32::NEG_INFINITY,
        }));
    }
    restricted
}

/// α of [`of_table_rows`]: the learner is surer of rows of tables than it is right.
const TRUST: f64 = 0.75;
/// β of [`of_table_rows`].
const SHARES: f64 = 0.65;

/// Log-probabilities for rows of a table, over the classes that were shown: p_c^α·s_c^β, renormalised, with
/// s_c = (n_c + ½)/(N + ½C) the share of class c among the rows shown.
///
/// Learners are meta-trained on tasks with little noise, most with even classes. In a table whose columns say less, the shares of
/// the classes count for more and every answer is less sure than a learner makes it. Where the shares are even, no answer
/// changes, only how sure it is. α = 0.75 and β = 0.65 are from the benchmark in `python/bench/tables.py`.
///
/// # Shapes
/// As [`renormalise_over_seen`].
pub fn of_table_rows(log_probabilities: &[f32], classes: usize, shown: &[u32]) -> Vec<f32> {
    if shown.is_empty() {
        return log_probabilities.to_vec();
    }
    let mut counts = vec![0.5; classes];
    shown.iter().for_each(|&label| counts[label as usize] += 1.0);
    let seen = counts.iter().filter(|count| **count > 0.5).count() as f64;
    let total = shown.len() as f64 + 0.5 * seen;
    let shares: Vec<f64> = counts.iter().map(|count| SHARES * (count / total).ln()).collect();
    let weighed: Vec<f32> = log_probabilities
        .chunks_exact(classes)
        .flat_map(|row| row.iter().zip(&shares).map(|(log, share)| (TRUST * f64::from(*log) + share) as f32))
        .collect();
    renormalise_over_seen(&weighed, classes, shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_largest_is_the_answer() {
        assert_eq!(answer(&[0.25f32, 0.5, 0.5, 0.0]), Some(1));
        assert_eq!(answer(&[-0.0f32, 0.0]), Some(0));
        assert_eq!(answer(&[f64::NEG_INFINITY, -700.0, f64::NEG_INFINITY]), Some(1));
    }

    #[test]
    fn there_is_no_answer_without_finite_values() {
        for values in [&[][..], &[f32::NEG_INFINITY; 3], &[0.5, f32::NAN], &[f32::NAN, 0.5], &[f32::INFINITY, 0.0]] {
            assert_eq!(answer(values), None, "{values:?}");
        }
    }

    #[test]
    fn restricted_chances_sum_to_1_over_the_labels_shown() {
        let rows: Vec<f32> = [0.5f32, 0.25, 0.25, 0.1, 0.8, 0.1].iter().map(|p| p.ln()).collect();
        let chances: Vec<f32> = renormalise_over_seen(&rows, 3, &[2, 0, 2]).iter().map(|log| log.exp()).collect();
        for (chance, expected) in chances.iter().zip([2.0 / 3.0, 0.0, 1.0 / 3.0, 0.5, 0.0, 0.5]) {
            assert!((chance - expected).abs() < 1e-6, "{chances:?}");
        }
        assert_eq!(renormalise_over_seen(&rows, 3, &[]), rows);
        let hopeless = renormalise_over_seen(&[f32::NEG_INFINITY, f32::NEG_INFINITY, 0.0], 3, &[0, 1]);
        assert!((hopeless[0].exp() - 0.5).abs() < 1e-6 && hopeless[2] == f32::NEG_INFINITY);
    }

    #[test]
    fn rows_of_a_table_follow_the_shares_of_their_classes() {
        let chances = |row: [f32; 3], shown: &[u32]| -> Vec<f32> {
            of_table_rows(&row.map(f32::ln), 3, shown).iter().map(|log| log.exp()).collect()
        };
        // even shares keep the order, and less is certain
        let even = chances([0.9, 0.08, 0.02], &[0, 1, 2, 0, 1, 2]);
        assert!(even[0] < 0.9 && even[0] > 0.7 && even[1] > even[2], "{even:?}");
        // the rows do not say which, and the shares do
        let uneven = chances([0.1, 0.5, 0.4], &[1, 2, 2, 2, 2, 2]);
        assert!(uneven[0] == 0.0 && uneven[2] > uneven[1], "{uneven:?}");
        // what is clear stays so
        assert!(chances([0.0, 0.97, 0.03], &[1, 2, 2, 2, 2, 2])[1] > 0.7);
        assert!((uneven.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert_eq!(of_table_rows(&[-1.0, -2.0], 2, &[]), [-1.0, -2.0]);
        let hopeless = of_table_rows(&[f32::NEG_INFINITY; 2], 2, &[0, 1]);
        assert!((hopeless[0].exp() - 0.5).abs() < 1e-6);
    }
}
