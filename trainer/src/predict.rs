//! A learner on somebody's own data: it is shown some rows or pictures and answers others, with no gradient step.

use std::sync::Arc;

use shaders::baselines::{Baseline, Episode, EpisodeError};
use shaders::input::encode::{EncodeError, Encoder};
use shaders::probability::{of_table_rows, renormalise_over_seen};
use shaders::session::error::SessionError;
use shaders::{Model, answer, cpu};
use tables::{Inputs, Table, TableError, sample};

use crate::pictures::Pictures;

/// Queries that are computed at once.
const BATCH: usize = 256;
/// Chooses the projection of a learner that has one.
const PROJECTION_SEED: u64 = 0;
/// Folds, times rows, up to which the baselines are computed as well: each costs the cube of the rows.
const MOST_BASELINE_WORK: usize = 20_000;

/// Why a table cannot be answered.
#[derive(Debug, thiserror::Error)]
pub enum PredictError {
    /// The table, or what it becomes.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The learner has no way to take such rows.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The learner's context refuses them.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A baseline refuses them.
    #[error(transparent)]
    Episode(#[from] EpisodeError),
}

/// What can be shown.
#[derive(Debug, Clone)]
pub enum Examples {
    /// Rows of a table.
    Table(Box<Table>),
    /// Pictures.
    Pictures(Pictures),
}

impl Examples {
    /// The class of each example; none where it is missing.
    pub fn labels(&self) -> &[Option<u32>] {
        match self {
            Examples::Table(table) => &table.labels,
            Examples::Pictures(pictures) => &pictures.labels,
        }
    }

    /// Names of the classes.
    pub fn class_names(&self) -> &[String] {
        match self {
            Examples::Table(table) => &table.class_names,
            Examples::Pictures(pictures) => &pictures.class_names,
        }
    }

    /// How examples are told apart: `line` or `picture`.
    pub fn key(&self) -> &'static str {
        match self {
            Examples::Table(_) => "line",
            Examples::Pictures(_) => "picture",
        }
    }

    /// The line of a row, the file of a picture.
    pub fn name(&self, at: usize) -> String {
        match self {
            Examples::Table(table) => table.lines[at].to_string(),
            Examples::Pictures(pictures) => pictures.names[at].clone(),
        }
    }
}

/// A learner that was shown examples.
pub struct Shown {
    session: cpu::Session,
    encoder: Encoder,
    /// Scales of a table's columns; pictures need none.
    inputs: Option<Inputs>,
    /// Whether the learner is a set learner.
    set: bool,
    labels: Vec<u32>,
    /// C of the examples, not of the learner.
    classes: usize,
    /// C of the learner's answers.
    of_learner: usize,
    /// Whether a query may belong to none of the classes.
    none: bool,
}

impl Shown {
    /// Shows the learner examples, all of which have a class. Scales are learned from them alone.
    ///
    /// # Errors
    /// More rows or classes than the learner takes; inputs that it cannot take.
    pub fn new(model: &Arc<Model>, examples: &Examples, rows: &[usize]) -> Result<Shown, PredictError> {
        let (inputs, (height, width, channels)) = match examples {
            Examples::Table(table) => {
                let set = model.spec.equivariant.is_some();
                let inputs = if set { Inputs::of(table, rows)? } else { Inputs::on_scale(table, rows)? };
                let width = inputs.width();
                (Some(inputs), (1, width, 1))
            }
            Examples::Pictures(pictures) => (None, pictures.size),
        };
        let encoder = Encoder::new(&model.spec, height, width, channels, PROJECTION_SEED)?;
        let classes = examples.class_names().len();
        let mut session = cpu::Session::new(model.clone());
        session.context.set_images(encoder.drawings());
        if model.spec.equivariant.is_some() {
            session.context.set_classes(classes.clamp(2, model.spec.most_classes()))?;
        }
        let of_learner = session.context.classes();
        let labels: Vec<u32> = rows.iter().filter_map(|row| examples.labels()[*row]).collect();
        let set = model.spec.equivariant.is_some();
        let mut shown = Shown { session, encoder, inputs, set, labels, classes, of_learner, none: false };
        let mut encoded = Vec::with_capacity(rows.len() * model.spec.inputs);
        for row in rows {
            encoded.extend(shown.encoder.encode(&shown.row(examples, *row))?);
        }
        shown.session.context.observe(&encoded, &shown.labels)?;
        Ok(shown)
    }

