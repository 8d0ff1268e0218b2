//! Pictures of things: each class is made of a few soft parts (round, square or tapering, often the same left and right),
//! classes of one group are variations of one another, and each example moves the parts, bends the whole and paints it
//! anew: brightness, a slope of light, stripes or a smooth texture, rims. What a thing is lies in its outline more than in
//! its paint, as with clothes, tools or letters.

use rand::RngExt;
use shaders::random::Stream;

use super::fields::{Fields, GRID, add, at, sigmoid};
use shaders::input::strokes::{log_uniform, normal};

use super::side::SIDE;

/// One part: what makes it, in units of the picture.
#[derive(Clone, Copy)]
struct Part {
    /// Middle, down and right.
    middle: [f32; 2],
    /// ln of the half axes, down and right.
    size: [f32; 2],
    /// Radians.
    turn: f32,
    /// How much wider below than above.
    taper: f32,
    /// Brightness.
    level: f32,
    /// 0 for an ellipse, 1 and 2 for ever squarer outlines.
    square: u8,
    /// Whether it is cut out of the parts before it.
    cut: bool,
}

impl Part {
    fn draw(first: bool, symmetric: bool, stream: &mut Stream) -> Part {
        let wide = if first { 0.1 } else { 0.35 };
        let turn = if symmetric && stream.random_bool(0.5) { 0.0 } else { 0.6 * normal(stream) };
        Part {
            middle: [0.4 * normal(stream), wide * normal(stream)],
            size: [(0.45f32).ln() + 0.5 * normal(stream), (0.35f32).ln() + 0.5 * normal(stream)],
            turn,
            taper: 0.35 * normal(stream),
            level: stream.random_range(0.3..1.0),
            square: stream.random_range(0..3),
            cut: !first && stream.random_bool(0.15),
        }
    }

    /// The same a little different.
    fn changed(mut self, amount: f32, stream: &mut Stream) -> Part {
        self.middle.iter_mut().for_each(|v| *v += 0.3 * amount * normal(stream));
        self.size.iter_mut().for_each(|v| *v = (*v + 0.6 * amount * normal(stream)).clamp(-3.0, 0.5));
        self.turn += 0.6 * amount * normal(stream);
        self.taper += 0.4 * amount * normal(stream);
        self.level = (self.level + 0.3 * amount * normal(stream)).clamp(0.05, 1.2);
        self
    }

    /// How far outside of the outline a point is, negative inside.
    fn outside(&self, y: f32, x: f32, axes: [f32; 2], sin: f32, cos: f32) -> f32 {
        let (dy, dx) = (y - self.middle[0], x - self.middle[1]);
        let v = (cos * dy - sin * dx) / axes[0];
        let u = (sin * dy + cos * dx) / axes[1] / (1.0 + self.taper * v.clamp(-1.5, 1.5)).max(0.25);
        let (mut v, mut u) = (v * v, u * u);
        for _ in 0..self.square {
            (v, u) = (v * v, u * u);
        }
        let mut radius = (v + u).sqrt();
        for _ in 0..self.square {
            radius = radius.sqrt();
        }
        (radius - 1.0) * axes[0].min(axes[1])
    }
}

/// How a task paints.
struct Paint {
    /// Strength of each example's own brightness, slope of light and texture, and of its class's texture.
    bright: f32,
    slope: f32,
    own: f32,
    class: f32,
    /// Share of examples with stripes.
    stripes: f64,
    /// Brightness of the rims.
    rim: f32,
    /// Width of an outline in units of the picture.
    edge: f32,
    gamma: f32,
    /// Strength of what lies behind.
    behind: f32,
    noise: f32,
}

impl Paint {
    fn draw(task: &mut Stream) -> Paint {
        Paint {
            bright: some(0.8, 0.05, 0.8, task),
            slope: some(0.5, 0.05, 0.6, task),
            own: some(0.7, 0.05, 0.8, task),
            class: some(0.4, 0.05, 0.6, task),
            stripes: if task.random_bool(0.4) { task.random_range(0.1..0.6) } else { 0.0 },
            rim: some(0.4, 0.1, 0.8, task),
            edge: log_uniform(0.04, 0.25, task),
            gamma: log_uniform(0.5, 2.0, task),
            behind: some(0.2, 0.05, 0.6, task),
            noise: some(0.3, 0.01, 0.12, task),
        }
    }
}

