//! Places of a causal learner's tensors.

use std::ops::Range;

use shaders::model::spec::{KeyShift, ModelSpec, QueryKey};

use crate::layout::Layout;

/// Places of a layer's tensors.
pub struct Layer {
    /// γ and β before attention.
    pub norm1: [Range<usize>; 2],
    /// Matrix and bias of the queries; so those that follow.
    pub query: [Range<usize>; 2],
    /// Of the keys, if they are not the queries.
    pub key: Option<[Range<usize>; 2]>,
    /// Of the values.
    pub value: [Range<usize>; 2],
    /// Of the output projection.
    pub output: [Range<usize>; 2],
    /// Gates of the key shift.
    pub gate: Option<Range<usize>>,
    /// Logarithms of temperatures.
    pub temperature: Option<Range<usize>>,
    /// γ and β before the MLP.
    pub norm2: [Range<usize>; 2],
    /// Of the MLP's first half.
    pub up: [Range<usize>; 2],
    /// Of its second half.
    pub down: [Range<usize>; 2],
}

impl Layer {
    /// Places of layer `l`.
    pub fn new(spec: &ModelSpec, layout: &Layout, l: usize) -> Layer {
        let at = |name: &str| layout.at(&format!("layer.{l}.{name}"));
        let linear = |name: &str| [at(&format!("{name}.weight")), at(&format!("{name}.bias"))];
        let norm = |name: &str| [at(&format!("{name}.gamma")), at(&format!("{name}.beta"))];
        Layer {
            norm1: norm("norm1"),
            query: linear("query"),
            key: (spec.query_key != QueryKey::Tied).then(|| linear("key")),
            value: linear("value"),
            output: linear("output"),
            gate: (spec.key_shift == KeyShift::Gated).then(|| at("key_shift.gate")),
            temperature: spec.qk_norm.then(|| at("temperature")),
            norm2: norm("norm2"),
            up: linear("mlp.up"),
            down: linear("mlp.down"),
        }
    }

    /// Query, key (unless it is the query) and value.
    pub fn projections(&self) -> Vec<&[Range<usize>; 2]> {
        [Some(&self.query), self.key.as_ref(), Some(&self.value)].into_iter().flatten().collect()
    }
}

/// Whether the gradient of a tensor is one matrix product.
pub fn written(name: &str) -> bool {
    name.ends_with(".weight") && name != "embed.label.weight"
}
