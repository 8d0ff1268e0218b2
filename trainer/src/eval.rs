//! Evaluation protocols: a frozen learner and the hand-written rules on the very same episodes.
//!
//! *paper*: T examples of one split (the test split, unless hyper-parameters are being chosen) drawn without replacement, fresh label permutation and fresh projection an
//! episode, accuracy at every position asked for; position p has p − 1 shown examples before it.
//! *drawing*: raw pictures, K classes × S shots in random order, then queries of every class.

use std::path::Path;

use burn::tensor::Device;
use rand::RngExt;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use shaders::encode::Encoder;
use shaders::random::{self, Stream};
use shaders::{Model, cpu, session};

use crate::baselines::{self, Rule};
use crate::data::{self, Dataset};
use crate::nets::Net;
use crate::tasks::drawings::Augment;
use crate::tasks::{Base, Episode, Shape, labels, projection};
use crate::train::{TrainError, class_range, encode_base, floats, sequences, set_batch};

/// How to measure.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Episodes of each data set (of each number of shots for *drawing*).
    pub episodes: usize,
    /// Seed of the evaluation's own streams.
    pub seed: u64,
    /// Positions of *paper*, counted from 1.
    pub positions: Vec<usize>,
    /// Which half of a data set: `Test` for reported numbers, `Train` for choosing hyper-parameters.
    pub split: data::Split,
    /// *paper*: queries at each position, all with the same shown examples; the paper has 1. More make the interval
    /// narrower: the first is example p, the others follow after the longest position.
    pub queries: usize,
    /// Whether the hand-written rules and the shuffled-label and untrained controls answer too.
    pub baselines: bool,
    /// *drawing*, set learners: drawings are shown this often each, once as they are and then a little changed, and a
    /// query's chances are averaged over as many variants of it; 1 shows and asks once.
    pub ensemble: usize,
    /// *paper*, set learners: inputs are projected to this many dimensions, afresh in every episode. Learners that
    /// always project do so to their own number of inputs.
    pub project: Option<usize>,
    /// *paper*, learners with a stem: pictures are shown as mere vectors, so that only their inner products count.
    pub vectors: bool,
    /// *drawing*: one class of each episode is shown once, the others as often as the shots say.
    pub rare: bool,
}

/// One row of results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// File of the learner.
    pub model: String,
    /// Data set.
    pub dataset: String,
    /// `paper`, or `drawing 10-way` and so on.
    pub protocol: String,
    /// Half of the data set.
    pub split: data::Split,
    /// Episodes.
    pub episodes: usize,
    /// Position (paper) or shots a class (drawing) of each value below.
    pub positions: Vec<usize>,
    /// Fraction right.
    pub accuracy: Vec<f64>,
    /// Half width of the 95 % confidence interval over episodes.
    pub ci95: Vec<f64>,
    /// Mean negative log-likelihood of the right label, in nats.
    pub nll: Vec<f64>,
    /// Expected calibration error of the most likely label, in 15 bins of equal width (Guo et al., 2017).
    #[serde(default)]
    pub ece: Vec<f64>,
    /// Mean confidence minus accuracy: above 0 where the learner trusts its answers too much.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overconfidence: Vec<f64>,
    /// Variants of each drawing, if more than one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ensemble: Option<usize>,
    /// Dimensions of the fresh projection, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<usize>,
    /// Whether a learner with a stem was shown pictures as mere vectors.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub vectors: bool,
    /// Fraction right of the queries of the class that was shown once, if there was one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rare: Vec<f64>,
    /// Fractions right by the rules and controls.
    pub baselines: std::collections::BTreeMap<String, Vec<f64>>,
    /// Half width of the 95 % confidence interval of the learner's lead over each rule, paired by episode.
    #[serde(default)]
    pub margin_ci95: std::collections::BTreeMap<String, Vec<f64>>,
}

