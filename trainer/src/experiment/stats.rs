//! Means with 95 % intervals, slopes, rank correlations: what the words under a figure are computed from.

/// A mean and the half width of its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Mean.
    pub mean: f64,
    /// Half width; NaN for a single value, of which nothing is known.
    pub half: f64,
    /// Values.
    pub n: usize,
}

impl Interval {
    /// Student's t interval of the mean of some values, such as one of each seed.
    pub fn of(values: &[f64]) -> Interval {
        let n = values.len();
        let mean = values.iter().sum::<f64>() / n.max(1) as f64;
        let square: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        let half = match n {
            0 | 1 => f64::NAN,
            n => student(n - 1) * (square / (n - 1) as f64 / n as f64).sqrt(),
        };
        Interval { mean: if n == 0 { f64::NAN } else { mean }, half, n }
    }

    /// Whether the whole interval lies above a value; never so for a single value.
    pub fn above(&self, value: f64) -> bool {
        self.mean - self.half > value
    }

    /// Whether the whole interval lies below a value; never so for a single value.
    pub fn below(&self, value: f64) -> bool {
        self.mean + self.half < value
    }

    /// In per cent with its interval: `63.2 ± 1.1`.
    pub fn percent(&self) -> String {
        match (self.mean.is_finite(), self.half.is_finite()) {
            (false, _) => "–".into(),
            (_, true) => format!("{:.1} ± {:.1}", 100.0 * self.mean, 100.0 * self.half),
            (_, false) => format!("{:.1}", 100.0 * self.mean),
        }
    }
}

/// The difference of two means, b − a, with Welch's interval: the two may vary by different amounts. NaN for its half width
/// where one side has a single value.
pub fn difference(a: &[f64], b: &[f64]) -> Interval {
    let of = |values: &[f64]| {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let square: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        (mean, square / (n - 1.0) / n, n - 1.0)
    };
    let ((mean_a, a2, free_a), (mean_b, b2, free_b)) = (of(a), of(b));
    let freedom = (a2 + b2).powi(2) / (a2 * a2 / free_a + b2 * b2 / free_b);
    // two sides that do not vary at all have no freedom to count, and no need of it
    let half = if a2 + b2 == 0.0 { 0.0 } else { student(freedom.max(0.0) as usize) * (a2 + b2).sqrt() };
    Interval { mean: mean_b - mean_a, half, n: a.len() + b.len() }
}

/// The 97.5 % quantile of Student's t distribution.
pub fn student(freedom: usize) -> f64 {
    const TABLE: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
        2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
    ];
    match freedom {
        0 => f64::NAN,
        f if f <= 30 => TABLE[f - 1],
        // within 0.002 of the true values from 31 on (Fisher's expansion)
        f => 1.96 + 2.4 / f as f64,
    }
}

/// Slope of the least-squares line through (x, y), with its interval; NaN where there is no line.
pub fn slope(points: &[(f64, f64)]) -> Interval {
    let n = points.len();
    let mean = |of: &dyn Fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n.max(1) as f64;
    let (x, y) = (mean(&|p| p.0), mean(&|p| p.1));
    let square: f64 = points.iter().map(|p| (p.0 - x).powi(2)).sum();
    let slope = points.iter().map(|p| (p.0 - x) * (p.1 - y)).sum::<f64>() / square;
    let left: f64 = points.iter().map(|p| (p.1 - y - slope * (p.0 - x)).powi(2)).sum();
    // rounding alone tells equal x apart
    if square <= 1e-18 * points.iter().map(|p| p.0 * p.0).sum::<f64>() {
        return Interval { mean: f64::NAN, half: f64::NAN, n };
    }
    let half = match n {
        0..=2 => f64::NAN,
        n => student(n - 2) * (left / (n - 2) as f64 / square).sqrt(),
    };
    Interval { mean: slope, half, n }
}

/// Spearman's rank correlation; ties share their mean rank. NaN where one side does not vary.
pub fn rank_correlation(points: &[(f64, f64)]) -> f64 {
    let ranks = |of: &dyn Fn(&(f64, f64)) -> f64| -> Vec<f64> {
        let values: Vec<f64> = points.iter().map(of).collect();
        let rank = |v: &f64| {
            let below = values.iter().filter(|w| *w < v).count() as f64;
            below + (values.iter().filter(|w| *w == v).count() as f64 - 1.0) / 2.0
        };
        values.iter().map(rank).collect()
    };
    let (x, y) = (ranks(&|p| p.0), ranks(&|p| p.1));
    let middle = (points.len() as f64 - 1.0) / 2.0;
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - middle) * (b - middle)).sum::<f64>();
    product(&x, &y) / (product(&x, &x) * product(&y, &y)).sqrt()
}

/// The middle value; the mean of the two in the middle of an even number.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[n / 2],
        n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_students() {
        // by hand: 1, 2, 3 has standard deviation 1, so 4.303/√3
        let three = Interval::of(&[0.01, 0.02, 0.03]);
        assert!((three.mean - 0.02).abs() < 1e-12 && (three.half - 0.0248434).abs() < 1e-6, "{three:?}");
        assert_eq!(three.percent(), "2.0 ± 2.5");
        let one = Interval::of(&[0.5]);
        assert!(one.half.is_nan() && !one.above(0.0) && !one.below(1.0));
        assert_eq!((one.percent().as_str(), Interval::of(&[]).percent().as_str()), ("50.0", "–"));
        assert!((student(40) - 2.021).abs() < 0.003 && (student(1_000) - 1.962).abs() < 0.003);
        assert!((1..60).all(|f| student(f) > student(f + 1)));
    }

    #[test]
    fn differences_are_welchs() {
        // by hand: variances 1 and 4 over three values each, √(5/3), 2.94 degrees of freedom, counted as 2
        let found = difference(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0]);
        assert!(
            (found.mean - 2.0).abs() < 1e-12 && (found.half - 4.303 * (5f64 / 3.0).sqrt()).abs() < 1e-9,
            "{found:?}"
        );
        assert_eq!(difference(&[1.0, 1.0], &[3.0, 3.0]), Interval { mean: 2.0, half: 0.0, n: 4 });
        assert!(difference(&[1.0], &[2.0, 3.0]).half.is_nan() && difference(&[], &[2.0, 3.0]).mean.is_nan());
    }

    #[test]
    fn slopes_and_ranks_find_what_was_put_in() {
        let line: Vec<(f64, f64)> = (0..9).map(|i| (f64::from(i), 3.0 - 0.5 * f64::from(i))).collect();
        let found = slope(&line);
        assert!((found.mean + 0.5).abs() < 1e-12 && found.half < 1e-9);
        assert!(slope(&line[..2]).half.is_nan());
        let upright: Vec<(f64, f64)> = (0..24).map(|i| (8f64.ln(), f64::from(i % 5))).collect();
        assert!(slope(&upright).mean.is_nan() && slope(&upright).half.is_nan());
        assert!((rank_correlation(&line) + 1.0).abs() < 1e-12);
        let bent: Vec<(f64, f64)> = line.iter().map(|p| (p.0, p.0.exp())).collect();
        assert!((rank_correlation(&bent) - 1.0).abs() < 1e-12);
        assert!(rank_correlation(&[(1.0, 2.0), (1.0, 3.0)]).is_nan());
        // by hand: ranks 0 1 2 against 0.5 0.5 2
        let tied = rank_correlation(&[(1.0, 5.0), (2.0, 5.0), (3.0, 9.0)]);
        assert!((tied - 0.866).abs() < 1e-3, "{tied}");
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0]), 2.5);
    }
}
