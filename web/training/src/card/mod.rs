//! The card on the page.

mod chart;
mod dials;
mod host;
mod open;
mod state;
mod view;