/// A log-uniform value in a share of all tasks, 0 in the others.
fn some(share: f64, low: f32, high: f32, task: &mut Stream) -> f32 {
    if task.random_bool(share) { log_uniform(low, high, task) } else { 0.0 }
}

/// The classes of a task: groups far from each other whose own members can be hard to tell apart, such as shirts and
/// coats, and then shoes.
fn classes(k: usize, symmetric: bool, task: &mut Stream) -> Vec<Vec<Part>> {
    let groups: Vec<(Vec<Part>, f32)> = (0..task.random_range(1..=6))
        .map(|_| {
            let count = task.random_range(1..=4);
            let parts = (0..count).map(|part| Part::draw(part == 0, symmetric, task)).collect();
            (parts, log_uniform(0.05, 1.5, task))
        })
        .collect();
    (0..k)
        .map(|_| {
            let (group, apart) = &groups[task.random_range(0..groups.len())];
            let mut parts: Vec<Part> = group.iter().map(|part| part.changed(*apart, task)).collect();
            if task.random_bool(0.25 * f64::from(apart.min(1.0))) {
                parts.push(Part::draw(false, symmetric, task));
            } else if parts.len() > 1 && task.random_bool(0.2 * f64::from(apart.min(1.0))) {
                parts.pop();
            }
            parts
        })
        .collect()
}

/// One task: its classes and how their examples differ.
struct Things {
    symmetric: bool,
    classes: Vec<Vec<Part>>,
    smooth: Fields,
    fine: Fields,
    /// Of each class.
    textures: Vec<Vec<f32>>,
    paint: Paint,
    shake: f32,
    turn: f32,
    shear: f32,
    scale: f32,
    shift: f32,
    bend: f32,
    /// How far a thing fills its picture, where pictures are cut to what they show.
    fill: Option<f32>,
}

impl Things {
    /// Draws a task; the order of the draws is part of what a seed means.
    fn draw(k: usize, task: &mut Stream) -> Things {
        let symmetric = task.random_bool(0.6);
        let classes = classes(k, symmetric, task);
        let smooth = Fields::new(log_uniform(0.3, 1.5, task), task.random_range(2.0..5.0f32));
        let fine = Fields::new(log_uniform(0.05, 0.4, task), task.random_range(1.0..4.0f32));
        let textures: Vec<Vec<f32>> = (0..k).map(|_| fine.draw(task)).collect();
        let paint = Paint::draw(task);
        let shake = log_uniform(0.03, 0.5, task);
        let (turn, shear) = (log_uniform(0.01, 0.25, task), log_uniform(0.01, 0.25, task));
        let (scale, shift) = (log_uniform(0.02, 0.25, task), log_uniform(0.01, 0.15, task));
        let bend = some(0.6, 0.02, 0.2, task);
        let fill = task.random_bool(0.7).then(|| task.random_range(0.65..1.05f32));
        Things { symmetric, classes, smooth, fine, textures, paint, shake, turn, shear, scale, shift, bend, fill }
    }

    /// The other side of a symmetric thing is drawn as this one.
    fn mirrored(&self, x: f32) -> f32 {
        if self.symmetric { x.abs() } else { x }
    }

