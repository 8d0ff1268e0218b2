//! The one preprocessing: what a learner sees of a drawing, on the page's canvas and in a data set alike.
//!
//! MNIST's own rule (<http://yann.lecun.com/exdb/mnist/>: "size normalized to fit in a 20x20 pixel box while preserving
//! their aspect ratio … centered in a 28x28 image by computing the center of mass"): cut out the bounding box of the
//! ink, scale its longer side to [`BOX`] pixels, and move it by whole pixels so that the centre of mass comes to lie on
//! pixel ([`CENTRE`], [`CENTRE`]) of a [`SIDE`]×[`SIDE`] image, give or take half a pixel. The scaled box starts on a pixel boundary and the last shift is a whole
//! number of pixels, therefore an image that already follows the rule goes through unchanged: no blur is added.
//!
//! Strokes take the same way: they are rendered once at [`SUPER`] times the final resolution, fitted to the drawing's
//! exact bounding box, and that picture goes through [`normalise`]. Thus there is a single path to keep right, and
//! where on the canvas and at which zoom something was drawn makes no difference.
//!
//! Pixels are ink in [0, 1], bright strokes on black, row-major [height, width]. All functions are pure and need no GPU.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Height and width of a preprocessed image, in pixels.
pub const SIDE: usize = 28;
/// Longer side of the ink's bounding box in a preprocessed image, in pixels.
pub const BOX: usize = 20;
/// Index of the pixel, in rows and in columns, on which the centre of mass comes to lie. So it is in MNIST, counting the
/// centre of pixel i as i (a mean of 13.99 and 14.01 over its test images), which is half a pixel below and to the right
/// of the image's geometric middle.
pub const CENTRE: usize = 14;
/// Strokes are rendered at this many times the final resolution before they are reduced by area.
pub const SUPER: usize = 8;
/// Greatest height or width of an image that is accepted, in pixels.
pub const MAX_SIDE: usize = 8192;
/// Greatest number of points of one drawing, over all its strokes.
pub const MAX_POINTS: usize = 100_000;
/// Width of the pen for the learner, as a share of the drawing's longer side from centre line to centre line: some 2.2 of the
/// [`BOX`] pixels that a drawing is fitted to, as in MNIST. `web/package/input.js` has the same.
pub const PEN_SHARE: f32 = 0.124;
/// A pixel counts as ink from here on: what an 8-bit image would not round to black.
pub const INK: f32 = 0.5 / 255.0;

/// Why an image or a drawing could not be preprocessed.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum PixelsError {
    /// Nothing is drawn: no stroke has a point, or no pixel is brighter than [`INK`].
    #[error("the drawing is empty: expected at least one dot of ink, found none; draw something first")]
    Empty,
    /// The number of pixels does not fit the stated size.
    #[error("expected {height}×{width}×{channels} = {expected} pixels, found {found}; pass the image's true size")]
    Size {
        /// Stated height.
        height: usize,
        /// Stated width.
        width: usize,
        /// Stated channels.
        channels: usize,
        /// Their product.
        expected: usize,
        /// Number of pixels in the slice.
        found: usize,
    },
    /// A side of zero or beyond [`MAX_SIDE`].
    #[error("expected an image of 1 to {MAX_SIDE} pixels a side, found {height}×{width}; reduce or crop it first")]
    Extent {
        /// Stated height.
        height: usize,
        /// Stated width.
        width: usize,
    },
    /// A pixel that is NaN, infinite or outside [0, 1].
    #[error("expected pixels in [0, 1], found {value} at index {index}; divide 8-bit pixels by 255")]
    Pixel {
        /// Index in the slice.
        index: usize,
        /// The value there.
        value: f32,
    },
    /// A point that is NaN or infinite, or too far out to measure.
    #[error(
        "expected finite coordinates below {MAX_COORDINATE} in size, found ({x}, {y}) at point {point} of stroke {stroke}; drop the point"
    )]
    Point {
        /// Index of the stroke.
        stroke: usize,
        /// Index of the point in it.
        point: usize,
        /// Abscissa.
        x: f32,
        /// Ordinate.
        y: f32,
    },
    /// A pen that is not a positive finite number.
    #[error(
        "expected a pen width above 0 and below {MAX_COORDINATE}, found {width} in stroke {stroke}; use the width of the canvas's line"
    )]
    Pen {
        /// Index of the stroke.
        stroke: usize,
        /// The width there.
        width: f32,
    },
    /// More points than [`MAX_POINTS`].
    #[error("expected at most {MAX_POINTS} points in a drawing, found {found}; thin the strokes out")]
    Points {
        /// Number of points.
        found: usize,
    },
}

/// Coordinates and pen widths stay below this, so that differences and squares of them are exact enough in f32.
pub const MAX_COORDINATE: f32 = 1e7;

