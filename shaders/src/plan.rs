//! The learner as a list of kernel launches. Both engines run the same list, the CPU engine with the CPU halves of
//! the kernels and the GPU engine with the WGSL halves.
//!
//! There are two lists: *tokens* puts examples into the cache (keys, slot keys and values of every layer), *queries*
//! asks about the cached ones and leaves the cache as it is. Formulas: [`crate::spec`].

use std::collections::BTreeMap;

use crate::file::Model;
use crate::kernel::{Kernel, attention, embed, keys, layer_norm, linear, log_softmax};
use crate::spec::{KeyShift, ModelSpec, Positions, QueryKey, Variant};

/// Most rows of one list; more tokens or queries take several lists, so scratch memory is bounded.
pub const MOST_ROWS: usize = 256;

/// A buffer that launches read or write. R is the number of rows of the list, S the slots there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Buffer {
    /// A tensor of the model, by its index in [`ModelSpec::tensors`].
    Tensor(usize),
    /// Share of the preceding token in slot keys of a layer, `[H]`; see [`blend`].
    Blend(usize),
    /// Factor of the logits of a layer, `[H]`; see [`scale`].
    Scale(usize),
    /// Labels of the examples before the tokens, `[R]`, the only buffer of u32.
    Labels,
    /// Inputs of the tokens, `[R, X]`.
    Inputs,
    /// Residual stream, `[R, D]`.
    Hidden,
    /// After a LayerNorm, `[R, D]`.
    Normed,
    /// Queries of all heads, `[R, H, K]`.
    Query,
    /// Keys of tokens that are not kept, `[R, H, K]`.
    Key,
    /// Slot keys of tokens that are not kept, `[R, H, K]`.
    Slot,
    /// Values of tokens that are not kept, `[R, H, K]`.
    Value,
    /// What attention mixed, `[R, H, K]`.
    Mix,
    /// Hidden units of the MLP, `[R, F]`.
    Mlp,
    /// Scores of the classes, `[R, C]`.
    Scores,
    /// Log-probabilities of all queries of a call, `[Q, C]`.
    Answers,
    /// Attention weights of one query, `[L, H, N + 1]`.
    Shares,
    /// Cache: keys of a layer by position, `[S, H, K]`.
    Keys(usize),
    /// Cache: slot keys of a layer by position, `[S, H, K]`.
    Slots(usize),
    /// Cache: values of a layer by position, `[S, H, K]`.
    Values(usize),
}

/// Which kernel runs, and its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// See [`embed`].
    Embed(embed::Params),
    /// See [`linear`].
    Linear(linear::Params),
    /// See [`layer_norm`].
    LayerNorm(layer_norm::Params),
    /// See [`keys`].
    Keys(keys::Params),
    /// See [`attention`].
    Attention(attention::Params),
    /// See [`log_softmax`].
    LogSoftmax(log_softmax::Params),
}

impl Step {
    /// The kernel.
    pub fn kernel(&self) -> &'static Kernel {
        match self {
            Step::Embed(_) => &embed::KERNEL,
            Step::Linear(_) => &linear::KERNEL,
            Step::LayerNorm(_) => &layer_norm::KERNEL,
            Step::Keys(_) => &keys::KERNEL,
            Step::Attention(_) => &attention::KERNEL,
            Step::LogSoftmax(_) => &log_softmax::KERNEL,
        }
    }

    /// Its parameter block.
    pub fn params(&self) -> &[u8] {
        match self {
            Step::Embed(p) => bytemuck::bytes_of(p),
            Step::Linear(p) => bytemuck::bytes_of(p),
            Step::LayerNorm(p) => bytemuck::bytes_of(p),
            Step::Keys(p) => bytemuck::bytes_of(p),
            Step::Attention(p) => bytemuck::bytes_of(p),
            Step::LogSoftmax(p) => bytemuck::bytes_of(p),
        }
    }

    /// Its workgroups.
    pub fn grid(&self) -> [u32; 3] {
        match self {
            Step::Embed(p) => embed::grid(p),
            Step::Linear(p) => linear::grid(p),
            Step::LayerNorm(p) => layer_norm::grid(p),
            Step::Keys(p) => keys::grid(p),
            Step::Attention(p) => attention::grid(p),
            Step::LogSoftmax(p) => log_softmax::grid(p),
        }
    }
}

