//! The page's side of a learner: what is asked of it, in step with the examples of the document.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use serde::Deserialize;
use wasm_bindgen::{JsCast, JsValue};

use super::engines::{EngineFacts, Engines, Place, Slot, Wanted};
use super::messages::{Ask, Prepare, Review, Without};
use crate::answers::{Answerer, Verdict};
use crate::document::{Example, Id, Picture};
use crate::worker::{Message, Request, WorkerError};

/// What a model's file says.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Card {
    /// SHA-256 of the weights.
    pub hash: String,
    /// Number of weights.
    pub parameters: usize,
    /// `paper`, `shifted` or `equivariant`.
    pub variant: String,
    /// Whether it looks at drawings through a stem.
    pub stem: bool,
    /// L.
    pub layers: usize,
    /// C.
    pub classes: usize,
    /// Most examples it takes.
    pub capacity: usize,
    /// X.
    pub inputs: usize,
    /// `training` (TOML), `commit`, `data`, `evaluation` (JSON), `licence`, `card`, …
    pub metadata: BTreeMap<String, String>,
}

/// What came of one round.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Answer {
    /// Probability of each label over those shown, `[C]`; none without a drawing or without examples.
    pub probabilities: Option<Vec<f32>>,
    /// Probability that it is none of them, where that was asked of a learner that can tell.
    pub none: Option<f32>,
    /// How much each example of the document mattered for that, in the document's order, summing to 1; 0 for those that the
    /// learner was not shown. It comes from the same pass as the probabilities. What it is made of is said at
    /// `shaders::session::Attention::importance`.
    pub attention: Option<Vec<f32>>,
    /// Of the last example, if the learner was asked about it before it was told.
    pub guess: Option<Verdict>,
    /// Time of the answer alone, in milliseconds.
    pub took_ms: Option<f64>,
    /// Examples that this learner has no room or no class for.
    pub left_out: usize,
}

/// Examples for [`Learner::ask`]: examples of their own, which have nothing to do with the drawings on the page.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shown {
    /// Raw values, `[N, D]` with D = height · width · channels; pixels in [0, 1], or columns of any scale.
    pub inputs: Vec<f32>,
    /// Height of one example; 1 for a row of a table.
    pub height: usize,
    /// Width; D for a row of a table.
    pub width: usize,
    /// Channels, innermost; 1 for a row of a table.
    pub channels: usize,
    /// Labels, `[N]`, each below `classes`.
    pub labels: Vec<u32>,
    /// Number of classes, at most the model's.
    pub classes: usize,
}

/// A model on an engine, with what it was shown. Copies share it; any number of learners may be open at once.
#[derive(Clone)]
pub struct Learner(Rc<State>);

struct State {
    engines: Engines,
    /// The file, should a worker have to be started again.
    bytes: Vec<u8>,
    card: Card,
    slot: Slot,
    /// The same model where it delays nobody, once something is asked of it there.
    back: RefCell<Option<Rc<Slot>>>,
    drawings: Cell<bool>,
}

/// The verdict that a number of the worker's stands for.
fn verdict(number: i8) -> Verdict {
    match number {
        1 => Verdict::Right,
        0 => Verdict::Wrong,
        _ => Verdict::NoQuestion,
    }
}

impl Learner {
    /// Opens a model file's bytes, for the drawings on the page or for [`Learner::ask`] alone.
    ///
    /// # Errors
    /// Says what is wrong with the file, or why no engine can be had.
    pub async fn open(engines: &Engines, place: Place, bytes: Vec<u8>) -> Result<Learner, WorkerError> {
        let (slot, card) = Slot::open(engines, place, engines.wish(), &bytes).await?;
        let card = serde_json::from_str(&card).map_err(|error| WorkerError::new(error.to_string()))?;
        let (back, drawings) = (RefCell::default(), Cell::new(true));
        Ok(Learner(Rc::new(State { engines: engines.clone(), bytes, card, slot, back, drawings })))
    }

    /// What the model's file says.
    pub fn card(&self) -> &Card {
        &self.0.card
    }

