//! The sampler: episodes of tasks, from base data, a projection and a label map.

use rand::RngExt;
use shaders::input::pixels;
use shaders::random::{self, Stream};

use super::augment::{self, SIDE};
use super::base::{Base, Source};
use super::characters::characters;
use super::choose::choose;
use super::colour::Paint;
use super::config::{MOST_SHOWN, TaskConfig};
use super::episode::{Episode, Shape, Split};
use super::labels::{self, Classes};
use super::{prior, projection};

/// Classes that queries of none of the classes shown come from.
const OUTSIDE: usize = 4;
/// Most classes of the data in one superclass.
const KINDS: usize = 3;
/// Share of queries of none of the classes shown.
const OUTSIDERS: f64 = 0.25;

/// A source of episodes for a learner with X inputs and C classes.
#[derive(Debug, Clone)]
pub struct Tasks {
    /// Settings.
    pub config: TaskConfig,
    /// What `data` names, in its order.
    pub bases: Vec<Source>,
    /// X
    pub inputs: usize,
    /// C
    pub classes: usize,
    /// Whether inputs are projected; without it a base's D₀ has to be X (for a set learner, at most X).
    pub projected: bool,
    /// Whether the learner is a set learner.
    pub set: bool,
    /// Whether ordinary episodes are cut in two, shown examples and then queries, at a place of each micro-batch.
    pub split: bool,
    /// Whether it has a stem.
    pub stem: bool,
    /// Whether its stem reads colours.
    pub colour: bool,
    /// Side to which drawings are pooled; 0 keeps theirs.
    pub side: usize,
    /// Seed of everything.
    pub seed: u64,
}

impl Tasks {
    /// Tasks of the synthetic prior for a causal learner, each with a projection of its own.
    ///
    /// ```
    /// use tasks::{Split, TaskConfig, Tasks};
    ///
    /// let tasks = Tasks::of_prior(TaskConfig { length: 20, ..TaskConfig::default() }, 16, 5, 1);
    /// let episode = tasks.episode(Split::Train, 0);
    /// assert_eq!((episode.inputs.len(), episode.labels.len()), (20 * 16, 20));
    /// assert!(episode.labels.iter().all(|label| *label < 5));
    /// // the same index is the same episode
    /// assert_eq!(episode, tasks.episode(Split::Train, 0));
    /// ```
    pub fn of_prior(config: TaskConfig, inputs: usize, classes: usize, seed: u64) -> Tasks {
        Tasks {
            config,
            bases: vec![Source::Prior],
            inputs,
            classes,
            projected: true,
            set: false,
            split: false,
            stem: false,
            colour: false,
            side: 0,
            seed,
        }
    }

    /// What the episodes of micro-batch `group` of a split have in common.
    pub fn shape(&self, split: Split, group: u64) -> Shape {
        let config = &self.config;
        let whole =
            Shape { shown: config.length, queries: 0, classes: self.classes, outsiders: false, drawings: false };
        if !self.set && !self.split {
            return whole;
        }
        let mut stream = random::stream(self.seed, split.purpose(), group + (1 << 55));
        if self.split {
            let shown = match config.shown.is_empty() {
                true => stream.random_range(1..config.length),
                false => config.shown[stream.random_range(0..config.shown.len())],
            };
            return Shape { shown, queries: config.length - shown, ..whole };
        }
        let drawings = self.stem && !stream.random_bool(config.vectors);
        let usual = if config.ways > 0 { config.ways.min(self.classes) } else { self.classes };
        let most = match (drawings, config.shots.is_empty()) {
            // drawings are for a few classes, other inputs for as many as the learner has
            (true, false) => usual,
            _ => self.classes,
        };
        let by_shots = drawings && !config.shots.is_empty();
        let many = by_shots && config.most_ways > usual && config.many > 0.0 && stream.random_bool(config.many);
        let classes = match most > 2 && stream.random_bool(config.fewer_classes) {
            _ if many => log_uniform(usual, config.most_ways, &mut stream),
            true => stream.random_range(2..=most),
            false => usual,
        };
        let pick = |from: &[usize], stream: &mut Stream| from[stream.random_range(0..from.len())];
        let shown = match config.shots.is_empty() || (self.stem && !drawings && !config.shown.is_empty()) {
            true => pick(&config.shown, &mut stream),
            false if many => {
                let most = (MOST_SHOWN / classes).max(1);
                let few: Vec<usize> = config.shots.iter().copied().filter(|shots| *shots <= most).collect();
                classes * if few.is_empty() { 1 } else { pick(&few, &mut stream) }
            }
            false => classes * pick(&config.shots, &mut stream),
        };
        // beside drawings shown by shots, other inputs are there for variety alone
        let for_outsiders = drawings || config.shots.is_empty();
        let outsiders = for_outsiders && config.outsiders > 0.0 && stream.random_bool(config.outsiders);
        Shape { shown, queries: config.queries, classes: classes + usize::from(outsiders), outsiders, drawings }
    }

