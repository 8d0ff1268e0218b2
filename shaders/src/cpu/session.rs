//! The learner on this thread, with cached keys and values: the engine where there is no GPU.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::kernel::{
    attention, convolve, embed, gram, key_shift, layer_norm, linear, local_scale, log_softmax, mean, pairwise, qkv,
    ridge_scores, set_attention, set_embed, set_logits, set_mlp, sweep,
};
use crate::model::file::Model;
use crate::plan::buffer::{Buffer, Room};
use crate::plan::step::{Launch, Step};
use crate::plan::{Plan, weights};
use crate::session::attention::Attention;
use crate::session::context::Context;
use crate::session::error::SessionError;
use crate::simd::Scratch;

/// A session on this thread, with cached keys and values.
#[derive(Debug, Clone)]
pub struct Session {
    /// The examples shown.
    pub context: Context,
    model: Arc<Model>,
    plan: Plan,
    /// Names of [`crate::model::spec::ModelSpec::tensors`].
    names: Vec<String>,
    /// See [`weights::derived`].
    derived: BTreeMap<Buffer, Vec<f32>>,
    /// Scratch and cache.
    buffers: BTreeMap<Buffer, Vec<f32>>,
    /// Set learners: distances of the shown examples in each view.
    distances: Vec<pairwise::Known>,
    /// Set learners: the ridges' kernels among the examples of a class.
    within: ridge_scores::Within,
    labels: Vec<u32>,
    scratch: Scratch,
}

impl Session {
    /// An empty session.
    pub fn new(model: Arc<Model>) -> Self {
        let plan = Plan::new(&model.spec);
        let (mut derived, mut empty) = (BTreeMap::new(), BTreeMap::new());
        derived.extend(weights::derived(&model));
        empty.extend(buffers(&plan).map(|buffer| (buffer, Vec::new())));
        Session {
            context: Context::new(&model),
            names: model.spec.tensors().into_iter().map(|tensor| tensor.name).collect(),
            derived,
            buffers: empty,
            distances: vec![pairwise::Known::default(); plan.views()],
            within: ridge_scores::Within::default(),
            labels: Vec::new(),
            scratch: Scratch::default(),
            plan,
            model,
        }
    }

    /// Log-probabilities of every class for every query; see [`crate::engine::Engine::predict`].
    ///
    /// # Shapes
    /// `queries` `[Q, X]`; the result `[Q, C]`.
    ///
    /// # Errors
    /// Queries of a wrong length or not finite.
    pub fn predict(&mut self, queries: &[f32]) -> Result<Vec<f32>, SessionError> {
        let count = self.context.check_inputs(queries)?;
        self.ask(queries, count, false);
        Ok(self.context.pad_classes(&self.buffers[&Buffer::Answers][..count * self.context.classes_in_use()]))
    }

    /// The answer to one query, and where that looked; see [`crate::engine::Engine::predict_with_attention`].
    ///
    /// # Shapes
    /// `query` `[X]`; log-probabilities `[C]`.
    ///
    /// # Errors
    /// As [`Session::predict`].
    pub fn predict_with_attention(&mut self, query: &[f32]) -> Result<(Vec<f32>, Attention), SessionError> {
        self.context.check_query(query)?;
        self.ask(query, 1, true);
        let (layers, heads, slots) = (self.model.spec.layers, self.model.spec.heads, self.context.len() + 1);
        let alphas = self.plan.ridges() * self.context.len();
        let attention = Attention {
            layers,
            heads,
            slots,
            weights: self.buffers[&Buffer::AttentionWeights][..layers * heads * slots].to_vec(),
            blend: (0..layers).flat_map(|layer| weights::blend(&self.model, layer)).collect(),
            alpha: self.buffers.get(&Buffer::Alpha).map_or_else(Vec::new, |alpha| alpha[..alphas].to_vec()),
        };
        Ok((self.context.pad_classes(&self.buffers[&Buffer::Answers][..self.context.classes_in_use()]), attention))
    }

    /// Brings the cache up to date, then asks.
    fn ask(&mut self, queries: &[f32], count: usize, weights: bool) {
        self.gather();
        for task in self.plan.tasks(&self.context, count, weights) {
            let (rows, slots, classes) = (task.rows(), self.context.len(), self.context.classes_in_use());
            let room = Room { rows, slots, answers: count, classes };
            // shrinking or growing keeps the first elements, so the cached slots stay
            for buffer in buffers(&self.plan) {
                let elements = self.plan.elements(buffer, room);
                let buffer = self.buffers.get_mut(&buffer).expect("every buffer of the plan is there");
                if elements > buffer.capacity() {
                    // doubling, as vectors do, would be much: some of these grow with the square of the examples
                    buffer.reserve_exact(elements + elements / 16 - buffer.len());
                }
                buffer.resize(elements, 0.0);
            }
            let inputs = task.inputs(&self.context, queries);
            for (buffer, first) in self.plan.takes_inputs(task) {
                let buffer = self.buffers.get_mut(&buffer).expect("every buffer of the plan is there");
                buffer[first..first + inputs.len()].copy_from_slice(inputs);
            }
            if let Some(labels) = task.labels(&self.context) {
                self.labels = labels;
            }
            let launches = self.plan.launches(task, self.context.options());
            for launch in launches.into_iter().filter_map(in_place) {
                self.launch(&launch);
            }
        }
        self.context.mark_cached();
    }