/// Why an evaluation cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// Data or encoding.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// Data.
    #[error(transparent)]
    Data(#[from] data::DataError),
    /// A position the learner cannot reach.
    #[error("position {found} was asked for; this learner takes 1…{longest}")]
    Position {
        /// Position asked for.
        found: usize,
        /// Longest T.
        longest: usize,
    },
    /// Too few examples or classes for the protocol.
    #[error("data set `{name}`: {message}")]
    Small {
        /// Data set.
        name: String,
        /// Expected and found.
        message: String,
    },
    /// The learner refused an episode.
    #[error(transparent)]
    Session(#[from] session::SessionError),
    /// Encoding of raw pictures.
    #[error(transparent)]
    Encode(#[from] shaders::encode::EncodeError),
}

/// Hits and log-likelihoods of one answerer at each position.
#[derive(Clone, Default)]
pub(crate) struct Tally {
    /// Σ over episodes of the fraction right.
    sum: Vec<f64>,
    /// Σ of its square.
    square: Vec<f64>,
    nll: Vec<f64>,
    /// Fractions right of each episode.
    each: Vec<Vec<f64>>,
    /// Answers of each position by their confidence.
    bins: Vec<[Bin; BINS]>,
    episodes: usize,
}

const BINS: usize = 15;

/// Answers of about one confidence.
#[derive(Clone, Copy, Default)]
struct Bin {
    confidence: f64,
    right: f64,
    count: f64,
}

/// What one answer is worth.
#[derive(Clone, Copy)]
struct Answer {
    right: bool,
    /// −ln of the chance given to the right label.
    nll: f64,
    /// Chance given to the most likely label.
    confidence: f64,
}

impl Answer {
    /// `row`: log-probabilities `[C]`.
    fn new(row: &[f32], label: u32) -> Answer {
        let answer = shaders::answer(row);
        Answer {
            right: answer == Some(label as usize),
            nll: -f64::from(row[label as usize]),
            confidence: answer.map_or(0.0, |answer| f64::from(row[answer]).exp()),
        }
    }
}

impl Tally {
    /// Answers of one episode: all of each position.
    fn add_answers(&mut self, positions: &[Vec<Answer>]) {
        let mean = |value: &dyn Fn(&Answer) -> f64| -> Vec<f64> {
            positions.iter().map(|all| all.iter().map(value).sum::<f64>() / all.len() as f64).collect()
        };
        self.add(&mean(&|a| f64::from(u8::from(a.right))), &mean(&|a| a.nll));
        self.bins.resize(positions.len(), [Bin::default(); BINS]);
        for (bins, answers) in self.bins.iter_mut().zip(positions) {
            for answer in answers {
                let bin = &mut bins[((answer.confidence * BINS as f64) as usize).min(BINS - 1)];
                bin.confidence += answer.confidence;
                bin.right += f64::from(u8::from(answer.right));
                bin.count += 1.0;
            }
        }
    }

    /// Σ over bins of |confidence − accuracy|, weighted by their answers.
    fn ece(&self) -> Vec<f64> {
        let of = |bins: &[Bin; BINS]| {
            let count: f64 = bins.iter().map(|bin| bin.count).sum();
            bins.iter().map(|bin| (bin.confidence - bin.right).abs()).sum::<f64>() / count
        };
        self.bins.iter().map(of).collect()
    }

    /// Mean confidence minus the fraction right.
    fn overconfidence(&self) -> Vec<f64> {
        let sum = |bins: &[Bin; BINS], value: &dyn Fn(&Bin) -> f64| bins.iter().map(value).sum::<f64>();
        self.bins.iter().map(|bins| sum(bins, &|b| b.confidence - b.right) / sum(bins, &|b| b.count)).collect()
    }

    fn mean_nll(&self) -> Vec<f64> {
        self.nll.iter().map(|s| s / self.episodes as f64).collect()
    }

    pub(crate) fn add(&mut self, right: &[f64], nll: &[f64]) {
        for (store, values) in [(&mut self.sum, right), (&mut self.nll, nll)] {
            store.resize(values.len(), 0.0);
            store.iter_mut().zip(values).for_each(|(s, v)| *s += v);
        }
        self.square.resize(right.len(), 0.0);
        self.square.iter_mut().zip(right).for_each(|(s, v)| *s += v * v);
        self.each.push(right.to_vec());
        self.episodes += 1;
    }

    pub(crate) fn mean(&self) -> Vec<f64> {
        self.sum.iter().map(|s| s / self.episodes as f64).collect()
    }

    /// 1.96 standard errors of the difference to another answerer of the same episodes.
    fn margin_ci95(&self, other: &Tally) -> Vec<f64> {
        let mut difference = Tally::default();
        for (own, other) in self.each.iter().zip(&other.each) {
            difference.add(&own.iter().zip(other).map(|(a, b)| a - b).collect::<Vec<_>>(), &[]);
        }
        difference.ci95()
    }

    /// 1.96 standard errors over episodes.
    pub(crate) fn ci95(&self) -> Vec<f64> {
        let n = self.episodes as f64;
        let error = |(s, q): (&f64, &f64)| 1.96 * ((q / n - (s / n).powi(2)).max(0.0) / n).sqrt();
        self.sum.iter().zip(&self.square).map(error).collect()
    }
}

/// Where test examples come from.
enum Source {
    Set(Base),
    /// Ten pictures of uniform noise, ten labels, drawn with replacement: the paper's pure lookup test.
    Random {
        dimensions: usize,
    },
}

/// The *paper* protocol. `dataset` is a name in the data directory, or `random`; `untrained` is the same learner before
/// meta-training, a control that answers with the rules.
///
/// # Errors
/// Data that are missing, a position out of reach.
pub fn paper(
    name: &str,
    net: &Net,
    untrained: Option<&Net>,
    dataset: &str,
    data_dir: &Path,
    device: &Device,
    settings: &Settings,
    progress: &mut dyn FnMut(usize),
) -> Result<Outcome, EvalError> {
    let spec = net.spec();
    let t = settings.positions.iter().copied().max().unwrap_or(1);
    // a set learner and rules answer many queries at once
    let total = t + settings.queries - 1;
    for &found in &settings.positions {
        if found == 0 || found > spec.longest {
            return Err(EvalError::Position { found, longest: spec.longest });
        }
    }
    let source = if dataset == "random" {
        let free = spec.encoding.projected || spec.equivariant.is_some();
        Source::Random { dimensions: if free { 196 } else { spec.inputs } }
    } else {
        let set = data::open(dataset, settings.split, data_dir)?;
        check_size(&set, total)?;
        let base = encode_base(spec, &set).map_err(|source| TrainError::Encode { name: dataset.to_owned(), source })?;
        Source::Set(base)
    };
    // a set learner is told how many classes there are; the others always have all of theirs
    let classes = match (&source, spec.equivariant.is_some()) {
        (Source::Set(base), true) => base.present().min(spec.classes),
        (Source::Random { .. }, true) => 10.min(spec.classes),
        (_, false) => spec.classes,
    };
    // whether a stem can read the inputs as they reach the learner
    let stem = spec.equivariant.as_ref().and_then(|set| set.stem.as_ref());
    let drawings = !settings.vectors
        && settings.project.is_none()
        && match &source {
            Source::Set(base) => base.drawn,
            Source::Random { dimensions } => stem.is_some_and(|stem| stem.side * stem.side == *dimensions),
        };
    let asked_as = Asked { classes, drawings };
    let mut own = Tally::default();
    let mut others: Vec<(String, Tally)> = Vec::new();
    const BATCH: usize = 16;
    let mut done = 0;
    while done < settings.episodes {
        let ids: Vec<u64> = (done..(done + BATCH).min(settings.episodes)).map(|i| i as u64).collect();
        let episodes: Vec<Episode> =
            ids.par_iter().map(|&i| test_episode(&source, spec, classes, total, settings, dataset, i)).collect();
        score(net, &episodes, asked_as, settings, device, &mut own);
        if settings.baselines {
            if let Some(untrained) = untrained {
                score(untrained, &episodes, asked_as, settings, device, control(&mut others, "untrained"));
            }
            // labels of the context say nothing about the inputs: what is left must be chance
            let shuffled: Vec<Episode> = episodes
                .iter()
                .zip(&ids)
                .map(|(episode, &i)| {
                    let order =
                        labels::permutation(total, &mut random::stream(settings.seed, "evaluation/shuffled", i));
                    let labels = order.iter().map(|&o| episode.labels[o as usize]).collect();
                    Episode { inputs: episode.inputs.clone(), labels }
                })
                .collect();
            score(net, &shuffled, asked_as, settings, device, control(&mut others, "shuffled labels"));
            let ruled: Vec<Vec<Vec<f64>>> = episodes
                .par_iter()
                .map(|e| {
                    settings
                        .positions
                        .iter()
                        .map(|&p| {
                            let (x, n) = (e.inputs.len() / total, p - 1);
                            let indices: Vec<usize> = asked(p, t, settings.queries).collect();
                            let queries: Vec<f32> =
                                indices.iter().flat_map(|&i| e.inputs[i * x..(i + 1) * x].to_vec()).collect();
                            let shown = (&e.inputs[..n * x], &e.labels[..n]);
                            let episode = baselines::Episode::new(shown.0, shown.1, &queries, x, classes)
                                .expect("an episode fits itself");
                            let right = |rule: &Rule| {
                                let answers = episode.predict(*rule);
                                let hits = answers.iter().zip(&indices).filter(|&(a, &i)| *a == e.labels[i]).count();
                                hits as f64 / indices.len() as f64
                            };
                            Rule::ALL.iter().map(right).collect()
                        })
                        .collect()
                })
                .collect();
            for positions in ruled {
                for (r, rule) in Rule::ALL.iter().enumerate() {
                    let right: Vec<f64> = positions.iter().map(|row| row[r]).collect();
                    control(&mut others, rule.name()).add(&right, &[]);
                }
            }
        }
        done += ids.len();
        progress(done);
    }
    Ok(Outcome {
        model: name.to_owned(),
        dataset: dataset.to_owned(),
        protocol: "paper".into(),
        split: settings.split,
        episodes: own.episodes,
        positions: settings.positions.clone(),
        accuracy: own.mean(),
        ci95: own.ci95(),
        nll: own.mean_nll(),
        ece: own.ece(),
        overconfidence: own.overconfidence(),
        ensemble: None,
        project: settings.project.filter(|_| spec.equivariant.is_some()),
        vectors: settings.vectors && stem.is_some(),
        rare: Vec::new(),
        margin_ci95: others.iter().map(|(name, tally)| (name.clone(), own.margin_ci95(tally))).collect(),
        baselines: others.into_iter().map(|(name, tally)| (name, tally.mean())).collect(),
    })
}

fn control<'a>(others: &'a mut Vec<(String, Tally)>, name: &str) -> &'a mut Tally {
    let at = others.iter().position(|(n, _)| n == name).unwrap_or_else(|| {
        others.push((name.to_owned(), Tally::default()));
        others.len() - 1
    });
    &mut others[at].1
}

