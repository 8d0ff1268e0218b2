//! The *paper* protocol on somebody's own file: rows of a table, or pictures. At each position the columns of a table are
//! brought to scale from the shown rows alone, as `trainer predict` does.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use shaders::baselines::Baseline;
use shaders::{Model, random};
use tables::{Choices, read::How};
use tasks::labels;

use super::accumulator::{Accumulator, Answer};
use super::error::EvalError;
use super::outcome::Outcome;
use super::settings::Settings;
use crate::own_file;
use crate::predict::{Examples, PredictError, Shown};

/// Least shown examples: of one row no scale is known.
const LEAST: usize = 2;
/// A class of which nothing is shown has no chance; its likelihood counts as this much, so that the mean stays finite.
const LEAST_LIKELIHOOD: f32 = 1e-7;
/// The first of the rules.
const FREQUENT: &str = "most frequent class";

/// An evaluation on somebody's own file, ready to run.
pub struct Own {
    name: String,
    model: Arc<Model>,
    dataset: String,
    examples: Examples,
    /// Examples that have a class.
    labelled: Vec<u32>,
    settings: Settings,
}

/// Answers of one episode: the learner's at each position, and the fractions right of each rule there.
struct Answered {
    own: Vec<Vec<Answer>>,
    ruled: Vec<Vec<f64>>,
}

impl Own {
    /// Opens a file. Positions with fewer than two examples before them are left out.
    ///
    /// # Errors
    /// No such file, none with classes, or fewer examples than the longest position needs.
    pub fn open(name: &str, model: &Model, path: &Path, settings: &Settings) -> Result<Own, EvalError> {
        let choices = Choices { most_classes: model.spec.most_classes(), ..Choices::default() };
        let (examples, _) = own_file::examples(path, How::default(), &choices).map_err(EvalError::Own)?;
        let dataset = path.to_string_lossy().into_owned();
        let small = |message| EvalError::Small { name: dataset.clone(), message };
        let labelled: Vec<u32> =
            (0..examples.labels().len()).filter(|i| examples.labels()[*i].is_some()).map(|i| i as u32).collect();
        let mut settings = settings.clone();
        settings.positions.retain(|position| *position > LEAST);
        let Some(longest) = settings.positions.last().copied() else {
            return Err(small(format!("expected a position of {} or more, for {LEAST} examples before it", LEAST + 1)));
        };
        let needed = longest - 1 + settings.queries;
        if labelled.len() < needed {
            return Err(small(format!(
                "position {longest} with {} queries needs {needed} examples with a class, found {}; name smaller ones with \
                 --positions",
                settings.queries,
                labelled.len()
            )));
        }
        let own = Own { name: name.to_owned(), model: Arc::new(model.clone()), dataset, examples, labelled, settings };
        // a fault of the inputs is found here, before the first episode
        own.answers(0)?;
        Ok(own)
    }

    /// Measures; `progress` is called with the number of episodes done.
    ///
    /// # Errors
    /// The learner refuses an episode.
    pub fn run(&self, progress: &(dyn Fn(usize) + Sync)) -> Result<Outcome, EvalError> {
        let Own { settings, .. } = self;
        let done = AtomicUsize::new(0);
        let episode = |index: u64| {
            let answers = self.answers(index);
            progress(done.fetch_add(1, Ordering::Relaxed) + 1);
            answers
        };
        let all: Vec<Answered> =
            (0..settings.episodes as u64).into_par_iter().map(episode).collect::<Result<_, _>>()?;
        let mut own = Accumulator::default();
        all.iter().for_each(|answered| own.add_answers(&answered.own));
        let mut others: Vec<(String, Accumulator)> = Vec::new();
        if settings.baselines {
            let names = std::iter::once(FREQUENT).chain(Baseline::ALL.iter().map(|rule| rule.name()));
            others.extend(names.map(|name| (name.to_owned(), Accumulator::default())));
            for answered in &all {
                for ((_, other), right) in others.iter_mut().zip(&answered.ruled) {
                    other.add(right, &[]);
                }
            }
        }
        Ok(own.outcome(&self.name, &self.dataset, settings, others))
    }

    /// What the learner and the rules answer in an episode.
    fn answers(&self, index: u64) -> Result<Answered, EvalError> {
        let Own { model, examples, labelled, settings, .. } = self;
        let classes = examples.class_names().len();
        let mut stream = random::stream(settings.seed, "evaluation/own", index);
        let order = labels::permutation(labelled.len(), &mut stream);
        let row = |at: usize| labelled[order[at] as usize] as usize;
        let longest = *settings.positions.last().expect("`open` found one");
        let mut all = Answered { own: Vec::new(), ruled: vec![Vec::new(); 1 + Baseline::ALL.len()] };
        for &position in &settings.positions {
            let shown: Vec<usize> = (0..position - 1).map(row).collect();
            // example p, and then those after the longest position
            let asked: Vec<usize> =
                std::iter::once(position - 1).chain(longest..longest + settings.queries - 1).map(row).collect();
            let truth: Vec<u32> = asked.iter().filter_map(|row| examples.labels()[*row]).collect();
            let mut learner = Shown::new(model, examples, &shown).map_err(own)?;
            let queries: Vec<Vec<f32>> = asked.iter().map(|row| learner.row(examples, *row)).collect();
            let log = learner.ask(&queries).map_err(own)?.into_iter().map(|p| p.max(LEAST_LIKELIHOOD).ln());
            let log: Vec<f32> = log.collect();
            let answers = log.chunks_exact(classes).zip(&truth).map(|(row, label)| Answer::new(row, *label));
            all.own.push(answers.collect());
            if settings.baselines {
                let ruled = learner.rules(examples, &shown, &queries).map_err(own)?;
                for (right, answers) in all.ruled.iter_mut().zip(ruled) {
                    let hits = answers.iter().zip(&truth).filter(|(answer, label)| **answer == Some(**label)).count();
                    right.push(hits as f64 / truth.len() as f64);
                }
            }
        }
        Ok(all)
    }
}

fn own(error: PredictError) -> EvalError {
    EvalError::Own(error.to_string())
}
