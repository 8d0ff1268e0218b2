//! What the worker's JavaScript sees of a run. Errors are JavaScript's, with words that begin small.

use js_sys::{Object, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;

use crate::run::{Drawings, Run};
use crate::settings::Settings;

fn fault(words: impl AsRef<str>) -> JsValue {
    js_sys::Error::new(words.as_ref()).into()
}

/// A run in the worker.
#[wasm_bindgen]
pub struct WorkerRun(Run);

#[wasm_bindgen]
impl WorkerRun {
    /// A run before its first step: settings in JSON, drawings `[n, D₀]` and their classes `[n]`.
    #[wasm_bindgen(constructor)]
    pub fn new(settings: &str, inputs: Vec<f32>, labels: Vec<u32>) -> Result<WorkerRun, JsValue> {
        let settings: Settings = serde_json::from_str(settings).map_err(|error| fault(error.to_string()))?;
        let (settings, _) = settings.bounded();
        Run::new(settings, Drawings { inputs, labels }).map(WorkerRun).map_err(fault)
    }

    /// A run as it was kept.
    pub fn resume(bytes: &[u8]) -> Result<WorkerRun, JsValue> {
        Run::resume(bytes).map(WorkerRun).map_err(fault)
    }

    /// One step; gives the loss, or in its place the number of a step that was not finite and was not taken.
    pub fn advance(&mut self) -> Result<f64, f64> {
        self.0.advance().map_err(|error| error.step as f64)
    }

    /// Whether all steps are done.
    pub fn done(&self) -> bool {
        self.0.done()
    }

    /// Goes on to so many steps in all.
    pub fn extend(&mut self, steps: u32) {
        self.0.extend(u64::from(steps));
    }

    /// Its settings, in JSON.
    pub fn settings(&self) -> String {
        serde_json::to_string(self.0.settings()).expect("plain data")
    }

    /// What there is to say, in JSON, with the points from the `known`-th on.
    pub fn report(&self, known: usize) -> String {
        serde_json::to_string(&self.0.report(known)).expect("plain data")
    }

    /// The learner's file, and the command that trains it again: { bytes, toml }.
    pub fn file(&self) -> Object {
        let reply = Object::new();
        // a plain property of a fresh object is set without fail
        let _ = Reflect::set(&reply, &"bytes".into(), &Uint8Array::from(&self.0.file()[..]));
        let toml = self.0.settings().toml().map_or(JsValue::UNDEFINED, JsValue::from);
        let _ = Reflect::set(&reply, &"toml".into(), &toml);
        reply
    }

    /// All that a run needs to go on.
    pub fn checkpoint(&self) -> Vec<u8> {
        self.0.checkpoint()
    }
}
