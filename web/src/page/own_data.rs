//! A visitor's own data on the page: read, shown to the general learner and to rules on the same rows, asked about.

use std::sync::Arc;

use shaders::baselines::{Baseline, Episode};

use super::Page;
use crate::browser;
use crate::dom::*;
use crate::file_kind::{FileKind, look};
use crate::learner::client::{Learner, Shown};
use crate::own_data::dataset::CsvTable;
use crate::own_data::images;
use crate::own_data::protocol::{self, Curve, Data, Made, Scale};
use crate::own_data::state::{MOST_CLASSES, Reply, Stage};
use crate::text::capital;

/// The learner for anything.
const GENERAL: &str = "models/general.safetensors";
/// Largest table that is read, in bytes.
const LARGEST: f64 = 30e6;
/// Examples that are shown before somebody asks.
const MOST_SHOWN: usize = 200;
/// Rules beside the learner.
const RULES: [Baseline; 4] =
    [Baseline::NearestNeighbour, Baseline::NearestMean, Baseline::KernelRidge, Baseline::Logistic];

impl Page {
    /// Examines a table that the page makes by itself.
    pub fn examine_made(self, made: Made) {
        let turn = self.own_data.begin();
        spawn_local(async move { self.examine(made.data(), turn).await });
    }

    /// Examines a table of the visitor's.
    pub fn examine_table(self, file: web_sys::File) {
        let own_data = self.own_data;
        let turn = own_data.begin();
        spawn_local(async move {
            let name = file.name();
            if file.size() > LARGEST {
                return own_data.fail(format!(
                    "“{name}” is {:.0} MB; the limit for tables is {:.0} MB.",
                    file.size() / 1e6,
                    LARGEST / 1e6
                ));
            }
            own_data.stage.set(Stage::Reading(0, 1));
            let bytes = match browser::read(&file).await {
                Ok(bytes) => bytes,
                Err(error) => return own_data.fail(format!("“{name}” could not be read: {error}.")),
            };
            if !own_data.current(turn) {
                return;
            }
            let Ok(text) = String::from_utf8(bytes) else {
                return own_data.fail(format!("“{name}” is not UTF-8 text. Save the table as CSV in UTF-8."));
            };
            match CsvTable::read(&text, MOST_CLASSES) {
                Ok(csv) => {
                    let data = Data {
                        words: format!(
                            "{} rows, {}{}",
                            csv.labels.len(),
                            csv.words(),
                            if csv.headed { "; the first row holds headings" } else { "" }
                        ),
                        name,
                        size: (1, csv.width, 1),
                        values: csv.values.clone(),
                        labels: csv.labels.clone(),
                        classes: csv.classes.clone(),
                    };
                    own_data.csv.set(Some(Arc::new(csv)));
                    self.examine(data, turn).await;
                }
                Err(error) => own_data.fail(format!("“{name}” can't be learned: {error}.")),
            }
        });
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
    async fn general(self, turn: u32) -> Result<Learner, String> {
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
        let plan = Arc::new(protocol::plan(data.labels.len(), 1000));
        let empty = |name| Curve { name, accuracy: vec![Vec::new(); plan.counts.len()] };
        let mut curves = vec![empty("general")];
        curves.extend(RULES.map(|rule| empty(rule.name())));
        own_data.curves.set(curves);
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
            let truth: Vec<u32> = order.queries.iter().map(|i| data.labels[*i]).collect();
            for (at, count) in plan.counts.iter().enumerate() {
                let chosen = &order.shown[..*count];
                let found = match self.compare(&learner, &data, chosen, &order.queries, turn).await {
                    Ok(found) => found,
                    Err(error) => {
                        // a device that is lost takes its learner along
                        own_data.learner.set_value(None);
                        if own_data.current(turn) {
                            own_data.fail(format!("{}. Start again.", capital(error.trim_end_matches('.'))));
                        }
                        return;
                    }
                };
                let Some(found) = found else { return };
                own_data.curves.update(|curves| {
                    for (curve, scores) in curves.iter_mut().zip(&found) {
                        curve.accuracy[at].push(protocol::accuracy(scores, &truth));
                    }
                });
            }
        }
        if own_data.current(turn) {
            own_data.stage.set(Stage::Done);
        }
    }

