//! `trainer gpu`: whether a GPU computes what the CPU computes, and how fast, as one report to share.

mod page;
mod parity;
mod report;
mod run;
mod speed;
mod torch;
mod training;

pub use page::html;
pub use report::{Adapter, Parity, Report};
pub use run::{GpuCheckError, Settings, run};
pub use speed::set_learner;
