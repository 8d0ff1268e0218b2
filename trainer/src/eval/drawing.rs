//! The *drawing* protocol.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use burn::tensor::Device;
use rand::RngExt;
use rayon::prelude::*;
use shaders::baselines::{self, Baseline};
use shaders::input::encode::{EncodeError, Encoder};
use shaders::probability::renormalise_over_seen;
use shaders::random::{self, Stream};
use shaders::{Model, cpu};

use super::accumulator::{Accumulator, Answer};
use super::episodes::distinct;
use super::error::EvalError;
use super::outcome::Outcome;
use super::sets::Sets;
use super::settings::Settings;
use crate::data::Dataset;
use crate::nets::Net;
use crate::nets::batch::set_batch;
use crate::nets::tensors::floats;
use crate::sources::{SourceError, class_range};
use tasks::augment::SIDE;
use tasks::{Augment, Episode, Shape, labels};

/// Queries a class.
const QUERIES: usize = 3;

/// How a drawing is changed where there are variants of it.
const SLIGHT: Augment = Augment {
    share: 1.0,
    stronger: 0.0,
    turns: false,
    rotation: 6.0,
    shear: 0.1,
    aspect: 0.07,
    elastic: 1.0,
    blur: 1.0,
};

/// An evaluation that is ready to run: raw pictures through the shared preprocessing, S shots of each class in random order,
/// three queries a class; answers are restricted to classes that were shown.
pub struct Drawing {
    name: String,
    model: Arc<Model>,
    dataset: String,
    set: Arc<Dataset>,
    /// Examples of each class that has enough.
    classes: Vec<Vec<u32>>,
    ways: usize,
    shots: Vec<usize>,
    settings: Settings,
    device: Device,
    /// A set learner, which Burn computes.
    net: Option<Net>,
}

/// What came of one episode.
struct Answers {
    /// The learner's, of the classes shown.
    own: Vec<Answer>,
    /// Of each rule, the fraction right.
    ruled: Vec<f64>,
    /// Chances that a query belongs to none of the classes shown: of those that do belong to one, and of the others.
    none: [Vec<f32>; 2],
}

impl Drawing {
    /// `ways` classes of a data set, `shots` examples of each.
    ///
    /// # Errors
    /// Data that are missing or too few; more than the learner takes.
    pub fn open(
        name: &str,
        model: &Model,
        dataset: &str,
        sets: &mut Sets,
        ways: usize,
        shots: &[usize],
        settings: &Settings,
    ) -> Result<Drawing, EvalError> {
        let spec = &model.spec;
        let (file, range) = class_range(dataset).map_err(SourceError::from)?;
        let set = sets.open(file, settings.split)?;
        let small = |message| EvalError::Small { name: dataset.to_owned(), message };
        if ways > spec.most_classes() {
            return Err(small(format!(
                "{ways}-way was asked for; this learner tells at most {} classes apart",
                spec.most_classes()
            )));
        }
        if set.channels != 1 {
            return Err(small(format!("the drawing protocol needs grey pictures, found {} channels", set.channels)));
        }
        let most = shots.iter().copied().max().unwrap_or(1);
        let variants = settings.ensemble.max(1);
        if variants > 1 && spec.equivariant.is_none() {
            return Err(small("an ensemble over changed drawings needs an equivariant learner".into()));
        }
        if settings.outsiders && spec.equivariant.is_none() {
            return Err(small("drawings of other classes than those shown need an equivariant learner".into()));
        }
        let shown = ways.saturating_mul(most).saturating_mul(variants);
        if shown >= spec.longest {
            let takes = spec.longest - 1;
            return Err(small(format!(
                "{ways} ways of {most} shots are {shown} examples; this learner takes at most {takes}"
            )));
        }
        let of_range =
            set.by_class().into_iter().enumerate().filter(|(c, _)| range.contains(c)).map(|(_, members)| members);
        let classes: Vec<Vec<u32>> = of_range.filter(|members| members.len() >= most + QUERIES).collect();
        let needed = if settings.outsiders { 2 * ways } else { ways };
        if classes.len() < needed {
            return Err(small(format!(
                "expected {needed} classes of at least {} examples, found {}",
                most + QUERIES,
                classes.len()
            )));
        }
        // a fault of the encoding is found here, before the first episode
        Encoder::new(spec, SIDE, SIDE, 1, 0)?;
        let device = crate::device::host();
        let net = spec.equivariant.is_some().then(|| Net::from_model(model, &device));
        Ok(Drawing {
            name: name.to_owned(),
            model: Arc::new(model.clone()),
            dataset: dataset.to_owned(),
            set,
            classes,
            ways,
            shots: shots.to_vec(),
            settings: settings.clone(),
            device,
            net,
        })
    }

