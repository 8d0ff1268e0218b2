//! Learners for comparison: those of the paper beside its Transformer, and some that came after it. They are trained,
//! measured and kept like the others, but live in the trainer alone: no page runs them.
//!
//! A run chooses one by `[learner]`, whose `kind` says which and whose other keys are its dials; inputs, classes,
//! longest T and encoding stay those of `[model]`. The recurrent ones read the token (x_i, y_{i−1}) of the paper, or with
//! `whole_tokens` the whole example before, (x_i, x_{i−1}, y_{i−1}), which spares them to learn to carry x_{i−1} over; all
//! predict y_i before they see it.

pub mod lstm;
pub mod maml;
pub mod memory;
pub mod mlp;
pub mod outer;
pub mod set_transformer;
pub mod vsml;

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::{Module, Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData, activation};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use shaders::random;
use shaders::spec::{LAYER_NORM_EPSILON, MAX_PARAMETERS, ModelSpec, QK_NORM_EPSILON, RMS_EPSILON};

use super::{Linear, Predict, Reader};
use crate::tasks::projection::normals;

/// Which learner a run trains. Keys are those of `[learner]` in a run's TOML.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Learner {
    /// The one that `[model]` describes, which can be exported.
    #[default]
    Model,
    /// A perceptron on single examples: it remembers nothing, and can only tell tasks apart by their inputs.
    Mlp(mlp::Dials),
    /// Long short-term memory (Hochreiter and Schmidhuber, 1997).
    Lstm(lstm::Dials),
    /// LSTM whose cells are matrices, written by outer products (Kirsch et al., 2022).
    OuterProductLstm(outer::Dials),
    /// Fast weights with the delta rule (Schlag, Irie and Schmidhuber, 2021).
    FastWeights(memory::Dials),
    /// Gated linear attention (Yang et al., 2024).
    GatedLinearAttention(memory::Dials),
    /// Variable shared meta learning (Kirsch and Schmidhuber, 2021).
    Vsml(vsml::Dials),
    /// The same without symmetries: a grid of LSTMs, each with its own weights.
    VsmlUntied(vsml::UntiedDials),
    /// Transformer over sets, as in prior-fitted networks (Müller et al., 2022).
    SetTransformer(set_transformer::Dials),
    /// Meta-learned start of an online perceptron (Finn, Abbeel and Levine, 2017).
    Maml(maml::Dials),
}

/// Every kind with a line about it, in the order of [`Learner`].
pub const KINDS: [(&str, &str); 10] = [
    ("model", "the learner of [model]: a Transformer or a set learner"),
    ("mlp", "perceptron on single examples, without memory"),
    ("lstm", "long short-term memory"),
    ("outer-product-lstm", "LSTM whose cells are matrices, written by outer products"),
    ("fast-weights", "fast weights with the delta rule"),
    ("gated-linear-attention", "linear attention whose memory decays by learned gates"),
    ("vsml", "grid of tiny LSTMs with shared weights and messages both ways"),
    ("vsml-untied", "the same grid, each LSTM with weights of its own"),
    ("set-transformer", "Transformer over sets of shown examples, in the manner of PFNs"),
    ("maml", "start of an online perceptron, learned through its gradient steps"),
];

