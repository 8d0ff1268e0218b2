//! Colour: a task of grey pictures becomes one of pictures in colour. What a picture shows lies between the colours of its ink
//! and of its ground, under a light that differs from picture to picture. Colours go with the class, with the picture or with
//! the task, so that a learner finds out from examples whether they matter. In some tasks they are all that matters.

use rand::RngExt;
use shaders::input::encode::grey_first;
use shaders::input::pixels;
use shaders::input::strokes::{log_uniform, normal};
use shaders::random::Stream;

/// Channels of a picture in colour.
pub const CHANNELS: usize = 3;
/// Share of painted tasks of whose classes only the colours differ.
const ALONE: f64 = 0.2;
/// Share of these whose pictures show nothing but a colour.
const FLAT: f64 = 0.4;

type Colour = [f32; CHANNELS];

/// How a task paints.
#[derive(Debug, Clone)]
pub struct Paint {
    ink: Palette,
    ground: Palette,
    /// Whether what a picture shows has nothing to do with its class, and whether it shows anything.
    alone: bool,
    flat: bool,
    /// Deviations of ln brightness, of the slope of the light, and of noise.
    bright: f32,
    slope: f32,
    noise: f32,
}

/// What a colour goes with.
#[derive(Debug, Clone, PartialEq)]
enum Palette {
    Task(Colour),
    /// A colour for each class, and how far a picture's own is from it.
    Class(Vec<Colour>, f32),
    Picture,
}

/// Any colour, greyer or stronger.
fn any(stream: &mut Stream) -> Colour {
    let colour: Colour = std::array::from_fn(|_| stream.random());
    let grey = colour.iter().sum::<f32>() / CHANNELS as f32;
    let strength = stream.random_range(0.2..1.0f32);
    colour.map(|v| grey + strength * (v - grey))
}

fn near(colour: Colour, distance: f32, stream: &mut Stream) -> Colour {
    colour.map(|v| v + distance * normal(stream))
}

impl Palette {
    fn of_classes(k: usize, task: &mut Stream) -> Palette {
        let (middle, spread) = (any(task), log_uniform(0.08, 0.6, task));
        let colours = (0..k).map(|_| near(middle, spread, task)).collect();
        Palette::Class(colours, spread * log_uniform(0.03, 0.7, task))
    }

    fn draw(k: usize, of_class: f64, of_picture: f64, task: &mut Stream) -> Palette {
        match task.random::<f64>() {
            u if u < of_class => Palette::of_classes(k, task),
            u if u < of_class + of_picture => Palette::Picture,
            _ => Palette::Task(any(task)),
        }
    }

    fn colour(&self, class: usize, stream: &mut Stream) -> Colour {
        match self {
            Palette::Task(colour) => *colour,
            Palette::Class(colours, distance) => near(colours[class], *distance, stream),
            Palette::Picture => any(stream),
        }
    }
}

impl Paint {
    /// How a task of `k` classes paints.
    pub fn draw(k: usize, task: &mut Stream) -> Paint {
        let alone = task.random_bool(ALONE);
        let mut ink = Palette::draw(k, 0.45, 0.3, task);
        let ground = Palette::draw(k, 0.25, 0.45, task);
        let flat = alone && task.random_bool(FLAT);
        let of_class = |palette: &Palette| matches!(palette, Palette::Class(..));
        if alone && !of_class(&ink) && (flat || !of_class(&ground)) {
            ink = Palette::of_classes(k, task);
        }
        Paint {
            ink,
            ground,
            alone,
            flat,
            bright: log_uniform(0.02, 0.4, task),
            slope: log_uniform(0.02, 0.4, task),
            noise: log_uniform(0.005, 0.15, task),
        }
    }

    /// The class that each picture shows: its own, or any if only colours matter.
    pub fn shown(&self, k: usize, own: &[u32], stream: &mut Stream) -> Vec<u32> {
        match self.alone {
            true => own.iter().map(|_| stream.random_range(0..k as u32)).collect(),
            false => own.to_vec(),
        }
    }

