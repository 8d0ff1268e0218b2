//! A learning curve on a visitor's own data: which rows are shown and which are asked about, and what comes of it.
//! Plain data and pure functions, as the trainer's evaluation would do it on the same rows.

use shaders::input::pixels;
use shaders::random;

/// Numbers of shown examples, as far as the data allow.
const COUNTS: [usize; 6] = [2, 5, 10, 20, 50, 100];
/// Random orders of the rows.
pub const ORDERS: usize = 8;
/// Rows that are asked about in each order.
const MOST_QUERIES: usize = 60;
/// Fewest of them.
const FEWEST_QUERIES: usize = 3;
/// Two-sided 95 % quantile of Student's t with [`ORDERS`] − 1 degrees of freedom.
const STUDENT: f64 = 2.365;

/// Side of pooled pictures.
const POOLED: usize = 14;

/// What the examples are.
#[derive(Debug, Clone, PartialEq)]
pub struct Data {
    /// Where it came from.
    pub name: String,
    /// What it is, in words.
    pub words: String,
    /// Height, width and channels of an example; a table row has height 1.
    pub size: (usize, usize, usize),
    /// `[M, D]`
    pub values: Vec<f32>,
    /// `[M]`
    pub labels: Vec<u32>,
    /// Names of the classes.
    pub classes: Vec<String>,
}

impl Data {
    /// D.
    pub fn width(&self) -> usize {
        self.size.0 * self.size.1 * self.size.2
    }

    /// Whether examples are rows of a table, whose columns have scales of their own.
    pub fn table(&self) -> bool {
        self.size.0 == 1
    }

    /// What the learner makes of raw values before it compares them: pictures are pooled and each is brought to one
    /// brightness and contrast, as its file says for all learners that ship; table rows stay as they are.
    pub fn features(&self, rows: &[f32]) -> Vec<f32> {
        if self.table() {
            return rows.to_vec();
        }
        let pooled = |row: &[f32]| {
            let mut values = pixels::pool(row, self.size, POOLED).expect("pictures have the size of their data");
            pixels::standardise(&mut values);
            values
        };
        rows.chunks_exact(self.width()).flat_map(pooled).collect()
    }

    /// Values of these examples one after another.
    pub fn rows(&self, chosen: &[usize]) -> Vec<f32> {
        let width = self.width();
        chosen.iter().flat_map(|&i| &self.values[i * width..(i + 1) * width]).copied().collect()
    }
}

/// One random order: the first are shown, in that order, the last are asked about.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// Rows to be shown.
    pub shown: Vec<usize>,
    /// Rows to be asked about.
    pub queries: Vec<usize>,
}

/// Which numbers of examples are shown, and the orders.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Ascending.
    pub counts: Vec<usize>,
    /// [`ORDERS`] of them.
    pub orders: Vec<Order>,
}

/// A plan for data of `rows` rows, of which a learner takes at most `most`.
pub fn plan(rows: usize, most: usize) -> Plan {
    let queries = (rows / 3).clamp(FEWEST_QUERIES.min(rows), MOST_QUERIES);
    let largest = rows.saturating_sub(queries).min(most);
    let mut counts: Vec<usize> = COUNTS.into_iter().filter(|count| *count <= largest).collect();
    // what is left between two numbers is worth a point where it is the end
    if largest < COUNTS[COUNTS.len() - 1] && counts.last().is_some_and(|last| 3 * largest > 4 * last) {
        counts.push(largest);
    }
    let shown = counts.last().copied().unwrap_or(0);
    let orders = (0..ORDERS)
        .map(|order| {
            let mut stream = random::stream(order as u64, "page trial order", rows as u64);
            let mut all: Vec<usize> = (0..rows).collect();
            for i in 0..rows {
                let other = i + random::below(rows - i, &mut stream);
                all.swap(i, other);
            }
            Order { shown: all[..shown].to_vec(), queries: all[rows - queries..].to_vec() }
        })
        .collect();
    Plan { counts, orders }
}

/// Brings every column to mean 0 and mean square 1 by what the shown rows say of it; one that does not vary there
/// becomes 0 there.
#[derive(Debug, Clone, PartialEq)]
pub struct Scale {
    mean: Vec<f32>,
    inverse: Vec<f32>,
}