    /// Episode `index` of a split for a set learner; every class number is its label, for such a learner knows no names.
    pub fn set_episode(&self, split: Split, index: u64, shape: &Shape) -> Episode {
        let mut task = random::stream(self.seed, split.purpose(), index + (1 << 56));
        let mut stream = random::stream(self.seed, split.purpose(), index);
        // classes of which examples are shown
        let known = shape.classes - usize::from(shape.outsiders);
        let total = shape.shown + shape.queries;
        let classes = Classes::of(&self.config, known, &mut task);
        let mut own = if self.config.shots.is_empty() || (self.stem && !shape.drawings && !self.config.shown.is_empty())
        {
            classes.sequence(total, &mut stream)
        } else {
            classes.shots(shape.shown, shape.queries, &mut stream)
        };
        if shape.outsiders {
            for class in &mut own[shape.shown..] {
                if stream.random_bool(OUTSIDERS) {
                    *class = known as u32;
                }
            }
        }
        let mut labels = own.clone();
        // from here on `own` is a class of the data, of which a label may have several
        let k = self.split_into_kinds(&mut own, known, shape.outsiders, &mut task, &mut stream);
        let allowed: Vec<usize> = (0..self.bases.len())
            .filter(|&i| match &self.bases[i] {
                Source::Prior => !shape.drawings || (self.drawable() && self.config.prior.draws_pictures()),
                Source::Strokes => shape.drawings || self.small(),
                Source::Set(base) => {
                    let read = shape.drawings == base.drawings.is_some() || !self.stem || self.small();
                    read && base.present() * self.turns(base) >= k
                }
            })
            .collect();
        let weights: Vec<f64> = match self.config.weights.is_empty() {
            true => vec![1.0; allowed.len()],
            false => allowed.iter().map(|&i| self.config.weights[i]).collect(),
        };
        let source = &self.bases[allowed[choose(&weights, allowed.len(), &mut task)]];
        let grey = match source {
            Source::Set(base) => base.drawings.is_some() || base.dimensions == self.pixels(),
            _ => true,
        };
        let share = self.config.colour;
        let painted = self.colour && shape.drawings && grey && share > 0.0 && task.random_bool(share);
        let paint = painted.then(|| Paint::draw(k, &mut task));
        let shown = paint.as_ref().map(|paint| paint.shown(k, &own, &mut stream));
        let seen = shown.as_ref().unwrap_or(&own);
        let mut inputs = match source {
            Source::Prior => {
                let raw = self.config.prior.raw(k, seen, shape.drawings, &mut task, &mut stream);
                let small = shape.drawings && !self.small();
                if small { raw.chunks_exact(prior::SIDE * prior::SIDE).flat_map(enlarged).collect() } else { raw }
            }
            Source::Strokes => {
                let raw = characters(k, seen, &mut task, &mut stream);
                raw.chunks_exact(SIDE * SIDE).flat_map(|drawing| self.pooled(drawing)).collect()
            }
            Source::Set(base) => self.sample_set(base, k, seen, &mut task, &mut stream),
        };
        if let Some(paint) = paint {
            inputs = paint.apply(&inputs, &own, &mut stream);
        }
        if stream.random_bool(self.config.label_noise) {
            let rate = stream.random_range(0.0..0.3f64);
            for label in &mut labels {
                if stream.random_bool(rate) {
                    *label = stream.random_range(0..known as u32);
                }
            }
        }
        Episode { inputs, labels }
    }

