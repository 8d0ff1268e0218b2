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
//! A last score, ln((n_c + ½)/(N/C + ½)), counts the examples of c (without i itself).
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

/// From an image or a table row to the X inputs of the learner; done by [`crate::input::encode::Encoder`].
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

/// From a picture of `side × side` pixels to an embedding: convolutions, then one matrix over everything that is left,
/// plus one matrix over the picture itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stem {
    /// Side of a picture.
    pub side: usize,
    /// Channels that are read, 1 or 3: the first `channels · side²` inputs, one plane after another. The first plane is all of
    /// a grey picture; differences of colours follow it (see [`crate::input::encode`]), zeros where there are none.
    #[serde(default = "grey", skip_serializing_if = "is_grey")]
    pub channels: usize,
    /// In order.
    pub convolutions: Vec<Convolution>,
    /// E: size of the embedding.
    pub embedding: usize,
}

/// The channels of a stem that has none named.
fn grey() -> usize {
    1
}

fn is_grey(channels: &usize) -> bool {
    *channels == 1
}

impl Stem {
    /// Inputs that it reads.
    pub fn values(&self) -> usize {
        self.channels * self.side * self.side
    }

    /// Side and channels of what each convolution reads, and last of what the matrix reads.
    pub fn sizes(&self) -> Vec<(usize, usize)> {
        let mut sizes = vec![(self.side, self.channels)];
        for convolution in &self.convolutions {
            let (side, _) = sizes[sizes.len() - 1];
            sizes.push((side.div_ceil(convolution.stride), convolution.channels));
        }
        sizes
    }
}

/// What variant `equivariant` has besides the sizes of every learner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Equivariant {
    /// Heads whose signed weights are linear in the features of a pair, next to the softmax `heads`.
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
    /// The longest T that the learner takes; a context holds at most `longest − 1` examples and the query.
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

/// Query options; only set learners use them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryOptions {
    /// C in use, at most [`ModelSpec::most_classes`]; the log-probability of every further class of the spec is −∞.
    pub classes: usize,
    /// Whether inputs are drawings, which a stem may read; else the learner compares the inputs alone.
    pub images: bool,
}

impl QueryOptions {
    /// The spec's classes; drawings if there is a stem.
    pub fn of(spec: &ModelSpec) -> Self {
        QueryOptions { classes: spec.classes, images: spec.equivariant.as_ref().is_some_and(|set| set.stem.is_some()) }
    }
}

/// Most classes that a set learner tells apart.
pub const MOST_SET_CLASSES: usize = 200;

impl ModelSpec {
    /// Most classes that the learner tells apart. No weight of a set learner belongs to a class, so its `classes` only say
    /// how many it met in meta-training at most; other learners have a read-out of `classes` columns.
    pub fn most_classes(&self) -> usize {
        match self.equivariant {
            Some(_) => self.classes.max(MOST_SET_CLASSES),
            None => self.classes,
        }
    }

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

    /// The part of variant `equivariant`.
    ///
    /// # Panics
    /// For another variant.
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
}
