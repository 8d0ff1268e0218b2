//! Training steps of causal learners on WebGPU, written out by hand in WGSL: loss, gradient and AdamW or
//! Muon in one submission.
//!
//! The steps are those of [`backprop`], which runs on a CPU: formulas, the flat layout of the weights and the state of a
//! learner in training ([`backprop::State`]) are the same, so a run can go on with either. Each kernel has a half in Rust in
//! f64, and [`mod@reference`] runs whole steps with those. Sums never depend on chance: no kernel adds atomically, and the
//! gradient is summed in shares whose number follows from the shapes alone.
//!
//! Axes have the letters of [`shaders`]; N is B·T tokens, P the width of query, key (unless it is the query) and value.
//!
//! ```no_run
//! use backprop::{AdamW, State};
//! use backprop_gpu::{Batch, Trainer, Update};
//! use shaders::{Model, ModelSpec, gpu::Gpu};
//!
//! # async fn steps() -> Result<(), Box<dyn std::error::Error>> {
//! let model = Model::random(ModelSpec::shifted(4, 8, 1, 2), 1)?;
//! let weights: Vec<f32> = model.spec.tensors().iter().flat_map(|t| model.tensor(&t.name).to_vec()).collect();
//! let mut state = State::new(&model.spec, weights.clone(), weights, 1);
//! let mut trainer = Trainer::new(&Gpu::new().await?, &model.spec).await?;
//! trainer.load(&state)?;
//! // two sequences of three examples
//! let inputs: Vec<f32> = (0..2 * 3 * 4).map(|i| (i as f32).sin()).collect();
//! let adam = AdamW { rate: 1e-2, beta_2: 0.99, epsilon: 1e-8, weight_decay: 0.0 };
//! for step in 0..100 {
//!     let batch = Batch { inputs: &inputs, labels: &[0, 1, 0, 2, 2, 1], tokens: 3 };
//!     trainer.step(batch, &Update { adam: &adam, muon: false, clip: 1.0, ema_decay: 0.9 }, step % 10 == 0).await?;
//!     for numbers in trainer.arrived()? {
//!         println!("step {}: loss {}", numbers.step, numbers.loss);
//!     }
//! }
//! trainer.save(&mut state).await?;
//! # Ok(())
//! # }
//! ```

#![warn(clippy::too_many_arguments)]

mod error;
pub mod kernel;
#[cfg(feature = "parity")]
pub mod parity;
pub mod plan;
pub mod reference;
mod trainer;

pub use error::StepError;
pub use trainer::{Batch, Numbers, Trainer, Update};
pub use wgpu;