    /// Replaces classes of a task by classes of the data, and returns how many there are of these: one for each class, up to
    /// [`KINDS`] for some classes of a task with superclasses, and [`OUTSIDE`] for what belongs to none.
    fn split_into_kinds(
        &self,
        own: &mut [u32],
        known: usize,
        outsiders: bool,
        task: &mut Stream,
        stream: &mut Stream,
    ) -> usize {
        let share = self.config.superclasses;
        let mut kinds = vec![1; known];
        if share > 0.0 && task.random_bool(share) {
            kinds.fill_with(|| task.random_range(1..=KINDS));
        }
        if outsiders {
            kinds.push(OUTSIDE);
        }
        let first: Vec<usize> = (0..kinds.len()).map(|class| kinds[..class].iter().sum()).collect();
        for class in own {
            let of = *class as usize;
            *class = first[of] as u32 + if kinds[of] > 1 { stream.random_range(0..kinds[of]) as u32 } else { 0 };
        }
        kinds.iter().sum()
    }

    /// Whether the stem reads pictures of the size that the prior draws; then any picture can also be met as a vector.
    fn small(&self) -> bool {
        self.stem && self.side == prior::SIDE
    }

    /// Whether pictures of the prior can be brought to the learner's size.
    fn drawable(&self) -> bool {
        self.small() || (self.stem && (self.side == 0 || self.side == SIDE))
    }

    /// Classes that one class of a data set becomes, turned and mirrored.
    fn turns(&self, base: &Base) -> usize {
        if self.config.augment.turns && base.drawings.is_some() { augment::TURNS } else { 1 }
    }

    /// Values of a grey picture at the learner's size.
    fn pixels(&self) -> usize {
        if self.side == 0 { SIDE * SIDE } else { self.side * self.side }
    }

    /// A drawing at the learner's size, standardised.
    fn pooled(&self, drawing: &[f32]) -> Vec<f32> {
        let mut values = match self.side {
            0 => drawing.to_vec(),
            side => pixels::pool(drawing, (SIDE, SIDE, 1), side).expect("a drawing has the size of drawings"),
        };
        pixels::standardise(&mut values);
        values
    }

    /// Examples of a data set, none twice while a class has others.
    fn sample_set(&self, base: &Base, k: usize, own: &[u32], task: &mut Stream, stream: &mut Stream) -> Vec<f32> {
        let augment = &self.config.augment.of_task(task);
        let present: Vec<usize> = (0..base.by_class.len()).filter(|&c| !base.by_class[c].is_empty()).collect();
        let turns = self.turns(base);
        let chosen: Vec<(usize, usize)> = labels::permutation(present.len() * turns, task)
            .into_iter()
            .take(k)
            .map(|i| (present[i as usize / turns], i as usize % turns))
            .collect();
        let mut used: Vec<std::collections::HashSet<u32>> = vec![Default::default(); k];
        let mut out = Vec::new();
        for &class in own {
            let (of_base, turn) = chosen[class as usize];
            let pool = &base.by_class[of_base];
            let used = &mut used[class as usize];
            if used.len() == pool.len() {
                used.clear();
            }
            let mut pick = pool[stream.random_range(0..pool.len())];
            while !used.insert(pick) {
                pick = pool[stream.random_range(0..pool.len())];
            }
            let size = SIDE * SIDE;
            match &base.drawings {
                Some(pictures) => {
                    let picture = &pictures[pick as usize * size..(pick as usize + 1) * size];
                    let picture = augment.apply(picture, turn, stream);
                    out.extend(self.pooled(&picture));
                }
                None => out.extend_from_slice(base.row(pick as usize)),
            }
        }
        out
    }

