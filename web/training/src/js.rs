//! What the worker's JavaScript sees of a run. Errors are JavaScript's, with words that begin small.

use backprop::causal::Part;
use js_sys::{Object, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;

#[cfg(feature = "gpu")]
use crate::on_gpu::Stopped;
use crate::run::{Drawings, Run};
use crate::settings::Settings;
#[cfg(feature = "bench")]
use crate::settings::{CLIP, LENGTH, WARM_UP};

fn fault(words: impl AsRef<str>) -> JsValue {
    js_sys::Error::new(words.as_ref()).into()
}

/// A run in the worker.
#[wasm_bindgen]
pub struct WorkerRun {
    run: Run,
    /// What groups of the next batch gave so far.
    part: Part,
    #[cfg(feature = "gpu")]
    gpu: Option<OnGpu>,
}

/// The GPU that takes a run's steps.
#[cfg(feature = "gpu")]
struct OnGpu {
    trainer: backprop_gpu::Trainer,
    name: String,
}

impl From<Run> for WorkerRun {
    fn from(run: Run) -> WorkerRun {
        WorkerRun {
            run,
            part: Part::default(),
            #[cfg(feature = "gpu")]
            gpu: None,
        }
    }
}

#[wasm_bindgen]
impl WorkerRun {
    /// A run before its first step: settings in JSON, drawings `[n, D₀]` and their classes `[n]`.
    #[wasm_bindgen(constructor)]
    pub fn new(settings: &str, inputs: Vec<f32>, labels: Vec<u32>) -> Result<WorkerRun, JsValue> {
        let settings: Settings = serde_json::from_str(settings).map_err(|error| fault(error.to_string()))?;
        let (settings, _) = settings.bounded();
        Run::new(settings, Drawings { inputs, labels }).map(WorkerRun::from).map_err(fault)
    }

    /// A run as it was kept.
    pub fn resume(bytes: &[u8]) -> Result<WorkerRun, JsValue> {
        Run::resume(bytes).map(WorkerRun::from).map_err(fault)
    }

    /// One step; gives the loss, or in its place the number of a step that was not finite and was not taken.
    pub fn advance(&mut self) -> Result<f64, f64> {
        self.run.advance().map_err(|error| error.step as f64)
    }

    /// How many groups the next batch is cut into, which can be computed by as many workers.
    pub fn groups(&self) -> usize {
        self.run.groups()
    }

    /// Steps done.
    #[wasm_bindgen(getter)]
    pub fn step(&self) -> f64 {
        self.run.step() as f64
    }

    /// The stage of the curriculum that it is in.
    #[wasm_bindgen(getter)]
    pub fn stage(&self) -> usize {
        self.run.stage()
    }

    /// The weights as they are.
    pub fn weights(&self) -> Vec<f32> {
        self.run.weights().to_vec()
    }

    /// Stands where another worker's run of the same settings stands.
    pub fn follow(&mut self, step: f64, stage: usize, weights: &[f32]) -> Result<(), JsValue> {
        self.run.follow(step as u64, stage, weights).map_err(fault)
    }

    /// Computes the groups `first..end` of the next batch, and forgets what was computed of it before.
    #[wasm_bindgen(js_name = computeGroups)]
    pub fn compute_groups(&mut self, first: usize, end: usize) {
        self.part = self.run.part(first..end);
    }

    /// The gradients of these groups, one after another.
    pub fn sums(&self) -> Vec<f32> {
        self.part.sums.concat()
    }

    /// Their losses and right answers, one after another.
    pub fn numbers(&self) -> Vec<f64> {
        self.part.numbers.concat()
    }

    /// Adds what another worker gives of `groups` that follow.
    #[wasm_bindgen(js_name = addGroups)]
    pub fn add_groups(&mut self, sums: &[f32], numbers: &[f64], groups: usize) -> Result<(), JsValue> {
        let [sum, number] = [sums.len(), numbers.len()].map(|length| length / groups.max(1));
        let own = (self.part.sums.first().map(Vec::len), self.part.numbers.first().map(Vec::len));
        if own != (Some(sum), Some(number)) || sums.len() != sum * groups {
            return Err(fault("a worker has computed another learner's gradient"));
        }
        self.part.sums.extend(sums.chunks_exact(sum).map(<[f32]>::to_vec));
        self.part.numbers.extend(numbers.chunks_exact(number).map(<[f64]>::to_vec));
        Ok(())
    }

    /// One step with all groups of its batch; gives what [`WorkerRun::advance`] gives.
    #[wasm_bindgen(js_name = advanceWithGroups)]
    pub fn advance_with_groups(&mut self) -> Result<f64, f64> {
        self.run.advance_with(std::mem::take(&mut self.part)).map_err(|error| error.step as f64)
    }

    /// Whether all steps are done.
    pub fn done(&self) -> bool {
        self.run.done()
    }

    /// Goes on to so many steps in all.
    pub fn extend(&mut self, steps: u32) {
        self.run.extend(u64::from(steps));
    }

    /// Its settings, in JSON.
    pub fn settings(&self) -> String {
        serde_json::to_string(self.run.settings()).expect("plain data")
    }

    /// What there is to say, in JSON, with the points from the `known`-th on.
    pub fn report(&self, known: usize) -> String {
        serde_json::to_string(&self.run.report(known)).expect("plain data")
    }

    /// The learner's file, and the command that trains it again: { bytes, toml }.
    pub fn file(&self) -> Object {
        let reply = Object::new();
        // a plain property of a fresh object is set without fail
        let _ = Reflect::set(&reply, &"bytes".into(), &Uint8Array::from(&self.run.file()[..]));
        let toml = self.run.settings().toml().map_or(JsValue::UNDEFINED, JsValue::from);
        let _ = Reflect::set(&reply, &"toml".into(), &toml);
        reply
    }

    /// All that a run needs to go on.
    pub fn checkpoint(&self) -> Vec<u8> {
        self.run.checkpoint()
    }
}

/// For `cargo xtask bench --training-page`, which gives weights and batches to other libraries.
#[cfg(feature = "bench")]
#[wasm_bindgen]
impl WorkerRun {
    /// What the learner and its steps are, in JSON: { model, tensors, tokens, rate, warmUp, clip, beta2, epsilon }; each of the
    /// `tensors` has { name, shape }, in the order of [`WorkerRun::weights`].
    pub fn spec(&self) -> String {
        let settings = self.run.settings();
        let (model, adam) = (settings.spec(), settings.adam(0));
        let tensor =
            |tensor: shaders::model::TensorSpec| serde_json::json!({ "name": tensor.name, "shape": tensor.shape });
        let tensors: Vec<_> = model.tensors().into_iter().map(tensor).collect();
        let (rate, beta_2, epsilon) = (settings.rate, f64::from(adam.beta_2), f64::from(adam.epsilon));
        serde_json::json!({
            "model": model, "tensors": tensors, "tokens": LENGTH, "rate": rate, "warmUp": WARM_UP, "clip": CLIP, "beta2": beta_2,
            "epsilon": epsilon,
        })
        .to_string()
    }

    /// Inputs of the next batch, `[B, T, X]`.
    #[wasm_bindgen(js_name = batchInputs)]
    pub fn batch_inputs(&self) -> Vec<f32> {
        self.run.batch().0
    }

    /// Labels of the next batch, `[B, T]`.
    #[wasm_bindgen(js_name = batchLabels)]
    pub fn batch_labels(&self) -> Vec<u32> {
        self.run.batch().1
    }

    /// One step on such a batch, without tasks or measurements; gives what [`WorkerRun::advance`] gives.
    #[wasm_bindgen(js_name = advanceOnBatch)]
    pub fn advance_on_batch(&mut self, inputs: &[f32], labels: &[u32]) -> Result<f64, f64> {
        self.run.advance_on_batch(inputs, labels).map_err(|error| error.step as f64)
    }
}

#[cfg(feature = "gpu")]
#[wasm_bindgen]
impl WorkerRun {
    /// Has a GPU take the steps from now on.
    #[wasm_bindgen(js_name = useGpu)]
    pub async fn use_gpu(&mut self) -> Result<(), JsValue> {
        let gpu = shaders::gpu::Gpu::new().await.map_err(|error| fault(error.to_string()))?;
        let trainer = self.run.trainer_on(&gpu).await.map_err(|error| fault(error.to_string()))?;
        self.gpu = Some(OnGpu { trainer, name: gpu.name().unwrap_or_else(|| "the GPU".into()) });
        Ok(())
    }

    /// The name of the GPU that takes the steps, as far as the browser reports it.
    #[wasm_bindgen(getter)]
    pub fn gpu(&self) -> Option<String> {
        self.gpu.as_ref().map(|gpu| gpu.name.clone())
    }

    /// Steps on the GPU, at most so many; gives how many. In its place the number of a step that was not finite: none of
    /// these steps was taken. Or an error, after which the CPU goes on from where it was.
    #[wasm_bindgen(js_name = advanceOnGpu)]
    pub async fn advance_on_gpu(&mut self, most: f64) -> Result<f64, JsValue> {
        let Some(gpu) = &mut self.gpu else { return Err(fault("no GPU is in use")) };
        match self.run.advance_on(&mut gpu.trainer, most as u64).await {
            Ok(taken) => Ok(taken as f64),
            Err(Stopped::NotFinite(error)) => Err((error.step as f64).into()),
            Err(Stopped::Gpu(error)) => {
                self.gpu = None;
                Err(fault(error.to_string()))
            }
        }
    }
}
