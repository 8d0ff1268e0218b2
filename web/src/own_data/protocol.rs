//! A learning curve on a visitor's own data: which rows are shown and which are asked about, and what comes of it.
//! Plain data and pure functions, as the trainer's evaluation would do it on the same rows.

use shaders::random;

/// Numbers of shown examples, as far as the data allow.
const COUNTS: [usize; 8] = [2, 5, 10, 20, 50, 100, 200, 500];
/// Shown examples of each class, at most, beyond the first hundred: so few classes have enough with those.
const MOST_OF_A_CLASS: usize = 5;
/// Random orders of the rows.
pub const ORDERS: usize = 8;
/// Rows that are asked about in each order, or one of each class where they are more.
const MOST_QUERIES: usize = 60;
/// Fewest of them.
const FEWEST_QUERIES: usize = 3;
/// Two-sided 95 % quantile of Student's t with [`ORDERS`] − 1 degrees of freedom.
const STUDENT: f64 = 2.365;

/// What the examples are.
#[derive(Debug, Clone, PartialEq)]
pub struct Data {
    /// Where it came from.
    pub name: String,
    /// What it is, in words.
    pub words: String,
    /// What an example is.
    pub examples: Examples,
    /// `[M]`
    pub labels: Vec<u32>,
    /// Names of the classes.
    pub classes: Vec<String>,
}

/// What an example is.
#[derive(Debug, Clone, PartialEq)]
pub enum Examples {
    /// A row of the table that is open in the reader: its place there, `[M]`.
    Rows(Vec<u32>),
    /// A picture.
    Pictures {
        /// Height, width and channels.
        size: (usize, usize, usize),
        /// `[M, D]`
        values: Vec<f32>,
    },
}

impl Data {
    /// Whether examples are rows of a table, whose columns have scales of their own.
    pub fn table(&self) -> bool {
        matches!(self.examples, Examples::Rows(_))
    }
}

impl Examples {
    /// Values of these pictures one after another; nothing for rows of a table.
    pub fn values(&self, chosen: &[usize]) -> Vec<f32> {
        match self {
            Examples::Rows(_) => Vec::new(),
            Examples::Pictures { size, values } => {
                let width = size.0 * size.1 * size.2;
                chosen.iter().flat_map(|&i| &values[i * width..(i + 1) * width]).copied().collect()
            }
        }
    }

    /// Places of these rows in the table; nothing for pictures.
    pub fn rows(&self, chosen: &[usize]) -> Vec<u32> {
        match self {
            Examples::Rows(rows) => chosen.iter().map(|i| rows[*i]).collect(),
            Examples::Pictures { .. } => Vec::new(),
        }
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

/// A plan for data with these labels, of which a learner takes at most `most`. Every order is stratified: as far as counts
/// allow, its beginning and its end hold each class in its share.
pub fn plan(labels: &[u32], most: usize) -> Plan {
    let rows = labels.len();
    let classes = labels.iter().max().map_or(0, |label| *label as usize + 1);
    let queries = (rows / 3).clamp(FEWEST_QUERIES.min(rows), MOST_QUERIES.max(classes));
    let highest = (MOST_OF_A_CLASS * classes).max(100);
    let largest = rows.saturating_sub(queries).min(most);
    let mut counts: Vec<usize> = COUNTS.into_iter().filter(|count| *count <= largest.min(highest)).collect();
    // what is left between two numbers is worth a point where it is the end
    if largest < highest && counts.last().is_some_and(|last| 3 * largest > 4 * last) {
        counts.push(largest);
    }
    let shown = counts.last().copied().unwrap_or(0);
    let orders = (0..ORDERS)
        .map(|order| {
            let all = stratified(labels, order as u64);
            Order { shown: all[..shown].to_vec(), queries: all[rows - queries..].to_vec() }
        })
        .collect();
    Plan { counts, orders }
}

/// All rows in a random order that spreads each class evenly over it.
pub fn stratified(labels: &[u32], order: u64) -> Vec<usize> {
    let rows = labels.len();
    let mut stream = random::stream(order, "page trial order", rows as u64);
    let mut all: Vec<usize> = (0..rows).collect();
    for i in 0..rows {
        let other = i + random::below(rows - i, &mut stream);
        all.swap(i, other);
    }
    let classes = labels.iter().max().map_or(0, |label| *label as usize + 1);
    let mut sizes = vec![0usize; classes];
    labels.iter().for_each(|label| sizes[*label as usize] += 1);
    // the k-th row of a class of n lies somewhere between k and k + 1 n-ths
    let mut next = vec![0usize; classes];
    let mut placed: Vec<(f64, usize)> = all
        .into_iter()
        .map(|row| {
            let class = labels[row] as usize;
            next[class] += 1;
            let within = random::below(1 << 20, &mut stream) as f64 / f64::from(1 << 20);
            ((next[class] as f64 - 1.0 + within) / sizes[class] as f64, row)
        })
        .collect();
    placed.sort_by(|a, b| a.0.total_cmp(&b.0));
    placed.into_iter().map(|(_, row)| row).collect()
}

/// Accuracy of one learner or rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Its name.
    pub name: &'static str,
    /// By count, accuracies of the orders so far, as fractions.
    pub accuracy: Vec<Vec<f64>>,
    /// The same for the mean accuracy over the classes.
    pub balanced: Vec<Vec<f64>>,
}

impl Curve {
    /// Of nothing yet.
    pub fn new(name: &'static str, counts: usize) -> Curve {
        Curve { name, accuracy: vec![Vec::new(); counts], balanced: vec![Vec::new(); counts] }
    }

