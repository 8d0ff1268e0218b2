//! A causal learner in training on a device. A step is one submission; its numbers come when the device is done with it.

use std::collections::{BTreeMap, VecDeque};

use backprop::muon::{FRESH, MOMENTUM, matrices, step_size};
use backprop::{AdamW, Layout, State};
use shaders::gpu::Gpu;
use shaders::gpu::device::{PARAMS_STRIDE, Pipeline, Promise, caught, compile, promise};
use shaders::model::spec::ModelSpec;
use shaders::session::SessionError;

use crate::error::StepError;
use crate::kernel::{self, adamw, muon_momentum, muon_step};
use crate::plan::buffer::{Buffer, Group};
#[cfg(not(target_arch = "wasm32"))]
use crate::plan::turns;
use crate::plan::{Changing, Plan, muon};

/// Decay of the first moment, as in [`backprop`].
const BETA_1: f32 = 0.9;

/// Steps whose numbers are on their way; one more, and the oldest is waited for, so that a program never runs far ahead of
/// its device.
const MOST_READINGS: usize = 3;

/// Most bytes for the shares of the gradient.
const MOST_SHARES: u64 = 1 << 28;

/// B sequences of T examples.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// `[B, T, X]`
    pub inputs: &'a [f32],
    /// `[B, T]`
    pub labels: &'a [u32],
    /// T
    pub tokens: usize,
}

/// How a step moves the weights.
pub struct Update<'a> {
    /// Learning rate, decays and ε.
    pub adam: &'a AdamW,
    /// Whether Muon moves the matrices inside layers, with the learning rate of `adam`.
    pub muon: bool,
    /// Largest norm of the gradient, to which longer ones are cut; 0 is for no limit.
    pub clip: f64,
    /// Decay of the weights' running average.
    pub ema_decay: f64,
}

/// What a step gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Numbers {
    /// Which step, counted from 0 since the learner was made or loaded.
    pub step: u64,
    /// Mean cross-entropy in nats.
    pub loss: f64,
    /// Norm of the gradient, before it was cut.
    pub norm: f64,
    /// Right answers of the whole batch at each position, `[T]`.
    pub right: Vec<f64>,
}

impl Numbers {
    /// Whether loss and norm are finite. If not, the step was not taken: weights, average and moments stayed, and only the
    /// count of steps went on.
    pub fn finite(&self) -> bool {
        self.loss.is_finite() && self.norm.is_finite()
    }
}

/// What is made for batches of one shape.
struct Prepared {
    shape: [usize; 2],
    muon: bool,
    plan: Plan,
    /// Those that do not last.
    buffers: BTreeMap<Buffer, wgpu::Buffer>,
    /// Parameter blocks of all launches.
    params: wgpu::Buffer,
    /// Bind groups of all launches.
    groups: Vec<wgpu::BindGroup>,
}

/// Numbers on their way from the device.
struct Reading {
    step: u64,
    staging: wgpu::Buffer,
    submission: wgpu::SubmissionIndex,
    mapped: Promise<Result<(), wgpu::BufferAsyncError>>,
}

/// A causal learner in training.
pub struct Trainer {
    gpu: Gpu,
    spec: ModelSpec,
    total: usize,
    /// In the order of [`kernel::ALL`].
    pipelines: Vec<Pipeline>,
    /// Weights, average, moments and gradient.
    lasting: BTreeMap<Buffer, wgpu::Buffer>,
    prepared: Option<Prepared>,
    /// Steps that AdamW made with what is no matrix inside a layer.
    times: usize,
    /// Steps that AdamW or Muon made with those matrices.
    matrix_times: usize,
    /// Which tensors are such matrices.
    by_muon: Vec<bool>,
    /// Steps since the learner was made or loaded.
    steps: u64,
    readings: VecDeque<Reading>,
    /// Numbers that came while a step waited.
    done: Vec<Numbers>,
}

