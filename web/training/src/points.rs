//! Lines of few points, for charts.

/// At most `most` of some points, the last one among them.
pub fn sampled<T>(all: &[T], most: usize) -> impl Iterator<Item = &T> {
    let each = all.len().div_ceil(most.max(1)).max(1);
    let last = all.len().wrapping_sub(1);
    all.iter().enumerate().filter(move |(at, _)| at % each == last % each).map(|(_, point)| point)
}

/// The mean over some places around each one, for a line that can be read.
pub fn smoothed(values: &[f64], around: usize) -> Vec<f64> {
    let mean = |at: usize| {
        let near = &values[at.saturating_sub(around)..(at + around + 1).min(values.len())];
        near.iter().sum::<f64>() / near.len() as f64
    };
    (0..values.len()).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_last_point_and_smoothing_keeps_their_length() {
        for count in [0usize, 1, 50, 101] {
            let all: Vec<usize> = (0..count).collect();
            let some: Vec<&usize> = sampled(&all, 50).collect();
            assert!(some.len() <= 50 && some.last().copied() == all.last());
        }
        assert_eq!(smoothed(&[0.0, 3.0, 6.0], 1), [1.5, 3.0, 4.5]);
        assert!(smoothed(&[], 3).is_empty());
    }
}
