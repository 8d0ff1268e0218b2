//! What JavaScript sees. Errors are JavaScript's, with the words of ours.

use std::cell::RefCell;
use std::sync::Arc;

use js_sys::Promise;
use shaders::Model;
use shaders::gpu::Gpu;
use shaders::input::photo::{self, Ink, Look};
use shaders::input::pixels::{self, Stroke};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

use crate::error::{EngineError, words};
use crate::labelled_session::LabelledSession;
use crate::learner::{Learner, Wanted};
use crate::messages::*;
use crate::trial::Trial;

impl From<EngineError> for JsValue {
    fn from(words: EngineError) -> Self {
        // A sentence: libraries' words begin small.
        let mut letters = words.said.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase().to_string()).unwrap_or_default();
        let error = js_sys::Error::new(&(first + letters.as_str()));
        // A plain property of a fresh object is set without fail.
        let _ = js_sys::Reflect::set(&error, &"device".into(), &words.device.into());
        error.into()
    }
}

thread_local! {
    /// The device that all learners share.
    static DEVICE: RefCell<Option<Gpu>> = const { RefCell::new(None) };
}

/// The device, opened at the first call, or again after it was lost.
async fn device() -> Result<Gpu, EngineError> {
    if let Some(gpu) = DEVICE.with_borrow(Clone::clone).filter(|gpu| gpu.lost().is_none()) {
        return Ok(gpu);
    }
    let gpu = Gpu::new().await?;
    DEVICE.set(Some(gpu.clone()));
    Ok(gpu)
}

/// Destroys the device, to see what happens then; false where there is none.
#[wasm_bindgen]
pub fn destroy() -> bool {
    DEVICE.with_borrow(|gpu| gpu.as_ref().map(Gpu::destroy)).is_some()
}

/// The one preprocessing of a drawing. `points`: x, y, x, y, … of all strokes; `ends`: for each stroke the number of points up
/// to its end; `width` of the pen.
#[wasm_bindgen]
pub fn drawing(request: DrawingRequest) -> Result<Vec<f32>, JsValue> {
    let (points, width) = (request.points(), request.width());
    let mut strokes = Vec::new();
    let mut from = 0;
    for end in request.ends() {
        let flat = points.get(2 * from..2 * end as usize);
        let flat = flat.ok_or_else(|| words(format!("expected {end} points, found {}", points.len() / 2)))?;
        strokes.push(Stroke { points: flat.chunks_exact(2).map(|point| [point[0], point[1]]).collect(), width });
        from = end as usize;
    }
    Ok(pixels::drawing(&strokes).map_err(EngineError::from)?)
}

/// What a learner sees of a picture, `[height, width, 4]`; see [`photo::drawing`]. `ink` is `auto`, `dark` or `light`, `look`
/// is `auto`, `drawing` or `photo`.
#[wasm_bindgen]
pub fn picture(request: PictureRequest) -> Result<Vec<f32>, JsValue> {
    let ink = match request.ink().as_str() {
        "dark" => Ink::Dark,
        "light" => Ink::Light,
        _ => Ink::Auto,
    };
    let look = match request.look().as_str() {
        "drawing" => Look::Drawing,
        "photo" => Look::Photo,
        _ => Look::Auto,
    };
    Ok(photo::drawing(&request.rgba(), request.height(), request.width(), ink, look).map_err(EngineError::from)?)
}

/// A learner.
#[wasm_bindgen]
pub struct Core(Learner);

#[wasm_bindgen]
impl Core {
    /// Reads a model file.
    #[wasm_bindgen(constructor)]
    pub fn new(bytes: &[u8]) -> Result<Core, JsValue> {
        Ok(Core(Learner::open(bytes)?))
    }

    /// What the file says, as JSON.
    pub fn card(&self) -> String {
        self.0.card()
    }

    /// For timing engines, whatever the learner is doing meanwhile.
    pub fn timer(&self) -> Timer {
        Timer(self.0.model.clone())
    }

