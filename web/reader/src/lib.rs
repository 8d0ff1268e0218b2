//! A visitor's own data, read where it delays nobody: in a worker of its own, which the page starts when a table or
//! pictures come. `worker.js` beside this folder lists what can be asked.

mod export;
#[cfg(target_arch = "wasm32")]
mod js;
#[cfg(target_arch = "wasm32")]
mod messages;
mod rules;
mod sketches;
mod table;

pub use export::{Exported, Format, export};
pub use rules::{RULES, rule_scores};
pub use sketches::examples;
pub use table::OpenTable;