    /// Moves cached inputs, embeddings and distances of a set learner to the present positions of their examples.
    fn gather(&mut self) {
        let rows = self.context.gather();
        for (view, known) in self.distances.iter_mut().enumerate() {
            let cached = self.buffers.get_mut(&Buffer::Shown(view)).expect("every view has its buffer");
            let width = self.plan.elements(Buffer::Mean(view), Room::default());
            for (to, &row) in rows.iter().enumerate().filter(|(to, row)| to != *row) {
                cached.copy_within(row * width..(row + 1) * width, to * width);
            }
            known.keep(&rows);
        }
    }

    /// The contents of a buffer.
    fn read(&self, buffer: Buffer) -> &[f32] {
        match buffer {
            Buffer::Tensor(index) => self.model.tensor(&self.names[index]),
            other => self.derived.get(&other).unwrap_or_else(|| &self.buffers[&other]),
        }
    }

    fn launch(&mut self, launch: &Launch) {
        // written buffers are taken out, so that the others can be read meanwhile, and put back
        let bindings = launch.step.kernel().bindings.iter().zip(&launch.buffers);
        let mut taken: Vec<(Buffer, Vec<f32>)> = bindings
            .filter(|(binding, _)| binding.written)
            .map(|(_, &buffer)| (buffer, self.buffers.insert(buffer, Vec::new()).expect("written buffers are ours")))
            .collect();
        let mut scratch = std::mem::take(&mut self.scratch);
        let mut distances = std::mem::take(&mut self.distances);
        let mut within = std::mem::take(&mut self.within);
        let read = |index: usize| self.read(launch.buffers[index]);
        match (&launch.step, &mut taken[..]) {
            (Step::Embed(p), [(_, output)]) => embed::run(p, &self.labels, read(1), read(2), output),
            (Step::Linear(p), [(_, output)]) => linear::run(p, read(0), read(1), read(2), output, &mut scratch),
            (Step::LayerNorm(p), [(_, output)]) => layer_norm::run(p, read(0), read(1), read(2), output),
            (Step::KeyShift(p), [(_, output)]) => key_shift::run(p, read(0), read(1), read(2), output),
            (Step::Attention(p), [(_, output), (_, weights)]) => {
                let inputs = attention::Inputs {
                    query: read(0),
                    slots: read(1),
                    slot_values: read(2),
                    own_slot: read(3),
                    own_value: read(4),
                    scale: read(5),
                };
                attention::run(p, &inputs, output, weights);
            }
            (Step::LogSoftmax(p), [(_, output)]) => log_softmax::run(p, read(0), output),
            (Step::Convolve(p), [(_, output)]) => convolve::run(p, read(0), read(1), read(2), output, &mut scratch),
            (Step::Mean(p), [(_, output)]) => mean::run(p, read(0), output),
            (Step::Pairwise(p), [(_, relations), (_, squares)]) => {
                let Buffer::Shown(view) = launch.buffers[1] else {
                    unreachable!("rows are compared with shown inputs")
                };
                let lengths = self.read(Buffer::Squares(view));
                pairwise::run(p, read(0), read(1), read(2), lengths, &mut distances[view], relations, squares);
            }
            (Step::LocalScale(p), [(_, relations), (_, scales)]) => {
                local_scale::run(p, read(0), read(1), relations, scales)
            }
            (Step::Gram(p), [(_, relations), (_, output)]) => {
                gram::run(p, read(0), read(1), relations, output);
            }
            (Step::Sweep(p), [(_, output)]) => sweep::invert(p, read(0), read(1), output, &mut scratch),
            (Step::RidgeScores(p), [(_, alpha), (_, scores)]) => {
                if p.among != 0 || p.shown == 0 {
                    within = ridge_scores::Within::new(p, &self.labels, read(2));
                }
                ridge_scores::run(p, &self.labels, read(1), &within, read(3), alpha, scores, &mut scratch.tiles);
            }
            (Step::SetEmbed(p), [(_, state)]) => {
                set_embed::run(p, &self.labels, read(1), read(2), read(3), read(4), state)
            }
            (Step::Qkv(p), [(_, output)]) => qkv::run(p, read(0), read(1), output),
            (Step::SetAttention(p), [(_, output), (_, weights)]) => {
                let inputs = set_attention::Inputs {
                    query: read(0),
                    slots: read(1),
                    relations: read(2),
                    alpha: read(3),
                    slopes: read(4),
                };
                set_attention::run(p, &inputs, output, weights, &mut scratch);
            }
            (Step::SetMlp(p), [(_, state)]) => set_mlp::run(p, read(0), read(1), read(2), read(3), state, &mut scratch),
            (Step::SetLogits(p), [(_, output)]) => set_logits::run(p, read(0), read(1), read(2), output),
            (step, _) => unreachable!(
                "{} is not called here, or not with the bindings that it declares as written",
                step.kernel().name
            ),
        }
        (self.scratch, self.distances, self.within) = (scratch, distances, within);
        self.buffers.extend(taken);
    }
}

/// The buffers of a plan that this engine uses: see [`in_place`].
fn buffers(plan: &Plan) -> impl Iterator<Item = Buffer> + use<> {
    plan.buffers().into_iter().filter(|buffer| *buffer != Buffer::Swept)
}

/// Replaces the first sweep by one of all blocks, [`sweep::invert`], and drops the others.
fn in_place(launch: Launch) -> Option<Launch> {
    match &launch.step {
        Step::Sweep(p) if p.initial == 0 => None,
        Step::Sweep(_) => Some(Launch { buffers: vec![Buffer::Gram, Buffer::Lambda, Buffer::Inverse], ..launch }),
        _ => Some(launch),
    }
}