/// A dial outside its bounds, in words.
type Wrong = Option<(&'static str, String)>;

/// The first of some dials that lies outside 1…`most`.
fn outside(dials: &[(&'static str, usize, usize)]) -> Wrong {
    let (key, found, most) = *dials.iter().find(|(_, found, most)| !(1..=*most).contains(found))?;
    Some((key, format!("expected 1…{most}, found {found}")))
}

impl Learner {
    /// A learner by its kind, with the dials that it has by default.
    pub fn of_kind(kind: &str) -> Option<Learner> {
        Some(match kind {
            "model" => Learner::Model,
            "mlp" => Learner::Mlp(Default::default()),
            "lstm" => Learner::Lstm(Default::default()),
            "outer-product-lstm" => Learner::OuterProductLstm(Default::default()),
            "fast-weights" => Learner::FastWeights(Default::default()),
            "gated-linear-attention" => Learner::GatedLinearAttention(Default::default()),
            "vsml" => Learner::Vsml(Default::default()),
            "vsml-untied" => Learner::VsmlUntied(Default::default()),
            "set-transformer" => Learner::SetTransformer(Default::default()),
            "maml" => Learner::Maml(Default::default()),
            _ => return None,
        })
    }

    /// Its kind, as settings name it.
    pub fn kind(&self) -> &'static str {
        match self {
            Learner::Model => "model",
            Learner::Mlp(_) => "mlp",
            Learner::Lstm(_) => "lstm",
            Learner::OuterProductLstm(_) => "outer-product-lstm",
            Learner::FastWeights(_) => "fast-weights",
            Learner::GatedLinearAttention(_) => "gated-linear-attention",
            Learner::Vsml(_) => "vsml",
            Learner::VsmlUntied(_) => "vsml-untied",
            Learner::SetTransformer(_) => "set-transformer",
            Learner::Maml(_) => "maml",
        }
    }

    /// Whether it is trained on queries to shown examples rather than at every position.
    pub fn asks_queries(&self) -> bool {
        matches!(self, Learner::SetTransformer(_))
    }

    /// The first dial that is out of bounds, and why.
    pub(crate) fn wrong(&self) -> Wrong {
        match self {
            Learner::Model => None,
            Learner::Mlp(dials) => dials.wrong(),
            Learner::Lstm(dials) => dials.wrong(),
            Learner::OuterProductLstm(dials) => dials.wrong(),
            Learner::FastWeights(dials) | Learner::GatedLinearAttention(dials) => dials.wrong(),
            Learner::Vsml(dials) => dials.wrong(),
            Learner::VsmlUntied(dials) => dials.wrong(),
            Learner::SetTransformer(dials) => dials.wrong(),
            Learner::Maml(dials) => dials.wrong(),
        }
    }

    /// State size: how many numbers carry what T examples have told to the prediction of the next label. Weights do
    /// not count, as they are the same whatever the examples were, and neither does the token itself (x_i and
    /// y_{i−1}). Every recurrent state counts whole: an LSTM has its cells and its outputs, 2·H, of which the paper
    /// counts H. Attention reads the keys and values of all T examples, 2·H·K·L·T.
    pub fn state_size(&self, spec: &ModelSpec, t: usize) -> usize {
        match self {
            Learner::Model => {
                let (values, per_class, examples) = match &spec.equivariant {
                    // beside keys and values the examples themselves, which are compared with each query
                    Some(set) => (spec.heads + set.linear_heads, spec.classes, t * (spec.inputs + 1)),
                    None => (spec.heads, 1, 0),
                };
                (spec.heads + values) * spec.key_size * per_class * spec.layers * t + examples
            }
            Learner::Mlp(_) => 0,
            Learner::Lstm(dials) => dials.state_size(),
            Learner::OuterProductLstm(dials) => dials.state_size(),
            Learner::FastWeights(dials) | Learner::GatedLinearAttention(dials) => dials.state_size(),
            Learner::Vsml(dials) => dials.state_size(spec),
            Learner::VsmlUntied(dials) => dials.state_size(),
            Learner::SetTransformer(dials) => dials.state_size(t),
            Learner::Maml(dials) => dials.state_size(spec),
        }
    }
}

/// A research learner's weights and computation.
#[derive(Module, Debug)]
pub enum Net {
    /// [`Learner::Mlp`]
    Mlp(mlp::Net),
    /// [`Learner::Lstm`]
    Lstm(lstm::Net),
    /// [`Learner::OuterProductLstm`]
    OuterProductLstm(outer::Net),
    /// [`Learner::FastWeights`]
    FastWeights(memory::Net),
    /// [`Learner::GatedLinearAttention`]
    GatedLinearAttention(memory::Net),
    /// [`Learner::Vsml`]
    Vsml(vsml::Net),
    /// [`Learner::VsmlUntied`]
    VsmlUntied(vsml::Untied),
    /// [`Learner::SetTransformer`]
    SetTransformer(set_transformer::Net),
    /// [`Learner::Maml`]
    Maml(maml::Net),
}

impl Net {
    /// A new learner, its weights a function of the seed.
    ///
    /// # Errors
    /// [`Learner::Model`], which is none of these, or more parameters than any learner may have.
    pub fn random(learner: &Learner, spec: &ModelSpec, seed: u64, device: &Device) -> Result<Net, String> {
        Net::build(learner, spec, Builder::new(seed, None, device))
    }

    fn build(learner: &Learner, spec: &ModelSpec, mut builder: Builder<'_>) -> Result<Net, String> {
        let build = &mut builder;
        let net = match learner {
            Learner::Model => return Err("the learner of [model] is not a research learner".into()),
            Learner::Mlp(dials) => Net::Mlp(mlp::Net::new(dials, spec, build)),
            Learner::Lstm(dials) => Net::Lstm(lstm::Net::new(dials, spec, build)),
            Learner::OuterProductLstm(dials) => Net::OuterProductLstm(outer::Net::new(dials, spec, build)),
            Learner::FastWeights(dials) => Net::FastWeights(memory::Net::new(memory::Rule::Delta, dials, spec, build)),
            Learner::GatedLinearAttention(dials) => {
                Net::GatedLinearAttention(memory::Net::new(memory::Rule::Gated, dials, spec, build))
            }
            Learner::Vsml(dials) => Net::Vsml(vsml::Net::new(dials, spec, build)),
            Learner::VsmlUntied(dials) => Net::VsmlUntied(vsml::Untied::new(dials, spec, build)),
            Learner::SetTransformer(dials) => Net::SetTransformer(set_transformer::Net::new(dials, spec, build)),
            Learner::Maml(dials) => Net::Maml(maml::Net::new(dials, spec, build)),
        };
        builder.wrong.map_or(Ok(net), Err)
    }

    /// Weights from a file of [`Net::write`].
    ///
    /// # Errors
    /// In words: the file cannot be read, or holds another learner.
    pub fn read(path: &Path, learner: &Learner, spec: &ModelSpec, device: &Device) -> Result<Net, String> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let wrong = |e: &dyn std::fmt::Display| format!("{name}: {e}");
        let bytes = std::fs::read(path).map_err(|e| wrong(&e))?;
        let file = SafeTensors::deserialize(&bytes).map_err(|e| wrong(&e))?;
        let mut stored = BTreeMap::new();
        for (tensor, view) in file.iter() {
            if view.dtype() != Dtype::F32 {
                return Err(wrong(&format!("tensor `{tensor}` is {:?}, expected F32", view.dtype())));
            }
            let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
            stored.insert(tensor.to_owned(), (view.shape().to_vec(), values));
        }
        Net::from_tensors(learner, spec, &stored, device).map_err(|e| wrong(&e))
    }

    /// A learner with given weights.
    ///
    /// # Errors
    /// [`Learner::Model`], or a tensor that is missing or has another shape.
    pub fn from_tensors(
        learner: &Learner,
        spec: &ModelSpec,
        tensors: &Tensors,
        device: &Device,
    ) -> Result<Net, String> {
        Net::build(learner, spec, Builder::new(0, Some(tensors), device))
    }

    /// Writes the weights exactly.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        let raw: Vec<(String, Vec<usize>, Vec<u8>)> = self
            .tensors()
            .into_iter()
            .map(|(name, (shape, values))| (name, shape, values.iter().flat_map(|v| v.to_le_bytes()).collect()))
            .collect();
        let view = |shape: &[usize], bytes| TensorView::new(Dtype::F32, shape.to_vec(), bytes).expect("values fill it");
        let views = raw.iter().map(|(name, shape, bytes)| (name, view(shape, bytes)));
        let bytes = safetensors::serialize(views, None).expect("tensors have different names");
        std::fs::write(path, bytes)
    }

    /// Shape and values of each parameter by its path.
    pub fn tensors(&self) -> Tensors {
        let mut reader = Reader::default();
        match self {
            Net::Mlp(net) => net.visit(&mut reader),
            Net::Lstm(net) => net.visit(&mut reader),
            Net::OuterProductLstm(net) => net.visit(&mut reader),
            Net::FastWeights(net) => net.visit(&mut reader),
            Net::GatedLinearAttention(net) => net.visit(&mut reader),
            Net::Vsml(net) => net.visit(&mut reader),
            Net::VsmlUntied(net) => net.visit(&mut reader),
            Net::SetTransformer(net) => net.visit(&mut reader),
            Net::Maml(net) => net.visit(&mut reader),
        }
        reader.tensors
    }

    /// What evaluation asks.
    pub fn predictor(&self) -> &dyn Predict {
        match self {
            Net::Mlp(net) => net,
            Net::Lstm(net) => net,
            Net::OuterProductLstm(net) => net,
            Net::FastWeights(net) => net,
            Net::GatedLinearAttention(net) => net,
            Net::Vsml(net) => net,
            Net::VsmlUntied(net) => net,
            Net::SetTransformer(net) => net,
            Net::Maml(net) => net,
        }
    }
}

