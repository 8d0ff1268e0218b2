//! Sample packs: drawings that the page can make by itself, so that what it does is seen before anything is drawn.
//! Symbols and look-alikes are paths in an unsteady hand; invented letters are the procedural characters of
//! [`shaders::input::strokes`], which learners are meta-trained on, from a stream that no training reaches.

use std::f32::consts::TAU;

use shaders::input::pixels::Stroke;
use shaders::input::strokes::{Character, normal};
use shaders::random::{self, Stream};

use crate::document::PEN;

/// Points of a line from corner to corner, and of a turn.
const POINTS: usize = 14;

/// What can be played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pack {
    /// Things that everyone knows.
    Symbols,
    /// Letters of no alphabet.
    Letters,
    /// Rings that differ in one detail.
    LookAlikes,
}

/// Lines in the unit square, y down.
type Lines = Vec<Vec<[f32; 2]>>;

impl Pack {
    /// In the order of the page.
    pub const ALL: [Pack; 3] = [Pack::Symbols, Pack::Letters, Pack::LookAlikes];

    /// For test ids.
    pub fn key(self) -> &'static str {
        match self {
            Pack::Symbols => "symbols",
            Pack::Letters => "letters",
            Pack::LookAlikes => "look-alikes",
        }
    }

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Pack::Symbols => "Symbols",
            Pack::Letters => "Invented letters",
            Pack::LookAlikes => "Look-alikes",
        }
    }

    /// What is special about it.
    pub fn words(self) -> &'static str {
        match self {
            Pack::Symbols => "six everyday things",
            Pack::Letters => "five letters of no alphabet",
            Pack::LookAlikes => "five rings that differ in one detail",
        }
    }

    /// Names of its classes.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Pack::Symbols => &["star", "house", "wave", "heart", "fish", "tree"],
            Pack::Letters => &["ka", "mi", "zo", "fe", "ru"],
            Pack::LookAlikes => &["ring", "gap", "tail", "dot", "flag"],
        }
    }

    /// How often each class is drawn.
    fn shots(self) -> usize {
        match self {
            Pack::Symbols => 3,
            Pack::Letters | Pack::LookAlikes => 4,
        }
    }

    /// Class of each drawing, in the order of playing: round after round, each round in another order, so that every
    /// round asks about all that was shown so far.
    pub fn order(self) -> Vec<u32> {
        let classes = self.names().len();
        let mut stream = random::stream(3, "page pack order", self as u64);
        let mut order = Vec::new();
        for round in 0..self.shots() {
            let mut left: Vec<u32> = (0..classes as u32).collect();
            while !left.is_empty() {
                // the first round goes from top to bottom
                let at = if round == 0 { 0 } else { random::below(left.len(), &mut stream) };
                order.push(left.remove(at));
            }
        }
        order
    }

    /// Drawing number `number` of a class in units of the canvas: always the same strokes for the same numbers.
    pub fn drawn(self, class: u32, number: u64) -> Vec<Stroke> {
        let mut stream = random::stream(number, "page pack drawing", 16 * self as u64 + u64::from(class));
        let lines = match self {
            Pack::Letters => {
                let mut task = random::stream(u64::from(class), "page pack letter", 0);
                let hand = [0.1, 0.12, 0.08].map(|deviation| deviation * normal(&mut stream));
                Character::draw(&mut task).lines(0.06, hand, &mut stream)
            }
            _ => unsteady(self.path(class), &mut stream),
        };
        placed(lines, &mut stream)
    }

    fn path(self, class: u32) -> Lines {
        let ring = |from: f32, to: f32| arc([0.5, 0.5], [0.36, 0.38], from, to);
        match (self, class) {
            (Pack::Symbols, 0) => {
                let tip = |i: usize| {
                    let angle = TAU * (0.4 * i as f32 - 0.25);
                    [0.5 + 0.44 * angle.cos(), 0.52 + 0.44 * angle.sin()]
                };
                vec![line(&[tip(0), tip(1), tip(2), tip(3), tip(4), tip(5)])]
            }
            (Pack::Symbols, 1) => vec![
                line(&[[0.2, 0.9], [0.2, 0.46], [0.5, 0.12], [0.8, 0.46], [0.8, 0.9], [0.2, 0.9]]),
                line(&[[0.44, 0.9], [0.44, 0.66], [0.58, 0.66], [0.58, 0.9]]),
            ],
            (Pack::Symbols, 2) => {
                let at = |i: usize| {
                    let x = i as f32 / 40.0;
                    [0.05 + 0.9 * x, 0.5 + 0.17 * (2.5 * TAU * x).sin()]
                };
                vec![(0..=40).map(at).collect()]
            }
            (Pack::Symbols, 3) => {
                let at = |i: usize| {
                    let t = TAU * i as f32 / 40.0;
                    let x = t.sin().powi(3);
                    let y = 0.8125 * t.cos()
                        - 0.3125 * (2.0 * t).cos()
                        - 0.125 * (3.0 * t).cos()
                        - 0.0625 * (4.0 * t).cos();
                    [0.5 + 0.42 * x, 0.47 - 0.42 * y]
                };
                vec![(0..=40).map(at).collect()]
            }
            (Pack::Symbols, 4) => {
                let mut body = arc([0.42, 0.5], [0.36, 0.22], 0.06, 0.94);
                body.extend(line(&[[0.75, 0.42], [0.95, 0.68]]));
                body.extend(line(&[[0.95, 0.68], [0.95, 0.32], [0.75, 0.58]]));
                vec![body, vec![[0.24, 0.45], [0.25, 0.46]]]
            }
            (Pack::Symbols, _) => vec![
                line(&[[0.5, 0.95], [0.5, 0.62]]),
                line(&[
                    [0.5, 0.06],
                    [0.78, 0.36],
                    [0.62, 0.36],
                    [0.86, 0.64],
                    [0.14, 0.64],
                    [0.38, 0.36],
                    [0.22, 0.36],
                    [0.5, 0.06],
                ]),
            ],
            (_, 0) => vec![ring(-0.25, 0.76)],
            (_, 1) => vec![ring(0.1, 0.9)],
            (_, 2) => vec![ring(-0.25, 0.76), line(&[[0.6, 0.62], [0.92, 0.96]])],
            (_, 3) => vec![ring(-0.25, 0.76), arc([0.5, 0.5], [0.04, 0.04], 0.0, 1.0)],
            (_, _) => vec![ring(-0.25, 0.76), line(&[[0.86, 0.52], [0.86, 0.04]])],
        }
    }
}