    /// See [`Learner::set_outsiders`].
    #[wasm_bindgen(js_name = setOutsiders)]
    pub fn set_outsiders(&mut self, outsiders: bool) -> Result<(), JsValue> {
        Ok(self.0.set_outsiders(outsiders)?)
    }

    /// Moves everything to WebGPU or to the CPU.
    #[wasm_bindgen(js_name = moveTo)]
    pub async fn move_to(&mut self, gpu: bool) -> Result<(), JsValue> {
        let gpu = if gpu { Some(device().await?) } else { None };
        Ok(self.0.move_to(gpu).await?)
    }

    /// Why the device in use was lost, once it was.
    pub fn lost(&self) -> Option<String> {
        self.0.gpu.as_ref().and_then(Gpu::lost)
    }

    /// Brings the examples in step with those wanted and has a drawing answered; see [`Learner::arrange`] and
    /// [`Learner::answer`].
    pub async fn follow(&mut self, request: FollowRequest) -> Result<AnswerReply, JsValue> {
        let who = answerer(&request.answerer())?;
        let query = request.query();
        let guess = self
            .0
            .arrange(&Wanted {
                size: size(&request.size())?,
                drawings: request.drawings(),
                outsiders: request.none(),
                ids: &request.ids(),
                labels: &request.labels(),
                new: &request.fresh(),
                inputs: &request.inputs(),
                guess: request.guess(),
            })
            .await?;
        let reply = AnswerReply::empty();
        if let Some(guess) = guess {
            reply.set_guess(verdict(guess));
        }
        if !query.is_empty() {
            // apart, so that what is timed is the answer
            let start = now();
            if let Some(answer) = self.0.answer(who, &query).await? {
                reply.set_took_ms(now() - start);
                reply.answer(&answer);
            }
        }
        Ok(reply)
    }

    /// Takes in what was shown, so that the next answer comes soon.
    pub async fn prepare(&mut self) -> Result<(), JsValue> {
        match &mut self.0.table {
            Some(table) => Ok(table.prepare().await?),
            None => Ok(()),
        }
    }

    /// See [`Learner::review`]: verdicts for `budgetMs`, and at least one.
    pub async fn review(&mut self, request: ReviewRequest) -> Result<ReviewReply, JsValue> {
        let end = now() + request.budget_ms();
        let who = answerer(&request.answerer())?;
        Ok(ReviewReply::new(&self.0.review(who, &request.places(), || now() < end).await?))
    }

    /// See [`Learner::without`]: C probabilities for each place, for `budgetMs`, and at least one.
    pub async fn without(&mut self, request: WithoutRequest) -> Result<Vec<f32>, JsValue> {
        let end = now() + request.budget_ms();
        Ok(self.0.without(&request.query(), &request.places(), || now() < end).await?)
    }

    /// See [`Learner::ask`].
    pub async fn ask(&mut self, request: AskRequest) -> Result<Vec<f32>, JsValue> {
        let size = size(&request.size())?;
        let (inputs, labels, queries) = (request.inputs(), request.labels(), request.queries());
        Ok(self.0.ask(size, &inputs, &labels, request.classes(), &queries).await?)
    }

    /// Shows an example.
    pub async fn observe(&mut self, request: ObserveRequest) -> Result<(), JsValue> {
        Ok(self.0.table(size(&request.size())?).await?.observe(&request.input(), request.label())?)
    }

    /// Probability of each of `labels` labels, and how much each example mattered.
    pub async fn predict(&mut self, request: PredictRequest) -> Result<AnswerReply, JsValue> {
        let table = self.0.table(size(&request.size())?).await?;
        let answer = table.answer(&request.input(), request.labels()).await?;
        let answer = answer.ok_or_else(|| words("nothing was shown yet: observe a few labelled examples first"))?;
        Ok(AnswerReply::new(&answer))
    }

    fn table(&mut self) -> Result<&mut LabelledSession, EngineError> {
        self.0.table.as_mut().ok_or_else(|| words("nothing was shown yet"))
    }

    /// Forgets an example.
    pub fn forget(&mut self, request: ExampleRequest) -> Result<(), JsValue> {
        Ok(self.table()?.forget(request.index())?)
    }

