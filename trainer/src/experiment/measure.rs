//! What is done in a cell: meta-train a learner and measure it, or let rules and learners from scratch answer.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::module::Module;
use burn::tensor::Device;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use shaders::ModelSpec;

use super::{Outcome, features};
use crate::baselines::{self, Rule};
use crate::config::RunConfig;
use crate::data::Split as Half;
use crate::device::Chosen;
use crate::eval::{self, Settings, Tally};
use crate::nets::Net;
use crate::nets::research::Learner;
use crate::scratch;
use crate::tasks::{Episode, Source, Split, TaskConfig, Tasks};
use crate::train::folder::RunFolder;
use crate::train::{Run, TrainError, encoded_base, new_net, write_whole};

/// What a cell does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Work {
    /// Meta-trains a learner and measures it.
    Learner {
        /// The run.
        config: Box<RunConfig>,
        /// What is measured at the end.
        measures: Vec<Measure>,
        /// What is measured on the way.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        probe: Option<Probe>,
        /// Frozen network whose features take the place of pixels: `random`, or a model file with a stem.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        features: Option<String>,
    },
    /// Rules and learners from scratch on the same episodes.
    Rules {
        /// Inputs, classes and encoding.
        model: Box<ModelSpec>,
        /// What is measured.
        measures: Vec<Measure>,
    },
}

/// A measurement: accuracy at some positions over episodes of test examples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measure {
    /// Its name, by which figures find it.
    pub name: String,
    /// Data set (its test split), `prior`, or `random` for the lookup test.
    pub data: String,
    /// Tasks of the training set instead of new ones; the examples are new either way.
    #[serde(default)]
    pub seen: bool,
    /// Every class keeps its own label.
    #[serde(default)]
    pub identity: bool,
    /// Episodes.
    pub episodes: usize,
    /// Positions, counted from 1, ascending.
    pub positions: Vec<usize>,
}

/// A measurement that is repeated while a learner trains.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// What is measured; the mean over its positions counts.
    pub measure: Measure,
    /// Steps between two.
    pub every: u64,
    /// Training ends when accuracy has reached this; 1 and more never end it.
    pub until: f64,
}

/// Accuracy by one answerer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Name of the measure.
    pub name: String,
    /// Rule or learner from scratch; empty for the cell's learner.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// Episodes.
    pub episodes: usize,
    /// Positions, counted from 1.
    pub positions: Vec<usize>,
    /// Fraction right at each position.
    pub accuracy: Vec<f64>,
    /// Half width of the 95 % interval over episodes.
    pub ci95: Vec<f64>,
}

/// One probe.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Steps done.
    pub step: u64,
    /// Wall-clock seconds of training, without probes.
    pub seconds: f64,
    /// Floating-point operations of training.
    pub flop: f64,
    /// Fraction right, a mean over the probe's positions.
    pub accuracy: f64,
}

/// Where and how a cell runs.
pub(super) struct Site<'a> {
    pub place: &'a RunFolder,
    pub data_dir: &'a Path,
    pub device: &'a Chosen,
    pub threads: usize,
    pub stop: &'a AtomicBool,
}

/// Parameters of a run's learner; 0 for settings that no learner can have.
pub(super) fn parameters(config: &RunConfig) -> usize {
    match config.learner {
        Learner::Model => config.model.parameters(),
        _ => new_net(config, config.seed, &Device::flex()).map_or(0, |net| net.num_params()),
    }
}

/// Floating-point operations of one training step: forward, and twice that backward. Of a research learner, two for
/// each parameter and example: a lower bound where weights are shared by many cells, as in VSML.
pub(super) fn step_flop(config: &RunConfig) -> f64 {
    let forward = match config.learner {
        Learner::Model => config.model.forward_flop(config.tasks.length),
        _ => 2.0 * (parameters(config) * config.tasks.length) as f64,
    };
    3.0 * forward * config.training.batch as f64
}

impl Work {
    /// Settings of the run, if there is one.
    pub fn config(&self) -> Option<&RunConfig> {
        match self {
            Work::Learner { config, .. } => Some(config),
            Work::Rules { .. } => None,
        }
    }

