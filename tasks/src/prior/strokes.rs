//! Pictures of random strokes, redrawn with a shaky hand.

use rand::RngExt;
use shaders::input::strokes::{Character, bezier, log_uniform, normal};
use shaders::random::Stream;

use super::side::SIDE;

/// One picture of it: control points moved by `shake`, an affine distortion, a pen of random width.
fn picture(character: &Character, shake: f32, stream: &mut Stream) -> Vec<f32> {
    const SAMPLES: usize = 14;
    let mut points = Vec::with_capacity(character.strokes.len() * SAMPLES);
    for stroke in &character.strokes {
        let moved = stroke.map(|p| [p[0] + shake * normal(stream), p[1] + shake * normal(stream)]);
        for s in 0..SAMPLES {
            points.push(bezier(&moved, s as f32 / (SAMPLES - 1) as f32));
        }
    }
    // rotation, shear and scale of a hand; sizes in units of the picture
    let angle = (8.0 * normal(stream)).clamp(-18.0, 18.0).to_radians();
    let shear = 0.12 * normal(stream);
    let (sin, cos) = angle.sin_cos();
    let (wide, high) = ((0.1 * normal(stream)).exp(), (0.1 * normal(stream)).exp());
    for p in &mut points {
        let x = wide * (p[0] + shear * p[1]);
        let y = high * p[1];
        *p = [cos * x - sin * y, sin * x + cos * y];
    }
    // centre of mass in the middle, longest side of the box 10 of 14 pixels: the preprocessing of real drawings
    let n = points.len() as f32;
    let mean = [0, 1].map(|axis| points.iter().map(|p| p[axis]).sum::<f32>() / n);
    let extent = [0, 1]
        .map(|axis| {
            let values = points.iter().map(|p| p[axis]);
            values.clone().fold(f32::MIN, f32::max) - values.fold(f32::MAX, f32::min)
        })
        .into_iter()
        .fold(0.15, f32::max);
    let scale = 9.5 / extent;
    let middle = (SIDE as f32 - 1.0) / 2.0;
    let pen = stream.random_range(0.4..0.9f32);
    let ink = stream.random_range(0.6..2.0f32);
    let mut picture = vec![0.0f32; SIDE * SIDE];
    for p in &points {
        let (x, y) = ((p[0] - mean[0]) * scale + middle, (p[1] - mean[1]) * scale + middle);
        let rows = (y - 2.5).max(0.0) as usize..((y + 3.5).max(0.0) as usize).min(SIDE);
        for row in rows {
            let columns = (x - 2.5).max(0.0) as usize..((x + 3.5).max(0.0) as usize).min(SIDE);
            for column in columns {
                let square = (row as f32 - y).powi(2) + (column as f32 - x).powi(2);
                picture[row * SIDE + column] += ink * exp(-square / (2.0 * pen * pen));
            }
        }
    }
    picture.iter_mut().for_each(|v| *v = 1.0 - exp(-*v));
    picture
}

/// eˣ. WebAssembly has no library of its own, and what Rust brings takes a tenth of a training step there.
fn exp(x: f32) -> f32 {
    if cfg!(target_arch = "wasm32") { backprop::simd::exp(x) } else { x.exp() }
}

/// `[T, 14 · 14]`, not standardised.
pub(super) fn strokes(k: usize, own: &[u32], task: &mut Stream, stream: &mut Stream) -> Vec<f32> {
    // some classes are written in more than one way, as people do
    let ways: Vec<Vec<Character>> = (0..k)
        .map(|_| (0..if task.random_bool(0.3) { 2 } else { 1 }).map(|_| Character::draw(task)).collect())
        .collect();
    let shake = log_uniform(0.06, 0.3, task);
    let mut out = Vec::with_capacity(own.len() * SIDE * SIDE);
    for &class in own {
        let ways = &ways[class as usize];
        let way = &ways[stream.random_range(0..ways.len())];
        out.extend(picture(way, shake, stream));
    }
    out
}
