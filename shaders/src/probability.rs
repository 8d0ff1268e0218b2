//! From what a learner or a rule says of each class to one answer. Whatever names a class goes through [`answer`], so that
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
}
