//! From the values of a table to the inputs of a learner.
//!
//! Everything is learned from the shown rows alone: means, scales, replacements of missing values. Values stay f64 until
//! they are on that scale, so that timestamps, coordinates and counters keep their digits. What then says which inputs are
//! columns, and which of them matter, is in `axes`.

use crate::axes::{Axes, Block};
use crate::column::{Column, Kind, Values};
use crate::error::TableError;
use crate::table::Table;

/// Most inputs that a table can become.
pub const MOST_INPUTS: usize = 1024;
/// Far outside of what was shown, one column is not to drown the others.
const FARTHEST: f64 = 30.0;
/// Excess kurtosis from which a column's tails count as heavy: four times a Laplace distribution's.
const HEAVY: f64 = 12.0;

/// One input of the learner.
#[derive(Debug, Clone, PartialEq)]
struct Input {
    /// Place of the column in the table.
    column: usize,
    /// What of the column it is.
    part: Part,
    /// Brings tails in, if they are heavy.
    bend: Option<Bend>,
    mean: f64,
    /// 1 over the standard deviation; 0 for an input that is the same in all shown rows.
    inverse: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Part {
    /// Its value; where it is missing, this.
    Value(f64),
    /// Whether its value is missing.
    Missing,
    /// Whether it is this word.
    Word(u32),
}

/// asinh of the distance from the median in interquartile ranges: straight in the middle, a logarithm far out.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bend {
    median: f64,
    range: f64,
}

impl Bend {
    fn apply(self, value: f64) -> f64 {
        // beyond f64 nothing could be told apart, and its mean would be none
        ((value - self.median) / self.range).clamp(f64::MIN, f64::MAX).asinh()
    }
}

/// How rows of a table become inputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Inputs {
    inputs: Vec<Input>,
    axes: Axes,
}

impl Inputs {
    /// Learns scales, and which columns matter, from the rows that are shown and their classes. A row that is asked about must
    /// not be among them.
    ///
    /// # Errors
    /// More than [`MOST_INPUTS`] inputs.
    pub fn of(table: &Table, shown: &[usize]) -> Result<Inputs, TableError> {
        let (mut found, blocks) = Inputs::and_blocks(table, shown)?;
        let scaled: Vec<f32> = shown.iter().flat_map(|row| found.row(table, *row)).collect();
        let labels: Vec<Option<u32>> = shown.iter().map(|row| table.labels[*row]).collect();
        found.axes = Axes::of(&blocks, &scaled, &labels);
        Ok(found)
    }

    /// Learns scales alone: every input with mean 0 and variance 1, for learners that are no set learners.
    ///
    /// # Errors
    /// As [`Inputs::of`].
    pub fn on_scale(table: &Table, shown: &[usize]) -> Result<Inputs, TableError> {
        Ok(Inputs::and_blocks(table, shown)?.0)
    }

    fn and_blocks(table: &Table, shown: &[usize]) -> Result<(Inputs, Vec<Block>), TableError> {
        let count: usize = table.columns.iter().filter(|column| column.used()).map(spread).sum();
        // asked first: a file may declare any number of words, and each input costs a look at every row
        if count > MOST_INPUTS {
            return Err(TableError::new(format!(
                "it becomes {count} inputs (each word of a column of words is one), and the most are {MOST_INPUTS}. Leave \
                 columns out"
            )));
        }
        let (mut inputs, mut blocks) = (Vec::with_capacity(count), Vec::new());
        for (at, column) in table.columns.iter().enumerate().filter(|(_, column)| column.used()) {
            match (&column.kind, &column.values) {
                (Kind::Category(_), Values::Words(_)) => {
                    inputs.extend((0..spread(column) as u32).map(|word| fitted(column, at, Part::Word(word), shown)));
                    blocks.push(Block { inputs: spread(column), number: false });
                }
                (_, Values::Numbers(values)) => {
                    let known: Vec<f64> =
                        shown.iter().map(|row| values[*row]).filter(|value| !value.is_nan()).collect();
                    inputs.push(fitted(column, at, Part::Value(moments(&known).0), shown));
                    blocks.push(Block { inputs: 1, number: true });
                    if column.missing > 0 {
                        inputs.push(fitted(column, at, Part::Missing, shown));
                        blocks.push(Block { inputs: 1, number: false });
                    }
                }
                _ => unreachable!("categories have words, other kinds have numbers"),
            }
        }
        let axes = Axes::none(&blocks);
        Ok((Inputs { inputs, axes }, blocks))
    }

    /// X: inputs of a row, the same for any rows that are shown.
    pub fn width(&self) -> usize {
        self.axes.width()
    }

    /// The inputs of a row of the table.
    ///
    /// # Shapes
    /// `[X]`
    pub fn row(&self, table: &Table, row: usize) -> Vec<f32> {
        self.axes.apply(&scaled(&self.inputs, |column| &table.columns[column].values, row))
    }

