//! From raw values (an image, a table row) to the X inputs of a learner: pool, normalise, project.
//!
//! The trainer's evaluation and the page encode through this one function, so a drawing and a data set meet the
//! learner in the same way.
//!
//! Colour for a learner with a stem: an orthogonal change of the channels puts their mean first, a whole grey picture that
//! every stem reads, and then what is left, channels − 1 pictures of differences, which a stem for colours reads too. Inner
//! products see all channels as they were.

use rand_distr::{Distribution, StandardNormal};

use crate::input::pixels;
use crate::model::spec::{ModelSpec, Normalisation, Variant};
use crate::random;

/// Raw values that a learner cannot take.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EncodeError {
    /// Wrong number of raw values.
    #[error("encode: expected {expected} values (height · width · channels), found {found}")]
    Length {
        /// Values the encoder was made for.
        expected: usize,
        /// Values given.
        found: usize,
    },
    /// Value count does not fit a learner without projection.
    #[error(
        "encode: this learner takes exactly {expected} inputs and has no projection, found {found}; \
         resize the images or use a learner with `projected = true`"
    )]
    Fixed {
        /// X.
        expected: usize,
        /// Values after pooling.
        found: usize,
    },
    /// NaN or an infinity.
    #[error("encode: value {index} is not finite")]
    NotFinite {
        /// Index of the first such value.
        index: usize,
    },
    /// An image that cannot be pooled.
    #[error(transparent)]
    Pixels(#[from] pixels::PixelsError),
}

/// Maps raw values of one fixed size to inputs.
#[derive(Debug, Clone)]
pub struct Encoder {
    size: (usize, usize, usize),
    side: usize,
    /// None for table rows.
    normalisation: Option<Normalisation>,
    /// `[X, D₀]` with entries of variance 1/D₀, if the learner projects.
    projection: Option<Vec<f32>>,
    inputs: usize,
    /// Whether channels are turned into their mean and differences, for a stem.
    grey_first: bool,
    drawings: bool,
}

impl Encoder {
    /// An encoder of `height × width × channels` values (channels innermost; a table row is 1 × n × 1, and keeps the
    /// scale that its columns were given: its own mean and spread say nothing, and with two columns they say all).
    /// `seed` chooses the projection; examples of one context must share it.
    ///
    /// # Errors
    /// [`EncodeError::Fixed`] if the learner has no projection and another number of inputs. Equivariant learners
    /// compare by inner products and take any number of values: fewer than X get zeros at their end, more are projected.
    pub fn new(spec: &ModelSpec, height: usize, width: usize, channels: usize, seed: u64) -> Result<Self, EncodeError> {
        // a table row is no picture: there is nothing to pool, and no common scale of its values
        let row = height == 1 || width == 1;
        let side = if row { 0 } else { spec.encoding.side };
        let values = if side == 0 { height * width * channels } else { side * side * channels };
        let any = spec.variant == Variant::Equivariant;
        let projection = if spec.encoding.projected || (any && values > spec.inputs) {
            Some(gaussian_projection(seed, values, spec.inputs))
        } else if values == spec.inputs || any {
            None
        } else {
            return Err(EncodeError::Fixed { expected: spec.inputs, found: values });
        };
        let after = if side == 0 { (height, width) } else { (side, side) };
        let stem = spec.equivariant.as_ref().and_then(|set| set.stem.as_ref());
        let read = stem.is_some_and(|stem| after == (stem.side, stem.side));
        Ok(Encoder {
            size: (height, width, channels),
            side,
            normalisation: (!row).then_some(spec.encoding.normalisation),
            drawings: read && projection.is_none(),
            grey_first: read && channels > 1,
            projection,
            inputs: spec.inputs,
        })
    }

    /// Whether the learner's stem can read what comes out: pictures of its size, not table rows and nothing projected.
    /// For [`crate::session::context::Context::set_images`].
    pub fn drawings(&self) -> bool {
        self.drawings
    }

