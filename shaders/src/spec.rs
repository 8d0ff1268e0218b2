//! `ModelSpec`: what a learner is. Burn, the CPU reference and the WGSL engine all read this one description,
//! and [`ModelSpec::tensors`] is the one list of tensor names and shapes.
//!
//! Both variants are causal Transformers over the tokens (x_i, y_{i−1}), pre-LayerNorm, GELU MLP, with a
//! read-out of log-probabilities at every position:
//!
//! ```text
//! h_i = x_i·W_x + W_y[y_{i−1}] + b (+ p_i)                    y_{−1} contributes nothing
//! layer:  z = LN(h);  q, k, v = z·W + b
//!         slot key  s_j = k_j (none) | k_{j−1} (full) | (1−g)·k_j + g·k_{j−1}, g = σ(gate) a head (gated);  k_{−1} = 0
//!         logits    q_i·s_j/√K,  or with q/k norm  e^τ · q̂_i·ŝ_j  where ẑ = z/√(Σz² + 1e−6)
//!         h += softmax_{j ≤ i}(logits)·v · W_o + b_o;   h += GELU(LN(h)·W_up + b_up)·W_down + b_down
//! log p(y_i) = log_softmax(LN(h)·W_r + b_r)
//! ```
//!
//! `paper` is the model of Kirsch et al., *General-Purpose In-Context Learning by Meta-Learning Transformers*
//! (arXiv 2212.04458): no shift, free projections, no q/k norm, learned positions. `shifted` pairs the key of
//! x_{j−1} with the value of y_{j−1} in one slot, so that attention is a kernel smoother from the first step.

use serde::{Deserialize, Serialize};

/// LayerNorm adds this to the variance.
pub const LAYER_NORM_EPSILON: f32 = 1e-5;
/// q/k normalisation adds this to the sum of squares.
pub const QK_NORM_EPSILON: f32 = 1e-6;

/// Which family of learner a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// The paper's model; its switches are fixed.
    Paper,
    /// Shifted keys, with its switches free.
    Shifted,
}

/// Where the key of slot j comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyShift {
    /// Token j itself, as in every Transformer.
    None,
    /// Token j−1: key(x_{j−1}) meets value(y_{j−1}).
    Full,
    /// A learned blend of both, one gate a head.
    Gated,
}

/// How query and key projections relate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueryKey {
    /// Independent from the start.
    Free,
    /// Initialised equal, then free: the file holds both.
    Equal,
    /// One projection for both: the file holds no key projection.
    Tied,
}

/// Absolute positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Positions {
    /// A learned vector for each position up to `longest`.
    Learned,
    /// None: order enters through the causal mask alone.
    None,
}

/// How an input vector is scaled before it is projected.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Normalisation {
    /// Each vector by its own mean and standard deviation: needs no statistics of any data set.
    PerExample,
    /// One scalar mean and standard deviation for all entries, as in the paper.
    Scalar {
        /// Mean over all pixels of the base data.
        mean: f32,
        /// Standard deviation over all pixels of the base data.
        std: f32,
    },
}

/// From an image or a table row to the X inputs of the learner; done by [`crate::encode::Encoder`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encoding {
    /// Images are area-pooled to `side × side` (each channel) first; 0 keeps their size.
    pub side: usize,
    /// Applied after pooling.
    pub normalisation: Normalisation,
    /// Whether a Gaussian projection (entries of variance 1/D₀) maps any number D₀ of values to X inputs.
    /// Without it exactly X values are needed.
    pub projected: bool,
}

/// Everything that determines a learner's shape and computation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// Family.
    pub variant: Variant,
    /// X: inputs of a token.
    pub inputs: usize,
    /// C: classes of the read-out.
    pub classes: usize,
    /// D: width of the residual stream.
    pub width: usize,
    /// L: layers.
    pub layers: usize,
    /// H: attention heads.
    pub heads: usize,
    /// K: query, key and value size of a head.
    pub key_size: usize,
    /// F = `mlp_factor · width`.
    pub mlp_factor: usize,
    /// The longest T that the learner takes; a context holds at most `longest − 1` examples beside the query.
    pub longest: usize,
    /// Key shift.
    pub key_shift: KeyShift,
    /// Relation of query and key projections.
    pub query_key: QueryKey,
    /// Normalised queries and keys with a learned temperature a head.
    pub qk_norm: bool,
    /// Absolute positions.
    pub positions: Positions,
    /// From raw values to inputs.
    pub encoding: Encoding,
}

