//! Label maps: which of C labels each class of a task carries, how many classes there are and how often each comes.

use rand::RngExt;
use rand_distr::{Distribution, Gamma};
use shaders::random::Stream;

use super::config::TaskConfig;

/// The classes of one task.
#[derive(Debug, Clone, PartialEq)]
pub struct Classes {
    /// Label (below C) of class 0…K−1.
    pub label: Vec<u32>,
    /// Share of each class, summing to 1.
    pub share: Vec<f64>,
}

impl Classes {
    /// Draws the number of classes, their labels and shares.
    pub fn draw(config: &TaskConfig, classes: usize, stream: &mut Stream) -> Classes {
        let most = if config.ways > 0 { config.ways.min(classes) } else { classes };
        let k = if most > 2 && stream.random_bool(config.fewer_classes) { stream.random_range(2..=most) } else { most };
        let identity = stream.random_bool(config.label_bias);
        let mut label = if identity { (0..classes as u32).collect() } else { permutation(classes, stream) };
        label.truncate(k);
        Classes { label, share: shares(config, k, stream) }
    }

    /// `k` classes, named by their numbers.
    pub fn of(config: &TaskConfig, k: usize, stream: &mut Stream) -> Classes {
        Classes { label: (0..k as u32).collect(), share: shares(config, k, stream) }
    }

    /// Classes of N shown examples, each class at least once, and then of queries, all classes alike.
    pub fn shots(&self, shown: usize, queries: usize, stream: &mut Stream) -> Vec<u32> {
        let k = self.count();
        let even = self.share.iter().all(|share| *share == self.share[0]);
        let mut own: Vec<u32> = (0..k as u32).collect();
        match even {
            true => own.extend((k..shown).map(|i| (i % k) as u32)),
            false => own.extend(self.sequence(shown.saturating_sub(k), stream)),
        }
        let order = permutation(k, stream);
        own.extend((0..queries).map(|q| order[q % k]));
        own
    }

    /// K
    pub fn count(&self) -> usize {
        self.label.len()
    }

    /// Classes of T examples, drawn independently as in the paper (not balanced).
    pub fn sequence(&self, t: usize, stream: &mut Stream) -> Vec<u32> {
        (0..t)
            .map(|_| {
                let mut left = stream.random::<f64>();
                let last = self.share.len() - 1;
                self.share
                    .iter()
                    .position(|share| {
                        left -= share;
                        left < 0.0
                    })
                    .unwrap_or(last) as u32
            })
            .collect()
    }
}

/// Shares of `k` classes: even, or with the probability `uneven` from a Dirichlet distribution.
fn shares(config: &TaskConfig, k: usize, stream: &mut Stream) -> Vec<f64> {
    if stream.random_bool(config.uneven) {
        // concentration log-uniform in 0.6…33: from one dominant class to nearly even
        let concentration = (stream.random::<f64>() * 4.0 - 0.5).exp();
        let gamma = Gamma::new(concentration, 1.0).expect("a positive concentration");
        let raw: Vec<f64> = (0..k).map(|_| gamma.sample(stream) + 1e-4).collect();
        let sum: f64 = raw.iter().sum();
        raw.into_iter().map(|v| v / sum).collect()
    } else {
        vec![1.0 / k as f64; k]
    }
}

/// A uniform random permutation of 0…n−1 (Fisher–Yates).
pub fn permutation(n: usize, stream: &mut Stream) -> Vec<u32> {
    let mut order: Vec<u32> = (0..n as u32).collect();
    for i in (1..n).rev() {
        order.swap(i, stream.random_range(0..=i));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use shaders::random::stream;

    #[test]
    fn labels_are_distinct_and_every_map_is_equally_likely() {
        let config = TaskConfig { fewer_classes: 0.5, uneven: 0.5, ..Default::default() };
        let mut first = [0usize; 10];
        for i in 0..4_000 {
            let classes = Classes::draw(&config, 10, &mut stream(1, "labels", i));
            let mut sorted = classes.label.clone();
            sorted.sort();
            sorted.dedup();
            assert_eq!(sorted.len(), classes.count());
            assert!((classes.share.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            first[classes.label[0] as usize] += 1;
        }
        // 400 expected, standard deviation 19
        assert!(first.iter().all(|&n| (320..480).contains(&n)), "{first:?}");
    }

    #[test]
    fn a_task_has_no_more_classes_than_ways_and_their_labels_are_any() {
        let config = TaskConfig { ways: 3, fewer_classes: 0.5, ..Default::default() };
        let mut seen = [false; 10];
        for i in 0..400 {
            let classes = Classes::draw(&config, 10, &mut stream(3, "labels", i));
            assert!((2..=3).contains(&classes.count()));
            classes.label.iter().for_each(|&label| seen[label as usize] = true);
        }
        assert_eq!(seen, [true; 10]);
    }

    #[test]
    fn bias_is_the_probability_of_the_identity() {
        let config = TaskConfig { label_bias: 0.8, ..Default::default() };
        let identity: Vec<u32> = (0..10).collect();
        let kept =
            (0..1_000).filter(|&i| Classes::draw(&config, 10, &mut stream(2, "labels", i)).label == identity).count();
        assert!((750..850).contains(&kept), "{kept}");
    }
}
