//! A visitor's own data on the page: read, shown to the general learner and to rules on the same rows.

use std::sync::Arc;

use super::Page;
use crate::browser;
use crate::file_kind::{FileKind, look};
use crate::learner::client::{Learner, Shown};
use crate::own_data::images;
use crate::own_data::made::Made;
use crate::own_data::messages::Rules;
use crate::own_data::protocol::{self, Confusion, Curve, Data, Examples, Order};
use crate::own_data::reader::RULES;
use crate::own_data::state::{Inspected, MOST_CLASSES, Stage};
use crate::own_data::summary::Choices;
use crate::text::capital;
use dom::*;

/// The learner for anything.
const GENERAL: &str = "models/general.safetensors";
/// Largest table that is read, in bytes.
const LARGEST: f64 = 100e6;
/// Examples that are looked into at once.
const MOST_INSPECTED: usize = 24;

/// Examples as the learner and the rules get them.
pub(super) struct Episode {
    pub shown: Shown,
    /// `[Q, D]`
    pub asked: Vec<f32>,
}

impl Page {
    /// Examines a table that the page makes by itself.
    pub fn examine_made(self, made: Made) {
        let turn = self.own_data.begin();
        self.own_data.table_name.set(made.title().to_owned());
        spawn_local(async move { self.read_table(made.csv().as_bytes(), turn).await });
    }

    /// Examines a table of the visitor's.
    pub fn examine_table(self, file: web_sys::File) {
        let own_data = self.own_data;
        let turn = own_data.begin();
        let name = file.name();
        own_data.table_name.set(name.clone());
        if file.size() > LARGEST {
            return own_data.fail(format!(
                "“{name}” is {:.0} MB; the limit for tables in the page is {:.0} MB. `trainer predict` takes larger ones.",
                file.size() / 1e6,
                LARGEST / 1e6
            ));
        }
        own_data.stage.set(Stage::Reading(0, 1));
        spawn_local(async move {
            match browser::read(&file).await {
                Ok(bytes) if own_data.current(turn) => self.read_table(&bytes, turn).await,
                Ok(_) => {}
                Err(error) => own_data.fail(format!("“{name}” could not be read: {error}.")),
            }
        });
    }

    async fn read_table(self, bytes: &[u8], turn: u32) {
        let own_data = self.own_data;
        own_data.stage.set(Stage::Reading(0, 1));
        match own_data.reader().open(bytes).await {
            _ if !own_data.current(turn) => {}
            Ok(table) => {
                own_data.table.set_value(Some(table.into()));
                self.understand(turn).await;
            }
            Err(error) => self.refuse_table(&error.to_string()),
        }
    }

    fn refuse_table(self, why: &str) {
        let name = self.own_data.table_name.get_untracked();
        self.own_data.fail(format!("“{name}” can’t be learned: {}.", why.trim_end_matches('.')));
    }

    /// Takes the open table in another way.
    pub fn reinterpret(self, change: impl FnOnce(&mut Choices)) {
        self.own_data.choices.update(change);
        let turn = self.own_data.begin_anew();
        spawn_local(async move { self.understand(turn).await });
    }

    /// Finds out what the open table means, and examines it.
    async fn understand(self, turn: u32) {
        let own_data = self.own_data;
        let Some(table) = own_data.table.get_value() else { return };
        own_data.stage.set(Stage::Reading(0, 1));
        let meaning = match table.choose(&own_data.choices.get_untracked(), MOST_CLASSES).await {
            _ if !own_data.current(turn) => return,
            Ok(meaning) => meaning,
            Err(error) => return self.refuse_table(&error.to_string()),
        };
        let summary = Arc::new(meaning.summary);
        own_data.summary.set(Some(summary.clone()));
        if let Some(why) = meaning.fault {
            return self.refuse_table(&why);
        }
        // rows without a class are not learned
        let (rows, labels) =
            (0..).zip(meaning.labels).filter(|(_, label)| *label < summary.classes.len() as u32).unzip();
        let data = Data {
            name: own_data.table_name.get_untracked(),
            words: summary.words(),
            examples: Examples::Rows(rows),
            labels,
            classes: summary.classes.clone(),
        };
        if data.labels.len() < images::FEWEST {
            return self.refuse_table(&format!(
                "{} rows have a class. Expected at least {}",
                data.labels.len(),
                images::FEWEST
            ));
        }
        self.examine(data, turn).await;
    }

