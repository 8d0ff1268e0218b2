//! Places of a set learner's tensors.

use std::ops::Range;

use shaders::model::spec::ModelSpec;

use crate::layout::Layout;

/// Places of all tensors.
pub struct Places {
    pub shown: Range<usize>,
    pub label: Range<usize>,
    pub query: Range<usize>,
    pub scores: Range<usize>,
    pub stem: Option<Stem>,
    pub layers: Vec<Layer>,
    pub norm: Range<usize>,
    pub readout: Range<usize>,
}

/// Those of the stem.
pub struct Stem {
    /// Weight and bias.
    pub convolutions: Vec<[Range<usize>; 2]>,
    pub embedding: Range<usize>,
    pub skip: Range<usize>,
}

/// Those of a layer.
pub struct Layer {
    pub norm1: Range<usize>,
    /// Query, key and value.
    pub projections: [Range<usize>; 3],
    pub output: Range<usize>,
    pub temperature: Range<usize>,
    pub softmax: Range<usize>,
    pub linear: Option<Range<usize>>,
    pub norm2: Range<usize>,
    /// Weight and bias.
    pub up: [Range<usize>; 2],
    pub down: [Range<usize>; 2],
}

impl Places {
    pub fn new(spec: &ModelSpec, layout: &Layout) -> Places {
        let set = spec.set();
        let at = |name: &str| layout.at(name);
        let linear = |name: &str| [at(&format!("{name}.weight")), at(&format!("{name}.bias"))];
        let stem = set.stem.as_ref().map(|stem| Stem {
            convolutions: (0..stem.convolutions.len()).map(|i| linear(&format!("stem.convolution.{i}"))).collect(),
            embedding: at("stem.embedding"),
            skip: at("stem.skip"),
        });
        let layer = |l: usize| {
            let at = |name: &str| layout.at(&format!("layer.{l}.{name}"));
            Layer {
                norm1: at("norm1"),
                projections: [at("query"), at("key"), at("value")],
                output: at("output"),
                temperature: at("temperature"),
                softmax: at("slope.softmax"),
                linear: (set.linear_heads > 0).then(|| at("slope.linear")),
                norm2: at("norm2"),
                up: linear(&format!("layer.{l}.mlp.up")),
                down: linear(&format!("layer.{l}.mlp.down")),
            }
        };
        Places {
            shown: at("embed.shown"),
            label: at("embed.label"),
            query: at("embed.query"),
            scores: at("embed.scores"),
            stem,
            layers: (0..spec.layers).map(layer).collect(),
            norm: at("norm"),
            readout: at("readout"),
        }
    }
}
