//! The learner as a list of kernel launches. Both engines run the same list, the CPU engine with the CPU halves of
//! the kernels and the GPU engine with the WGSL halves.
//!
//! There are two lists: *tokens* puts examples into the cache (keys, slot keys and values of every layer), *queries*
//! asks about the cached ones and leaves the cache as it is. Formulas: [`crate::spec`].

use std::collections::BTreeMap;

use crate::file::Model;
use crate::kernel::{
    Kernel, attention, begin, centre, convolve, embed, keys, layer_norm, linear, log_softmax, project, reach, read_out,
    relate, score, set_attention, similarity, sweep, update,
};
use crate::session::Context;
use crate::spec::{KeyShift, LINEAR_SLOPE, Manner, ModelSpec, Positions, QueryKey, SOFTMAX_SLOPE, Stem, Variant};

/// Most rows of one list; more tokens or queries take several lists, so scratch memory is bounded. Only the shown examples
/// of a set learner, which see each other, have to come in one list of any length.
pub const MOST_ROWS: usize = 256;

/// A buffer that launches read or write. R is the number of rows of the list, N that of the shown examples, though there is
/// room for more. Where shapes differ, the second is that of a set learner; A there is (H + linear heads)·K.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Buffer {
    /// A tensor of the model, by its index in [`ModelSpec::tensors`].
    Tensor(usize),
    /// Share of the preceding token in slot keys of a layer, `[H]`; see [`blend`].
    Blend(usize),
    /// Factor of the logits of a layer, `[H]`; see [`scale`].
    Scale(usize),
    /// Set learners: query, key and value projections of a layer, `[D, 2·H·K + A]`; see [`derived`] for this and the next.
    Project(usize),
    /// Set learners: temperatures and slopes of a layer.
    Slopes(usize),
    /// Set learners: first matrix of a layer's MLP and its biases, `[2·D + 1, F]`.
    Up(usize),
    /// Set learners: second matrix of a layer's MLP and its biases, `[F + 1, D]`.
    Down(usize),
    /// Set learners: the read-out, `[D + scores]`.
    ReadOut,
    /// Set learners: λ of each ridge, `[ridges]`.
    Lambda,
    /// Labels of the examples before the tokens, `[R]`, or of those shown, `[N]`; the only buffer of u32.
    Labels,
    /// Inputs of the tokens, `[R, X]`.
    Inputs,
    /// Residual stream, `[R, D]`, or the state, `[R, C, D]`.
    Hidden,
    /// After a LayerNorm, `[R, D]`.
    Normed,
    /// Queries of all heads, `[R, H, K]` or `[R, C, H, K]`.
    Query,
    /// Keys of tokens that are not kept, `[R, H, K]`.
    Key,
    /// Slot keys of tokens that are not kept, `[R, H, K]`.
    Slot,
    /// Values of tokens that are not kept, `[R, H, K]`.
    Value,
    /// What attention mixed, `[R, H, K]` or `[R, C, A]`.
    Mix,
    /// Hidden units of the MLP, `[R, F]`.
    Mlp,
    /// Scores of the classes, `[R, C]`; what ridges and counts say of them, `[scores, R, C]`.
    Scores,
    /// Log-probabilities of all queries of a call, `[Q, C]`, C in use.
    Answers,
    /// Attention weights of one query, `[L, H, N + 1]`.
    Shares,
    /// Set learners: what the stem's convolutions make of the inputs, by turns, `[R, side, side, channels]`.
    Plane(usize),
    /// Set learners: embeddings of queries, `[R, E]`.
    Embedding,
    /// Set learners: cos, δ and ε of rows and shown examples, `[V, 3, R, N]`.
    Relations,
    /// Set learners: squared lengths of queries in one view, `[R]`.
    RowSquares,
    /// Set learners: squared length in units of s and reach of queries in one view, `[R, 2]`.
    RowScales,
    /// Set learners: each ridge's kernel of queries and shown examples, `[ridges, R, N]`.
    Similar,
    /// Set learners: α of each ridge, `[ridges, R, N]`.
    Alpha,
    /// Set learners: a ridge's matrix on its way to the inverse, `[ridges, N, N]`.
    Swept,
    /// Cache: keys of a layer by position, `[N, H, K]`.
    Keys(usize),
    /// Cache: slot keys of a layer by position, `[N, H, K]`, or queries, keys and values, `[N, C, 2·H·K + A]`.
    Slots(usize),
    /// Cache: values of a layer by position, `[N, H, K]`.
    Values(usize),
    /// Cache of set learners: shown examples in a view, inputs `[N, X]` or embeddings `[N, E]`.
    Shown(usize),
    /// Cache of set learners: mean of a view, `[X]` or `[E]`.
    Centre(usize),
    /// Cache of set learners: as `RowSquares`, of the shown examples, `[N]`.
    Squares(usize),
    /// Cache of set learners: as `RowScales`, of the shown examples, `[N, 2]`.
    Scales(usize),
    /// Cache of set learners: each ridge's kernel of the shown examples, `[ridges, N, N]`.
    Gram,
    /// Cache of set learners: each ridge's inverse, `[ridges, N, N]`.
    Inverse,
}