    /// The inputs of rows of other values in the columns of the same table; see [`Column::values_of`].
    ///
    /// # Shapes
    /// `values` one for each column of the table; the result `[X]`
    pub fn other(&self, values: &[Values], row: usize) -> Vec<f32> {
        self.axes.apply(&scaled(&self.inputs, |column| &values[column], row))
    }
}

/// Inputs of a row at mean 0 and variance 1.
fn scaled<'a>(inputs: &[Input], values: impl Fn(usize) -> &'a Values, row: usize) -> Vec<f32> {
    inputs.iter().map(|input| input.of(raw(values(input.column), input.part, row))).collect()
}

/// Inputs that a column becomes, before `axes`.
fn spread(column: &Column) -> usize {
    match &column.kind {
        // two words are one question
        Kind::Category(words) if words.len() == 2 && column.missing == 0 => 1,
        Kind::Category(words) => words.len(),
        _ => 1 + usize::from(column.missing > 0),
    }
}

impl Input {
    fn of(&self, raw: f64) -> f32 {
        let value = self.bend.map_or(raw, |bend| bend.apply(raw));
        if self.inverse == 0.0 {
            // also where the distance from the mean is beyond f64
            return 0.0;
        }
        ((value - self.mean) * self.inverse).clamp(-FARTHEST, FARTHEST) as f32
    }
}

/// A value before it is brought to scale.
fn raw(values: &Values, part: Part, row: usize) -> f64 {
    match (values, part) {
        (Values::Numbers(values), Part::Value(replacement)) => {
            if values[row].is_nan() {
                replacement
            } else {
                values[row]
            }
        }
        (Values::Numbers(values), Part::Missing) => f64::from(u8::from(values[row].is_nan())),
        (Values::Words(values), Part::Word(word)) => f64::from(u8::from(values[row] == Some(word))),
        _ => 0.0,
    }
}

/// An input with its scale, from the shown rows.
fn fitted(column: &Column, at: usize, part: Part, shown: &[usize]) -> Input {
    let values: Vec<f64> = shown.iter().map(|row| raw(&column.values, part, *row)).collect();
    let bend = if matches!(part, Part::Value(_)) { bend(&values) } else { None };
    let bent: Vec<f64> = values.iter().map(|value| bend.map_or(*value, |bend| bend.apply(*value))).collect();
    let (mean, deviation) = moments(&bent);
    // rounding leaves a constant column with a little spread, which must not be blown up
    let largest = bent.iter().fold(0.0f64, |most, value| most.max(value.abs()));
    let inverse = if deviation > 1e-12 * largest && deviation > 0.0 { 1.0 / deviation } else { 0.0 };
    Input { column: at, part, bend, mean, inverse }
}

/// Mean and standard deviation.
fn moments(values: &[f64]) -> (f64, f64) {
    let (mean, deviation) = plain_moments(values);
    if deviation.is_finite() {
        return (mean, deviation);
    }
    // sums or squares were beyond f64: 2⁻⁶⁰⁰ of each value is not, and is exact
    let scale = 2f64.powi(-600);
    let small: Vec<f64> = values.iter().map(|value| value * scale).collect();
    let (mean, deviation) = plain_moments(&small);
    (mean / scale, deviation / scale)
}

fn plain_moments(values: &[f64]) -> (f64, f64) {
    let count = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / count;
    let square = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    (mean, square.sqrt())
}

