//! `ModelSpec`: what a learner is. Burn, the CPU reference and the WGSL engine all read this one description,
//! and [`ModelSpec::tensors`] is the one list of tensor names and shapes.
//!
//! Variants `paper` and `shifted` are causal Transformers over the tokens (x_i, y_{i−1}), pre-LayerNorm, GELU MLP,
//! with a read-out of log-probabilities at every position:
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
//!
//! `equivariant` is a set learner: N shown examples see each other (not themselves), a query sees the shown ones, and
//! nothing depends on order. Its state has a vector for each token *and class*, all of one kind, so that renaming the
//! labels renames the answers; inputs enter through inner products alone, so that rotating them changes nothing and
//! any number of input values and of classes will do:
//!
//! ```text
//! x̄ = Σ_j x_j/(N+1);  x ← x − x̄;  s = mean_j |x_j|² + 1e−6;  cos_ij = x_i·x_j/√(|x_i|²|x_j|² + 1e−6);  δ_ij = |x_i − x_j|²/s
//! r_i² = δ from i to its k-th nearest shown example;  ε_ij = δ_ij/(r_i·r_j)      a distance in local units
//! u_jc = shown + [c = y_j]·label   for a shown example,    u_ic = query   for a query;    u_ic += scores(i, c)·W_s
//! layer:  z = RMS(u)·γ₁;  q, k, v = z·W    per class
//!         softmax heads  a_ij = softmax_j(τ_h/√(C·K) · Σ_c q_ic·k_jc + 10·w_h·(cos, cos², −δ, −ε)_ij)
//!         linear heads   a_ij = 5·w_h·(cos, cos², e^−ε)_ij/M_i + 5·Σ_r w_hr·α^r_ij      M_i shown examples are seen
//!         u_ic += Σ_j a_ij·v_jc · W_o;   z = RMS(u)·γ₂;   u_ic += ReLU([z_ic, mean_c z_ic]·W_up + b_up)·W_down + b_down
//! log p(y_i = c) = log_softmax_c([RMS(u_ic)·γ, scores(i, c)]·W_r)
//! ```
//!
//! Each [`Ridge`] r inverts A = (K + λI)⁻¹ over the shown examples, once, and writes row i in terms of the others:
//! α_ij = Σ_m K_im·A_mj for a query, −A_ij/A_ii for a shown example (what it would be if i were left out; Allen, 1974),
//! α_ii = 0. Three things come of it: α itself, along which linear heads pass whatever a layer has found, and two scores
//! of every class, hand-written rules that the learner can trust, mistrust and combine:
//!
//! ```text
//! regression      3·Σ_j α_ij·([y_j = c] − 1/C)                                    kernel ridge regression
//! representation  4·(ρ_ic − mean_c ρ_ic),  ρ_ic = Σ_{j∈c} α_ij·(2·K_ij − Σ_{m∈c} K_jm·α_im)
//!                 how much of i the examples of c explain (Zhang, Yang and Feng, 2011, with a kernel)
//! ```
//!
//! A last score, ln((n_c + ½)/(N/C + ½)), says how many examples of c there are (beside i itself).
//!
//! RMS divides by √(mean over classes and channels of u² + 1e−5). With a stem a drawing or other picture has a second view, a
//! learned
//! embedding; the features of both views enter side by side. Ridges see the embedding if there is one, but for those that are
//! `raw`.

use serde::{Deserialize, Serialize};

/// LayerNorm adds this to the variance.
pub const LAYER_NORM_EPSILON: f32 = 1e-5;
/// q/k normalisation adds this to the sum of squares.
pub const QK_NORM_EPSILON: f32 = 1e-6;
/// RMS norm adds this to the mean of squares.
pub const RMS_EPSILON: f32 = 1e-5;
/// Added to |x_i|²·|x_j|² under the root of a cosine.
pub const COSINE_EPSILON: f32 = 1e-6;
/// Slopes of softmax heads are stored divided by this: they live on a larger scale than other weights, and with Adam
/// a factor here is a learning rate as many times larger.
pub const SOFTMAX_SLOPE: f32 = 10.0;
/// The same for linear heads.
pub const LINEAR_SLOPE: f32 = 5.0;
/// Features of a pair of tokens in each view that softmax heads weigh: cos, cos², −δ, −ε.
pub const SOFTMAX_FEATURES: usize = 4;
/// Those that linear heads weigh: cos, cos², e^−ε; α of each ridge follows after all views.
pub const LINEAR_FEATURES: usize = 3;
/// A squared local reach r² is at least this, for copies of one example have none.
pub const LEAST_REACH: f32 = 2e-3;
/// Scale of the regression scores.
pub const REGRESSION_SCALE: f32 = 3.0;
/// Scale of the representation scores.
pub const REPRESENTATION_SCALE: f32 = 4.0;