    /// Does it; `None` if it was stopped (a learner then has its checkpoint). `progress` is told each logged step.
    pub(super) fn run(&self, site: &Site<'_>, progress: &mut dyn FnMut(u64)) -> Result<Option<Outcome>, TrainError> {
        match self {
            Work::Learner { config, measures, probe, features } => {
                let features = features.as_deref();
                learner(config, measures, probe.as_ref(), features, site, progress)
            }
            Work::Rules { model, measures } => {
                let mut measured = Vec::new();
                for measure in measures {
                    if site.stop.load(Ordering::Relaxed) {
                        return Ok(None);
                    }
                    measured.extend(by_rules(model, measure, site.data_dir)?);
                }
                Ok(Some(Outcome { measured, ..Outcome::default() }))
            }
        }
    }
}

fn learner(
    config: &RunConfig,
    measures: &[Measure],
    probe: Option<&Probe>,
    features: Option<&str>,
    site: &Site<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<Option<Outcome>, TrainError> {
    let (place, device) = (site.place.clone(), site.device.clone());
    let mut run = match place.path().join("config.toml").exists() {
        true => Run::resume_in(place, site.data_dir, device)?,
        false => Run::start_in(config.clone(), place, site.data_dir, device)?,
    };
    if let Some(network) = features {
        for (base, name) in run.tasks.bases.iter_mut().zip(&config.tasks.data) {
            *base = Source::Set(features::base(network, name, Half::Train, site.data_dir)?);
        }
    }
    // one worker: on a CPU cells run beside each other, which needs no waiting for the slowest part of a batch
    run.set_threads(1, site.threads);
    let file = site.place.path().join("probes.jsonl");
    // probes after the checkpoint will be made again
    let mut probes: Vec<Point> = fs::read_to_string(&file)
        .unwrap_or_default()
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|point: &Point| point.step <= run.step())
        .collect();
    let flop = step_flop(config);
    let reached = |probes: &[Point]| match (probe, probes.last()) {
        (Some(probe), Some(point)) => point.accuracy >= probe.until,
        _ => false,
    };
    let steps = config.training.steps;
    loop {
        let step = run.step();
        if let Some(probe) = probe {
            let due = step > 0 && (step.is_multiple_of(probe.every) || step == steps);
            if due && probes.last().is_none_or(|point| point.step != step) {
                let found = measure(run.learner(), config, &probe.measure, features, site)?;
                let accuracy = found.accuracy.iter().sum::<f64>() / found.accuracy.len() as f64;
                probes.push(Point { step, seconds: run.seconds(), flop: flop * step as f64, accuracy });
                let line = |point| serde_json::to_string(point).expect("plain data") + "\n";
                write_whole(&file, probes.iter().map(line).collect::<String>().as_bytes())?;
            }
        }
        if step >= steps || reached(&probes) {
            break;
        }
        let until = probe.map_or(steps, |probe| (step / probe.every + 1) * probe.every);
        run.train_until(until, site.stop, &mut |m| progress(m.step))?;
        if site.stop.load(Ordering::Relaxed) {
            run.checkpoint()?;
            return Ok(None);
        }
    }
    run.checkpoint()?;
    let mut measured = Vec::new();
    for of in measures {
        if site.stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        measured.push(measure(run.learner(), config, of, features, site)?);
    }
    Ok(Some(Outcome {
        parameters: run.learner().num_params(),
        state_size: config.learner.state_size(&config.model, config.tasks.length),
        steps: run.step(),
        flop: flop * run.step() as f64,
        seconds: run.seconds(),
        measured,
        probes,
    }))
}

/// Measures a learner.
fn measure(
    net: &Net,
    config: &RunConfig,
    measure: &Measure,
    features: Option<&str>,
    site: &Site<'_>,
) -> Result<Measured, TrainError> {
    const BATCH: usize = 16;
    let episodes = Episodes::new(&config.model, Some(config), measure, features, site.data_dir)?;
    let settings = settings(measure);
    // all learners of an experiment see mere vectors
    let asked_as = eval::Asked { classes: config.model.classes, drawings: false };
    let mut tally = Tally::default();
    for first in (0..measure.episodes).step_by(BATCH) {
        let ids: Vec<usize> = (first..(first + BATCH).min(measure.episodes)).collect();
        let batch: Vec<Episode> = ids.par_iter().map(|&i| episodes.get(i as u64)).collect();
        eval::score(net, &batch, asked_as, &settings, &site.device.device, &mut tally);
    }
    Ok(measured(measure, "", &tally))
}

fn measured(measure: &Measure, by: &str, tally: &Tally) -> Measured {
    Measured {
        name: measure.name.clone(),
        by: by.to_owned(),
        episodes: measure.episodes,
        positions: measure.positions.clone(),
        accuracy: tally.mean(),
        ci95: tally.ci95(),
    }
}

