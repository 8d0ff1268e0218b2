//! Drawings as a hand makes them: a path for each figure, and for each drawing of it a slant, a size, a turn, a slow
//! wobble and a fine tremble of its own. No two drawings of a figure are copies of each other.

use std::f64::consts::TAU;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// Pieces of an arc, and of a straight leg. A browser takes a frame for each point of a drawing, and most of a test's time is
/// drawing, so there are no more than the eye needs.
const ARC: u32 = 14;
const LEG: u32 = 6;

/// A stroke: points in the unit square, y downwards.
pub type Stroke = Vec<(f64, f64)>;

/// A thing to draw.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Figure {
    /// A closed ring.
    Zero,
    /// An upright line.
    One,
    /// A top bar and a slant down from its right end.
    Seven,
    /// Two crossing lines.
    Cross,
    /// Three sides.
    Triangle,
    /// A curve that doubles back on itself.
    Three,
}

impl Figure {
    /// The figure as it is meant.
    fn path(self) -> Vec<Stroke> {
        let arc = |x: f64, y: f64, rx: f64, ry: f64, from: f64, to: f64| -> Stroke {
            (0..=ARC)
                .map(|step| {
                    let angle = (from + (to - from) * f64::from(step) / f64::from(ARC)) * TAU;
                    (x + rx * angle.cos(), y + ry * angle.sin())
                })
                .collect()
        };
        match self {
            Figure::Zero => vec![arc(0.5, 0.5, 0.26, 0.36, -0.25, 0.77)],
            Figure::One => vec![line(&[(0.5, 0.12), (0.5, 0.88)])],
            Figure::Seven => vec![line(&[(0.25, 0.18), (0.75, 0.18), (0.42, 0.88)])],
            Figure::Cross => vec![line(&[(0.22, 0.22), (0.78, 0.78)]), line(&[(0.78, 0.22), (0.22, 0.78)])],
            Figure::Triangle => vec![line(&[(0.5, 0.15), (0.85, 0.82), (0.15, 0.82), (0.5, 0.15)])],
            Figure::Three => {
                let mut stroke = arc(0.45, 0.32, 0.24, 0.19, -0.45, 0.25);
                stroke.extend(arc(0.45, 0.69, 0.28, 0.2, -0.25, 0.45));
                vec![stroke]
            }
        }
    }

    /// The figure as drawing number `number` of the hand `seed` makes it: always the same strokes for the same numbers.
    pub fn drawn(self, seed: u64, number: u64) -> Vec<Stroke> {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream((number << 8) | self as u64);
        let mut within = |limit: f64| random.random_range(-limit..limit);

        let turn = within(0.2);
        let slant = within(0.2);
        let (wide, high) = (0.88 + within(0.16), 0.88 + within(0.12));
        let (right, down) = (within(0.05), within(0.05));
        let wobble = [0.022, 0.015].map(|limit| (within(limit), within(limit), within(3.2)));
        let mut strokes = Vec::new();
        for path in self.path() {
            let mut stroke = Stroke::new();
            for (number, &(x, y)) in path.iter().enumerate() {
                let (x, y) = ((x - 0.5 + slant * (0.5 - y)) * wide, (y - 0.5) * high);
                let (x, y) = (x * turn.cos() - y * turn.sin(), x * turn.sin() + y * turn.cos());
                let part = number as f64 / path.len() as f64;
                let mut point = (0.5 + x + right + within(0.004), 0.5 + y + down + within(0.004));
                for (order, (in_x, in_y, phase)) in wobble.iter().enumerate() {
                    let wave = (part * TAU * (order + 1) as f64 + phase).sin();
                    point = (point.0 + in_x * wave, point.1 + in_y * wave);
                }
                stroke.push((point.0.clamp(0.02, 0.98), point.1.clamp(0.02, 0.98)));
            }
            strokes.push(stroke);
        }
        strokes
    }
}

/// A line through corners, with points between them, so that a pointer's path has something to wobble.
fn line(corners: &[(f64, f64)]) -> Stroke {
    let mut stroke = vec![corners[0]];
    for pair in corners.windows(2) {
        for step in 1..=LEG {
            let part = f64::from(step) / f64::from(LEG);
            let between = |from: f64, to: f64| from + (to - from) * part;
            stroke.push((between(pair[0].0, pair[1].0), between(pair[0].1, pair[1].1)));
        }
    }
    stroke
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawings_of_one_figure_differ_and_come_again() {
        for figure in [Figure::Zero, Figure::One, Figure::Seven, Figure::Cross, Figure::Triangle, Figure::Three] {
            let first = figure.drawn(1, 0);
            assert_eq!(first, figure.drawn(1, 0));
            for other in [figure.drawn(1, 1), figure.drawn(2, 0)] {
                let moved =
                    first[0].iter().zip(&other[0]).map(|(a, b)| (a.0 - b.0).hypot(a.1 - b.1)).fold(0.0, f64::max);
                assert!(moved > 0.01, "{figure:?} moved by {moved} only");
                assert!(moved < 0.5, "{figure:?} moved by {moved}: that is another figure");
            }
        }
    }
}