/// A `ModelSpec` that cannot be built.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SpecError {
    /// A size outside its bounds.
    #[error("model spec: {field} must be between {low} and {high}, found {found}")]
    Size {
        /// Name of the field.
        field: &'static str,
        /// Smallest value allowed.
        low: usize,
        /// Largest value allowed.
        high: usize,
        /// Value found.
        found: usize,
    },
    /// More parameters than any learner of this project needs.
    #[error("model spec: {found} parameters; at most {} are accepted. Reduce width, layers or inputs", MAX_PARAMETERS)]
    TooManyParameters {
        /// Count found.
        found: usize,
    },
    /// Variant `paper` with a switch that the paper does not have.
    #[error("model spec: variant `paper` needs {switch}; use variant `shifted` to vary it")]
    NotThePaper {
        /// The switch as it has to be.
        switch: &'static str,
    },
    /// Normalisation with unusable constants.
    #[error("model spec: normalisation needs a finite mean and a finite, positive std, found mean {mean}, std {std}")]
    Normalisation {
        /// Mean found.
        mean: f32,
        /// Standard deviation found.
        std: f32,
    },
}

/// A file may not ask for more parameters than this (256 MiB of f32).
pub const MAX_PARAMETERS: usize = 1 << 26;

/// Name and shape of one tensor of a model file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorSpec {
    /// Name in the file.
    pub name: String,
    /// Shape, outermost first.
    pub shape: Vec<usize>,
}

