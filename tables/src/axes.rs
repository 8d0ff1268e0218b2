//! Columns, for a learner that sees none.
//!
//! A learner of inner products and distances is the same after any rotation of its inputs, so that it cannot know that one
//! column is worth more than another, or that a value counts by being above some other. Three things say so:
//!
//! - **Ramps.** Beside its value z a column of numbers has [`RAMPS`] ramps clamp((z − t)/w, 0, 1), which divide the range of the
//!   shown rows: a thermometer code with soft steps (Buckman and others, 2018). The squared distance of two rows along them grows
//!   with |z − z′| and not its square, as in the Laplace kernel (Rahimi and Recht, 2007, get the same from random bins), and
//!   values far out end at the last ramp.
//! - **One weight for a column.** All inputs of a column have variance 1 together, be they ramps or fifty words.
//! - **Relevance.** Columns that tell the classes of the shown rows apart weigh more: r is the largest share of variance
//!   between classes among a column's inputs, adjusted for chance (Kelley's ε², 1935), and the variance of the column becomes
//!   (r + k/N)/(r̄ + k/N), with r̄ the mean over the columns and k = [`DOUBT`]. With few rows all columns weigh alike.
//!
//! Labels come in through one number for each column, shrunk as above: what is shown looks little more separable than what
//! will be asked about.

/// Ramps of a column of numbers, where there is room.
const RAMPS: usize = 8;
/// Inputs of a row, ramps among them, that a table should not exceed: `general` and `drawing` take as many unprojected.
const ROOM: usize = 784;
/// Share of a column's variance that its ramps have.
const RAMPED: f64 = 2.0 / 3.0;
/// Standard deviations from the mean up to which ramps reach, for one row far out would leave the others to one ramp.
const REACH: f64 = 3.0;
/// k: N rows count as much as what is believed without them where the relevance is k/N.
const DOUBT: f64 = 2.0;

/// Inputs that belong together, as they lie beside each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Block {
    /// How many there are.
    pub inputs: usize,
    /// Whether it is one value on a scale, which gets ramps.
    pub number: bool,
}

/// What a block becomes.
#[derive(Debug, Clone, PartialEq)]
struct Axis {
    block: Block,
    /// Factor of its inputs.
    gain: f64,
    /// Where its first ramp begins, and the width of each.
    from: f64,
    width: f64,
    /// Mean of each ramp over the shown rows.
    means: Vec<f64>,
    /// Factor of its ramps.
    ramp_gain: f64,
}

impl Axis {
    fn ramp(&self, at: usize, value: f64) -> f64 {
        ((value - self.from) / self.width - at as f64).clamp(0.0, 1.0)
    }

    /// # Shapes
    /// `inputs` `[block.inputs]`
    fn apply(&self, inputs: &[f32], out: &mut Vec<f32>) {
        out.extend(inputs.iter().map(|value| (f64::from(*value) * self.gain) as f32));
        let ramps = self.means.iter().enumerate();
        out.extend(ramps.map(|(at, mean)| ((self.ramp(at, f64::from(inputs[0])) - mean) * self.ramp_gain) as f32));
    }
}

/// How inputs on their scale become those of a learner.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Axes {
    axes: Vec<Axis>,
    width: usize,
}

impl Axes {
    /// Learns ramps and weights from the shown rows; `labels` are their classes, of those that have one.
    ///
    /// # Shapes
    /// `shown` `[N, Σ inputs of the blocks]`, `labels` `[N]`; every input has mean 0 and variance 1 or 0
    pub(crate) fn of(blocks: &[Block], shown: &[f32], labels: &[Option<u32>]) -> Axes {
        let scaled: usize = blocks.iter().map(|block| block.inputs).sum();
        let numbers = blocks.iter().filter(|block| block.number).count();
        let ramps = match ROOM.saturating_sub(scaled).checked_div(numbers).unwrap_or(0).min(RAMPS) {
            // one ramp is the value itself
            1 => 0,
            ramps => ramps,
        };
        let mut first = 0;
        let (mut axes, mut relevances) = (Vec::with_capacity(blocks.len()), Vec::with_capacity(blocks.len()));
        for &block in blocks {
            let column = |at: usize| -> Vec<f64> {
                shown.iter().skip(first + at).step_by(scaled).map(|value| f64::from(*value)).collect()
            };
            let columns: Vec<Vec<f64>> = (0..block.inputs).map(column).collect();
            let (axis, ramped) = axis(block, &columns, ramps);
            relevances.push(columns.iter().chain(&ramped).map(|values| relevance(values, labels)).fold(0.0, f64::max));
            axes.push(axis);
            first += block.inputs;
        }
        let doubt = DOUBT / labels.len().max(1) as f64;
        let mean = relevances.iter().sum::<f64>() / relevances.len().max(1) as f64;
        for (axis, relevance) in axes.iter_mut().zip(relevances) {
            let weight = ((relevance + doubt) / (mean + doubt)).sqrt();
            axis.gain *= weight;
            axis.ramp_gain *= weight;
        }
        let width = scaled + axes.iter().map(|axis| axis.means.len()).sum::<usize>();
        Axes { axes, width }
    }

