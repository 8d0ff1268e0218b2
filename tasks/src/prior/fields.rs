//! Pictures of smooth random fields: each class a field, alike in groups, with modes of its own; each example the
//! field of its class, changed a little, moved, turned, sheared and scaled as a whole, and then drawn as lines, filled
//! shapes, textured shapes or grey values. No data set, yet what neighbouring pixels of photographs and drawings share.

use rand::RngExt;
use shaders::input::strokes::{log_uniform, normal};
use shaders::random::Stream;

use super::super::projection::normals;
use super::side::SIDE;

/// Side of the periodic grid that fields live on.
pub(super) const GRID: usize = 24;
/// Frequencies −BAND…BAND carry a field.
const BAND: usize = 7;
const WAVES: usize = 2 * BAND + 1;

/// Fields with one spectrum, (1 + f²·l²)^(−p/2) at frequency f.
pub(super) struct Fields {
    /// cos + sin of each wave at each point, `[WAVES, GRID]`.
    waves: Vec<f32>,
    /// `[WAVES, WAVES]`
    amplitude: Vec<f32>,
}

impl Fields {
    pub(super) fn new(length: f32, power: f32) -> Fields {
        let frequency = |w: usize| w as f32 - BAND as f32;
        let waves = (0..WAVES * GRID)
            .map(|at| {
                let angle = std::f32::consts::TAU * frequency(at / GRID) * (at % GRID) as f32 / GRID as f32;
                angle.cos() + angle.sin()
            })
            .collect();
        let mut amplitude: Vec<f32> = (0..WAVES * WAVES)
            .map(|at| {
                let square = frequency(at / WAVES).powi(2) + frequency(at % WAVES).powi(2);
                (1.0 + square * length * length).powf(-power / 2.0)
            })
            .collect();
        // the constant wave moves a whole picture, which standardisation takes out again
        amplitude[BAND * WAVES + BAND] = 0.0;
        let energy: f32 = amplitude.iter().map(|a| a * a).sum();
        amplitude.iter_mut().for_each(|a| *a /= energy.sqrt());
        Fields { waves, amplitude }
    }

    /// One field of variance 1, `[GRID, GRID]`.
    pub(super) fn draw(&self, stream: &mut Stream) -> Vec<f32> {
        let weights: Vec<f32> =
            normals(WAVES * WAVES, stream).into_iter().zip(&self.amplitude).map(|(n, a)| n * a).collect();
        let mut half = vec![0f32; WAVES * GRID];
        for (row, weights) in half.chunks_exact_mut(GRID).zip(weights.chunks_exact(WAVES)) {
            for (weight, wave) in weights.iter().zip(self.waves.chunks_exact(GRID)) {
                row.iter_mut().zip(wave).for_each(|(v, w)| *v += weight * w);
            }
        }
        let mut field = vec![0f32; GRID * GRID];
        for (y, row) in field.chunks_exact_mut(GRID).enumerate() {
            for (wave, half) in self.waves.chunks_exact(GRID).zip(half.chunks_exact(GRID)) {
                row.iter_mut().zip(half).for_each(|(v, h)| *v += wave[y] * h);
            }
        }
        field
    }
}

pub(super) fn add(field: &mut [f32], more: &[f32], scale: f32) {
    field.iter_mut().zip(more).for_each(|(v, m)| *v += scale * m);
}

/// The value of a field between its points; it repeats beyond its sides.
pub(super) fn at(field: &[f32], y: f32, x: f32) -> f32 {
    let (top, left) = (y.floor(), x.floor());
    let (v, u) = (y - top, x - left);
    let wrap = |i: f32| (i as i64).rem_euclid(GRID as i64) as usize;
    let next = |i: usize| if i + 1 == GRID { 0 } else { i + 1 };
    let (y0, x0) = (wrap(top), wrap(left));
    let (y1, x1) = (next(y0), next(x0));
    let value = |y: usize, x: usize| field[y * GRID + x];
    (1.0 - v) * ((1.0 - u) * value(y0, x0) + u * value(y0, x1)) + v * ((1.0 - u) * value(y1, x0) + u * value(y1, x1))
}

pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// Where the points of one picture lie in the field: a shift, a turn, a shear and two scales.
struct Pose {
    matrix: [[f32; 2]; 2],
    shift: [f32; 2],
}

/// How a task turns fields into pictures.
enum Finish {
    /// Level lines of a width.
    Lines(f32),
    /// Filled shapes: threshold and steepness.
    Shapes(f32, f32),
    /// Filled shapes with a texture of the class, its strength and that of each example's own.
    Textures { threshold: f32, steep: f32, texture: f32, own: f32, light: f32 },
    /// Everything above a level.
    Above(f32),
    /// The field as it is.
    Plain,
}

impl Finish {
    fn draw(task: &mut Stream) -> Finish {
        match task.random_range(0..4) {
            0 => Finish::Lines(log_uniform(0.15, 0.6, task)),
            1 => Finish::Shapes(task.random_range(-0.5..1.0f32), log_uniform(2.0, 12.0, task)),
            2 => Finish::Textures {
                threshold: task.random_range(-0.5..0.8f32),
                steep: log_uniform(3.0, 12.0, task),
                texture: log_uniform(0.1, 1.0, task),
                own: log_uniform(0.1, 1.0, task),
                light: log_uniform(0.05, 0.8, task),
            },
            _ if task.random_bool(0.5) => Finish::Above(task.random_range(-0.5..1.0f32)),
            _ => Finish::Plain,
        }
    }

    /// What is drawn where a field has this value; `light` is the texture and brightness there.
    fn apply(&self, value: f32, light: impl Fn() -> f32) -> f32 {
        match *self {
            Finish::Lines(width) => (-(value / width).powi(2)).exp(),
            Finish::Shapes(threshold, steep) => sigmoid((value - threshold) * steep),
            Finish::Textures { threshold, steep, .. } => sigmoid((value - threshold) * steep) * light(),
            Finish::Above(level) => (value + level).max(0.0),
            Finish::Plain => value,
        }
    }
}

