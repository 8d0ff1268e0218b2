//! The learner on the CPU: [`forward`], the oracle that every other implementation is compared with, and
//! [`Session`], the fallback where there is no GPU.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::file::Model;
use crate::kernel::{begin, centre, embed, keys, layer_norm, linear, log_softmax, reach, read_out, score, similarity};
use crate::plan::{self, Buffer, Launch, Plan, Step};
use crate::session::{Attention, Context, SessionError};
use crate::spec::{KeyShift, LAYER_NORM_EPSILON, Positions, QK_NORM_EPSILON, QueryKey};

mod fast;
mod set;
pub use crate::spec::Manner;

/// Log-probabilities at every position of one episode, each from the examples before it, straight from the formulas
/// in [`crate::spec`], all in f64, without cache, kernels or plan. Label T − 1 has no influence: no token follows it.
///
/// # Shapes
/// `inputs` `[T, X]`, `labels` `[T]`, the result `[T, C]`.
///
/// # Errors
/// What [`Context::observe`] refuses, and more than `longest` tokens.
pub fn forward(model: &Model, inputs: &[f32], labels: &[u32]) -> Result<Vec<f32>, SessionError> {
    forward_as(model, inputs, labels, Manner::of(&model.spec))
}

/// As [`forward`], asked in another manner.
///
/// # Errors
/// As [`forward`]; labels of classes that are not in use are out of range.
pub fn forward_as(model: &Model, inputs: &[f32], labels: &[u32], manner: Manner) -> Result<Vec<f32>, SessionError> {
    check(model, inputs, labels, manner)?;
    match model.spec.equivariant {
        None => Ok(causal(model, inputs, labels)),
        Some(_) => {
            let embeddings = set::embeddings(model, inputs, manner.drawings);
            let answer = |at| set_answer(model, inputs, embeddings.as_deref(), labels, at, manner);
            Ok((0..labels.len()).flat_map(answer).collect())
        }
    }
}

/// The last row of [`forward_as`], for which a set learner needs none of the others.
///
/// # Shapes
/// `inputs` `[T, X]`, `labels` `[T]`, T at least 1; the result `[C]`.
///
/// # Errors
/// As [`forward_as`].
pub fn last_as(model: &Model, inputs: &[f32], labels: &[u32], manner: Manner) -> Result<Vec<f32>, SessionError> {
    check(model, inputs, labels, manner)?;
    match model.spec.equivariant {
        None => Ok(causal(model, inputs, labels).split_off((labels.len() - 1) * model.spec.classes)),
        Some(_) => {
            let embeddings = set::embeddings(model, inputs, manner.drawings);
            Ok(set_answer(model, inputs, embeddings.as_deref(), labels, labels.len() - 1, manner))
        }
    }
}

fn check(model: &Model, inputs: &[f32], labels: &[u32], manner: Manner) -> Result<(), SessionError> {
    let tokens = Context::new(model).check_inputs(inputs)?;
    if labels.len() != tokens {
        return Err(SessionError::LabelCount { expected: tokens, found: labels.len() });
    }
    let classes = manner.classes.min(model.spec.classes);
    if let Some(&found) = labels.iter().find(|label| **label as usize >= classes) {
        return Err(SessionError::Label { classes, found });
    }
    if tokens > model.spec.longest {
        return Err(SessionError::Full { capacity: model.spec.longest, found: tokens });
    }
    Ok(())
}

/// What a set learner says at position `at`, `[C]`; see [`set::embeddings`] for those of all positions.
fn set_answer(
    model: &Model,
    inputs: &[f32],
    embeddings: Option<&[Vec<f64>]>,
    labels: &[u32],
    at: usize,
    manner: Manner,
) -> Vec<f32> {
    let x = model.spec.inputs;
    let question = set::Question {
        shown: &inputs[..at * x],
        labels: &labels[..at],
        query: &inputs[at * x..(at + 1) * x],
        classes: manner.classes.min(model.spec.classes),
        embeddings: embeddings.map(|all| &all[..=at]),
    };
    let mut answer: Vec<f32> = set::answer(model, &question).into_iter().map(|log| log as f32).collect();
    answer.resize(model.spec.classes, f32::NEG_INFINITY);
    answer
}

