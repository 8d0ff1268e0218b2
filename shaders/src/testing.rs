//! Seeded episodes for tests and comparisons, and tests that cannot run here.

use std::env;
use std::fs::OpenOptions;
use std::io::Write;

use rand::Rng;

use crate::model::file::Model;
use crate::random;

/// A seeded episode of T examples.
///
/// # Shapes
/// Inputs `[T, X]` of variance 1, labels `[T]`.
pub fn episode(model: &Model, seed: u64, tokens: usize) -> (Vec<f32>, Vec<u32>) {
    let mut stream = random::stream(seed, "parity", tokens as u64);
    // uniform in ±√3 has variance 1
    let mut input = || (f64::from(stream.next_u32()) / f64::from(1u32 << 31) - 1.0) as f32 * 3f32.sqrt();
    let inputs = (0..tokens * model.spec.inputs).map(|_| input()).collect();
    let labels = (0..tokens).map(|_| stream.next_u32() % model.spec.classes as u32).collect();
    (inputs, labels)
}

/// Says that a test, or a part of one, does not run here, and why. `cargo xtask test` names a file in `SKIPPED`, counts its
/// lines, and reports them; the test itself passes.
///
/// # Panics
/// When that file cannot be written.
pub fn skip(why: &str) {
    println!("skipped: {why}");
    if let Some(path) = env::var_os("SKIPPED") {
        let file = OpenOptions::new().create(true).append(true).open(&path);
        file.and_then(|mut file| writeln!(file, "{}", why.replace('\n', " "))).expect("SKIPPED names a file");
    }
}

/// The GPU that was looked for. Where there is none, the test says so and does not run.
///
/// # Panics
/// `REQUIRE_GPU=1` promises one, and there is none.
pub fn gpu_or_skip<Gpu, Error: std::fmt::Display>(found: Result<Gpu, Error>) -> Option<Gpu> {
    match found {
        Ok(gpu) => Some(gpu),
        Err(error) => {
            let required = env::var("REQUIRE_GPU").is_ok_and(|value| value == "1");
            assert!(!required, "REQUIRE_GPU=1 promises a GPU: {error}");
            skip(&format!("no GPU adapter: {error}"));
            None
        }
    }
}
