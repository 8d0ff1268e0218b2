//! The launches of variant `equivariant`. A list of tokens computes what queries read: the shown inputs in every view with
//! their mean, lengths and local scales, the ridges' matrices, and each layer's keys and values.

use super::buffer::{Buffer, projections, set_channels};
use super::step::{Launch, Step};
use super::task::Task;
use super::weights::Tensors;
use crate::kernel::{
    convolve, gram, linear, local_scale, mean, pairwise, qkv, ridge_scores, set_attention, set_embed, set_logits,
    set_mlp, sweep,
};
use crate::model::spec::{Equivariant, ModelSpec, QueryOptions, Stem};

/// The launches of `task`, in order.
pub(super) fn launches(spec: &ModelSpec, tensors: &Tensors, task: Task, options: QueryOptions) -> Vec<Launch> {
    let set = spec.set();
    let stem = set.stem.as_ref().filter(|_| options.images);
    let (rows, shown, among) = match task {
        Task::Inputs { rows, .. } => (rows, 0, true),
        Task::Tokens { rows, .. } => (rows, rows, true),
        Task::Queries { shown, rows, .. } => (rows, shown, false),
    };
    // without anything shown there is nothing to compare with
    let views = if shown == 0 { 0 } else { 1 + usize::from(stem.is_some()) };
    let (rows, shown, classes) = (rows as u32, shown as u32, options.classes as u32);
    let mut list = List { spec, set, tensors, stem, rows, shown, classes, among, views, launches: Vec::new() };
    if let Task::Inputs { first, .. } = task {
        list.embed_images(Buffer::Shown(1), first);
        return list.launches;
    }
    if !among && views == 2 {
        list.embed_images(Buffer::Embedding, 0);
    }
    (0..views).for_each(|view| list.compare(view));
    list.ridges();
    list.embed();
    let weights = matches!(task, Task::Queries { weights: true, .. });
    for l in 0..spec.layers {
        // Shown examples keep everything in the cache, queries nothing; after the last layer only keys and values of shown
        // examples are used.
        let last = among && l + 1 == spec.layers;
        list.project(l, last);
        if !last {
            list.attend(l, weights);
            list.mlp(l);
        }
    }
    if let Task::Queries { answers_first, .. } = task {
        list.answers(answers_first);
    }
    list.launches
}

/// A list in the making.
struct List<'a> {
    spec: &'a ModelSpec,
    set: &'a Equivariant,
    tensors: &'a Tensors,
    /// The stem, where it is used.
    stem: Option<&'a Stem>,
    /// R.
    rows: u32,
    /// N.
    shown: u32,
    /// C in use.
    classes: u32,
    /// Whether the rows are the shown examples.
    among: bool,
    /// Views that are compared.
    views: usize,
    launches: Vec<Launch>,
}