    /// Episode `index` of a split, for a causal learner.
    pub fn episode(&self, split: Split, index: u64) -> Episode {
        let mut stream = random::stream(self.seed, split.purpose(), index);
        let t = self.config.length;
        // what makes the task: its own stream, shared by every sequence of a repeated or finite task
        let mut task = if self.config.log2_tasks >= 0 {
            let id = match split {
                Split::Train => stream.random_range(0..1u64 << self.config.log2_tasks),
                // held-out ids lie beyond the training set
                _ => (1u64 << 40) + index,
            };
            random::stream(self.seed, "task", id)
        } else if self.config.sequences_per_task > 1 {
            random::stream(self.seed, split.purpose(), index / self.config.sequences_per_task as u64 + (1 << 48))
        } else {
            random::stream(self.seed, split.purpose(), index + (1 << 56))
        };
        let classes = Classes::draw(&self.config, self.classes, &mut task);
        let which = choose(&self.config.weights, self.bases.len(), &mut task);
        let (raw, dimensions, own) = match &self.bases[which] {
            Source::Prior => self.config.prior.sample(&classes, t, &mut task, &mut stream),
            Source::Strokes => {
                let own = classes.sequence(t, &mut stream);
                let mut raw = characters(classes.count(), &own, &mut task, &mut stream);
                raw.chunks_exact_mut(SIDE * SIDE).for_each(pixels::standardise);
                (raw, SIDE * SIDE, own)
            }
            Source::Set(base) => sample_base(base, &classes, t, &mut task, &mut stream),
        };
        let labels = own.iter().map(|&class| classes.label[class as usize]).collect();
        let again = self.config.log2_tasks >= 0 || self.config.sequences_per_task > 1;
        let mut project = |raw: &[f32], from: usize, to: usize| match again {
            true => projection::seeded(raw, from, to, &mut task),
            false => projection::fresh(raw, from, to, &mut stream),
        };
        let inputs = match self.config.dimensions {
            _ if !self.projected => raw,
            few if few > 0 && few < dimensions => {
                let low = project(&raw, dimensions, few);
                project(&low, few, self.inputs)
            }
            _ => project(&raw, dimensions, self.inputs),
        };
        Episode { inputs, labels }
    }
}

/// A picture of the prior at the size of a drawing, bilinear, standardised.
fn enlarged(picture: &[f32]) -> Vec<f32> {
    const SMALL: usize = prior::SIDE;
    // middles of pixels lie at halves
    let place = |to: usize| ((to as f32 + 0.5) * SMALL as f32 / SIDE as f32 - 0.5).clamp(0.0, SMALL as f32 - 1.0);
    let between = |to: usize| {
        let place = place(to);
        let from = (place as usize).min(SMALL - 2);
        (from, place - from as f32)
    };
    let mut values = Vec::with_capacity(SIDE * SIDE);
    for (y, v) in (0..SIDE).map(between) {
        for (x, u) in (0..SIDE).map(between) {
            let at = |dy: usize, dx: usize| picture[(y + dy) * SMALL + x + dx];
            let (above, below) = ((1.0 - u) * at(0, 0) + u * at(0, 1), (1.0 - u) * at(1, 0) + u * at(1, 1));
            values.push((1.0 - v) * above + v * below);
        }
    }
    pixels::standardise(&mut values);
    values
}

/// T examples without replacement where a class has enough, their own class numbers 0…K−1 beside them.
fn sample_base(
    base: &Base,
    classes: &Classes,
    t: usize,
    task: &mut Stream,
    stream: &mut Stream,
) -> (Vec<f32>, usize, Vec<u32>) {
    let available: Vec<usize> = (0..base.by_class.len()).filter(|&c| !base.by_class[c].is_empty()).collect();
    let k = classes.count().min(available.len());
    // with as many classes as the learner has, class c keeps its number, so that the identity label map means it
    let chosen: Vec<usize> = if available.len() == classes.count() {
        available
    } else {
        labels::permutation(available.len(), task).into_iter().take(k).map(|i| available[i as usize]).collect()
    };
    let mut used: Vec<std::collections::HashSet<u32>> = vec![Default::default(); k];
    let mut raw = Vec::with_capacity(t * base.dimensions);
    let mut own = Vec::with_capacity(t);
    for class in classes.sequence(t, stream) {
        let class = class as usize % k;
        let pool = &base.by_class[chosen[class]];
        let mut pick = pool[stream.random_range(0..pool.len())];
        for _ in 0..8 {
            if used[class].insert(pick) {
                break;
            }
            pick = pool[stream.random_range(0..pool.len())];
        }
        raw.extend_from_slice(base.row(pick as usize));
        own.push(class as u32);
    }
    (raw, base.dimensions, own)
}

/// A whole number from `least` to `most`, whose logarithm is uniform.
fn log_uniform(least: usize, most: usize, stream: &mut Stream) -> usize {
    let (from, to) = ((least as f64).ln(), ((most + 1) as f64).ln());
    (stream.random_range(from..to).exp() as usize).clamp(least, most)
}

#[cfg(test)]
mod tests {
    use super::super::config::Prior;
    use super::*;

    fn tasks(config: TaskConfig) -> Tasks {
        Tasks { side: 14, ..Tasks::of_prior(config, 32, 10, 7) }
    }