    /// Says how likely a query is to belong to none of the classes, too: the learner is asked about one class more, of which nothing is
    /// shown.
    ///
    /// # Errors
    /// A learner that is no set learner, or one that has no class left.
    pub fn or_none(mut self) -> Result<Shown, PredictError> {
        let (known, found) = (self.session.context.classes(), self.classes + 1);
        if !self.set {
            return Err(SessionError::Classes { lowest: known, highest: known, found }.into());
        }
        self.session.context.set_classes(found)?;
        self.of_learner = self.session.context.classes();
        self.none = true;
        Ok(self)
    }

    /// How rows of a table become inputs; none for pictures.
    pub fn inputs(&self) -> Option<&Inputs> {
        self.inputs.as_ref()
    }

    /// An example as it is asked about.
    ///
    /// # Shapes
    /// `[X]` of a row, `[height · width · channels]` of a picture
    pub fn row(&self, examples: &Examples, row: usize) -> Vec<f32> {
        match (examples, &self.inputs) {
            (Examples::Table(table), Some(inputs)) => inputs.row(table, row),
            (Examples::Pictures(pictures), _) => pictures.picture(row).to_vec(),
            (Examples::Table(_), None) => Vec::new(),
        }
    }

    /// What baselines compare: inputs of a row as they are, pictures as the learner gets them.
    fn features(&self, values: &[f32]) -> Result<Vec<f32>, PredictError> {
        match self.inputs {
            Some(_) => Ok(values.to_vec()),
            None => Ok(self.encoder.encode(values)?),
        }
    }

    /// What the rules answer from the same examples, the most frequent class first and then [`Baseline::ALL`].
    ///
    /// # Shapes
    /// `shown`: the rows that the learner was shown; the result `[1 + baselines][Q]`
    ///
    /// # Errors
    /// Values that are not finite.
    pub fn rules(
        &self,
        examples: &Examples,
        shown: &[usize],
        queries: &[Vec<f32>],
    ) -> Result<Vec<Vec<Option<u32>>>, PredictError> {
        let mut inputs = Vec::new();
        for row in shown {
            inputs.extend(self.features(&self.row(examples, *row))?);
        }
        let mut asked = Vec::new();
        for query in queries {
            asked.extend(self.features(query)?);
        }
        let width = inputs.len() / shown.len().max(1);
        let episode = Episode::new(&inputs, &self.labels, &asked, width, self.classes)?;
        let rules = Baseline::ALL.iter().map(|rule| episode.predict(*rule).into_iter().map(Some).collect());
        Ok(std::iter::once(vec![self.most_frequent(); queries.len()]).chain(rules).collect())
    }

    /// The class of most shown examples.
    fn most_frequent(&self) -> Option<u32> {
        let mut counts = vec![0f64; self.classes];
        self.labels.iter().for_each(|label| counts[*label as usize] += 1.0);
        answer(&counts).map(|class| class as u32)
    }

    /// As [`Shown::ask_or_none`], without the chances that a query belongs to none of the classes.
    ///
    /// # Errors
    /// As there.
    pub fn ask(&mut self, queries: &[Vec<f32>]) -> Result<Vec<f32>, PredictError> {
        Ok(self.ask_or_none(queries)?.0)
    }

    /// Probability of each class for each query, as if it were one of them, classes that were not shown at 0; and after
    /// [`Shown::or_none`] the probability that it is none of them.
    ///
    /// # Shapes
    /// Queries as [`Shown::row`] gives them; the results `[Q, C]` and `[Q]`, the second empty if nobody wanted it.
    ///
    /// # Errors
    /// Values that are not finite.
    pub fn ask_or_none(&mut self, queries: &[Vec<f32>]) -> Result<(Vec<f32>, Vec<f32>), PredictError> {
        let mut none = Vec::new();
        let mut probabilities = Vec::with_capacity(queries.len() * self.classes);
        for batch in queries.chunks(BATCH) {
            let mut encoded = Vec::new();
            for query in batch {
                encoded.extend(self.encoder.encode(query)?);
            }
            let all = self.session.predict(&encoded)?;
            if self.none {
                none.extend(all.chunks_exact(self.of_learner).map(|row| row[self.classes].exp()));
            }
            // a set learner's answers about a table weigh the shares of the classes
            let weigh = self.set && self.inputs.is_some();
            let over_seen = if weigh { of_table_rows } else { renormalise_over_seen };
            let seen = over_seen(&all, self.of_learner, &self.labels);
            for row in seen.chunks_exact(self.of_learner) {
                probabilities.extend(row[..self.classes].iter().map(|value| value.exp()));
            }
        }
        Ok((probabilities, none))
    }
}

/// How well answers fit the truth.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Share of right answers.
    pub accuracy: f64,
    /// Mean over the classes of the share of right answers.
    pub balanced_accuracy: f64,
}