/// One launch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// Kernel and parameters.
    pub step: Step,
    /// A buffer for each binding of the kernel, in order.
    pub buffers: Vec<Buffer>,
}

/// Makes the launches of one model.
#[derive(Debug, Clone)]
pub struct Plan {
    spec: ModelSpec,
    tensors: BTreeMap<String, usize>,
}

/// What a list of launches is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Puts `rows` tokens into the cache, from position `first` on.
    Tokens {
        /// Position of the first.
        first: usize,
        /// How many, at most [`MOST_ROWS`].
        rows: usize,
    },
    /// Asks `rows` queries about the first `shown` tokens.
    Queries {
        /// N.
        shown: usize,
        /// How many, at most [`MOST_ROWS`].
        rows: usize,
        /// Row of `Answers` that takes the first answer.
        answers_first: usize,
        /// Whether attention weights are written; only with one row.
        shares: bool,
    },
}

impl Task {
    /// How many tokens it computes.
    pub fn rows(&self) -> usize {
        match *self {
            Task::Tokens { rows, .. } | Task::Queries { rows, .. } => rows,
        }
    }

    /// Position of its first row, and positions from one row to the next.
    fn positions(&self) -> (u32, u32) {
        match *self {
            Task::Tokens { first, .. } => (first as u32, 1),
            Task::Queries { shown, .. } => (shown as u32, 0),
        }
    }
}

impl Plan {
    /// The plan of a valid spec.
    pub fn new(spec: &ModelSpec) -> Self {
        let names = spec.tensors().into_iter().enumerate();
        Plan { spec: spec.clone(), tensors: names.map(|(index, tensor)| (tensor.name, index)).collect() }
    }

    /// The launches of `task`, in order.
    pub fn launches(&self, task: Task) -> Vec<Launch> {
        match self.spec.variant {
            // they differ in switches alone
            Variant::Paper | Variant::Shifted => self.causal(task),
            Variant::Equivariant => todo!(),
        }
    }

    /// Elements of a scratch or cache buffer for `rows` rows, `slots` slots and `answers` queries.
    pub fn elements(&self, buffer: Buffer, rows: usize, slots: usize, answers: usize) -> usize {
        let spec = &self.spec;
        match buffer {
            Buffer::Tensor(_) | Buffer::Blend(_) | Buffer::Scale(_) => unreachable!("weights have their own sizes"),
            Buffer::Labels => rows,
            Buffer::Inputs => rows * spec.inputs,
            Buffer::Hidden | Buffer::Normed => rows * spec.width,
            Buffer::Query | Buffer::Key | Buffer::Slot | Buffer::Value | Buffer::Mix => rows * spec.channels(),
            Buffer::Mlp => rows * spec.mlp(),
            Buffer::Scores => rows * spec.classes,
            Buffer::Answers => answers * spec.classes,
            Buffer::Shares => spec.layers * spec.heads * (slots + 1),
            Buffer::Keys(_) | Buffer::Slots(_) | Buffer::Values(_) => slots * spec.channels(),
        }
    }

    /// Every scratch and cache buffer.
    pub fn buffers(&self) -> Vec<Buffer> {
        use Buffer::*;
        let scratch =
            [Labels, Inputs, Hidden, Normed, Query, Key, Slot, Value, Mix, Mlp, Scores, Answers, Shares].into_iter();
        scratch.chain((0..self.spec.layers).flat_map(|l| [Keys(l), Slots(l), Values(l)])).collect()
    }

    fn tensor(&self, name: &str) -> Buffer {
        Buffer::Tensor(self.tensors[name])
    }

