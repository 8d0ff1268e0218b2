//! The tensors of a model file: one list of names and shapes for Burn, the CPU and WGSL.

use super::spec::{Equivariant, KeyShift, LINEAR_FEATURES, ModelSpec, Positions, QueryKey, SOFTMAX_FEATURES};

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
            add("stem.skip".into(), &[stem.values(), stem.embedding]);
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
