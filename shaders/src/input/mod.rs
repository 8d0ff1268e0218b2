//! How data get in: drawings, pictures and rows of tables to the inputs of a learner.

pub mod encode;
pub mod inkml;
pub mod photo;
pub mod pixels;
pub mod png;
pub mod quick_draw;
pub mod sketch;
pub mod sketch_file;
pub mod strokes;
