//! The learner on a device: weights uploaded once, keys and values cached there, one submission for up to
//! [`MOST_ROWS`] tokens or queries.

use std::collections::BTreeMap;

use super::{Caught, Gpu, PARAMS_STRIDE, caught};
use crate::cpu::label_code;
use crate::file::Model;
use crate::kernel;
use crate::plan::{self, Buffer, MOST_ROWS, Plan, Task};
use crate::session::{Attention, Context, SessionError};

/// A session on a GPU.
pub struct Session {
    /// The examples shown.
    pub context: Context,
    gpu: Gpu,
    plan: Plan,
    layers: usize,
    heads: usize,
    /// [`plan::blend`] of all layers, `[L, H]`.
    blend: Vec<f32>,
    /// Weights, scratch and cache.
    buffers: BTreeMap<Buffer, wgpu::Buffer>,
    /// Parameter blocks of one submission.
    params: wgpu::Buffer,
    /// Rows, slots and answers that there is room for.
    room: Room,
    /// Bind groups of the launches of token lists and of query lists: a list of a kind always binds the same
    /// buffers, until they grow.
    groups: [Vec<wgpu::BindGroup>; 2],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Room {
    rows: usize,
    slots: usize,
    answers: usize,
}

impl Session {
    /// Uploads the weights of `model` and opens an empty session.
    ///
    /// # Errors
    /// A device that is lost, out of memory, or too small for the model.
    pub async fn new(gpu: &Gpu, model: &Model) -> Result<Self, SessionError> {
        gpu.check()?;
        let mut weights: Vec<(Buffer, Vec<f32>)> = Vec::new();
        for layer in 0..model.spec.layers {
            weights.push((Buffer::Blend(layer), plan::blend(model, layer)));
            weights.push((Buffer::Scale(layer), plan::scale(model, layer)));
        }
        let tensors = model.spec.tensors();
        for tensor in &tensors {
            check_size(gpu, &format!("tensor {}", tensor.name), tensor.len())?;
        }
        let plan = Plan::new(&model.spec);
        let most = [
            plan.launches(Task::Tokens { first: 0, rows: 1 }).len(),
            plan.launches(Task::Queries { shown: 0, rows: 1, answers_first: 0, shares: true }).len(),
        ];
        let launches = most[0].max(most[1]) as u64;
        let ((buffers, params), errors) = caught(&gpu.device, || {
            let mut buffers: BTreeMap<Buffer, wgpu::Buffer> = BTreeMap::new();
            for (index, tensor) in tensors.iter().enumerate() {
                let values = bytemuck::cast_slice(model.tensor(&tensor.name));
                buffers.insert(Buffer::Tensor(index), gpu.upload(values));
            }
            for (buffer, values) in &weights {
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
            blend: (0..model.spec.layers).flat_map(|layer| plan::blend(model, layer)).collect(),
            buffers,
            params,
            room: Room::default(),
            groups: [Vec::new(), Vec::new()],
        })
    }

    /// Log-probabilities of every class for every query; see [`crate::session::Engine::predict`].
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
        self.ask(queries, count, false).await
    }

    /// Where one query looks.
    ///
    /// # Shapes
    /// `query` `[X]`.
    ///
    /// # Errors
    /// As [`Session::predict`].
    pub async fn attention(&mut self, query: &[f32]) -> Result<Attention, SessionError> {
        self.context.check_query(query)?;
        let weights = self.ask(query, 1, true).await?;
        let slots = self.context.len() + 1;
        Ok(Attention { layers: self.layers, heads: self.heads, slots, weights, blend: self.blend.clone() })
    }

    /// Brings the cache up to date, asks, and reads back the answers or the attention weights.
    async fn ask(&mut self, queries: &[f32], count: usize, shares: bool) -> Result<Vec<f32>, SessionError> {
        self.gpu.check()?;
        let shown = self.context.len();
        self.make_room(shown, count)?;
        let elements = match shares {
            true => self.layers * self.heads * (shown + 1),
            false => count * self.context.classes(),
        };
        let device = self.gpu.device.clone();
        let (staging, errors): (_, Caught) = caught(&device, || {
            self.grow();
            let mut first = self.context.ready;
            while first < shown {
                let rows = MOST_ROWS.min(shown - first);
                let labels: Vec<u32> =
                    (first..first + rows).map(|i| label_code(self.context.label_before(i))).collect();
                let inputs = self.context.inputs_of(first..first + rows).to_vec();
                self.submit(Task::Tokens { first, rows }, &inputs, &labels, None);
                first += rows;
            }
            let mut staging = None;
            for (index, inputs) in queries.chunks(MOST_ROWS * self.context.inputs()).enumerate() {
                let rows = inputs.len() / self.context.inputs();
                let labels = vec![label_code(self.context.label_before(shown)); rows];
                let task = Task::Queries { shown, rows, answers_first: index * MOST_ROWS, shares };
                let last = index * MOST_ROWS + rows == count;
                let wanted = if shares { Buffer::Shares } else { Buffer::Answers };
                staging = self.submit(task, inputs, &labels, last.then_some((wanted, elements)));
            }
            staging.expect("at least one query")
        });
        // Valid only once the device has said so: until then, and if this future is dropped, the cache is not trusted.
        self.context.ready = 0;
        self.gpu.settle(errors).await?;
        let bytes = self.gpu.read(&staging).await?;
        self.context.ready = shown;
        Ok(bytemuck::pod_collect_to_vec(&bytes[..elements * 4]))
    }