/// Declares the steps: a variant for each kernel.
macro_rules! steps {
    ($($step:ident $kernel:ident),+ $(,)?) => {
        /// Which kernel runs, and its parameters.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Step {
            $(#[doc = concat!("See [`", stringify!($kernel), "`].")] $step($kernel::Params),)+
        }

        impl Step {
            /// The kernel.
            pub fn kernel(&self) -> &'static Kernel {
                match self {
                    $(Step::$step(_) => &$kernel::KERNEL,)+
                }
            }

            /// Its parameter block.
            pub fn params(&self) -> &[u8] {
                match self {
                    $(Step::$step(p) => bytemuck::bytes_of(p),)+
                }
            }

            /// Its workgroups.
            pub fn grid(&self) -> [u32; 3] {
                match self {
                    $(Step::$step(p) => $kernel::grid(p),)+
                }
            }
        }
    };
}

steps! {
    Embed embed,
    Linear linear,
    LayerNorm layer_norm,
    Keys keys,
    Attention attention,
    LogSoftmax log_softmax,
    Convolve convolve,
    Centre centre,
    Relate relate,
    Reach reach,
    Similarity similarity,
    Sweep sweep,
    Score score,
    Begin begin,
    Project project,
    SetAttention set_attention,
    Update update,
    ReadOut read_out,
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
    /// Set learners: puts inputs of `rows` examples into the cache, and with a stem their embeddings, which do not depend
    /// on the other examples.
    Inputs {
        /// Index of the first.
        first: usize,
        /// How many, at most [`MOST_ROWS`].
        rows: usize,
    },
    /// Puts `rows` tokens into the cache, from position `first` on. In a set learner they are all that are shown.
    Tokens {
        /// Position of the first.
        first: usize,
        /// How many, at most [`MOST_ROWS`] unless the learner is a set learner.
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
            Task::Inputs { rows, .. } | Task::Tokens { rows, .. } | Task::Queries { rows, .. } => rows,
        }
    }

    /// Position of its first row, and positions from one row to the next.
    fn positions(&self) -> (u32, u32) {
        match *self {
            Task::Inputs { first, .. } | Task::Tokens { first, .. } => (first as u32, 1),
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

    /// What has to be done to answer `queries` queries: first what the cache lacks, then the queries.
    pub fn tasks(&self, context: &Context, queries: usize, shares: bool) -> Vec<Task> {
        let lists =
            |from: usize, to: usize| (from..to).step_by(MOST_ROWS).map(move |first| (first, MOST_ROWS.min(to - first)));
        let shown = context.len();
        let mut tasks: Vec<Task> = match self.spec.variant {
            Variant::Equivariant => {
                lists(context.encoded, shown).map(|(first, rows)| Task::Inputs { first, rows }).collect()
            }
            _ => lists(context.ready, shown).map(|(first, rows)| Task::Tokens { first, rows }).collect(),
        };
        if self.spec.variant == Variant::Equivariant && context.ready < shown {
            tasks.push(Task::Tokens { first: 0, rows: shown });
        }
        let ask = |(answers_first, rows)| Task::Queries { shown, rows, answers_first, shares };
        tasks.extend(lists(0, queries).map(ask));
        tasks
    }

    /// Buffers and elements from which on `task` finds the inputs of its rows.
    pub fn takes_inputs(&self, task: Task) -> Vec<(Buffer, usize)> {
        match (task, &self.spec.equivariant) {
            (Task::Inputs { first, .. }, Some(set)) => {
                let scratch = set.stem.as_ref().map(|_| (Buffer::Inputs, 0));
                scratch.into_iter().chain([(Buffer::Shown(0), first * self.spec.inputs)]).collect()
            }
            // they are in the cache
            (Task::Tokens { .. }, Some(_)) => Vec::new(),
            _ => vec![(Buffer::Inputs, 0)],
        }
    }

    /// The launches of `task`, in order.
    pub fn launches(&self, task: Task, manner: Manner) -> Vec<Launch> {
        match self.spec.variant {
            // they differ in switches alone
            Variant::Paper | Variant::Shifted => self.causal(task),
            Variant::Equivariant => self.set(task, manner),
        }
    }

    /// Every kernel that a list may launch.
    pub fn kernels(&self) -> Vec<&'static Kernel> {
        let tasks = [
            Task::Inputs { first: 0, rows: 1 },
            Task::Tokens { first: 0, rows: 1 },
            Task::Queries { shown: 1, rows: 1, answers_first: 0, shares: true },
        ];
        let set = self.spec.equivariant.is_some();
        let tasks = tasks.into_iter().filter(|task| set || !matches!(task, Task::Inputs { .. }));
        let launches = tasks.flat_map(|task| self.launches(task, Manner::of(&self.spec)));
        let mut kernels: Vec<&'static Kernel> = Vec::new();
        for launch in launches {
            if kernels.iter().all(|known| known.name != launch.step.kernel().name) {
                kernels.push(launch.step.kernel());
            }
        }
        kernels
    }

    /// No list has more launches.
    pub fn most_launches(&self) -> usize {
        let tasks = [
            // a ridge takes more of them the more is shown
            Task::Tokens { first: 0, rows: self.spec.longest - 1 },
            Task::Queries { shown: 1, rows: 1, answers_first: 0, shares: true },
        ];
        tasks.map(|task| self.launches(task, Manner::of(&self.spec)).len()).into_iter().max().expect("two tasks")
    }

    /// Elements of a scratch or cache buffer for `rows` rows, `slots` slots and `answers` queries.
    pub fn elements(&self, buffer: Buffer, rows: usize, slots: usize, answers: usize) -> usize {
        let spec = &self.spec;
        let weights = || unreachable!("weights have their own sizes");
        let Some(set) = &spec.equivariant else {
            return match buffer {
                Buffer::Labels => rows,
                Buffer::Inputs => rows * spec.inputs,
                Buffer::Hidden | Buffer::Normed => rows * spec.width,
                Buffer::Query | Buffer::Key | Buffer::Slot | Buffer::Value | Buffer::Mix => rows * spec.channels(),
                Buffer::Mlp => rows * spec.mlp(),
                Buffer::Scores => rows * spec.classes,
                Buffer::Answers => answers * spec.classes,
                Buffer::Shares => spec.layers * spec.heads * (slots + 1),
                Buffer::Keys(_) | Buffer::Slots(_) | Buffer::Values(_) => slots * spec.channels(),
                _ => weights(),
            };
        };
        // inputs and embeddings come in lists that are not longer, whatever the states do
        let few = rows.min(MOST_ROWS);
        let view = |view: usize| match (&set.stem, view) {
            (Some(stem), 1) => stem.embedding,
            _ => spec.inputs,
        };
        match buffer {
            Buffer::Labels => slots,
            Buffer::Inputs => few * spec.inputs,
            Buffer::Hidden => rows * spec.classes * spec.width,
            Buffer::Query => few * spec.classes * spec.channels(),
            Buffer::Mix => rows * spec.classes * self.set_channels(),
            Buffer::Scores => set.scores() * rows * spec.classes,
            Buffer::Answers => answers * spec.classes,
            Buffer::Shares => spec.layers * spec.heads * (slots + 1),
            Buffer::Plane(_) => {
                let sizes = set.stem.as_ref().map_or(Vec::new(), Stem::sizes);
                few * sizes.into_iter().skip(1).map(|(side, channels)| side * side * channels).max().unwrap_or(0)
            }
            Buffer::Embedding => few * view(1),
            Buffer::Relations => set.views() * 3 * rows * slots,
            Buffer::RowSquares => few,
            Buffer::RowScales => 2 * few,
            Buffer::Similar => set.ridge.len() * few * slots,
            Buffer::Alpha => set.ridge.len() * rows * slots,
            Buffer::Slots(_) => slots * spec.classes * self.projections(),
            Buffer::Shown(v) => slots * view(v),
            Buffer::Centre(v) => view(v),
            Buffer::Squares(_) => slots,
            Buffer::Scales(_) => 2 * slots,
            Buffer::Swept | Buffer::Gram | Buffer::Inverse => set.ridge.len() * slots * slots,
            _ => weights(),
        }
    }

    /// Every scratch and cache buffer.
    pub fn buffers(&self) -> Vec<Buffer> {
        use Buffer::*;
        let Some(set) = &self.spec.equivariant else {
            let scratch = [Labels, Inputs, Hidden, Normed, Query, Key, Slot, Value, Mix, Mlp, Scores, Answers, Shares];
            let cache = (0..self.spec.layers).flat_map(|l| [Keys(l), Slots(l), Values(l)]);
            return scratch.into_iter().chain(cache).collect();
        };
        let scratch = [Labels, Inputs, Hidden, Query, Mix, Scores, Answers, Shares, Relations, RowSquares, RowScales];
        let stem = set.stem.as_ref().map_or([].as_slice(), |_| &[Plane(0), Plane(1), Embedding]);
        let views = (0..set.views()).flat_map(|v| [Shown(v), Centre(v), Squares(v), Scales(v)]);
        let ridges = [Similar, Alpha, Swept, Gram, Inverse];
        let layers = (0..self.spec.layers).map(Slots);
        scratch.into_iter().chain(stem.iter().copied()).chain(views).chain(ridges).chain(layers).collect()
    }

    fn tensor(&self, name: &str) -> Buffer {
        Buffer::Tensor(self.tensors[name])
    }

    /// Ridges of a set learner.
    pub fn ridges(&self) -> usize {
        self.spec.equivariant.as_ref().map_or(0, |set| set.ridge.len())
    }

    /// A: channels of all heads of a set learner.
    fn set_channels(&self) -> usize {
        (self.spec.heads + self.spec.set().linear_heads) * self.spec.key_size
    }

    /// Queries, keys and values of one class of a set learner: 2·H·K + A.
    fn projections(&self) -> usize {
        2 * self.spec.channels() + self.set_channels()
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
                Task::Queries { .. } => (Buffer::Key, Buffer::Slot, Buffer::Value, 0),
                _ => (Buffer::Keys(l), Buffer::Slots(l), Buffer::Values(l), first),
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
                Task::Queries { shown, shares, .. } => attention::Params {
                    cached: first,
                    own: 1,
                    weights: u32::from(shares),
                    weights_first: (l * spec.heads * (shown + 1)) as u32,
                    ..p
                },
                _ => attention::Params { cached: first + 1, step: 1, ..p },
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

    /// Variant `equivariant`. A list of tokens makes what queries read: the shown inputs in every view with their centre,
    /// lengths and reaches, the ridges' matrices, and each layer's keys and values.
    fn set(&self, task: Task, manner: Manner) -> Vec<Launch> {
        let (spec, set) = (&self.spec, self.spec.set());
        let stem = set.stem.as_ref().filter(|_| manner.drawings);
        let (rows, shown, among) = match task {
            Task::Inputs { first, rows } => {
                return stem.map_or(Vec::new(), |stem| self.embed_drawings(stem, rows, Buffer::Shown(1), first));
            }
            Task::Tokens { rows, .. } => (rows as u32, rows as u32, true),
            Task::Queries { shown, rows, .. } => (rows as u32, shown as u32, false),
        };
        let classes = manner.classes as u32;
        let (width, heads, key_size) = (spec.width as u32, spec.heads as u32, spec.key_size as u32);
        let (linear_heads, ridges) = (set.linear_heads as u32, set.ridge.len() as u32);
        let either = |of_shown: Buffer, of_queries: Buffer| if among { of_shown } else { of_queries };
        let among = u32::from(among);
        let mut list = Vec::new();
        let mut launch = |step: Step, buffers: &[Buffer]| list.push(Launch { step, buffers: buffers.to_vec() });

        // without anything shown there is nothing to compare with
        let views = if shown == 0 { 0 } else { 1 + usize::from(stem.is_some()) };
        if let (Task::Queries { .. }, 2, Some(stem)) = (task, views, stem) {
            let embed = self.embed_drawings(stem, rows as usize, Buffer::Embedding, 0);
            embed.into_iter().for_each(|one| launch(one.step, &one.buffers));
        }
        for view in 0..views {
            let inputs = if view == 0 { spec.inputs } else { stem.map_or(0, |stem| stem.embedding) } as u32;
            let base = view as u32 * 3 * rows * shown;
            let own = either(Buffer::Shown(view), if view == 0 { Buffer::Inputs } else { Buffer::Embedding });
            let squares = either(Buffer::Squares(view), Buffer::RowSquares);
            let scales = either(Buffer::Scales(view), Buffer::RowScales);
            if among != 0 {
                let step = Step::Centre(centre::Params { shown, inputs, ..Default::default() });
                launch(step, &[Buffer::Shown(view), Buffer::Centre(view)]);
            }
            launch(
                Step::Relate(relate::Params { rows, shown, inputs, base, among, ..Default::default() }),
                &[own, Buffer::Shown(view), Buffer::Centre(view), Buffer::Relations, squares],
            );
            let neighbour = set.neighbour as u32;
            launch(
                Step::Reach(reach::Params { rows, shown, base, neighbour, among, ..Default::default() }),
                &[squares, Buffer::Squares(view), Buffer::Relations, scales],
            );
            // some ridges may see the inputs; the others see the last view, and so do all where there is but one
            let seen = match views {
                1 => (1 << ridges) - 1,
                _ => similarity::seen(&set.ridge, view == 0),
            };
            let kinds = similarity::kinds(&set.ridge);
            launch(
                Step::Similarity(similarity::Params { rows, shown, base, ridges, kinds, seen, ..Default::default() }),
                &[scales, Buffer::Scales(view), Buffer::Relations, either(Buffer::Gram, Buffer::Similar)],
            );
        }
        if among != 0 && ridges > 0 {
            // from one buffer to the other and back; the last block ends in `Inverse`
            let mut from = Buffer::Gram;
            let blocks = shown.div_ceil(sweep::BLOCK);
            for block in 0..blocks {
                let (initial, last) = (u32::from(block == 0), u32::from(block + 1 == blocks));
                let to = if (blocks - block) % 2 == 1 { Buffer::Inverse } else { Buffer::Swept };
                let first = block * sweep::BLOCK;
                let p = sweep::Params { shown, ridges, first, initial, last, ..Default::default() };
                launch(Step::Sweep(p), &[from, Buffer::Lambda, to]);
                from = to;
            }
        }
        launch(
            Step::Score(score::Params { rows, shown, classes, ridges, among, ..Default::default() }),
            &[
                Buffer::Labels,
                either(Buffer::Gram, Buffer::Similar),
                Buffer::Gram,
                Buffer::Inverse,
                Buffer::Alpha,
                Buffer::Scores,
            ],
        );
        let scores = set.scores() as u32;
        launch(
            Step::Begin(begin::Params { rows, classes, width, scores, labelled: among, ..Default::default() }),
            &[
                Buffer::Labels,
                either(self.tensor("embed.shown"), self.tensor("embed.query")),
                self.tensor("embed.label"),
                self.tensor("embed.scores"),
                Buffer::Scores,
                Buffer::Hidden,
            ],
        );
        let (channels, outputs) = (spec.channels() as u32, self.projections() as u32);
        for l in 0..spec.layers {
            // Shown examples keep everything in the cache, queries nothing; what the last layer makes of a shown example
            // nobody reads but as key and value.
            let last = among != 0 && l + 1 == spec.layers;
            let first = if last { channels } else { 0 };
            let (count, stride) = if among != 0 { (outputs - first, outputs) } else { (channels, channels) };
            let query = either(Buffer::Slots(l), Buffer::Query);
            let p = project::Params { rows, classes, width, outputs, first, count, stride, ..Default::default() };
            launch(Step::Project(p), &[Buffer::Hidden, Buffer::Project(l), query]);
            if last {
                break;
            }
            let shares = matches!(task, Task::Queries { shares: true, .. });
            launch(
                Step::SetAttention(set_attention::Params {
                    rows,
                    classes,
                    heads,
                    linear_heads,
                    key_size,
                    shown,
                    among,
                    query_stride: stride,
                    views: set.views() as u32,
                    // without its own, the view of the inputs stands for the second as well
                    view_step: if views > 1 { 3 } else { 0 },
                    ridges,
                    weights: u32::from(shares),
                    weights_first: l as u32 * heads * (shown + 1),
                    ..Default::default()
                }),
                &[
                    query,
                    Buffer::Slots(l),
                    Buffer::Relations,
                    Buffer::Alpha,
                    Buffer::Slopes(l),
                    Buffer::Mix,
                    Buffer::Shares,
                ],
            );
            let (channels, hidden) = (self.set_channels() as u32, spec.mlp() as u32);
            launch(
                Step::Update(update::Params { rows, classes, width, channels, hidden, ..Default::default() }),
                &[
                    Buffer::Mix,
                    self.tensor(&format!("layer.{l}.output")),
                    Buffer::Up(l),
                    Buffer::Down(l),
                    Buffer::Hidden,
                ],
            );
        }
        if let Task::Queries { answers_first, .. } = task {
            let output_first = answers_first as u32;
            launch(
                Step::ReadOut(read_out::Params { rows, classes, width, scores, output_first, ..Default::default() }),
                &[Buffer::Hidden, Buffer::Scores, Buffer::ReadOut, Buffer::Answers],
            );
        }
        list
    }

    /// The stem on `rows` drawings in `Inputs`, to rows of `to` from `first` on.
    fn embed_drawings(&self, stem: &Stem, rows: usize, to: Buffer, first: usize) -> Vec<Launch> {
        let rows = rows as u32;
        let sizes = stem.sizes();
        let mut list = Vec::new();
        let mut from = Buffer::Inputs;
        for (i, convolution) in stem.convolutions.iter().enumerate() {
            let ((side, inputs), (after, outputs)) = (sizes[i], sizes[i + 1]);
            let tensor = |part: &str| self.tensor(&format!("stem.convolution.{i}.{part}"));
            list.push(Launch {
                step: Step::Convolve(convolve::Params {
                    rows,
                    side: side as u32,
                    inputs: inputs as u32,
                    outputs: outputs as u32,
                    size: convolution.size as u32,
                    stride: convolution.stride as u32,
                    after: after as u32,
                    row: if i == 0 { self.spec.inputs as u32 } else { 0 },
                }),
                buffers: vec![from, tensor("weight"), tensor("bias"), Buffer::Plane(i % 2)],
            });
            from = Buffer::Plane(i % 2);
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
        let (weight, skip) = (self.tensor("stem.embedding"), self.tensor("stem.skip"));
        list.push(Launch { step: Step::Linear(p), buffers: vec![from, weight, weight, to] });
        let (read, row) = ((stem.side * stem.side) as u32, self.spec.inputs as u32);
        let p = linear::Params { inputs: read, row, accumulate: 1, ..p };
        list.push(Launch { step: Step::Linear(p), buffers: vec![Buffer::Inputs, skip, skip, to] });
        list
    }
}

/// Weights as the kernels read them, where they are not tensors of the file: [`blend`] and [`scale`]; in a set learner
/// matrices side by side, biases below them, the γ of the norm before a matrix multiplied into it, and slopes on their own
/// scale.
pub fn derived(model: &Model) -> Vec<(Buffer, Vec<f32>)> {
    let spec = &model.spec;
    let Some(set) = &spec.equivariant else {
        return (0..spec.layers)
            .flat_map(|l| [(Buffer::Blend(l), blend(model, l)), (Buffer::Scale(l), scale(model, l))])
            .collect();
    };
    let d = spec.width;
    let scaled = |values: &[f32], factor: f32| -> Vec<f32> { values.iter().map(|value| value * factor).collect() };
    let mut list = Vec::new();
    for l in 0..spec.layers {
        let tensor = |name: &str| model.tensor(&format!("layer.{l}.{name}"));
        let parts = ["query", "key", "value"].map(tensor);
        let row = |(i, gamma): (usize, &f32)| -> Vec<f32> {
            parts.iter().flat_map(|part| scaled(&part[i * (part.len() / d)..][..part.len() / d], *gamma)).collect()
        };
        list.push((Buffer::Project(l), tensor("norm1").iter().enumerate().flat_map(row).collect()));
        let mut slopes = tensor("temperature").to_vec();
        slopes.extend(scaled(tensor("slope.softmax"), SOFTMAX_SLOPE));
        if set.linear_heads > 0 {
            slopes.extend(scaled(tensor("slope.linear"), LINEAR_SLOPE));
        }
        list.push((Buffer::Slopes(l), slopes));
        // both halves of the input went through the norm
        let gamma = tensor("norm2").iter().cycle();
        let up = tensor("mlp.up.weight").chunks_exact(spec.mlp()).zip(gamma);
        let up = up.flat_map(|(row, &gamma)| scaled(row, gamma));
        list.push((Buffer::Up(l), up.chain(tensor("mlp.up.bias").iter().copied()).collect()));
        list.push((Buffer::Down(l), [tensor("mlp.down.weight"), tensor("mlp.down.bias")].concat()));
    }
    let mut read_out = model.tensor("readout").to_vec();
    read_out.iter_mut().zip(model.tensor("norm")).for_each(|(weight, gamma)| *weight *= gamma);
    list.push((Buffer::ReadOut, read_out));
    list.push((Buffer::Lambda, set.ridge.iter().map(|ridge| ridge.lambda).collect()));
    list
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

    fn set() -> ModelSpec {
        use crate::spec::{Convolution, Equivariant, Ridge, RidgeKernel};
        let convolution = Convolution { channels: 3, size: 3, stride: 2 };
        let stem = Stem { side: 4, convolutions: vec![convolution; 3], embedding: 5 };
        let ridge = vec![Ridge { kernel: RidgeKernel::Local, lambda: 0.1, raw: false }];
        let mut spec = ModelSpec::equivariant(16, 5, 8, 2);
        spec.equivariant = Some(Equivariant { ridge, stem: Some(stem), ..spec.set().clone() });
        spec
    }

    #[test]
    fn every_launch_has_a_buffer_for_each_binding_and_writes_no_weight() {
        let all = [
            (ModelSpec::paper(16, 4, 0.0, 1.0), 99),
            (ModelSpec::shifted(16, 8, 2, 2), 255),
            (ModelSpec::equivariant(16, 5, 8, 2), 1024),
            (set(), 1024),
        ];
        for (spec, longest) in all {
            let plan = Plan::new(&spec);
            let (most, kernels) = (plan.most_launches(), plan.kernels());
            let tasks = [
                Task::Inputs { first: 1, rows: 2 },
                Task::Tokens { first: 0, rows: 3 },
                Task::Tokens { first: 0, rows: longest },
                Task::Queries { shown: longest, rows: 2, answers_first: 0, shares: false },
                Task::Queries { shown: 0, rows: 2, answers_first: 0, shares: false },
            ];
            let manners = [Manner::of(&spec), Manner { drawings: false, ..Manner::of(&spec) }];
            for (task, manner) in tasks.into_iter().flat_map(|task| manners.map(|manner| (task, manner))) {
                if matches!(task, Task::Inputs { .. }) && spec.equivariant.is_none() {
                    continue;
                }
                let launches = plan.launches(task, manner);
                assert!(launches.len() <= most);
                for launch in launches {
                    let kernel = launch.step.kernel();
                    assert!(kernels.iter().any(|known| known.name == kernel.name), "{} is not compiled", kernel.name);
                    assert_eq!(launch.buffers.len(), kernel.bindings.len(), "{}", kernel.name);
                    assert_eq!(launch.step.params().len(), kernel.params_size, "{}", kernel.name);
                    for (binding, buffer) in kernel.bindings.iter().zip(&launch.buffers) {
                        use Buffer::*;
                        let weight = matches!(
                            buffer,
                            Tensor(_)
                                | Blend(_)
                                | Scale(_)
                                | Project(_)
                                | Slopes(_)
                                | Up(_)
                                | Down(_)
                                | ReadOut
                                | Lambda
                        );
                        assert!(weight || plan.buffers().contains(buffer), "{buffer:?} is not made");
                        assert!(!(binding.written && weight), "{} writes {buffer:?}", kernel.name);
                        let uses = launch.buffers.iter().filter(|other| *other == buffer).count();
                        assert!(
                            !binding.written || uses == 1,
                            "{}: {buffer:?} is written and bound twice",
                            kernel.name
                        );
                        let cache = matches!(
                            buffer,
                            Keys(_)
                                | Slots(_)
                                | Values(_)
                                | Shown(_)
                                | Centre(_)
                                | Squares(_)
                                | Scales(_)
                                | Gram
                                | Inverse
                        );
                        let query = matches!(task, Task::Queries { .. });
                        assert!(!(binding.written && cache && query), "a query writes the cache");
                    }
                }
            }
        }
    }

    #[test]
    fn no_grid_exceeds_webgpus_limit() {
        let mut spec = set();
        (spec.classes, spec.width, spec.key_size, spec.heads) = (256, 8, 4, 64);
        spec.validate().unwrap();
        let plan = Plan::new(&spec);
        for task in [
            Task::Tokens { first: 0, rows: 1024 },
            Task::Queries { shown: 1024, rows: MOST_ROWS, answers_first: 0, shares: false },
        ] {
            for launch in plan.launches(task, Manner::of(&spec)) {
                assert!(launch.step.grid().iter().all(|count| *count <= 65_535), "{launch:?}");
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
    #[test]
    fn the_kernels_of_a_set_learner_have_room_for_the_largest() {
        let slots = [reach::SLOTS, score::SLOTS, set_attention::SLOTS].into_iter().min().unwrap() as usize;
        let largest = |change: fn(&mut ModelSpec, usize), most: usize| {
            let mut spec = ModelSpec::equivariant(16, 2, 8, 2);
            change(&mut spec, most);
            spec.validate().unwrap();
            change(&mut spec, most + 1);
            assert!(spec.validate().is_err());
        };
        largest(|spec, most| spec.longest = most + 1, slots);
        largest(|spec, most| spec.classes = most, read_out::CLASSES as usize);
        largest(|spec, most| (spec.classes, spec.key_size) = (most / 256, 256), set_attention::QUERY as usize + 255);
        largest(|spec, most| (spec.mlp_factor, spec.width) = (1, most), update::HIDDEN as usize);
        assert_eq!(update::STATE, project::STATE);
        let mut spec = ModelSpec::equivariant(16, 64, project::STATE as usize / 64, 2);
        spec.validate().unwrap();
        spec.width += 1;
        assert!(spec.validate().is_err());
    }
}