impl Trainer {
    /// Compiles the kernels, and makes room for a learner, which is all 0 until it is loaded.
    ///
    /// # Errors
    /// A set learner; a device that is lost, too small or fails.
    pub async fn new(gpu: &Gpu, spec: &ModelSpec) -> Result<Trainer, StepError> {
        if spec.equivariant.is_some() {
            return Err(StepError::NotCausal);
        }
        let total = Layout::new(spec).total;
        check("the learner's weights", total as u64 * 4, binding_limit(gpu))?;
        let ((pipelines, lasting), errors) = caught(&gpu.device, || {
            let pipelines = kernel::ALL.iter().map(|&kernel| compile(&gpu.device, kernel)).collect();
            let lasting = [Buffer::Weights, Buffer::Average, Buffer::First, Buffer::Second, Buffer::Gradient];
            let lasting = lasting.map(|buffer| (buffer, gpu.storage(total as u64 * 4)));
            (pipelines, BTreeMap::from(lasting))
        });
        gpu.settle(errors).await?;
        Ok(Trainer {
            gpu: gpu.clone(),
            spec: spec.clone(),
            total,
            pipelines,
            lasting,
            prepared: None,
            times: 0,
            matrix_times: 0,
            by_muon: matrices(spec).iter().map(Option::is_some).collect(),
            steps: 0,
            readings: VecDeque::new(),
            done: Vec::new(),
        })
    }

    /// Takes weights, average and moments. Numbers that were on their way are forgotten.
    ///
    /// # Errors
    /// A state of another learner, or with tensors that made different numbers of steps.
    pub fn load(&mut self, state: &State) -> Result<(), StepError> {
        if state.weights.len() != self.total {
            return Err(StepError::State("this one is of another learner"));
        }
        let times = self.times_of(state, false)?;
        let matrix_times = self.times_of(state, true)?;
        let moments = &state.moments;
        let parts = [
            (Buffer::Weights, &state.weights),
            (Buffer::Average, &state.average),
            (Buffer::First, &moments.first),
            (Buffer::Second, &moments.second),
        ];
        for (buffer, values) in parts {
            self.gpu.queue.write_buffer(&self.lasting[&buffer], 0, bytemuck::cast_slice(values));
        }
        (self.times, self.matrix_times, self.steps) = (times, matrix_times, 0);
        self.readings.clear();
        self.done.clear();
        Ok(())
    }

    /// Hands weights, average and moments over, once the device has done every step.
    ///
    /// # Errors
    /// A device that is lost or failed.
    pub async fn save(&self, state: &mut State) -> Result<(), StepError> {
        let parts = [Buffer::Weights, Buffer::Average, Buffer::First, Buffer::Second];
        let values = self.read(&parts.map(|buffer| (&self.lasting[&buffer], self.total))).await?;
        let [weights, average, first, second] = values.try_into().expect("four parts");
        (state.weights, state.average) = (weights, average);
        (state.moments.first, state.moments.second) = (first, second);
        for (time, by_muon) in state.moments.times.iter_mut().zip(&self.by_muon) {
            *time = if *by_muon { self.matrix_times } else { self.times };
        }
        Ok(())
    }

    /// Takes one step. With `read` its numbers come later: [`Trainer::arrived`]. Nothing waits for the device, unless more
    /// numbers are on their way than a few.
    ///
    /// # Errors
    /// A batch that the learner cannot take; a device that is lost, too small or failed.
    pub async fn step(&mut self, batch: Batch<'_>, update: &Update<'_>, read: bool) -> Result<(), StepError> {
        if !update.muon && self.times != self.matrix_times {
            return Err(StepError::State("some of this one's were made by Muon, and AdamW is to go on"));
        }
        self.prepare(batch, update.muon).await?;
        let first = self.matrix_times == 0;
        (self.times, self.matrix_times) = (self.times + 1, self.matrix_times + 1);
        let prepared = self.prepared.as_ref().expect("just prepared");
        for &(launch, changing) in &prepared.plan.changing {
            let params = match changing {
                Changing::AdamW => bytemuck::bytes_of(&self.adam(update)).to_vec(),
                Changing::Momentum(group) => bytemuck::bytes_of(&momentum(group, update, first)).to_vec(),
                Changing::Muon(group) => bytemuck::bytes_of(&muon_move(group, update)).to_vec(),
            };
            self.gpu.queue.write_buffer(&prepared.params, (launch * PARAMS_STRIDE) as u64, &params);
        }
        let all = prepared.plan.launches.len();
        let numbers = [(&prepared.buffers[&Buffer::Numbers], Buffer::Numbers.len(&prepared.plan.sizes) * 4)];
        let (submission, staging) = self.submit(prepared, all, if read { &numbers } else { &[] });
        if let Some(staging) = staging {
            let (sender, mapped) = promise();
            staging.map_async(wgpu::MapMode::Read, .., move |result| sender.keep(result));
            self.readings.push_back(Reading { step: self.steps, staging, submission, mapped });
        }
        self.steps += 1;
        while self.readings.len() > MOST_READINGS {
            let oldest = self.oldest().await?;
            self.done.extend(oldest);
        }
        Ok(self.gpu.check()?)
    }

