//! Variants `paper` and `shifted`.

use burn::module::{Module, Param};
use burn::tensor::{Bool, Tensor, activation};
use shaders::model::spec::{KeyShift, LAYER_NORM_EPSILON, ModelSpec, Positions, QK_NORM_EPSILON, QueryKey};

use super::load::Loader;
use super::parts::{Linear, SpecField, previous};
use super::predict::Predict;

/// A causal learner. Shapes of the parameters: [`ModelSpec::tensors`].
#[derive(Module, Debug)]
pub struct Net {
    embed: Embed,
    layer: Vec<Layer>,
    norm: LayerNorm,
    readout: Linear,
    #[module(skip)]
    spec: SpecField,
}

#[derive(Module, Debug)]
struct Embed {
    input: Weight,
    label: Weight,
    bias: Param<Tensor<1>>,
    position: Option<Param<Tensor<2>>>,
}

#[derive(Module, Debug)]
struct Weight {
    weight: Param<Tensor<2>>,
}

#[derive(Module, Debug)]
struct LayerNorm {
    gamma: Param<Tensor<1>>,
    beta: Param<Tensor<1>>,
}

#[derive(Module, Debug)]
struct Gate {
    gate: Param<Tensor<1>>,
}

#[derive(Module, Debug)]
struct Mlp {
    up: Linear,
    down: Linear,
}

#[derive(Module, Debug)]
struct Layer {
    norm1: LayerNorm,
    query: Linear,
    key: Option<Linear>,
    value: Linear,
    output: Linear,
    key_shift: Option<Gate>,
    temperature: Option<Param<Tensor<1>>>,
    norm2: LayerNorm,
    mlp: Mlp,
}

impl LayerNorm {
    /// Over the last axis.
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let centred = x.clone() - x.mean_dim(1);
        let variance = (centred.clone() * centred.clone()).mean_dim(1);
        let scale = (variance + LAYER_NORM_EPSILON).sqrt().recip();
        centred * scale * self.gamma.val().unsqueeze() + self.beta.val().unsqueeze()
    }
}

/// ẑ = z/√(Σz² + ε) over the last axis.
fn unit(z: Tensor<4>) -> Tensor<4> {
    let scale = ((z.clone() * z.clone()).sum_dim(3) + QK_NORM_EPSILON).sqrt().recip();
    z * scale
}

impl Net {
    /// A net with a model's weights.
    pub(super) fn load(loader: &Loader<'_>) -> Net {
        let spec = loader.spec();
        let vector = |name: String| loader.vector(&name);
        let matrix = |name: String| loader.matrix(&name);
        let linear = |name: String| loader.linear(&name);
        let norm =
            |name: String| LayerNorm { gamma: vector(format!("{name}.gamma")), beta: vector(format!("{name}.beta")) };
        let layer = |l: usize| {
            let at = |name: &str| format!("layer.{l}.{name}");
            Layer {
                norm1: norm(at("norm1")),
                query: linear(at("query")),
                key: (spec.query_key != QueryKey::Tied).then(|| linear(at("key"))),
                value: linear(at("value")),
                output: linear(at("output")),
                key_shift: (spec.key_shift == KeyShift::Gated).then(|| Gate { gate: vector(at("key_shift.gate")) }),
                temperature: spec.qk_norm.then(|| vector(at("temperature"))),
                norm2: norm(at("norm2")),
                mlp: Mlp { up: linear(at("mlp.up")), down: linear(at("mlp.down")) },
            }
        };
        Net {
            embed: Embed {
                input: Weight { weight: matrix("embed.input.weight".into()) },
                label: Weight { weight: matrix("embed.label.weight".into()) },
                bias: vector("embed.bias".into()),
                position: (spec.positions == Positions::Learned).then(|| matrix("embed.position".into())),
            },
            layer: (0..spec.layers).map(layer).collect(),
            norm: norm("norm".into()),
            readout: linear("readout".into()),
            spec: SpecField(spec.clone()),
        }
    }

    /// Log-probabilities of every label from what came before it.
    ///
    /// # Shapes
    /// `inputs` `[B, T, X]`, `previous` `[B, T, C]`: one-hot labels of position i−1, zeros at position 0 → `[B, T, C]`.
    pub fn forward(&self, inputs: Tensor<3>, previous: Tensor<3>) -> Tensor<3> {
        let spec = &self.spec.0;
        let [b, t, x] = inputs.dims();
        let (d, h, k, c) = (spec.width, spec.heads, spec.key_size, spec.classes);
        let device = inputs.device();
        let mut state = inputs.reshape([b * t, x]).matmul(self.embed.input.weight.val())
            + previous.reshape([b * t, c]).matmul(self.embed.label.weight.val())
            + self.embed.bias.val().unsqueeze(); // [B·T, D]
        if let Some(position) = &self.embed.position {
            let rows = position.val().narrow(0, 0, t).unsqueeze::<3>(); // [1, T, D]
            state = (state.reshape([b, t, d]) + rows).reshape([b * t, d]);
        }
        // true where i may not see slot j
        let hidden = Tensor::<2, Bool>::tril_mask([t, t], 0, &device).unsqueeze::<4>(); // [1, 1, T, T]
        let heads = |z: Tensor<2>| z.reshape([b, t, h, k]).swap_dims(1, 2); // [B, H, T, K]
        let each_head = |z: Tensor<1>| z.reshape([1, h, 1, 1]);
        for layer in &self.layer {
            let z = layer.norm1.forward(state.clone());
            let mut query = heads(layer.query.forward(z.clone()));
            let mut key = heads(layer.key.as_ref().unwrap_or(&layer.query).forward(z.clone()));
            let value = heads(layer.value.forward(z));
            if spec.key_shift != KeyShift::None {
                let nothing = Tensor::<4>::zeros([b, h, 1, k], &device);
                let shifted = Tensor::cat(vec![nothing, key.clone().slice([0..b, 0..h, 0..t - 1])], 2);
                key = match &layer.key_shift {
                    None => shifted,
                    Some(Gate { gate }) => {
                        let share = each_head(activation::sigmoid(gate.val()));
                        key.clone() + (shifted - key) * share
                    }
                };
            }
            match &layer.temperature {
                Some(temperature) => {
                    query = unit(query) * each_head(temperature.val().exp());
                    key = unit(key);
                }
                None => query = query / (k as f64).sqrt(),
            }
            let logits = query.matmul(key.swap_dims(2, 3)).mask_fill(hidden.clone(), -1e9); // [B, H, T, T]
            let mixed = activation::softmax(logits, 3).matmul(value); // [B, H, T, K]
            let mixed = mixed.swap_dims(1, 2).reshape([b * t, h * k]);
            state = state + layer.output.forward(mixed);
            let z = layer.norm2.forward(state.clone());
            state = state + layer.mlp.down.forward(activation::gelu(layer.mlp.up.forward(z)));
        }
        let logits = self.readout.forward(self.norm.forward(state)); // [B·T, C]
        activation::log_softmax(logits, 1).reshape([b, t, c])
    }
}

impl Predict for Net {
    fn spec(&self) -> &ModelSpec {
        &self.spec.0
    }

    fn predict(&self, inputs: Tensor<3>, labels: Tensor<3>) -> Tensor<3> {
        self.forward(inputs, previous(labels))
    }
}