    /// Gives an example another label.
    pub fn relabel(&mut self, request: ExampleRequest) -> Result<(), JsValue> {
        Ok(self.table()?.relabel(request.index(), request.label())?)
    }

    /// Forgets everything. The session stays, for opening one takes longer than to teach it: weights are copied and hashed.
    pub fn clear(&mut self) {
        if self.0.table.as_mut().is_some_and(|table| table.rewind(0).is_err()) {
            self.0.table = None;
        }
    }

    /// Labels shown.
    pub fn labels(&self) -> Vec<u32> {
        self.0.table.as_ref().map_or_else(Vec::new, |table| table.labels.clone())
    }

    /// Label of each class of the saved state.
    pub fn names(&self) -> Vec<u32> {
        self.0.table.as_ref().map_or_else(Vec::new, |table| table.names.clone())
    }

    /// What was shown, as bytes.
    pub fn save(&mut self) -> Result<Vec<u8>, JsValue> {
        Ok(self.table()?.save())
    }

    /// Takes back what was saved; after an error everything is as it was.
    pub async fn restore(&mut self, request: RestoreRequest) -> Result<(), JsValue> {
        let size = size(&request.size())?;
        Ok(self.0.restore(size, &request.names(), &request.state()).await?)
    }

    /// Compares every kernel and both engines with their references on this model; a report in JSON. Episodes longer than
    /// `longest` are left out.
    #[cfg(feature = "parity")]
    pub fn parity(&self, gpu: bool, longest: usize) -> Promise {
        use shaders::parity;
        let model = self.0.model.clone();
        future_to_promise(async move {
            let gpu = if gpu { Some(device().await?) } else { None };
            let mut reports = match &gpu {
                Some(gpu) => {
                    let mut reports = parity::kernels(gpu).await;
                    // those of training steps
                    reports.extend(backprop_gpu::parity::kernels(gpu).await.map_err(EngineError::from)?);
                    reports
                }
                None => Vec::new(),
            };
            let lengths: Vec<usize> = parity::LENGTHS.into_iter().filter(|length| *length <= longest).collect();
            reports.extend(parity::sessions(gpu.as_ref(), &model, 0, &lengths).await);
            let checks: Vec<serde_json::Value> = reports
                .iter()
                .map(|report| {
                    serde_json::json!({
                        "name": format!("{}, {}", report.name, report.case),
                        "worst": report.worst.map(|worst| worst.difference),
                        "tolerance": report.tolerance,
                        "passed": report.ok,
                        "words": report.to_string(),
                    })
                })
                .collect();
            let passed = !reports.is_empty() && reports.iter().all(|report| report.ok);
            let engine = if gpu.is_some() { "WebGPU" } else { "CPU" };
            let report =
                serde_json::json!({ "passed": passed, "engine": engine, "model": model.hash(), "checks": checks });
            Ok(report.to_string().into())
        })
    }
}

/// Times engines on a table of no meaning, beside the learner.
#[wasm_bindgen]
pub struct Timer(Arc<Model>);

#[wasm_bindgen]
impl Timer {
    /// Milliseconds that teaching an example and asking about the next take on an engine: the best of a few rounds on a
    /// table of no meaning, after one that does not count. Rounds beyond `enough` ms are not repeated.
    pub fn time(&self, gpu: bool, enough: f64) -> Promise {
        let model = self.0.clone();
        future_to_promise(async move {
            let gpu = if gpu { Some(device().await?) } else { None };
            let mut trial = Trial::start(model, gpu).await?;
            let mut best = f64::INFINITY;
            for _ in 0..3 {
                let start = now();
                trial.round().await?;
                best = best.min(now() - start);
                if best > enough {
                    break;
                }
            }
            Ok(best.into())
        })
    }
}

#[wasm_bindgen]
extern "C" {
    /// The worker's clock, or the page's, in milliseconds.
    #[wasm_bindgen(js_namespace = performance)]
    fn now() -> f64;
}
