//! Two learners whose layers keep a matrix a head, written and read by the tokens (x_i, y_{i−1}): fast weights with the
//! delta rule (Schlag, Irie and Schmidhuber, 2021) and gated linear attention (Yang et al., 2024). A layer is that of a
//! Transformer, pre-LayerNorm with a GELU MLP, with this in the place of attention:
//!
//! ```text
//! q, k, v = LN(h)·W + b   a head of size K
//! fast weights   β = σ(LN(h)·w + 1);   S_t = S_{t−1} + β·k̂ ⊗ (v − k̂·S_{t−1});   y_t = q̂·S_t      ẑ = z/|z|
//! gated          α = σ(LN(h)·W_α + 3)^(1/16);   S_t = diag(α)·S_{t−1} + k ⊗ v;   y_t = q·S_t/√K
//! h += RMS(y)·W_o + b_o;   h += GELU(LN(h)·W_up + b_up)·W_down + b_down
//! ```
//!
//! With `shift` the key is that of the token before, so that key(x_{i−1}) meets value(y_{i−1}), as in variant `shifted`
//! of the Transformer and as the short convolutions of such learners allow.

use burn::module::Module;
use burn::tensor::{Tensor, activation};
use serde::{Deserialize, Serialize};
use shaders::model::spec::ModelSpec;

use super::super::parts::{Linear, SpecField};
use super::super::predict::Predict;
use super::builder::Builder;
use super::kind::{Kind, OutOfBounds, within};
use super::parts::{Block, Norm, read_out, rms, tokens, unit, unstack};

/// Their hyperparameters.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hyperparameters {
    /// D: width of the residual stream.
    pub width: usize,
    /// L: layers.
    pub layers: usize,
    /// H: heads of a layer.
    pub heads: usize,
    /// K: rows and columns of a head's matrix.
    pub key_size: usize,
    /// Whether the key is that of the token before.
    pub shift: bool,
    /// Whether a new net's queries are its keys, as `query_key = "equal"` has it for the Transformer.
    pub aligned: bool,
}

impl Default for Hyperparameters {
    fn default() -> Self {
        Hyperparameters { width: 128, layers: 2, heads: 4, key_size: 32, shift: true, aligned: false }
    }
}

impl Hyperparameters {
    fn validate(&self) -> Result<(), OutOfBounds> {
        within(&[
            ("learner.width", self.width, 4_096),
            ("learner.layers", self.layers, 64),
            ("learner.heads", self.heads, 64),
            ("learner.key_size", self.key_size, 512),
        ])
    }

    /// Matrices, and the keys that wait for the next token.
    fn state_size(&self) -> usize {
        self.layers * self.heads * self.key_size * (self.key_size + usize::from(self.shift))
    }
}

/// Fast weights with the delta rule.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FastWeights(pub Hyperparameters);

impl Kind for FastWeights {
    type Net = Net;

    fn validate(&self) -> Result<(), OutOfBounds> {
        self.0.validate()
    }

    fn state_size(&self, _: &ModelSpec, _: usize) -> usize {
        self.0.state_size()
    }

    fn build(&self, spec: &ModelSpec, build: &mut Builder<'_>) -> Net {
        Net::new(Rule::Delta, &self.0, spec, build)
    }
}

/// Gated linear attention.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GatedLinearAttention(pub Hyperparameters);

impl Kind for GatedLinearAttention {
    type Net = Net;

    fn validate(&self) -> Result<(), OutOfBounds> {
        self.0.validate()
    }

    fn state_size(&self, _: &ModelSpec, _: usize) -> usize {
        self.0.state_size()
    }

    fn build(&self, spec: &ModelSpec, build: &mut Builder<'_>) -> Net {
        Net::new(Rule::Gated, &self.0, spec, build)
    }
}

/// How a matrix is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Delta,
    Gated,
}

/// The net.
#[derive(Module, Debug)]
pub struct Net {
    embed: Linear,
    layer: Vec<Layer>,
    norm: Norm,
    readout: Linear,
    heads: usize,
    key_size: usize,
    shift: bool,
    #[module(skip)]
    spec: SpecField,
}

#[derive(Module, Debug)]
struct Layer {
    norm1: Norm,
    query: Linear,
    key: Linear,
    value: Linear,
    /// Fast weights: strength of a write, `[D, H]`.
    write: Option<Linear>,
    /// Gated: what is kept, `[D, H·K]`.
    decay: Option<Linear>,
    output: Linear,
    mlp: Block,
}

