//! The learner on a device: weights uploaded once, keys and values cached there, one submission for each [`Task`].

use std::collections::BTreeMap;

use super::device::{Caught, Gpu, PARAMS_STRIDE, caught};
use crate::kernel;
use crate::model::file::Model;
use crate::plan::buffer::{Buffer, Room};
use crate::plan::task::Task;
#[cfg(not(target_arch = "wasm32"))]
use crate::plan::turns;
use crate::plan::{Plan, weights};
use crate::session::attention::Attention;
use crate::session::context::Context;
use crate::session::error::SessionError;

/// A session on a GPU.
pub struct Session {
    /// The examples shown.
    pub context: Context,
    gpu: Gpu,
    plan: Plan,
    layers: usize,
    heads: usize,
    /// [`weights::blend`] of all layers, `[L, H]`.
    blend: Vec<f32>,
    /// Weights, scratch and cache.
    buffers: BTreeMap<Buffer, wgpu::Buffer>,
    /// Parameter blocks of one submission.
    params: wgpu::Buffer,
    /// What there is room for.
    capacity: Room,
    /// Bind groups by kernel and buffers, until buffers grow.
    groups: BTreeMap<(usize, Vec<Buffer>), wgpu::BindGroup>,
}

impl Session {
    /// Uploads the weights of `model` and opens an empty session.
    ///
    /// # Errors
    /// A device that is lost, out of memory, or too small for the model.
    pub async fn new(gpu: &Gpu, model: &Model) -> Result<Self, SessionError> {
        gpu.prepare(&model.spec).await?;
        let derived = weights::derived(model);
        let tensors = model.spec.tensors();
        for tensor in &tensors {
            check_size(gpu, &format!("tensor {}", tensor.name), tensor.len())?;
        }
        let plan = Plan::new(&model.spec);
        let launches = plan.most_launches() as u64;
        let ((buffers, params), errors) = caught(&gpu.device, || {
            let mut buffers: BTreeMap<Buffer, wgpu::Buffer> = BTreeMap::new();
            for (index, tensor) in tensors.iter().enumerate() {
                let values = bytemuck::cast_slice(model.tensor(&tensor.name));
                buffers.insert(Buffer::Tensor(index), gpu.upload(values));
            }
            for (buffer, values) in &derived {
                buffers.insert(*buffer, gpu.upload(bytemuck::cast_slice(values)));
            }
            let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
            (buffers, gpu.buffer(launches * PARAMS_STRIDE as u64, usage))
        });
        gpu.settle(errors).await?;
        Ok(Session {
            context: Context::new(model),
            gpu: gpu.clone(),
            plan,
            layers: model.spec.layers,
            heads: model.spec.heads,
            blend: (0..model.spec.layers).flat_map(|layer| weights::blend(model, layer)).collect(),
            buffers,
            params,
            capacity: Room::default(),
            groups: BTreeMap::new(),
        })
    }

    /// Log-probabilities of every class for every query; see [`crate::engine::Engine::predict`].
    ///
    /// # Shapes
    /// `queries` `[Q, X]`; the result `[Q, C]`.
    ///
    /// # Errors
    /// Queries of a wrong length or not finite; a device that is lost or failed.
    pub async fn predict(&mut self, queries: &[f32]) -> Result<Vec<f32>, SessionError> {
        let count = self.context.check_inputs(queries)?;
        if count == 0 {
            return Ok(Vec::new());
        }
        let answers = self.ask(queries, count, false).await?;
        Ok(self.context.pad_classes(&answers))
    }

    /// The answer to one query, and where that looked; see [`crate::engine::Engine::predict_with_attention`].
    ///
    /// # Shapes
    /// `query` `[X]`; log-probabilities `[C]`.
    ///
    /// # Errors
    /// As [`Session::predict`].
    pub async fn predict_with_attention(&mut self, query: &[f32]) -> Result<(Vec<f32>, Attention), SessionError> {
        self.context.check_query(query)?;
        let (classes, slots) = (self.context.classes_in_use(), self.context.len() + 1);
        let mut answers = self.ask(query, 1, true).await?;
        let mut weights = answers.split_off(classes);
        let alpha = weights.split_off(self.layers * self.heads * slots);
        let (layers, heads, blend) = (self.layers, self.heads, self.blend.clone());
        Ok((self.context.pad_classes(&answers), Attention { layers, heads, slots, weights, blend, alpha }))
    }

    /// Brings the cache up to date, asks, and reads back the answers, and with `weights` after them the attention weights
    /// and the α of each ridge.
    async fn ask(&mut self, queries: &[f32], count: usize, weights: bool) -> Result<Vec<f32>, SessionError> {
        self.gpu.check()?;
        let shown = self.context.len();
        let tasks = self.make_room(shown, count, weights)?;
        #[cfg(not(target_arch = "wasm32"))]
        self.check_turns(&tasks)?;
        let mut wanted = vec![(Buffer::Answers, count * self.context.classes_in_use())];
        if weights {
            wanted.push((Buffer::AttentionWeights, self.layers * self.heads * (shown + 1)));
            wanted.push((Buffer::Alpha, self.plan.ridges() * shown));
            wanted.retain(|(_, elements)| *elements > 0);
        }
        let elements: usize = wanted.iter().map(|(_, elements)| elements).sum();
        let device = self.gpu.device.clone();
        let (staging, errors): (_, Caught) = caught(&device, || {
            self.grow();
            let mut staging = None;
            for (index, &task) in tasks.iter().enumerate() {
                let last = index + 1 == tasks.len();
                staging = self.submit(task, queries, if last { &wanted } else { &[] });
            }
            staging.expect("at least one query")
        });
        // Valid only once the device has said so: until then, and if this future is dropped, the cache is not trusted.
        self.context.invalidate_all();
        self.gpu.settle(errors).await?;
        let bytes = self.gpu.read(&staging).await?;
        self.context.mark_cached();
        Ok(bytemuck::pod_collect_to_vec(&bytes[..elements * 4]))
    }