/// Which family of learner a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// The paper's model; its switches are fixed.
    Paper,
    /// Shifted keys, with its switches free.
    Shifted,
    /// A set learner with a state for each class: labels, order and rotation of the inputs are symmetries.
    Equivariant,
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

/// The kernel of a [`Ridge`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RidgeKernel {
    /// (|x_i|² + |x_j|² − |x_i − x_j|²)/(2s), the inner product of centred inputs at mean square 1.
    Linear,
    /// exp(−δ/2).
    Gaussian,
    /// exp(−ε), whose width follows the local density: self-tuning, Zelnik-Manor and Perona (2004).
    Local,
}

/// A regularised kernel over the shown examples; what comes of it is said at the top of this file.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ridge {
    /// K.
    pub kernel: RidgeKernel,
    /// λ.
    pub lambda: f32,
    /// Whether it sees the inputs themselves where there is an embedding, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub raw: bool,
}

/// One convolution of a stem, with "same" padding (⌊size/2⌋ zeros around), followed by ReLU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Convolution {
    /// Output channels.
    pub channels: usize,
    /// Side of the window, odd.
    pub size: usize,
    /// Stride.
    pub stride: usize,
}

/// From a drawing of `side × side` values to an embedding: convolutions, then one matrix over everything that is left,
/// plus one matrix over the drawing itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stem {
    /// Side of a drawing. The stem reads the first `side²` inputs, which are all of a grey picture; colours follow them
    /// (see [`crate::encode`]).
    pub side: usize,
    /// In order.
    pub convolutions: Vec<Convolution>,
    /// E: size of the embedding.
    pub embedding: usize,
}

impl Stem {
    /// Side and channels of what each convolution reads, and last of what the matrix reads.
    pub fn sizes(&self) -> Vec<(usize, usize)> {
        let mut sizes = vec![(self.side, 1)];
        for convolution in &self.convolutions {
            let (side, _) = sizes[sizes.len() - 1];
            sizes.push((side.div_ceil(convolution.stride), convolution.channels));
        }
        sizes
    }
}

/// What variant `equivariant` has beside the sizes of every learner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Equivariant {
    /// Heads whose signed weights are linear in the features of a pair, beside the softmax `heads`.
    pub linear_heads: usize,
    /// k of the local reach, counted from 1; the farthest where fewer are shown, r = 1 where none is.
    pub neighbour: usize,
    /// Regularised kernels.
    pub ridge: Vec<Ridge>,
    /// A learned embedding as a second view of drawings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stem: Option<Stem>,
}

impl Equivariant {
    /// V: views of an input, the input itself and its embedding if there is a stem.
    pub fn views(&self) -> usize {
        1 + usize::from(self.stem.is_some())
    }

    /// S: scores of a token and class; two of each ridge, and the count.
    pub fn scores(&self) -> usize {
        2 * self.ridge.len() + 1
    }
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
    /// Variant `equivariant` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equivariant: Option<Equivariant>,
    /// From raw values to inputs.
    pub encoding: Encoding,
}

/// How a set learner is asked; the others have no choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manner {
    /// C in use, at most the spec's; the log-probability of every further class is −∞.
    pub classes: usize,
    /// Whether inputs are drawings, which a stem may read; else the learner compares the inputs alone.
    pub drawings: bool,
}