/// One pen stroke: a polyline with round caps and joins. One point alone is a dot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stroke {
    /// Points [x, y] in canvas units, x to the right, y down.
    pub points: Vec<[f32; 2]>,
    /// Pen width (diameter) in canvas units.
    pub width: f32,
}

/// A grey image.
#[derive(Debug, Clone, PartialEq)]
pub struct Grey {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Ink in [0, 1], [height, width].
    pub pixels: Vec<f32>,
}

/// Preprocesses a grey image of any size.
///
/// The centre of mass lies within half a pixel (and a hundredth) of ([`CENTRE`], [`CENTRE`]), unless the ink's box would then leave the image: the box
/// always stays inside, so no ink is cut off.
///
/// # Shapes
/// `pixels` [height, width] → [[`SIDE`], [`SIDE`]]
///
/// # Errors
/// [`PixelsError::Empty`] when there is no ink; sizes that don't fit or are absurd; pixels outside [0, 1].
pub fn normalise(pixels: &[f32], height: usize, width: usize) -> Result<Vec<f32>, PixelsError> {
    check(pixels.len(), height, width, 1)?;
    if let Some((index, &value)) = pixels.iter().enumerate().find(|(_, v)| !(-1e-3..=1.001).contains(*v)) {
        return Err(PixelsError::Pixel { index, value });
    }

    // The bounding box of the ink: rows top..bottom, columns left..right.
    let (mut top, mut bottom, mut left, mut right) = (height, 0, width, 0);
    for (y, row) in pixels.chunks_exact(width).enumerate() {
        let Some(first) = row.iter().position(|&v| v >= INK) else { continue };
        let last = row.iter().rposition(|&v| v >= INK).unwrap_or(first);
        top = top.min(y);
        bottom = y + 1;
        left = left.min(first);
        right = right.max(last + 1);
    }
    if top >= bottom {
        return Err(PixelsError::Empty);
    }

    // Scale the longer side to BOX; the shorter one, rarely a whole number of pixels, sits in the middle of its cells.
    let (box_height, box_width) = (bottom - top, right - left);
    let scale = BOX as f64 / box_height.max(box_width) as f64;
    let rows = weights(box_height, scale);
    let columns = weights(box_width, scale);
    let mut reduced = vec![0f32; rows.len() * box_width];
    for (y, row) in rows.iter().enumerate() {
        for &(source, weight) in row {
            let from = &pixels[(top + source) * width + left..][..box_width];
            for (to, &v) in reduced[y * box_width..][..box_width].iter_mut().zip(from) {
                *to += weight * v.clamp(0.0, 1.0);
            }
        }
    }
    let (h, w) = (rows.len(), columns.len());
    let mut small = vec![0f32; h * w];
    for y in 0..h {
        for (x, column) in columns.iter().enumerate() {
            small[y * w + x] =
                column.iter().map(|&(source, weight)| weight * reduced[y * box_width + source]).sum::<f32>().min(1.0);
        }
    }

    // Centre of mass, in pixel indices, and the whole shift that brings it nearest to CENTRE.
    let (mut mass, mut mass_y, mut mass_x) = (0f64, 0f64, 0f64);
    for (i, &v) in small.iter().enumerate() {
        mass += f64::from(v);
        mass_y += f64::from(v) * (i / w) as f64;
        mass_x += f64::from(v) * (i % w) as f64;
    }
    let place = |moment: f64, extent: usize| {
        // A hairline of a very large image can be reduced to nothing: then the box is centred instead.
        let centre = if mass > 0.0 { moment / mass } else { (extent as f64 - 1.0) / 2.0 };
        // Symmetric drawings are half-way between two pixels. They all go the same way, to the even margin, whatever
        // the rounding errors: hence the hundredth.
        (CENTRE as f64 - centre + 0.49).floor().clamp(0.0, (SIDE - extent) as f64) as usize
    };
    let (offset_y, offset_x) = (place(mass_y, h), place(mass_x, w));
    let mut out = vec![0f32; SIDE * SIDE];
    for y in 0..h {
        out[(offset_y + y) * SIDE + offset_x..][..w].copy_from_slice(&small[y * w..][..w]);
    }
    Ok(out)
}

/// For each of the cells that `extent` source pixels fill at `scale` cells a pixel, centred in them: the source pixels
/// it is made of with their weights. Shrinking averages over areas (no aliasing); enlarging is bilinear, black outside.
fn weights(extent: usize, scale: f64) -> Vec<Vec<(usize, f32)>> {
    // 20.000000001 is 20: rounding errors must not open another cell.
    let cells = ((extent as f64 * scale - 1e-6).ceil() as usize).clamp(1, BOX);
    let margin = (cells as f64 - extent as f64 * scale) / 2.0;
    (0..cells)
        .map(|cell| {
            // The cell in source pixels.
            let (from, to) = ((cell as f64 - margin) / scale, (cell as f64 + 1.0 - margin) / scale);
            if scale <= 1.0 {
                let last = (to.ceil().max(0.0) as usize).min(extent);
                (from.floor().max(0.0) as usize..last)
                    .map(|i| (i, ((to.min(i as f64 + 1.0) - from.max(i as f64)) * scale) as f32))
                    .filter(|&(_, weight)| weight > 0.0)
                    .collect()
            } else {
                let at = (from + to) / 2.0 - 0.5;
                let (low, part) = (at.floor(), at - at.floor());
                [(low, 1.0 - part), (low + 1.0, part)]
                    .into_iter()
                    .filter(|&(i, weight)| i >= 0.0 && i < extent as f64 && weight > 0.0)
                    .map(|(i, weight)| (i as usize, weight as f32))
                    .collect()
            }
        })
        .collect()
}

