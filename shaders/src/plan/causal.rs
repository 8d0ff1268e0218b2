//! The launches of variants `paper` and `shifted`.

use super::buffer::Buffer;
use super::step::{Launch, Step};
use super::task::Task;
use super::weights::Tensors;
use crate::kernel::{attention, embed, key_shift, layer_norm, linear, log_softmax};
use crate::model::spec::{ModelSpec, Positions, QueryKey};

/// The launches of `task`, in order.
pub(super) fn launches(spec: &ModelSpec, tensors: &Tensors, task: Task) -> Vec<Launch> {
    let mut list = List { spec, tensors, task, rows: task.rows() as u32, launches: Vec::new() };
    list.embed();
    for l in 0..spec.layers {
        list.keys_and_values(l);
        // only keys and values of tokens are used after the last layer
        if l + 1 < spec.layers || !matches!(task, Task::Tokens { .. }) {
            list.attend(l);
            list.mlp(l);
        }
    }
    list.answers();
    list.launches
}

/// A list in the making.
struct List<'a> {
    spec: &'a ModelSpec,
    tensors: &'a Tensors,
    task: Task,
    /// R.
    rows: u32,
    launches: Vec<Launch>,
}

impl List<'_> {
    fn push(&mut self, step: Step, buffers: &[Buffer]) {
        self.launches.push(Launch { step, buffers: buffers.to_vec() });
    }

    /// A matrix and a bias, of these names.
    fn linear(&mut self, p: linear::Params, from: Buffer, [weight, bias]: [&str; 2], to: Buffer) {
        let p = linear::Params { rows: self.rows, ..p };
        self.push(Step::Linear(p), &[from, self.tensors.buffer(weight), self.tensors.buffer(bias), to]);
    }

    /// A matrix whose product is added to the residual stream.
    fn onto_residual(&mut self, inputs: usize, from: Buffer, names: [&str; 2]) {
        let outputs = self.spec.width as u32;
        let p = linear::Params { inputs: inputs as u32, outputs, accumulate: 1, ..Default::default() };
        self.linear(p, from, names, Buffer::Hidden);
    }

    fn norm(&mut self, name: &str) {
        let p = layer_norm::Params { rows: self.rows, width: self.spec.width as u32, ..Default::default() };
        let part = |part| self.tensors.buffer(&format!("{name}.{part}"));
        self.push(Step::LayerNorm(p), &[Buffer::Hidden, part("gamma"), part("beta"), Buffer::Normed]);
    }

    /// Labels, positions and inputs.
    fn embed(&mut self) {
        let spec = self.spec;
        let (first, step) = self.task.positions();
        let learned = spec.positions == Positions::Learned;
        let p = embed::Params {
            rows: self.rows,
            width: spec.width as u32,
            first,
            step,
            classes: spec.classes as u32,
            positions: u32::from(learned),
            ..Default::default()
        };
        let labels = self.tensors.buffer("embed.label.weight");
        // without positions the binding still needs a buffer
        let positions = if learned { self.tensors.buffer("embed.position") } else { labels };
        self.push(Step::Embed(p), &[Buffer::Labels, labels, positions, Buffer::Hidden]);
        self.onto_residual(spec.inputs, Buffer::Inputs, ["embed.input.weight", "embed.bias"]);
    }

    /// A projection of a layer to all heads, to rows of `to` from `output_first` on.
    fn project(&mut self, l: usize, name: &str, output_first: u32, to: Buffer) {
        let (inputs, outputs) = (self.spec.width as u32, self.spec.channels() as u32);
        let p = linear::Params { inputs, outputs, output_first, ..Default::default() };
        let name = |part| format!("layer.{l}.{name}.{part}");
        self.linear(p, Buffer::Normed, [&name("weight"), &name("bias")], to);
    }

    fn keys_and_values(&mut self, l: usize) {
        let spec = self.spec;
        let (first, step) = self.task.positions();
        self.norm(&format!("layer.{l}.norm1"));
        // tokens go straight to their place in the cache, queries to scratch
        let (key, slot, value, place) = match self.task {
            Task::Queries { .. } => (Buffer::Key, Buffer::Slot, Buffer::Value, 0),
            _ => (Buffer::Keys(l), Buffer::Slots(l), Buffer::Values(l), first),
        };
        self.project(l, if spec.query_key == QueryKey::Tied { "query" } else { "key" }, place, key);
        self.project(l, "value", place, value);
        let p = key_shift::Params {
            rows: self.rows,
            heads: spec.heads as u32,
            key_size: spec.key_size as u32,
            first,
            step,
            own_first: place,
            output_first: place,
            normalise: u32::from(spec.qk_norm),
        };
        self.push(Step::KeyShift(p), &[key, Buffer::Keys(l), Buffer::Blend(l), slot]);
    }

    fn attend(&mut self, l: usize) {
        let spec = self.spec;
        let (first, _) = self.task.positions();
        self.project(l, "query", 0, Buffer::Query);
        let p = attention::Params {
            rows: self.rows,
            heads: spec.heads as u32,
            key_size: spec.key_size as u32,
            normalise: u32::from(spec.qk_norm),
            ..Default::default()
        };
        let p = match self.task {
            Task::Queries { shown, weights, .. } => attention::Params {
                cached: first,
                own: 1,
                weights: u32::from(weights),
                weights_first: (l * spec.heads * (shown + 1)) as u32,
                ..p
            },
            _ => attention::Params { cached: first + 1, step: 1, ..p },
        };
        let inputs =
            [Buffer::Query, Buffer::Slots(l), Buffer::Values(l), Buffer::Slot, Buffer::Value, Buffer::Scale(l)];
        let outputs = [Buffer::AttentionOutput, Buffer::AttentionWeights];
        self.push(Step::Attention(p), &[&inputs[..], &outputs].concat());
        let name = |part| format!("layer.{l}.output.{part}");
        self.onto_residual(spec.channels(), Buffer::AttentionOutput, [&name("weight"), &name("bias")]);
    }

    fn mlp(&mut self, l: usize) {
        let name = |part| format!("layer.{l}.{part}");
        self.norm(&name("norm2"));
        let (inputs, outputs) = (self.spec.width as u32, self.spec.mlp() as u32);
        let up = linear::Params { inputs, outputs, gelu: 1, ..Default::default() };
        self.linear(up, Buffer::Normed, [&name("mlp.up.weight"), &name("mlp.up.bias")], Buffer::Mlp);
        self.onto_residual(self.spec.mlp(), Buffer::Mlp, [&name("mlp.down.weight"), &name("mlp.down.bias")]);
    }

    /// Log-probabilities of queries.
    fn answers(&mut self) {
        let Task::Queries { answers_first, .. } = self.task else { return };
        let (inputs, classes) = (self.spec.width as u32, self.spec.classes as u32);
        self.norm("norm");
        let p = linear::Params { inputs, outputs: classes, ..Default::default() };
        self.linear(p, Buffer::Normed, ["readout.weight", "readout.bias"], Buffer::Scores);
        let p =
            log_softmax::Params { rows: self.rows, classes, output_first: answers_first as u32, ..Default::default() };
        self.push(Step::LogSoftmax(p), &[Buffer::Scores, Buffer::Answers]);
    }
}