fn check_size(set: &Dataset, t: usize) -> Result<(), EvalError> {
    let small = |message| Err(EvalError::Small { name: set.name.clone(), message });
    if set.len() < t {
        return small(format!("expected at least {t} test examples, found {}", set.len()));
    }
    if set.classes < 2 {
        return small(format!("expected at least 2 classes, found {}", set.classes));
    }
    Ok(())
}

/// Episode `index` of an evaluation: a function of (seed, data set, index).
fn test_episode(
    source: &Source,
    spec: &shaders::ModelSpec,
    classes: usize,
    t: usize,
    settings: &Settings,
    name: &str,
    index: u64,
) -> Episode {
    let mut stream = random::stream(settings.seed, &format!("evaluation/paper/{name}"), index);
    let (raw, dimensions, own) = match source {
        Source::Set(base) => {
            // a set with more classes than the learner: K = C of them, chosen for this episode
            let present: Vec<usize> = (0..base.by_class.len()).filter(|&c| !base.by_class[c].is_empty()).collect();
            let picks: Vec<(u32, u32)> = if present.len() <= classes {
                distinct(base.labels.len(), t, &mut stream)
                    .into_iter()
                    .map(|i| {
                        (i, present.iter().position(|&c| c == base.labels[i as usize] as usize).unwrap_or(0) as u32)
                    })
                    .collect()
            } else {
                let chosen: Vec<usize> = labels::permutation(present.len(), &mut stream)
                    .into_iter()
                    .take(classes)
                    .map(|i| present[i as usize])
                    .collect();
                let pool: Vec<(u32, u32)> = chosen
                    .iter()
                    .enumerate()
                    .flat_map(|(k, &c)| base.by_class[c].iter().map(move |&i| (i, k as u32)))
                    .collect::<Vec<_>>();
                distinct(pool.len(), t, &mut stream).into_iter().map(|i| pool[i as usize]).collect()
            };
            let raw: Vec<f32> = picks.iter().flat_map(|&(i, _)| base.row(i as usize).iter().copied()).collect();
            (raw, base.dimensions, picks.into_iter().map(|(_, k)| k).collect::<Vec<_>>())
        }
        Source::Random { dimensions } => {
            let mut pictures: Vec<f32> = (0..10 * dimensions).map(|_| stream.random::<f32>()).collect();
            pictures.chunks_exact_mut(*dimensions).for_each(shaders::pixels::standardise);
            let own: Vec<u32> = (0..t).map(|_| stream.random_range(0..10)).collect();
            let raw: Vec<f32> =
                own.iter().flat_map(|&p| pictures[p as usize * dimensions..][..*dimensions].to_vec()).collect();
            (raw, *dimensions, own)
        }
    };
    let map = labels::permutation(classes, &mut stream);
    let labels = own.iter().map(|&k| map[k as usize]).collect();
    let project = match spec.equivariant {
        // what is longer than a set learner's inputs has to be projected, as the encoder does
        Some(_) => settings.project.or((dimensions > spec.inputs).then_some(spec.inputs)),
        None => spec.encoding.projected.then_some(spec.inputs),
    };
    let inputs = match project {
        Some(inputs) => projection::fresh(&raw, dimensions, inputs, &mut stream),
        None => raw,
    };
    Episode { inputs, labels }
}

