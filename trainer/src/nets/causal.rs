//! Burn modules of the learners that `shaders::spec` describes, with the same formulas.
//!
//! Fields are named after the tensors of the model file, so a parameter's path in the module *is* its name in the
//! file, and loading and saving need no table. A test holds the two lists together.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param, ParamId};
use burn::tensor::{Bool, Device, Tensor, TensorData, activation};
use shaders::Model;
use shaders::spec::{KeyShift, LAYER_NORM_EPSILON, ModelSpec, Positions, QK_NORM_EPSILON, QueryKey};

/// A learner that can be trained. Shapes of the parameters: [`ModelSpec::tensors`].
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
struct Linear {
    weight: Param<Tensor<2>>,
    bias: Param<Tensor<1>>,
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

/// The spec as a constant of the module.
#[derive(Debug, Clone)]
struct SpecField(ModelSpec);

impl Linear {
    /// `[…, in]` → `[…, out]`
    fn forward<const R: usize>(&self, x: Tensor<R>) -> Tensor<R> {
        burn::tensor::module::linear(x, self.weight.val(), Some(self.bias.val()))
    }
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

/// Marked for gradients where the device keeps them.
fn trainable<const R: usize>(tensor: Tensor<R>) -> Tensor<R> {
    if tensor.device().is_autodiff() { tensor.require_grad() } else { tensor }
}

/// ẑ = z/√(Σz² + ε) over the last axis.
fn unit(z: Tensor<4>) -> Tensor<4> {
    let scale = ((z.clone() * z.clone()).sum_dim(3) + QK_NORM_EPSILON).sqrt().recip();
    z * scale
}

impl Net {
    /// A net with a model's weights.
    pub fn from_model(model: &Model, device: &Device) -> Net {
        let spec = &model.spec;
        // ids follow the order of tensors in the file, so that an optimiser's state finds its parameter after a restart
        let ids: BTreeMap<String, u64> =
            spec.tensors().into_iter().enumerate().map(|(i, t)| (t.name, i as u64 + 1)).collect();
        let id = |name: &str| ParamId::from(ids[name]);
        let vector = |name: String| {
            let values = model.tensor(&name).to_vec();
            let data = TensorData::new(values.clone(), [values.len()]);
            Param::initialized(id(&name), trainable(Tensor::<1>::from_data(data, device)))
        };
        let matrix = |name: String, rows: usize| {
            let values = model.tensor(&name).to_vec();
            let columns = values.len() / rows;
            let data = TensorData::new(values, [rows, columns]);
            Param::initialized(id(&name), trainable(Tensor::<2>::from_data(data, device)))
        };
        let (d, f, hk) = (spec.width, spec.mlp(), spec.channels());
        let linear = |name: String, rows: usize| Linear {
            weight: matrix(format!("{name}.weight"), rows),
            bias: vector(format!("{name}.bias")),
        };
        let norm =
            |name: String| LayerNorm { gamma: vector(format!("{name}.gamma")), beta: vector(format!("{name}.beta")) };
        let layer = |l: usize| {
            let at = |name: &str| format!("layer.{l}.{name}");
            Layer {
                norm1: norm(at("norm1")),
                query: linear(at("query"), d),
                key: (spec.query_key != QueryKey::Tied).then(|| linear(at("key"), d)),
                value: linear(at("value"), d),
                output: linear(at("output"), hk),
                key_shift: (spec.key_shift == KeyShift::Gated).then(|| Gate { gate: vector(at("key_shift.gate")) }),
                temperature: spec.qk_norm.then(|| vector(at("temperature"))),
                norm2: norm(at("norm2")),
                mlp: Mlp { up: linear(at("mlp.up"), d), down: linear(at("mlp.down"), f) },
            }
        };
        Net {
            embed: Embed {
                input: Weight { weight: matrix("embed.input.weight".into(), spec.inputs) },
                label: Weight { weight: matrix("embed.label.weight".into(), spec.classes) },
                bias: vector("embed.bias".into()),
                position: (spec.positions == Positions::Learned).then(|| matrix("embed.position".into(), spec.longest)),
            },
            layer: (0..spec.layers).map(layer).collect(),
            norm: norm("norm".into()),
            readout: linear("readout".into(), d),
            spec: SpecField(spec.clone()),
        }
    }

    /// What this net is.
    pub fn spec(&self) -> &ModelSpec {
        &self.spec.0
    }

    /// Its weights as a model without metadata.
    pub fn to_model(&self) -> Model {
        let mut reader = Reader::default();
        self.visit(&mut reader);
        Model { spec: self.spec.0.clone(), tensors: reader.tensors, metadata: BTreeMap::new() }
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

/// Collects values by path.
#[derive(Default)]
struct Reader {
    path: Vec<String>,
    tensors: BTreeMap<String, Vec<f32>>,
}

impl ModuleVisitor for Reader {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const R: usize>(&mut self, param: &Param<Tensor<R>>) {
        let values = crate::train::floats(param.val());
        self.tensors.insert(self.path.join("."), values);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_in_the_module_are_names_in_the_file() {
        for shift in [KeyShift::None, KeyShift::Full, KeyShift::Gated] {
            for query_key in [QueryKey::Free, QueryKey::Equal, QueryKey::Tied] {
                for positions in [Positions::Learned, Positions::None] {
                    let mut spec = ModelSpec::shifted(12, 8, 2, 2);
                    spec.longest = 20;
                    (spec.key_shift, spec.query_key, spec.positions) = (shift, query_key, positions);
                    spec.qk_norm = positions == Positions::None;
                    let model = Model::random(spec, 5).unwrap();
                    assert_eq!(Net::from_model(&model, &Device::flex()).to_model(), model);
                }
            }
        }
    }
}