impl List<'_> {
    fn push(&mut self, step: Step, buffers: &[Buffer]) {
        self.launches.push(Launch { step, buffers: buffers.to_vec() });
    }

    /// The first for a list of shown examples, the second for one of queries.
    fn either(&self, of_shown: Buffer, of_queries: Buffer) -> Buffer {
        if self.among { of_shown } else { of_queries }
    }

    /// Lengths, distances and local scales of a view, and the kernels of the ridges that see it.
    fn compare(&mut self, view: usize) {
        let (rows, shown, among) = (self.rows, self.shown, u32::from(self.among));
        let inputs = if view == 0 { self.spec.inputs } else { self.stem.map_or(0, |stem| stem.embedding) } as u32;
        let base = view as u32 * 3 * rows * shown;
        let own = self.either(Buffer::Shown(view), if view == 0 { Buffer::Inputs } else { Buffer::Embedding });
        let squares = self.either(Buffer::Squares(view), Buffer::RowSquares);
        let scales = self.either(Buffer::Scales(view), Buffer::RowScales);
        if self.among {
            let step = Step::Mean(mean::Params { shown, inputs, ..Default::default() });
            self.push(step, &[Buffer::Shown(view), Buffer::Mean(view)]);
        }
        self.push(
            Step::Pairwise(pairwise::Params { rows, shown, inputs, base, among, ..Default::default() }),
            &[own, Buffer::Shown(view), Buffer::Mean(view), Buffer::Relations, squares],
        );
        let neighbour = self.set.neighbour as u32;
        self.push(
            Step::LocalScale(local_scale::Params { rows, shown, base, neighbour, among, ..Default::default() }),
            &[squares, Buffer::Squares(view), Buffer::Relations, scales],
        );
        // some ridges may see the inputs; the others see the last view, and so do all where there is but one
        let ridges = self.set.ridge.len() as u32;
        let seen = match self.views {
            1 => (1 << ridges) - 1,
            _ => gram::seen(&self.set.ridge, view == 0),
        };
        let kinds = gram::kinds(&self.set.ridge);
        let to = self.either(Buffer::Gram, Buffer::Similar);
        self.push(
            Step::Gram(gram::Params { rows, shown, base, ridges, kinds, seen, ..Default::default() }),
            &[scales, Buffer::Scales(view), Buffer::Relations, to],
        );
    }

    /// Inverses of the ridges, α and scores.
    fn ridges(&mut self) {
        let (rows, shown, classes) = (self.rows, self.shown, self.classes);
        let (ridges, among) = (self.set.ridge.len() as u32, u32::from(self.among));
        if self.among && ridges > 0 {
            // from one buffer to the other and back; the last block ends in `Inverse`
            let mut from = Buffer::Gram;
            let blocks = shown.div_ceil(sweep::BLOCK);
            for block in 0..blocks {
                let (initial, last) = (u32::from(block == 0), u32::from(block + 1 == blocks));
                let to = if (blocks - block) % 2 == 1 { Buffer::Inverse } else { Buffer::Swept };
                let first = block * sweep::BLOCK;
                let p = sweep::Params { shown, ridges, first, initial, last, ..Default::default() };
                self.push(Step::Sweep(p), &[from, Buffer::Lambda, to]);
                from = to;
            }
        }
        let kernel = self.either(Buffer::Gram, Buffer::Similar);
        self.push(
            Step::RidgeScores(ridge_scores::Params { rows, shown, classes, ridges, among, ..Default::default() }),
            &[Buffer::Labels, kernel, Buffer::Gram, Buffer::Inverse, Buffer::Alpha, Buffer::Scores],
        );
    }

    /// The state of each row and class before the first layer.
    fn embed(&mut self) {
        let (rows, classes, width) = (self.rows, self.classes, self.spec.width as u32);
        let (scores, labelled) = (self.set.scores() as u32, u32::from(self.among));
        let tensor = |name| self.tensors.buffer(name);
        let start = self.either(tensor("embed.shown"), tensor("embed.query"));
        let (label, table) = (tensor("embed.label"), tensor("embed.scores"));
        self.push(
            Step::SetEmbed(set_embed::Params { rows, classes, width, scores, labelled, ..Default::default() }),
            &[Buffer::Labels, start, label, table, Buffer::Scores, Buffer::Hidden],
        );
    }

    /// Query stride of the projections: rows of the cache, or of the queries.
    fn query_stride(&self) -> u32 {
        if self.among { projections(self.spec) as u32 } else { self.spec.channels() as u32 }
    }

    /// Queries, keys and values of a layer; keys and values alone of the `last` one.
    fn project(&mut self, l: usize, last: bool) {
        let (rows, classes, width) = (self.rows, self.classes, self.spec.width as u32);
        let (channels, outputs) = (self.spec.channels() as u32, projections(self.spec) as u32);
        let first = if last { channels } else { 0 };
        let count = if self.among { outputs - first } else { channels };
        let stride = self.query_stride();
        let p = qkv::Params { rows, classes, width, outputs, first, count, stride, ..Default::default() };
        let to = self.either(Buffer::Slots(l), Buffer::Query);
        self.push(Step::Qkv(p), &[Buffer::Hidden, Buffer::Project(l), to]);
    }

    fn attend(&mut self, l: usize, weights: bool) {
        let heads = self.spec.heads as u32;
        let p = set_attention::Params {
            rows: self.rows,
            classes: self.classes,
            heads,
            linear_heads: self.set.linear_heads as u32,
            key_size: self.spec.key_size as u32,
            shown: self.shown,
            among: u32::from(self.among),
            query_stride: self.query_stride(),
            views: self.set.views() as u32,
            // without its own, the view of the inputs stands for the second as well
            view_step: if self.views > 1 { 3 } else { 0 },
            ridges: self.set.ridge.len() as u32,
            weights: u32::from(weights),
            weights_first: l as u32 * heads * (self.shown + 1),
            ..Default::default()
        };
        let query = self.either(Buffer::Slots(l), Buffer::Query);
        let inputs = [query, Buffer::Slots(l), Buffer::Relations, Buffer::Alpha, Buffer::Slopes(l)];
        let outputs = [Buffer::AttentionOutput, Buffer::AttentionWeights];
        self.push(Step::SetAttention(p), &[&inputs[..], &outputs].concat());
    }

    fn mlp(&mut self, l: usize) {
        let (rows, classes, width) = (self.rows, self.classes, self.spec.width as u32);
        let (channels, hidden) = (set_channels(self.spec) as u32, self.spec.mlp() as u32);
        let output = self.tensors.buffer(&format!("layer.{l}.output"));
        self.push(
            Step::SetMlp(set_mlp::Params { rows, classes, width, channels, hidden, ..Default::default() }),
            &[Buffer::AttentionOutput, output, Buffer::Up(l), Buffer::Down(l), Buffer::Hidden],
        );
    }

    /// Log-probabilities of queries, to rows of `Answers` from `first` on.
    fn answers(&mut self, first: usize) {
        let (rows, classes, width) = (self.rows, self.classes, self.spec.width as u32);
        let (scores, output_first) = (self.set.scores() as u32, first as u32);
        self.push(
            Step::SetLogits(set_logits::Params { rows, classes, width, scores, output_first, ..Default::default() }),
            &[Buffer::Hidden, Buffer::Scores, Buffer::ReadOut, Buffer::Answers],
        );
    }

    /// The stem, if it is used, on the images in `Inputs`, to rows of `to` from `first` on.
    fn embed_images(&mut self, to: Buffer, first: usize) {
        let Some(stem) = self.stem else { return };
        let rows = self.rows;
        let sizes = stem.sizes();
        let mut from = Buffer::Inputs;
        for (i, convolution) in stem.convolutions.iter().enumerate() {
            let ((side, inputs), (after, outputs)) = (sizes[i], sizes[i + 1]);
            let p = convolve::Params {
                rows,
                side: side as u32,
                inputs: inputs as u32,
                outputs: outputs as u32,
                size: convolution.size as u32,
                stride: convolution.stride as u32,
                after: after as u32,
                row: if i == 0 { self.spec.inputs as u32 } else { 0 },
            };
            let tensor = |part: &str| self.tensors.buffer(&format!("stem.convolution.{i}.{part}"));
            let (weight, bias, plane) = (tensor("weight"), tensor("bias"), Buffer::Plane(i % 2));
            self.push(Step::Convolve(p), &[from, weight, bias, plane]);
            from = plane;
        }
        let (side, channels) = sizes[sizes.len() - 1];
        let p = linear::Params {
            rows,
            inputs: (side * side * channels) as u32,
            outputs: stem.embedding as u32,
            output_first: first as u32,
            unbiased: 1,
            ..Default::default()
        };
        // without a bias the binding still needs a buffer
        let (weight, skip) = (self.tensors.buffer("stem.embedding"), self.tensors.buffer("stem.skip"));
        self.push(Step::Linear(p), &[from, weight, weight, to]);
        let (read, row) = (stem.values() as u32, self.spec.inputs as u32);
        let p = linear::Params { inputs: read, row, accumulate: 1, ..p };
        self.push(Step::Linear(p), &[Buffer::Inputs, skip, skip, to]);
    }
}