    /// One example of a class.
    fn example(&self, class: usize, stream: &mut Stream) -> Example<'_> {
        let parts: Vec<(Part, [f32; 2], f32, f32)> = self.classes[class]
            .iter()
            .map(|part| {
                let part = part.changed(self.shake, stream);
                let (sin, cos) = part.turn.sin_cos();
                (part, part.size.map(f32::exp), sin, cos)
            })
            .collect();
        let turn = (self.turn * normal(stream)).sin_cos();
        let stretch = [(self.scale * normal(stream)).exp(), (self.scale * normal(stream)).exp()];
        let skew = self.shear * normal(stream);
        let (mut zoom, mut middle) = ([1.0f32; 2], [self.shift * normal(stream), self.shift * normal(stream)]);
        if let Some(fill) = self.fill
            && let Some([top, left, bottom, right]) = extent(&parts, |x| self.mirrored(x))
        {
            // as data sets do it: the longer side fills the picture, the middle of the box is the middle
            let half = (bottom - top).max(right - left) / 2.0 / fill;
            zoom = [half, half];
            middle = [(top + bottom) / 2.0 + half * middle[0], (left + right) / 2.0 + half * middle[1]];
        }
        let bends = (self.bend > 0.0).then(|| [self.smooth.draw(stream), self.smooth.draw(stream)]);
        let paint = &self.paint;
        let mut texture: Vec<f32> = self.textures[class].iter().map(|v| paint.class * v).collect();
        if paint.own > 0.0 {
            add(&mut texture, &self.fine.draw(stream), paint.own * stream.random::<f32>());
        }
        let bright = paint.bright * normal(stream);
        let slope = [paint.slope * normal(stream), paint.slope * normal(stream)];
        let stripes = stream.random_bool(paint.stripes).then(|| {
            let (sin, cos) = stream.random_range(0.0..std::f32::consts::PI).sin_cos();
            let frequency = log_uniform(4.0, 16.0, stream);
            let phase = stream.random_range(0.0..std::f32::consts::TAU);
            (frequency * sin, frequency * cos, phase, log_uniform(0.1, 0.7, stream))
        });
        let behind = if paint.behind > 0.0 { self.smooth.draw(stream) } else { Vec::new() };
        Example { of: self, parts, turn, stretch, skew, zoom, middle, bends, texture, bright, slope, stripes, behind }
    }
}

/// One picture to be painted.
struct Example<'a> {
    of: &'a Things,
    /// Parts with their half axes and the sine and cosine of their turns.
    parts: Vec<(Part, [f32; 2], f32, f32)>,
    /// Sine and cosine.
    turn: (f32, f32),
    stretch: [f32; 2],
    skew: f32,
    zoom: [f32; 2],
    middle: [f32; 2],
    bends: Option<[Vec<f32>; 2]>,
    texture: Vec<f32>,
    bright: f32,
    slope: [f32; 2],
    /// Frequency down and right, phase, strength.
    stripes: Option<(f32, f32, f32, f32)>,
    behind: Vec<f32>,
}

impl Example<'_> {
    /// The value of a pixel, without noise.
    fn pixel(&self, pixel: usize) -> f32 {
        let paint = &self.of.paint;
        let unit = |i: usize| 2.0 * i as f32 / (SIDE - 1) as f32 - 1.0;
        let (h, w) = (unit(pixel / SIDE), unit(pixel % SIDE));
        let on_grid = |v: f32| (v * 0.3 + 0.5) * GRID as f32;
        let (mut p, mut q) = (h, w);
        if let Some([down, right]) = &self.bends {
            p += self.of.bend * at(down, on_grid(h), on_grid(w));
            q += self.of.bend * at(right, on_grid(h), on_grid(w));
        }
        let ((sin, cos), [high, wide]) = (self.turn, self.stretch);
        let y = high * self.zoom[0] * (cos * p - sin * q) + self.middle[0];
        let x = wide * self.zoom[1] * (sin * p + cos * q + self.skew * p) + self.middle[1];
        let x = self.of.mirrored(x);
        let (mut value, mut mask, mut rim) = (0.0f32, 0.0f32, 0.0f32);
        for (part, axes, sin, cos) in &self.parts {
            let share = sigmoid(-part.outside(y, x, *axes, *sin, *cos) / (paint.edge * self.zoom[0]));
            let level = if part.cut { 0.0 } else { part.level };
            value += share * (level - value);
            mask += share * (if part.cut { 0.0 } else { 1.0 } - mask);
            rim = rim.max(4.0 * share * (1.0 - share));
        }
        let mut light = self.bright + self.slope[0] * h + self.slope[1] * w + at(&self.texture, on_grid(h), on_grid(w));
        if let Some((down, right, phase, strength)) = self.stripes {
            light += strength * (down * h + right * w + phase).sin();
        }
        let painted = (value * (0.7 + light).max(0.08) + paint.rim * rim * mask).max(0.0);
        let mut drawn = painted.powf(paint.gamma);
        if !self.behind.is_empty() {
            drawn += (1.0 - mask) * paint.behind * at(&self.behind, on_grid(h), on_grid(w));
        }
        drawn
    }
}