/// Shape and values by name.
pub type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// Makes the parameters of a net, in one order: from a seed, or from what was stored.
struct Builder<'a> {
    seed: u64,
    stored: Option<&'a Tensors>,
    device: &'a Device,
    /// Parameters made.
    made: u64,
    /// Their elements.
    elements: usize,
    /// The first thing that went wrong; a net made with it is thrown away.
    wrong: Option<String>,
}

impl<'a> Builder<'a> {
    fn new(seed: u64, stored: Option<&'a Tensors>, device: &'a Device) -> Self {
        Builder { seed, stored, device, made: 0, elements: 0, wrong: None }
    }

    /// A parameter with values N(0, std²) around `mean`.
    fn param<const R: usize>(&mut self, name: &str, shape: [usize; R], mean: f32, std: f32) -> Param<Tensor<R>> {
        self.made += 1;
        let count = shape.iter().product::<usize>();
        self.elements = self.elements.saturating_add(count);
        if self.elements > MAX_PARAMETERS && self.wrong.is_none() {
            let found = self.elements;
            self.wrong = Some(format!("{found} parameters or more; at most {MAX_PARAMETERS} are accepted"));
        }
        let values = match self.stored {
            _ if self.wrong.is_some() => None,
            Some(stored) => {
                let found = stored.get(name).filter(|(found, _)| *found == shape);
                if found.is_none() {
                    let found = stored.get(name).map_or("none".into(), |(shape, _)| format!("one of {shape:?}"));
                    self.wrong = Some(format!("expected a tensor `{name}` of {shape:?}, found {found}"));
                }
                found.map(|(_, values)| values.clone())
            }
            None if std == 0.0 => Some(vec![mean; count]),
            None => {
                let mut stream = random::stream(self.seed, "weights", self.made);
                Some(normals(count, &mut stream).into_iter().map(|v| mean + std * v).collect())
            }
        };
        let tensor = match values {
            Some(values) => Tensor::<R>::from_data(TensorData::new(values, shape), self.device),
            None => Tensor::zeros([1; R], self.device),
        };
        let tensor = if tensor.device().is_autodiff() { tensor.require_grad() } else { tensor };
        Param::initialized(ParamId::from(self.made), tensor)
    }