    /// What is to be done, and room for it; the buffers themselves are made by [`Session::grow`].
    fn make_room(&mut self, slots: usize, count: usize, weights: bool) -> Result<Vec<Task>, SessionError> {
        let mut wanted = self.capacity;
        if slots > wanted.slots {
            // room to spare, since more examples are likely to follow; the new cache is empty
            wanted.slots = slots.next_power_of_two().max(64).min(self.context.capacity());
            self.context.invalidate_all();
        }
        // other classes in use have made the tokens stale already, and the inputs' buffers stay
        wanted.classes = wanted.classes.max(self.context.classes_in_use());
        let tasks = self.plan.tasks(&self.context, count, weights);
        let rows = tasks.iter().map(Task::rows).max().unwrap_or(1);
        wanted.rows = wanted.rows.max(rows.next_power_of_two());
        wanted.answers = wanted.answers.max(count.next_power_of_two());
        if wanted == self.capacity && self.buffers.contains_key(&Buffer::Hidden) {
            return Ok(tasks);
        }
        for buffer in self.plan.buffers() {
            let elements = self.plan.elements(buffer, wanted);
            check_size(&self.gpu, &format!("{buffer:?}"), elements)?;
        }
        for buffer in self.plan.buffers() {
            let before = self.plan.elements(buffer, self.capacity);
            if self.plan.elements(buffer, wanted) != before {
                self.buffers.remove(&buffer);
            }
        }
        self.capacity = wanted;
        self.groups.clear();
        Ok(tasks)
    }

    /// Whether the adapter stays in its loops to their end.
    #[cfg(not(target_arch = "wasm32"))]
    fn check_turns(&self, tasks: &[Task]) -> Result<(), SessionError> {
        let launches = tasks.iter().flat_map(|&task| self.plan.launches(task, self.context.options()));
        self.gpu.check_turns(launches.map(|launch| (turns::turns(&launch.step), launch.step.kernel().name)))
    }

    /// Makes the buffers that are missing.
    fn grow(&mut self) {
        for buffer in self.plan.buffers() {
            let elements = self.plan.elements(buffer, self.capacity);
            self.buffers.entry(buffer).or_insert_with(|| self.gpu.storage(elements as u64 * 4));
        }
    }

    /// Runs the launches of `task` in one submission, and then copies the first elements of the wanted buffers, one after
    /// another, for reading.
    fn submit(&mut self, task: Task, queries: &[f32], wanted: &[(Buffer, usize)]) -> Option<wgpu::Buffer> {
        let gpu = &self.gpu;
        let inputs = bytemuck::cast_slice(task.inputs(&self.context, queries));
        for (buffer, first) in self.plan.takes_inputs(task) {
            gpu.queue.write_buffer(&self.buffers[&buffer], first as u64 * 4, inputs);
        }
        if let Some(labels) = task.labels(&self.context) {
            gpu.queue.write_buffer(&self.buffers[&Buffer::Labels], 0, bytemuck::cast_slice(&labels));
        }
        let launches = self.plan.launches(task, self.context.options());
        let mut params = vec![0; launches.len() * PARAMS_STRIDE];
        for (block, launch) in params.chunks_exact_mut(PARAMS_STRIDE).zip(&launches) {
            let bytes = launch.step.params();
            block[..bytes.len()].copy_from_slice(bytes);
        }
        gpu.queue.write_buffer(&self.params, 0, &params);

        let keys: Vec<(usize, Vec<Buffer>)> =
            launches.iter().map(|launch| (kernel::index(launch.step.kernel()), launch.buffers.clone())).collect();
        for key in &keys {
            if !self.groups.contains_key(key) {
                let buffers: Vec<&wgpu::Buffer> = key.1.iter().map(|buffer| &self.buffers[buffer]).collect();
                self.groups.insert(key.clone(), gpu.bind(gpu.pipeline(key.0), &self.params, &buffers));
            }
        }
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            for (index, (launch, key)) in launches.iter().zip(&keys).enumerate() {
                let [x, y, z] = launch.step.grid();
                pass.set_pipeline(&gpu.pipeline(key.0).pipeline);
                pass.set_bind_group(0, &self.groups[key], &[(index * PARAMS_STRIDE) as u32]);
                pass.dispatch_workgroups(x, y, z);
            }
        }
        let parts: Vec<_> = wanted.iter().map(|(buffer, n)| (&self.buffers[buffer], *n as u64 * 4)).collect();
        let staging = (!parts.is_empty()).then(|| gpu.stage(&mut encoder, &parts));
        gpu.queue.submit([encoder.finish()]);
        staging
    }
}

/// Checks that `elements` values of f32 fit into one buffer.
fn check_size(gpu: &Gpu, what: &str, elements: usize) -> Result<(), SessionError> {
    let limits = gpu.device.limits();
    let limit = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
    let needed = elements as u64 * 4;
    if needed > limit {
        return Err(SessionError::TooLarge { what: what.to_owned(), needed, limit });
    }
    Ok(())
}