/// How to bring the tails of a column in, if they are heavy.
fn bend(values: &[f64]) -> Option<Bend> {
    let (mean, deviation) = moments(values);
    if values.len() < 20 || deviation <= 0.0 || !deviation.is_finite() {
        return None;
    }
    let fourth = values.iter().map(|value| ((value - mean) / deviation).powi(4)).sum::<f64>() / values.len() as f64;
    if fourth - 3.0 < HEAVY {
        return None;
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let quantile = |part: f64| sorted[((sorted.len() - 1) as f64 * part).round() as usize];
    let range = quantile(0.75) - quantile(0.25);
    (range > 0.0).then(|| Bend { median: quantile(0.5), range })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delimited;
    use crate::table::Choices;

    fn table(text: &str) -> Table {
        Table::new(delimited::read(text).unwrap(), &Choices::default()).unwrap()
    }

    #[test]
    fn columns_come_on_the_scale_of_what_is_shown() {
        let table = table(
            "x,colour,size,kind\n1,red,small,a\n3,blue,large,b\n5,green,small,a\n,red,large,b\n3,red,small,a\n3,red,small,b\n",
        );
        let inputs = Inputs::on_scale(&table, &[0, 1, 2, 3]).unwrap();
        // x, whether it is missing, three colours, one of two sizes; and eight ramps of x
        assert_eq!((inputs.width(), Inputs::of(&table, &[0, 1, 2, 3]).unwrap().width()), (6, 14));
        let row = inputs.row(&table, 3);
        assert_eq!(row[0], 0.0, "the mean of 1, 3 and 5 stands for what is missing");
        assert!(row[1] > 1.0 && inputs.row(&table, 0)[1] < 0.0);
        assert_eq!(inputs.row(&table, 0)[5], -inputs.row(&table, 1)[5]);
        // unknown words and unreadable numbers are missing
        let values = [
            table.columns[0].values_of(&["x"]),
            table.columns[1].values_of(&["pink"]),
            table.columns[2].values_of(&["small"]),
            table.columns[3].values_of(&[""]),
        ];
        let other = inputs.other(&values, 0);
        assert_eq!((other[0], other[1]), (row[0], row[1]));
        assert!(other[2..5].iter().all(|value| *value < 0.0));
    }

    #[test]
    fn classes_of_the_shown_rows_alone_weigh_columns() {
        let rows: String = (0..24)
            .map(|at| {
                format!(
                    "{},{},{}\n",
                    f64::from(at % 2) + 0.01 * f64::from(at),
                    at * 7 % 11,
                    ["a", "b"][at as usize % 2]
                )
            })
            .collect();
        let first = table(&rows);
        // other classes of the last rows, which are not shown
        let second = table(
            &rows
                .lines()
                .enumerate()
                .fold(String::new(), |text, (at, line)| text + if at < 16 { line } else { "0.5,3,a" } + "\n"),
        );
        let shown: Vec<usize> = (0..16).collect();
        let of = |table: &Table| Inputs::of(table, &shown).unwrap().row(table, 0);
        assert_eq!(of(&first), of(&second));
        let spread =
            |inputs: &Inputs, at: usize| shown.iter().map(|row| inputs.row(&first, *row)[at].powi(2)).sum::<f32>();
        let inputs = Inputs::of(&first, &shown).unwrap();
        assert!(spread(&inputs, 0) > 3.0 * spread(&inputs, inputs.width() / 2), "the first column is the class");
    }

    #[test]
    fn large_offsets_keep_their_digits() {
        let rows: String =
            (0..40).map(|at| format!("{},{}\n", 1_764_288_000 + at * 37 % 1000, ["a", "b"][at % 2])).collect();
        let near: String = (0..40).map(|at| format!("{},{}\n", at * 37 % 1000, ["a", "b"][at % 2])).collect();
        let (far, near) = (table(&rows), table(&near));
        let shown: Vec<usize> = (0..40).collect();
        let of = |table: &Table| {
            let inputs = Inputs::of(table, &shown).unwrap();
            shown.iter().flat_map(|row| inputs.row(table, *row)).collect::<Vec<f32>>()
        };
        let worst = of(&far).iter().zip(of(&near)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst < 1e-6, "{worst}");
    }

    #[test]
    fn values_at_the_end_of_f64_are_finite_inputs() {
        for text in ["1.7e308,a\n1.6e308,b\n-1.7e308,a\n1.5e308,b\n", "1e300,a\n2e300,b\n3e300,a\n-4e300,b\n"] {
            let table = table(text);
            let inputs = Inputs::of(&table, &[0, 1, 2, 3]).unwrap();
            let values: Vec<f32> = (0..4).map(|row| inputs.row(&table, row)[0]).collect();
            assert!((0..4).all(|row| inputs.row(&table, row).iter().all(|value| value.is_finite())), "{text}");
            let distinct: std::collections::BTreeSet<u32> = values.iter().map(|value| value.to_bits()).collect();
            assert_eq!(distinct.len(), 4, "{values:?}");
            let far = inputs.other(&[Values::Numbers(vec![-1.7e308])], 0);
            assert!(far.iter().all(|value| value.is_finite()));
        }
    }

    #[test]
    fn one_value_far_out_does_not_press_the_others_together() {
        let rows: String = (0..60)
            .map(|at| {
                format!(
                    "{},{}\n",
                    if at == 7 { 1e9 } else { f64::from(at * 7 % 13) + 0.5 },
                    ["a", "b"][at as usize % 2]
                )
            })
            .collect();
        let table = table(&rows);
        let shown: Vec<usize> = (0..60).collect();
        let inputs = Inputs::of(&table, &shown).unwrap();
        let rows: Vec<Vec<f32>> = shown.iter().filter(|row| **row != 7).map(|row| inputs.row(&table, *row)).collect();
        let spread = |at: usize| {
            let values = || rows.iter().map(|row| row[at]);
            values().fold(f32::MIN, f32::max) - values().fold(f32::MAX, f32::min)
        };
        let spreads: Vec<f32> = (0..inputs.width()).map(spread).collect();
        assert!(spreads[0] > 0.3 && spreads.iter().map(|value| value * value).sum::<f32>() > 0.5, "{spreads:?}");
        assert!(inputs.row(&table, 7).iter().all(|value| value.is_finite()));
    }
}
