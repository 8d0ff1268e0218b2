//! Does what a cell says: meta-trains a learner and measures it, or lets hand-written rules and learners from scratch
//! answer the same episodes.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::module::Module;
use rayon::prelude::*;
use shaders::ModelSpec;
use shaders::baselines::{self, Baseline};
use shaders::model::QueryOptions;

use super::cell::{Job, Measure, Measured, Outcome, Point, Probe};
use super::cost::step_flop;
use super::features;
use crate::baselines::Method;
use crate::config::RunConfig;
use crate::data::Split as Half;
use crate::device::TrainDevice;
use crate::eval::{self, Accumulator, Settings};
use crate::nets::Net;
use crate::sources::encoded_base;
use crate::train::folder::RunFolder;
use crate::train::{Run, TrainError, write_whole};
use tasks::{Episode, Source, Split, TaskConfig, Tasks};

/// Where and how a cell runs.
pub(super) struct RunContext<'a> {
    pub place: &'a RunFolder,
    pub data_dir: &'a Path,
    pub device: &'a TrainDevice,
    pub threads: usize,
    pub stop: &'a AtomicBool,
}

/// Does it; `None` if it was stopped (a learner then has its checkpoint). `progress` is called with each logged step.
pub(super) fn run(
    job: &Job,
    context: &RunContext<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<Option<Outcome>, TrainError> {
    match job {
        Job::Learner { config, measures, probe, features } => {
            let features = features.as_deref();
            learner(config, measures, probe.as_ref(), features, context, progress)
        }
        Job::Rules { model, measures } => {
            let mut measured = Vec::new();
            for measure in measures {
                if context.stop.load(Ordering::Relaxed) {
                    return Ok(None);
                }
                measured.extend(by_rules(model, measure, context.data_dir)?);
            }
            Ok(Some(Outcome { measured, ..Outcome::default() }))
        }
    }
}

fn learner(
    config: &RunConfig,
    measures: &[Measure],
    probe: Option<&Probe>,
    features: Option<&str>,
    context: &RunContext<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<Option<Outcome>, TrainError> {
    let (place, device) = (context.place.clone(), context.device.clone());
    let mut run = match place.path().join("config.toml").exists() {
        true => Run::resume_in(place, context.data_dir, device)?,
        false => Run::start_in(config.clone(), place, context.data_dir, device)?,
    };
    if let Some(network) = features {
        for (base, name) in run.tasks.bases.iter_mut().zip(&config.tasks.data) {
            *base = Source::Set(features::base(network, name, Half::Train, context.data_dir)?);
        }
    }
    // one worker: on a CPU cells run beside each other, which needs no waiting for the slowest part of a batch
    run.set_threads(1, context.threads);
    let file = context.place.path().join("probes.jsonl");
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
                let found = measure(run.learner(), config, &probe.measure, features, context)?;
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
        run.train_until(until, context.stop, &mut |m| progress(m.step))?;
        if context.stop.load(Ordering::Relaxed) {
            run.checkpoint()?;
            return Ok(None);
        }
    }
    run.checkpoint()?;
    let mut measured = Vec::new();
    for of in measures {
        if context.stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        measured.push(measure(run.learner(), config, of, features, context)?);
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
    context: &RunContext<'_>,
) -> Result<Measured, TrainError> {
    const BATCH: usize = 16;
    let episodes = Episodes::new(&config.model, Some(config), measure, features, context.data_dir)?;
    let settings = settings(measure);
    // all learners of an experiment see mere vectors
    let options = QueryOptions { classes: config.model.classes, images: false };
    let mut answers = Accumulator::default();
    for first in (0..measure.episodes).step_by(BATCH) {
        let ids: Vec<usize> = (first..(first + BATCH).min(measure.episodes)).collect();
        let batch: Vec<Episode> = ids.par_iter().map(|&i| episodes.get(i as u64)).collect();
        eval::score(net, &batch, options, &settings, &context.device.device, &mut answers);
    }
    Ok(measured(measure, "", &answers))
}

fn measured(measure: &Measure, by: &str, answers: &Accumulator) -> Measured {
    Measured {
        name: measure.name.clone(),
        by: by.to_owned(),
        episodes: measure.episodes,
        positions: measure.positions.clone(),
        accuracy: answers.mean(),
        ci95: answers.ci95(),
    }
}

/// Rules and learners from scratch on the episodes of a measure.
fn by_rules(model: &ModelSpec, measure: &Measure, data_dir: &Path) -> Result<Vec<Measured>, TrainError> {
    let episodes = Episodes::new(model, None, measure, None, data_dir)?;
    let (x, c) = (model.inputs, model.classes);
    let names: Vec<&str> = Baseline::ALL.iter().map(|r| r.name()).chain(Method::ALL.iter().map(|m| m.name())).collect();
    // [episode][position][answerer]
    let right: Vec<Vec<Vec<f64>>> = (0..measure.episodes as u64)
        .into_par_iter()
        .map(|i| {
            let episode = episodes.get(i);
            let online: Vec<Vec<u32>> =
                Method::ALL.iter().map(|m| m.answers(&episode, x, c, &measure.positions, i)).collect();
            let of_position = |(at, &p): (usize, &usize)| -> Vec<f64> {
                let n = p - 1;
                let query = &episode.inputs[n * x..p * x];
                let shown = baselines::Episode::new(&episode.inputs[..n * x], &episode.labels[..n], query, x, c)
                    .expect("an episode fits itself");
                let rules = Baseline::ALL.iter().map(|rule| shown.predict(*rule)[0]);
                let answers = rules.chain(online.iter().map(|answers| answers[at]));
                answers.map(|answer| f64::from(u8::from(answer == episode.labels[n]))).collect()
            };
            measure.positions.iter().enumerate().map(of_position).collect()
        })
        .collect();
    let of = |(a, name): (usize, &&str)| {
        let mut answered = Accumulator::default();
        right
            .iter()
            .for_each(|episode| answered.add(&episode.iter().map(|answers| answers[a]).collect::<Vec<_>>(), &[]));
        measured(measure, name, &answered)
    };
    Ok(names.iter().enumerate().map(of).collect())
}

fn settings(measure: &Measure) -> Settings {
    Settings { episodes: measure.episodes, positions: measure.positions.clone(), ..Settings::default() }
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
            "strokes" => Source::Strokes,
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
            ways: measure.ways,
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
            colour: false,
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
