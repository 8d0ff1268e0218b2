//! The *paper* protocol.

use std::path::Path;

use burn::tensor::Device;
use rayon::prelude::*;
use shaders::baselines::{self, Baseline};
use shaders::model::QueryOptions;
use shaders::random;

use super::accumulator::Accumulator;
use super::episodes::{Source, asked, test_episode};
use super::error::EvalError;
use super::outcome::Outcome;
use super::score::score;
use super::sets::Sets;
use super::settings::Settings;
use crate::data::Dataset;
use crate::nets::Net;
use crate::sources::{SourceError, encode_base};
use tasks::{Episode, labels};

/// Episodes that are answered at once.
const BATCH: usize = 16;

/// An evaluation that is ready to run: everything that can go wrong has been looked at.
pub struct Paper<'a> {
    name: String,
    net: &'a Net,
    untrained: Option<&'a Net>,
    dataset: String,
    device: &'a Device,
    settings: Settings,
    source: Source,
    options: QueryOptions,
}

impl<'a> Paper<'a> {
    /// `dataset` is a name in the data directory, or `random`; `untrained` is the same learner before meta-training, a
    /// control that answers with the rules.
    ///
    /// # Errors
    /// Data that are missing or too few, a position out of reach.
    pub fn open(
        name: &str,
        net: &'a Net,
        untrained: Option<&'a Net>,
        dataset: &str,
        sets: &mut Sets,
        device: &'a Device,
        settings: &Settings,
    ) -> Result<Paper<'a>, EvalError> {
        let spec = net.spec();
        for &found in &settings.positions {
            if found == 0 || found > spec.longest {
                return Err(EvalError::Position { found, longest: spec.longest });
            }
        }
        let source = if dataset == "random" {
            let free = spec.encoding.projected || spec.equivariant.is_some();
            Source::Random { dimensions: if free { 196 } else { spec.inputs } }
        } else {
            let set = sets.open(dataset, settings.split)?;
            check_size(&set, longest(settings) + settings.queries - 1)?;
            let encode = |source| SourceError::Encode { name: dataset.to_owned(), source };
            Source::Set(encode_base(spec, &set).map_err(encode)?)
        };
        // a set learner is told how many classes there are; the others always have all of theirs
        let classes = match (&source, spec.equivariant.is_some()) {
            (Source::Set(base), true) => base.present().min(spec.classes),
            (Source::Random { .. }, true) => 10.min(spec.classes),
            (_, false) => spec.classes,
        };
        // whether a stem can read the inputs as they reach the learner
        let stem = spec.equivariant.as_ref().and_then(|set| set.stem.as_ref());
        let images = !settings.vectors
            && settings.project.is_none()
            && match &source {
                Source::Set(base) => base.drawn,
                Source::Random { dimensions } => stem.is_some_and(|stem| stem.side * stem.side == *dimensions),
            };
        Ok(Paper {
            name: name.to_owned(),
            net,
            untrained,
            dataset: dataset.to_owned(),
            device,
            settings: settings.clone(),
            source,
            options: QueryOptions { classes, images },
        })
    }

    /// Measures; `progress` is called with the number of episodes done.
    pub fn run(&self, progress: &mut dyn FnMut(usize)) -> Outcome {
        let Paper { net, settings, device, options, .. } = self;
        let total = longest(settings) + settings.queries - 1;
        let mut own = Accumulator::default();
        let mut others: Vec<(String, Accumulator)> = Vec::new();
        let mut done = 0;
        while done < settings.episodes {
            let ids: Vec<u64> = (done..(done + BATCH).min(settings.episodes)).map(|i| i as u64).collect();
            let episode =
                |&i| test_episode(&self.source, net.spec(), options.classes, total, settings, &self.dataset, i);
            let episodes: Vec<Episode> = ids.par_iter().map(episode).collect();
            score(net, &episodes, *options, settings, device, &mut own);
            if settings.baselines {
                self.controls(&episodes, &ids, &mut others);
                self.rules(&episodes, &mut others);
            }
            done += ids.len();
            progress(done);
        }
        let spec = net.spec();
        let stem = spec.equivariant.as_ref().is_some_and(|set| set.stem.is_some());
        Outcome {
            project: settings.project.filter(|_| spec.equivariant.is_some()),
            vectors: settings.vectors && stem,
            ..own.outcome(&self.name, &self.dataset, settings, others)
        }
    }

    /// The untrained learner, and the learner after shuffled labels.
    fn controls(&self, episodes: &[Episode], ids: &[u64], others: &mut Vec<(String, Accumulator)>) {
        let Paper { net, settings, device, options, .. } = self;
        if let Some(untrained) = self.untrained {
            score(untrained, episodes, *options, settings, device, control(others, "untrained"));
        }
        // labels of the context say nothing about the inputs: what is left must be chance
        let shuffle = |(episode, &i): (&Episode, &u64)| {
            let mut stream = random::stream(settings.seed, "evaluation/shuffled", i);
            let order = labels::permutation(episode.labels.len(), &mut stream);
            let labels = order.iter().map(|&o| episode.labels[o as usize]).collect();
            Episode { inputs: episode.inputs.clone(), labels }
        };
        let shuffled: Vec<Episode> = episodes.iter().zip(ids).map(shuffle).collect();
        score(net, &shuffled, *options, settings, device, control(others, "shuffled labels"));
    }

    /// The hand-written rules.
    fn rules(&self, episodes: &[Episode], others: &mut Vec<(String, Accumulator)>) {
        let Settings { positions, queries, .. } = &self.settings;
        let t = longest(&self.settings);
        let of_position = |e: &Episode, p: usize| -> Vec<f64> {
            let (x, n) = (e.inputs.len() / e.labels.len(), p - 1);
            let indices: Vec<usize> = asked(p, t, *queries).collect();
            let queries: Vec<f32> = indices.iter().flat_map(|&i| e.inputs[i * x..(i + 1) * x].to_vec()).collect();
            let shown = (&e.inputs[..n * x], &e.labels[..n]);
            let episode = baselines::Episode::new(shown.0, shown.1, &queries, x, self.options.classes)
                .expect("an episode fits itself");
            let right = |rule: &Baseline| {
                let answers = episode.predict(*rule);
                let hits = answers.iter().zip(&indices).filter(|&(a, &i)| *a == e.labels[i]).count();
                hits as f64 / indices.len() as f64
            };
            Baseline::ALL.iter().map(right).collect()
        };
        let ruled: Vec<Vec<Vec<f64>>> =
            episodes.par_iter().map(|e| positions.iter().map(|&p| of_position(e, p)).collect()).collect();
        for positions in ruled {
            for (r, rule) in Baseline::ALL.iter().enumerate() {
                let right: Vec<f64> = positions.iter().map(|row| row[r]).collect();
                control(others, rule.name()).add(&right, &[]);
            }
        }
    }
}