/// The fields of classes, `modes` of each: alike in groups, with modes of their own.
fn prototypes(
    k: usize,
    modes: usize,
    fields: &Fields,
    groups: &[Vec<f32>],
    apart: f32,
    task: &mut Stream,
) -> Vec<Vec<f32>> {
    let between_modes = if modes > 1 { log_uniform(0.1, 1.2, task) } else { 0.0 };
    (0..k)
        .flat_map(|_| {
            let group = &groups[task.random_range(0..groups.len())];
            let mut class = vec![0f32; GRID * GRID];
            add(&mut class, group, (1.0 - apart * apart).sqrt());
            add(&mut class, &fields.draw(task), apart);
            (0..modes)
                .map(|_| {
                    let mut mode: Vec<f32> = class.iter().map(|v| 0.85f32.sqrt() * v).collect();
                    add(&mut mode, &fields.draw(task), between_modes);
                    mode
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

/// How strongly the poses of a task differ.
struct Poses {
    turn: f32,
    shear: f32,
    scale: f32,
    shift: f32,
}

impl Poses {
    fn draw(task: &mut Stream) -> Poses {
        let (turn, shear) = (log_uniform(0.02, 0.4, task), log_uniform(0.02, 0.4, task));
        let (scale, shift) = (log_uniform(0.02, 0.3, task), log_uniform(0.02, 0.25, task));
        Poses { turn, shear, scale, shift }
    }

    fn pose(&self, stream: &mut Stream) -> Pose {
        let (sin, cos) = (self.turn * normal(stream)).sin_cos();
        let (high, wide) = ((self.scale * normal(stream)).exp(), (self.scale * normal(stream)).exp());
        let skew = self.shear * normal(stream);
        Pose {
            matrix: [[high * cos, -high * sin], [wide * (sin + skew), wide * cos]],
            shift: [self.shift * normal(stream), self.shift * normal(stream)],
        }
    }
}

impl Pose {
    /// Where a point of the picture lies in the field, of which a picture spans 0.6.
    fn place(&self, row: usize, h: f32, w: f32) -> f32 {
        let [a, b] = self.matrix[row];
        (a * h + b * w + self.shift[row]) * 0.3 * GRID as f32 + 0.5 * GRID as f32
    }
}

/// `[T, 14 · 14]`, not standardised. The order of the draws is part of what a seed means.
pub(super) fn fields(k: usize, own: &[u32], task: &mut Stream, stream: &mut Stream) -> Vec<f32> {
    let (length, power) = (log_uniform(0.3, 1.5, task), task.random_range(2.0..5.0f32));
    let fields = Fields::new(length, power);
    let fine = Fields::new(length * 0.3, power);
    let changes = Fields::new(length * task.random_range(0.5..1.0f32), power);
    let groups: Vec<Vec<f32>> = (0..task.random_range(1..=6)).map(|_| fields.draw(task)).collect();
    let apart = task.random_range(0.3..1.0f32);
    let modes = [1, 1, 2, 3][task.random_range(0..4usize)];
    let prototypes = prototypes(k, modes, &fields, &groups, apart, task);
    let change = log_uniform(0.05, 1.2, task);
    let poses = Poses::draw(task);
    let finish = Finish::draw(task);
    let textures: Vec<Vec<f32>> = match finish {
        Finish::Textures { .. } => (0..k).map(|_| fine.draw(task)).collect(),
        _ => Vec::new(),
    };
    let vignette = [0.0, 1.0, 2.0][task.random_range(0..3usize)];
    let (edge, noise) = (log_uniform(0.5, 1.5, task), [0.0, 0.0, 0.03, 0.1, 0.3][task.random_range(0..5usize)]);

    let mut out = Vec::with_capacity(own.len() * SIDE * SIDE);
    for &class in own {
        let class = class as usize;
        let mut field = prototypes[class * modes + stream.random_range(0..modes)].clone();
        add(&mut field, &changes.draw(stream), change);
        let pose = poses.pose(stream);
        let (mut texture, mut bright) = (Vec::new(), 0.0);
        if let Finish::Textures { texture: strength, own, light, .. } = finish {
            texture = textures[class].iter().map(|v| strength * v).collect();
            add(&mut texture, &fine.draw(stream), strength * own);
            bright = light * normal(stream);
        }
        for pixel in 0..SIDE * SIDE {
            let unit = |i: usize| 2.0 * i as f32 / (SIDE - 1) as f32 - 1.0;
            let (h, w) = (unit(pixel / SIDE), unit(pixel % SIDE));
            let (y, x) = (pose.place(0, h, w), pose.place(1, h, w));
            let drawn = finish.apply(at(&field, y, x), || (1.0 + at(&texture, y, x) + bright).max(0.0));
            let dim = (-vignette * ((h * h + w * w) / edge - 0.3).max(0.0)).exp();
            out.push(drawn * dim + noise * normal(stream));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use shaders::random;

    #[test]
    fn fields_are_smooth_and_of_variance_1() {
        let fields = Fields::new(1.0, 4.0);
        let mut stream = random::stream(3, "fields", 0);
        let (mut square, mut step, mut count) = (0.0, 0.0, 0.0);
        for _ in 0..50 {
            let field = fields.draw(&mut stream);
            for y in 0..GRID {
                for x in 0..GRID {
                    square += field[y * GRID + x].powi(2);
                    step += (field[y * GRID + x] - field[y * GRID + (x + 1) % GRID]).powi(2);
                    count += 1.0;
                }
            }
            // between two points lies their mean
            assert!((at(&field, 2.5, 3.0) - (field[2 * GRID + 3] + field[3 * GRID + 3]) / 2.0).abs() < 1e-5);
        }
        assert!((square / count - 1.0).abs() < 0.2, "{}", square / count);
        assert!(step / count < 0.3, "{}", step / count);
    }
}
