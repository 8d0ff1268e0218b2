//! What JavaScript sees. Errors are JavaScript's, with the words of ours.

use std::cell::RefCell;
use std::sync::Arc;

use js_sys::Promise;
use shaders::Model;
use shaders::gpu::Gpu;
use shaders::photo::{self, Ink, Look};
use shaders::pixels::{self, Stroke};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::future_to_promise;

use crate::controls::Who;
use crate::course::{Course, Size};
use crate::error::{Words, words};
use crate::learner::{Learner, Wanted};
use crate::trial::Trial;

impl From<Words> for JsValue {
    fn from(words: Words) -> Self {
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
async fn device() -> Result<Gpu, Words> {
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

/// THE preprocessing of a drawing.
///
/// `points`: x, y, x, y, … of all strokes; `ends`: for each stroke the number of points up to its end; `width` of the pen.
#[wasm_bindgen]
pub fn drawing(points: &[f32], ends: &[u32], width: f32) -> Result<Vec<f32>, JsValue> {
    let mut strokes = Vec::new();
    let mut from = 0;
    for &end in ends {
        let flat = points.get(2 * from..2 * end as usize);
        let flat = flat.ok_or_else(|| words(format!("expected {end} points, found {}", points.len() / 2)))?;
        strokes.push(Stroke { points: flat.chunks_exact(2).map(|point| [point[0], point[1]]).collect(), width });
        from = end as usize;
    }
    Ok(pixels::drawing(&strokes).map_err(Words::from)?)
}

/// What a learner sees of a picture, `[height, width, 4]`; see [`photo::drawing`]. `ink` is `auto`, `dark` or `light`, `look`
/// is `auto`, `drawing` or `photo`.
#[wasm_bindgen]
pub fn picture(rgba: &[u8], height: usize, width: usize, ink: &str, look: &str) -> Result<Vec<f32>, JsValue> {
    let ink = match ink {
        "dark" => Ink::Dark,
        "light" => Ink::Light,
        _ => Ink::Auto,
    };
    let look = match look {
        "drawing" => Look::Drawing,
        "photo" => Look::Photo,
        _ => Look::Auto,
    };
    Ok(photo::drawing(rgba, height, width, ink, look).map_err(Words::from)?)
}

/// A learner.
#[wasm_bindgen]
pub struct Core(Learner);

/// In the place of a verdict.
const UNASKED: f32 = -2.0;

fn answerer(number: u32) -> Result<Who, Words> {
    Who::of(number).ok_or_else(|| words(format!("nobody has number {number}")))
}

/// −1, 0, 1: no question, wrong, right.
fn verdict(guess: Option<bool>) -> f32 {
    guess.map_or(-1.0, |right| f32::from(u8::from(right)))
}

fn size(of: &[u32]) -> Result<Size, Words> {
    match of {
        &[h, w, c] => Ok((h as usize, w as usize, c as usize)),
        _ => Err(words(format!("expected height, width and channels, found {} numbers", of.len()))),
    }
}

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

    /// See [`Learner::follow`]. Gives milliseconds of the answer and a verdict about the last example, then C probabilities
    /// and N weights, or neither.
    #[allow(clippy::too_many_arguments)] // JavaScript's side of `Wanted`
    pub async fn follow(
        &mut self,
        of: Vec<u32>,
        drawings: bool,
        ids: Vec<u32>,
        labels: Vec<u32>,
        new: Vec<u32>,
        inputs: Vec<f32>,
        guess: bool,
        who: u32,
        query: Vec<f32>,
    ) -> Result<Vec<f32>, JsValue> {
        let (ids, labels, new, inputs, query) = (&ids[..], &labels[..], &new[..], &inputs[..], &query[..]);
        let who = answerer(who)?;
        let wanted = Wanted { size: size(&of)?, drawings, ids, labels, new, inputs, guess, who, query };
        let guess = self.0.arrange(&wanted).await?;
        let mut flat = vec![0.0, guess.map_or(UNASKED, verdict)];
        if !query.is_empty() {
            // apart, so that what is timed is the answer
            let start = now();
            let answer = self.0.answer(who, query).await?;
            flat[0] = (now() - start) as f32;
            flat.extend(answer.probabilities);
            flat.extend(answer.importance);
        }
        Ok(flat)
    }

    /// Takes in what was shown, so that the next answer comes soon.
    pub async fn prepare(&mut self) -> Result<(), JsValue> {
        match &mut self.0.table {
            Some(table) => Ok(table.prepare().await?),
            None => Ok(()),
        }
    }

    /// See [`Learner::review`]: verdicts for `budget` milliseconds, and at least one.
    pub async fn review(&mut self, who: u32, places: Vec<u32>, budget: f64) -> Result<Vec<f32>, JsValue> {
        let end = now() + budget;
        let verdicts = self.0.review(answerer(who)?, &places, || now() < end).await?;
        Ok(verdicts.into_iter().map(verdict).collect())
    }

    /// See [`Learner::without`]: C probabilities for each place, for `budget` milliseconds, and at least one.
    pub async fn without(&mut self, query: Vec<f32>, places: Vec<u32>, budget: f64) -> Result<Vec<f32>, JsValue> {
        let end = now() + budget;
        Ok(self.0.without(&query, &places, || now() < end).await?)
    }

    /// See [`Learner::ask`].
    pub async fn ask(
        &mut self,
        of: Vec<u32>,
        inputs: Vec<f32>,
        labels: Vec<u32>,
        classes: usize,
        queries: Vec<f32>,
    ) -> Result<Vec<f32>, JsValue> {
        Ok(self.0.ask(size(&of)?, &inputs, &labels, classes, &queries).await?)
    }

    /// Shows an example.
    pub async fn observe(&mut self, of: Vec<u32>, input: Vec<f32>, label: u32) -> Result<(), JsValue> {
        Ok(self.0.table(size(&of)?).await?.observe(&input, label)?)
    }

    /// Probability of each of `labels` labels, and how much each example mattered.
    pub async fn predict(&mut self, of: Vec<u32>, input: Vec<f32>, labels: usize) -> Result<Vec<f32>, JsValue> {
        let answer = self.0.table(size(&of)?).await?.answer(&input, labels).await?;
        let answer = answer.ok_or_else(|| words("nothing was shown yet: observe a few labelled examples first"))?;
        Ok([answer.probabilities, answer.importance].concat())
    }

    fn table(&mut self) -> Result<&mut Course, Words> {
        self.0.table.as_mut().ok_or_else(|| words("nothing was shown yet"))
    }

    /// Forgets an example.
    pub fn forget(&mut self, index: usize) -> Result<(), JsValue> {
        Ok(self.table()?.forget(index)?)
    }

    /// Gives an example another label.
    pub fn relabel(&mut self, index: usize, label: u32) -> Result<(), JsValue> {
        Ok(self.table()?.relabel(index, label)?)
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

    /// Height, width and channels of the examples.
    pub fn size(&self) -> Vec<u32> {
        self.0.table.as_ref().map_or_else(Vec::new, |table| {
            let (h, w, c) = table.size;
            [h, w, c].map(|side| side as u32).to_vec()
        })
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
    pub async fn restore(&mut self, of: Vec<u32>, names: Vec<u32>, bytes: Vec<u8>) -> Result<(), JsValue> {
        let mut course = Course::restore(self.0.model.clone(), size(&of)?, &names, &bytes)?;
        if self.0.gpu.is_some() {
            course.move_to(self.0.gpu.as_ref()).await?;
        }
        self.0.table = Some(course);
        Ok(())
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
                Some(gpu) => parity::kernels(gpu).await,
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
