//! Procedural strokes: characters of no script, drawn by a hand that is never quite the same. The trainer
//! meta-trains on them; the page plays with them.

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};

use crate::random::Stream;

/// A normal value.
pub fn normal(stream: &mut Stream) -> f32 {
    StandardNormal.sample(stream)
}

/// exp of a uniform value between ln `low` and ln `high`.
pub fn log_uniform(low: f32, high: f32, stream: &mut Stream) -> f32 {
    (low.ln() + stream.random::<f32>() * (high / low).ln()).exp()
}

/// A class of strokes: 1…4 cubic Bézier curves, some joined end to end.
pub struct Character {
    /// Control points in units of the picture, about −1…1.
    pub strokes: Vec<[[f32; 2]; 4]>,
}

impl Character {
    /// A new class.
    pub fn draw(task: &mut Stream) -> Character {
        let mut strokes: Vec<[[f32; 2]; 4]> = Vec::new();
        for _ in 0..task.random_range(1..=4) {
            let mut at = [task.random_range(-0.8..0.8f32), task.random_range(-0.8..0.8)];
            if let Some(last) = strokes.last()
                && task.random_bool(0.5)
            {
                at = last[3];
            }
            let wander = task.random_bool(0.5);
            let mut points = [at; 4];
            for i in 1..4 {
                let before = points[i - 1];
                points[i] = before.map(|from| {
                    let to = if wander { from + 0.45 * normal(task) } else { task.random_range(-0.8..0.8) };
                    to.clamp(-1.0, 1.0)
                });
            }
            strokes.push(points);
        }
        Character { strokes }
    }

    /// One drawing of it as lines: control points moved by `shake`, then turned by `hand[0]` radians, slanted by
    /// `hand[1]` and made higher than wide by a factor of e^(2·`hand[2]`).
    pub fn lines(&self, shake: f32, hand: [f32; 3], stream: &mut Stream) -> Vec<Vec<[f32; 2]>> {
        const SAMPLES: usize = 14;
        let [turn, slant, aspect] = hand;
        let (sin, cos) = turn.sin_cos();
        let (wide, high) = ((-aspect).exp(), aspect.exp());
        self.strokes
            .iter()
            .map(|stroke| {
                let moved = stroke.map(|p| [p[0] + shake * normal(stream), p[1] + shake * normal(stream)]);
                let point = |s: usize| {
                    let [x, y] = bezier(&moved, s as f32 / (SAMPLES - 1) as f32);
                    let (x, y) = (wide * (x + slant * y), high * y);
                    [cos * x - sin * y, sin * x + cos * y]
                };
                (0..SAMPLES).map(point).collect()
            })
            .collect()
    }
}

/// The point at `u` in 0…1 of a cubic Bézier curve.
pub fn bezier(control: &[[f32; 2]; 4], u: f32) -> [f32; 2] {
    let v = 1.0 - u;
    let weight = [v * v * v, 3.0 * u * v * v, 3.0 * u * u * v, u * u * u];
    let at = |axis: usize| (0..4).map(|i| weight[i] * control[i][axis]).sum::<f32>();
    [at(0), at(1)]
}