/// Whether `found` values are a picture of this size.
pub(crate) fn check(found: usize, height: usize, width: usize, channels: usize) -> Result<(), PixelsError> {
    if !(1..=MAX_SIDE).contains(&height) || !(1..=MAX_SIDE).contains(&width) {
        return Err(PixelsError::Extent { height, width });
    }
    let expected = (height * width).saturating_mul(channels);
    if expected != found {
        return Err(PixelsError::Size { height, width, channels, expected, found });
    }
    Ok(())
}

/// Renders strokes antialiased, as one canvas would show them at a zoom where the drawing's longer side is
/// [`BOX`]·[`SUPER`] pixels. The image is the drawing's exact bounding box, pen included.
///
/// A pixel's ink is `clamp(pen radius − distance to the stroke + ½, 0, 1)` in pixels, the greatest over all strokes:
/// crossing strokes don't add up. A pen much thinner than 1/[`BOX`] of the drawing gives grey lines, not white ones.
///
/// # Errors
/// [`PixelsError::Empty`] without any point; NaN, infinite or absurd points and pens; too many points.
pub fn render(strokes: &[Stroke]) -> Result<Grey, PixelsError> {
    let found = strokes.iter().map(|s| s.points.len()).sum();
    if found == 0 {
        return Err(PixelsError::Empty);
    }
    if found > MAX_POINTS {
        return Err(PixelsError::Points { found });
    }
    let mut low = [f64::INFINITY; 2];
    let mut high = [f64::NEG_INFINITY; 2];
    for (stroke, s) in strokes.iter().enumerate() {
        if s.points.is_empty() {
            continue;
        }
        if !(s.width > 0.0 && s.width < MAX_COORDINATE) {
            return Err(PixelsError::Pen { stroke, width: s.width });
        }
        for (point, &[x, y]) in s.points.iter().enumerate() {
            if !(x.abs() < MAX_COORDINATE && y.abs() < MAX_COORDINATE) {
                return Err(PixelsError::Point { stroke, point, x, y });
            }
            for (axis, v) in [x, y].into_iter().enumerate() {
                low[axis] = low[axis].min(f64::from(v) - f64::from(s.width) / 2.0);
                high[axis] = high[axis].max(f64::from(v) + f64::from(s.width) / 2.0);
            }
        }
    }

    let long = (BOX * SUPER) as f64;
    let longest = (high[0] - low[0]).max(high[1] - low[1]);
    // A pen of 1e-30 units and nothing else: f64 still divides, f32 pixels below are of ordinary size.
    let scale = long / longest;
    let extent = |axis: usize| (((high[axis] - low[axis]) * scale - 1e-6).ceil() as usize).clamp(1, BOX * SUPER);
    let (width, height) = (extent(0), extent(1));
    let mut pixels = vec![0f32; height * width];
    for s in strokes.iter().filter(|s| !s.points.is_empty()) {
        let radius = (f64::from(s.width) / 2.0 * scale) as f32;
        let mut points: Vec<[f32; 2]> = Vec::with_capacity(s.points.len());
        for &[x, y] in &s.points {
            let p = [((f64::from(x) - low[0]) * scale) as f32, ((f64::from(y) - low[1]) * scale) as f32];
            // Pens report many points a pixel: steps below a tenth of a (high-resolution) pixel change nothing.
            if points.last().is_none_or(|q| (p[0] - q[0]).hypot(p[1] - q[1]) > 0.1) {
                points.push(p);
            }
        }
        if points.len() == 1 {
            points.push(points[0]);
        }
        for pair in points.windows(2) {
            draw(&mut pixels, [height, width], pair[0], pair[1], radius);
        }
    }
    Ok(Grey { height, width, pixels })
}