    /// A matrix `[in, out]` with values N(0, gain²/in).
    fn matrix(&mut self, name: &str, inputs: usize, outputs: usize, gain: f32) -> Param<Tensor<2>> {
        self.param(name, [inputs, outputs], 0.0, gain / (inputs as f32).sqrt())
    }

    /// A matrix as [`Builder::matrix`] makes it, changed by `change` when it is new.
    fn changed(
        &mut self,
        name: &str,
        [inputs, outputs]: [usize; 2],
        change: impl FnOnce(&mut [f32]),
    ) -> Param<Tensor<2>> {
        let new = self.stored.is_none() && self.wrong.is_none();
        let made = self.matrix(name, inputs, outputs, 1.0);
        if !new || self.wrong.is_some() {
            return made;
        }
        let id = made.id;
        let mut values: Vec<f32> = made.val().into_data().try_to_vec().expect("weights are f32");
        change(&mut values);
        let tensor = Tensor::<2>::from_data(TensorData::new(values, [inputs, outputs]), self.device);
        Param::initialized(id, if tensor.device().is_autodiff() { tensor.require_grad() } else { tensor })
    }

    /// A matrix and a bias of zeros; a new one has the values of `like`.
    fn linear_like(&mut self, name: &str, like: &Linear) -> Linear {
        let shape = like.weight.val().dims();
        let weight = self.changed(&format!("{name}.weight"), shape, |values| {
            let own: Vec<f32> = like.weight.val().into_data().try_to_vec().expect("weights are f32");
            values.copy_from_slice(&own);
        });
        Linear { weight, bias: self.param(&format!("{name}.bias"), [shape[1]], 0.0, 0.0) }
    }

    /// A matrix and a bias of zeros.
    fn linear(&mut self, name: &str, inputs: usize, outputs: usize, gain: f32) -> Linear {
        Linear {
            weight: self.matrix(&format!("{name}.weight"), inputs, outputs, gain),
            bias: self.param(&format!("{name}.bias"), [outputs], 0.0, 0.0),
        }
    }
}

