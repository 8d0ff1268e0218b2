//! Paths of before, while their users move.

/// See [`crate::model`].
pub mod file {
    pub use crate::model::file::*;
}

/// See [`crate::model`].
pub mod spec {
    pub use crate::model::spec::{QueryOptions as Manner, *};
    pub use crate::model::tensors::TensorSpec;
    pub use crate::model::validate::*;
}

/// See [`crate::baselines`].
pub mod rules {
    pub use crate::baselines::{Baseline as Rule, *};
}
