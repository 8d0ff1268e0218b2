//! What the tests across crates share: the trainer's program, data sets behind a proxy, a driver for real browsers, and strokes
//! as people draw them.
//!
//! `cargo xtask test` sets `PAGE` (the built page), `CHROME`, `CHROMEDRIVER`, `SCREENSHOTS`, and `REQUIRE_BROWSER=1`,
//! `REQUIRE_FIREFOX=1` and `REQUIRE_WEBKIT=1`, which turn a missing page or browser into a failure. Without them, tests that
//! need them say so and pass. Firefox and WebKit are found on PATH, or named in `FIREFOX`, `GECKODRIVER` and `WEBKITDRIVER`.

pub mod browser;
pub mod downloads;
pub mod driver;
pub mod examples;
pub mod kind;
pub mod memory;
pub mod own_data;
pub mod page;
pub mod program;
pub mod setting;
pub mod strokes;
