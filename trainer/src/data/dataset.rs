//! A data set in memory.

use serde::{Deserialize, Serialize};
use shaders::input::pixels;

use super::error::DataError;

/// A half of a data set: learners are trained on one and measured on the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// For meta-training and for choosing hyper-parameters.
    Train,
    /// For reported numbers only.
    Test,
}

impl std::fmt::Display for Split {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Split::Train => "train",
            Split::Test => "test",
        })
    }
}

/// Labelled images in memory, 8 bits a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// The name it was opened by.
    pub name: String,
    /// Which half this is.
    pub split: Split,
    /// Rows of an image; 1 for tables.
    pub height: usize,
    /// Columns of an image.
    pub width: usize,
    /// Values a pixel: 1 grey, 3 colour.
    pub channels: usize,
    /// All images, [n, height, width, channels].
    pub images: Vec<u8>,
    /// The label of each image, below `classes`.
    pub labels: Vec<u32>,
    /// Number of classes: the greatest label plus one.
    pub classes: usize,
    /// The value that stands for 1.0: the greatest one in the file (255 nearly always, 16 in sklearn-digits).
    pub white: u8,
}

impl Dataset {
    /// Number of examples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no example; readers refuse such files.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Values of one image.
    pub fn size(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// The bytes of image `i`, [height, width, channels].
    pub fn image(&self, i: usize) -> &[u8] {
        &self.images[i * self.size()..][..self.size()]
    }

    /// Image `i` in [0, 1], [height, width, channels].
    pub fn pixels(&self, i: usize) -> Vec<f32> {
        self.image(i).iter().map(|&v| f32::from(v) / f32::from(self.white)).collect()
    }

    /// All images in [0, 1], reduced (or enlarged) to `side`×`side` by area: [n, side, side, channels].
    ///
    /// # Errors
    /// [`DataError::Pixels`] for a side of 0 or beyond [`pixels::MAX_SIDE`].
    pub fn pooled(&self, side: usize) -> Result<Vec<f32>, DataError> {
        let mut all = Vec::with_capacity(self.len() * side * side * self.channels);
        for i in 0..self.len() {
            all.extend(pixels::pool(&self.pixels(i), (self.height, self.width, self.channels), side)?);
        }
        Ok(all)
    }

    /// For each class the indices of its examples, in order: `[classes][…]`.
    pub fn by_class(&self) -> Vec<Vec<u32>> {
        let mut classes = vec![Vec::new(); self.classes];
        for (i, &label) in self.labels.iter().enumerate() {
            classes[label as usize].push(i as u32);
        }
        classes
    }
}

/// Mean and standard deviation over all values, in f64: the one scalar pair by which the paper standardises a data set.
pub fn mean_and_std(values: &[f32]) -> (f32, f32) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
    let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n;
    (mean as f32, variance.sqrt() as f32)
}