    /// Whether it encodes rows of a table, 1 × n × 1. A set learner's answers about them go through
    /// [`crate::probability::of_table_rows`].
    pub fn rows(&self) -> bool {
        self.size.0 == 1 && self.size.2 == 1
    }

    /// # Shapes
    /// `[height, width, channels]` → `[X]`.
    ///
    /// # Errors
    /// Wrong length or a value that is not finite.
    pub fn encode(&self, raw: &[f32]) -> Result<Vec<f32>, EncodeError> {
        let values = self.features(raw)?;
        Ok(match &self.projection {
            None => {
                let mut values = values;
                values.resize(self.inputs, 0.0);
                values
            }
            Some(matrix) => (0..self.inputs)
                .map(|x| {
                    let row = &matrix[x * values.len()..(x + 1) * values.len()];
                    row.iter().zip(&values).map(|(a, v)| a * v).sum()
                })
                .collect(),
        })
    }

    /// Pooled and normalised, before the projection: `[D₀]`. What the hand-written rules are given, and what an
    /// evaluation projects afresh for each episode.
    ///
    /// # Errors
    /// As [`Encoder::encode`].
    pub fn features(&self, raw: &[f32]) -> Result<Vec<f32>, EncodeError> {
        let (height, width, channels) = self.size;
        if raw.len() != height * width * channels {
            return Err(EncodeError::Length { expected: height * width * channels, found: raw.len() });
        }
        if let Some(index) = raw.iter().position(|v| !v.is_finite()) {
            return Err(EncodeError::NotFinite { index });
        }
        let mut values = if self.side == 0 { raw.to_vec() } else { pixels::pool(raw, self.size, self.side)? };
        match self.normalisation {
            Some(Normalisation::PerExample) => pixels::standardise(&mut values),
            Some(Normalisation::Scalar { mean, std }) => values.iter_mut().for_each(|v| *v = (*v - mean) / std),
            None => {}
        }
        Ok(if self.grey_first { grey_first(&values, channels) } else { values })
    }
}

/// The mean of the channels and, on the same scale, their differences: channel k against those before it (Helmert's
/// matrix, orthogonal but for a factor of 1/√channels).
///
/// # Shapes
/// `[pixels, channels]` → `[channels, pixels]`.
pub fn grey_first(values: &[f32], channels: usize) -> Vec<f32> {
    let pixels = values.chunks_exact(channels);
    let mut out = Vec::with_capacity(values.len());
    out.extend(pixels.clone().map(|pixel| pixel.iter().sum::<f32>() / channels as f32));
    for k in 1..channels {
        let scale = 1.0 / ((k * (k + 1) * channels) as f32).sqrt();
        out.extend(pixels.clone().map(|pixel| scale * (pixel[..k].iter().sum::<f32>() - k as f32 * pixel[k])));
    }
    out
}