/// Variants `paper` and `shifted`.
fn causal(model: &Model, inputs: &[f32], labels: &[u32]) -> Vec<f32> {
    let (spec, tokens) = (&model.spec, labels.len());
    let (width, size) = (spec.width, spec.key_size);
    // rows·W + b
    let affine = |rows: &[Vec<f64>], name: &str| -> Vec<Vec<f64>> {
        let (weight, bias) = (model.tensor(&format!("{name}.weight")), model.tensor(&format!("{name}.bias")));
        let row = |x: &Vec<f64>| {
            let mut out: Vec<f64> = bias.iter().map(|&b| f64::from(b)).collect();
            for (x, weights) in x.iter().zip(weight.chunks_exact(bias.len())) {
                out.iter_mut().zip(weights).for_each(|(o, &w)| *o += x * f64::from(w));
            }
            out
        };
        rows.iter().map(row).collect()
    };
    let norm = |rows: &[Vec<f64>], name: &str| -> Vec<Vec<f64>> {
        let (gamma, beta) = (model.tensor(&format!("{name}.gamma")), model.tensor(&format!("{name}.beta")));
        let row = |x: &Vec<f64>| {
            let mean = x.iter().sum::<f64>() / width as f64;
            let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / width as f64;
            let deviation = (variance + f64::from(LAYER_NORM_EPSILON)).sqrt();
            (0..width).map(|d| (x[d] - mean) / deviation * f64::from(gamma[d]) + f64::from(beta[d])).collect()
        };
        rows.iter().map(row).collect()
    };
    let add = |rows: &mut [Vec<f64>], more: &[Vec<f64>]| {
        rows.iter_mut().flatten().zip(more.iter().flatten()).for_each(|(h, more)| *h += more);
    };

    let (input_table, label_table) = (model.tensor("embed.input.weight"), model.tensor("embed.label.weight"));
    let mut hidden: Vec<Vec<f64>> = (0..tokens)
        .map(|i| {
            let mut h: Vec<f64> = model.tensor("embed.bias").iter().map(|&b| f64::from(b)).collect();
            let mut plus = |row: &[f32], factor: f64| {
                h.iter_mut().zip(row).for_each(|(h, &value)| *h += factor * f64::from(value));
            };
            for (x, row) in inputs[i * spec.inputs..].iter().zip(input_table.chunks_exact(width)) {
                plus(row, f64::from(*x));
            }
            if i > 0 {
                plus(&label_table[labels[i - 1] as usize * width..][..width], 1.0);
            }
            if spec.positions == Positions::Learned {
                plus(&model.tensor("embed.position")[i * width..][..width], 1.0);
            }
            h
        })
        .collect();

    for l in 0..spec.layers {
        let name = |part: &str| format!("layer.{l}.{part}");
        let z = norm(&hidden, &name("norm1"));
        let query = affine(&z, &name("query"));
        let key = if spec.query_key == QueryKey::Tied { query.clone() } else { affine(&z, &name("key")) };
        let value = affine(&z, &name("value"));
        let mut mixed = vec![vec![0.0; spec.channels()]; tokens];
        for head in 0..spec.heads {
            let channels = head * size..(head + 1) * size;
            let gate = match spec.key_shift {
                KeyShift::None => 0.0,
                KeyShift::Full => 1.0,
                KeyShift::Gated => 1.0 / (1.0 + f64::from(-model.tensor(&name("key_shift.gate"))[head]).exp()),
            };
            let unit = |vector: Vec<f64>| -> Vec<f64> {
                if !spec.qk_norm {
                    return vector;
                }
                let norm = (vector.iter().map(|v| v * v).sum::<f64>() + f64::from(QK_NORM_EPSILON)).sqrt();
                vector.iter().map(|v| v / norm).collect()
            };
            let slots: Vec<Vec<f64>> = (0..tokens)
                .map(|j| {
                    let before = |c: usize| if j > 0 { key[j - 1][c] } else { 0.0 };
                    unit(channels.clone().map(|c| (1.0 - gate) * key[j][c] + gate * before(c)).collect())
                })
                .collect();
            let factor = match spec.qk_norm {
                true => f64::from(model.tensor(&name("temperature"))[head]).exp(),
                false => 1.0 / (size as f64).sqrt(),
            };
            for i in 0..tokens {
                let q = unit(query[i][channels.clone()].to_vec());
                let logit = |s: &Vec<f64>| factor * q.iter().zip(s).map(|(q, s)| q * s).sum::<f64>();
                let logits: Vec<f64> = slots[..=i].iter().map(logit).collect();
                let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let shares: Vec<f64> = logits.iter().map(|logit| (logit - largest).exp()).collect();
                let total: f64 = shares.iter().sum();
                for (share, value) in shares.iter().zip(&value) {
                    for c in channels.clone() {
                        mixed[i][c] += share / total * value[c];
                    }
                }
            }
        }
        add(&mut hidden, &affine(&mixed, &name("output")));
        let mut units = affine(&norm(&hidden, &name("norm2")), &name("mlp.up"));
        units.iter_mut().flatten().for_each(|unit| *unit = linear::gelu(*unit));
        add(&mut hidden, &affine(&units, &name("mlp.down")));
    }

    let scores = affine(&norm(&hidden, "norm"), "readout");
    let log_softmax = |row: &Vec<f64>| {
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let log_sum = row.iter().map(|score| (score - largest).exp()).sum::<f64>().ln();
        row.iter().map(|score| (score - largest - log_sum) as f32).collect::<Vec<f32>>()
    };
    scores.iter().flat_map(log_softmax).collect()
}