    /// Every input as it is.
    pub(crate) fn none(blocks: &[Block]) -> Axes {
        let axis =
            |block: &Block| Axis { block: *block, gain: 1.0, from: 0.0, width: 1.0, means: Vec::new(), ramp_gain: 0.0 };
        Axes { axes: blocks.iter().map(axis).collect(), width: blocks.iter().map(|block| block.inputs).sum() }
    }

    /// Inputs that a row becomes.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    /// # Shapes
    /// `row` `[Σ inputs of the blocks]`; the result `[width]`
    pub(crate) fn apply(&self, row: &[f32]) -> Vec<f32> {
        let mut out = Vec::with_capacity(self.width);
        let mut rest = row;
        for axis in &self.axes {
            let (inputs, others) = rest.split_at(axis.block.inputs);
            axis.apply(inputs, &mut out);
            rest = others;
        }
        out
    }
}

/// An axis of variance 1, and its ramps over the shown rows.
///
/// # Shapes
/// `columns` `[inputs, N]`; the second result `[ramps, N]`
fn axis(block: Block, columns: &[Vec<f64>], ramps: usize) -> (Axis, Vec<Vec<f64>>) {
    let variance: f64 = columns.iter().map(|values| moments(values).1).sum();
    let mut axis =
        Axis { block, gain: 1.0 / variance.max(1.0).sqrt(), from: 0.0, width: 1.0, means: Vec::new(), ramp_gain: 0.0 };
    if !block.number || ramps == 0 {
        return (axis, Vec::new());
    }
    let least = columns[0].iter().copied().fold(f64::INFINITY, f64::min).max(-REACH);
    let most = columns[0].iter().copied().fold(f64::NEG_INFINITY, f64::max).min(REACH);
    if most <= least {
        // a constant here may not be one in other rows of the table, whose inputs are as many
        axis.means = vec![0.0; ramps];
        return (axis, Vec::new());
    }
    (axis.from, axis.width) = (least, (most - least) / ramps as f64);
    let ramped: Vec<Vec<f64>> =
        (0..ramps).map(|at| columns[0].iter().map(|value| axis.ramp(at, *value)).collect()).collect();
    let (means, variances): (Vec<f64>, Vec<f64>) = ramped.iter().map(|values| moments(values)).unzip();
    axis.means = means;
    // some row lies at each end, or beyond, and they differ
    axis.ramp_gain = (RAMPED / variances.iter().sum::<f64>()).sqrt();
    axis.gain = (1.0 - RAMPED).sqrt();
    (axis, ramped)
}

/// Mean and variance.
fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    (mean, values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count)
}