/// Raises each pixel to the ink of the segment from `a` to `b`, a capsule of `radius`, all in pixels.
fn draw(pixels: &mut [f32], [height, width]: [usize; 2], a: [f32; 2], b: [f32; 2], radius: f32) {
    let reach = radius + 1.0;
    let span = |axis: usize, extent: usize| {
        let from = (a[axis].min(b[axis]) - reach).floor().max(0.0) as usize;
        let to = (a[axis].max(b[axis]) + reach).ceil().max(0.0) as usize;
        from.min(extent)..to.min(extent)
    };
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let squared = dx * dx + dy * dy;
    let columns = span(0, width);
    for y in span(1, height) {
        // Of a row, what lies near the part of the segment that is near the row; the rest would get no ink. Long segments
        // across the picture, thousands of which a file may hold, are then lines and no areas.
        let near = |edge: f32| match dy == 0.0 {
            true => edge.max(0.0),
            false => ((y as f32 + 0.5 + edge * reach - a[1]) / dy).clamp(0.0, 1.0),
        };
        let (one, other) = (a[0] + near(-1.0) * dx, a[0] + near(1.0) * dx);
        let from = ((one.min(other) - reach - 1.0).max(0.0) as usize).max(columns.start);
        let to = ((one.max(other) + reach + 2.0).max(0.0) as usize).min(columns.end);
        for x in from..to {
            let (px, py) = (x as f32 + 0.5 - a[0], y as f32 + 0.5 - a[1]);
            let along = if squared > 0.0 { ((px * dx + py * dy) / squared).clamp(0.0, 1.0) } else { 0.0 };
            let (ex, ey) = (px - along * dx, py - along * dy);
            let ink = (radius - (ex * ex + ey * ey).sqrt() + 0.5).clamp(0.0, 1.0);
            // A line thinner than a pixel covers no pixel wholly.
            let ink = ink.min(2.0 * radius);
            let pixel = &mut pixels[y * width + x];
            *pixel = pixel.max(ink);
        }
    }
}

/// Preprocesses a drawing: [`render`], then [`normalise`].
///
/// # Shapes
/// strokes → [[`SIDE`], [`SIDE`]]
///
/// # Errors
/// Those of [`render`].
pub fn drawing(strokes: &[Stroke]) -> Result<Vec<f32>, PixelsError> {
    let grey = render(strokes)?;
    normalise(&grey.pixels, grey.height, grey.width)
}

/// Preprocesses a drawing, however large, with the pen of the drawings that learners are trained on ([`PEN_SHARE`]); the
/// strokes' own widths do not matter.
///
/// # Shapes
/// strokes → [[`SIDE`], [`SIDE`]]
///
/// # Errors
/// Those of [`render`].
pub fn drawn(strokes: &[Stroke]) -> Result<Vec<f32>, PixelsError> {
    let extent = |axis: usize| {
        let along = strokes.iter().flat_map(|stroke| &stroke.points).map(|point| point[axis]);
        along.clone().fold(f32::NEG_INFINITY, f32::max) - along.fold(f32::INFINITY, f32::min)
    };
    // Drawn small, a drawing would become a blob with its own pen. A dot has no side: any pen draws the same one.
    let width = PEN_SHARE * extent(0).max(extent(1)).max(1.0);
    let fitted = |stroke: &Stroke| Stroke { points: stroke.points.clone(), width };
    drawing(&strokes.iter().map(fitted).collect::<Vec<_>>())
}

/// Brightness of a colour in [0, 1], by the weights of Rec. 601: the one grey of the project, which is Pillow's and a
/// browser canvas's usual one as well.
pub fn grey([red, green, blue]: [u8; 3]) -> f32 {
    (0.299 * f32::from(red) + 0.587 * f32::from(green) + 0.114 * f32::from(blue)) / 255.0
}

/// Resizes an image to `side`×`side` by exact area pooling: each new pixel is the mean of the area that it covers.
///
/// # Shapes
/// `image` [height, width, channels], `from` = (height, width, channels) → [side, side, channels]
///
/// # Errors
/// Sizes that don't fit the slice or are absurd.
pub fn pool(image: &[f32], from: (usize, usize, usize), side: usize) -> Result<Vec<f32>, PixelsError> {
    resize(image, from, (side, side))
}

/// Resizes an image by exact area pooling: each new pixel is the mean of the area that it covers.
///
/// # Shapes
/// `image` [height, width, channels], `from` = (height, width, channels), `to` = (rows, columns) → [rows, columns, channels]
///
/// # Errors
/// Sizes that don't fit the slice or are absurd.
pub fn resize(image: &[f32], from: (usize, usize, usize), to: (usize, usize)) -> Result<Vec<f32>, PixelsError> {
    let (height, width, channels) = from;
    let (rows, columns) = to;
    check(image.len(), height, width, channels)?;
    if !(1..=MAX_SIDE).contains(&rows) || !(1..=MAX_SIDE).contains(&columns) {
        return Err(PixelsError::Extent { height: rows, width: columns });
    }
    if (height, width) == to {
        return Ok(image.to_vec());
    }
    let mut tall = vec![0f32; rows * width * channels];
    for y in 0..rows {
        let to = &mut tall[y * width * channels..][..width * channels];
        overlaps(y, height, rows, |source, weight| {
            let from = &image[source * width * channels..][..width * channels];
            to.iter_mut().zip(from).for_each(|(to, &v)| *to += weight * v);
        });
    }
    let mut out = vec![0f32; rows * columns * channels];
    for x in 0..columns {
        overlaps(x, width, columns, |source, weight| {
            for y in 0..rows {
                for c in 0..channels {
                    out[(y * columns + x) * channels + c] += weight * tall[(y * width + source) * channels + c];
                }
            }
        });
    }
    Ok(out)
}

