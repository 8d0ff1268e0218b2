//! Augmentation: changes of hand and pen to drawings of 28 × 28.

use backprop::simd;
use rand::RngExt;
use serde::{Deserialize, Serialize};
use shaders::input::pixels;
use shaders::input::strokes::normal;
use shaders::random::Stream;

/// Side of a drawing after the shared preprocessing.
pub const SIDE: usize = pixels::SIDE;
/// Rotations by quarter turns, and their mirror images.
pub const TURNS: usize = 8;

/// The largest factor of [`Augment::stronger`].
const STRONGEST: f32 = 2.5;

/// How drawings are changed, each time they are shown; the shared preprocessing follows. Keys are those of `[tasks.augment]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augment {
    /// Share of drawings that are changed; 0 for none.
    pub share: f64,
    /// Share of tasks whose changes are stronger, all by one factor between 1 and 2.5, so that a learner meets hands that vary
    /// more than most.
    #[serde(default)]
    pub stronger: f64,
    /// Whether a class turned or mirrored is a class of its own.
    pub turns: bool,
    /// Standard deviation of the rotation, degrees.
    pub rotation: f32,
    /// Standard deviation of the slant.
    pub shear: f32,
    /// Standard deviation of ln(width/height)/2.
    pub aspect: f32,
    /// Largest root mean square of an elastic deformation, pixels.
    pub elastic: f32,
    /// Largest standard deviation of the pen's blur, pixels.
    pub blur: f32,
}

impl Default for Augment {
    fn default() -> Self {
        Augment {
            share: 0.0,
            stronger: 0.0,
            turns: false,
            rotation: 10.0,
            shear: 0.22,
            aspect: 0.15,
            elastic: 1.8,
            blur: 1.3,
        }
    }
}

impl Augment {
    /// Whether anything is to be done.
    pub fn active(&self) -> bool {
        self.share > 0.0 || self.turns
    }

    /// The changes of one task.
    pub fn of_task(&self, task: &mut Stream) -> Augment {
        let mut own = self.clone();
        if self.stronger > 0.0 && task.random_bool(self.stronger) {
            let factor = task.random_range(1.0..STRONGEST);
            for change in [&mut own.rotation, &mut own.shear, &mut own.aspect, &mut own.elastic] {
                *change *= factor;
            }
        }
        own
    }

    /// A drawing, turned and perhaps changed, preprocessed.
    ///
    /// # Shapes
    /// `picture` and the result `[28, 28]` in 0…1.
    pub fn apply(&self, picture: &[f32], turn: usize, stream: &mut Stream) -> Vec<f32> {
        let turned = match turn {
            0 => picture.to_vec(),
            _ => turned(picture, turn),
        };
        if !stream.random_bool(self.share) {
            return turned;
        }
        let mut changed = self.warp(&turned, stream);
        self.pen(&mut changed, stream);
        // a drawing that has lost all its ink stays as it was
        pixels::normalise(&changed, SIDE, SIDE).unwrap_or(turned)
    }

    /// An affine and an elastic deformation, bilinear.
    fn warp(&self, picture: &[f32], stream: &mut Stream) -> Vec<f32> {
        let limit = 2.2 * self.rotation;
        let (sin, cos) = (self.rotation * normal(stream)).clamp(-limit, limit).to_radians().sin_cos();
        let shear = self.shear * normal(stream);
        let aspect = self.aspect * normal(stream);
        let (high, wide) = (aspect.exp(), (-aspect).exp());
        // rows of R·S with S = [[high, 0], [shear, wide]]
        let matrix = [[cos * high - sin * shear, -sin * wide], [sin * high + cos * shear, cos * wide]];
        let strength = if self.elastic > 0.2 { stream.random_range(0.2..self.elastic) } else { self.elastic };
        let bumps = bumps();
        let weights: [[f32; 2]; BUMPS] =
            std::array::from_fn(|_| [strength * normal(stream), strength * normal(stream)]);
        let middle = (SIDE as f32 - 1.0) / 2.0;
        let mut places = [vec![0f32; SIDE * SIDE], vec![0f32; SIDE * SIDE]];
        for (row, place) in matrix.iter().zip(&mut places) {
            for (pixel, to) in place.iter_mut().enumerate() {
                let (v, u) = ((pixel / SIDE) as f32 - middle, (pixel % SIDE) as f32 - middle);
                *to = row[0] * v + row[1] * u + middle;
            }
        }
        // a control point at a time: sums in the order of control points, and loops that become SIMD
        let padded = padded(picture);
        let mut out = vec![0f32; SIDE * SIDE];
        simd::fast(
            #[inline(always)]
            || {
                for (bump, weight) in bumps.chunks_exact(SIDE * SIDE).zip(&weights) {
                    for (place, weight) in places.iter_mut().zip(weight) {
                        place.iter_mut().zip(bump).for_each(|(to, share)| *to += share * weight);
                    }
                }
                for ((out, y), x) in out.iter_mut().zip(&places[0]).zip(&places[1]) {
                    *out = at(&padded, *y, *x);
                }
            },
        );
        out
    }