    /// Episodes of the whole evaluation.
    pub fn episodes(&self) -> usize {
        self.settings.episodes * self.shots.len()
    }

    /// Measures; `progress` is called with the number of episodes done.
    ///
    /// # Errors
    /// The learner refuses an episode.
    pub fn run(&self, progress: &(dyn Fn(usize) + Sync)) -> Result<Outcome, EvalError> {
        let Drawing { settings, shots, .. } = self;
        let mut outcome = Outcome {
            model: self.name.clone(),
            dataset: self.dataset.clone(),
            protocol: format!("drawing {}-way", self.ways),
            split: settings.split,
            episodes: settings.episodes,
            positions: shots.clone(),
            accuracy: Vec::new(),
            ci95: Vec::new(),
            nll: Vec::new(),
            ece: Vec::new(),
            overconfidence: Vec::new(),
            ensemble: (settings.ensemble > 1).then_some(settings.ensemble),
            project: None,
            vectors: false,
            rare: Vec::new(),
            outsiders: Vec::new(),
            baselines: Default::default(),
            margin_ci95: Default::default(),
        };
        let done = AtomicUsize::new(0);
        for &s in shots {
            let episode = |index: u64| {
                let answers = self.answers(s, index);
                progress(done.fetch_add(1, Ordering::Relaxed) + 1);
                answers
            };
            let all: Vec<Answers> =
                (0..settings.episodes as u64).into_par_iter().map(episode).collect::<Result<_, _>>()?;
            self.add(&mut outcome, &all);
        }
        Ok(outcome)
    }