/// Rules and learners from scratch on the episodes of a measure.
fn by_rules(model: &ModelSpec, measure: &Measure, data_dir: &Path) -> Result<Vec<Measured>, TrainError> {
    let episodes = Episodes::new(model, None, measure, None, data_dir)?;
    let (x, c) = (model.inputs, model.classes);
    let names: Vec<&str> =
        Rule::ALL.iter().map(|r| r.name()).chain(scratch::Method::ALL.iter().map(|m| m.name())).collect();
    // [episode][position][answerer]
    let right: Vec<Vec<Vec<f64>>> = (0..measure.episodes as u64)
        .into_par_iter()
        .map(|i| {
            let episode = episodes.get(i);
            let online: Vec<Vec<u32>> =
                scratch::Method::ALL.iter().map(|m| m.answers(&episode, x, c, &measure.positions, i)).collect();
            let of_position = |(at, &p): (usize, &usize)| -> Vec<f64> {
                let n = p - 1;
                let query = &episode.inputs[n * x..p * x];
                let shown = baselines::Episode::new(&episode.inputs[..n * x], &episode.labels[..n], query, x, c)
                    .expect("an episode fits itself");
                let rules = Rule::ALL.iter().map(|rule| shown.predict(*rule)[0]);
                let answers = rules.chain(online.iter().map(|answers| answers[at]));
                answers.map(|answer| f64::from(u8::from(answer == episode.labels[n]))).collect()
            };
            measure.positions.iter().enumerate().map(of_position).collect()
        })
        .collect();
    let of = |(a, name): (usize, &&str)| {
        let mut tally = Tally::default();
        right.iter().for_each(|episode| tally.add(&episode.iter().map(|answers| answers[a]).collect::<Vec<_>>(), &[]));
        measured(measure, name, &tally)
    };
    Ok(names.iter().enumerate().map(of).collect())
}

fn settings(measure: &Measure) -> Settings {
    Settings {
        episodes: measure.episodes,
        seed: 0,
        positions: measure.positions.clone(),
        split: Half::Test,
        queries: 1,
        baselines: false,
        ensemble: 1,
        project: None,
        vectors: false,
        rare: false,
    }
}

/// The episodes of a measure: functions of its settings and an index, the same for every learner and rule unless they
/// are of seen tasks.
struct Episodes {
    tasks: Tasks,
    /// Pictures of noise, in the place of `tasks`.
    random: Option<(Box<ModelSpec>, Settings)>,
    seen: bool,
    length: usize,
}

impl Episodes {
    /// `config`: the run whose tasks are seen tasks.
    fn new(
        spec: &ModelSpec,
        config: Option<&RunConfig>,
        measure: &Measure,
        features: Option<&str>,
        data_dir: &Path,
    ) -> Result<Episodes, TrainError> {
        let length = measure.positions.iter().copied().max().unwrap_or(1).max(2);
        let base = match measure.data.as_str() {
            "prior" | "random" => Source::Prior,
            name => Source::Set(match features {
                Some(network) => features::base(network, name, Half::Test, data_dir)?,
                None => encoded_base(spec, name, Half::Test, data_dir)?,
            }),
        };
        let of_run = config.filter(|_| measure.seen);
        let config = TaskConfig {
            length,
            data: vec![measure.data.clone()],
            log2_tasks: of_run.map_or(-1, |run| run.tasks.log2_tasks),
            label_bias: if measure.identity { 1.0 } else { 0.0 },
            prior: config.map(|run| run.tasks.prior.clone()).unwrap_or_default(),
            ..TaskConfig::default()
        };
        let tasks = Tasks {
            config,
            bases: vec![base],
            inputs: spec.inputs,
            classes: spec.classes,
            projected: spec.encoding.projected,
            set: false,
            split: false,
            stem: false,
            side: spec.encoding.side,
            seed: of_run.map_or(0, |run| run.seed),
        };
        let random = (measure.data == "random").then(|| (Box::new(spec.clone()), settings(measure)));
        Ok(Episodes { tasks, random, seen: of_run.is_some(), length })
    }

    fn get(&self, index: u64) -> Episode {
        match &self.random {
            Some((spec, settings)) => eval::random_episode(spec, self.length, settings, index),
            // sequences that training never reaches, of its own tasks
            None if self.seen => self.tasks.episode(Split::Train, (1 << 60) + index),
            None => self.tasks.episode(Split::Test, index),
        }
    }
}
