//! The synthetic prior: endless random class-conditional generators, so that a learner can be meta-trained without
//! any data set. Each task draws one family and its hyperparameters afresh.
//!
//! Every family returns examples whose entries have mean 0 and mean square 1 each (standardised per example, as the
//! encoding `per-example` does to images).

mod fields;
mod mix;
mod shapes;
mod side;
mod strokes;
mod vectors;

pub use side::SIDE;