    /// Examines pictures of the visitor's, whose classes are the names of their folders or the beginnings of their own. Those
    /// that can't be read are named.
    pub fn examine_pictures(self, files: Vec<(String, web_sys::File)>) {
        let own_data = self.own_data;
        let turn = own_data.begin();
        spawn_local(async move {
            let sorted = match images::sort(files, MOST_CLASSES) {
                Ok(sorted) => sorted,
                Err(error) => return own_data.fail(error),
            };
            let of = sorted.files.len();
            let (mut pictures, mut labels, mut unread) = (Vec::new(), Vec::new(), Vec::new());
            for (i, (label, file)) in sorted.files.into_iter().enumerate() {
                own_data.stage.set(Stage::Reading(i, of));
                match images::decode(&file).await {
                    Ok(picture) => {
                        pictures.push(picture);
                        labels.push(label);
                    }
                    Err(_) => {
                        let words = match look(&file).await {
                            Ok(FileKind::Other(words)) => words,
                            _ => "could not be read as a picture; it may be damaged".to_owned(),
                        };
                        self.skipped.update(|skipped| skipped.add(&file.name(), &words));
                        unread.push(file.name());
                    }
                }
                if !own_data.current(turn) {
                    return;
                }
            }
            let Some(data) = images::data(sorted.name, pictures, labels, sorted.classes, &unread, sorted.guess) else {
                return own_data.fail(format!(
                    "Only {} of {of} files could be read as pictures. Expected at least {} in two classes.",
                    of - unread.len(),
                    images::FEWEST
                ));
            };
            self.examine(data, turn).await;
        });
    }

    /// The general learner on an engine of its own, fetched when it is first needed.
    pub(super) async fn general(self, turn: u32) -> Result<Learner, String> {
        let own_data = self.own_data;
        if let Some(learner) = own_data.learner.get_value() {
            return Ok(learner);
        }
        own_data.stage.set(Stage::Fetching(None));
        let learner = self
            .second(GENERAL, move |progress| {
                if own_data.current(turn) {
                    own_data.stage.set(Stage::Fetching(Some(progress)));
                }
            })
            .await?;
        own_data.learner.set_value(Some(learner.clone()));
        Ok(learner)
    }

    async fn examine(self, data: Data, turn: u32) {
        let own_data = self.own_data;
        let data = Arc::new(data);
        let plan = Arc::new(protocol::plan(&data.labels, 1000));
        let names = ["general"].into_iter().chain(RULES).chain(["most frequent class"]);
        own_data.curves.set(names.map(|name| Curve::new(name, plan.counts.len())).collect());
        own_data.confusion.set(Confusion::new(data.classes.len()));
        own_data.reply.set(None);
        own_data.plan.set(Some(plan.clone()));
        own_data.data.set(Some(data.clone()));
        let learner = match self.general(turn).await {
            Ok(learner) => learner,
            Err(_) if !own_data.current(turn) => return,
            Err(error) => return own_data.fail(error),
        };
        for (number, order) in plan.orders.iter().enumerate() {
            if !own_data.current(turn) {
                return;
            }
            own_data.stage.set(Stage::Running(number));
            for (at, count) in plan.counts.iter().enumerate() {
                match self.compare(&learner, &data, order, *count, turn).await {
                    Ok(Some(found)) => self.note_answers(&data, order, at, &found),
                    Ok(None) => return,
                    Err(error) => {
                        // a device that is lost takes its learner along
                        own_data.learner.set_value(None);
                        if own_data.current(turn) {
                            own_data.fail(format!("{}. Start again.", capital(error.trim_end_matches('.'))));
                        }
                        return;
                    }
                }
            }
        }
        if own_data.current(turn) {
            own_data.stage.set(Stage::Done);
        }
    }