    /// Another pen: a blur, then a contrast that makes lines thicker or thinner.
    fn pen(&self, picture: &mut [f32], stream: &mut Stream) {
        let sigma = if self.blur > 0.4 { stream.random_range(0.4..self.blur) } else { 0.4 };
        let gain = stream.random_range(1.0..3.5f32);
        blur(picture, sigma);
        let largest = picture.iter().copied().fold(0.0, f32::max);
        let scale = gain / (0.9 * largest + 1e-3);
        picture.iter_mut().for_each(|v| *v = (*v * scale - 0.15 * (gain - 1.0)).clamp(0.0, 1.0));
    }
}

/// One of the 8 symmetries of the square.
fn turned(picture: &[f32], turn: usize) -> Vec<f32> {
    let last = SIDE - 1;
    (0..SIDE * SIDE)
        .map(|pixel| {
            let (y, x) = (pixel / SIDE, pixel % SIDE);
            let x = if turn >= 4 { last - x } else { x };
            let (y, x) = match turn % 4 {
                0 => (y, x),
                1 => (x, last - y),
                2 => (last - y, last - x),
                _ => (last - x, y),
            };
            picture[y * SIDE + x]
        })
        .collect()
}

/// A row and a column of zeros before a picture, and two after it.
const PADDED: usize = SIDE + 3;

/// The picture with zeros around it.
fn padded(picture: &[f32]) -> Vec<f32> {
    let mut out = vec![0f32; PADDED * PADDED];
    for (to, from) in out[PADDED..].chunks_exact_mut(PADDED).zip(picture.chunks_exact(SIDE)) {
        to[1..=SIDE].copy_from_slice(from);
    }
    out
}

/// The value between pixels of a padded picture, 0 outside.
#[inline(always)]
fn at(padded: &[f32], y: f32, x: f32) -> f32 {
    // where all four neighbours are zeros it does not matter how far away it is
    let (y, x) = (y.clamp(-1.0, SIDE as f32), x.clamp(-1.0, SIDE as f32));
    let (top, left) = (y.floor(), x.floor());
    let (v, u) = (y - top, x - left);
    let first = (top + 1.0) as usize * PADDED + (left + 1.0) as usize;
    let value = |dy: usize, dx: usize| padded[first + dy * PADDED + dx];
    (1.0 - v) * ((1.0 - u) * value(0, 0) + u * value(0, 1)) + v * ((1.0 - u) * value(1, 0) + u * value(1, 1))
}

/// Control points of an elastic deformation, 4 × 4.
const BUMPS: usize = 16;

/// How far each pixel follows each control point, `[16, 28 · 28]`, Gaussian with a standard deviation of 5 pixels; the
/// squares of a pixel sum to 1.
fn bumps() -> &'static [f32] {
    static BUMP: std::sync::OnceLock<Vec<f32>> = std::sync::OnceLock::new();
    BUMP.get_or_init(|| {
        let mut all = vec![0f32; SIDE * SIDE * BUMPS];
        for pixel in 0..SIDE * SIDE {
            let near = |i: usize, at: usize| {
                let control = -12.0 + 8.0 * i as f32 + (SIDE as f32 - 1.0) / 2.0;
                (at as f32 - control).powi(2)
            };
            let row: Vec<f32> =
                (0..BUMPS).map(|b| (-(near(b / 4, pixel / SIDE) + near(b % 4, pixel % SIDE)) / 50.0).exp()).collect();
            let norm = row.iter().map(|v| v * v).sum::<f32>().sqrt();
            row.into_iter().enumerate().for_each(|(b, v)| all[b * SIDE * SIDE + pixel] = v / norm);
        }
        all
    })
}

