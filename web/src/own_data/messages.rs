//! What the page asks the reader of a visitor's own data, and what comes back: the same methods and fields as
//! `web/reader/worker.js` lists.

use js_sys::{Float32Array, JsString, Number, Uint32Array};
use wasm_bindgen::prelude::*;

use super::summary::Choices;
use crate::worker::{Message, Request};

/// Reads a file.
pub struct Open<'a>(pub &'a [u8]);

impl Request for Open<'_> {
    const METHOD: &'static str = "open";
    type Reply = JsValue;

    fn message(&self) -> Message {
        Message::new().bytes("bytes", self.0)
    }
}

/// Unpacks an archive, or an array of pictures.
pub struct Unpack<'a>(pub &'a [u8]);

impl Request for Unpack<'_> {
    const METHOD: &'static str = "unpack";
    /// An array of [`UnpackedFile`], or undefined for a table.
    type Reply = JsValue;

    fn message(&self) -> Message {
        Message::new().bytes("bytes", self.0)
    }
}

/// Drawings of other programs as a file of examples.
pub struct Sketches<'a> {
    /// All files, one after the other.
    pub bytes: &'a [u8],
    pub lengths: &'a [u32],
    /// With their folders.
    pub paths: &'a [String],
    pub most_classes: usize,
}

impl Request for Sketches<'_> {
    const METHOD: &'static str = "sketches";
    /// JSON.
    type Reply = JsString;

    fn message(&self) -> Message {
        let message = Message::new().bytes("bytes", self.bytes).labels("lengths", self.lengths);
        message.with("paths", texts(self.paths)).with("mostClasses", (self.most_classes as u32).into())
    }
}

/// Examples as files for other programs.
pub struct Export<'a> {
    /// As [`crate::document::Document::save`] writes them.
    pub text: &'a str,
    /// The pictures of those that have no strokes, `[P, 28, 28]`.
    pub pictures: &'a [f32],
    /// `png`, `svg` or `ndjson`.
    pub format: &'a str,
}

impl Request for Export<'_> {
    const METHOD: &'static str = "export";
    type Reply = ExportReply;

    fn message(&self) -> Message {
        let message = Message::new().values("pictures", self.pictures);
        message.with("text", self.text.into()).with("format", self.format.into())
    }
}

/// An array of strings.
fn texts(all: &[String]) -> JsValue {
    let array = js_sys::Array::new();
    all.iter().for_each(|text| {
        array.push(&text.into());
    });
    array.into()
}

/// Finds out what a table means.
pub struct Choose<'a> {
    pub choices: &'a Choices,
    pub most_classes: usize,
}

impl Request for Choose<'_> {
    const METHOD: &'static str = "choose";
    type Reply = ChooseReply;

    fn message(&self) -> Message {
        let all = |columns: &std::collections::BTreeSet<u32>| columns.iter().copied().collect::<Vec<u32>>();
        let choices = self.choices;
        Message::new()
            .with("heading", choices.heading.into())
            .with("class", choices.class.into())
            .labels("leaveOut", &all(&choices.leave_out))
            .labels("keep", &all(&choices.keep))
            .with("mostClasses", (self.most_classes as u32).into())
    }
}

/// The inputs of rows that are shown, which give the scales, and of others.
pub struct Show<'a> {
    pub shown: &'a [u32],
    pub asked: &'a [u32],
}

impl Request for Show<'_> {
    const METHOD: &'static str = "show";
    type Reply = ShowReply;

    fn message(&self) -> Message {
        Message::new().labels("shown", self.shown).labels("asked", self.asked)
    }
}

/// The cells of rows.
pub struct Cells<'a>(pub &'a [u32]);

impl Request for Cells<'_> {
    const METHOD: &'static str = "cells";
    /// JSON.
    type Reply = JsString;

    fn message(&self) -> Message {
        Message::new().labels("rows", self.0)
    }
}