fn line(corners: &[[f32; 2]]) -> Vec<[f32; 2]> {
    let mut points = vec![corners[0]];
    for pair in corners.windows(2) {
        let along = |i: usize| {
            let part = i as f32 / POINTS as f32;
            [0, 1].map(|axis: usize| pair[0][axis] + (pair[1][axis] - pair[0][axis]) * part)
        };
        points.extend((1..=POINTS).map(along));
    }
    points
}

/// From one turn to another, clockwise from the right.
fn arc(centre: [f32; 2], radius: [f32; 2], from: f32, to: f32) -> Vec<[f32; 2]> {
    let at = |i: usize| {
        let angle = TAU * (from + (to - from) * i as f32 / 36.0);
        [centre[0] + radius[0] * angle.cos(), centre[1] + radius[1] * angle.sin()]
    };
    (0..=36).map(at).collect()
}

/// A hand: turned, slanted, stretched, with a slow wobble and a fine tremble.
fn unsteady(lines: Lines, stream: &mut Stream) -> Lines {
    let mut random = |deviation: f32| (deviation * normal(stream)).clamp(-2.0 * deviation, 2.0 * deviation);
    let (turn, slant, aspect) = (random(0.12), random(0.1), random(0.09));
    let (sin, cos) = turn.sin_cos();
    let (wide, high) = (aspect.exp(), (-aspect).exp());
    let mut drawn = Lines::new();
    for line in lines {
        // a short line has no room to wobble
        let length: f32 = line.windows(2).map(|p| (p[1][0] - p[0][0]).hypot(p[1][1] - p[0][1])).sum();
        let room = (length / 1.2).clamp(0.15, 1.0);
        let waves: [[f32; 3]; 2] = std::array::from_fn(|_| [random(0.022), random(0.022), random(1.6)]);
        let count = line.len() as f32;
        let point = |(i, [x, y]): (usize, [f32; 2])| {
            let (x, y) = (wide * (x - 0.5 + slant * (y - 0.5)), high * (y - 0.5));
            let mut point = [cos * x - sin * y + random(0.004), sin * x + cos * y + random(0.004)];
            for (order, [in_x, in_y, phase]) in waves.iter().enumerate() {
                let wave = (TAU * (order + 1) as f32 * i as f32 / count + phase).sin();
                point[0] += room * in_x * wave;
                point[1] += room * in_y * wave;
            }
            point
        };
        drawn.push(line.into_iter().enumerate().map(point).collect());
    }
    drawn
}

