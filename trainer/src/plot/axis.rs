//! Axes: where a value lies, how far an axis reaches, which ticks it has.

/// How values lie on an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spacing {
    /// Evenly.
    Linear,
    /// By their logarithm, with ticks at powers of two.
    Log2,
    /// By their logarithm, with ticks at 1, 2, 5, 10 …
    Log10,
}

/// Which values get a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ticks {
    /// Round values between the ends of the data.
    Round,
    /// The first position, then round ones: 1, 20, 40 …, or 1, 2, 5, 10 … by their logarithm.
    Positions,
    /// Whole tens of per cent; the axis ends at such values.
    Tens,
}

/// One axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Text next to the axis.
    pub title: String,
    /// Where values lie.
    pub spacing: Spacing,
    /// Whether values are fractions, written in per cent.
    pub percent: bool,
    /// Which values get a tick.
    pub ticks: Ticks,
}

impl Axis {
    /// An axis of plain numbers.
    pub fn new(title: &str, spacing: Spacing) -> Axis {
        Axis { title: title.to_owned(), spacing, percent: false, ticks: Ticks::Round }
    }

    /// An axis of fractions, written in per cent.
    pub fn percent(title: &str) -> Axis {
        let title = format!("{title} (%)");
        Axis { title, spacing: Spacing::Linear, percent: true, ticks: Ticks::Round }
    }

    /// Where a value lies, in the axis's own units.
    pub(super) fn at(&self, value: f64) -> f64 {
        match self.spacing {
            Spacing::Linear => value,
            Spacing::Log2 => value.log2(),
            Spacing::Log10 => value.log10(),
        }
    }

    /// Whether a value can be drawn.
    pub(super) fn holds(&self, value: f64) -> bool {
        value.is_finite() && (self.spacing == Spacing::Linear || value > 0.0)
    }

    /// The ends of an axis across, from values in its own units.
    pub(super) fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        match (low.is_finite(), high > low) {
            (false, _) => (0.0, 1.0),
            (_, false) => (low - 0.5, high + 0.5),
            _ => (low, high),
        }
    }

    /// The ends of an axis up, from values in its own units: some room at both, but none below 0 or above 100 per cent.
    pub(super) fn roomy_ends(&self, values: impl Iterator<Item = f64>) -> (f64, f64) {
        if self.ticks == Ticks::Tens {
            let (low, high) = values.fold((1f64, 0f64), |(low, high), v| (low.min(v), high.max(v)));
            let low = (low * 10.0 - 1e-9).floor().max(0.0) / 10.0;
            return (low, ((high * 10.0 + 1e-9).ceil() / 10.0).min(1.0).max(low + 0.1));
        }
        let (low, high) = Axis::ends(values);
        let room = 0.04 * (high - low);
        let (mut first, mut last) = (low - room, high + room);
        if self.percent {
            first = if low >= 0.0 { first.max(0.0) } else { first };
            last = if high <= 1.0 { last.min(1.0) } else { last };
        }
        (first, last)
    }

    /// Place and label of each tick between two places.
    pub(super) fn ticks(&self, low: f64, high: f64) -> Vec<(f64, String)> {
        let label = |v: f64| if self.percent { short(100.0 * v) } else { short(v) };
        match (self.ticks, self.spacing) {
            (Ticks::Positions, Spacing::Linear) => positions(low, high).into_iter().map(|v| (v, label(v))).collect(),
            (Ticks::Positions, _) => decades(low, high, &[1.0, 2.0, 5.0]),
            (Ticks::Tens, _) => {
                let step = if high - low > 0.5 + 1e-9 { 0.2 } else { 0.1 };
                multiples(low, high, step).into_iter().map(|v| (v, label(v))).collect()
            }
            (Ticks::Round, Spacing::Log2) => {
                let every = (((high - low) / 9.0).ceil() as i32).max(1);
                let range = (low - 1e-9).ceil() as i32..=(high + 1e-9).floor() as i32;
                range.filter(|p| p % every == 0).map(|p| (f64::from(p), format!("2{}", superscript(p)))).collect()
            }
            (Ticks::Round, Spacing::Log10) => {
                let steps: &[f64] = match high - low {
                    range if range > 4.0 => &[1.0],
                    range if range > 1.5 => &[1.0, 3.0],
                    _ => &[1.0, 2.0, 5.0],
                };
                decades(low, high, steps)
            }
            (Ticks::Round, Spacing::Linear) => {
                let step = round_step((high - low) / 5.0, &[1.0, 2.0, 2.5, 5.0, 10.0]);
                multiples(low, high, step).into_iter().map(|v| (v, label(v))).collect()
            }
        }
    }
}

/// Some values of each power of ten, placed by their logarithm.
fn decades(low: f64, high: f64, steps: &[f64]) -> Vec<(f64, String)> {
    let powers = low.floor() as i32..=high.ceil() as i32;
    let all = powers.flat_map(|p| steps.iter().map(move |s| s * 10f64.powi(p)));
    let inside = |v: &f64| (low - 1e-9..=high + 1e-9).contains(&v.log10());
    all.filter(inside).map(|v| (v.log10(), short(v))).collect()
}