/// A session on this thread, with cached keys and values.
#[derive(Debug, Clone)]
pub struct Session {
    /// The examples shown.
    pub context: Context,
    model: Arc<Model>,
    plan: Plan,
    /// Names of [`crate::ModelSpec::tensors`].
    names: Vec<String>,
    /// See [`plan::derived`].
    derived: BTreeMap<Buffer, Vec<f32>>,
    /// Scratch and cache.
    buffers: BTreeMap<Buffer, Vec<f32>>,
    labels: Vec<u32>,
    room: fast::Room,
}

impl Session {
    /// An empty session.
    pub fn new(model: Arc<Model>) -> Self {
        let plan = Plan::new(&model.spec);
        Session {
            context: Context::new(&model),
            names: model.spec.tensors().into_iter().map(|tensor| tensor.name).collect(),
            derived: plan::derived(&model).into_iter().collect(),
            buffers: plan.buffers().into_iter().map(|buffer| (buffer, Vec::new())).collect(),
            labels: Vec::new(),
            room: fast::Room::default(),
            plan,
            model,
        }
    }

    /// Log-probabilities of every class for every query; see [`crate::session::Engine::predict`].
    ///
    /// # Shapes
    /// `queries` `[Q, X]`; the result `[Q, C]`.
    ///
    /// # Errors
    /// Queries of a wrong length or not finite.
    pub fn predict(&mut self, queries: &[f32]) -> Result<Vec<f32>, SessionError> {
        let count = self.context.check_inputs(queries)?;
        self.ask(queries, count, false);
        Ok(self.context.widen(&self.buffers[&Buffer::Answers][..count * self.context.classes_in_use()]))
    }

    /// What it says of one query, and where that looked; see [`crate::session::Engine::consult`].
    ///
    /// # Shapes
    /// `query` `[X]`; log-probabilities `[C]`.
    ///
    /// # Errors
    /// As [`Session::predict`].
    pub fn consult(&mut self, query: &[f32]) -> Result<(Vec<f32>, Attention), SessionError> {
        self.context.check_query(query)?;
        self.ask(query, 1, true);
        let (layers, heads, slots) = (self.model.spec.layers, self.model.spec.heads, self.context.len() + 1);
        let alphas = self.plan.ridges() * self.context.len();
        let attention = Attention {
            layers,
            heads,
            slots,
            weights: self.buffers[&Buffer::Shares][..layers * heads * slots].to_vec(),
            blend: (0..layers).flat_map(|layer| plan::blend(&self.model, layer)).collect(),
            alpha: self.buffers.get(&Buffer::Alpha).map_or_else(Vec::new, |alpha| alpha[..alphas].to_vec()),
        };
        Ok((self.context.widen(&self.buffers[&Buffer::Answers][..self.context.classes_in_use()]), attention))
    }