/// A seeded matrix `[to, from]` with independent entries of N(0, 1/from), as the paper's A.
pub fn gaussian_projection(seed: u64, from: usize, to: usize) -> Vec<f32> {
    let mut stream = random::stream(seed, "projection", 0);
    let scale = 1.0 / (from as f32).sqrt();
    (0..from * to).map(|_| scale * Distribution::<f32>::sample(&StandardNormal, &mut stream)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::spec::{Convolution, Stem};

    #[test]
    fn a_projection_keeps_lengths_and_angles_on_average() {
        let spec = ModelSpec::shifted(1024, 32, 1, 1);
        let encoder = Encoder::new(&spec, 28, 28, 1, 3).unwrap();
        let image: Vec<f32> = (0..784).map(|i| ((i * 37) % 101) as f32 / 101.0).collect();
        let inputs = encoder.encode(&image).unwrap();
        let mean_square = inputs.iter().map(|v| v * v).sum::<f32>() / 1024.0;
        // 1,024 squares of unit normals: standard deviation 0.044
        assert!((mean_square - 1.0).abs() < 0.2, "{mean_square}");
    }

    #[test]
    fn an_equivariant_learner_takes_any_number_of_values() {
        let spec = ModelSpec::equivariant(300, 10, 8, 1);
        // a table row of 4, and pictures of 196 and 588 values after pooling
        let row = Encoder::new(&spec, 1, 4, 1, 0).unwrap().encode(&[1.0, 2.0, 3.0, 4.0]).unwrap();
        assert_eq!(row.len(), 300);
        assert_eq!(row[..4], [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(row[4..], [0.0; 296]);
        let grey = Encoder::new(&spec, 28, 28, 1, 0).unwrap();
        let picture: Vec<f32> = (0..784).map(|i| ((i * 37) % 101) as f32 / 101.0).collect();
        let inputs = grey.encode(&picture).unwrap();
        assert_eq!(inputs[..196], grey.features(&picture).unwrap());
        assert_eq!(inputs[196..], [0.0; 104]);
        let colour = Encoder::new(&spec, 28, 28, 3, 0).unwrap();
        assert_eq!(colour.encode(&[picture.clone(), picture.clone(), picture].concat()).unwrap().len(), 300);
    }

    #[test]
    fn a_stem_reads_the_grey_of_a_colour_picture_and_inner_products_see_its_colours() {
        let mut spec = ModelSpec::equivariant(600, 10, 8, 1);
        let plain = Encoder::new(&spec, 28, 28, 3, 0).unwrap();
        let convolutions = vec![Convolution { channels: 2, size: 3, stride: 2 }];
        spec.equivariant.as_mut().unwrap().stem = Some(Stem { side: 14, channels: 1, convolutions, embedding: 4 });
        let colour = Encoder::new(&spec, 28, 28, 3, 0).unwrap();
        let grey = Encoder::new(&spec, 28, 28, 1, 0).unwrap();
        assert!(colour.drawings() && grey.drawings() && !plain.drawings());
        assert!(Encoder::new(&spec, 1, 4, 1, 0).unwrap().rows() && !grey.rows() && !colour.rows());
        // a table row, and a picture that has to be projected, are none
        assert!(!Encoder::new(&spec, 1, 196, 1, 0).unwrap().drawings());
        assert!(!Encoder::new(&spec, 28, 28, 4, 0).unwrap().drawings());

        let picture = |k: usize| -> Vec<f32> { (0..784 * 3).map(|i| ((i * k) % 101) as f32 / 101.0).collect() };
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
        let (a, b) = (picture(37), picture(53));
        let (before, after) = (plain.features(&a).unwrap(), colour.features(&a).unwrap());
        let (before_b, after_b) = (plain.features(&b).unwrap(), colour.features(&b).unwrap());
        assert!((dot(&before, &before_b) / 3.0 - dot(&after, &after_b)).abs() < 1e-2);
        // a picture without colour comes out as the grey one, but for its further channels, which are nothing
        let without: Vec<f32> = (0..784).flat_map(|i| [((i * 37) % 101) as f32 / 101.0; 3]).collect();
        let alone: Vec<f32> = without.iter().step_by(3).copied().collect();
        let (a, b) = (colour.encode(&without).unwrap(), grey.encode(&alone).unwrap());
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-4));
    }

    #[test]
    fn wrong_values_are_refused() {
        let spec = ModelSpec::shifted(64, 32, 1, 1);
        let encoder = Encoder::new(&spec, 28, 28, 1, 0).unwrap();
        assert_eq!(encoder.encode(&[0.0; 5]), Err(EncodeError::Length { expected: 784, found: 5 }));
        let mut image = vec![0.0; 784];
        image[7] = f32::NAN;
        assert_eq!(encoder.encode(&image), Err(EncodeError::NotFinite { index: 7 }));
        let mut fixed = spec;
        fixed.encoding.projected = false;
        assert!(matches!(Encoder::new(&fixed, 28, 28, 1, 0), Err(EncodeError::Fixed { expected: 64, found: 196 })));
    }
}