/// `count` different indices below `n` (Floyd's algorithm, then shuffled).
fn distinct(n: usize, count: usize, stream: &mut Stream) -> Vec<u32> {
    let mut taken = std::collections::HashSet::new();
    let mut picks: Vec<u32> = Vec::with_capacity(count);
    for j in n - count..n {
        let i = stream.random_range(0..=j) as u32;
        let pick = if taken.insert(i) { i } else { j as u32 };
        taken.insert(pick);
        picks.push(pick);
    }
    labels::permutation(count, stream).into_iter().map(|i| picks[i as usize]).collect()
}

/// Indices of the queries of position `p`, counted from 1, in an episode whose longest position is `t`.
fn asked(p: usize, t: usize, queries: usize) -> impl Iterator<Item = usize> {
    std::iter::once(p - 1).chain(t..t + queries - 1)
}

/// Episode `index` of the lookup test with T = `t`.
pub(crate) fn random_episode(spec: &shaders::ModelSpec, t: usize, settings: &Settings, index: u64) -> Episode {
    let free = spec.encoding.projected || spec.equivariant.is_some();
    let source = Source::Random { dimensions: if free { 196 } else { spec.inputs } };
    test_episode(&source, spec, spec.classes, t, settings, "random", index)
}

/// How a set learner is asked.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    /// C in use.
    pub classes: usize,
    /// Whether its stem reads the inputs.
    pub drawings: bool,
}

