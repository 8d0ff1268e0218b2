//! AdamW over one flat buffer of weights, and its state as Burn's optimiser writes it.

use std::ops::Range;

use burn::tensor::TensorData;
use rayon::prelude::*;
use shaders::model::spec::ModelSpec;
use shaders::model::tensors::TensorSpec;

use super::simd;

/// Numbers that a thread works on at a time.
pub(super) const BLOCK: usize = 1 << 14;

/// Settings of one step of AdamW (Loshchilov and Hutter, arXiv 1711.05101), with Burn's formula.
pub struct AdamW {
    /// Learning rate.
    pub rate: f64,
    /// Decay of the second moment; that of the first is 0.9.
    pub beta_2: f32,
    /// ε
    pub epsilon: f32,
    /// Share of the rate by which weights shrink.
    pub weight_decay: f32,
}

/// Decay of the first moment, which is Burn's default.
const BETA_1: f32 = 0.9;

/// State of Adam.
pub(super) struct Moments {
    first: Vec<f32>,
    second: Vec<f32>,
    /// Steps done.
    time: usize,
}

/// Why the state of an optimiser cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum MomentsError {
    /// The container.
    #[error(transparent)]
    Pack(#[from] burn_pack::Error),
    /// A tensor that is not as long as its weights.
    #[error("`{name}` holds {found} numbers, expected {expected}")]
    Length {
        /// Tensor in the file.
        name: String,
        /// Numbers it should hold.
        expected: usize,
        /// Numbers it holds.
        found: usize,
    },
}

impl Moments {
    /// Before the first step of `size` weights.
    pub fn new(size: usize) -> Moments {
        Moments { first: vec![0.0; size], second: vec![0.0; size], time: 0 }
    }

    /// One step of AdamW by `scale` times a gradient.
    pub fn step(&mut self, weights: &mut [f32], gradient: &[f32], adam: &AdamW, scale: f32) {
        let Moments { first, second, time } = self;
        *time += 1;
        let (mine_1, mine_2) = (1.0 - BETA_1, 1.0 - adam.beta_2);
        let unbias = |beta: f32| 1.0 / (1.0 - beta.powi(*time as i32));
        let (unbias_1, unbias_2) = (unbias(BETA_1), unbias(adam.beta_2));
        let (rate, beta_2, epsilon) = (adam.rate as f32, adam.beta_2, adam.epsilon);
        let keep = (1.0 - adam.rate * f64::from(adam.weight_decay)) as f32;
        let buffers = weights.par_chunks_mut(BLOCK).zip(gradient.par_chunks(BLOCK));
        let buffers = buffers.zip(first.par_chunks_mut(BLOCK)).zip(second.par_chunks_mut(BLOCK));
        buffers.for_each(|(((weights, gradient), first), second)| {
            simd::fast(
                #[inline(always)]
                || {
                    for (((w, g), m), v) in weights.iter_mut().zip(gradient).zip(first).zip(second) {
                        let g = g * scale;
                        *m = *m * BETA_1 + g * mine_1;
                        *v = *v * beta_2 + g * g * mine_2;
                        *w = *w * keep - *m * unbias_1 / ((*v * unbias_2).sqrt() + epsilon) * rate;
                    }
                },
            );
        });
    }

    /// The state of Adam as Burn's optimiser writes it, so that a run can go on with either.
    pub fn write(&self, spec: &ModelSpec) -> burn_pack::Writer {
        let mut tensors = Vec::new();
        let mut scalars = Vec::new();
        if self.time > 0 {
            for Place { id, shape, place } in places(spec) {
                for (name, values) in [("moment_1", &self.first), ("moment_2", &self.second)] {
                    let data = TensorData::new(values[place.clone()].to_vec(), shape.clone());
                    let (bytes, shape, kind) = data.into_parts();
                    let name = format!("{id}.momentum.{name}");
                    tensors.push(burn_pack::Tensor::new(name, kind, shape, Some(id), bytes));
                }
                scalars.push((format!("{id}.__rank"), shape.len()));
                scalars.push((format!("{id}.momentum.time"), self.time));
            }
        }
        let writer = burn_pack::Writer::new(tensors);
        scalars.iter().fold(writer, |writer, (name, value)| writer.with_scalar(name, (*value).into()))
    }

    /// Takes the state of Adam from where Burn's optimiser or [`Moments::write`] wrote it; a weight that has none begins
    /// with zeros.
    ///
    /// # Errors
    /// What the container says, or a tensor of another length.
    pub fn read(&mut self, spec: &ModelSpec, file: burn_pack::Reader) -> Result<(), MomentsError> {
        let time = |id: u64| file.scalars().get(&format!("{id}.momentum.time")).copied();
        let places = places(spec);
        let times = places.iter().filter_map(|place| usize::try_from(time(place.id)?).ok());
        self.time = times.max().unwrap_or(0);
        let names: Vec<String> = file.tensor_names().into_iter().map(str::to_owned).collect();
        for Place { id, place, .. } in places {
            for (name, values) in [("moment_1", &mut self.first), ("moment_2", &mut self.second)] {
                let name = format!("{id}.momentum.{name}");
                let to = &mut values[place.clone()];
                to.fill(0.0);
                if !names.contains(&name) {
                    continue;
                }
                let bytes = file.tensor_data(&name)?;
                if bytes.len() != 4 * to.len() {
                    return Err(MomentsError::Length { name, expected: to.len(), found: bytes.len() / 4 });
                }
                for (to, bytes) in to.iter_mut().zip(bytes.as_chunks::<4>().0) {
                    *to = f32::from_le_bytes(*bytes);
                }
            }
        }
        Ok(())
    }
}

/// A tensor's number in Burn's module, its shape, and where it lies in a flat buffer.
struct Place {
    id: u64,
    shape: Vec<usize>,
    place: Range<usize>,
}

fn places(spec: &ModelSpec) -> Vec<Place> {
    let mut end = 0;
    let tensors = spec.tensors().into_iter().zip(1..);
    let place = |(tensor, id): (TensorSpec, u64)| {
        let start = end;
        end += tensor.shape.iter().product::<usize>();
        Place { id, shape: tensor.shape, place: start..end }
    };
    tensors.map(place).collect()
}
