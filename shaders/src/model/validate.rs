//! Which specs can be built: every size and switch, before anything is allocated.

use super::spec::{Equivariant, KeyShift, ModelSpec, Normalisation, Positions, QueryKey, Variant};

/// A `ModelSpec` that cannot be built.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SpecError {
    /// A size outside its bounds.
    #[error("model spec: {field} must be between {low} and {high}, found {found}")]
    Size {
        /// Name of the field.
        field: &'static str,
        /// Smallest value allowed.
        low: usize,
        /// Largest value allowed.
        high: usize,
        /// Value found.
        found: usize,
    },
    /// More parameters than any learner of this project needs.
    #[error("model spec: {found} parameters; at most {} are accepted. Reduce width, layers or inputs", MAX_PARAMETERS)]
    TooManyParameters {
        /// Count found.
        found: usize,
    },
    /// Variant `paper` with a switch that the paper does not have.
    #[error("model spec: variant `paper` needs {switch}; use variant `shifted` to vary it")]
    NotThePaper {
        /// The switch as it has to be.
        switch: &'static str,
    },
    /// Variant `equivariant` without its part, or another variant with it.
    #[error("model spec: `equivariant` must be given for variant `equivariant` and for no other")]
    Equivariant,
    /// Variant `equivariant` with a switch of the causal variants.
    #[error("model spec: variant `equivariant` needs {switch}; that switch belongs to variant `shifted`")]
    NotCausal {
        /// The switch as it has to be.
        switch: &'static str,
    },
    /// A stem that does not fit the inputs.
    #[error(
        "model spec: a stem for pictures of side {side} with {channels} channels needs at least {} inputs, found {found}",
        side * side * channels
    )]
    Stem {
        /// Side of the stem.
        side: usize,
        /// Channels that it reads.
        channels: usize,
        /// Inputs found.
        found: usize,
    },
    /// A stem for something else than grey or colour pictures.
    #[error("model spec: equivariant.stem.channels must be 1 (grey) or 3 (colour), found {found}")]
    Channels {
        /// Channels found.
        found: usize,
    },
    /// A ridge with an unusable λ.
    #[error("model spec: ridge {index} needs a finite, positive lambda, found {found}")]
    Ridge {
        /// Index in the list.
        index: usize,
        /// Value found.
        found: f32,
    },
    /// Normalisation with unusable constants.
    #[error("model spec: normalisation needs a finite mean and a finite, positive std, found mean {mean}, std {std}")]
    Normalisation {
        /// Mean found.
        mean: f32,
        /// Standard deviation found.
        std: f32,
    },
}

/// A file may not ask for more parameters than this (256 MiB of f32).
pub const MAX_PARAMETERS: usize = 1 << 26;

impl ModelSpec {
    /// Checks every size and switch before anything is allocated for it.
    ///
    /// # Errors
    /// The first field that is out of bounds, or a switch that does not fit the variant.
    pub fn validate(&self) -> Result<(), SpecError> {
        let sizes = [
            ("inputs", self.inputs, 1, 16_384),
            ("classes", self.classes, 2, 256),
            ("width", self.width, 1, 4_096),
            ("layers", self.layers, 1, 64),
            ("heads", self.heads, 1, 64),
            // one invocation of the attention kernel holds a query of this size
            ("key_size", self.key_size, 1, 256),
            ("mlp_factor", self.mlp_factor, 1, 16),
            // the attention kernel keeps a row of logits in workgroup memory
            ("longest", self.longest, 2, 2_048),
            ("encoding.side", self.encoding.side, 0, 256),
        ];
        for (field, found, low, high) in sizes {
            if !(low..=high).contains(&found) {
                return Err(SpecError::Size { field, low, high, found });
            }
        }
        if let Normalisation::Scalar { mean, std } = self.encoding.normalisation
            && !(mean.is_finite() && std.is_finite() && std > 0.0)
        {
            return Err(SpecError::Normalisation { mean, std });
        }
        if self.variant == Variant::Paper {
            let needs = [
                (self.key_shift == KeyShift::None, "key_shift = \"none\""),
                (self.query_key == QueryKey::Free, "query_key = \"free\""),
                (!self.qk_norm, "qk_norm = false"),
                (self.positions == Positions::Learned, "positions = \"learned\""),
            ];
            for (held, switch) in needs {
                if !held {
                    return Err(SpecError::NotThePaper { switch });
                }
            }
        }
        if (self.variant == Variant::Equivariant) != self.equivariant.is_some() {
            return Err(SpecError::Equivariant);
        }
        if let Some(set) = &self.equivariant {
            self.validate_set(set)?;
        }
        let found = self.parameters();
        if found > MAX_PARAMETERS {
            return Err(SpecError::TooManyParameters { found });
        }
        Ok(())
    }