    /// Pictures in colour, as an encoder gives them.
    ///
    /// # Shapes
    /// `grey` `[T, side²]`, `own` `[T]`, the result `[T, 3, side²]`
    pub fn apply(&self, grey: &[f32], own: &[u32], stream: &mut Stream) -> Vec<f32> {
        let pixels = grey.len() / own.len();
        let side = (pixels as f32).sqrt() as usize;
        let mut all = Vec::with_capacity(CHANNELS * grey.len());
        for (picture, &class) in grey.chunks_exact(pixels).zip(own) {
            let (low, high) = picture.iter().fold((f32::MAX, f32::MIN), |(low, high), v| (low.min(*v), high.max(*v)));
            let [ink, ground] = [&self.ink, &self.ground].map(|palette| palette.colour(class as usize, stream));
            let bright = (self.bright * normal(stream)).exp();
            let slope = [self.slope * normal(stream), self.slope * normal(stream)];
            let mut painted = Vec::with_capacity(CHANNELS * pixels);
            for (at, value) in picture.iter().enumerate() {
                let share = if self.flat { 1.0 } else { (value - low) / (high - low).max(1e-6) };
                let place = |at: usize| 2.0 * at as f32 / side as f32 - 1.0;
                let light = bright * (1.0 + slope[0] * place(at / side) + slope[1] * place(at % side)).max(0.0);
                let mixed = ground.iter().zip(&ink).map(|(ground, ink)| ground + share * (ink - ground));
                painted.extend(mixed.map(|v| (light * v).clamp(0.0, 1.0) + self.noise * normal(stream)));
            }
            pixels::standardise(&mut painted);
            all.extend(grey_first(&painted, CHANNELS));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shaders::random;

    /// Share of queries whose nearest shown picture is of their class.
    fn nearest(inputs: &[f32], labels: &[u32], shown: usize) -> f64 {
        let x = inputs.len() / labels.len();
        let row = |i: usize| &inputs[i * x..(i + 1) * x];
        let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
        let right = (shown..labels.len()).filter(|&i| {
            let best = (0..shown).min_by(|&a, &b| distance(row(a), row(i)).total_cmp(&distance(row(b), row(i))));
            labels[best.unwrap()] == labels[i]
        });
        right.count() as f64 / (labels.len() - shown) as f64
    }

    #[test]
    fn colours_tell_classes_apart_where_they_are_all_that_matters() {
        let (mut with, mut without, mut tasks) = (0.0, 0.0, 0);
        for index in 0..200 {
            let mut task = random::stream(1, "colour/task", index);
            let mut stream = random::stream(1, "colour", index);
            let paint = Paint::draw(4, &mut task);
            if !paint.alone {
                continue;
            }
            let own: Vec<u32> = (0..60).map(|i| i % 4).collect();
            let shown = paint.shown(4, &own, &mut stream);
            // a bar at a place of the class that is shown
            let at = |class: u32, pixel: usize| if pixel / 14 / 3 == class as usize { 1.0 } else { -0.3 };
            let grey: Vec<f32> = shown.iter().flat_map(|&class| (0..196).map(move |i| at(class, i))).collect();
            let painted = paint.apply(&grey, &own, &mut stream);
            assert_eq!(painted.len(), 60 * 588);
            assert!(painted.iter().all(|v| v.is_finite()));
            let grey: Vec<f32> = painted.chunks_exact(588).flat_map(|picture| picture[..196].to_vec()).collect();
            with += nearest(&painted, &own, 40);
            without += nearest(&grey, &own, 40);
            tasks += 1;
        }
        let (with, without) = (with / f64::from(tasks), without / f64::from(tasks));
        assert!((25..60).contains(&tasks), "{tasks} of 200");
        assert!(with > 0.45 && without < with - 0.05, "in colour {with}, in grey {without}, chance 0.25");
    }

    #[test]
    fn a_picture_without_colour_differences_stays_grey() {
        let grey = Palette::Task([0.2; 3]);
        let paint = Paint {
            ink: Palette::Task([0.9; 3]),
            ground: grey,
            alone: false,
            flat: false,
            bright: 0.0,
            slope: 0.0,
            noise: 0.0,
        };
        let mut picture: Vec<f32> = (0..196).map(|i| (i * 37 % 101) as f32).collect();
        let painted = paint.apply(&picture, &[0], &mut random::stream(1, "colour", 0));
        pixels::standardise(&mut picture);
        assert!(painted[..196].iter().zip(&picture).all(|(a, b)| (a - b).abs() < 1e-4));
        assert!(painted[196..].iter().all(|v| v.abs() < 1e-4));
    }
}