impl Manner {
    /// All classes; drawings if there is a stem.
    pub fn of(spec: &ModelSpec) -> Self {
        Manner { classes: spec.classes, drawings: spec.equivariant.as_ref().is_some_and(|set| set.stem.is_some()) }
    }
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
    /// Variant `equivariant` without its part, or another variant with it.
    #[error("model spec: `equivariant` must be given for variant `equivariant` and for no other")]
    Equivariant,
    /// Variant `equivariant` with a switch of the causal variants.
    #[error("model spec: variant `equivariant` needs {switch}; that switch belongs to variant `shifted`")]
    NotCausal {
        /// The switch as it has to be.
        switch: &'static str,
    },
    /// A stem that does not fit the inputs.
    #[error("model spec: a stem for drawings of side {side} needs at least {} inputs, found {found}", side * side)]
    Stem {
        /// Side of the stem.
        side: usize,
        /// Inputs found.
        found: usize,
    },
    /// A ridge with an unusable λ.
    #[error("model spec: ridge {index} needs a finite, positive lambda, found {found}")]
    Ridge {
        /// Index in the list.
        index: usize,
        /// Value found.
        found: f32,
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
            equivariant: None,
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
            equivariant: None,
            encoding: Encoding { side: 14, normalisation: Normalisation::PerExample, projected: true },
        }
    }

    /// An equivariant learner with a state of `width` channels a class; no stem, no ridges.
    pub fn equivariant(inputs: usize, classes: usize, width: usize, layers: usize) -> Self {
        ModelSpec {
            variant: Variant::Equivariant,
            inputs,
            classes,
            width,
            layers,
            heads: 4,
            key_size: 4,
            mlp_factor: 3,
            longest: 1_025,
            key_shift: KeyShift::None,
            query_key: QueryKey::Free,
            qk_norm: false,
            positions: Positions::None,
            equivariant: Some(Equivariant { linear_heads: 2, neighbour: 7, ridge: Vec::new(), stem: None }),
            encoding: Encoding { side: 14, normalisation: Normalisation::PerExample, projected: false },
        }
    }

    /// The part of variant `equivariant`. Panics for another variant: that is our own bug.
    pub fn set(&self) -> &Equivariant {
        self.equivariant.as_ref().expect("variant `equivariant` has its part")
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
        if (self.variant == Variant::Equivariant) != self.equivariant.is_some() {
            return Err(SpecError::Equivariant);
        }
        if let Some(set) = &self.equivariant {
            self.validate_set(set)?;
        }
        let found = self.parameters();
        if found > MAX_PARAMETERS {
            return Err(SpecError::TooManyParameters { found });
        }
        Ok(())
    }

    fn validate_set(&self, set: &Equivariant) -> Result<(), SpecError> {
        let needs = [
            (self.key_shift == KeyShift::None, "key_shift = \"none\""),
            (self.query_key == QueryKey::Free, "query_key = \"free\""),
            (!self.qk_norm, "qk_norm = false"),
            (self.positions == Positions::None, "positions = \"none\""),
            (!self.encoding.projected, "encoding.projected = false"),
        ];
        for (held, switch) in needs {
            if !held {
                return Err(SpecError::NotCausal { switch });
            }
        }
        let size = |field, found: usize, low, high| match (low..=high).contains(&found) {
            true => Ok(()),
            false => Err(SpecError::Size { field, low, high, found }),
        };
        // the kernels of a set learner hold these in workgroup memory: a row of logits, one query of a head over all
        // classes, the state of a token, its hidden units in one class
        size("longest", self.longest, 2, 1_025)?;
        size("classes · key_size", self.classes * self.key_size, 2, 1_024)?;
        size("classes · width", self.classes * self.width, 2, 2_048)?;
        size("mlp_factor · width", self.mlp(), 1, 896)?;
        size("equivariant.linear_heads", set.linear_heads, 0, 64)?;
        size("equivariant.ridge", set.ridge.len(), 0, 16)?;
        size("equivariant.neighbour", set.neighbour, 1, 64)?;
        for (index, ridge) in set.ridge.iter().enumerate() {
            if !(ridge.lambda.is_finite() && ridge.lambda > 0.0) {
                return Err(SpecError::Ridge { index, found: ridge.lambda });
            }
        }
        let Some(stem) = &set.stem else { return Ok(()) };
        size("equivariant.stem.side", stem.side, 4, 64)?;
        size("equivariant.stem.embedding", stem.embedding, 1, 1_024)?;
        size("equivariant.stem.convolutions", stem.convolutions.len(), 1, 8)?;
        for convolution in &stem.convolutions {
            size("equivariant.stem.convolutions.channels", convolution.channels, 1, 512)?;
            size("equivariant.stem.convolutions.size", convolution.size, 1, 9)?;
            size("equivariant.stem.convolutions.stride", convolution.stride, 1, 4)?;
        }
        if self.inputs < stem.side * stem.side {
            return Err(SpecError::Stem { side: stem.side, found: self.inputs });
        }
        Ok(())
    }

    /// Every tensor of the file, in file order. Weights are `[in, out]`; those of a convolution are
    /// `[size · size · in, out]`, window rows outermost.
    pub fn tensors(&self) -> Vec<TensorSpec> {
        if let Some(set) = &self.equivariant {
            return self.set_tensors(set);
        }
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

    fn set_tensors(&self, set: &Equivariant) -> Vec<TensorSpec> {
        let (d, f) = (self.width, self.mlp());
        let (hk, all) = (self.channels(), (self.heads + set.linear_heads) * self.key_size);
        let scores = set.scores();
        let mut list = Vec::new();
        let mut add = |name: String, shape: &[usize]| list.push(TensorSpec { name, shape: shape.to_vec() });
        add("embed.shown".into(), &[d]);
        add("embed.label".into(), &[d]);
        add("embed.query".into(), &[d]);
        add("embed.scores".into(), &[scores, d]);
        if let Some(stem) = &set.stem {
            let sizes = stem.sizes();
            for (i, convolution) in stem.convolutions.iter().enumerate() {
                let window = convolution.size * convolution.size * sizes[i].1;
                add(format!("stem.convolution.{i}.weight"), &[window, convolution.channels]);
                add(format!("stem.convolution.{i}.bias"), &[convolution.channels]);
            }
            let (side, channels) = sizes[sizes.len() - 1];
            add("stem.embedding".into(), &[side * side * channels, stem.embedding]);
            add("stem.skip".into(), &[stem.side * stem.side, stem.embedding]);
        }
        for l in 0..self.layers {
            let mut layer = |name: &str, shape: &[usize]| add(format!("layer.{l}.{name}"), shape);
            layer("norm1", &[d]);
            layer("query", &[d, hk]);
            layer("key", &[d, hk]);
            layer("value", &[d, all]);
            layer("output", &[all, d]);
            layer("temperature", &[self.heads]);
            layer("slope.softmax", &[SOFTMAX_FEATURES * set.views(), self.heads]);
            if set.linear_heads > 0 {
                layer("slope.linear", &[LINEAR_FEATURES * set.views() + set.ridge.len(), set.linear_heads]);
            }
            layer("norm2", &[d]);
            layer("mlp.up.weight", &[2 * d, f]);
            layer("mlp.up.bias", &[f]);
            layer("mlp.down.weight", &[f, d]);
            layer("mlp.down.bias", &[d]);
        }
        add("norm".into(), &[d]);
        add("readout".into(), &[d + scores, 1]);
        list
    }

    /// Number of parameters.
    pub fn parameters(&self) -> usize {
        self.tensors().iter().map(TensorSpec::len).sum()
    }

    /// All tokens shown, and one query: what one answer costs without a cache.
    fn set_flop(&self, set: &Equivariant, tokens: usize) -> f64 {
        let (n, c, d, f) = (tokens as f64, self.classes as f64, self.width as f64, self.mlp() as f64);
        let (hk, all) = (self.channels() as f64, ((self.heads + set.linear_heads) * self.key_size) as f64);
        let token = c * self.layers as f64 * (2.0 * d * hk + 2.0 * d * all + 3.0 * d * f);
        let pairs = n * (self.inputs as f64 + c * self.layers as f64 * (hk + all));
        // N³ for each inverse, and N² for each α and representation
        let ridges = 3.0 * set.ridge.len() as f64 * n * n;
        let stem = set.stem.as_ref().map_or(0.0, |stem| {
            let sizes = stem.sizes();
            let convolutions = stem.convolutions.iter().enumerate().map(|(i, convolution)| {
                let ((_, inputs), (side, channels)) = (sizes[i], sizes[i + 1]);
                (side * side * channels * convolution.size * convolution.size * inputs) as f64
            });
            let (side, channels) = sizes[sizes.len() - 1];
            convolutions.sum::<f64>() + ((side * side * channels + stem.side * stem.side) * stem.embedding) as f64
        });
        2.0 * n * (token + pairs + ridges + stem)
    }

    /// Floating-point operations of one forward pass of one episode of T tokens (a multiplication and an
    /// addition count as two); a training step costs about three times as much.
    pub fn forward_flop(&self, tokens: usize) -> f64 {
        if let Some(set) = &self.equivariant {
            return self.set_flop(set, tokens);
        }
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
    fn an_equivariant_learner_is_small_and_refuses_switches_of_the_others() {
        let spec = ModelSpec::equivariant(784, 20, 16, 4);
        spec.validate().unwrap();
        assert!((10_000..16_000).contains(&spec.parameters()), "{}", spec.parameters());
        let refused = |change: fn(&mut ModelSpec)| {
            let mut spec = spec.clone();
            change(&mut spec);
            spec.validate().unwrap_err()
        };
        assert_eq!(refused(|s| s.qk_norm = true), SpecError::NotCausal { switch: "qk_norm = false" });
        assert_eq!(refused(|s| s.equivariant = None), SpecError::Equivariant);
        assert_eq!(refused(|s| s.variant = Variant::Shifted), SpecError::Equivariant);
        let ridge = Ridge { kernel: RidgeKernel::Linear, lambda: 0.0, raw: false };
        let mut bad = spec.clone();
        bad.equivariant.as_mut().unwrap().ridge = vec![ridge];
        assert_eq!(bad.validate(), Err(SpecError::Ridge { index: 0, found: 0.0 }));
        let stem = Stem { side: 14, convolutions: vec![Convolution { channels: 4, size: 3, stride: 2 }], embedding: 8 };
        assert_eq!(stem.sizes(), [(14, 1), (7, 4)]);
        bad.equivariant = Some(Equivariant { linear_heads: 1, neighbour: 1, ridge: vec![], stem: Some(stem) });
        bad.validate().unwrap();
        bad.inputs = 195;
        assert_eq!(bad.validate(), Err(SpecError::Stem { side: 14, found: 195 }));
    }

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