    /// What the learner and the rules answer in episode `index` of `s` shots.
    fn answers(&self, s: usize, index: u64) -> Result<Answers, EvalError> {
        let Drawing { settings, ways, .. } = self;
        let spec = &self.model.spec;
        let variants = settings.ensemble.max(1);
        // a set learner knows how many classes there are
        let used = if self.net.is_some() { *ways + usize::from(settings.outsiders) } else { spec.classes };
        let purpose = format!("evaluation/drawing/{}/{ways}/{s}", self.dataset);
        let mut stream = random::stream(settings.seed, &purpose, index);
        let encoder = Encoder::new(spec, SIDE, SIDE, 1, stream.random())?;
        let chosen = labels::permutation(self.classes.len(), &mut stream);
        let map = labels::permutation(used, &mut stream);
        // a stream of its own: the drawings are those of an evaluation without variants
        let mut changes = random::stream(settings.seed, "evaluation/variants", index);
        let (mut shown, mut asked) = (Vec::new(), Vec::new());
        for k in 0..*ways {
            let pool = &self.classes[chosen[k] as usize];
            let s = if settings.rare && k == 0 { 1 } else { s };
            for (n, i) in distinct(pool.len(), s + QUERIES, &mut stream).into_iter().enumerate() {
                for example in self.variants(pool[i as usize], &encoder, &mut changes)? {
                    if n < s { shown.push((example, map[k])) } else { asked.push((example, map[k])) }
                }
            }
        }
        let inside = asked.len() / variants;
        if settings.outsiders {
            // a stream of its own: the other drawings are those of an evaluation without them
            let mut stream = random::stream(settings.seed, "evaluation/outsiders", index);
            for &class in &chosen[*ways..2 * *ways] {
                let pool = &self.classes[class as usize];
                for i in distinct(pool.len(), QUERIES, &mut stream) {
                    let examples = self.variants(pool[i as usize], &encoder, &mut changes)?;
                    asked.extend(examples.into_iter().map(|example| (example, map[*ways])));
                }
            }
        }
        let order = labels::permutation(shown.len(), &mut stream);
        let inputs: Vec<f32> = order.iter().flat_map(|&i| shown[i as usize].0.iter().copied()).collect();
        let given: Vec<u32> = order.iter().map(|&i| shown[i as usize].1).collect();
        let mut rows = self.ask(&inputs, &given, &asked, used)?;
        let none = match settings.outsiders {
            false => Default::default(),
            true => {
                let chances: Vec<f32> =
                    rows.iter().skip(map[*ways] as usize).step_by(used).map(|log| log.exp()).collect();
                // the other figures are about the classes shown
                rows = renormalise_over_seen(&rows, used, &given);
                [chances[..inside].to_vec(), chances[inside..].to_vec()]
            }
        };
        let once: Vec<&(Vec<f32>, u32)> = asked.iter().step_by(variants).take(inside).collect();
        let truth: Vec<u32> = once.iter().map(|(_, label)| *label).collect();
        let own = rows.chunks_exact(used).zip(&truth).map(|(row, label)| Answer::new(row, *label)).collect();
        let mut ruled = Vec::new();
        if settings.baselines {
            let queries: Vec<f32> = once.iter().flat_map(|(x, _)| x.iter().copied()).collect();
            let rules =
                baselines::Episode::new(&inputs, &given, &queries, spec.inputs, used).expect("an episode fits itself");
            for rule in Baseline::ALL {
                let hits = rules.predict(rule).iter().zip(&truth).filter(|(a, b)| a == b).count();
                ruled.push(hits as f64 / truth.len() as f64);
            }
        }
        Ok(Answers { own, ruled, none })
    }

    /// A picture of the set as the learner gets it, first as it is and then a little changed.
    ///
    /// # Shapes
    /// `[variants][X]`
    fn variants(&self, picture: u32, encoder: &Encoder, changes: &mut Stream) -> Result<Vec<Vec<f32>>, EncodeError> {
        let Drawing { set, settings, .. } = self;
        // a blank picture stays blank: it is an example like any other
        let picture = shaders::input::pixels::normalise(&set.pixels(picture as usize), set.height, set.width)
            .unwrap_or_else(|_| vec![0.0; SIDE * SIDE]);
        (0..settings.ensemble.max(1))
            .map(|variant| match variant {
                0 => encoder.encode(&picture),
                _ => encoder.encode(&SLIGHT.apply(&picture, 0, changes)),
            })
            .collect()
    }

    /// Log-probabilities of each query, `[Q, C]`.
    fn ask(
        &self,
        inputs: &[f32],
        given: &[u32],
        asked: &[(Vec<f32>, u32)],
        used: usize,
    ) -> Result<Vec<f32>, EvalError> {
        let spec = &self.model.spec;
        let queries: Vec<f32> = asked.iter().flat_map(|(x, _)| x.iter().copied()).collect();
        let Some(Net::Set(net)) = &self.net else {
            let mut session = cpu::Session::new(self.model.clone());
            session.context.observe(inputs, given)?;
            return Ok(renormalise_over_seen(&session.predict(&queries)?, spec.classes, given));
        };
        let drawings = spec.equivariant.as_ref().is_some_and(|set| set.stem.is_some());
        let both = [inputs, &queries].concat();
        let truth = given.iter().copied().chain(asked.iter().map(|(_, label)| *label)).collect();
        let shape = Shape {
            shown: given.len(),
            queries: asked.len(),
            classes: used,
            outsiders: self.settings.outsiders,
            drawings,
        };
        let episode = Episode { inputs: both, labels: truth };
        let rows = floats(net.forward(&set_batch(&[episode], &shape, &self.device)));
        Ok(mean_of_variants(&rows, used, self.settings.ensemble.max(1)))
    }