    /// Adds the answers of an order at one count.
    pub fn push(&mut self, at: usize, answers: &[Option<u32>], truth: &[u32]) {
        self.accuracy[at].push(accuracy(answers, truth));
        self.balanced[at].push(balanced(answers, truth));
    }
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

/// The most probable class of each query; none where a score is not finite.
///
/// # Shapes
/// `scores` `[Q, C]` → `[Q]`
pub fn answers(scores: &[f32], queries: usize) -> Vec<Option<u32>> {
    let classes = (scores.len() / queries.max(1)).max(1);
    scores.chunks_exact(classes).map(|row| shaders::answer(row).map(|class| class as u32)).collect()
}

/// The class that most of these labels are, for every query: what a learner has to beat.
pub fn most_frequent(labels: &[u32], queries: usize) -> Vec<Option<u32>> {
    let classes = labels.iter().max().map_or(0, |label| *label as usize + 1);
    let mut counts = vec![0f32; classes];
    labels.iter().for_each(|label| counts[*label as usize] += 1.0);
    vec![shaders::answer(&counts).map(|class| class as u32); queries]
}

/// Share of right answers.
pub fn accuracy(answers: &[Option<u32>], truth: &[u32]) -> f64 {
    let right = answers.iter().zip(truth).filter(|(answer, truth)| **answer == Some(**truth)).count();
    right as f64 / truth.len().max(1) as f64
}

/// Mean over the classes of the share of right answers.
pub fn balanced(answers: &[Option<u32>], truth: &[u32]) -> f64 {
    let classes = truth.iter().max().map_or(0, |class| *class as usize + 1);
    let (mut right, mut all) = (vec![0f64; classes], vec![0f64; classes]);
    for (answer, truth) in answers.iter().zip(truth) {
        all[*truth as usize] += 1.0;
        right[*truth as usize] += f64::from(u8::from(*answer == Some(*truth)));
    }
    let shares: Vec<f64> =
        right.iter().zip(&all).filter(|(_, all)| **all > 0.0).map(|(right, all)| right / all).collect();
    shares.iter().sum::<f64>() / shares.len().max(1) as f64
}

/// What was answered for what, over all orders at the largest count: examples by true class and answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Confusion {
    classes: usize,
    /// `[C · C]`, at `truth · C + answer`
    cells: Vec<Vec<usize>>,
}

impl Confusion {
    /// Without answers.
    pub fn new(classes: usize) -> Confusion {
        Confusion { classes, cells: vec![Vec::new(); classes * classes] }
    }

    /// C.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Adds answers about examples.
    pub fn push(&mut self, examples: &[usize], answers: &[Option<u32>], truth: &[u32]) {
        for ((example, answer), truth) in examples.iter().zip(answers).zip(truth) {
            if let Some(answer) = answer {
                self.cells[*truth as usize * self.classes + *answer as usize].push(*example);
            }
        }
    }

    /// How often an example of `truth` was answered by `answer`.
    pub fn count(&self, truth: usize, answer: usize) -> usize {
        self.cells.get(truth * self.classes + answer).map_or(0, Vec::len)
    }

