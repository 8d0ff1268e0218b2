//! Weights of a learner before meta-training.

use std::collections::BTreeMap;

use rand_distr::{Distribution, StandardNormal};

use super::file::Model;
use super::spec::{
    KeyShift, LINEAR_FEATURES, LINEAR_SLOPE, ModelSpec, QueryKey, RidgeKernel, SOFTMAX_FEATURES, SOFTMAX_SLOPE,
};
use super::validate::SpecError;
use crate::random;

impl Model {
    /// Weights of a learner before meta-training: matrices N(0, 1/in), with small output and MLP-down matrices; norms
    /// are the identity, temperatures start at ln 10, gates at σ⁻¹ spread over −2…2. The source of these choices is
    /// the measured recipe for shifted keys; variant `paper` uses them with its positions at a standard deviation of 0.1.
    pub fn random(spec: ModelSpec, seed: u64) -> Result<Model, SpecError> {
        spec.validate()?;
        if spec.equivariant.is_some() {
            return Ok(Model::random_set(spec, seed));
        }
        let mut tensors = BTreeMap::new();
        for (index, tensor) in spec.tensors().into_iter().enumerate() {
            let mut stream = random::stream(seed, "weights", index as u64);
            let mut normal = |std: f32| -> Vec<f32> {
                (0..tensor.len()).map(|_| std * Distribution::<f32>::sample(&StandardNormal, &mut stream)).collect()
            };
            let fan_in = tensor.shape[0] as f32;
            let branch = 0.5 / spec.layers as f32;
            let name = tensor
                .name
                .rsplit_once("layer.")
                .map_or(tensor.name.as_str(), |(_, rest)| rest.split_once('.').map_or(rest, |(_, name)| name));
            let values = match name {
                "embed.label.weight" => normal(0.5),
                "embed.position" => normal(0.1),
                "output.weight" | "mlp.down.weight" => normal((branch / fan_in).sqrt()),
                "readout.weight" => normal(0.5 / fan_in.sqrt()),
                "temperature" => vec![10f32.ln(); tensor.len()],
                "key_shift.gate" => (0..tensor.len())
                    .map(|h| if tensor.len() == 1 { 0.0 } else { -2.0 + 4.0 * h as f32 / (tensor.len() - 1) as f32 })
                    .collect(),
                name if name.ends_with("gamma") => vec![1.0; tensor.len()],
                name if name.ends_with("bias") || name.ends_with("beta") => vec![0.0; tensor.len()],
                _ => normal(1.0 / fan_in.sqrt()),
            };
            tensors.insert(tensor.name, values);
        }
        if spec.query_key == QueryKey::Equal {
            for l in 0..spec.layers {
                let query = tensors[&format!("layer.{l}.query.weight")].clone();
                tensors.insert(format!("layer.{l}.key.weight"), query);
            }
        }
        debug_assert!(spec.key_shift == KeyShift::Gated || !tensors.contains_key("layer.0.key_shift.gate"));
        Ok(Model::new(spec, tensors, BTreeMap::new()))
    }

    /// Variant `equivariant`: matrices N(0, 1/in); softmax heads begin as kernel smoothers of several bandwidths (slopes
    /// spread geometrically over 2…12 for the cosine and 1…6 for the local distance, shared between the views), linear
    /// heads as steps of kernel regression, the read-out with the scores of local ridges.
    fn random_set(spec: ModelSpec, seed: u64) -> Model {
        let set = spec.set();
        let views = set.views() as f32;
        let spread = |h: usize, count: usize| if count > 1 { h as f32 / (count - 1) as f32 } else { 0.5 };
        let mut tensors = BTreeMap::new();
        for (index, tensor) in spec.tensors().into_iter().enumerate() {
            let mut stream = random::stream(seed, "weights", index as u64);
            let mut normal = |std: f32| -> Vec<f32> {
                (0..tensor.len()).map(|_| std * Distribution::<f32>::sample(&StandardNormal, &mut stream)).collect()
            };
            let fan_in = tensor.shape[0] as f32;
            let name = tensor.name.strip_prefix("layer.").map_or(tensor.name.as_str(), |rest| {
                rest.split_once('.').expect("a layer's tensor has its number and name").1
            });
            let values = match name {
                "embed.label" => normal(1.0),
                "embed.shown" | "embed.query" => normal(0.3),
                "embed.scores" => normal(0.5),
                "norm" | "norm1" | "norm2" => vec![1.0; tensor.len()],
                "temperature" => vec![1.5; tensor.len()],
                "slope.softmax" => (0..tensor.len())
                    .map(|at| {
                        let growth = 6f32.powf(spread(at % spec.heads, spec.heads)) / (views * SOFTMAX_SLOPE);
                        match at / spec.heads % SOFTMAX_FEATURES {
                            0 => 2.0 * growth,
                            3 => growth,
                            _ => 0.0,
                        }
                    })
                    .collect(),
                "slope.linear" => (0..tensor.len())
                    .map(|at| {
                        let (row, head) = (at / set.linear_heads, at % set.linear_heads);
                        let ridge = row.checked_sub(LINEAR_FEATURES * set.views()).map(|r| set.ridge[r].kernel);
                        match (row % LINEAR_FEATURES, ridge) {
                            (_, Some(RidgeKernel::Local)) if head > 0 => 1.0 / LINEAR_SLOPE,
                            (_, Some(_)) => 0.0,
                            (0, None) => 4.0 / (views * LINEAR_SLOPE),
                            (1, None) => 2.0 * spread(head, set.linear_heads) / (views * LINEAR_SLOPE),
                            (_, None) => 0.0,
                        }
                    })
                    .collect(),
                // each half of what the MLP reads, a class and the mean over classes, has its own fan-in
                "mlp.up.weight" => normal((2.0 / fan_in).sqrt()),
                "readout" => {
                    let mut values = normal(3.0 / (spec.width as f32).sqrt());
                    values[spec.width..].fill(0.0);
                    // it begins by trusting the rules that are best by themselves
                    for (r, _) in set.ridge.iter().enumerate().filter(|(_, r)| r.kernel == RidgeKernel::Local && !r.raw)
                    {
                        values[spec.width + 2 * r..][..2].copy_from_slice(&[1.5, 2.0]);
                    }
                    values
                }
                name if name.starts_with("stem.convolution") && name.ends_with("weight") => {
                    normal((2.0 / fan_in).sqrt())
                }
                name if name.ends_with("bias") => vec![0.0; tensor.len()],
                _ => normal(1.0 / fan_in.sqrt()),
            };
            tensors.insert(tensor.name, values);
        }
        Model::new(spec, tensors, BTreeMap::new())
    }
}