    /// Adds what the episodes of one number of shots gave.
    fn add(&self, outcome: &mut Outcome, all: &[Answers]) {
        let mut own = Accumulator::default();
        all.iter().for_each(|answers| own.add_answers(std::slice::from_ref(&answers.own)));
        outcome.accuracy.push(own.mean()[0]);
        outcome.ci95.push(own.ci95()[0]);
        outcome.nll.push(own.mean_nll()[0]);
        outcome.ece.push(own.ece()[0]);
        outcome.overconfidence.push(own.overconfidence()[0]);
        if self.settings.rare {
            // queries come class by class, and the first class is the rare one
            let mut rare = Accumulator::default();
            all.iter().for_each(|answers| rare.add_answers(&[answers.own[..QUERIES].to_vec()]));
            outcome.rare.push(rare.mean()[0]);
        }
        if self.settings.outsiders {
            let all = |side: usize| all.iter().flat_map(|answers| answers.none[side].iter().copied()).collect();
            outcome.outsiders.push(area_under_roc(all(0), all(1)));
        }
        if self.settings.baselines {
            for (r, rule) in Baseline::ALL.iter().enumerate() {
                let mut ruled_by = Accumulator::default();
                all.iter().for_each(|answers| ruled_by.add(&[answers.ruled[r]], &[]));
                let name = rule.name().to_owned();
                outcome.margin_ci95.entry(name.clone()).or_default().push(own.margin_ci95(&ruled_by)[0]);
                outcome.baselines.entry(name).or_default().push(ruled_by.mean()[0]);
            }
        }
    }
}

/// Opens and runs a [`Drawing`].
///
/// # Errors
/// As [`Drawing::open`] and [`Drawing::run`].
pub fn drawing(
    name: &str,
    model: &Model,
    dataset: &str,
    data_dir: &Path,
    ways: usize,
    shots: &[usize],
    settings: &Settings,
) -> Result<Outcome, EvalError> {
    Drawing::open(name, model, dataset, &mut Sets::new(data_dir), ways, shots, settings)?.run(&|_| ())
}

/// Area under the ROC curve: the share of pairs, one value of each list, in which that of `above` is the larger; equal ones
/// count half.
fn area_under_roc(mut below: Vec<f32>, above: Vec<f32>) -> f64 {
    below.sort_by(f32::total_cmp);
    let less = |value: f32| below.partition_point(|other| *other < value) as f64;
    let most = |value: f32| below.partition_point(|other| *other <= value) as f64;
    let wins: f64 = above.iter().map(|value| (less(*value) + most(*value)) / 2.0).sum();
    wins / (below.len() * above.len()).max(1) as f64
}

/// Logarithms of the mean chances over the variants of each query.
///
/// # Shapes
/// `rows` log-probabilities `[Q · variants, C]` → `[Q, C]`.
fn mean_of_variants(rows: &[f32], classes: usize, variants: usize) -> Vec<f32> {
    let mean = |of_query: &[f32]| -> Vec<f32> {
        let chance = |c: usize| of_query.iter().skip(c).step_by(classes).map(|log| f64::from(*log).exp()).sum::<f64>();
        (0..classes).map(|c| (chance(c) / variants as f64).ln() as f32).collect()
    };
    rows.chunks_exact(classes * variants).flat_map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_is_the_share_of_pairs_in_order() {
        assert_eq!(area_under_roc(vec![0.1, 0.4, 0.3], vec![0.35, 0.8]), 5.0 / 6.0);
        assert_eq!(area_under_roc(vec![0.5; 3], vec![0.5; 2]), 0.5);
    }

    #[test]
    fn chances_of_variants_are_averaged() {
        let rows: Vec<f32> = [0.5f32, 0.5, 0.1, 0.9].iter().map(|p| p.ln()).collect();
        let mean: Vec<f32> = mean_of_variants(&rows, 2, 2).iter().map(|log| log.exp()).collect();
        assert!((mean[0] - 0.3).abs() < 1e-6 && (mean[1] - 0.7).abs() < 1e-6, "{mean:?}");
        assert_eq!(mean_of_variants(&rows, 2, 1).len(), 4);
    }
}
