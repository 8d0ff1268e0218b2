//! What a run logs.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::files::write_whole;

/// The log of a run, in its folder: a line of JSON for each logged step.
pub(super) const METRICS: &str = "metrics.jsonl";

/// One line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Optimiser steps done.
    pub step: u64,
    /// Mean cross-entropy over all positions of this step's batch, in nats.
    pub loss: f64,
    /// Positions (counted from 1) of `accuracy`; a set learner has one, 0, for all queries.
    pub positions: Vec<usize>,
    /// Fraction right at each position, a running mean over the last 10 logged batches or so.
    pub accuracy: Vec<f64>,
    /// Norm of the gradient before clipping.
    pub gradient_norm: f64,
    /// Learning rate.
    pub rate: f64,
    /// Wall-clock seconds of training so far, over all sessions of this run.
    pub seconds: f64,
    /// The stage of the curriculum, counted from 1; none after the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<usize>,
    /// Share of the threads' time that went into making tasks since the last logged step; not in the file.
    #[serde(skip)]
    pub tasks: f64,
    /// How often this session of the run went back to before a step that was not finite, on a GPU.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rolled_back: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Drops the lines of steps that will be done again, so that a step has one line.
///
/// # Errors
/// The operating system's.
pub(super) fn forget_after(path: &Path, step: u64) -> io::Result<()> {
    let Ok(text) = fs::read(path) else { return Ok(()) };
    let mut kept: Vec<(u64, &[u8])> = Vec::new();
    // a line without an end was cut off
    for line in text.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
        let Ok(metrics) = serde_json::from_slice::<Metrics>(line) else { continue };
        // a later line of the same step is of the run that went on
        while kept.last().is_some_and(|(last, _)| *last >= metrics.step) {
            kept.pop();
        }
        if metrics.step <= step {
            kept.push((metrics.step, line));
        }
    }
    let kept: Vec<u8> = kept.into_iter().flat_map(|(_, line)| line).copied().collect();
    match text.starts_with(&kept) {
        // needs no space, of which there may be none
        true => fs::OpenOptions::new().write(true).open(path).and_then(|file| file.set_len(kept.len() as u64)),
        false => write_whole(path, &kept),
    }
}