    #[test]
    fn an_episode_is_a_function_of_seed_split_and_index() {
        let tasks = tasks(TaskConfig { fewer_classes: 0.5, uneven: 0.5, ..Default::default() });
        let mut all = Vec::new();
        for split in [Split::Train, Split::Test] {
            for index in 0..3 {
                let episode = tasks.episode(split, index);
                assert_eq!(episode, tasks.episode(split, index));
                assert_eq!(episode.inputs.len(), 100 * 32);
                assert!(episode.inputs.iter().all(|v| v.is_finite()));
                assert!(episode.labels.iter().all(|&l| l < 10));
                assert!(all.iter().all(|other| other != &episode), "two episodes are equal");
                all.push(episode);
            }
        }
    }

    #[test]
    fn a_finite_task_set_repeats_its_tasks_with_other_examples() {
        let tasks = tasks(TaskConfig { log2_tasks: 0, ..Default::default() });
        let (a, b) = (tasks.episode(Split::Train, 0), tasks.episode(Split::Train, 1));
        assert_ne!(a.inputs, b.inputs);
        // the one task: class means of both sequences agree far better than with another task's
        let mean = |e: &Episode, label: u32| -> Vec<f32> {
            let rows: Vec<_> = (0..100).filter(|&i| e.labels[i] == label).collect();
            (0..32)
                .map(|x| rows.iter().map(|&i| e.inputs[i * 32 + x]).sum::<f32>() / rows.len().max(1) as f32)
                .collect()
        };
        let held_out = tasks.episode(Split::Test, 0);
        let distance = |p: &Episode, q: &Episode| -> f32 {
            (0..10).flat_map(|l| mean(p, l).into_iter().zip(mean(q, l))).map(|(u, v)| (u - v).powi(2)).sum()
        };
        assert!(distance(&a, &b) < 0.5 * distance(&a, &held_out));
    }

    #[test]
    fn inputs_of_few_dimensions_lie_in_a_space_of_so_many() {
        for log2_tasks in [-1, 3] {
            let tasks = tasks(TaskConfig { dimensions: 3, length: 12, log2_tasks, ..Default::default() });
            let rows: Vec<Vec<f64>> = tasks
                .episode(Split::Train, 0)
                .inputs
                .chunks_exact(32)
                .map(|row| row.iter().map(|&v| f64::from(v)).collect())
                .collect();
            // Gram–Schmidt: what is left of each row after those before it
            let mut basis: Vec<Vec<f64>> = Vec::new();
            let length = |row: &[f64]| row.iter().map(|v| v * v).sum::<f64>().sqrt();
            for row in &rows {
                let mut left = row.clone();
                for unit in &basis {
                    let along: f64 = left.iter().zip(unit).map(|(a, b)| a * b).sum();
                    left.iter_mut().zip(unit).for_each(|(l, u)| *l -= along * u);
                }
                let size = length(&left);
                if size > 1e-3 * length(row) {
                    basis.push(left.iter().map(|v| v / size).collect());
                }
            }
            assert_eq!(basis.len(), 3);
        }
    }

    #[test]
    fn the_identity_label_map_keeps_class_numbers() {
        let features: Vec<f32> = (0..200).map(|i| (i % 10) as f32).collect();
        let base = Base::new("ten", features, (0..200).map(|i| i % 10).collect());
        let config = TaskConfig { label_bias: 1.0, data: vec!["ten".into()], ..Default::default() };
        let bases = vec![Source::Set(base)];
        let tasks = Tasks { bases, inputs: 1, projected: false, seed: 1, ..tasks(config) };
        let episode = tasks.episode(Split::Train, 3);
        for (x, y) in episode.inputs.iter().zip(&episode.labels) {
            assert_eq!(*x as u32, *y);
        }
    }