/// Asks a net at each position of each episode and adds what its answers are worth.
pub(crate) fn score(
    net: &Net,
    episodes: &[Episode],
    asked_as: Asked,
    settings: &Settings,
    device: &Device,
    tally: &mut Tally,
) {
    let Asked { classes, drawings } = asked_as;
    let total = episodes[0].labels.len();
    let (b, queries, t) = (episodes.len(), settings.queries, total + 1 - settings.queries);
    // the episode that ends with the shown examples of a position and some of its queries
    let cut = |e: &Episode, p: usize, asked: &[usize]| {
        let x = e.inputs.len() / total;
        let mut cut = Episode { inputs: e.inputs[..(p - 1) * x].to_vec(), labels: e.labels[..p - 1].to_vec() };
        for &i in asked {
            cut.inputs.extend_from_slice(&e.inputs[i * x..(i + 1) * x]);
            cut.labels.push(e.labels[i]);
        }
        cut
    };
    // log-probabilities of each position, `[B, Q, C]`
    let rows: Vec<Vec<f32>> = match net {
        Net::Causal(_) | Net::Research(_) => {
            let c = net.spec().classes;
            let ask = |episodes: &[Episode], positions: &[usize]| -> Vec<f32> {
                let (inputs, labels) = sequences(episodes, c, device);
                floats(net.predictor().predict_at(inputs, labels, positions))
            };
            if queries == 1 {
                // one pass answers every position
                let places: Vec<usize> = settings.positions.iter().map(|p| p - 1).collect();
                let all = ask(episodes, &places);
                let at = |k: usize| (0..b).flat_map(|e| all[(e * places.len() + k) * c..][..c].to_vec()).collect();
                (0..places.len()).map(at).collect()
            } else {
                let at = |p: usize| -> Vec<f32> {
                    let of_episode = |e: &Episode| -> Vec<f32> {
                        let alone: Vec<Episode> = asked(p, t, queries).map(|i| cut(e, p, &[i])).collect();
                        ask(&alone, &[p - 1])
                    };
                    episodes.iter().flat_map(of_episode).collect()
                };
                settings.positions.iter().map(|&p| at(p)).collect()
            }
        }
        Net::Set(net) => {
            let at = |&p: &usize| {
                let indices: Vec<usize> = asked(p, t, queries).collect();
                let episodes: Vec<Episode> = episodes.iter().map(|e| cut(e, p, &indices)).collect();
                let shape = Shape { shown: p - 1, queries, classes, drawings };
                floats(net.forward(&set_batch(&episodes, &shape, device)))
            };
            settings.positions.iter().map(at).collect()
        }
    };
    for (e, episode) in episodes.iter().enumerate() {
        let of_position = |(&p, rows): (&usize, &Vec<f32>)| {
            let c = rows.len() / (b * queries);
            let own = rows[e * queries * c..(e + 1) * queries * c].chunks_exact(c);
            own.zip(asked(p, t, queries)).map(|(row, i)| Answer::new(row, episode.labels[i])).collect()
        };
        let answers: Vec<Vec<Answer>> = settings.positions.iter().zip(&rows).map(of_position).collect();
        tally.add_answers(&answers);
    }
}

