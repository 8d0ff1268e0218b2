//! The list of research learners, and what is done with any of them.

use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use shaders::model::spec::ModelSpec;

use super::super::load::{Reader, Tensors};
use super::super::predict::Predict;
use super::builder::Builder;
use super::kind::{Kind, OutOfBounds};
use super::{linear_attention, lstm, maml, mlp, outer_product_lstm, set_transformer, tail, vsml};

/// Writes [`Learner`] and [`Net`] from one line a learner: its variant, its hyperparameters, the name of its kind in
/// settings and a line about it.
macro_rules! learners {
    ($($variant:ident($settings:ty) $kind:tt $about:tt,)*) => {
        /// Which learner a run trains. Keys are those of `[learner]` in a run's TOML.
        #[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
        #[serde(tag = "kind")]
        pub enum Learner {
            /// The one that `[model]` describes, which can be exported.
            #[default]
            #[serde(rename = "model")]
            Model,
            $(
                #[doc = $about]
                #[serde(rename = $kind)]
                $variant($settings),
            )*
        }

        /// Every kind with a line about it, in the order of [`Learner`].
        pub const KINDS: [(&str, &str); 1 + [$($kind),*].len()] =
            [("model", "the learner of [model]: a Transformer or a set learner"), $(($kind, $about)),*];

        impl Learner {
            /// A learner by its kind, with default hyperparameters.
            pub fn of_kind(kind: &str) -> Option<Learner> {
                match kind {
                    "model" => Some(Learner::Model),
                    $($kind => Some(Learner::$variant(Default::default())),)*
                    _ => None,
                }
            }

            /// Its kind, as settings name it.
            pub fn kind(&self) -> &'static str {
                match self {
                    Learner::Model => "model",
                    $(Learner::$variant(_) => $kind,)*
                }
            }

            /// Whether it is trained on queries to shown examples rather than at every position.
            pub fn asks_queries(&self) -> bool {
                match self {
                    Learner::Model => false,
                    $(Learner::$variant(_) => <$settings as Kind>::ASKS_QUERIES,)*
                }
            }

            /// Whether what came before can change an answer.
            pub fn remembers(&self) -> bool {
                match self {
                    Learner::Model => true,
                    $(Learner::$variant(_) => <$settings as Kind>::REMEMBERS,)*
                }
            }

            /// What those of its keys can be that are words.
            pub fn words(&self) -> &'static [(&'static str, &'static [&'static str])] {
                match self {
                    Learner::Model => &[],
                    $(Learner::$variant(_) => <$settings as Kind>::WORDS,)*
                }
            }

            /// Checks its hyperparameters.
            ///
            /// # Errors
            /// The first one that is out of bounds.
            pub fn validate(&self) -> Result<(), OutOfBounds> {
                match self {
                    Learner::Model => Ok(()),
                    $(Learner::$variant(settings) => settings.validate(),)*
                }
            }

            /// State size of a research learner.
            fn own_state_size(&self, spec: &ModelSpec, t: usize) -> Option<usize> {
                match self {
                    Learner::Model => None,
                    $(Learner::$variant(settings) => Some(settings.state_size(spec, t)),)*
                }
            }
        }

        /// A research learner's weights and computation.
        #[derive(Module, Debug)]
        pub enum Net {
            $(
                #[doc = $about]
                $variant(<$settings as Kind>::Net),
            )*
        }

        impl Net {
            fn build(learner: &Learner, spec: &ModelSpec, mut builder: Builder<'_>) -> Result<Net, String> {
                let net = match learner {
                    Learner::Model => return Err("the learner of [model] is not a research learner".into()),
                    $(Learner::$variant(settings) => Net::$variant(settings.build(spec, &mut builder)),)*
                };
                builder.finish(net)
            }

            /// Shape and values of each parameter by its path.
            pub fn tensors(&self) -> Tensors {
                let mut reader = Reader::default();
                match self {
                    $(Net::$variant(net) => net.visit(&mut reader),)*
                }
                reader.tensors
            }

            /// What evaluation asks.
            pub fn predictor(&self) -> &dyn Predict {
                match self {
                    $(Net::$variant(net) => net,)*
                }
            }
        }
    };
}

learners! {
    Mlp(mlp::Hyperparameters) "mlp" "perceptron on single examples, without memory",
    Lstm(lstm::Hyperparameters) "lstm" "long short-term memory",
    OuterProductLstm(outer_product_lstm::Hyperparameters) "outer-product-lstm"
        "LSTM whose cells are matrices, written by outer products",
    FastWeights(linear_attention::FastWeights) "fast-weights" "fast weights with the delta rule",
    GatedLinearAttention(linear_attention::GatedLinearAttention) "gated-linear-attention"
        "linear attention whose memory decays by learned gates",
    Vsml(vsml::Hyperparameters) "vsml" "grid of tiny LSTMs with shared weights and messages both ways",
    VsmlUntied(vsml::UntiedHyperparameters) "vsml-untied" "the same grid, each LSTM with weights of its own",
    SetTransformer(set_transformer::Hyperparameters) "set-transformer"
        "Transformer over sets of shown examples, in the manner of PFNs",
    Tail(tail::Hyperparameters) "tail" "the same with labels that are random codes: more classes than it met at a time",
    Maml(maml::Hyperparameters) "maml" "start of an online perceptron, learned through its gradient steps",
}

impl Learner {
    /// State size: how many numbers carry what T examples have told to the prediction of the next label. Weights do
    /// not count, as they are the same whatever the examples were, and neither does the token itself (x_i and
    /// y_{i−1}). Every recurrent state counts whole: an LSTM has its cells and its outputs, 2·H, of which the paper
    /// counts H. Attention reads the keys and values of all T examples, 2·H·K·L·T.
    pub fn state_size(&self, spec: &ModelSpec, t: usize) -> usize {
        self.own_state_size(spec, t).unwrap_or_else(|| {
            let (values, per_class, examples) = match &spec.equivariant {
                // besides keys and values the examples themselves, which are compared with each query
                Some(set) => (spec.heads + set.linear_heads, spec.classes, t * (spec.inputs + 1)),
                None => (spec.heads, 1, 0),
            };
            (spec.heads + values) * spec.key_size * per_class * spec.layers * t + examples
        })
    }
}

impl Net {
    /// A new learner, its weights a function of the seed.
    ///
    /// # Errors
    /// [`Learner::Model`], which is none of these, or more parameters than any learner may have.
    pub fn random(learner: &Learner, spec: &ModelSpec, seed: u64, device: &Device) -> Result<Net, String> {
        Net::build(learner, spec, Builder::seeded(seed, device))
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
        let mut stored = Tensors::new();
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
}
