//! Requests as JavaScript sees them: plain objects with named fields. `worker.js` lists all of them.

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// What a person has chosen about a table. Columns are counted from 1.
    pub type ChooseRequest;
    #[wasm_bindgen(method, getter, structural)]
    pub fn heading(this: &ChooseRequest) -> Option<bool>;
    #[wasm_bindgen(method, getter, structural)]
    pub fn class(this: &ChooseRequest) -> Option<u32>;
    #[wasm_bindgen(method, getter, structural, js_name = leaveOut)]
    pub fn leave_out(this: &ChooseRequest) -> Vec<u32>;
    #[wasm_bindgen(method, getter, structural)]
    pub fn keep(this: &ChooseRequest) -> Vec<u32>;
    #[wasm_bindgen(method, getter, structural, js_name = mostClasses)]
    pub fn most_classes(this: &ChooseRequest) -> usize;

    /// Rows that are shown and asked about.
    pub type ShowRequest;
    #[wasm_bindgen(method, getter, structural)]
    pub fn shown(this: &ShowRequest) -> Vec<u32>;
    #[wasm_bindgen(method, getter, structural)]
    pub fn asked(this: &ShowRequest) -> Vec<u32>;

    /// Rows of the table.
    pub type RowsRequest;
    #[wasm_bindgen(method, getter, structural)]
    pub fn rows(this: &RowsRequest) -> Vec<u32>;

    /// Cells of a row, or the whole row as one.
    pub type TypedRequest;
    #[wasm_bindgen(method, getter, structural)]
    pub fn cells(this: &TypedRequest) -> Vec<String>;
    #[wasm_bindgen(method, getter, structural)]
    pub fn shown(this: &TypedRequest) -> Vec<u32>;

    /// A file.
    pub type FileRequest;
    #[wasm_bindgen(method, getter, structural)]
    pub fn bytes(this: &FileRequest) -> Vec<u8>;

    /// Examples to be exported; see [`crate::export`].
    pub type ExportRequest;
    #[wasm_bindgen(method, getter, structural)]
    pub fn text(this: &ExportRequest) -> String;
    #[wasm_bindgen(method, getter, structural)]
    pub fn pictures(this: &ExportRequest) -> Vec<f32>;
    #[wasm_bindgen(method, getter, structural)]
    pub fn format(this: &ExportRequest) -> String;

    /// Files of drawings.
    pub type SketchesRequest;
    /// All files, one after the other.
    #[wasm_bindgen(method, getter, structural)]
    pub fn bytes(this: &SketchesRequest) -> Vec<u8>;
    #[wasm_bindgen(method, getter, structural)]
    pub fn lengths(this: &SketchesRequest) -> Vec<u32>;
    /// With their folders.
    #[wasm_bindgen(method, getter, structural)]
    pub fn paths(this: &SketchesRequest) -> Vec<String>;
    #[wasm_bindgen(method, getter, structural, js_name = mostClasses)]
    pub fn most_classes(this: &SketchesRequest) -> usize;

    /// Some rows of a file.
    pub type AskedRequest;
    #[wasm_bindgen(method, getter, structural)]
    pub fn shown(this: &AskedRequest) -> Vec<u32>;
    #[wasm_bindgen(method, getter, structural)]
    pub fn from(this: &AskedRequest) -> usize;
    #[wasm_bindgen(method, getter, structural)]
    pub fn count(this: &AskedRequest) -> usize;

    /// Probabilities of answers.
    pub type AnswersRequest;
    #[wasm_bindgen(method, getter, structural)]
    pub fn probabilities(this: &AnswersRequest) -> Vec<f32>;

    /// Rows for the rules; see [`crate::rule_scores`].
    pub type RulesRequest;
    #[wasm_bindgen(method, getter, structural)]
    pub fn size(this: &RulesRequest) -> Vec<u32>;
    #[wasm_bindgen(method, getter, structural)]
    pub fn shown(this: &RulesRequest) -> Vec<f32>;
    #[wasm_bindgen(method, getter, structural)]
    pub fn labels(this: &RulesRequest) -> Vec<u32>;
    #[wasm_bindgen(method, getter, structural)]
    pub fn asked(this: &RulesRequest) -> Vec<f32>;
    #[wasm_bindgen(method, getter, structural)]
    pub fn classes(this: &RulesRequest) -> usize;
}
