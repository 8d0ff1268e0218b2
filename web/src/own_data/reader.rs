//! The worker that reads a visitor's own data (`web/reader`); it starts when there is something to read.

use std::rc::Rc;

use wasm_bindgen::JsCast;

use super::messages::*;
use super::summary::{AnswerFile, Choices, Summary, TextRow};
use crate::worker::{Close, Port, Request, WorkerError, send};

const SCRIPT: &str = "reader/worker.js";

/// The worker. Copies share it.
#[derive(Clone)]
pub struct Reader(Rc<Port>);

impl Reader {
    /// A worker that is started by the first call.
    pub fn new() -> Reader {
        Reader(Rc::new(Port::of_script(SCRIPT)))
    }

    async fn call<R: Request>(&self, number: u32, request: &R) -> Result<R::Reply, WorkerError> {
        send(&self.0, number, R::METHOD, request.message()).await.map(JsCast::unchecked_into)
    }

    /// Ends whatever it does. All its tables are closed.
    pub fn stop(&self) {
        self.0.stop();
    }

    /// Scores of the rules of `web/reader`, by rule.
    ///
    /// # Shapes
    /// `size` is height, width and channels; the result `[4][Q, C]`
    pub async fn rules(&self, rules: &Rules<'_>) -> Result<Vec<Vec<f32>>, WorkerError> {
        let scores = self.call(0, rules).await?.to_vec();
        Ok(scores.chunks((scores.len() / RULES.len()).max(1)).map(<[f32]>::to_vec).collect())
    }

    /// The files in a zip archive or of an array of pictures, with their paths; none of an array that is a table.
    pub async fn unpack(&self, bytes: &[u8]) -> Result<Option<Vec<(String, web_sys::File)>>, WorkerError> {
        let found = self.call(0, &Unpack(bytes)).await?;
        let all = found.dyn_into::<js_sys::Array>().ok();
        let named = |file: UnpackedFile| (file.path(), file.file());
        Ok(all.map(|files| files.iter().map(|file| named(file.unchecked_into())).collect()))
    }

    /// Drawings of other programs as the text of a file of examples.
    pub async fn sketches(&self, request: &Sketches<'_>) -> Result<String, WorkerError> {
        Ok(self.call(0, request).await?.into())
    }

    /// Examples as files for other programs.
    pub async fn export(&self, request: &Export<'_>) -> Result<ExportReply, WorkerError> {
        self.call(0, request).await
    }

    /// Reads a table.
    pub async fn open(&self, bytes: &[u8]) -> Result<TableFile, WorkerError> {
        let table = TableFile { reader: self.clone(), number: self.0.next() };
        self.call(table.number, &Open(bytes)).await?;
        Ok(table)
    }
}

/// Names of the rules, in the order of their scores.
pub const RULES: [&str; 4] = ["1-NN cosine", "nearest class mean", "kernel ridge", "logistic regression"];

/// A table that is open in the worker.
pub struct TableFile {
    reader: Reader,
    number: u32,
}

impl Drop for TableFile {
    fn drop(&mut self) {
        // nobody waits for it, and it does not fail
        let message = Close.message();
        let _ = self.reader.0.call(self.number, Close::METHOD, &message.fields, &message.moved);
    }
}

/// What a table means, and the class of each of its rows; or why it means nothing.
pub struct Meaning {
    pub summary: Summary,
    /// `[M]`, `u32::MAX` for a row without a class.
    pub labels: Vec<u32>,
    pub fault: Option<String>,
}

impl TableFile {
    async fn call<R: Request>(&self, request: &R) -> Result<R::Reply, WorkerError> {
        self.reader.call(self.number, request).await
    }

    /// Finds out what the table means.
    pub async fn choose(&self, choices: &Choices, most_classes: usize) -> Result<Meaning, WorkerError> {
        let reply = self.call(&Choose { choices, most_classes }).await?;
        Ok(Meaning { summary: parsed(&reply.summary())?, labels: reply.labels().to_vec(), fault: reply.fault() })
    }

    /// The inputs of rows that are shown, `[N, X]`, and of others, `[Q, X]`.
    pub async fn show(&self, shown: &[u32], asked: &[u32]) -> Result<(Vec<f32>, Vec<f32>), WorkerError> {
        let reply = self.call(&Show { shown, asked }).await?;
        Ok((reply.shown().to_vec(), reply.asked().to_vec()))
    }

    /// Rows as people see them.
    pub async fn cells(&self, rows: &[u32]) -> Result<Vec<TextRow>, WorkerError> {
        parsed(&String::from(self.call(&Cells(rows)).await?))
    }

    /// The inputs of a row that was typed, on the scale of the rows shown.
    pub async fn typed(&self, shown: &[u32], cells: &[String]) -> Result<Vec<f32>, WorkerError> {
        Ok(self.call(&Typed { shown, cells }).await?.to_vec())
    }

    /// Reads a file of rows to answer: how many.
    pub async fn open_asked(&self, bytes: &[u8]) -> Result<usize, WorkerError> {
        Ok(self.call(&OpenAsked(bytes)).await?.value_of() as usize)
    }

    /// The inputs of some of them, `[count, X]`.
    pub async fn asked(&self, shown: &[u32], from: usize, count: usize) -> Result<Vec<f32>, WorkerError> {
        Ok(self.call(&Asked { shown, from, count }).await?.to_vec())
    }

    /// Their answers.
    pub async fn answers(&self, probabilities: &[f32]) -> Result<AnswerFile, WorkerError> {
        parsed(&String::from(self.call(&Answers(probabilities)).await?))
    }
}

fn parsed<T: for<'a> serde::Deserialize<'a>>(text: &str) -> Result<T, WorkerError> {
    serde_json::from_str(text).map_err(|error| WorkerError::new(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shaders::baselines::Baseline;

    /// `web/reader` has the same test of its list: curves are named by place.
    #[test]
    fn rules_are_named_in_the_order_of_their_scores() {
        let rules = [Baseline::NearestNeighbour, Baseline::NearestMean, Baseline::KernelRidge, Baseline::Logistic];
        assert_eq!(RULES, rules.map(|rule| rule.name()));
    }
}