/// On the canvas: fitted to most of it, a little off the middle.
fn placed(lines: Lines, stream: &mut Stream) -> Vec<Stroke> {
    let bound = |axis: usize, from: f32, best: fn(f32, f32) -> f32| {
        lines.iter().flatten().map(|point| point[axis]).fold(from, best)
    };
    let low = [0, 1].map(|axis| bound(axis, f32::INFINITY, f32::min));
    let high = [0, 1].map(|axis| bound(axis, f32::NEG_INFINITY, f32::max));
    let size = 640.0 * (1.0 + 0.08 * normal(stream)).clamp(0.85, 1.15);
    let scale = size / (high[0] - low[0]).max(high[1] - low[1]).max(1e-3);
    let middle: [f32; 2] = std::array::from_fn(|_| 500.0 + (25.0 * normal(stream)).clamp(-50.0, 50.0));
    let place = |point: &[f32; 2]| {
        std::array::from_fn(|axis| {
            let centred = point[axis] - (low[axis] + high[axis]) / 2.0;
            (middle[axis] + scale * centred).clamp(20.0, 980.0).round()
        })
    };
    lines.iter().map(|line| Stroke { points: line.iter().map(place).collect(), width: PEN }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::codec::thinned;
    use crate::document::preprocess;

    #[test]
    fn every_pack_fits_the_table_and_is_the_same_each_time() {
        for pack in Pack::ALL {
            let (names, order) = (pack.names(), pack.order());
            assert!((2..=crate::document::MOST).contains(&names.len()));
            assert_eq!(order, pack.order());
            assert_eq!(order[..names.len()], (0..names.len() as u32).collect::<Vec<_>>());
            for class in 0..names.len() as u32 {
                let count = order.iter().filter(|c| **c == class).count();
                assert_eq!(count * names.len(), order.len());
                assert_eq!(pack.drawn(class, 3), pack.drawn(class, 3));
                assert_ne!(pack.drawn(class, 3), pack.drawn(class, 4));
            }
        }
    }

    /// By the nearest neighbour of what a learner sees, one drawing of each class is enough to know most others: the
    /// classes are classes.
    #[test]
    fn drawings_of_a_class_are_alike() {
        for pack in Pack::ALL {
            let classes = pack.names().len() as u32;
            let picture = |class: u32, number: u64| preprocess(&thinned(&pack.drawn(class, number))).unwrap();
            let shown: Vec<Vec<f32>> = (0..classes).flat_map(|c| (0..3).map(move |n| picture(c, n))).collect();
            let mut right = 0;
            for class in 0..classes {
                for number in 10..20 {
                    let asked = picture(class, number);
                    let distance = |a: &Vec<f32>| a.iter().zip(&asked).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
                    let best = (0..shown.len()).min_by(|a, b| distance(&shown[*a]).total_cmp(&distance(&shown[*b])));
                    right += u32::from(best.unwrap() as u32 / 3 == class);
                }
            }
            let accuracy = right as f32 / (10 * classes) as f32;
            println!("{}: {accuracy}", pack.key());
            assert!(accuracy > 0.6, "{}: {accuracy}", pack.key());
        }
    }
}