    /// Numbers of steps that have arrived and were not given yet, oldest first.
    ///
    /// # Errors
    /// A device that is lost or failed.
    pub fn arrived(&mut self) -> Result<Vec<Numbers>, StepError> {
        // in the browser this does nothing, and the event loop calls back; an error would mean that nothing ever arrives
        self.gpu.device.poll(wgpu::PollType::Poll).map_err(failed)?;
        self.gpu.check()?;
        let mut all = std::mem::take(&mut self.done);
        while let Some(mapped) = self.readings.front().and_then(|reading| reading.mapped.take()) {
            let Reading { step, staging, .. } = self.readings.pop_front().expect("just seen");
            all.push(numbers(step, &staging, mapped)?);
        }
        Ok(all)
    }

    /// Waits for every step, and gives the numbers that were not given yet.
    ///
    /// # Errors
    /// A device that is lost or failed.
    pub async fn finish(&mut self) -> Result<Vec<Numbers>, StepError> {
        let mut all = std::mem::take(&mut self.done);
        while let Some(oldest) = self.oldest().await? {
            all.push(oldest);
        }
        Ok(all)
    }

    /// Waits for the oldest numbers that are on their way.
    async fn oldest(&mut self) -> Result<Option<Numbers>, StepError> {
        let Some(Reading { step, staging, submission, mapped }) = self.readings.pop_front() else { return Ok(None) };
        let wait = wgpu::PollType::Wait { submission_index: Some(submission), timeout: None };
        if let Err(error) = self.gpu.device.poll(wait) {
            self.gpu.check()?;
            return Err(failed(error));
        }
        let mapped = mapped.await;
        self.gpu.check()?;
        numbers(step, &staging, mapped).map(Some)
    }

    /// The gradient of a batch and its numbers, without a step.
    ///
    /// # Errors
    /// As [`Trainer::step`].
    pub async fn gradient(&mut self, batch: Batch<'_>) -> Result<(Numbers, Vec<f32>), StepError> {
        self.prepare(batch, false).await?;
        let prepared = self.prepared.as_ref().expect("just prepared");
        self.submit(prepared, prepared.plan.moves, &[]);
        let count = Buffer::Numbers.len(&prepared.plan.sizes) as usize;
        let parts = [(&prepared.buffers[&Buffer::Numbers], count), (&self.lasting[&Buffer::Gradient], self.total)];
        let [of_score, gradient] = self.read(&parts).await?.try_into().expect("two parts");
        Ok((from_values(self.steps, &of_score), gradient))
    }

    /// The kernel of each launch of a step, for batches of the last shape.
    pub fn launched(&self) -> impl Iterator<Item = &'static str> {
        self.prepared.iter().flat_map(|prepared| prepared.plan.launches.iter().map(|launch| launch.kernel.name))
    }
}

impl Trainer {
    /// Checks a batch, and makes what batches of its shape need, if the last one had another.
    async fn prepare(&mut self, batch: Batch<'_>, muon: bool) -> Result<(), StepError> {
        let &ModelSpec { inputs: x, classes, longest, .. } = &self.spec;
        let Batch { inputs, labels, tokens } = batch;
        let whole = (1..=longest).contains(&tokens) && !labels.is_empty() && labels.len().is_multiple_of(tokens);
        if !whole || inputs.len() != labels.len() * x {
            let (labels, inputs) = (labels.len(), inputs.len());
            return Err(StepError::Batch { longest, labels, tokens, inputs, expected: x });
        }
        if let Some(&found) = labels.iter().find(|label| **label as usize >= classes) {
            return Err(StepError::Label { classes, found });
        }
        self.gpu.check()?;
        let shape = [labels.len() / tokens, tokens];
        if self.prepared.as_ref().is_none_or(|prepared| (prepared.shape, prepared.muon) != (shape, muon)) {
            self.prepared = None;
            self.prepared = Some(self.make(shape, muon).await?);
        }
        let buffers = &self.prepared.as_ref().expect("just made").buffers;
        let labels: Vec<f32> = labels.iter().map(|&label| label as f32).collect();
        self.gpu.queue.write_buffer(&buffers[&Buffer::Inputs], 0, bytemuck::cast_slice(inputs));
        self.gpu.queue.write_buffer(&buffers[&Buffer::Labels], 0, bytemuck::cast_slice(&labels));
        Ok(())
    }