    /// Adds the answers of learner and rules to the curves, and the learner's at the largest count to the confusion table.
    fn note_answers(self, data: &Data, order: &Order, at: usize, found: &[Vec<f32>]) {
        let own_data = self.own_data;
        let truth: Vec<u32> = order.queries.iter().map(|i| data.labels[*i]).collect();
        let mut answers: Vec<_> = found.iter().map(|scores| protocol::answers(scores, truth.len())).collect();
        let count = own_data.plan.with_untracked(|plan| plan.as_ref().map(|plan| (plan.counts[at], plan.counts.len())));
        let Some((count, counts)) = count else { return };
        let shown: Vec<u32> = order.shown[..count].iter().map(|i| data.labels[*i]).collect();
        answers.push(protocol::most_frequent(&shown, truth.len()));
        own_data.curves.update(|curves| {
            for (curve, answers) in curves.iter_mut().zip(&answers) {
                curve.push(at, answers, &truth);
            }
        });
        if at + 1 == counts {
            own_data.confusion.update(|confusion| confusion.push(&order.queries, &answers[0], &truth));
        }
    }

    /// Examples by their places, on the scale of those shown.
    pub(super) async fn episode(self, data: &Data, chosen: &[usize], queries: &[usize]) -> Result<Episode, String> {
        let labels: Vec<u32> = chosen.iter().map(|i| data.labels[*i]).collect();
        let classes = data.classes.len();
        let (inputs, asked, (height, width, channels)) = match &data.examples {
            Examples::Rows(_) => {
                let table = self.own_data.table.get_value().ok_or("the table was closed")?;
                let (shown, asked) = (data.examples.rows(chosen), data.examples.rows(queries));
                let (inputs, asked) = table.show(&shown, &asked).await.map_err(|error| error.to_string())?;
                let width = inputs.len() / chosen.len().max(1);
                (inputs, asked, (1, width, 1))
            }
            Examples::Pictures { size, .. } => (data.examples.values(chosen), data.examples.values(queries), *size),
        };
        Ok(Episode { shown: Shown { inputs, height, width, channels, labels, classes }, asked })
    }

    /// Scores of the learner and of each rule for the same queries, each `[Q, C]`; none where it was cancelled.
    async fn compare(
        self,
        learner: &Learner,
        data: &Data,
        order: &Order,
        count: usize,
        turn: u32,
    ) -> Result<Option<Vec<Vec<f32>>>, String> {
        let Episode { shown, asked } = self.episode(data, &order.shown[..count], &order.queries).await?;
        if !self.own_data.current(turn) {
            return Ok(None);
        }
        let mut all = vec![learner.ask(&shown, &asked).await.map_err(|error| error.to_string())?];
        if !self.own_data.current(turn) {
            return Ok(None);
        }
        let rules = Rules {
            size: [shown.height, shown.width, shown.channels].map(|side| side as u32),
            shown: &shown.inputs,
            labels: &shown.labels,
            asked: &asked,
            classes: shown.classes,
        };
        all.extend(self.own_data.reader().rules(&rules).await.map_err(|error| error.to_string())?);
        Ok(self.own_data.current(turn).then_some(all))
    }

    /// Shows the examples of a cell of the confusion table, or hides them again.
    pub fn inspect(self, truth: usize, answer: usize) {
        let own_data = self.own_data;
        let open = own_data.inspected.with_untracked(|cell| cell.as_ref().map(|cell| (cell.truth, cell.answer)));
        let (Some(data), false) = (own_data.data.get_untracked(), open == Some((truth, answer))) else {
            return own_data.inspected.set(None);
        };
        let mut examples = own_data.confusion.with_untracked(|confusion| confusion.examples(truth, answer));
        examples.truncate(MOST_INSPECTED);
        spawn_local(async move {
            let rows = match own_data.table.get_value().filter(|_| data.table()) {
                Some(table) => table.cells(&data.examples.rows(&examples)).await.unwrap_or_default(),
                None => Vec::new(),
            };
            own_data.inspected.set(Some(Inspected { truth, answer, examples, rows }));
        });
    }
}