impl Scale {
    /// From shown rows `[N, D]`.
    pub fn of(shown: &[f32], width: usize) -> Scale {
        let rows = (shown.len() / width.max(1)).max(1) as f64;
        let (mut mean, mut square) = (vec![0f64; width], vec![0f64; width]);
        for row in shown.chunks_exact(width) {
            mean.iter_mut().zip(row).for_each(|(m, v)| *m += f64::from(*v) / rows);
        }
        for row in shown.chunks_exact(width) {
            square.iter_mut().zip(row).zip(&mean).for_each(|((s, v), m)| *s += (f64::from(*v) - m).powi(2) / rows);
        }
        let inverse = mean.iter().zip(&square).map(|(mean, square)| {
            // rounding leaves a constant column with a little spread, which must not be blown up
            if square.sqrt() > 1e-6 * mean.abs().max(1e-6) { (1.0 / square.sqrt()) as f32 } else { 0.0 }
        });
        Scale { inverse: inverse.collect(), mean: mean.iter().map(|m| *m as f32).collect() }
    }

    /// Applies it to rows.
    pub fn apply(&self, rows: &mut [f32]) {
        for row in rows.chunks_exact_mut(self.mean.len()) {
            for ((v, mean), inverse) in row.iter_mut().zip(&self.mean).zip(&self.inverse) {
                // far outside of what was shown, one column is not to drown the others
                *v = ((*v - mean) * inverse).clamp(-30.0, 30.0);
            }
        }
    }
}

/// Accuracy of one learner or rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Its name.
    pub name: &'static str,
    /// By count, accuracies of the orders so far, as fractions.
    pub accuracy: Vec<Vec<f64>>,
}

/// Mean and half width of its 95 % interval over orders; no width from one order alone.
pub fn interval(values: &[f64]) -> Option<(f64, Option<f64>)> {
    if values.is_empty() {
        return None;
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let square = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    // while orders are missing the quantile is larger; the interval shown is the final one
    Some((mean, (values.len() == ORDERS).then(|| STUDENT * (square / n).sqrt())))
}

/// Share of queries whose most probable class is the right one.
///
/// # Shapes
/// `scores` `[Q, C]`, `truth` `[Q]`
pub fn accuracy(scores: &[f32], truth: &[u32]) -> f64 {
    let classes = scores.len() / truth.len().max(1);
    let right = |(row, truth): (&[f32], &u32)| {
        let best = (0..classes).fold(0, |best, c| if row[c] > row[best] { c } else { best });
        best == *truth as usize
    };
    let hits = scores.chunks_exact(classes.max(1)).zip(truth).filter(|pair| right((pair.0, pair.1))).count();
    hits as f64 / truth.len().max(1) as f64
}

/// Tables that the page can make by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// Two arms that wind around each other, two columns.
    Spirals,
    /// Clouds around five centres in six columns.
    Clouds,
    /// One ring in another, in a plane that lies askew in ten columns of noise.
    Rings,
}

impl Made {
    /// In the order of the page.
    pub const ALL: [Made; 3] = [Made::Spirals, Made::Clouds, Made::Rings];