    /// True class, wrong answer and how often, of the `most` pairs that were confused most, most often first.
    pub fn worst(&self, most: usize) -> Vec<(usize, usize, usize)> {
        let pairs = (0..self.classes).flat_map(|truth| (0..self.classes).map(move |answer| (truth, answer)));
        let confused = pairs.filter(|(truth, answer)| truth != answer);
        let mut worst: Vec<_> = confused.map(|(truth, answer)| (truth, answer, self.count(truth, answer))).collect();
        worst.retain(|(.., count)| *count > 0);
        worst.sort_by_key(|(.., count)| std::cmp::Reverse(*count));
        worst.truncate(most);
        worst
    }

    /// The examples of a cell, each once.
    pub fn examples(&self, truth: usize, answer: usize) -> Vec<usize> {
        let mut examples = self.cells.get(truth * self.classes + answer).cloned().unwrap_or_default();
        examples.sort_unstable();
        examples.dedup();
        examples
    }

    /// Whether nothing was answered.
    pub fn is_empty(&self) -> bool {
        self.cells.iter().all(Vec::is_empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(rows: usize, classes: usize) -> Vec<u32> {
        (0..rows).map(|row| (row % classes) as u32).collect()
    }

    #[test]
    fn nothing_is_shown_and_asked_about() {
        for rows in [6, 10, 31, 100, 5000] {
            let plan = plan(&labels(rows, 2), 1024);
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
        assert_eq!(plan(&labels(5000, 3), 1024).counts, [2, 5, 10, 20, 50, 100]);
        assert_eq!(plan(&labels(5000, 3), 40).counts, [2, 5, 10, 20, 40]);
        assert_eq!(plan(&labels(12, 3), 1024).counts, [2, 5, 8]);
        // five of each of many classes, and one of each is asked about
        let many = plan(&labels(5000, 100), 1024);
        assert_eq!((many.counts[5..].to_vec(), many.orders[0].queries.len()), (vec![100, 200, 500], 100));
    }

    #[test]
    fn every_order_is_stratified() {
        // sorted by class, 80 : 15 : 5
        let labels: Vec<u32> = (0..200).map(|row| u32::from(row >= 160) + u32::from(row >= 190)).collect();
        for order in plan(&labels, 1024).orders {
            for (count, part) in [(20, &order.shown[..20]), (100, &order.shown[..]), (60, &order.queries[..])] {
                for (class, share) in [0.8, 0.15, 0.05].into_iter().enumerate() {
                    let found = part.iter().filter(|row| labels[**row] as usize == class).count() as f64;
                    let expected = share * count as f64;
                    assert!((found - expected).abs() <= 2.0, "class {class}: {found} of {count}");
                }
            }
        }
        // two of two classes: one of each
        let plan = plan(&self::labels(40, 2), 1024);
        assert!(plan.orders.iter().all(|order| order.shown[0] % 2 != order.shown[1] % 2));
    }

    #[test]
    fn intervals_and_shares_follow_their_formulas() {
        assert_eq!(interval(&[]), None);
        assert_eq!(interval(&[0.5]), Some((0.5, None)));
        let (mean, half) = interval(&[0.4, 0.6, 0.4, 0.6, 0.4, 0.6, 0.4, 0.6]).unwrap();
        // standard deviation 0.1069, over the root of 8
        assert!((mean - 0.5).abs() < 1e-12 && (half.unwrap() - 2.365 * 0.1069 / 8f64.sqrt()).abs() < 1e-4);
        let found = answers(&[0.1, 0.9, 0.6, 0.4, f32::NAN, 0.4], 3);
        assert_eq!(found, [Some(1), Some(0), None]);
        assert_eq!((accuracy(&found, &[1, 1, 0]), balanced(&found, &[1, 1, 0])), (1.0 / 3.0, 0.25));
        // nine of ten rows of one class: always naming it is right nine times, and balanced half of the time
        let truth = [0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        let always = most_frequent(&[1, 0, 0], 10);
        assert_eq!((accuracy(&always, &truth), balanced(&always, &truth)), (0.9, 0.5));
    }

    #[test]
    fn confusions_hold_each_example_once() {
        let mut confusion = Confusion::new(2);
        assert!(confusion.is_empty());
        confusion.push(&[7, 3, 5], &[Some(1), Some(1), None], &[0, 0, 1]);
        confusion.push(&[7], &[Some(1)], &[0]);
        assert_eq!((confusion.count(0, 1), confusion.examples(0, 1)), (3, vec![3, 7]));
        assert_eq!((confusion.count(1, 1), confusion.is_empty()), (0, false));
        assert_eq!(confusion.worst(9), [(0, 1, 3)]);
    }
}