/// Multiples of a step.
fn multiples(low: f64, high: f64, step: f64) -> Vec<f64> {
    let first = (low / step - 1e-9).ceil() as i64;
    let last = (high / step + 1e-9).floor() as i64;
    (first..=last).map(|i| i as f64 * step).collect()
}

/// The first step, times a power of ten, that is not below `least`.
fn round_step(least: f64, steps: &[f64]) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    steps.iter().map(|s| s * power).find(|s| *s >= least).unwrap_or(least)
}

/// The first position, then round ones.
fn positions(first: f64, last: f64) -> Vec<f64> {
    // a single position sits in the middle of the axis
    if last - first <= 1.0 && first.fract() != 0.0 {
        return vec![(first + last) / 2.0];
    }
    let step = round_step((last - first) / 6.0, &[1.0, 2.0, 5.0, 10.0]).max(1.0);
    // the first position is 1 as a rule: a tick at step/2 next to it would be crowded
    let round = multiples(step, last, step).into_iter().filter(|v| v - first >= 0.6 * step);
    std::iter::once(first).chain(round).collect()
}

/// A power as raised digits.
pub fn superscript(power: i32) -> String {
    let digit = |c: char| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        c => char::from_u32(0x2070 + (c as u32 - '0' as u32)).unwrap_or(c),
    };
    power.to_string().chars().map(digit).collect()
}

/// A number in a few characters: 0.05, 2.5, 320, 12k, 3M, 4G.
///
/// ```
/// assert_eq!(trainer::plot::short(12_345.0), "12k");
/// ```
pub fn short(value: f64) -> String {
    let trim = |text: String| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    };
    let size = value.abs();
    let units = [(1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    match units.iter().find(|(unit, _)| size >= *unit * 0.9995) {
        Some((unit, letter)) if size / unit < 9.995 => trim(format!("{:.1}", value / unit)) + letter,
        Some((unit, letter)) => format!("{:.0}{letter}", value / unit),
        None if size == 0.0 => "0".into(),
        None if size >= 99.95 => format!("{value:.0}"),
        None if size >= 0.0995 => trim(format!("{value:.2}")),
        None if size >= 0.001 => trim(format!("{value:.3}")),
        None => format!("{value:.0e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_few_and_readable() {
        for (spacing, low, high) in [
            (Spacing::Log2, 0.0, 24.0),
            (Spacing::Log10, 0.0, 7.0),
            (Spacing::Log10, 1.0, 2.0),
            (Spacing::Linear, 0.0, 0.83),
        ] {
            let ticks = Axis::new("", spacing).ticks(low, high);
            assert!((3..=13).contains(&ticks.len()), "{spacing:?}: {ticks:?}");
        }
        assert_eq!(Axis::new("", Spacing::Log2).ticks(10.0, 12.0)[2].1, "2¹²");
        let words = [0.0, 0.05, 2.5, 320.0, 1_500.0, 12_000.0, 999_900.0, 3.24e6, 4e9].map(short);
        assert_eq!(words, ["0", "0.05", "2.5", "320", "1.5k", "12k", "1M", "3.2M", "4G"]);
    }

    #[test]
    fn ticks_of_positions_begin_at_the_first() {
        let labels = |spacing: Spacing, low: f64, high: f64| -> Vec<String> {
            let axis = Axis { ticks: Ticks::Positions, ..Axis::new("", spacing) };
            axis.ticks(low, high).into_iter().map(|(_, label)| label).collect()
        };
        assert_eq!(labels(Spacing::Log10, 0.0, 2.0), ["1", "2", "5", "10", "20", "50", "100"]);
        assert_eq!(labels(Spacing::Linear, 1.0, 100.0), ["1", "20", "40", "60", "80", "100"]);
        assert_eq!(labels(Spacing::Linear, 6.5, 7.5), ["7"], "a single position, in the middle of its axis");
        for last in [2.0, 3.0, 9.0, 37.0, 200.0, 1000.0] {
            let found = labels(Spacing::Linear, 1.0, last);
            assert!((2..=8).contains(&found.len()), "{last}: {found:?}");
        }
    }

    #[test]
    fn an_axis_of_tens_ends_at_whole_tens_around_its_values() {
        let axis = Axis { ticks: Ticks::Tens, ..Axis::percent("accuracy") };
        let labels = |values: &[f64]| -> Vec<String> {
            let (low, high) = axis.roomy_ends(values.iter().copied());
            axis.ticks(low, high).into_iter().map(|(_, label)| label).collect()
        };
        assert_eq!(labels(&[0.1, 0.81]), ["0", "20", "40", "60", "80"]);
        assert_eq!(labels(&[0.72, 0.93]), ["70", "80", "90", "100"]);
        assert_eq!(labels(&[0.5]), ["40", "50", "60"]);
        assert_eq!(axis.roomy_ends([0.1, 0.81].into_iter()), (0.0, 0.9));
        assert_eq!(axis.roomy_ends([0.99, 1.0].into_iter()), (0.9, 1.0));
    }
}
