//! Weights as the kernels read them.

use std::collections::BTreeMap;

use super::buffer::Buffer;
use crate::model::file::Model;
use crate::model::spec::{KeyShift, LINEAR_SLOPE, ModelSpec, SOFTMAX_SLOPE};

/// Where each tensor of a model is, by its name.
#[derive(Debug, Clone)]
pub struct Tensors(BTreeMap<String, usize>);

impl Tensors {
    /// Those of a spec.
    pub fn new(spec: &ModelSpec) -> Self {
        let mut places = BTreeMap::new();
        places.extend(spec.tensors().into_iter().enumerate().map(|(index, tensor)| (tensor.name, index)));
        Tensors(places)
    }

    /// The buffer of one.
    pub fn buffer(&self, name: &str) -> Buffer {
        Buffer::Tensor(self.0[name])
    }
}

/// Weights as the kernels read them, where they are not tensors of the file: [`blend`] and [`scale`]; in a set learner
/// matrices side by side, biases below them, the γ of the norm before a matrix multiplied into it, and slopes on their own
/// scale.
pub fn derived(model: &Model) -> Vec<(Buffer, Vec<f32>)> {
    let spec = &model.spec;
    let Some(set) = &spec.equivariant else {
        return (0..spec.layers)
            .flat_map(|l| [(Buffer::Blend(l), blend(model, l)), (Buffer::Scale(l), scale(model, l))])
            .collect();
    };
    let d = spec.width;
    let scaled = |values: &[f32], factor: f32| -> Vec<f32> { values.iter().map(|value| value * factor).collect() };
    let mut list = Vec::new();
    for l in 0..spec.layers {
        let tensor = |name: &str| model.tensor(&format!("layer.{l}.{name}"));
        let parts = ["query", "key", "value"].map(tensor);
        let row = |(i, gamma): (usize, &f32)| -> Vec<f32> {
            parts.iter().flat_map(|part| scaled(&part[i * (part.len() / d)..][..part.len() / d], *gamma)).collect()
        };
        list.push((Buffer::Project(l), tensor("norm1").iter().enumerate().flat_map(row).collect()));
        let mut slopes = tensor("temperature").to_vec();
        slopes.extend(scaled(tensor("slope.softmax"), SOFTMAX_SLOPE));
        if set.linear_heads > 0 {
            slopes.extend(scaled(tensor("slope.linear"), LINEAR_SLOPE));
        }
        list.push((Buffer::Slopes(l), slopes));
        // both halves of the input went through the norm
        let gamma = tensor("norm2").iter().cycle();
        let up = tensor("mlp.up.weight").chunks_exact(spec.mlp()).zip(gamma);
        let up = up.flat_map(|(row, &gamma)| scaled(row, gamma));
        list.push((Buffer::Up(l), up.chain(tensor("mlp.up.bias").iter().copied()).collect()));
        list.push((Buffer::Down(l), [tensor("mlp.down.weight"), tensor("mlp.down.bias")].concat()));
    }
    let mut read_out = model.tensor("readout").to_vec();
    read_out.iter_mut().zip(model.tensor("norm")).for_each(|(weight, gamma)| *weight *= gamma);
    list.push((Buffer::ReadOut, read_out));
    list.push((Buffer::Lambda, set.ridge.iter().map(|ridge| ridge.lambda).collect()));
    list
}

/// Share g of the preceding token in the slot keys of a layer, `[H]`.
pub fn blend(model: &Model, layer: usize) -> Vec<f32> {
    match model.spec.key_shift {
        KeyShift::None => vec![0.0; model.spec.heads],
        KeyShift::Full => vec![1.0; model.spec.heads],
        KeyShift::Gated => {
            let gates = model.tensor(&format!("layer.{layer}.key_shift.gate"));
            gates.iter().map(|&gate| (1.0 / (1.0 + f64::from(-gate).exp())) as f32).collect()
        }
    }
}

/// Factor of the logits of a layer, `[H]`: e^τ with q/k norm, else 1/√K.
pub fn scale(model: &Model, layer: usize) -> Vec<f32> {
    if model.spec.qk_norm {
        let temperatures = model.tensor(&format!("layer.{layer}.temperature"));
        temperatures.iter().map(|&t| f64::from(t).exp() as f32).collect()
    } else {
        vec![(1.0 / (model.spec.key_size as f64).sqrt()) as f32; model.spec.heads]
    }
}