impl Net {
    fn new(rule: Rule, settings: &Hyperparameters, spec: &ModelSpec, build: &mut Builder<'_>) -> Net {
        let Hyperparameters { width: d, layers, heads, key_size, shift, aligned } = *settings;
        let channels = heads * key_size;
        let branch = (0.5 / layers as f32).sqrt();
        let layer = |l: usize| {
            let at = |name: &str| format!("layer.{l}.{name}");
            let norm1 = Norm::new(&at("norm1"), d, build);
            let query = build.linear(&at("query"), d, channels, 1.0);
            let key = match aligned {
                true => build.linear_like(&at("key"), &query),
                false => build.linear(&at("key"), d, channels, 1.0),
            };
            Layer {
                norm1,
                query,
                key,
                value: build.linear(&at("value"), d, channels, 1.0),
                write: (rule == Rule::Delta).then(|| build.linear(&at("write"), d, heads, 0.5)),
                decay: (rule == Rule::Gated).then(|| build.linear(&at("decay"), d, channels, 0.5)),
                output: build.linear(&at("output"), channels, d, branch),
                mlp: Block::new(&at("mlp"), d, branch, build),
            }
        };
        Net {
            layer: (0..layers).map(layer).collect(),
            embed: build.linear("embed", spec.inputs + spec.classes, d, 1.0),
            norm: Norm::new("norm", d, build),
            readout: build.linear("readout", d, spec.classes, 0.5),
            heads,
            key_size,
            shift,
            spec: SpecField(spec.clone()),
        }
    }
}

impl Layer {
    /// What is read at each position, from `z` `[T, B, D]` → `[T, B, H·K]`.
    fn memory(&self, z: Tensor<3>, heads: usize, k: usize, shift: bool) -> Tensor<3> {
        let [t, b, _] = z.dims();
        let rows = b * heads;
        let device = z.device();
        let of_heads = |z: Tensor<3>| z.reshape([t, rows, k]);
        let query = of_heads(self.query.forward(z.clone()));
        let mut key = of_heads(self.key.forward(z.clone()));
        let value = of_heads(self.value.forward(z.clone()));
        // what else a position brings: one number a head, or one a key channel
        let (query, gate) = match (&self.write, &self.decay) {
            (Some(write), _) => {
                key = unit(key);
                (unit(query), activation::sigmoid(write.forward(z) + 1.0).reshape([t, rows, 1]))
            }
            (_, Some(decay)) => {
                let kept = activation::log_sigmoid(of_heads(decay.forward(z)) + 3.0) / 16.0;
                (query / (k as f64).sqrt(), kept.exp())
            }
            _ => unreachable!("a layer has one rule"),
        };
        if shift {
            let nothing = Tensor::zeros([1, rows, k], &device);
            key = match t {
                1 => nothing,
                _ => Tensor::cat(vec![nothing, key.narrow(0, 0, t - 1)], 0),
            };
        }
        let [_, _, gates] = gate.dims();
        let all = Tensor::cat(vec![query, key, value, gate], 2); // [T, B·H, 3K + gates]
        let mut state: Option<Tensor<3>> = None; // [B·H, K, K]
        let mut read = Vec::with_capacity(t);
        for row in unstack(all) {
            let part =
                |from: usize, to: usize, shape: [usize; 3]| row.clone().narrow(2, from, to - from).reshape(shape);
            let query = part(0, k, [rows, 1, k]);
            let key = part(k, 2 * k, [rows, k, 1]);
            let value = part(2 * k, 3 * k, [rows, 1, k]);
            let now = match (state, self.write.is_some()) {
                (None, true) => key * (value * part(3 * k, 3 * k + gates, [rows, 1, 1])),
                (None, false) => key * value,
                (Some(state), true) => {
                    let old = key.clone().swap_dims(1, 2).matmul(state.clone());
                    let change = (value - old) * part(3 * k, 3 * k + gates, [rows, 1, 1]);
                    state + key * change
                }
                (Some(state), false) => state * part(3 * k, 3 * k + gates, [rows, k, 1]) + key * value,
            };
            read.push(query.matmul(now.clone()).reshape([1, rows, k]));
            state = Some(now);
        }
        rms(Tensor::cat(read, 0)).reshape([t, b, heads * k])
    }
}

impl Predict for Net {
    fn spec(&self) -> &ModelSpec {
        &self.spec.0
    }

    fn predict(&self, inputs: Tensor<3>, labels: Tensor<3>) -> Tensor<3> {
        let mut state = self.embed.forward(tokens(inputs, labels, false)); // [T, B, D]
        for layer in &self.layer {
            let read = layer.memory(layer.norm1.forward(state.clone()), self.heads, self.key_size, self.shift);
            state = state + layer.output.forward(read);
            state = layer.mlp.forward(state);
        }
        read_out(self.norm.forward(state), &self.readout)
    }
}