/// ε²: the share of variance that lies between classes, adjusted for chance; below 0 where there is less than by chance.
fn relevance(values: &[f64], labels: &[Option<u32>]) -> f64 {
    let known: Vec<(f64, usize)> =
        values.iter().zip(labels).filter_map(|(value, label)| label.map(|label| (*value, label as usize))).collect();
    let classes = known.iter().map(|(_, label)| label + 1).max().unwrap_or(0);
    let mut sums = vec![(0.0, 0usize); classes];
    for (value, label) in &known {
        sums[*label].0 += value;
        sums[*label].1 += 1;
    }
    let present = sums.iter().filter(|(_, count)| *count > 0).count();
    let total = moments(&known.iter().map(|(value, _)| *value).collect::<Vec<_>>()).1 * known.len() as f64;
    if known.len() <= present || total <= 1e-9 * known.len() as f64 {
        return 0.0;
    }
    let within: f64 = known.iter().map(|(value, label)| (value - sums[*label].0 / sums[*label].1 as f64).powi(2)).sum();
    1.0 - within / (known.len() - present) as f64 / (total / (known.len() - 1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: Block = Block { inputs: 1, number: true };

    fn standardised(columns: &[Vec<f64>]) -> Vec<f32> {
        let scaled: Vec<Vec<f64>> = columns
            .iter()
            .map(|values| {
                let (mean, variance) = moments(values);
                values.iter().map(|value| (value - mean) / variance.sqrt()).collect()
            })
            .collect();
        (0..columns[0].len()).flat_map(|row| scaled.iter().map(move |values| values[row] as f32)).collect()
    }

    fn distance(a: &[f32], b: &[f32]) -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum()
    }

    /// Variance of some inputs over the shown rows.
    fn variance(axes: &Axes, shown: &[f32], width: usize, inputs: std::ops::Range<usize>) -> f64 {
        let rows: Vec<Vec<f32>> = shown.chunks_exact(width).map(|row| axes.apply(row)).collect();
        inputs.map(|at| moments(&rows.iter().map(|row| f64::from(row[at])).collect::<Vec<_>>()).1).sum()
    }

    #[test]
    fn a_column_has_one_weight_however_many_inputs_it_has() {
        // a number, three words and a constant, none of which says anything of the classes
        let number: Vec<f64> = (0..60).map(|at| f64::from(at % 10)).collect();
        let word = |word: usize| (0..60).map(|at| f64::from(u8::from(at / 10 % 3 == word))).collect::<Vec<f64>>();
        let rows = standardised(&[number, word(0), word(1), word(2)]);
        let rows: Vec<f32> = rows.chunks_exact(4).flat_map(|row| [row, &[0.0]].concat()).collect();
        let labels: Vec<Option<u32>> = (0..60).map(|at| Some(at / 30)).collect();
        let blocks = [NUMBER, Block { inputs: 3, number: false }, NUMBER];
        let axes = Axes::of(&blocks, &rows, &labels);
        assert_eq!(axes.width(), 1 + RAMPS + 3 + 1 + RAMPS, "the same for any rows");
        let none: Vec<Option<u32>> = vec![None; 60];
        let even = Axes::of(&blocks, &rows, &none);
        for range in [0..1 + RAMPS, 1 + RAMPS..4 + RAMPS] {
            let found = variance(&even, &rows, 5, range);
            assert!((found - 1.0).abs() < 1e-5, "{found}");
        }
        assert!(even.apply(&[0.0, 0.0, 0.0, 0.0, 5.0])[5 + RAMPS..].iter().all(|value| *value == 0.0));
    }

    #[test]
    fn ramps_measure_along_the_axis_and_end_where_the_shown_rows_do() {
        let values: Vec<f64> = (0..81).map(f64::from).collect();
        let rows = standardised(&[values]);
        let axes = Axes::of(&[NUMBER], &rows, &vec![None; 81]);
        let ramps = |at: usize| axes.apply(&rows[at..at + 1])[1..].to_vec();
        let (near, far) = (distance(&ramps(0), &ramps(20)), distance(&ramps(0), &ramps(80)));
        assert!(
            (far / near - 4.0).abs() < 1e-4,
            "four times as far is four times the squared distance: {}",
            far / near
        );
        assert_eq!(axes.apply(&[1e6])[1..], axes.apply(&[rows[80]])[1..]);
    }

    #[test]
    fn columns_that_tell_classes_apart_weigh_more_the_more_rows_say_so() {
        let weights = |count: u32| {
            let telling = (0..count).map(|at| f64::from(at % 2) * 3.0 + f64::from(at * 7 % 5) * 0.2).collect();
            let noise = (0..count).map(|at| f64::from(at * 13 % 11)).collect();
            let rows = standardised(&[telling, noise]);
            let labels: Vec<Option<u32>> = (0..count).map(|at| Some(at % 2)).collect();
            let axes = Axes::of(&[NUMBER, NUMBER], &rows, &labels);
            let half = axes.width() / 2;
            (variance(&axes, &rows, 2, 0..half), variance(&axes, &rows, 2, half..2 * half))
        };
        let (few, many) = (weights(4), weights(400));
        assert!(few.0 > few.1 && few.0 / few.1 < 4.0, "{few:?}");
        assert!(many.0 / many.1 > 20.0, "{many:?}");
        assert!((many.0 + many.1 - 2.0).abs() < 1e-3, "{many:?}");
    }

    #[test]
    fn a_threshold_in_the_middle_is_relevant() {
        // class 1 in the middle of the range: the value itself says nothing
        let values: Vec<f64> = (0..90).map(f64::from).collect();
        let labels: Vec<Option<u32>> = (0..90).map(|at| Some(u32::from((30..60).contains(&at)))).collect();
        let noise: Vec<f64> = (0..90).map(|at| f64::from(at * 37 % 89)).collect();
        let rows = standardised(&[values, noise]);
        let axes = Axes::of(&[NUMBER, NUMBER], &rows, &labels);
        let half = axes.width() / 2;
        assert!(variance(&axes, &rows, 2, 0..half) > 1.5 * variance(&axes, &rows, 2, half..2 * half));
    }

    #[test]
    fn rows_fewer_than_classes_weigh_columns_alike() {
        let rows = standardised(&[vec![1.0, 2.0, 4.0], vec![3.0, 1.0, 2.0]]);
        let one = Axes::of(&[NUMBER, NUMBER], &rows, &[Some(0), Some(1), Some(2)]);
        assert_eq!(one, Axes::of(&[NUMBER, NUMBER], &rows, &[None; 3]));
        assert_eq!(Axes::of(&[], &[], &[]).apply(&[]), [0f32; 0]);
    }

    #[test]
    fn many_columns_have_fewer_ramps_and_very_many_none() {
        for (columns, ramps) in [(87, 8), (100, 6), (261, 2), (262, 0), (1000, 0)] {
            let rows: Vec<f32> = (0..2 * columns).map(|at| if at < columns { -1.0 } else { 1.0 }).collect();
            let axes = Axes::of(&vec![NUMBER; columns], &rows, &[Some(0), Some(1)]);
            assert_eq!(axes.width(), columns * (1 + ramps), "{columns} columns");
            assert!(axes.width() <= ROOM.max(columns));
        }
    }
}