fn blur(picture: &mut [f32], sigma: f32) {
    let reach = (3.0 * sigma).ceil() as usize;
    let weight: Vec<f32> = (0..=reach).map(|d| (-((d * d) as f32) / (2.0 * sigma * sigma)).exp()).collect();
    let sum = weight[0] + 2.0 * weight[1..].iter().sum::<f32>();
    // along rows, then across them, as loops that become SIMD; each pixel's terms come in one order
    simd::fast(
        #[inline(always)]
        || {
            let before = picture.to_vec();
            for (out, line) in picture.chunks_exact_mut(SIDE).zip(before.chunks_exact(SIDE)) {
                blur_line(out, line, &weight, sum, 1);
            }
            let before = picture.to_vec();
            blur_line(picture, &before, &weight, sum, SIDE);
        },
    );
}

/// Blurs along a line, or across rows where neighbours are `stride` apart.
#[inline(always)]
fn blur_line(out: &mut [f32], before: &[f32], weight: &[f32], sum: f32, stride: usize) {
    out.iter_mut().zip(before).for_each(|(out, v)| *out = weight[0] * v);
    for (d, w) in weight.iter().enumerate().skip(1) {
        let far = (d * stride).min(out.len());
        out[far..].iter_mut().zip(before).for_each(|(out, v)| *out += w * v);
        out.iter_mut().zip(&before[far..]).for_each(|(out, v)| *out += w * v);
    }
    out.iter_mut().for_each(|out| *out /= sum);
}

#[cfg(test)]
mod tests {
    use super::*;
    use shaders::random;

    /// An L, off the middle.
    fn letter() -> Vec<f32> {
        let mut picture = vec![0f32; SIDE * SIDE];
        (5..20).for_each(|y| picture[y * SIDE + 8] = 1.0);
        (8..16).for_each(|x| picture[19 * SIDE + x] = 1.0);
        picture
    }

    #[test]
    fn the_eight_turns_are_different_and_keep_the_ink() {
        let all: Vec<Vec<f32>> = (0..TURNS).map(|turn| turned(&letter(), turn)).collect();
        assert_eq!(all[0], letter());
        for (i, a) in all.iter().enumerate() {
            assert_eq!(a.iter().sum::<f32>(), letter().iter().sum::<f32>());
            assert!(all[..i].iter().all(|b| a != b));
        }
        // four quarter turns are none
        let once = turned(&letter(), 1);
        assert_eq!(turned(&turned(&turned(&once, 1), 1), 1), letter());
    }

    #[test]
    fn some_tasks_have_stronger_changes() {
        let augment = Augment { share: 1.0, stronger: 0.3, ..Default::default() };
        let factor = |i: u64| augment.of_task(&mut random::stream(1, "augment", i)).rotation / augment.rotation;
        let factors: Vec<f32> = (0..400).map(factor).collect();
        let stronger = factors.iter().filter(|factor| **factor > 1.0).count();
        assert!((90..150).contains(&stronger), "{stronger} of 400");
        assert!(factors.iter().all(|factor| (1.0..STRONGEST).contains(factor)));
        assert_eq!(Augment::default().of_task(&mut random::stream(1, "augment", 0)), Augment::default());
    }

    #[test]
    fn a_changed_drawing_is_preprocessed_and_still_itself() {
        let own = pixels::normalise(&letter(), SIDE, SIDE).unwrap();
        let augment = Augment { share: 1.0, ..Default::default() };
        let mut stream = random::stream(1, "augment", 0);
        let cosine = |a: &[f32], b: &[f32]| -> f32 {
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
            dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
        };
        let mut mean = 0.0;
        for _ in 0..50 {
            let changed = augment.apply(&own, 0, &mut stream);
            assert!(changed.iter().all(|v| (0.0..=1.001).contains(v)));
            mean += cosine(&changed, &own) / 50.0;
        }
        assert!((0.5..0.98).contains(&mean), "{mean}");
        let still = Augment { share: 0.0, stronger: 0.0, turns: true, ..Default::default() };
        assert_eq!(still.apply(&own, 0, &mut stream), own);
    }
}
