//! Base data: where the raw examples of a task come from.

use std::sync::Arc;

/// Where raw examples come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// The synthetic prior.
    Prior,
    /// Procedural drawings.
    Strokes,
    /// A data set.
    Set(Base),
}

/// Real base data, already pooled and normalised as the spec's encoding says.
#[derive(Debug, Clone)]
pub struct Base {
    /// Name, for messages.
    pub name: String,
    /// `[n, D₀]`
    pub features: Arc<Vec<f32>>,
    /// D₀
    pub dimensions: usize,
    /// `[n]`
    pub labels: Arc<Vec<u32>>,
    /// Indices of each class.
    pub by_class: Arc<Vec<Vec<u32>>>,
    /// `[n, 28 · 28]` in 0…1 after the shared preprocessing, where drawings are to be changed each time they are shown.
    pub drawings: Option<Arc<Vec<f32>>>,
    /// Whether `features` are pictures that the learner's stem can read.
    pub drawn: bool,
}

impl Base {
    /// # Shapes
    /// `features` `[n, D₀]`, `labels` `[n]`.
    pub fn new(name: &str, features: Vec<f32>, labels: Vec<u32>) -> Base {
        let dimensions = features.len() / labels.len().max(1);
        let mut by_class = vec![Vec::new(); labels.iter().max().map_or(0, |&m| m as usize + 1)];
        for (i, &label) in labels.iter().enumerate() {
            by_class[label as usize].push(i as u32);
        }
        Base {
            name: name.to_owned(),
            features: Arc::new(features),
            dimensions,
            labels: Arc::new(labels),
            by_class: Arc::new(by_class),
            drawings: None,
            drawn: false,
        }
    }

    /// Only the examples of some classes; class numbers stay.
    pub fn with_classes(mut self, classes: std::ops::Range<usize>) -> Base {
        let keep = |(c, indices): (usize, &Vec<u32>)| if classes.contains(&c) { indices.clone() } else { Vec::new() };
        self.by_class = Arc::new(self.by_class.iter().enumerate().map(keep).collect());
        self
    }

    /// Classes that have examples.
    pub fn present(&self) -> usize {
        self.by_class.iter().filter(|class| !class.is_empty()).count()
    }

    /// `[D₀]` of example `i`.
    pub fn row(&self, i: usize) -> &[f32] {
        &self.features[i * self.dimensions..(i + 1) * self.dimensions]
    }
}