    #[test]
    fn many_classes_are_shown_few_examples_each() {
        let config = TaskConfig {
            shots: vec![1, 5, 8],
            queries: 10,
            ways: 10,
            most_ways: 100,
            many: 0.4,
            fewer_classes: 0.5,
            ..Default::default()
        };
        let bases = vec![Source::Strokes];
        let tasks = Tasks { bases, set: true, stem: true, projected: false, inputs: 784, ..tasks(config) };
        let shapes: Vec<Shape> = (0..400).map(|group| tasks.shape(Split::Train, group)).collect();
        let many: Vec<&Shape> = shapes.iter().filter(|shape| shape.classes > 10).collect();
        assert!((110..=210).contains(&many.len()), "{} of 400", many.len());
        assert!(many.iter().all(|shape| shape.classes <= 100 && shape.shown % shape.classes == 0));
        assert!(many.iter().all(|shape| shape.shown <= MOST_SHOWN.max(shape.classes)));
        assert!(many.iter().any(|shape| shape.classes > 60) && many.iter().any(|shape| shape.classes < 20));
        let several =
            many.iter().find(|shape| shape.classes > 25 && shape.shown > shape.classes).expect("five examples");
        let episode = tasks.set_episode(Split::Train, 0, several);
        let shown = &episode.labels[..several.shown];
        for class in 0..several.classes as u32 {
            assert_eq!(shown.iter().filter(|label| **label == class).count(), several.shown / several.classes);
        }
    }

    #[test]
    fn nothing_of_the_last_class_is_shown_where_there_are_outsiders() {
        let shots = vec![1, 2];
        let config = TaskConfig { shots, queries: 40, ways: 5, outsiders: 0.5, vectors: 0.2, ..Default::default() };
        let bases = vec![Source::Strokes];
        let tasks = Tasks { bases, set: true, stem: true, projected: false, inputs: 784, ..tasks(config) };
        let shapes: Vec<Shape> = (0..40).map(|group| tasks.shape(Split::Train, group)).collect();
        let with: Vec<(usize, &Shape)> = shapes.iter().enumerate().filter(|(_, shape)| shape.outsiders).collect();
        assert!((8..=24).contains(&with.len()), "{} of 40", with.len());
        let mut asked = 0;
        for (index, shape) in &with {
            assert!(shape.drawings && shape.classes >= 3);
            let last = shape.classes as u32 - 1;
            let episode = tasks.set_episode(Split::Train, *index as u64, shape);
            let (shown, queries) = episode.labels.split_at(shape.shown);
            assert!(shown.iter().all(|label| *label < last) && queries.iter().all(|label| *label <= last));
            asked += queries.iter().filter(|label| **label == last).count();
        }
        let share = asked as f64 / (40 * with.len()) as f64;
        assert!((share - OUTSIDERS).abs() < 0.06, "{share}");
    }

    #[test]
    fn a_superclass_is_several_classes_of_the_data() {
        // each row is the number of its class of the data
        let base = Base::new("thirty", (0..60).map(|i| (i % 30) as f32).collect(), (0..60).map(|i| i % 30).collect());
        let config = TaskConfig { shown: vec![40], queries: 20, ways: 5, superclasses: 0.5, ..Default::default() };
        let tasks = Tasks { bases: vec![Source::Set(base)], set: true, projected: false, inputs: 1, ..tasks(config) };
        let mut with = 0;
        for index in 0..60 {
            let shape = tasks.shape(Split::Train, index);
            let episode = tasks.set_episode(Split::Train, index, &shape);
            let mut of_label: Vec<std::collections::BTreeSet<u32>> = vec![Default::default(); shape.classes];
            for (row, label) in episode.inputs.iter().zip(&episode.labels) {
                of_label[*label as usize].insert(*row as u32);
            }
            // no class of the data has two labels
            let different: std::collections::BTreeSet<u32> = of_label.iter().flatten().copied().collect();
            assert_eq!(different.len(), of_label.iter().map(|of| of.len()).sum::<usize>());
            assert!(of_label.iter().all(|of| of.len() <= KINDS));
            with += usize::from(of_label.iter().any(|of| of.len() > 1));
        }
        assert!((20..40).contains(&with), "{with} of 60");
    }

    #[test]
    fn pictures_of_the_prior_are_enlarged_for_a_stem_that_reads_drawings() {
        let prior = Prior { shapes: 1.0, mixtures: 1.0, ..Prior::none() };
        let config = TaskConfig { shown: vec![8], queries: 4, prior, ..Default::default() };
        let tasks = Tasks { set: true, stem: true, projected: false, inputs: 784, side: 0, ..tasks(config) };
        let shape = tasks.shape(Split::Train, 0);
        assert!(shape.drawings);
        let episode = tasks.set_episode(Split::Train, 0, &shape);
        assert_eq!(episode.inputs.len(), 12 * 784);
        // a slope stays a slope, whose ends are those of the small picture
        let slope: Vec<f32> = (0..196).map(|i| (i % 14) as f32).collect();
        let large = enlarged(&slope);
        let step = large[2] - large[1];
        assert!((1..26).all(|x| (large[x + 1] - large[x] - step).abs() < 1e-5));
        assert!((large[1] - large[0] - 0.5 * step).abs() < 1e-5 && (large[27] - large[26] - 0.5 * step).abs() < 1e-5);
        assert!((0..28).all(|y| (large[28 * y + 5] - large[5]).abs() < 1e-6));
    }