    /// Brings the cache up to date, then asks.
    fn ask(&mut self, queries: &[f32], count: usize, shares: bool) {
        for task in self.plan.tasks(&self.context, count, shares) {
            // shrinking or growing keeps the first elements, so the cached slots stay
            for buffer in self.plan.buffers() {
                let elements = self.plan.elements(buffer, task.rows(), self.context.len(), count);
                self.buffers.get_mut(&buffer).expect("every buffer of the plan is there").resize(elements, 0.0);
            }
            let inputs = self.context.inputs_of(task, queries);
            for (buffer, first) in self.plan.takes_inputs(task) {
                let buffer = self.buffers.get_mut(&buffer).expect("every buffer of the plan is there");
                buffer[first..first + inputs.len()].copy_from_slice(inputs);
            }
            if let Some(labels) = self.context.labels_of(task) {
                self.labels = labels;
            }
            for launch in self.plan.launches(task, self.context.manner()) {
                self.launch(&launch);
            }
        }
        self.context.cached();
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
        let mut room = std::mem::take(&mut self.room);
        let read = |index: usize| self.read(launch.buffers[index]);
        match (&launch.step, &mut taken[..]) {
            (Step::Embed(p), [(_, output)]) => embed::cpu(p, &self.labels, read(1), read(2), output),
            (Step::Linear(p), [(_, output)]) => fast::linear(p, read(0), read(1), read(2), output, &mut room),
            (Step::LayerNorm(p), [(_, output)]) => layer_norm::cpu(p, read(0), read(1), read(2), output),
            (Step::Keys(p), [(_, output)]) => keys::cpu(p, read(0), read(1), read(2), output),
            (Step::Attention(p), [(_, output), (_, weights)]) => {
                fast::attention(p, read(0), read(1), read(2), read(3), read(4), read(5), output, weights);
            }
            (Step::LogSoftmax(p), [(_, output)]) => log_softmax::cpu(p, read(0), output),
            (Step::Convolve(p), [(_, output)]) => fast::convolve(p, read(0), read(1), read(2), output, &mut room),
            (Step::Centre(p), [(_, output)]) => centre::cpu(p, read(0), output),
            (Step::Relate(p), [(_, relations), (_, squares)]) => {
                fast::relate(p, read(0), read(1), read(2), relations, squares);
            }
            (Step::Reach(p), [(_, relations), (_, scales)]) => reach::cpu(p, read(0), read(1), relations, scales),
            (Step::Similarity(p), [(_, relations), (_, output)]) => {
                similarity::cpu(p, read(0), read(1), relations, output);
            }
            (Step::Sweep(p), [(_, output)]) => fast::sweep(p, read(0), read(1), output, &mut room),
            (Step::Score(p), [(_, alpha), (_, scores)]) => {
                score::cpu(p, &self.labels, read(1), read(2), read(3), alpha, scores);
            }
            (Step::Begin(p), [(_, state)]) => begin::cpu(p, &self.labels, read(1), read(2), read(3), read(4), state),
            (Step::Project(p), [(_, output)]) => fast::project(p, read(0), read(1), output),
            (Step::SetAttention(p), [(_, output), (_, weights)]) => {
                fast::set_attention(p, read(0), read(1), read(2), read(3), read(4), output, weights);
            }
            (Step::Update(p), [(_, state)]) => fast::update(p, read(0), read(1), read(2), read(3), state, &mut room),
            (Step::ReadOut(p), [(_, output)]) => read_out::cpu(p, read(0), read(1), read(2), output),
            (step, _) => unreachable!("{} writes other bindings than it declares", step.kernel().name),
        }
        self.room = room;
        self.buffers.extend(taken);
    }
}
