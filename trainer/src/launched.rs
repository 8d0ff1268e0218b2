//! The kernels that Burn launches on a GPU, counted. Each launch costs some microseconds on the host, so that small learners
//! wait for launches, not for arithmetic.

use std::collections::BTreeMap;
#[cfg(feature = "wgpu")]
use std::sync::{Arc, Mutex, PoisonError};

#[cfg(feature = "wgpu")]
use burn::cubecl::config::{TypeNameFormatLevel, type_name_format};
#[cfg(feature = "wgpu")]
use burn::cubecl::logging::{LaunchObservation, LaunchObserver};

/// Launches by name of the kernel.
pub type Launched = BTreeMap<String, usize>;

/// Counts every launch of this process while it lives. A trainer without GPU support launches none.
#[must_use = "it counts while it lives"]
pub struct Counter {
    #[cfg(feature = "wgpu")]
    names: Arc<Names>,
    #[cfg(feature = "wgpu")]
    _observation: LaunchObservation,
}

#[cfg(feature = "wgpu")]
#[derive(Default)]
struct Names(Mutex<BTreeMap<&'static str, usize>>);

#[cfg(feature = "wgpu")]
impl LaunchObserver for Names {
    fn launched(&self, kernel: &'static str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(kernel).or_default() += 1;
    }
}

#[cfg(feature = "wgpu")]
impl Counter {
    /// Begins to count. Of two counters the one that came last counts.
    pub fn watch() -> Counter {
        let names = Arc::new(Names::default());
        Counter { names: names.clone(), _observation: LaunchObservation::new(names) }
    }

    /// What was launched since the last call.
    pub fn take(&self) -> Launched {
        let counts = std::mem::take(&mut *self.names.0.lock().unwrap_or_else(PoisonError::into_inner));
        let mut launched = Launched::new();
        for (name, count) in counts {
            // instances of one generic kernel count together
            *launched.entry(type_name_format(name, TypeNameFormatLevel::Short)).or_default() += count;
        }
        launched
    }
}

#[cfg(not(feature = "wgpu"))]
impl Counter {
    /// Begins to count.
    pub fn watch() -> Counter {
        Counter {}
    }

    /// What was launched since the last call: nothing.
    pub fn take(&self) -> Launched {
        Launched::new()
    }
}