/// `[T, 14 · 14]`, not standardised.
pub(super) fn shapes(k: usize, own: &[u32], task: &mut Stream, stream: &mut Stream) -> Vec<f32> {
    let things = Things::draw(k, task);
    let mut out = Vec::with_capacity(own.len() * SIDE * SIDE);
    for &class in own {
        let example = things.example(class as usize, stream);
        out.extend((0..SIDE * SIDE).map(|pixel| example.pixel(pixel) + things.paint.noise * normal(stream)));
    }
    out
}

/// Top, left, bottom and right of what the parts cover, if they cover anything.
fn extent(parts: &[(Part, [f32; 2], f32, f32)], mirrored: impl Fn(f32) -> f32) -> Option<[f32; 4]> {
    const POINTS: usize = 17;
    let place = |i: usize| 3.0 * i as f32 / (POINTS - 1) as f32 - 1.5;
    let mut found: Option<[f32; 4]> = None;
    for (y, x) in (0..POINTS * POINTS).map(|i| (place(i / POINTS), place(i % POINTS))) {
        let mut inside = false;
        for (part, axes, sin, cos) in parts {
            if part.outside(y, mirrored(x), *axes, *sin, *cos) < 0.0 {
                inside = !part.cut;
            }
        }
        if inside {
            let [top, left, bottom, right] = found.unwrap_or([y, x, y, x]);
            found = Some([top.min(y), left.min(x), bottom.max(y), right.max(x)]);
        }
    }
    // half a step around, so that a single point has a size
    let half = 1.5 / (POINTS - 1) as f32;
    found.map(|[top, left, bottom, right]| [top - half, left - half, bottom + half, right + half])
}

#[cfg(test)]
mod tests {
    use super::*;
    use shaders::random;

    #[test]
    fn the_outline_of_a_part_is_where_it_says() {
        let part = Part {
            middle: [0.1, -0.2],
            size: [0.5f32.ln(), 0.25f32.ln()],
            turn: 0.0,
            taper: 0.0,
            level: 1.0,
            square: 0,
            cut: false,
        };
        let outside = |part: &Part, y, x| part.outside(y, x, [0.5, 0.25], 0.0, 1.0);
        for (y, x) in [(0.6, -0.2), (-0.4, -0.2), (0.1, 0.05), (0.1, -0.45)] {
            assert!(outside(&part, y, x).abs() < 1e-5);
        }
        // near a corner of its box lies nothing of an ellipse, and something of a square
        assert!(outside(&part, 0.1 + 0.45, -0.2 + 0.22) > 0.0);
        assert!(outside(&Part { square: 2, ..part }, 0.1 + 0.45, -0.2 + 0.22) < 0.0);
        let [top, left, bottom, right] = extent(&[(part, [0.5, 0.25], 0.0, 1.0)], |x| x).unwrap();
        assert!((bottom - top - 1.0).abs() < 0.4 && (right - left - 0.5).abs() < 0.4);
    }

    #[test]
    fn things_that_are_cut_to_their_size_reach_near_the_sides() {
        let mut reached = 0;
        for index in 0..40 {
            let (mut task, mut stream) = (random::stream(5, "shapes task", index), random::stream(5, "shapes", index));
            let picture = shapes(1, &[0], &mut task, &mut stream);
            assert!(picture.iter().all(|v| v.is_finite()));
            let largest = picture.iter().copied().fold(0.0, f32::max);
            let rows = (0..SIDE).filter(|y| picture[y * SIDE..(y + 1) * SIDE].iter().any(|v| *v > 0.3 * largest));
            reached += u32::from(rows.count() >= 6);
        }
        assert!(reached >= 25, "{reached} of 40 pictures cover six rows");
    }
}