impl TensorSpec {
    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it holds no element; never true for a valid spec.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl ModelSpec {
    /// The paper's model at width 256 for `inputs` inputs (4 layers, 8 heads of 32, T = 100, 10 classes).
    pub fn paper(inputs: usize, side: usize, mean: f32, std: f32) -> Self {
        ModelSpec {
            variant: Variant::Paper,
            inputs,
            classes: 10,
            width: 256,
            layers: 4,
            heads: 8,
            key_size: 32,
            mlp_factor: 4,
            longest: 100,
            key_shift: KeyShift::None,
            query_key: QueryKey::Free,
            qk_norm: false,
            positions: Positions::Learned,
            encoding: Encoding { side, normalisation: Normalisation::Scalar { mean, std }, projected: true },
        }
    }

    /// A shifted-key learner with its usual switches: full shift, q/k initialised equal, q/k norm, no positions.
    pub fn shifted(inputs: usize, width: usize, layers: usize, heads: usize) -> Self {
        ModelSpec {
            variant: Variant::Shifted,
            inputs,
            classes: 10,
            width,
            layers,
            heads,
            key_size: width / heads.max(1),
            mlp_factor: 4,
            longest: 256,
            key_shift: KeyShift::Full,
            query_key: QueryKey::Equal,
            qk_norm: true,
            positions: Positions::None,
            encoding: Encoding { side: 14, normalisation: Normalisation::PerExample, projected: true },
        }
    }

    /// F: hidden units of the MLP.
    pub fn mlp(&self) -> usize {
        self.mlp_factor * self.width
    }

    /// H·K: channels of all heads together.
    pub fn channels(&self) -> usize {
        self.heads * self.key_size
    }

    /// Checks every size and switch before anything is allocated for it.
    ///
    /// # Errors
    /// The first field that is out of bounds, or a switch that does not fit the variant.
    pub fn validate(&self) -> Result<(), SpecError> {
        let sizes = [
            ("inputs", self.inputs, 1, 16_384),
            ("classes", self.classes, 2, 256),
            ("width", self.width, 1, 4_096),
            ("layers", self.layers, 1, 64),
            ("heads", self.heads, 1, 64),
            // one invocation of the attention kernel holds a query of this size
            ("key_size", self.key_size, 1, 256),
            ("mlp_factor", self.mlp_factor, 1, 16),
            // the attention kernel keeps a row of logits in workgroup memory
            ("longest", self.longest, 2, 2_048),
            ("encoding.side", self.encoding.side, 0, 256),
        ];
        for (field, found, low, high) in sizes {
            if !(low..=high).contains(&found) {
                return Err(SpecError::Size { field, low, high, found });
            }
        }
        if let Normalisation::Scalar { mean, std } = self.encoding.normalisation
            && !(mean.is_finite() && std.is_finite() && std > 0.0)
        {
            return Err(SpecError::Normalisation { mean, std });
        }
        if self.variant == Variant::Paper {
            let needs = [
                (self.key_shift == KeyShift::None, "key_shift = \"none\""),
                (self.query_key == QueryKey::Free, "query_key = \"free\""),
                (!self.qk_norm, "qk_norm = false"),
                (self.positions == Positions::Learned, "positions = \"learned\""),
            ];
            for (held, switch) in needs {
                if !held {
                    return Err(SpecError::NotThePaper { switch });
                }
            }
        }
        let found = self.parameters();
        if found > MAX_PARAMETERS {
            return Err(SpecError::TooManyParameters { found });
        }
        Ok(())
    }

    /// Every tensor of the file, in file order. Weights are `[in, out]`.
    pub fn tensors(&self) -> Vec<TensorSpec> {
        let (x, c, d, f, hk) = (self.inputs, self.classes, self.width, self.mlp(), self.channels());
        let mut list = Vec::new();
        let mut add = |name: String, shape: &[usize]| list.push(TensorSpec { name, shape: shape.to_vec() });
        add("embed.input.weight".into(), &[x, d]);
        add("embed.label.weight".into(), &[c, d]);
        add("embed.bias".into(), &[d]);
        if self.positions == Positions::Learned {
            add("embed.position".into(), &[self.longest, d]);
        }
        for l in 0..self.layers {
            let mut layer = |name: &str, shape: &[usize]| add(format!("layer.{l}.{name}"), shape);
            layer("norm1.gamma", &[d]);
            layer("norm1.beta", &[d]);
            layer("query.weight", &[d, hk]);
            layer("query.bias", &[hk]);
            if self.query_key != QueryKey::Tied {
                layer("key.weight", &[d, hk]);
                layer("key.bias", &[hk]);
            }
            layer("value.weight", &[d, hk]);
            layer("value.bias", &[hk]);
            layer("output.weight", &[hk, d]);
            layer("output.bias", &[d]);
            if self.key_shift == KeyShift::Gated {
                layer("key_shift.gate", &[self.heads]);
            }
            if self.qk_norm {
                layer("temperature", &[self.heads]);
            }
            layer("norm2.gamma", &[d]);
            layer("norm2.beta", &[d]);
            layer("mlp.up.weight", &[d, f]);
            layer("mlp.up.bias", &[f]);
            layer("mlp.down.weight", &[f, d]);
            layer("mlp.down.bias", &[d]);
        }
        add("norm.gamma".into(), &[d]);
        add("norm.beta".into(), &[d]);
        add("readout.weight".into(), &[d, c]);
        add("readout.bias".into(), &[c]);
        list
    }

    /// Number of parameters.
    pub fn parameters(&self) -> usize {
        self.tensors().iter().map(TensorSpec::len).sum()
    }

    /// Floating-point operations of one forward pass of one episode of T tokens (a multiplication and an
    /// addition count as two); a training step costs about three times as much.
    pub fn forward_flop(&self, tokens: usize) -> f64 {
        let (x, c, d, f, hk) = (self.inputs, self.classes, self.width, self.mlp(), self.channels());
        let token = x * d + self.layers * (4 * d * hk + 2 * d * f) + d * c;
        // causal: half of the T² pairs, twice (logits and values)
        let pairs = self.layers * hk * tokens;
        2.0 * tokens as f64 * (token + pairs) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paper_has_the_papers_number_of_parameters() {
        // 3.24 M at 14×14 and 3.39 M at 28×28
        let count = |inputs| ModelSpec::paper(inputs, 0, 0.0, 1.0).parameters() as f64 / 1e6;
        assert!((count(196) - 3.24).abs() < 0.01, "{}", count(196));
        assert!((count(784) - 3.39).abs() < 0.01, "{}", count(784));
    }

    #[test]
    fn a_paper_with_shifted_keys_is_refused() {
        let mut spec = ModelSpec::paper(196, 14, 0.1, 0.3);
        spec.validate().unwrap();
        spec.qk_norm = true;
        assert_eq!(spec.validate(), Err(SpecError::NotThePaper { switch: "qk_norm = false" }));
    }

    #[test]
    fn absurd_sizes_are_refused_before_anything_is_allocated() {
        let mut spec = ModelSpec::shifted(196, 64, 2, 2);
        spec.validate().unwrap();
        spec.width = usize::MAX / 2;
        assert!(matches!(spec.validate(), Err(SpecError::Size { field: "width", .. })));
        let mut spec = ModelSpec::shifted(16_384, 4_096, 64, 64);
        spec.key_size = 64;
        assert!(matches!(spec.validate(), Err(SpecError::TooManyParameters { .. })));
    }

    #[test]
    fn names_are_unique_and_json_round_trips() {
        for shift in [KeyShift::None, KeyShift::Full, KeyShift::Gated] {
            for query_key in [QueryKey::Free, QueryKey::Equal, QueryKey::Tied] {
                let spec = ModelSpec { key_shift: shift, query_key, ..ModelSpec::shifted(64, 32, 2, 2) };
                let mut names: Vec<_> = spec.tensors().into_iter().map(|t| t.name).collect();
                let all = names.len();
                names.sort();
                names.dedup();
                assert_eq!(names.len(), all);
                let json = serde_json::to_string(&spec).unwrap();
                assert_eq!(serde_json::from_str::<ModelSpec>(&json).unwrap(), spec);
            }
        }
    }
}