    /// For people, and for test ids in lower case.
    pub fn title(self) -> &'static str {
        match self {
            Made::Spirals => "Spirals",
            Made::Clouds => "Clouds",
            Made::Rings => "Rings",
        }
    }

    /// What it is.
    pub fn words(self) -> &'static str {
        match self {
            Made::Spirals => "two intertwined arms, 2 columns",
            Made::Clouds => "five overlapping clouds, 6 columns",
            Made::Rings => "a ring inside a ring, hidden in 10 columns",
        }
    }

    /// The table: always the same.
    pub fn data(self) -> Data {
        use shaders::input::strokes::normal;
        let mut stream = random::stream(self as u64, "page made table", 0);
        let (rows, width, classes): (usize, usize, &[&str]) = match self {
            Made::Spirals => (240, 2, &["left arm", "right arm"]),
            Made::Clouds => (240, 6, &["amber", "blue", "coral", "dune", "elm"]),
            Made::Rings => (240, 10, &["inner", "outer"]),
        };
        let fixed: Vec<f32> = (0..classes.len().max(2) * width).map(|_| normal(&mut stream)).collect();
        let (mut values, mut labels) = (Vec::new(), Vec::new());
        for row in 0..rows {
            let label = row % classes.len();
            let part = random::below(10_000, &mut stream) as f32 / 10_000.0;
            match self {
                Made::Spirals => {
                    let turn = std::f32::consts::TAU * (1.1 * part.sqrt() + 0.12);
                    let sign = if label == 0 { 1.0 } else { -1.0 };
                    let noise = [normal(&mut stream), normal(&mut stream)];
                    values.push(sign * turn * turn.cos() + 0.25 * noise[0]);
                    values.push(sign * turn * turn.sin() + 0.25 * noise[1]);
                }
                Made::Clouds => values.extend((0..width).map(|x| {
                    // columns of very different scales, as tables have them
                    let scale = [1.0, 10.0, 0.01, 1000.0, 3.0, 0.2][x];
                    scale * (1.1 * fixed[label * width + x] + normal(&mut stream))
                })),
                Made::Rings => {
                    let (sin, cos) = (std::f32::consts::TAU * part).sin_cos();
                    let radius = if label == 0 { 1.0 } else { 2.4 } + 0.15 * normal(&mut stream);
                    values.extend(
                        (0..width)
                            .map(|x| radius * (cos * fixed[x] + sin * fixed[width + x]) + 0.15 * normal(&mut stream)),
                    );
                }
            }
            labels.push(label as u32);
        }
        let words = format!("{rows} rows, {}", self.words());
        let classes = classes.iter().map(|name| name.to_string()).collect();
        Data { name: self.title().to_owned(), words, size: (1, width, 1), values, labels, classes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shaders::baselines::{Baseline, predict};

    #[test]
    fn nothing_is_shown_and_asked_about() {
        for rows in [6, 10, 31, 100, 5000] {
            let plan = plan(rows, 1024);
            assert_eq!(plan.orders.len(), ORDERS);
            assert!(!plan.counts.is_empty() && plan.counts.is_sorted(), "{rows} rows: {:?}", plan.counts);
            for order in &plan.orders {
                assert_eq!(order.shown.len(), plan.counts[plan.counts.len() - 1]);
                assert!(
                    order.queries.len() >= 2 && order.queries.iter().all(|q| *q < rows && !order.shown.contains(q))
                );
            }
            assert_ne!(plan.orders[0], plan.orders[1]);
        }
        assert_eq!(plan(5000, 1024).counts, [2, 5, 10, 20, 50, 100]);
        assert_eq!(plan(5000, 40).counts, [2, 5, 10, 20, 40]);
        assert_eq!(plan(12, 1024).counts, [2, 5, 8]);
    }

    #[test]
    fn columns_are_scaled_by_the_shown_rows_alone() {
        let shown = [1.0, 100.0, 7.0, 3.0, 300.0, 7.0];
        let scale = Scale::of(&shown, 3);
        let mut rows = vec![1.0, 100.0, 7.0, 5.0, 200.0, 9.0];
        scale.apply(&mut rows);
        assert_eq!(rows, [-1.0, -1.0, 0.0, 3.0, 0.0, 0.0]);
        let mut far = vec![1e9, 0.0, 0.0];
        scale.apply(&mut far);
        assert_eq!(far[0], 30.0);
    }

    #[test]
    fn intervals_follow_their_formula() {
        assert_eq!(interval(&[]), None);
        assert_eq!(interval(&[0.5]), Some((0.5, None)));
        let (mean, half) = interval(&[0.4, 0.6, 0.4, 0.6, 0.4, 0.6, 0.4, 0.6]).unwrap();
        // standard deviation 0.1069, over the root of 8
        assert!((mean - 0.5).abs() < 1e-12 && (half.unwrap() - 2.365 * 0.1069 / 8f64.sqrt()).abs() < 1e-4);
        assert_eq!(accuracy(&[0.1, 0.9, 0.6, 0.4], &[1, 1]), 0.5);
    }

    /// Made tables can be learned, and not at once.
    #[test]
    fn made_tables_have_classes() {
        for made in Made::ALL {
            let data = made.data();
            assert_eq!(data.values.len(), data.labels.len() * data.width());
            let plan = plan(data.labels.len(), 1024);
            let mut right = [0.0; 2];
            for order in &plan.orders {
                for (at, count) in [5, 100].into_iter().enumerate() {
                    let chosen = &order.shown[..count];
                    let (mut shown, mut queries) = (data.rows(chosen), data.rows(&order.queries));
                    let scale = Scale::of(&shown, data.width());
                    scale.apply(&mut shown);
                    scale.apply(&mut queries);
                    let labels: Vec<u32> = chosen.iter().map(|i| data.labels[*i]).collect();
                    let answers =
                        predict(Baseline::KernelRidge, &shown, &labels, &queries, data.width(), data.classes.len())
                            .unwrap();
                    let hits = answers.iter().zip(&order.queries).filter(|(a, q)| **a == data.labels[**q]).count();
                    right[at] += hits as f64 / order.queries.len() as f64 / ORDERS as f64;
                }
            }
            println!("{}: kernel ridge {right:?}", made.title());
            assert!(right[1] > right[0], "{}: {right:?}", made.title());
        }
    }
}
