//! Questions about a visitor's own data: a row, a picture, a file of rows.

use std::sync::Arc;

use super::Page;
use super::own_data::Episode;
use crate::browser;
use crate::own_data::images;
use crate::own_data::protocol::{self, Data, Examples};
use crate::own_data::state::Reply;
use crate::text::capital;
use dom::*;

/// Examples that are shown before somebody asks.
const MOST_SHOWN: usize = 200;
/// Rows of a file that are answered at once.
const BATCH: usize = 512;

impl Page {
    /// Answers a row that was typed, a cell for each column, or pasted, as one text.
    pub fn ask_row(self, cells: Vec<String>) {
        self.reply_with(async move |page: Page, data: &Data| {
            let chosen = chosen(data);
            let Episode { shown, .. } = page.episode(data, &chosen, &[]).await?;
            let table = page.own_data.table.get_value().ok_or("the table was closed")?;
            let row = table.typed(&data.examples.rows(&chosen), &cells).await.map_err(|error| error.to_string())?;
            let chances = page.general(0).await?.ask(&shown, &row).await.map_err(|error| error.to_string())?;
            Ok(one(data, chances, shown.labels.len()))
        });
    }

    /// Answers a picture that was picked.
    pub fn ask_picture(self, file: web_sys::File) {
        self.reply_with(async move |page: Page, data: &Data| {
            let Examples::Pictures { size, .. } = &data.examples else { return Err("expected a row".to_owned()) };
            let picture = images::with_channels(&images::decode(&file).await?, size.2);
            let Episode { shown, .. } = page.episode(data, &chosen(data), &[]).await?;
            let chances = page.general(0).await?.ask(&shown, &picture).await.map_err(|error| error.to_string())?;
            Ok(one(data, chances, shown.labels.len()))
        });
    }

    /// Answers every row of a file, in pieces.
    pub fn ask_file(self, file: web_sys::File) {
        let name = file.name();
        self.reply_with(async move |page: Page, data: &Data| {
            let fault = |error: &dyn std::fmt::Display| format!("“{name}” can’t be answered: {error}");
            let bytes = browser::read(&file).await.map_err(|error| fault(&error))?;
            let chosen = chosen(data);
            let Episode { shown, .. } = page.episode(data, &chosen, &[]).await?;
            let chosen = data.examples.rows(&chosen);
            let table = page.own_data.table.get_value().ok_or("the table was closed")?;
            let rows = table.open_asked(&bytes).await.map_err(|error| fault(&error))?;
            let learner = page.general(0).await?;
            let turn = page.own_data.turn.get_untracked();
            let mut probabilities = Vec::with_capacity(rows * shown.classes);
            for from in (0..rows).step_by(BATCH) {
                page.own_data.reply.set(Some(Ok(Reply::Underway(from, rows))));
                let asked = table.asked(&chosen, from, BATCH).await.map_err(|error| fault(&error))?;
                probabilities.extend(learner.ask(&shown, &asked).await.map_err(|error| fault(&error))?);
                if !page.own_data.current(turn) {
                    return Err(fault(&"other data came meanwhile"));
                }
            }
            let answers = table.answers(&probabilities).await.map_err(|error| fault(&error))?;
            Ok(Reply::File { name: name.clone(), rows, shown: shown.labels.len(), answers })
        });
    }

    /// Sets the reply to what comes of a question about the data at hand.
    fn reply_with<Ask>(self, ask: Ask)
    where
        Ask: AsyncFnOnce(Page, &Data) -> Result<Reply, String> + 'static,
    {
        let own_data = self.own_data;
        let Some(data) = own_data.data.get_untracked() else { return };
        let turn = own_data.turn.get_untracked();
        spawn_local(async move {
            let reply = ask(self, &data).await;
            if own_data.current(turn)
                || own_data.data.with_untracked(|now| now.as_ref().is_some_and(|now| Arc::ptr_eq(now, &data)))
            {
                own_data.reply.set(Some(reply.map_err(|error| format!("{}.", capital(error.trim_end_matches('.'))))));
            }
        });
    }
}

/// As many examples as there is time to show, each class in its share.
fn chosen(data: &Data) -> Vec<usize> {
    let mut chosen = protocol::stratified(&data.labels, 0);
    chosen.truncate(MOST_SHOWN);
    chosen
}

fn one(data: &Data, chances: Vec<f32>, shown: usize) -> Reply {
    let mut chances: Vec<(String, f32)> = data.classes.iter().cloned().zip(chances).collect();
    chances.sort_by(|a, b| b.1.total_cmp(&a.1));
    Reply::One { chances, shown }
}
