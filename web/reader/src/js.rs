//! What JavaScript sees. Errors are JavaScript's, with words that begin small.

use js_sys::{Array, Float32Array, Object, Reflect, Uint8Array, Uint32Array};
use tables::{Choices, archive};
use wasm_bindgen::prelude::*;

use crate::export::Format;
use crate::messages::*;
use crate::table::OpenTable;

fn fault(words: impl AsRef<str>) -> JsValue {
    js_sys::Error::new(words.as_ref()).into()
}

/// Scores of the rules, `[4, Q, C]`.
#[wasm_bindgen]
pub fn rules(request: RulesRequest) -> Result<Float32Array, JsValue> {
    let size = request.size();
    let [height, width, channels] = size[..] else { return Err(fault("expected height, width and channels")) };
    let size = (height as usize, width as usize, channels as usize);
    let scores =
        crate::rules::rule_scores(size, &request.shown(), &request.labels(), &request.asked(), request.classes())
            .map_err(fault)?;
    Ok(Float32Array::from(&scores[..]))
}

/// Drawings of other programs as a file of examples, in JSON.
#[wasm_bindgen]
pub fn sketches(request: SketchesRequest) -> Result<String, JsValue> {
    let (bytes, lengths, paths) = (request.bytes(), request.lengths(), request.paths());
    let mut rest = &bytes[..];
    let mut files = Vec::new();
    for (path, length) in paths.into_iter().zip(lengths) {
        let (file, others) = rest.split_at_checked(length as usize).ok_or_else(|| fault("a file ends too early"))?;
        files.push((path, file));
        rest = others;
    }
    crate::sketches::examples(&files, request.most_classes()).map_err(fault)
}

/// Examples for other programs: { bytes, ending, leftOut }.
#[wasm_bindgen]
pub fn exported(request: ExportRequest) -> Result<Object, JsValue> {
    let format = Format::of(&request.format()).ok_or_else(|| fault("expected png, svg or ndjson"))?;
    let found = crate::export::export(&request.text(), &request.pictures(), format).map_err(fault)?;
    let reply = Object::new();
    set(&reply, "bytes", &Uint8Array::from(&found.bytes[..]));
    set(&reply, "ending", &found.ending.into());
    set(&reply, "leftOut", &(found.left_out as u32).into());
    Ok(reply)
}

/// The files in an archive or of an array of pictures, each `{ path, bytes }`; undefined where arrays are a table.
#[wasm_bindgen]
pub fn unpack(request: FileRequest) -> Result<Option<Array>, JsValue> {
    let found = archive::files(&request.bytes()).map_err(|error| fault(error.to_string()))?;
    let file = |entry: &archive::Entry| {
        let file = Object::new();
        set(&file, "path", &entry.path.as_str().into());
        set(&file, "bytes", &Uint8Array::from(&entry.bytes[..]));
        file
    };
    Ok(found.map(|files| files.iter().map(file).collect()))
}

/// A table.
#[wasm_bindgen]
pub struct Table(OpenTable);

#[wasm_bindgen]
impl Table {
    /// Reads a file.
    #[wasm_bindgen(constructor)]
    pub fn new(request: FileRequest) -> Result<Table, JsValue> {
        OpenTable::read(&request.bytes()).map(Table).map_err(fault)
    }

    /// Finds out what it means, and gives { summary, labels, fault }: see [`OpenTable::summary`] and [`OpenTable::labels`].
    pub fn choose(&mut self, request: ChooseRequest) -> Object {
        let names = |columns: Vec<u32>| columns.iter().map(u32::to_string).collect();
        let choices = Choices {
            heading: request.heading(),
            class: request.class().map(|class| class.to_string()),
            leave_out: names(request.leave_out()),
            keep: names(request.keep()),
            most_classes: request.most_classes(),
        };
        let fault = self.0.choose(choices).err();
        let reply = Object::new();
        set(&reply, "summary", &self.0.summary().to_string().into());
        set(&reply, "labels", &Uint32Array::from(&self.0.labels()[..]));
        if let Some(words) = fault {
            set(&reply, "fault", &words.into());
        }
        reply
    }

    /// The inputs of rows: { shown, asked }.
    pub fn show(&self, request: ShowRequest) -> Result<Object, JsValue> {
        let (shown, asked) = self.0.show(&request.shown(), &request.asked()).map_err(fault)?;
        let reply = Object::new();
        set(&reply, "shown", &Float32Array::from(&shown[..]));
        set(&reply, "asked", &Float32Array::from(&asked[..]));
        Ok(reply)
    }

    /// The cells of rows, in JSON.
    pub fn cells(&self, request: RowsRequest) -> String {
        self.0.cells(&request.rows()).to_string()
    }

    /// The inputs of a row that was typed.
    pub fn typed(&self, request: TypedRequest) -> Result<Float32Array, JsValue> {
        let inputs = self.0.typed(&request.shown(), &request.cells()).map_err(fault)?;
        Ok(Float32Array::from(&inputs[..]))
    }

    /// Reads a file of rows to answer: how many.
    #[wasm_bindgen(js_name = openAsked)]
    pub fn open_asked(&mut self, request: FileRequest) -> Result<usize, JsValue> {
        self.0.open_asked(&request.bytes()).map_err(fault)
    }

    /// The inputs of some of them.
    pub fn asked(&mut self, request: AskedRequest) -> Result<Float32Array, JsValue> {
        let inputs = self.0.asked(&request.shown(), request.from(), request.count()).map_err(fault)?;
        Ok(Float32Array::from(&inputs[..]))
    }

    /// Their answers, in JSON.
    pub fn answers(&self, request: AnswersRequest) -> String {
        self.0.answers(&request.probabilities()).to_string()
    }
}

fn set(object: &Object, name: &str, value: &JsValue) {
    // a plain property of a fresh object is set without fail
    let _ = Reflect::set(object, &name.into(), value);
}