    #[test]
    fn some_tasks_are_painted_where_the_stem_reads_colours() {
        let prior = Prior { shapes: 1.0, ..Prior::none() };
        let config = TaskConfig { shown: vec![8], queries: 4, colour: 0.5, prior, ..Default::default() };
        let tasks = Tasks { set: true, stem: true, projected: false, inputs: 784, ..tasks(config) };
        let coloured = Tasks { colour: true, ..tasks.clone() };
        let mut painted = 0;
        for group in 0..40 {
            let shape = tasks.shape(Split::Train, group);
            let grey = tasks.set_episode(Split::Train, group, &shape);
            let episode = coloured.set_episode(Split::Train, group, &shape);
            assert_eq!(grey.inputs.len(), 12 * 196);
            assert_eq!(episode.labels, grey.labels);
            painted += usize::from(episode.inputs.len() == 12 * 588);
            assert!([12 * 196, 12 * 588].contains(&episode.inputs.len()));
        }
        assert!((12..28).contains(&painted), "{painted} of 40");
    }

    #[test]
    fn a_stem_of_the_priors_size_reads_its_pictures_and_never_its_vectors() {
        let prior = Prior { mixtures: 1.0, shapes: 1.0, ..Prior::none() };
        let config = TaskConfig { shown: vec![8], queries: 4, vectors: 0.5, prior, ..Default::default() };
        let small = Tasks { set: true, stem: true, projected: false, inputs: 784, ..tasks(config.clone()) };
        // the families look alike in size; a weight of 0 tells which one was drawn
        let alone = |prior: Prior| Tasks { config: TaskConfig { prior, ..config.clone() }, ..small.clone() };
        let shapes = alone(Prior { shapes: 1.0, ..Prior::none() });
        let (mut pictures, mut vectors) = (0, 0);
        for group in 0..40 {
            let shape = small.shape(Split::Train, group);
            let episode = small.set_episode(Split::Train, group, &shape);
            assert_eq!(episode.inputs.len(), 12 * 196);
            if shape.drawings {
                pictures += 1;
                assert_eq!(episode, shapes.set_episode(Split::Train, group, &shape));
            } else {
                vectors += u32::from(episode != shapes.set_episode(Split::Train, group, &shape));
            }
        }
        assert!(pictures > 8 && vectors > 4, "{pictures} pictures, {vectors} vectors of the other family");
    }

    #[test]
    fn a_set_episode_has_the_shape_of_its_micro_batch() {
        let config = TaskConfig {
            shown: vec![5, 12],
            queries: 7,
            ways: 4,
            fewer_classes: 0.5,
            uneven: 0.5,
            ..Default::default()
        };
        let tasks = Tasks { set: true, projected: false, ..tasks(config.clone()) };
        for group in 0..20 {
            let shape = tasks.shape(Split::Train, group);
            assert_eq!(shape, tasks.shape(Split::Train, group));
            assert!([5, 12].contains(&shape.shown) && (2..=10).contains(&shape.classes) && !shape.drawings);
            let episode = tasks.set_episode(Split::Train, group, &shape);
            assert_eq!(episode.labels.len(), shape.shown + 7);
            assert!(episode.labels.iter().all(|&l| (l as usize) < shape.classes));
            assert_eq!(episode, tasks.set_episode(Split::Train, group, &shape));
        }
        // with shots every class is shown, and drawings come with a stem
        let config = TaskConfig { shots: vec![1, 3], data: vec!["strokes".into()], ..config };
        let tasks = Tasks { stem: true, side: 0, bases: vec![Source::Strokes], config, ..tasks };
        for group in 0..20 {
            let shape = tasks.shape(Split::Train, group);
            assert!(shape.drawings && (2..=4).contains(&shape.classes));
            let episode = tasks.set_episode(Split::Train, group, &shape);
            for class in 0..shape.classes as u32 {
                assert!(episode.labels[..shape.shown].contains(&class));
            }
            assert_eq!(episode.inputs.len(), episode.labels.len() * 784);
        }
    }
}