/// LayerNorm.
#[derive(Module, Debug)]
struct Norm {
    gamma: Param<Tensor<1>>,
    beta: Param<Tensor<1>>,
}

impl Norm {
    fn new(name: &str, width: usize, build: &mut Builder<'_>) -> Norm {
        Norm {
            gamma: build.param(&format!("{name}.gamma"), [width], 1.0, 0.0),
            beta: build.param(&format!("{name}.beta"), [width], 0.0, 0.0),
        }
    }

    /// Over the last axis.
    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let centred = x.clone() - x.mean_dim(2);
        let variance = (centred.clone() * centred.clone()).mean_dim(2);
        centred * (variance + LAYER_NORM_EPSILON).sqrt().recip() * self.gamma.val().unsqueeze()
            + self.beta.val().unsqueeze()
    }
}

/// h + GELU(LN(h)·W_up + b_up)·W_down + b_down, four times as wide inside.
#[derive(Module, Debug)]
struct Block {
    norm: Norm,
    up: Linear,
    down: Linear,
}

impl Block {
    fn new(name: &str, width: usize, gain: f32, build: &mut Builder<'_>) -> Block {
        Block {
            norm: Norm::new(&format!("{name}.norm"), width, build),
            up: build.linear(&format!("{name}.up"), width, 4 * width, 1.0),
            down: build.linear(&format!("{name}.down"), 4 * width, width, gain),
        }
    }

    fn forward(&self, state: Tensor<3>) -> Tensor<3> {
        let hidden = activation::gelu(self.up.forward(self.norm.forward(state.clone())));
        state + self.down.forward(hidden)
    }
}

/// z/√(Σz² + ε) over the last axis.
fn unit<const R: usize>(z: Tensor<R>) -> Tensor<R> {
    let scale = ((z.clone() * z.clone()).sum_dim(R - 1) + QK_NORM_EPSILON).sqrt().recip();
    z * scale
}

/// z/√(mean z² + ε) over the last axis.
fn rms<const R: usize>(z: Tensor<R>) -> Tensor<R> {
    let scale = ((z.clone() * z.clone()).mean_dim(R - 1) + RMS_EPSILON).sqrt().recip();
    z * scale
}

/// Labels or inputs of position i−1: the first row is zeros. `[B, T, C]` → `[B, T, C]`.
pub(super) fn previous(labels: Tensor<3>) -> Tensor<3> {
    let [b, t, c] = labels.dims();
    let nothing = Tensor::zeros([b, 1, c], &labels.device());
    match t {
        1 => nothing,
        _ => Tensor::cat(vec![nothing, labels.narrow(1, 0, t - 1)], 1),
    }
}

/// Numbers of a token.
fn token_size(spec: &ModelSpec, whole: bool) -> usize {
    spec.inputs * (1 + usize::from(whole)) + spec.classes
}

/// The paper's tokens (x_i, y_{i−1}), position outermost, `[T, B, X + C]`; `whole` ones hold the example before with its
/// label, (x_i, x_{i−1}, y_{i−1}), `[T, B, 2·X + C]`.
fn tokens(inputs: Tensor<3>, labels: Tensor<3>, whole: bool) -> Tensor<3> {
    let mut parts = vec![inputs.clone()];
    if whole {
        parts.push(previous(inputs));
    }
    parts.push(previous(labels));
    Tensor::cat(parts, 2).swap_dims(0, 1)
}

/// Rows of the first axis. The gradient of a slice is as large as what it was cut from, so that T slices of one tensor
/// would cost T² in the backward pass; halving costs T·log T.
fn unstack<const R: usize>(rows: Tensor<R>) -> Vec<Tensor<R>> {
    let n = rows.dims()[0];
    if n == 1 {
        return vec![rows];
    }
    let half = n / 2;
    let mut all = unstack(rows.clone().narrow(0, 0, half));
    all.extend(unstack(rows.narrow(0, half, n - half)));
    all
}

/// Log-probabilities `[B, T, C]` from states `[T, B, H]`.
fn read_out(states: Tensor<3>, readout: &Linear) -> Tensor<3> {
    activation::log_softmax(readout.forward(states), 2).swap_dims(0, 1)
}
