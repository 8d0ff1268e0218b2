//! What the page asks its workers, and what comes back: the same methods and fields as `web/package/host.js` lists.

use js_sys::{Float32Array, Int8Array};
use wasm_bindgen::prelude::*;

use crate::answers::Answerer;
use crate::worker::{Message, Request};

/// Height, width and channels of an example.
pub type Size = [u32; 3];

/// Opens a model.
pub struct Open<'a> {
    /// The file.
    pub bytes: &'a [u8],
    /// `auto`, `cpu` or `webgpu`.
    pub engine: &'a str,
}

impl Request for Open<'_> {
    const METHOD: &'static str = "open";
    /// The card, in JSON.
    type Reply = js_sys::JsString;

    fn message(&self) -> Message {
        Message::new().bytes("bytes", self.bytes).with("engine", self.engine.into())
    }
}

/// Destroys the GPU device.
pub struct Destroy;

impl Request for Destroy {
    const METHOD: &'static str = "destroy";
    /// Whether there was one.
    type Reply = js_sys::Boolean;

    fn message(&self) -> Message {
        Message::new()
    }
}

/// Takes in what was shown, so that the next answer comes soon.
pub struct Prepare;

impl Request for Prepare {
    const METHOD: &'static str = "prepare";
    type Reply = JsValue;

    fn message(&self) -> Message {
        Message::new()
    }
}

/// Brings the worker's examples in step with the page's, and has a drawing answered.
pub struct Follow<'a> {
    pub size: Size,
    /// Whether pictures are drawings, which a stem may read.
    pub drawings: bool,
    /// Whether the drawing may be none of the classes.
    pub none: bool,
    /// What the worker knows the examples by, in their order.
    pub ids: &'a [u32],
    pub labels: &'a [u32],
    /// Places of those that the worker does not have.
    pub fresh: &'a [u32],
    /// Their values.
    pub inputs: &'a [f32],
    /// Whether the learner is asked about the last example before it is told.
    pub guess: bool,
    pub answerer: Answerer,
    /// The drawing, or nothing.
    pub query: &'a [f32],
}

impl Request for Follow<'_> {
    const METHOD: &'static str = "follow";
    type Reply = AnswerReply;

    fn message(&self) -> Message {
        Message::new()
            .labels("size", &self.size)
            .with("drawings", self.drawings.into())
            .with("none", self.none.into())
            .labels("ids", self.ids)
            .labels("labels", self.labels)
            .labels("fresh", self.fresh)
            .values("inputs", self.inputs)
            .with("guess", self.guess.into())
            .with("answerer", self.answerer.key().into())
            .values("query", self.query)
    }
}

/// Whether `answerer` would have named examples right, each after those before it.
pub struct Review<'a> {
    pub answerer: Answerer,
    pub places: &'a [u32],
    pub budget_ms: f64,
}

impl Request for Review<'_> {
    const METHOD: &'static str = "review";
    type Reply = ReviewReply;

    fn message(&self) -> Message {
        Message::new()
            .with("answerer", self.answerer.key().into())
            .labels("places", self.places)
            .with("budgetMs", self.budget_ms.into())
    }
}

/// Answers to a drawing without each of some examples in turn.
pub struct Without<'a> {
    pub query: &'a [f32],
    pub places: &'a [u32],
    pub budget_ms: f64,
}

impl Request for Without<'_> {
    const METHOD: &'static str = "without";
    /// `[places, C]`
    type Reply = Float32Array;

    fn message(&self) -> Message {
        Message::new().values("query", self.query).labels("places", self.places).with("budgetMs", self.budget_ms.into())
    }
}

/// Answers to queries after examples of their own.
pub struct Ask<'a> {
    pub size: Size,
    pub inputs: &'a [f32],
    pub labels: &'a [u32],
    pub classes: usize,
    pub queries: &'a [f32],
}

impl Request for Ask<'_> {
    const METHOD: &'static str = "ask";
    /// `[Q, classes]`
    type Reply = Float32Array;

    fn message(&self) -> Message {
        Message::new()
            .labels("size", &self.size)
            .values("inputs", self.inputs)
            .labels("labels", self.labels)
            .with("classes", (self.classes as u32).into())
            .values("queries", self.queries)
    }
}

/// Compares this device with the references.
pub struct Parity<'a> {
    pub bytes: &'a [u8],
    pub longest: u32,
    pub gpu: bool,
}

impl Request for Parity<'_> {
    const METHOD: &'static str = "parity";
    /// A report, in JSON.
    type Reply = js_sys::JsString;

    fn message(&self) -> Message {
        Message::new().bytes("bytes", self.bytes).with("longest", self.longest.into()).with("gpu", self.gpu.into())
    }
}

#[wasm_bindgen]
extern "C" {
    /// What [`Follow`] gives.
    pub type AnswerReply;

    /// Probability of each label, `[C]`.
    #[wasm_bindgen(method, getter, structural)]
    pub fn probabilities(this: &AnswerReply) -> Option<Float32Array>;

    /// Probability that it is none of the classes, where that was asked.
    #[wasm_bindgen(method, getter, structural)]
    pub fn none(this: &AnswerReply) -> Option<f64>;

    /// How much each example mattered, `[N]`; empty where another than the learner answers.
    #[wasm_bindgen(method, getter, structural)]
    pub fn importance(this: &AnswerReply) -> Option<Float32Array>;

    /// Time of the answer alone.
    #[wasm_bindgen(method, getter, structural, js_name = tookMs)]
    pub fn took_ms(this: &AnswerReply) -> Option<f64>;

    /// A verdict about the last example, where the learner was asked before it was told.
    #[wasm_bindgen(method, getter, structural)]
    pub fn guess(this: &AnswerReply) -> Option<f64>;

    /// What [`Review`] gives.
    pub type ReviewReply;

    /// A verdict for each place.
    #[wasm_bindgen(method, getter, structural)]
    pub fn verdicts(this: &ReviewReply) -> Int8Array;
}
