//! The paper's experiments as grids: every cell is one run with its own folder, settings and result. A grid goes on
//! where it was stopped, skips what is done, leaves some cells to other machines, and survives a cell that diverges.
//!
//! ```text
//! runs/experiments/fig4-desk/shifted-k10-seed1/cell.json      what the cell is; its hash tells whether a result is its own
//!                                              config.toml    the run, as `trainer train` would have it
//!                                              metrics.jsonl, probes.jsonl, checkpoint-…   while it trains
//!                                              result.json    written whole, last
//! ```
//!
//! Tasks of a scheduler's array take their cells from a list in a file ([`plan`]) by their index ([`task_index`]), and
//! [`audit`] says which cells of the list lack a result.
//!
//! One file an experiment: its cells, its figures and its findings. `registry.rs` lists them; nothing else knows them.

mod array;
mod audit;
mod cell;
mod collect;
mod cost;
mod definition;
mod features;
mod grid;
mod job;
pub mod paper;
pub mod plan;
mod plateau;
mod registry;
pub mod report;
mod run;
mod section;
pub mod stats;
#[cfg(test)]
mod testing;

mod embeddings;
mod emergence;
mod fig2;
mod fig3;
mod fig4;
mod fig5;
mod fig7;
mod fig8;
mod length;
mod prior;
mod table;
mod ways;

pub use array::{ArrayError, indexes, parse_indexes, task_index};
pub use audit::{Audit, Audited, Standing, audit};
pub use cell::{
    Cell, CellResult, ExperimentError, Job, Measure, Measured, Outcome, Point, Probe, Scale, Shard, State, Value,
};
pub use collect::{Found, collect, find_results};
pub use cost::{Estimate, estimate};
pub use definition::Experiment;
pub use registry::{EXPERIMENTS, cells};
pub use run::{Event, Options, Summary, run};
