//! Small runs for the tests of this crate.

use crate::run::{Drawings, Run};
use crate::settings::Settings;

/// A run without drawings.
pub fn run(settings: Settings) -> Run {
    Run::new(settings, Drawings::default()).unwrap()
}

/// A learner whose steps are quick.
pub fn small() -> Settings {
    Settings { width: 16, layers: 1, batch: 2, ..Settings::default() }
}

/// Takes so many steps.
pub fn take(run: &mut Run, steps: usize) {
    for _ in 0..steps {
        run.advance().unwrap();
    }
}

/// The bits of each value, which are equal where values are the very same.
pub fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}