/// The inputs of a row that was typed, as one line or as cells.
pub struct Typed<'a> {
    /// The rows that give the scales.
    pub shown: &'a [u32],
    pub cells: &'a [String],
}

impl Request for Typed<'_> {
    const METHOD: &'static str = "typed";
    /// `[X]`
    type Reply = Float32Array;

    fn message(&self) -> Message {
        Message::new().labels("shown", self.shown).with("cells", texts(self.cells))
    }
}

/// Reads a file of rows to answer.
pub struct OpenAsked<'a>(pub &'a [u8]);

impl Request for OpenAsked<'_> {
    const METHOD: &'static str = "openAsked";
    /// How many rows.
    type Reply = Number;

    fn message(&self) -> Message {
        Message::new().bytes("bytes", self.0)
    }
}

/// The inputs of some of them.
pub struct Asked<'a> {
    /// The rows that give the scales.
    pub shown: &'a [u32],
    pub from: usize,
    pub count: usize,
}

impl Request for Asked<'_> {
    const METHOD: &'static str = "asked";
    /// `[count, X]`
    type Reply = Float32Array;

    fn message(&self) -> Message {
        let message = Message::new().labels("shown", self.shown);
        message.with("from", (self.from as u32).into()).with("count", (self.count as u32).into())
    }
}

/// Their answers.
pub struct Answers<'a>(pub &'a [f32]);

impl Request for Answers<'_> {
    const METHOD: &'static str = "answers";
    /// JSON.
    type Reply = JsString;

    fn message(&self) -> Message {
        Message::new().values("probabilities", self.0)
    }
}

/// Scores of hand-written rules.
pub struct Rules<'a> {
    pub size: [u32; 3],
    pub shown: &'a [f32],
    pub labels: &'a [u32],
    pub asked: &'a [f32],
    pub classes: usize,
}

impl Request for Rules<'_> {
    const METHOD: &'static str = "rules";
    /// `[4, Q, C]`
    type Reply = Float32Array;

    fn message(&self) -> Message {
        Message::new()
            .labels("size", &self.size)
            .values("shown", self.shown)
            .labels("labels", self.labels)
            .values("asked", self.asked)
            .with("classes", (self.classes as u32).into())
    }
}

#[wasm_bindgen]
extern "C" {
    /// One of the files that [`Unpack`] gives.
    pub type UnpackedFile;

    /// With its folders.
    #[wasm_bindgen(method, getter, structural)]
    pub fn path(this: &UnpackedFile) -> String;

    #[wasm_bindgen(method, getter, structural)]
    pub fn file(this: &UnpackedFile) -> web_sys::File;

    /// What [`Export`] gives.
    pub type ExportReply;

    #[wasm_bindgen(method, getter, structural)]
    pub fn bytes(this: &ExportReply) -> js_sys::Uint8Array;

    /// Of the file's name.
    #[wasm_bindgen(method, getter, structural)]
    pub fn ending(this: &ExportReply) -> String;

    /// Examples that this format cannot hold.
    #[wasm_bindgen(method, getter, structural, js_name = leftOut)]
    pub fn left_out(this: &ExportReply) -> u32;

    /// What [`Choose`] gives.
    pub type ChooseReply;

    /// JSON.
    #[wasm_bindgen(method, getter, structural)]
    pub fn summary(this: &ChooseReply) -> String;

    /// The class of each row.
    #[wasm_bindgen(method, getter, structural)]
    pub fn labels(this: &ChooseReply) -> Uint32Array;

    /// Why the table means nothing.
    #[wasm_bindgen(method, getter, structural)]
    pub fn fault(this: &ChooseReply) -> Option<String>;

    /// What [`Show`] gives.
    pub type ShowReply;

    #[wasm_bindgen(method, getter, structural)]
    pub fn shown(this: &ShowReply) -> Float32Array;

    #[wasm_bindgen(method, getter, structural)]
    pub fn asked(this: &ShowReply) -> Float32Array;
}
