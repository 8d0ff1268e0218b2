//! Requests and replies as JavaScript sees them: plain objects with named fields. `web/package/host.js` lists all of them.

use js_sys::{Float32Array, Int8Array, Object};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;

use crate::controls::Answerer;
use crate::error::{EngineError, words};
use crate::labelled_session::{Answer, Size};

#[wasm_bindgen]
extern "C" {
    /// Strokes as points.
    pub type DrawingRequest;
    #[wasm_bindgen(method, getter, structural)]
    pub fn points(this: &DrawingRequest) -> Vec<f32>;
    #[wasm_bindgen(method, getter, structural)]
    pub fn ends(this: &DrawingRequest) -> Vec<u32>;
    #[wasm_bindgen(method, getter, structural)]
    pub fn width(this: &DrawingRequest) -> f32;

    /// Pixels, and how to read them.
    pub type PictureRequest;
    #[wasm_bindgen(method, getter, structural)]
    pub fn rgba(this: &PictureRequest) -> Vec<u8>;
    #[wasm_bindgen(method, getter, structural)]
    pub fn height(this: &PictureRequest) -> usize;
    #[wasm_bindgen(method, getter, structural)]
    pub fn width(this: &PictureRequest) -> usize;
    #[wasm_bindgen(method, getter, structural)]
    pub fn ink(this: &PictureRequest) -> String;
    #[wasm_bindgen(method, getter, structural)]
    pub fn look(this: &PictureRequest) -> String;

    /// What the page's examples are to be, and a drawing to answer; see [`crate::learner::Wanted`].
    pub type FollowRequest;
    #[wasm_bindgen(method, getter, structural)]
    pub fn size(this: &FollowRequest) -> Vec<u32>;
    #[wasm_bindgen(method, getter, structural)]
    pub fn drawings(this: &FollowRequest) -> bool;
    #[wasm_bindgen(method, getter, structural)]
    pub fn none(this: &FollowRequest) -> bool;
    #[wasm_bindgen(method, getter, structural)]
    pub fn ids(this: &FollowRequest) -> Vec<u32>;
    #[wasm_bindgen(method, getter, structural)]
    pub fn labels(this: &FollowRequest) -> Vec<u32>;
    #[wasm_bindgen(method, getter, structural)]
    pub fn fresh(this: &FollowRequest) -> Vec<u32>;
    #[wasm_bindgen(method, getter, structural)]
    pub fn inputs(this: &FollowRequest) -> Vec<f32>;
    #[wasm_bindgen(method, getter, structural)]
    pub fn guess(this: &FollowRequest) -> bool;
    #[wasm_bindgen(method, getter, structural)]
    pub fn answerer(this: &FollowRequest) -> String;
    #[wasm_bindgen(method, getter, structural)]
    pub fn query(this: &FollowRequest) -> Vec<f32>;

    /// Examples about which somebody would have been asked before they were shown.
    pub type ReviewRequest;
    #[wasm_bindgen(method, getter, structural)]
    pub fn answerer(this: &ReviewRequest) -> String;
    #[wasm_bindgen(method, getter, structural)]
    pub fn places(this: &ReviewRequest) -> Vec<u32>;
    #[wasm_bindgen(method, getter, structural, js_name = budgetMs)]
    pub fn budget_ms(this: &ReviewRequest) -> f64;

    /// Examples to leave out in turn.
    pub type WithoutRequest;
    #[wasm_bindgen(method, getter, structural)]
    pub fn query(this: &WithoutRequest) -> Vec<f32>;
    #[wasm_bindgen(method, getter, structural)]
    pub fn places(this: &WithoutRequest) -> Vec<u32>;
    #[wasm_bindgen(method, getter, structural, js_name = budgetMs)]
    pub fn budget_ms(this: &WithoutRequest) -> f64;

    /// Examples and queries that have nothing to do with those shown.
    pub type AskRequest;
    #[wasm_bindgen(method, getter, structural)]
    pub fn size(this: &AskRequest) -> Vec<u32>;
    #[wasm_bindgen(method, getter, structural)]
    pub fn inputs(this: &AskRequest) -> Vec<f32>;
    #[wasm_bindgen(method, getter, structural)]
    pub fn labels(this: &AskRequest) -> Vec<u32>;
    #[wasm_bindgen(method, getter, structural)]
    pub fn classes(this: &AskRequest) -> usize;
    #[wasm_bindgen(method, getter, structural)]
    pub fn queries(this: &AskRequest) -> Vec<f32>;

    /// An example to show.
    pub type ObserveRequest;
    #[wasm_bindgen(method, getter, structural)]
    pub fn size(this: &ObserveRequest) -> Vec<u32>;
    #[wasm_bindgen(method, getter, structural)]
    pub fn input(this: &ObserveRequest) -> Vec<f32>;
    #[wasm_bindgen(method, getter, structural)]
    pub fn label(this: &ObserveRequest) -> u32;

    /// A question.
    pub type PredictRequest;
    #[wasm_bindgen(method, getter, structural)]
    pub fn size(this: &PredictRequest) -> Vec<u32>;
    #[wasm_bindgen(method, getter, structural)]
    pub fn input(this: &PredictRequest) -> Vec<f32>;
    #[wasm_bindgen(method, getter, structural)]
    pub fn labels(this: &PredictRequest) -> usize;

    /// An example, and another label where it gets one.
    pub type ExampleRequest;
    #[wasm_bindgen(method, getter, structural)]
    pub fn index(this: &ExampleRequest) -> usize;
    #[wasm_bindgen(method, getter, structural)]
    pub fn label(this: &ExampleRequest) -> u32;

    /// What `save` gave.
    pub type RestoreRequest;
    #[wasm_bindgen(method, getter, structural)]
    pub fn size(this: &RestoreRequest) -> Vec<u32>;
    #[wasm_bindgen(method, getter, structural)]
    pub fn names(this: &RestoreRequest) -> Vec<u32>;
    #[wasm_bindgen(method, getter, structural)]
    pub fn state(this: &RestoreRequest) -> Vec<u8>;

    /// An answer, or a verdict, or both.
    pub type AnswerReply;
    #[wasm_bindgen(method, setter, structural)]
    fn set_probabilities(this: &AnswerReply, values: Float32Array);
    #[wasm_bindgen(method, setter, structural)]
    fn set_importance(this: &AnswerReply, values: Float32Array);
    #[wasm_bindgen(method, setter, structural)]
    fn set_none(this: &AnswerReply, probability: f32);
    #[wasm_bindgen(method, setter, structural)]
    pub fn set_guess(this: &AnswerReply, verdict: i8);
    #[wasm_bindgen(method, setter, structural, js_name = tookMs)]
    pub fn set_took_ms(this: &AnswerReply, ms: f64);

    /// Verdicts, one for each place.
    pub type ReviewReply;
    #[wasm_bindgen(method, setter, structural)]
    fn set_verdicts(this: &ReviewReply, verdicts: Int8Array);
}