    /// Decides how much room is needed; the buffers themselves are made by [`Session::grow`].
    fn make_room(&mut self, slots: usize, count: usize) -> Result<(), SessionError> {
        let mut wanted = self.room;
        if slots > wanted.slots {
            // room to spare, since more examples are likely to follow; the new cache is empty
            wanted.slots = slots.next_power_of_two().max(64).min(self.context.capacity());
            self.context.ready = 0;
        }
        let rows = MOST_ROWS.min(count.max(slots - self.context.ready));
        wanted.rows = wanted.rows.max(rows.next_power_of_two());
        wanted.answers = wanted.answers.max(count.next_power_of_two());
        if wanted == self.room && self.buffers.contains_key(&Buffer::Hidden) {
            return Ok(());
        }
        for buffer in self.plan.buffers() {
            let elements = self.plan.elements(buffer, wanted.rows, wanted.slots, wanted.answers);
            check_size(&self.gpu, &format!("{buffer:?}"), elements)?;
        }
        for buffer in self.plan.buffers() {
            let before = self.plan.elements(buffer, self.room.rows, self.room.slots, self.room.answers);
            if self.plan.elements(buffer, wanted.rows, wanted.slots, wanted.answers) != before {
                self.buffers.remove(&buffer);
            }
        }
        self.room = wanted;
        self.groups = [Vec::new(), Vec::new()];
        Ok(())
    }

    /// Makes the buffers that are missing.
    fn grow(&mut self) {
        for buffer in self.plan.buffers() {
            let elements = self.plan.elements(buffer, self.room.rows, self.room.slots, self.room.answers);
            self.buffers.entry(buffer).or_insert_with(|| self.gpu.storage(elements as u64 * 4));
        }
    }

    /// Runs the launches of `task` in one submission, and then copies the wanted buffer's first elements for reading.
    fn submit(
        &mut self,
        task: Task,
        inputs: &[f32],
        labels: &[u32],
        wanted: Option<(Buffer, usize)>,
    ) -> Option<wgpu::Buffer> {
        let gpu = &self.gpu;
        gpu.queue.write_buffer(&self.buffers[&Buffer::Inputs], 0, bytemuck::cast_slice(inputs));
        gpu.queue.write_buffer(&self.buffers[&Buffer::Labels], 0, bytemuck::cast_slice(labels));
        let launches = self.plan.launches(task);
        let mut params = vec![0; launches.len() * PARAMS_STRIDE];
        for (block, launch) in params.chunks_exact_mut(PARAMS_STRIDE).zip(&launches) {
            let bytes = launch.step.params();
            block[..bytes.len()].copy_from_slice(bytes);
        }
        gpu.queue.write_buffer(&self.params, 0, &params);

        let kernels: Vec<usize> = launches
            .iter()
            .map(|launch| {
                let name = launch.step.kernel().name;
                kernel::ALL.iter().position(|other| other.name == name).expect("every kernel is registered")
            })
            .collect();
        let groups = &mut self.groups[usize::from(matches!(task, Task::Queries { .. }))];
        for (launch, &kernel) in launches.iter().zip(&kernels).skip(groups.len()) {
            let buffers: Vec<&wgpu::Buffer> = launch.buffers.iter().map(|buffer| &self.buffers[buffer]).collect();
            groups.push(gpu.bind(kernel, &self.params, &buffers));
        }
        let mut encoder = gpu.device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            for (index, (launch, &kernel)) in launches.iter().zip(&kernels).enumerate() {
                let [x, y, z] = launch.step.grid();
                pass.set_pipeline(&gpu.pipelines[kernel].pipeline);
                pass.set_bind_group(0, &groups[index], &[(index * PARAMS_STRIDE) as u32]);
                pass.dispatch_workgroups(x, y, z);
            }
        }
        let staging =
            wanted.map(|(buffer, elements)| gpu.stage(&mut encoder, &self.buffers[&buffer], elements as u64 * 4));
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