/// The *drawing* protocol for `ways` classes: raw pictures through THE preprocessing, S shots of each class in random
/// order, `QUERIES` queries a class; answers are restricted to classes that were shown.
///
/// # Errors
/// Data that are missing or too small.
pub fn drawing(
    name: &str,
    model: &Model,
    dataset: &str,
    data_dir: &Path,
    ways: usize,
    shots: &[usize],
    settings: &Settings,
) -> Result<Outcome, EvalError> {
    const QUERIES: usize = 3;
    let spec = &model.spec;
    let (file, range) = class_range(dataset).map_err(TrainError::from)?;
    let set = data::open(file, settings.split, data_dir)?;
    let small = |message| EvalError::Small { name: dataset.to_owned(), message };
    if ways > spec.classes {
        return Err(small(format!("{ways}-way was asked for; this learner has {} classes", spec.classes)));
    }
    if set.channels != 1 {
        return Err(small(format!("the drawing protocol needs grey pictures, found {} channels", set.channels)));
    }
    let most = shots.iter().copied().max().unwrap_or(1);
    let variants = settings.ensemble.max(1);
    if variants > 1 && spec.equivariant.is_none() {
        return Err(small("an ensemble over changed drawings needs an equivariant learner".into()));
    }
    if ways * most * variants + 1 > spec.longest {
        return Err(EvalError::Position { found: ways * most * variants + 1, longest: spec.longest });
    }
    let of_range =
        set.by_class().into_iter().enumerate().filter(|(c, _)| range.contains(c)).map(|(_, members)| members);
    let classes: Vec<Vec<u32>> = of_range.filter(|members| members.len() >= most + QUERIES).collect();
    if classes.len() < ways {
        return Err(small(format!(
            "expected {ways} classes of at least {} examples, found {}",
            most + QUERIES,
            classes.len()
        )));
    }
    let model = std::sync::Arc::new(model.clone());
    let device = Device::flex();
    let net = spec.equivariant.is_some().then(|| Net::from_model(&model, &device));
    // a set learner knows how many classes there are
    let used = if net.is_some() { ways } else { spec.classes };
    let drawings = spec.equivariant.as_ref().is_some_and(|set| set.stem.is_some());
    let mut outcome = Outcome {
        model: name.to_owned(),
        dataset: dataset.to_owned(),
        protocol: format!("drawing {ways}-way"),
        split: settings.split,
        episodes: settings.episodes,
        positions: shots.to_vec(),
        accuracy: Vec::new(),
        ci95: Vec::new(),
        nll: Vec::new(),
        ece: Vec::new(),
        overconfidence: Vec::new(),
        ensemble: (settings.ensemble > 1).then_some(settings.ensemble),
        project: None,
        vectors: false,
        rare: Vec::new(),
        baselines: Default::default(),
        margin_ci95: Default::default(),
    };
    let slight = Augment { share: 1.0, turns: false, rotation: 6.0, shear: 0.1, aspect: 0.07, elastic: 1.0, blur: 1.0 };
    for &s in shots {
        let episode = |index: u64| -> Result<(Vec<Answer>, Vec<f64>), EvalError> {
            let purpose = format!("evaluation/drawing/{dataset}/{ways}/{s}");
            let mut stream = random::stream(settings.seed, &purpose, index);
            let encoder = Encoder::new(spec, 28, 28, 1, stream.random())?;
            let chosen = labels::permutation(classes.len(), &mut stream);
            let map = labels::permutation(used, &mut stream);
            // a stream of its own: the drawings are those of an evaluation without variants
            let mut changes = random::stream(settings.seed, "evaluation/variants", index);
            let (mut shown, mut asked) = (Vec::new(), Vec::new());
            for k in 0..ways {
                let pool = &classes[chosen[k] as usize];
                let s = if settings.rare && k == 0 { 1 } else { s };
                for (n, i) in distinct(pool.len(), s + QUERIES, &mut stream).into_iter().enumerate() {
                    let picture = set.pixels(pool[i as usize] as usize);
                    // a blank picture stays blank: it is an example like any other
                    let picture = shaders::pixels::normalise(&picture, set.height, set.width)
                        .unwrap_or_else(|_| vec![0.0; 28 * 28]);
                    for variant in 0..variants {
                        let example = match variant {
                            0 => encoder.encode(&picture)?,
                            _ => encoder.encode(&slight.apply(&picture, 0, &mut changes))?,
                        };
                        if n < s { shown.push((example, map[k])) } else { asked.push((example, map[k])) }
                    }
                }
            }
            let order = labels::permutation(shown.len(), &mut stream);
            let inputs: Vec<f32> = order.iter().flat_map(|&i| shown[i as usize].0.iter().copied()).collect();
            let given: Vec<u32> = order.iter().map(|&i| shown[i as usize].1).collect();
            let queries: Vec<f32> = asked.iter().flat_map(|(x, _)| x.iter().copied()).collect();
            let rows = match &net {
                Some(Net::Set(net)) => {
                    let both = [inputs.as_slice(), &queries].concat();
                    let truth = given.iter().copied().chain(asked.iter().map(|(_, label)| *label)).collect();
                    let shape = Shape { shown: given.len(), queries: asked.len(), classes: used, drawings };
                    let episode = Episode { inputs: both, labels: truth };
                    let rows = floats(net.forward(&set_batch(&[episode], &shape, &device)));
                    mean_of_variants(&rows, used, variants)
                }
                _ => {
                    let mut session = cpu::Session::new(model.clone());
                    session.context.observe(&inputs, &given)?;
                    session::restrict(&session.predict(&queries)?, spec.classes, &given)
                }
            };
            let truth: Vec<u32> = asked.iter().step_by(variants).map(|(_, label)| *label).collect();
            let answers = rows.chunks_exact(used).zip(&truth).map(|(row, label)| Answer::new(row, *label)).collect();
            let mut ruled = Vec::new();
            if settings.baselines {
                let once = asked.iter().step_by(variants);
                let queries: Vec<f32> = once.flat_map(|(x, _)| x.iter().copied()).collect();
                let rules = baselines::Episode::new(&inputs, &given, &queries, spec.inputs, used)
                    .expect("an episode fits itself");
                for rule in Rule::ALL {
                    let hits = rules.predict(rule).iter().zip(&truth).filter(|(a, b)| a == b).count();
                    ruled.push(hits as f64 / truth.len() as f64);
                }
            }
            Ok((answers, ruled))
        };
        let all: Vec<(Vec<Answer>, Vec<f64>)> =
            (0..settings.episodes as u64).into_par_iter().map(episode).collect::<Result<_, _>>()?;
        let mut own = Tally::default();
        all.iter().for_each(|(answers, _)| own.add_answers(std::slice::from_ref(answers)));
        outcome.accuracy.push(own.mean()[0]);
        outcome.ci95.push(own.ci95()[0]);
        outcome.nll.push(own.mean_nll()[0]);
        outcome.ece.push(own.ece()[0]);
        outcome.overconfidence.push(own.overconfidence()[0]);
        if settings.rare {
            // queries come class by class, and the first class is the rare one
            let mut rare = Tally::default();
            all.iter().for_each(|(answers, _)| rare.add_answers(&[answers[..QUERIES].to_vec()]));
            outcome.rare.push(rare.mean()[0]);
        }
        if settings.baselines {
            for (r, rule) in Rule::ALL.iter().enumerate() {
                let mut tally = Tally::default();
                all.iter().for_each(|(_, ruled)| tally.add(&[ruled[r]], &[]));
                let name = rule.name().to_owned();
                outcome.margin_ci95.entry(name.clone()).or_default().push(own.margin_ci95(&tally)[0]);
                outcome.baselines.entry(name).or_default().push(tally.mean()[0]);
            }
        }
    }
    Ok(outcome)
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
    use shaders::ModelSpec;

    #[test]
    fn chances_of_variants_are_averaged() {
        let rows: Vec<f32> = [0.5f32, 0.5, 0.1, 0.9].iter().map(|p| p.ln()).collect();
        let mean: Vec<f32> = mean_of_variants(&rows, 2, 2).iter().map(|log| log.exp()).collect();
        assert!((mean[0] - 0.3).abs() < 1e-6 && (mean[1] - 0.7).abs() < 1e-6, "{mean:?}");
        assert_eq!(mean_of_variants(&rows, 2, 1).len(), 4);
    }

    #[test]
    fn calibration_tells_too_much_trust_from_too_little() {
        let of = |answers: &[(bool, f64)]| {
            let mut tally = Tally::default();
            let answer = |&(right, confidence): &(bool, f64)| Answer { right, nll: 0.0, confidence };
            tally.add_answers(&[answers.iter().map(answer).collect()]);
            (tally.ece()[0], tally.overconfidence()[0])
        };
        let near = |(a, b): (f64, f64), (c, d): (f64, f64)| (a - c).abs() < 1e-9 && (b - d).abs() < 1e-9;
        assert!(near(of(&[(true, 0.8), (false, 0.8)]), (0.3, 0.3)));
        assert!(near(of(&[(true, 0.6), (true, 0.6)]), (0.4, -0.4)));
        // trust that is too much here and too little there does not show in the mean
        assert!(near(of(&[(true, 0.6), (false, 0.4)]), (0.4, 0.0)));
    }

    #[test]
    fn distinct_picks_are_distinct_and_cover_everything() {
        let mut stream = random::stream(1, "distinct", 0);
        let mut seen = std::collections::HashSet::new();
        for _ in 0..200 {
            let picks = distinct(20, 7, &mut stream);
            let unique: std::collections::HashSet<_> = picks.iter().collect();
            assert_eq!(unique.len(), 7);
            seen.extend(picks);
        }
        assert_eq!(seen.len(), 20);
    }

    #[test]
    fn an_evaluation_is_a_function_of_its_seed() {
        let spec = ModelSpec::shifted(16, 8, 1, 1);
        let source = Source::Random { dimensions: 30 };
        let settings = |seed| Settings {
            episodes: 1,
            seed,
            positions: vec![20],
            split: data::Split::Test,
            queries: 1,
            baselines: false,
            ensemble: 1,
            project: None,
            vectors: false,
            rare: false,
        };
        let a = test_episode(&source, &spec, 10, 20, &settings(5), "random", 3);
        assert_eq!(a, test_episode(&source, &spec, 10, 20, &settings(5), "random", 3));
        assert_ne!(a, test_episode(&source, &spec, 10, 20, &settings(6), "random", 3));
        // equal pictures have equal labels: a lookup test can be solved
        for i in 0..20 {
            for j in 0..20 {
                if a.inputs[i * 16..(i + 1) * 16] == a.inputs[j * 16..(j + 1) * 16] {
                    assert_eq!(a.labels[i], a.labels[j]);
                }
            }
        }
    }

    #[test]
    fn an_untrained_learner_and_shuffled_labels_are_at_chance_and_rules_solve_random() {
        let model = Model::random(ModelSpec::shifted(64, 8, 1, 1), 1).unwrap();
        let settings = Settings {
            episodes: 64,
            seed: 3,
            positions: vec![1, 100],
            split: data::Split::Test,
            queries: 1,
            baselines: true,
            ensemble: 1,
            project: None,
            vectors: false,
            rare: false,
        };
        let device = Device::flex();
        let net = Net::from_model(&model, &device);
        let outcome = paper("m", &net, Some(&net), "random", Path::new("."), &device, &settings, &mut |_| ()).unwrap();
        assert_eq!(outcome.episodes, 64);
        assert!(outcome.baselines["1-NN cosine"][1] > 0.95, "{:?}", outcome.baselines);
        // 64 episodes at 0.1: standard deviation 0.0375
        assert!(outcome.baselines["shuffled labels"][1] < 0.3, "{:?}", outcome.baselines);
        assert!(outcome.accuracy[0] < 0.3);
    }
}
