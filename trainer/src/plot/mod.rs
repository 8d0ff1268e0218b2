//! Pictures as SVG: line charts, learning curves and heat maps. One self-contained file each, no script, no font, readable
//! on light and on dark ground (`prefers-color-scheme`). Written by hand: a curve with a band and a legend is less code
//! than a plotting crate's set-up, and none of those writes both colour schemes into one file.

mod axis;
pub mod csv;
mod curves;
mod heat;
mod lines;
mod style;

pub use axis::{Axis, Spacing, Ticks, short, superscript};
pub use curves::{Plot, PlotError, Series};
pub use heat::HeatMap;
pub use lines::{Layout, Line, LineChart, Stroke};
pub use style::escape;