    /// Scores of the learner and of each rule for the same queries, each `[Q, C]`; none where it was cancelled.
    async fn compare(
        self,
        learner: &Learner,
        data: &Data,
        chosen: &[usize],
        queries: &[usize],
        turn: u32,
    ) -> Result<Option<Vec<Vec<f32>>>, String> {
        let (mut inputs, mut asked) = (data.rows(chosen), data.rows(queries));
        if data.table() {
            let scale = Scale::of(&inputs, data.width());
            scale.apply(&mut inputs);
            scale.apply(&mut asked);
        }
        let (height, width, channels) = data.size;
        let labels: Vec<u32> = chosen.iter().map(|i| data.labels[*i]).collect();
        let classes = data.classes.len();
        let shown = Shown { inputs, height, width, channels, labels, classes };
        let mut all = vec![learner.ask(&shown, &asked).await.map_err(|error| error.to_string())?];
        // Rules get what the learner gets.
        let (rows, asked) = (data.features(&shown.inputs), data.features(&asked));
        browser::sleep(0).await;
        let episode = Episode::new(&rows, &shown.labels, &asked, rows.len() / chosen.len(), classes);
        let episode = episode.map_err(|error| error.to_string())?;
        for rule in RULES {
            // a slice of the main thread for each
            browser::sleep(0).await;
            if !self.own_data.current(turn) {
                return Ok(None);
            }
            all.push(episode.scores(rule).into_iter().map(|score| score as f32).collect());
        }
        Ok(Some(all))
    }

    /// Answers a row that was typed or pasted.
    pub fn ask_row(self, text: String) {
        let own_data = self.own_data;
        let (Some(data), csv) = (own_data.data.get_untracked(), own_data.csv.get_untracked()) else { return };
        let row = match csv {
            Some(csv) => csv.row(&text),
            None => {
                let cells = text.split([',', ';', '\t', ' ']).map(str::trim).filter(|cell| !cell.is_empty());
                let row: Result<Vec<f32>, _> = cells.take(data.width()).map(str::parse).collect();
                row.ok()
                    .filter(|row| row.len() == data.width() && row.iter().all(|v| v.is_finite()))
                    .ok_or_else(|| format!("expected {} numbers separated by commas", data.width()))
            }
        };
        match row {
            Ok(row) => self.answer(row),
            Err(error) => own_data.reply.set(Some(Err(format!("{}.", capital(&error))))),
        }
    }

    /// Answers a picture that was picked.
    pub fn ask_picture(self, file: web_sys::File) {
        let own_data = self.own_data;
        spawn_local(async move {
            let Some(data) = own_data.data.get_untracked() else { return };
            match images::decode(&file).await {
                Ok(picture) => self.answer(images::with_channels(&picture, data.size.2)),
                Err(error) => own_data.reply.set(Some(Err(error))),
            }
        });
    }

    fn answer(self, mut row: Vec<f32>) {
        let own_data = self.own_data;
        let Some(data) = own_data.data.get_untracked() else { return };
        spawn_local(async move {
            let learner = match self.general(0).await {
                Ok(learner) => learner,
                Err(error) => return own_data.reply.set(Some(Err(error))),
            };
            // the first order's rows and after them all others
            let first = protocol::plan(data.labels.len(), 1000).orders.swap_remove(0);
            let mut chosen = first.shown.clone();
            chosen.extend((0..data.labels.len()).filter(|i| !first.shown.contains(i)));
            chosen.truncate(MOST_SHOWN);
            let mut inputs = data.rows(&chosen);
            if data.table() {
                let scale = Scale::of(&inputs, data.width());
                scale.apply(&mut inputs);
                scale.apply(&mut row);
            }
            let (height, width, channels) = data.size;
            let labels = chosen.iter().map(|i| data.labels[*i]).collect();
            let shown = Shown { inputs, height, width, channels, labels, classes: data.classes.len() };
            let reply = learner.ask(&shown, &row).await.map(|chances| {
                let mut chances: Vec<(String, f32)> = data.classes.iter().cloned().zip(chances).collect();
                chances.sort_by(|a, b| b.1.total_cmp(&a.1));
                Reply { chances, shown: chosen.len() }
            });
            own_data.reply.set(Some(reply.map_err(|error| error.to_string())));
        });
    }
}