/// Opens and runs a [`Paper`].
///
/// # Errors
/// As [`Paper::open`].
#[expect(clippy::too_many_arguments, reason = "those of `Paper::open`, and what to tell while it runs")]
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
    let paper = Paper::open(name, net, untrained, dataset, &mut Sets::new(data_dir), device, settings)?;
    Ok(paper.run(progress))
}

/// The longest position.
fn longest(settings: &Settings) -> usize {
    settings.positions.iter().copied().max().unwrap_or(1)
}

fn control<'a>(others: &'a mut Vec<(String, Accumulator)>, name: &str) -> &'a mut Accumulator {
    let at = others.iter().position(|(n, _)| n == name).unwrap_or_else(|| {
        others.push((name.to_owned(), Accumulator::default()));
        others.len() - 1
    });
    &mut others[at].1
}

fn check_size(set: &Dataset, t: usize) -> Result<(), EvalError> {
    let small = |message| Err(EvalError::Small { name: set.name.clone(), message });
    if set.len() < t {
        return small(format!("expected at least {t} examples of this split, found {}", set.len()));
    }
    if set.classes < 2 {
        return small(format!("expected at least 2 classes, found {}", set.classes));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use shaders::{Model, ModelSpec};

    #[test]
    fn an_untrained_learner_and_shuffled_labels_are_at_chance_and_rules_solve_random() {
        let model = Model::random(ModelSpec::shifted(64, 8, 1, 1), 1).unwrap();
        let settings =
            Settings { episodes: 64, seed: 3, positions: vec![1, 100], baselines: true, ..Settings::default() };
        let device = crate::device::host();
        let net = Net::from_model(&model, &device);
        let outcome = paper("m", &net, Some(&net), "random", Path::new("."), &device, &settings, &mut |_| ()).unwrap();
        assert_eq!(outcome.episodes, 64);
        assert!(outcome.baselines["1-NN cosine"][1] > 0.95, "{:?}", outcome.baselines);
        // 64 episodes at 0.1: standard deviation 0.0375
        assert!(outcome.baselines["shuffled labels"][1] < 0.3, "{:?}", outcome.baselines);
        assert!(outcome.accuracy[0] < 0.3);
    }
}
