//! One row of results.

use serde::{Deserialize, Serialize};

use crate::data;

/// One row of results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// File of the learner.
    pub model: String,
    /// Data set.
    pub dataset: String,
    /// `paper`, or `drawing 10-way` and so on.
    pub protocol: String,
    /// Half of the data set.
    pub split: data::Split,
    /// Episodes.
    pub episodes: usize,
    /// Position (paper) or shots a class (drawing) of each value below.
    pub positions: Vec<usize>,
    /// Fraction right.
    pub accuracy: Vec<f64>,
    /// Half width of the 95 % confidence interval over episodes.
    pub ci95: Vec<f64>,
    /// Mean negative log-likelihood of the right label, in nats.
    pub nll: Vec<f64>,
    /// Expected calibration error of the most likely label, in 15 bins of equal width (Guo et al., 2017).
    #[serde(default)]
    pub ece: Vec<f64>,
    /// Mean confidence minus accuracy: above 0 where the learner trusts its answers too much.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overconfidence: Vec<f64>,
    /// Variants of each drawing, if more than one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ensemble: Option<usize>,
    /// Dimensions of the fresh projection, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<usize>,
    /// Whether a learner with a stem was shown pictures as mere vectors.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub vectors: bool,
    /// Fraction right of the queries of the class that was shown once, if there was one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rare: Vec<f64>,
    /// How well the chance of *none of the classes shown* tells queries of other classes from those of the shown ones: area under
    /// the ROC curve, if that was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outsiders: Vec<f64>,
    /// Fractions right by the rules and controls.
    pub baselines: std::collections::BTreeMap<String, Vec<f64>>,
    /// Half width of the 95 % confidence interval of the learner's lead over each rule, paired by episode.
    #[serde(default)]
    pub margin_ci95: std::collections::BTreeMap<String, Vec<f64>>,
}