    /// Its number among all learners, as [`Engines::new`]'s listener hears it.
    pub fn number(&self) -> u32 {
        self.0.slot.number()
    }

    /// Which engine it runs on, and why.
    pub fn engine(&self) -> EngineFacts {
        self.0.engines.facts(self.number())
    }

    /// Says whether the pictures of the document are drawings, as they are at first, or numbers in no order, which a stem
    /// could not read. The learner is shown everything anew.
    pub fn set_drawings(&self, drawings: bool) {
        self.0.drawings.set(drawings);
        self.0.slot.set_drawings(drawings);
        if let Some(back) = &*self.0.back.borrow() {
            back.set_drawings(drawings);
        }
    }

    /// Those of the examples that this learner has a class and room for.
    pub fn fitting<'a>(&self, examples: &'a [Example]) -> Vec<&'a Example> {
        let card = &self.0.card;
        let fitting = examples.iter().filter(|example| (example.label as usize) < card.classes);
        fitting.take(card.capacity).collect()
    }

    /// Brings the engine's context in step with `examples`, has the last one asked about first if `guess` says so, and
    /// has `who` answer `drawing`, which with `none` may be none of the classes. One call at a time.
    ///
    /// # Shapes
    /// `drawing` [28, 28]
    ///
    /// # Errors
    /// The engine's words. Nothing of the document is lost: the next call shows again what is missing.
    pub async fn answer(
        &self,
        examples: &[Example],
        look: &dyn Fn(&Example) -> Picture,
        guess: bool,
        who: Answerer,
        none: bool,
        drawing: Option<&[f32]>,
    ) -> Result<Answer, WorkerError> {
        let shown = self.fitting(examples);
        let guess = guess && shown.last().map(|example| example.id) == examples.last().map(|example| example.id);
        let wanted = Wanted { examples: &shown, look, guess, none, who, drawing: drawing.unwrap_or_default() };
        let reply = match self.0.slot.follow(&wanted).await {
            Err(fault) if fault.crashed => {
                self.0.slot.reopen(&self.0.bytes).await?;
                self.0.slot.follow(&wanted).await?
            }
            other => other?,
        };
        let mut answer = Answer {
            probabilities: reply.probabilities().map(|all| all.to_vec()),
            none: reply.none().map(|none| none as f32),
            guess: reply.guess().map(|number| verdict(number as i8)),
            took_ms: reply.took_ms(),
            left_out: examples.len() - shown.len(),
            attention: None,
        };
        if let (Answerer::Learner, Some(importance)) = (who, reply.importance()) {
            let mut importance = importance.to_vec().into_iter();
            let mut ids = shown.iter().map(|example| example.id).peekable();
            // those that were left out lie between the others
            let of = |example: &Example| ids.next_if_eq(&example.id).and_then(|_| importance.next()).unwrap_or(0.0);
            answer.attention = Some(examples.iter().map(of).collect());
        }
        Ok(answer)
    }

    /// Takes in what was shown, so that the next answer comes soon. An answer to a drawing goes before it.
    pub async fn prepare(&self) -> Result<(), WorkerError> {
        self.0.slot.call(&Prepare).await.map(|_| ())
    }

    /// The same model in the worker where it delays nobody.
    async fn back(&self) -> Result<Rc<Slot>, WorkerError> {
        if let Some(back) = &*self.0.back.borrow() {
            return Ok(back.clone());
        }
        // on the engine that was found to be the faster one
        let wish = if self.engine().name == "CPU" { "cpu" } else { "webgpu" };
        let (slot, _) = Slot::open(&self.0.engines, Place::Back, wish, &self.0.bytes).await?;
        slot.set_drawings(self.0.drawings.get());
        let slot = Rc::new(slot);
        self.0.back.replace(Some(slot.clone()));
        Ok(slot)
    }

    /// A question in the back about examples, after the examples there were brought in step; its message is made of the
    /// places of `ids`.
    async fn in_back(
        &self,
        examples: &[Example],
        look: &dyn Fn(&Example) -> Picture,
        ids: &[Id],
        method: &str,
        message: &dyn Fn(&[u32]) -> Message,
    ) -> Result<JsValue, WorkerError> {
        let shown = self.fitting(examples);
        let place = |id: &Id| shown.iter().position(|example| example.id == *id).map(|at| at as u32);
        let places: Vec<u32> = ids.iter().filter_map(place).collect();
        let wanted = Wanted { examples: &shown, look, guess: false, none: false, who: Answerer::Learner, drawing: &[] };
        let back = self.back().await?;
        let ask = async || {
            back.follow(&wanted).await?;
            back.send(method, message(&places)).await
        };
        match ask().await {
            Err(fault) if fault.crashed => {
                back.reopen(&self.0.bytes).await?;
                ask().await
            }
            other => other,
        }
    }

    /// What `who` would have said of examples, each after those before it: a verdict for the first of `ids`, and for as
    /// many more as fit into `budget_ms`. It happens in the background.
    pub async fn review(
        &self,
        examples: &[Example],
        look: &dyn Fn(&Example) -> Picture,
        who: Answerer,
        ids: &[Id],
        budget_ms: f64,
    ) -> Result<Vec<Verdict>, WorkerError> {
        let review = |places: &[u32]| Review { answerer: who, places, budget_ms }.message();
        let reply = self.in_back(examples, look, ids, Review::METHOD, &review).await?;
        let reply: <Review<'_> as Request>::Reply = reply.unchecked_into();
        Ok(reply.verdicts().to_vec().into_iter().map(verdict).collect())
    }

    /// What the learner says of a drawing without the first of `ids`, without the second, and so on for as many as fit
    /// into `budget_ms`: `[C]` for each. It happens in the background.
    pub async fn without(
        &self,
        examples: &[Example],
        look: &dyn Fn(&Example) -> Picture,
        drawing: &[f32],
        ids: &[Id],
        budget_ms: f64,
    ) -> Result<Vec<Vec<f32>>, WorkerError> {
        let without = |places: &[u32]| Without { query: drawing, places, budget_ms }.message();
        let all = self.in_back(examples, look, ids, Without::METHOD, &without).await?;
        let all: <Without<'_> as Request>::Reply = all.unchecked_into();
        Ok(all.to_vec().chunks(self.0.card.classes).map(<[f32]>::to_vec).collect())
    }

    /// Ends what is done in the background, and gives its memory back.
    pub fn stop_back(&self) {
        self.0.engines.stop_back();
        self.0.back.replace(None);
    }

    /// What a learner says of `queries` that was shown `shown` and nothing else: the drawings on the page are neither
    /// asked nor touched. Many queries cost little more than one, and examples that the call before began with as well
    /// are not taken in anew.
    ///
    /// # Shapes
    /// `queries` `[Q, D]`, raw; the result `[Q, classes]`: probabilities over the labels shown, all alike before any was.
    ///
    /// # Errors
    /// Sizes that don't fit together, labels out of range, more examples or classes than the model takes; the engine.
    pub async fn ask(&self, shown: &Shown, queries: &[f32]) -> Result<Vec<f32>, WorkerError> {
        let size = [shown.height, shown.width, shown.channels].map(|side| side as u32);
        let (inputs, labels, classes) = (&shown.inputs, &shown.labels, shown.classes);
        let ask = Ask { size, inputs, labels, classes, queries };
        let answers = match self.0.slot.call(&ask).await {
            Err(fault) if fault.crashed => {
                self.0.slot.reopen(&self.0.bytes).await?;
                self.0.slot.call(&ask).await?
            }
            other => other?,
        };
        Ok(answers.to_vec())
    }

    /// Compares every kernel and both engines with their references, on this device and model: a report in JSON.
    /// Episodes of more than `longest` tokens are left out.
    pub async fn parity(&self, longest: u32) -> Result<String, WorkerError> {
        self.0.engines.parity(&self.0.bytes, longest).await
    }
}
