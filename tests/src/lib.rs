//! What the tests across crates share: the trainer's program, a driver for real browsers, and strokes as people draw them.
//!
//! `cargo xtask test` sets `PAGE` (the built page), `CHROME`, `CHROMEDRIVER`, `SCREENSHOTS`, and `REQUIRE_BROWSER=1`,
//! which turns a missing browser or page into a failure. Without that, tests that need them say so and pass.

pub mod browser;
pub mod driver;
pub mod kind;
pub mod page;
pub mod program;
pub mod setting;
pub mod strokes;