/// Scores answers; `None` is an answer that is wrong.
pub fn score(answers: &[Option<u32>], truth: &[u32], classes: usize) -> Score {
    let (mut right, mut all) = (vec![0usize; classes], vec![0usize; classes]);
    for (answer, truth) in answers.iter().zip(truth) {
        all[*truth as usize] += 1;
        right[*truth as usize] += usize::from(*answer == Some(*truth));
    }
    let present: Vec<f64> =
        right.iter().zip(&all).filter(|(_, all)| **all > 0).map(|(right, all)| *right as f64 / *all as f64).collect();
    Score {
        accuracy: right.iter().sum::<usize>() as f64 / truth.len().max(1) as f64,
        balanced_accuracy: present.iter().sum::<f64>() / present.len().max(1) as f64,
    }
}

/// The class of each row of probabilities; none where one is not finite.
///
/// # Shapes
/// `probabilities` `[Q, C]` → `[Q]`
pub fn answers(probabilities: &[f32], classes: usize) -> Vec<Option<u32>> {
    probabilities.chunks_exact(classes).map(|row| answer(row).map(|class| class as u32)).collect()
}

/// An honest estimate: every row was asked about by a learner that had not been shown it.
#[derive(Debug, Clone)]
pub struct Estimate {
    /// The rows that were asked about, those with a class.
    pub rows: Vec<usize>,
    /// `[rows, C]`
    pub probabilities: Vec<f32>,
    /// Of the learner.
    pub score: Score,
    /// Of the baselines by name, the most frequent class first.
    pub baselines: Vec<(String, Score)>,
    /// Answers of class `truth · C + answer`.
    pub confusion: Vec<usize>,
}

/// Asks about each fold with all others shown, at most `most` rows of them, chosen by class.
///
/// `folds` holds the fold of each row, none for rows without a class; `done` is called after each fold with how many were
/// done.
///
/// # Errors
/// As [`Shown::new`] and [`Shown::ask`].
pub fn estimate(
    model: &Arc<Model>,
    examples: &Examples,
    folds: &[Option<usize>],
    most: usize,
    seed: u64,
    mut done: impl FnMut(usize),
) -> Result<Estimate, PredictError> {
    let (classes, known) = (examples.class_names().len(), examples.labels());
    let count = folds.iter().flatten().max().map_or(0, |last| last + 1);
    let with_baselines = count * known.len().min(most) <= MOST_BASELINE_WORK;
    let mut names = vec!["most frequent class".to_owned()];
    if with_baselines {
        names.extend(Baseline::ALL.iter().map(|baseline| baseline.name().to_owned()));
    }
    let mut theirs: Vec<Vec<Option<u32>>> = vec![Vec::new(); names.len()];
    let (mut rows, mut probabilities) = (Vec::new(), Vec::new());
    for fold in 0..count {
        let rest: Vec<Option<u32>> =
            known.iter().zip(folds).map(|(label, own)| label.filter(|_| *own != Some(fold))).collect();
        let shown = sample::stratified(&rest, most, seed);
        let asked: Vec<usize> = (0..known.len()).filter(|row| folds[*row] == Some(fold)).collect();
        let mut learner = Shown::new(model, examples, &shown)?;
        let queries: Vec<Vec<f32>> = asked.iter().map(|row| learner.row(examples, *row)).collect();
        probabilities.extend(learner.ask(&queries)?);
        let ruled = match with_baselines {
            true => learner.rules(examples, &shown, &queries)?,
            false => vec![vec![learner.most_frequent(); asked.len()]],
        };
        theirs.iter_mut().zip(ruled).for_each(|(found, answers)| found.extend(answers));
        rows.extend(asked);
        done(fold + 1);
    }
    let truth: Vec<u32> = rows.iter().filter_map(|row| known[*row]).collect();
    let own = answers(&probabilities, classes);
    let mut confusion = vec![0; classes * classes];
    for (answer, truth) in own.iter().zip(&truth) {
        if let Some(answer) = answer {
            confusion[*truth as usize * classes + *answer as usize] += 1;
        }
    }
    let baselines = names.into_iter().zip(&theirs).map(|(name, found)| (name, score(found, &truth, classes))).collect();
    Ok(Estimate { score: score(&own, &truth, classes), rows, probabilities, baselines, confusion })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balanced_accuracy_weighs_classes_alike() {
        let found = score(&[Some(0), Some(0), Some(0), Some(0)], &[0, 0, 0, 1], 2);
        assert_eq!(found, Score { accuracy: 0.75, balanced_accuracy: 0.5 });
        assert_eq!(score(&[None, Some(1)], &[1, 1], 3), Score { accuracy: 0.5, balanced_accuracy: 0.5 });
        assert_eq!(answers(&[0.2, 0.8, f32::NAN, 0.1], 2), [Some(1), None]);
    }
}