    /// Plan, buffers and bind groups for batches of one shape.
    async fn make(&self, shape: [usize; 2], muon: bool) -> Result<Prepared, StepError> {
        let limit = binding_limit(&self.gpu);
        let plan = Plan::new(&self.spec, shape, MOST_SHARES.min(limit), muon);
        let most = u64::from(self.gpu.device.limits().max_compute_workgroups_per_dimension);
        for buffer in plan.buffers() {
            check(&format!("buffer {buffer:?}"), buffer.len(&plan.sizes) * 4, limit)?;
        }
        for launch in &plan.launches {
            let most_of = launch.grid.into_iter().max().expect("three axes");
            check(&format!("workgroups of kernel {}", launch.kernel.name), most_of.into(), most)?;
        }
        #[cfg(not(target_arch = "wasm32"))]
        self.gpu.check_turns(plan.launches.iter().map(|launch| (turns::turns(launch), launch.kernel.name)))?;
        let mut params = vec![0; plan.launches.len() * PARAMS_STRIDE];
        for (block, launch) in params.chunks_exact_mut(PARAMS_STRIDE).zip(&plan.launches) {
            block[..launch.params.len()].copy_from_slice(&launch.params);
        }
        let gpu = &self.gpu;
        let ((buffers, uniform, groups), errors) = caught(&gpu.device, || {
            // new buffers are 0, and so stays what no kernel writes: gradients of positions after the T-th
            let own = plan.buffers().into_iter().filter(|buffer| !buffer.lasts());
            let buffers: BTreeMap<Buffer, wgpu::Buffer> =
                own.map(|buffer| (buffer, gpu.storage(buffer.len(&plan.sizes) * 4))).collect();
            for (buffer, values) in self.of_muon(&plan, muon) {
                gpu.queue.write_buffer(&buffers[&buffer], 0, bytemuck::cast_slice(&values));
            }
            let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
            let uniform = gpu.buffer(params.len() as u64, usage);
            gpu.queue.write_buffer(&uniform, 0, &params);
            let bind = |launch: &crate::plan::launch::Launch| {
                let find = |buffer| buffers.get(buffer).unwrap_or_else(|| &self.lasting[buffer]);
                let bound: Vec<&wgpu::Buffer> = launch.buffers.iter().map(find).collect();
                gpu.bind(&self.pipelines[kernel::index(launch.kernel)], &uniform, &bound)
            };
            let groups = plan.launches.iter().map(bind).collect();
            (buffers, uniform, groups)
        });
        gpu.settle(errors).await?;
        Ok(Prepared { shape, muon, plan, buffers, params: uniform, groups })
    }

    /// How often tensors were stepped: the matrices inside layers, or all others. In one family they must agree.
    fn times_of(&self, state: &State, matrices: bool) -> Result<usize, StepError> {
        let times = state.moments.times.iter().zip(&self.by_muon);
        let mut own = times.filter(|(_, by_muon)| **by_muon == matrices).map(|(time, _)| *time);
        let first = own.next().unwrap_or(0);
        match own.all(|other| other == first) {
            true => Ok(first),
            false => Err(StepError::State("in this one they differ")),
        }
    }

    /// What is in the buffers that say which weights Muon moves.
    fn of_muon(&self, plan: &Plan, muon: bool) -> Vec<(Buffer, Vec<f32>)> {
        let mut mask = vec![0.0; plan.sizes.total as usize];
        let moved = Layout::new(&self.spec).tensors.into_iter().zip(&self.by_muon);
        moved.filter(|(_, by_muon)| muon && **by_muon).for_each(|(place, _)| mask[place].fill(1.0));
        let groups = muon::groups(&self.spec).into_iter().filter(|_| muon);
        let places = groups.map(|(group, places)| (Buffer::MuonPlaces(group), places));
        std::iter::once((Buffer::ByMuon, mask)).chain(places).collect()
    }