    fn causal(&self, task: Task) -> Vec<Launch> {
        let spec = &self.spec;
        let rows = task.rows() as u32;
        let (first, step) = task.positions();
        let (width, channels) = (spec.width as u32, spec.channels() as u32);
        let (heads, key_size) = (spec.heads as u32, spec.key_size as u32);
        let mut list = Vec::new();

        let learned = spec.positions == Positions::Learned;
        let labels = self.tensor("embed.label.weight");
        list.push(Launch {
            step: Step::Embed(embed::Params {
                rows,
                width,
                first,
                step,
                classes: spec.classes as u32,
                positions: u32::from(learned),
                ..Default::default()
            }),
            // without positions the binding still needs a buffer
            buffers: vec![
                Buffer::Labels,
                labels,
                if learned { self.tensor("embed.position") } else { labels },
                Buffer::Hidden,
            ],
        });
        let into =
            |inputs: usize, outputs: u32| linear::Params { rows, inputs: inputs as u32, outputs, ..Default::default() };
        let linear = |p: linear::Params, from, weight: &str, bias: &str, to| Launch {
            step: Step::Linear(p),
            buffers: vec![from, self.tensor(weight), self.tensor(bias), to],
        };
        let norm = |name: String| Launch {
            step: Step::LayerNorm(layer_norm::Params { rows, width, ..Default::default() }),
            buffers: vec![
                Buffer::Hidden,
                self.tensor(&format!("{name}.gamma")),
                self.tensor(&format!("{name}.beta")),
                Buffer::Normed,
            ],
        };
        let onto = |inputs: usize| linear::Params { accumulate: 1, ..into(inputs, width) };
        list.push(linear(onto(spec.inputs), Buffer::Inputs, "embed.input.weight", "embed.bias", Buffer::Hidden));

        for l in 0..spec.layers {
            let project = |name: &str, output_first: u32, to| {
                let p = linear::Params { output_first, ..into(spec.width, channels) };
                let name = |part| format!("layer.{l}.{name}.{part}");
                linear(p, Buffer::Normed, &name("weight"), &name("bias"), to)
            };
            list.push(norm(format!("layer.{l}.norm1")));
            // tokens go straight to their place in the cache, queries to scratch
            let (key, slot, value, place) = match task {
                Task::Tokens { .. } => (Buffer::Keys(l), Buffer::Slots(l), Buffer::Values(l), first),
                Task::Queries { .. } => (Buffer::Key, Buffer::Slot, Buffer::Value, 0),
            };
            list.push(project(if spec.query_key == QueryKey::Tied { "query" } else { "key" }, place, key));
            list.push(project("value", place, value));
            let normalise = u32::from(spec.qk_norm);
            list.push(Launch {
                step: Step::Keys(keys::Params {
                    rows,
                    heads,
                    key_size,
                    first,
                    step,
                    own_first: place,
                    output_first: place,
                    normalise,
                }),
                buffers: vec![key, Buffer::Keys(l), Buffer::Blend(l), slot],
            });
            if l + 1 == spec.layers && matches!(task, Task::Tokens { .. }) {
                // nothing reads what the last layer makes of a token that is not asked about
                break;
            }
            list.push(project("query", 0, Buffer::Query));
            let p = attention::Params { rows, heads, key_size, normalise, ..Default::default() };
            let p = match task {
                Task::Tokens { .. } => attention::Params { cached: first + 1, step: 1, ..p },
                Task::Queries { shown, shares, .. } => attention::Params {
                    cached: first,
                    own: 1,
                    weights: u32::from(shares),
                    weights_first: (l * spec.heads * (shown + 1)) as u32,
                    ..p
                },
            };
            list.push(Launch {
                step: Step::Attention(p),
                buffers: vec![
                    Buffer::Query,
                    Buffer::Slots(l),
                    Buffer::Values(l),
                    Buffer::Slot,
                    Buffer::Value,
                    Buffer::Scale(l),
                    Buffer::Mix,
                    Buffer::Shares,
                ],
            });
            let name = |part| format!("layer.{l}.{part}");
            let (weight, bias) = (name("output.weight"), name("output.bias"));
            list.push(linear(onto(spec.channels()), Buffer::Mix, &weight, &bias, Buffer::Hidden));
            list.push(norm(name("norm2")));
            let up = linear::Params { gelu: 1, ..into(spec.width, spec.mlp() as u32) };
            list.push(linear(up, Buffer::Normed, &name("mlp.up.weight"), &name("mlp.up.bias"), Buffer::Mlp));
            let (weight, bias) = (name("mlp.down.weight"), name("mlp.down.bias"));
            list.push(linear(onto(spec.mlp()), Buffer::Mlp, &weight, &bias, Buffer::Hidden));
        }
        if let Task::Queries { answers_first, .. } = task {
            let classes = spec.classes as u32;
            list.push(norm("norm".into()));
            let p = into(spec.width, classes);
            list.push(linear(p, Buffer::Normed, "readout.weight", "readout.bias", Buffer::Scores));
            list.push(Launch {
                step: Step::LogSoftmax(log_softmax::Params {
                    rows,
                    classes,
                    output_first: answers_first as u32,
                    ..Default::default()
                }),
                buffers: vec![Buffer::Scores, Buffer::Answers],
            });
        }
        list
    }
}