/// Calls `with(source, weight)` for each of `extent` pixels that cell `cell` of `cells` covers; the weights sum to 1.
/// Whole numbers (cell boundaries in units of 1/cells of a pixel) keep it exact.
fn overlaps(cell: usize, extent: usize, cells: usize, mut with: impl FnMut(usize, f32)) {
    let (from, to) = (cell * extent, (cell + 1) * extent);
    for source in from / cells..to.div_ceil(cells) {
        let overlap = to.min((source + 1) * cells) - from.max(source * cells);
        with(source, overlap as f32 / extent as f32);
    }
}

/// Standardises one example: subtracts its own mean and divides by its own standard deviation (both over all values, in
/// f64). A constant input becomes zeros, and so do values that are not finite all through.
///
/// # Shapes
/// `values` `[X]`, any X
pub fn standardise(values: &mut [f32]) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
    let std = (values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n).sqrt();
    // Rounding leaves a constant input with a spread of about 1e-8 of its size, which must not be blown up to noise.
    let usable = std.is_finite() && std > 1e-6 * mean.abs().max(1e-6);
    for v in values {
        *v = if usable { ((f64::from(*v) - mean) / std) as f32 } else { 0.0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_package_draws_with_the_same_pen() {
        let script = include_str!("../../../web/package/input.js");
        assert!(script.contains(&format!("\nconst PEN_SHARE = {PEN_SHARE};\n")));
    }
    use std::f32::consts::TAU;

    fn line(points: &[[f32; 2]], width: f32) -> Stroke {
        Stroke { points: points.to_vec(), width }
    }

    fn arc(centre: [f32; 2], radius: [f32; 2], turns: std::ops::Range<f32>, width: f32) -> Stroke {
        let points = (0..=60).map(|i| {
            let angle = TAU * (turns.start + (turns.end - turns.start) * i as f32 / 60.0);
            [centre[0] + radius[0] * angle.cos(), centre[1] + radius[1] * angle.sin()]
        });
        Stroke { points: points.collect(), width }
    }

    /// Drawings like digits: 1, 0, 7, 6, 4, 8 and a dash.
    fn drawings() -> Vec<Vec<Stroke>> {
        vec![
            vec![line(&[[120.0, 40.0], [118.0, 230.0]], 18.0)],
            vec![arc([140.0, 150.0], [60.0, 90.0], 0.0..1.0, 18.0)],
            vec![line(&[[60.0, 60.0], [180.0, 55.0], [110.0, 240.0]], 18.0)],
            vec![arc([140.0, 190.0], [50.0, 50.0], 0.0..1.0, 16.0), line(&[[92.0, 175.0], [150.0, 40.0]], 16.0)],
            vec![
                line(&[[90.0, 50.0], [70.0, 150.0], [190.0, 150.0]], 20.0),
                line(&[[150.0, 60.0], [150.0, 250.0]], 20.0),
            ],
            vec![arc([140.0, 95.0], [40.0, 40.0], 0.0..1.0, 18.0), arc([140.0, 185.0], [50.0, 48.0], 0.0..1.0, 18.0)],
            vec![line(&[[40.0, 140.0], [240.0, 150.0]], 22.0)],
        ]
    }

    fn moved(strokes: &[Stroke], scale: f32, shift: [f32; 2]) -> Vec<Stroke> {
        let point = |p: &[f32; 2]| [p[0] * scale + shift[0], p[1] * scale + shift[1]];
        strokes
            .iter()
            .map(|s| Stroke { points: s.points.iter().map(point).collect(), width: s.width * scale })
            .collect()
    }

    fn difference(a: &[f32], b: &[f32]) -> f32 {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f32>() / a.len() as f32
    }

    /// (y, x) in pixel indices.
    fn centre_of_mass(image: &[f32], width: usize) -> (f32, f32) {
        let mass: f32 = image.iter().sum();
        let along =
            |f: &dyn Fn(usize) -> usize| image.iter().enumerate().map(|(i, v)| v * f(i) as f32).sum::<f32>() / mass;
        (along(&|i| i / width), along(&|i| i % width))
    }

    /// Height and width of the ink's box.
    fn ink(image: &[f32], width: usize) -> (usize, usize) {
        let at: Vec<usize> = (0..image.len()).filter(|&i| image[i] >= INK).collect();
        let span = |f: &dyn Fn(usize) -> usize| {
            let all = at.iter().map(|&i| f(i));
            all.clone().max().unwrap() - all.min().unwrap() + 1
        };
        (span(&|i| i / width), span(&|i| i % width))
    }

    #[test]
    fn a_drawing_fills_the_box_and_its_centre_of_mass_is_pixel_14_14() {
        for (i, strokes) in drawings().iter().enumerate() {
            let image = drawing(strokes).unwrap();
            assert_eq!(image.len(), SIDE * SIDE);
            assert!(image.iter().all(|v| (0.0..=1.0).contains(v)), "drawing {i} leaves [0, 1]");
            assert!(image.iter().copied().fold(0.0, f32::max) > 0.7, "drawing {i} is dim");
            let (height, width) = ink(&image, SIDE);
            assert_eq!(height.max(width), BOX, "drawing {i}: {height}×{width}");
            let (y, x) = centre_of_mass(&image, SIDE);
            assert!((y - 14.0).abs() <= 0.511 && (x - 14.0).abs() <= 0.511, "drawing {i}: centre ({y}, {x})");
        }
    }

    #[test]
    fn where_and_how_large_it_is_drawn_changes_nothing() {
        for (i, strokes) in drawings().iter().enumerate() {
            let image = drawing(strokes).unwrap();
            for shift in [[1.0, 0.0], [-33.3, 71.9], [2000.5, -512.25]] {
                let d = difference(&image, &drawing(&moved(strokes, 1.0, shift)).unwrap());
                assert!(d < 2e-3, "drawing {i} moved by {shift:?}: mean difference {d}");
            }
            for scale in [0.01, 0.3, 3.7, 100.0] {
                let d = difference(&image, &drawing(&moved(strokes, scale, [5.0, 9.0])).unwrap());
                assert!(d < 2e-3, "drawing {i} scaled by {scale}: mean difference {d}");
            }
        }
    }

    /// A drawing as a canvas of `size`×`size` would hold it, at (x, y).
    fn on_canvas(strokes: &[Stroke], size: usize, longest: usize, at: (usize, usize)) -> Vec<f32> {
        let grey = render(strokes).unwrap();
        let [h, w] = [grey.height, grey.width].map(|side| (side * longest).div_ceil(BOX * SUPER));
        let mut canvas = vec![0f32; size * size];
        for y in 0..h {
            for x in 0..w {
                canvas[(at.1 + y) * size + at.0 + x] =
                    grey.pixels[(y * grey.height / h) * grey.width + x * grey.width / w];
            }
        }
        canvas
    }

    #[test]
    fn a_picture_is_read_alike_anywhere_on_its_canvas_and_at_any_size() {
        for (i, strokes) in drawings().iter().enumerate() {
            let at = |size, longest, at| normalise(&on_canvas(strokes, size, longest, at), size, size).unwrap();
            let image = at(300, 160, (0, 0));
            assert_eq!(image, at(300, 160, (7, 101)), "drawing {i} depends on its place");
            assert_eq!(image, at(411, 160, (251, 0)), "drawing {i} depends on its canvas");
            assert!(difference(&image, &drawing(strokes).unwrap()) < 1e-6, "picture and strokes {i} differ");
            // At other sizes the copy, a nearest-pixel one, is coarser itself, and a centre of mass that lies between
            // two pixels may be rounded to the other: compare at the best shift of at most one pixel.
            for longest in [80, 240] {
                let other = at(400, longest, (50, 60));
                let shifts = (-1..=1).flat_map(|y| (-1..=1).map(move |x| y * SIDE as isize + x));
                let shifted = |by: isize| {
                    let mut moved = other.clone();
                    // The rim of an image is black, so a rotation of the rows end to end is a shift.
                    moved.rotate_right(by.rem_euclid((SIDE * SIDE) as isize) as usize);
                    difference(&image, &moved)
                };
                let d = shifts.map(shifted).fold(f32::INFINITY, f32::min);
                assert!(d < 0.02, "drawing {i} at {longest} px: mean difference {d}");
            }
        }
    }

    #[test]
    fn a_preprocessed_image_goes_through_unchanged() {
        for (i, strokes) in drawings().iter().enumerate() {
            let once = drawing(strokes).unwrap();
            let twice = normalise(&once, SIDE, SIDE).unwrap();
            assert_eq!(once, twice, "drawing {i}");
        }
    }

    #[test]
    fn small_pictures_are_enlarged_without_losing_the_box() {
        for (h, w) in [(1, 1), (8, 8), (3, 7), (19, 2), (5, 21), (40, 1)] {
            let image = normalise(&vec![1.0; h * w], h, w).unwrap();
            let (a, b) = ink(&image, SIDE);
            assert_eq!(a.max(b), BOX, "{h}×{w} became {a}×{b}");
            assert!(image.iter().all(|v| (0.0..=1.0).contains(v)));
            let (y, x) = centre_of_mass(&image, SIDE);
            assert!((y - 14.0).abs() <= 0.511 && (x - 14.0).abs() <= 0.511, "{h}×{w}: ({y}, {x})");
        }
    }

    #[test]
    fn ink_far_from_its_centre_of_mass_is_not_cut_off() {
        // A heavy blob at the end of a long thin tail: centring it would push the tail out of the image.
        let mut canvas = vec![0f32; 200 * 200];
        for y in 0..40 {
            canvas[y * 200..][..40].fill(1.0);
        }
        for y in 40..200 {
            canvas[y * 200 + 20] = 1.0;
        }
        let image = normalise(&canvas, 200, 200).unwrap();
        assert_eq!(ink(&image, SIDE), (BOX, 4));
        let total: f32 = image.iter().sum();
        let expected = (40.0 * 40.0 + 160.0) / 100.0;
        assert!((total - expected).abs() < 1e-2, "{total} of {expected} ink is left");
    }

    #[test]
    fn shrinking_keeps_the_amount_of_ink() {
        // A fine chequered pattern would alias under point sampling; by area it becomes even grey.
        let side = 400;
        let image: Vec<f32> = (0..side * side).map(|i| ((i / side + i % side) % 2) as f32).collect();
        let small = normalise(&image, side, side).unwrap();
        let grey: Vec<f32> = small.iter().copied().filter(|&v| v > 0.0).collect();
        assert_eq!(grey.len(), BOX * BOX);
        assert!(grey.iter().all(|v| (v - 0.5).abs() < 1e-5));
    }

    #[test]
    fn a_dot_works_and_nothing_is_empty() {
        let dot = drawing(&[line(&[[30.0, 30.0]], 10.0)]).unwrap();
        assert_eq!(ink(&dot, SIDE), (BOX, BOX));
        assert!((dot[14 * SIDE + 14] - 1.0).abs() < 1e-6);
        assert!(dot[4 * SIDE + 4] < 0.1, "the corner of a round dot holds ink");
        assert_eq!(dot, drawing(&[line(&[[30.0, 30.0]; 50], 10.0)]).unwrap(), "a pen held still is a dot");
        assert_eq!(
            dot,
            drawing(&[line(&[], f32::NAN), line(&[[-3.0, 1.0]], 1.0)]).unwrap(),
            "an empty stroke is no stroke"
        );

        assert_eq!(drawing(&[]), Err(PixelsError::Empty));
        assert_eq!(drawing(&[line(&[], 3.0)]), Err(PixelsError::Empty));
        assert_eq!(normalise(&[0.0; 784], 28, 28), Err(PixelsError::Empty));
        assert_eq!(normalise(&[INK / 2.0; 784], 28, 28), Err(PixelsError::Empty));
    }

    #[test]
    fn bad_input_is_named() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, -MAX_COORDINATE] {
            let found = drawing(&[line(&[[0.0, 0.0]], 1.0), line(&[[1.0, 1.0], [2.0, bad]], 1.0)]);
            assert!(matches!(found, Err(PixelsError::Point { stroke: 1, point: 1, .. })), "{bad}: {found:?}");
            let found = drawing(&[line(&[[1.0, 1.0]], bad)]);
            assert!(matches!(found, Err(PixelsError::Pen { stroke: 0, .. })), "{bad}: {found:?}");
        }
        assert!(matches!(drawing(&[line(&[[1.0, 1.0]], 0.0)]), Err(PixelsError::Pen { .. })));
        let many = vec![[1.0, 1.0]; MAX_POINTS + 1];
        assert_eq!(drawing(&[line(&many, 1.0)]), Err(PixelsError::Points { found: MAX_POINTS + 1 }));

        for bad in [f32::NAN, f32::INFINITY, -0.5, 255.0] {
            let found = normalise(&[0.0, 1.0, bad, 0.0], 2, 2);
            assert!(matches!(found, Err(PixelsError::Pixel { index: 2, .. })), "{bad}: {found:?}");
        }
        assert!(matches!(normalise(&[0.0; 5], 2, 2), Err(PixelsError::Size { expected: 4, found: 5, .. })));
        for (h, w) in [(0, 4), (4, 0), (usize::MAX, 2), (MAX_SIDE + 1, 1)] {
            assert_eq!(normalise(&[], h, w), Err(PixelsError::Extent { height: h, width: w }));
        }
        assert!(matches!(pool(&[0.0; 12], (2, 2, usize::MAX), 2), Err(PixelsError::Size { .. })));
        assert!(matches!(pool(&[0.0; 4], (2, 2, 1), 0), Err(PixelsError::Extent { .. })));
    }

    /// Leaving out what gets no ink changes no bit of what does.
    #[test]
    fn a_segment_is_drawn_as_if_every_pixel_were_looked_at() {
        let plain = |pixels: &mut [f32], [height, width]: [usize; 2], a: [f32; 2], b: [f32; 2], radius: f32| {
            let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
            let squared = dx * dx + dy * dy;
            for (at, pixel) in pixels.iter_mut().enumerate().take(height * width) {
                let (px, py) = ((at % width) as f32 + 0.5 - a[0], (at / width) as f32 + 0.5 - a[1]);
                let along = if squared > 0.0 { ((px * dx + py * dy) / squared).clamp(0.0, 1.0) } else { 0.0 };
                let (ex, ey) = (px - along * dx, py - along * dy);
                let ink = (radius - (ex * ex + ey * ey).sqrt() + 0.5).clamp(0.0, 1.0).min(2.0 * radius);
                *pixel = pixel.max(ink);
            }
        };
        let mut state = 1u64;
        let mut random = |limit: f32| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1u32 << 24) as f32 * limit
        };
        for case in 0..2000 {
            let size = [1 + random(160.0) as usize, 1 + random(160.0) as usize];
            let a = [random(size[1] as f32), random(size[0] as f32)];
            let mut b = [random(size[1] as f32), random(size[0] as f32)];
            match case % 5 {
                0 => b[1] = a[1],
                1 => b[0] = a[0],
                2 => b[1] = a[1] + 1e-6,
                3 => b = a,
                _ => {}
            }
            let radius = [0.01, 0.4, 3.0, 10.0, 60.0][case / 5 % 5];
            let mut pixels = [vec![0f32; size[0] * size[1]], vec![0f32; size[0] * size[1]]];
            draw(&mut pixels[0], size, a, b, radius);
            plain(&mut pixels[1], size, a, b, radius);
            assert!(pixels[0] == pixels[1], "{a:?} to {b:?}, radius {radius}, {size:?}");
        }
    }

    #[test]
    fn extreme_drawings_neither_panic_nor_leave_the_range() {
        let far = MAX_COORDINATE * 0.99;
        for strokes in [
            vec![line(&[[-far, -far], [far, far]], 1e-6)],
            vec![line(&[[0.0, 0.0]], 1e-30)],
            vec![line(&[[0.0, 0.0]], far)],
            vec![line(&[[far, far], [far, far]], 1e-3)],
            vec![line(&[[0.0, 0.0], [1e-6, 0.0]], far), line(&[[3.0, 4.0]], 1e-9)],
        ] {
            match drawing(&strokes) {
                Ok(image) => assert!(image.iter().all(|v| (0.0..=1.0).contains(v)), "{strokes:?}"),
                Err(error) => assert_eq!(error, PixelsError::Empty, "{strokes:?}"),
            }
        }
    }

    #[test]
    fn pooling_averages_areas() {
        let image: Vec<f32> = (0..16).map(|v| v as f32).collect();
        assert_eq!(pool(&image, (4, 4, 1), 2).unwrap(), [2.5, 4.5, 10.5, 12.5]);
        assert_eq!(pool(&image, (4, 4, 1), 4).unwrap(), image);
        // 3 → 2: weights 2/3 and 1/3 on either side.
        let row: Vec<f32> = pool(&[0.0, 3.0, 6.0, 0.0, 3.0, 6.0, 0.0, 3.0, 6.0], (3, 3, 1), 2).unwrap();
        for (found, expected) in row.iter().zip([1.0, 5.0, 1.0, 5.0]) {
            assert!((found - expected).abs() < 1e-6, "{row:?}");
        }
        // Any size and channel count keeps the mean of each channel.
        let (h, w, c) = (32, 27, 3);
        let image: Vec<f32> = (0..h * w * c).map(|i| ((i * 7919) % 101) as f32 / 101.0).collect();
        for side in [1, 5, 14, 32, 40] {
            let small = pool(&image, (h, w, c), side).unwrap();
            for channel in 0..c {
                let mean = |v: &[f32]| v.iter().skip(channel).step_by(c).sum::<f32>() / (v.len() / c) as f32;
                assert!((mean(&image) - mean(&small)).abs() < 1e-4, "side {side}, channel {channel}");
            }
        }
    }

    #[test]
    fn standardised_values_have_mean_0_and_deviation_1() {
        let mut values: Vec<f32> = (0..784).map(|i| ((i * 31) % 97) as f32 / 97.0 + 100.0).collect();
        standardise(&mut values);
        let mean = values.iter().sum::<f32>() / 784.0;
        let variance = values.iter().map(|v| v * v).sum::<f32>() / 784.0;
        assert!(mean.abs() < 1e-5 && (variance - 1.0).abs() < 1e-4, "{mean} {variance}");
        for constant in [0.0, 0.1, -7.3, 1e20] {
            let mut values = [constant; 9];
            standardise(&mut values);
            assert_eq!(values, [0.0; 9], "{constant}");
        }
        standardise(&mut []);
        let mut values = [f32::NAN, 1.0];
        standardise(&mut values);
        assert_eq!(values, [0.0; 2]);
    }
}