    /// Submits the first launches of a step, and copies of some buffers after them.
    fn submit(
        &self,
        prepared: &Prepared,
        launches: usize,
        wanted: &[(&wgpu::Buffer, u64)],
    ) -> (wgpu::SubmissionIndex, Option<wgpu::Buffer>) {
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            let all = prepared.plan.launches.iter().zip(&prepared.groups).take(launches);
            for (index, (launch, group)) in all.enumerate() {
                let [x, y, z] = launch.grid;
                pass.set_pipeline(&self.pipelines[kernel::index(launch.kernel)].pipeline);
                pass.set_bind_group(0, group, &[(index * PARAMS_STRIDE) as u32]);
                pass.dispatch_workgroups(x, y, z);
            }
        }
        let staging = (!wanted.is_empty()).then(|| self.gpu.stage(&mut encoder, wanted));
        (self.gpu.queue.submit([encoder.finish()]), staging)
    }

    /// The first values of some buffers, once the device has done what was submitted.
    async fn read(&self, wanted: &[(&wgpu::Buffer, usize)]) -> Result<Vec<Vec<f32>>, StepError> {
        self.gpu.check()?;
        let (staging, errors) = caught(&self.gpu.device, || {
            let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
            let parts: Vec<_> = wanted.iter().map(|&(buffer, count)| (buffer, count as u64 * 4)).collect();
            let staging = self.gpu.stage(&mut encoder, &parts);
            self.gpu.queue.submit([encoder.finish()]);
            staging
        });
        self.gpu.settle(errors).await?;
        let bytes = self.gpu.read(&staging).await?;
        let mut rest = &bytes[..];
        let mut take = |count: usize| {
            let (own, after) = rest.split_at(count * 4);
            rest = after;
            bytemuck::pod_collect_to_vec(own)
        };
        Ok(wanted.iter().map(|&(_, count)| take(count)).collect())
    }

    /// Parameters of AdamW for the step that is being taken.
    fn adam(&self, &Update { adam, clip, ema_decay, .. }: &Update<'_>) -> adamw::Params {
        let unbias = |beta: f32| 1.0 / (1.0 - beta.powi(self.times as i32));
        let bits = |value: f32| value.to_bits();
        adamw::Params {
            total: self.total as u32,
            rate: bits(adam.rate as f32),
            keep: bits((1.0 - adam.rate * f64::from(adam.weight_decay)) as f32),
            beta_1: bits(BETA_1),
            beta_2: bits(adam.beta_2),
            epsilon: bits(adam.epsilon),
            unbias_1: bits(unbias(BETA_1)),
            unbias_2: bits(unbias(adam.beta_2)),
            clip: bits(clip as f32),
            average_keep: bits(ema_decay as f32),
            average_take: bits((1.0 - ema_decay) as f32),
            unused_0: 0,
        }
    }
}

/// Parameters of Muon's momentum; the first step takes the gradient as it is.
fn momentum(Group { rows, columns, matrices }: Group, update: &Update<'_>, first: bool) -> muon_momentum::Params {
    let [keep, take] = if first { [0.0, 1.0] } else { [MOMENTUM, FRESH] }.map(f32::to_bits);
    let clip = (update.clip as f32).to_bits();
    muon_momentum::Params { rows, columns, matrices, keep, take, ahead: MOMENTUM.to_bits(), clip, unused_0: 0 }
}

/// Parameters of Muon's step.
fn muon_move(Group { rows, columns, matrices }: Group, update: &Update<'_>) -> muon_step::Params {
    let step = step_size(update.adam.rate, [rows as usize, columns as usize]).to_bits();
    let [average_keep, average_take] = [update.ema_decay as f32, (1.0 - update.ema_decay) as f32].map(f32::to_bits);
    muon_step::Params { rows, columns, matrices, step, average_keep, average_take, ..Default::default() }
}

/// Most bytes of a buffer that a kernel is given.
fn binding_limit(gpu: &Gpu) -> u64 {
    let limits = gpu.device.limits();
    limits.max_storage_buffer_binding_size.min(limits.max_buffer_size)
}

fn check(what: &str, needed: u64, limit: u64) -> Result<(), StepError> {
    if needed > limit {
        return Err(StepError::TooLarge { what: what.to_owned(), needed, limit });
    }
    Ok(())
}

fn failed(error: impl std::fmt::Display) -> StepError {
    SessionError::Gpu(error.to_string()).into()
}

/// The numbers of a step in a buffer that was mapped.
fn numbers(
    step: u64,
    staging: &wgpu::Buffer,
    mapped: Result<(), wgpu::BufferAsyncError>,
) -> Result<Numbers, StepError> {
    mapped.map_err(failed)?;
    let values: Vec<f32> = bytemuck::pod_collect_to_vec(&staging.get_mapped_range(..).map_err(failed)?);
    Ok(from_values(step, &values))
}

fn from_values(step: u64, values: &[f32]) -> Numbers {
    let [loss, norm] = [values[0], values[1]].map(f64::from);
    Numbers { step, loss, norm, right: values[2..].iter().map(|&right| right.into()).collect() }
}