/// Share g of the preceding token in the slot keys of a layer, `[H]`.
pub fn blend(model: &Model, layer: usize) -> Vec<f32> {
    match model.spec.key_shift {
        KeyShift::None => vec![0.0; model.spec.heads],
        KeyShift::Full => vec![1.0; model.spec.heads],
        KeyShift::Gated => {
            let gates = model.tensor(&format!("layer.{layer}.key_shift.gate"));
            gates.iter().map(|&gate| (1.0 / (1.0 + f64::from(-gate).exp())) as f32).collect()
        }
    }
}

/// Factor of the logits of a layer, `[H]`: e^τ with q/k norm, else 1/√K.
pub fn scale(model: &Model, layer: usize) -> Vec<f32> {
    if model.spec.qk_norm {
        let temperatures = model.tensor(&format!("layer.{layer}.temperature"));
        temperatures.iter().map(|&t| f64::from(t).exp() as f32).collect()
    } else {
        vec![(1.0 / (model.spec.key_size as f64).sqrt()) as f32; model.spec.heads]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_launch_has_a_buffer_for_each_binding_and_writes_no_weight() {
        for (spec, longest) in [(ModelSpec::paper(16, 4, 0.0, 1.0), 99), (ModelSpec::shifted(16, 8, 2, 2), 255)] {
            let plan = Plan::new(&spec);
            for task in [
                Task::Tokens { first: 0, rows: 3 },
                Task::Queries { shown: longest, rows: 2, answers_first: 0, shares: false },
            ] {
                for launch in plan.launches(task) {
                    let kernel = launch.step.kernel();
                    assert_eq!(launch.buffers.len(), kernel.bindings.len(), "{}", kernel.name);
                    assert_eq!(launch.step.params().len(), kernel.params_size, "{}", kernel.name);
                    for (binding, buffer) in kernel.bindings.iter().zip(&launch.buffers) {
                        let weight = matches!(buffer, Buffer::Tensor(_) | Buffer::Blend(_) | Buffer::Scale(_));
                        assert!(!(binding.written && weight), "{} writes {buffer:?}", kernel.name);
                        let uses = launch.buffers.iter().filter(|other| *other == buffer).count();
                        assert!(
                            !binding.written || uses == 1,
                            "{}: {buffer:?} is written and bound twice",
                            kernel.name
                        );
                        let cache = matches!(buffer, Buffer::Keys(_) | Buffer::Slots(_) | Buffer::Values(_));
                        let query = matches!(task, Task::Queries { .. });
                        assert!(!(binding.written && cache && query), "a query writes the cache");
                    }
                }
            }
        }
    }

    #[test]
    fn attention_has_room_for_the_longest_context() {
        let mut spec = ModelSpec::shifted(16, 8, 2, 2);
        spec.longest = attention::SLOTS as usize;
        spec.validate().unwrap();
        spec.longest += 1;
        assert!(spec.validate().is_err());
    }
}
