//! Where the tensors of a learner lie in a flat buffer.

use std::collections::BTreeMap;
use std::ops::Range;

use shaders::model::spec::ModelSpec;

/// Where each tensor lies in a flat buffer, one after another in the order of [`ModelSpec::tensors`].
pub struct Layout {
    /// By name.
    pub places: BTreeMap<String, Range<usize>>,
    /// In their order.
    pub tensors: Vec<Range<usize>>,
    /// Numbers in all.
    pub total: usize,
}

impl Layout {
    /// Of a learner.
    pub fn new(spec: &ModelSpec) -> Layout {
        let mut layout = Layout { places: BTreeMap::new(), tensors: Vec::new(), total: 0 };
        for tensor in spec.tensors() {
            let place = layout.total..layout.total + tensor.len();
            layout.total = place.end;
            layout.tensors.push(place.clone());
            layout.places.insert(tensor.name, place);
        }
        layout
    }

    /// The place of a tensor.
    ///
    /// # Panics
    /// For a name that the learner has not.
    pub fn at(&self, name: &str) -> Range<usize> {
        self.places[name].clone()
    }
}

/// Two places of a buffer at once; they do not overlap.
pub(crate) fn two<'a>(buffer: &'a mut [f32], places: &[Range<usize>; 2]) -> [&'a mut [f32]; 2] {
    buffer.get_disjoint_mut(places.clone()).expect("places of different tensors")
}