    fn validate_set(&self, set: &Equivariant) -> Result<(), SpecError> {
        let needs = [
            (self.key_shift == KeyShift::None, "key_shift = \"none\""),
            (self.query_key == QueryKey::Free, "query_key = \"free\""),
            (!self.qk_norm, "qk_norm = false"),
            (self.positions == Positions::None, "positions = \"none\""),
            (!self.encoding.projected, "encoding.projected = false"),
        ];
        for (held, switch) in needs {
            if !held {
                return Err(SpecError::NotCausal { switch });
            }
        }
        let size = |field, found: usize, low, high| match (low..=high).contains(&found) {
            true => Ok(()),
            false => Err(SpecError::Size { field, low, high, found }),
        };
        // the kernels of a set learner hold these in workgroup memory: a row of logits, the hidden units of a token in one
        // class
        size("longest", self.longest, 2, 1_025)?;
        size("mlp_factor · width", self.mlp(), 1, 896)?;
        size("equivariant.linear_heads", set.linear_heads, 0, 64)?;
        size("equivariant.ridge", set.ridge.len(), 0, 16)?;
        size("equivariant.neighbour", set.neighbour, 1, 64)?;
        for (index, ridge) in set.ridge.iter().enumerate() {
            if !(ridge.lambda.is_finite() && ridge.lambda > 0.0) {
                return Err(SpecError::Ridge { index, found: ridge.lambda });
            }
        }
        let Some(stem) = &set.stem else { return Ok(()) };
        size("equivariant.stem.side", stem.side, 4, 64)?;
        size("equivariant.stem.embedding", stem.embedding, 1, 1_024)?;
        size("equivariant.stem.convolutions", stem.convolutions.len(), 1, 8)?;
        for convolution in &stem.convolutions {
            size("equivariant.stem.convolutions.channels", convolution.channels, 1, 512)?;
            size("equivariant.stem.convolutions.size", convolution.size, 1, 9)?;
            size("equivariant.stem.convolutions.stride", convolution.stride, 1, 4)?;
        }
        if ![1, 3].contains(&stem.channels) {
            return Err(SpecError::Channels { found: stem.channels });
        }
        if self.inputs < stem.values() {
            return Err(SpecError::Stem { side: stem.side, channels: stem.channels, found: self.inputs });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::spec::{Convolution, Ridge, RidgeKernel, Stem};

    #[test]
    fn an_equivariant_learner_is_small_and_refuses_switches_of_the_others() {
        let spec = ModelSpec::equivariant(784, 20, 16, 4);
        spec.validate().unwrap();
        assert!((10_000..16_000).contains(&spec.parameters()), "{}", spec.parameters());
        let refused = |change: fn(&mut ModelSpec)| {
            let mut spec = spec.clone();
            change(&mut spec);
            spec.validate().unwrap_err()
        };
        assert_eq!(refused(|s| s.qk_norm = true), SpecError::NotCausal { switch: "qk_norm = false" });
        assert_eq!(refused(|s| s.equivariant = None), SpecError::Equivariant);
        assert_eq!(refused(|s| s.variant = Variant::Shifted), SpecError::Equivariant);
        let ridge = Ridge { kernel: RidgeKernel::Linear, lambda: 0.0, raw: false };
        let mut bad = spec.clone();
        bad.equivariant.as_mut().unwrap().ridge = vec![ridge];
        assert_eq!(bad.validate(), Err(SpecError::Ridge { index: 0, found: 0.0 }));
        let convolutions = vec![Convolution { channels: 4, size: 3, stride: 2 }];
        let stem = Stem { side: 14, channels: 1, convolutions, embedding: 8 };
        assert_eq!(stem.sizes(), [(14, 1), (7, 4)]);
        bad.equivariant = Some(Equivariant { linear_heads: 1, neighbour: 1, ridge: vec![], stem: Some(stem) });
        bad.validate().unwrap();
        bad.inputs = 195;
        assert_eq!(bad.validate(), Err(SpecError::Stem { side: 14, channels: 1, found: 195 }));
        bad.equivariant.as_mut().unwrap().stem.as_mut().unwrap().channels = 3;
        assert_eq!(bad.validate(), Err(SpecError::Stem { side: 14, channels: 3, found: 195 }));
        bad.inputs = 588;
        bad.validate().unwrap();
        bad.equivariant.as_mut().unwrap().stem.as_mut().unwrap().channels = 2;
        assert_eq!(bad.validate(), Err(SpecError::Channels { found: 2 }));
    }

    #[test]
    fn a_paper_with_shifted_keys_is_refused() {
        let mut spec = ModelSpec::paper(196, 14, 0.1, 0.3);
        spec.validate().unwrap();
        spec.qk_norm = true;
        assert_eq!(spec.validate(), Err(SpecError::NotThePaper { switch: "qk_norm = false" }));
    }

    #[test]
    fn absurd_sizes_are_refused_before_anything_is_allocated() {
        let mut spec = ModelSpec::shifted(196, 64, 2, 2);
        spec.validate().unwrap();
        spec.width = usize::MAX / 2;
        assert!(matches!(spec.validate(), Err(SpecError::Size { field: "width", .. })));
        let mut spec = ModelSpec::shifted(16_384, 4_096, 64, 64);
        spec.key_size = 64;
        assert!(matches!(spec.validate(), Err(SpecError::TooManyParameters { .. })));
    }
}