impl AnswerReply {
    /// Without an answer.
    pub fn empty() -> AnswerReply {
        Object::new().unchecked_into()
    }

    /// With an answer.
    pub fn new(answer: &Answer) -> AnswerReply {
        let reply = AnswerReply::empty();
        reply.answer(answer);
        reply
    }

    /// Adds an answer.
    pub fn answer(&self, answer: &Answer) {
        self.set_probabilities(Float32Array::from(&answer.probabilities[..]));
        self.set_importance(Float32Array::from(&answer.importance[..]));
        if let Some(none) = answer.none {
            self.set_none(none);
        }
    }
}

impl ReviewReply {
    /// See [`verdict`].
    pub fn new(verdicts: &[Option<bool>]) -> ReviewReply {
        let reply: ReviewReply = Object::new().unchecked_into();
        let verdicts: Vec<i8> = verdicts.iter().copied().map(verdict).collect();
        reply.set_verdicts(Int8Array::from(&verdicts[..]));
        reply
    }
}

/// −1, 0, 1: no question, wrong, right.
pub fn verdict(guess: Option<bool>) -> i8 {
    guess.map_or(-1, i8::from)
}

/// Height, width and channels.
pub fn size(of: &[u32]) -> Result<Size, EngineError> {
    match of {
        &[h, w, c] => Ok((h as usize, w as usize, c as usize)),
        _ => Err(words(format!("expected height, width and channels, found {} numbers", of.len()))),
    }
}

/// Who answers, by name.
pub fn answerer(name: &str) -> Result<Answerer, EngineError> {
    Answerer::of(name).ok_or_else(|| words(format!("there is no answerer “{name}”")))
}
