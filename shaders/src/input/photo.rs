//! A picture of a drawing becomes what the same drawing would be on the page's canvas, whatever its ground and its ink:
//! black on white, chalk on a board, a dark theme, a transparent canvas, a scan, or a photograph of paper under a lamp.
//! The ground is found and taken off, what stands out is bright ink, and thin lines are made as wide as the page's pen.
//! [`crate::input::pixels::normalise`] does the rest, as for every drawing.

use crate::input::pixels::{self, Grey, PixelsError};

/// Pictures are reduced to this many pixels on their longer side at most.
const WORK: usize = 192;
/// The paper's brightness is measured in as many tiles a side.
const TILES: usize = 6;
/// Less difference between paper and ink than this is no ink in a photograph.
const FAINT: f32 = 0.1;
/// The same for a flat ground, where there is no grain.
const FAINT_FLAT: f32 = 0.03;
/// On a flat ground less than this share of the strongest ink is the ground: JPEG leaves such ripples around lines.
const RIPPLE: f32 = 0.06;
/// Brightness that differs by less is one tone.
const TONE: f32 = 0.03;
/// A ground whose brightness varies more than this (its standard deviation) was photographed.
const GRAIN: f32 = 2.0 / 255.0;
/// A spot with less ink than this share of the largest is a speck.
const SPECK: f32 = 0.03;
/// Lines thinner than this share of the drawing's longer side are widened to it. It is less than [`pixels::PEN_SHARE`], with
/// which photographed drawings are less like the same strokes on the canvas (the cosines of the tests below).
const LINE_SHARE: f32 = 0.11;

/// Which side of its ground the ink lies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ink {
    /// Found out: the ground is what the rim of the picture, or most of it, shows.
    #[default]
    Auto,
    /// Darker than the ground.
    Dark,
    /// Lighter than the ground.
    Light,
}

/// How a picture was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Look {
    /// Found out: a drawing where the ground is one tone, else a photograph.
    #[default]
    Auto,
    /// On a screen: the ground is one tone, and every mark is meant.
    Drawing,
    /// By a camera: light and grain are taken off, and specks.
    Photo,
}

/// What a learner sees of a picture.
///
/// Transparent pixels are laid on paper before anything is reduced: their own colour, which nobody sees, has no say. The
/// paper continues a ground that is visible; under ink alone it is white or black, whichever is farther from the ink.
///
/// # Shapes
/// `rgba` [height, width, 4], not multiplied by alpha → [28, 28] ink
///
/// # Errors
/// [`PixelsError::Empty`] where nothing stands out from the ground; sizes that don't fit or are absurd.
pub fn drawing(rgba: &[u8], height: usize, width: usize, ink: Ink, look: Look) -> Result<Vec<f32>, PixelsError> {
    let picture = on_paper(rgba, height, width, ink)?;
    let flat = match look {
        Look::Auto => flat_ground(&picture),
        Look::Drawing => Some(flat_ground(&picture).unwrap_or_else(|| median(rim(&picture)))),
        Look::Photo => None,
    };
    let seen = match flat {
        Some(ground) => drawn(&picture, ground, ink)?,
        None => photographed(&picture, ink)?,
    };
    let seen = with_pen(&seen);
    pixels::normalise(&seen.pixels, seen.height, seen.width)
}

/// Brightness of the visible part, with paper under and around what is transparent.
fn on_paper(rgba: &[u8], height: usize, width: usize, ink: Ink) -> Result<Grey, PixelsError> {
    pixels::check(rgba.len(), height, width, 4)?;
    let seen = |p: &[u8]| (pixels::grey([p[0], p[1], p[2]]), f32::from(p[3]) / 255.0);
    if rgba.chunks_exact(4).all(|p| p[3] == u8::MAX) {
        let pixels = rgba.chunks_exact(4).map(|p| seen(p).0).collect();
        return Ok(Grey { height, width, pixels });
    }
    let (top, left, bottom, right) =
        inked_box(width, rgba.chunks_exact(4).map(|p| p[3] > 0)).ok_or(PixelsError::Empty)?;
    let row = |y: usize| &rgba[4 * (y * width + left)..4 * (y * width + right)];

    let mut tones = [0f64; 256];
    for (brightness, alpha) in (top..bottom).flat_map(|y| row(y).chunks_exact(4)).map(seen) {
        tones[(brightness * 255.0).round() as usize] += f64::from(alpha);
    }
    let visible: f64 = tones.iter().sum();
    let at = |share: f64| {
        let mut below = 0.0;
        let tone = tones.iter().position(|weight| {
            below += weight;
            below >= share * visible
        });
        tone.unwrap_or(0) as f32 / 255.0
    };
    let (low, middle, high) = (at(0.05), at(0.5), at(0.95));
    let (rows, columns) = (bottom - top, right - left);
    let has_ground = high - low > 0.25 && visible > 0.5 * (rows * columns) as f64;
    let paper = match (ink, has_ground) {
        (Ink::Auto, true) => middle,
        (Ink::Dark, true) => high,
        (Ink::Light, true) => low,
        (Ink::Dark, false) => 1.0,
        (Ink::Light, false) => 0.0,
        (Ink::Auto, false) => f32::from(u8::from(middle < 0.5)),
    };
    // a drawing may fill its box, so that there would be no ground to see
    let margin = 1 + rows.max(columns) / 16;
    let mut picture = Grey { height: rows + 2 * margin, width: columns + 2 * margin, pixels: Vec::new() };
    picture.pixels = vec![paper; picture.height * picture.width];
    for y in 0..rows {
        let to = &mut picture.pixels[(margin + y) * picture.width + margin..][..columns];
        for (to, (brightness, alpha)) in to.iter_mut().zip(row(top + y).chunks_exact(4).map(seen)) {
            *to = alpha * brightness + (1.0 - alpha) * paper;
        }
    }
    Ok(picture)
}

/// Top, left, bottom and right of what is marked, the last two exclusive.
fn inked_box(width: usize, marked: impl Iterator<Item = bool>) -> Option<(usize, usize, usize, usize)> {
    let mut found = None;
    for (i, _) in marked.enumerate().filter(|(_, marked)| *marked) {
        let (y, x) = (i / width, i % width);
        let (top, left, _, right) = found.unwrap_or((y, x, 0, 0));
        found = Some((top, left.min(x), y + 1, right.max(x + 1)));
    }
    found
}

fn sorted(mut values: Vec<f32>) -> Vec<f32> {
    values.sort_by(f32::total_cmp);
    values
}

/// The value below which a share of sorted values lies.
fn at(sorted: &[f32], share: f32) -> f32 {
    sorted[((sorted.len() - 1) as f32 * share) as usize]
}

fn median(values: Vec<f32>) -> f32 {
    at(&sorted(values), 0.5)
}

/// The pixels along the border.
fn rim(picture: &Grey) -> Vec<f32> {
    let Grey { height, width, pixels } = picture;
    let wide = 1 + height.min(width) / 64;
    let outside = |v: usize, extent: usize| v < wide || v + wide >= extent;
    let at_rim = |i: &usize| outside(i / width, *height) || outside(i % width, *width);
    (0..pixels.len()).filter(at_rim).map(|i| pixels[i]).collect()
}

/// The ground's brightness, where it is one tone: that of most of the rim, else of most of the picture.
fn flat_ground(picture: &Grey) -> Option<f32> {
    let rim = rim(picture);
    let share = |values: &[f32], tone: f32| {
        values.iter().filter(|v| (**v - tone).abs() <= TONE).count() as f32 / values.len() as f32
    };
    let around = median(rim.clone());
    let ground = if share(&rim, around) >= 0.6 {
        around
    } else {
        let most = median(picture.pixels.clone());
        (share(&picture.pixels, most) >= 0.5).then_some(most)?
    };
    let stands = |v: &f32| (v - ground).abs();
    // no camera is without grain
    let paper: Vec<f32> = picture.pixels.iter().map(stands).filter(|v| *v < 2.0 * TONE).collect();
    if (paper.iter().map(|v| v * v).sum::<f32>() / paper.len().max(1) as f32).sqrt() > GRAIN {
        return None;
    }
    // Between the ground and ink there is nothing but the smooth edge of lines; a lamp leaves all tones.
    let full = picture.pixels.iter().map(stands).fold(FAINT_FLAT, f32::max);
    let between = picture.pixels.iter().filter(|v| (RIPPLE * full..0.35 * full).contains(&stands(v))).count();
    (between as f32 <= 0.15 * picture.pixels.len() as f32).then_some(ground)
}

/// Ink of a drawing on a ground of one tone, cut out, with a margin for a wider pen.
fn drawn(picture: &Grey, ground: f32, ink: Ink) -> Result<Grey, PixelsError> {
    let one_sided = |ground: f32| {
        move |v: &f32| match ink {
            Ink::Auto => (v - ground).abs(),
            Ink::Dark => ground - v,
            Ink::Light => v - ground,
        }
    };
    let strongest = |ground: f32| picture.pixels.iter().map(one_sided(ground)).fold(0.0, f32::max);
    let mut ground = ground;
    if strongest(ground) < FAINT_FLAT && ink != Ink::Auto {
        // ink covers the rim as well: the ground is the other of the two tones
        let (dark, light) = two_tones(&picture.pixels);
        ground = if ink == Ink::Dark { light } else { dark };
    }
    let full = strongest(ground);
    if full < FAINT_FLAT {
        return Err(PixelsError::Empty);
    }
    let stands = one_sided(ground);
    let value = |v: &f32| Some(stands(v) / full).filter(|ink| *ink > RIPPLE).unwrap_or(0.0);
    let seen: Vec<f32> = picture.pixels.iter().map(value).collect();
    let marked = seen.iter().map(|ink| *ink > 0.0);
    let (top, left, bottom, right) = inked_box(picture.width, marked).ok_or(PixelsError::Empty)?;
    let (rows, columns) = (bottom - top, right - left);
    let cut: Vec<f32> = (top..bottom).flat_map(|y| &seen[y * picture.width..][left..right]).copied().collect();
    let small = reduced(&cut, rows, columns)?;
    // a hairline of a large picture pales when it is reduced
    let peak = small.pixels.iter().copied().fold(0.0, f32::max).max(f32::MIN_POSITIVE);
    let margin = 2 + (LINE_SHARE * small.height.max(small.width) as f32) as usize;
    let (height, width) = (small.height + 2 * margin, small.width + 2 * margin);
    let mut pixels = vec![0.0; height * width];
    for (y, row) in small.pixels.chunks_exact(small.width).enumerate() {
        let to = &mut pixels[(margin + y) * width + margin..][..small.width];
        to.iter_mut().zip(row).for_each(|(to, v)| *to = (v / peak).min(1.0));
    }
    Ok(Grey { height, width, pixels })
}

/// The darker and the lighter of the two tones that divide brightness best (Otsu 1979).
fn two_tones(pixels: &[f32]) -> (f32, f32) {
    let sorted = sorted(pixels.to_vec());
    let all: f64 = sorted.iter().map(|v| f64::from(*v)).sum();
    let (mut below, mut best, mut split) = (0.0, -1.0, 1);
    for (i, v) in sorted.iter().enumerate().take(sorted.len().saturating_sub(1)) {
        below += f64::from(*v);
        let (n, m) = ((i + 1) as f64, (sorted.len() - i - 1) as f64);
        let apart = n * m * (below / n - (all - below) / m).powi(2);
        if apart > best {
            (best, split) = (apart, i + 1);
        }
    }
    let (dark, light) = sorted.split_at(split.min(sorted.len()));
    let middle = |values: &[f32]| values.get(values.len() / 2).copied();
    (middle(dark).unwrap_or(0.0), middle(light).or(middle(dark)).unwrap_or(0.0))
}

/// The picture with at most [`WORK`] pixels on its longer side.
fn reduced(pixels: &[f32], height: usize, width: usize) -> Result<Grey, PixelsError> {
    let long = height.max(width);
    let side = |extent: usize| if long <= WORK { extent } else { (extent * WORK / long).max(1) };
    let (rows, columns) = (side(height), side(width));
    Ok(Grey { height: rows, width: columns, pixels: pixels::resize(pixels, (height, width, 1), (rows, columns))? })
}

/// Ink of a photograph, without the light of the room, grain and specks.
fn photographed(picture: &Grey, ink: Ink) -> Result<Grey, PixelsError> {
    let picture = reduced(&picture.pixels, picture.height, picture.width)?;
    let mut seen = lit(&picture, ink)?;
    without_specks(&mut seen);
    Ok(seen)
}

/// How much each pixel of a photograph stands out from its ground, in [0, 1].
fn lit(picture: &Grey, ink: Ink) -> Result<Grey, PixelsError> {
    let Grey { height, width, pixels: grey } = picture;
    let (height, width) = (*height, *width);
    let all = sorted(grey.clone());
    // most of a photograph is paper: ink is what lies on its farther side
    let (low, middle, high) = (at(&all, 0.01), at(&all, 0.5), at(&all, 0.99));
    let dark_ink = match ink {
        Ink::Auto => middle - low >= high - middle,
        Ink::Dark => true,
        Ink::Light => false,
    };
    // the ground of each tile, for no room is lit evenly
    let tile = |ty: usize, tx: usize| {
        let span = |t: usize, side: usize| {
            let from = (t * side / TILES).min(side - 1);
            from..((t + 1) * side / TILES).clamp(from + 1, side)
        };
        let values: Vec<f32> =
            span(ty, height).flat_map(|y| span(tx, width).map(move |x| grey[y * width + x])).collect();
        at(&sorted(values), if dark_ink { 0.75 } else { 0.25 })
    };
    let grounds: Vec<f32> = (0..TILES * TILES).map(|t| tile(t / TILES, t % TILES)).collect();
    let ground = |y: usize, x: usize| {
        // between the middles of the tiles
        let place = |v: usize, side: usize| {
            ((v as f32 + 0.5) * TILES as f32 / side as f32 - 0.5).clamp(0.0, TILES as f32 - 1.0)
        };
        let (fy, fx) = (place(y, height), place(x, width));
        let (ty, tx) = (fy as usize, fx as usize);
        let (uy, ux) = (fy - ty as f32, fx - tx as f32);
        let value = |dy: usize, dx: usize| grounds[(ty + dy).min(TILES - 1) * TILES + (tx + dx).min(TILES - 1)];
        (1.0 - uy) * ((1.0 - ux) * value(0, 0) + ux * value(0, 1)) + uy * ((1.0 - ux) * value(1, 0) + ux * value(1, 1))
    };
    let sign = if dark_ink { 1.0 } else { -1.0 };
    let stands: Vec<f32> =
        (0..grey.len()).map(|i| (sign * (ground(i / width, i % width) - grey[i])).max(0.0)).collect();
    let full = at(&sorted(stands.clone()), 0.995);
    if full < FAINT {
        return Err(PixelsError::Empty);
    }
    // grain of paper and camera stays below a third of the ink
    let pixels = stands.into_iter().map(|v| ((v / full - 0.35) / 0.4).clamp(0.0, 1.0)).collect();
    Ok(Grey { height, width, pixels })
}

/// Removes spots that are small beside the largest one.
fn without_specks(picture: &mut Grey) {
    let Grey { height, width, pixels: ink } = picture;
    let (height, width) = (*height, *width);
    let mut spot = vec![0usize; ink.len()];
    let mut masses = vec![0f32];
    for start in 0..ink.len() {
        if ink[start] <= 0.0 || spot[start] > 0 {
            continue;
        }
        masses.push(0.0);
        let number = masses.len() - 1;
        let mut open = vec![start];
        spot[start] = number;
        while let Some(i) = open.pop() {
            masses[number] += ink[i];
            let (y, x) = (i / width, i % width);
            for ny in y.saturating_sub(1)..(y + 2).min(height) {
                for nx in x.saturating_sub(1)..(x + 2).min(width) {
                    let j = ny * width + nx;
                    if ink[j] > 0.0 && spot[j] == 0 {
                        spot[j] = number;
                        open.push(j);
                    }
                }
            }
        }
    }
    let largest = masses.iter().copied().fold(0.0, f32::max);
    ink.iter_mut().zip(&spot).filter(|(_, s)| masses[**s] < SPECK * largest).for_each(|(v, _)| *v = 0.0);
}

/// Makes thin lines as wide as the page's pen would.
fn with_pen(picture: &Grey) -> Grey {
    let Grey { height, width, pixels: ink } = picture;
    let (rows, columns) = (*height as isize, *width as isize);
    let inside = |y: isize, x: isize| (0..rows).contains(&y) && (0..columns).contains(&x);
    let inked: Vec<usize> = (0..ink.len()).filter(|&i| ink[i] > 0.5).collect();
    let Some((top, left, bottom, right)) = inked_box(*width, ink.iter().map(|v| *v > 0.5)) else {
        return picture.clone();
    };
    let long = (bottom - top).max(right - left) as f32;
    // a line's area over half its outline is about its width
    let bare = |i: usize, dy: isize, dx: isize| {
        let (y, x) = ((i / width) as isize + dy, (i % width) as isize + dx);
        !inside(y, x) || ink[(y * columns + x) as usize] <= 0.5
    };
    let outline: usize = inked
        .iter()
        .map(|&i| [(0, 1), (1, 0), (0, -1), (-1, 0)].iter().filter(|(dy, dx)| bare(i, *dy, *dx)).count())
        .sum();
    let pen = 2.0 * inked.len() as f32 / outline.max(1) as f32;
    let radius = (LINE_SHARE * (long - pen).max(1.0) - pen) / 2.0;
    if radius < 0.5 {
        return picture.clone();
    }
    let reach = radius.ceil() as isize;
    let mut wide = vec![0f32; ink.len()];
    for (i, &value) in ink.iter().enumerate().filter(|(_, v)| **v > 0.0) {
        let (y, x) = ((i / width) as isize, (i % width) as isize);
        for dy in -reach..=reach {
            for dx in -reach..=reach {
                let (ny, nx) = (y + dy, x + dx);
                if !inside(ny, nx) {
                    continue;
                }
                let far = ((dy * dy + dx * dx) as f32).sqrt();
                let to = &mut wide[(ny * columns + nx) as usize];
                *to = to.max(value * (radius + 0.5 - far).clamp(0.0, 1.0));
            }
        }
    }
    Grey { height: *height, width: *width, pixels: wide }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::pixels::{SIDE, Stroke, render};

    const BLACK: [u8; 3] = [0; 3];
    const WHITE: [u8; 3] = [255; 3];
    /// Ink and ground, none where it is transparent.
    const LOOKS: [([u8; 3], Option<[u8; 3]>); 10] = [
        (BLACK, None),
        (WHITE, None),
        (BLACK, Some(WHITE)),
        (WHITE, Some(BLACK)),
        (BLACK, Some([245; 3])),
        ([51; 3], Some([255, 251, 230])),
        ([230; 3], Some([18; 3])),
        ([200, 30, 30], None),
        ([255, 220, 0], Some([20, 30, 90])),
        ([255, 220, 0], None),
    ];

    /// A 7 drawn with a pen of a width in units of a hundredth.
    fn strokes(pen: f32) -> Vec<Stroke> {
        let points = vec![[20.0, 10.0], [80.0, 12.0], [45.0, 95.0]];
        vec![Stroke { points, width: pen }]
    }

    /// The same as the page shows it to its learner.
    fn on_the_page() -> Vec<f32> {
        pixels::drawing(&strokes(11.0)).unwrap()
    }

    fn cosine(a: &[f32], b: &[f32]) -> f32 {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
    }

    /// A canvas of [height, width] with the strokes at (y, x), in a look. Transparent pixels have a colour that misleads.
    fn canvas(size: [usize; 2], place: [usize; 2], pen: f32, look: ([u8; 3], Option<[u8; 3]>)) -> Vec<u8> {
        let drawn = render(&strokes(pen)).unwrap();
        let (ink, ground) = look;
        let mut rgba = Vec::new();
        for i in 0..size[0] * size[1] {
            let (dy, dx) = ((i / size[1]).wrapping_sub(place[0]), (i % size[1]).wrapping_sub(place[1]));
            let inside = dy < drawn.height && dx < drawn.width;
            let share = if inside { drawn.pixels[dy * drawn.width + dx] } else { 0.0 };
            let mixed =
                |c: usize, ground: u8| (share * f32::from(ink[c]) + (1.0 - share) * f32::from(ground)).round() as u8;
            match ground {
                Some(ground) => rgba.extend([mixed(0, ground[0]), mixed(1, ground[1]), mixed(2, ground[2]), 255]),
                None if share == 0.0 => rgba.extend([255 - ink[0], ink[1], 255 - ink[2], 0]),
                None => rgba.extend([ink[0], ink[1], ink[2], (255.0 * share).round() as u8]),
            }
        }
        rgba
    }

    fn auto(rgba: &[u8], height: usize, width: usize) -> Vec<f32> {
        drawing(rgba, height, width, Ink::Auto, Look::Auto).unwrap()
    }

    /// It on paper of brightness `paper` with ink of brightness `pen`, under a lamp at one side, with grain and specks.
    fn photo(width: f32, paper: f32, pen: f32) -> Vec<u8> {
        const SIZE: usize = 300;
        let drawn = render(&strokes(width)).unwrap();
        (0..SIZE * SIZE)
            .flat_map(|i| {
                let (y, x) = (i / SIZE, i % SIZE);
                let (dy, dx) = (y.wrapping_sub(70), x.wrapping_sub(90));
                let inside = dy < drawn.height && dx < drawn.width;
                let mut ink = if inside { drawn.pixels[dy * drawn.width + dx] } else { 0.0 };
                if [(20, 20), (250, 280), (21, 20)].contains(&(y, x)) {
                    ink = 1.0;
                }
                let light = 0.75 + 0.25 * x as f32 / SIZE as f32;
                let grain = ((i * 7919) % 101) as f32 / 101.0 - 0.5;
                let value = (light * (paper + (pen - paper) * ink) + 0.03 * grain).clamp(0.0, 1.0);
                let value = (255.0 * value).round() as u8;
                [value, value, value, 255]
            })
            .collect()
    }

    #[test]
    fn a_photograph_is_seen_as_the_drawing_is() {
        let drawn = on_the_page();
        for (width, paper, pen) in [(11.0, 0.95, 0.1), (11.0, 0.7, 0.3), (2.5, 0.9, 0.2), (5.0, 0.1, 0.9)] {
            for look in [Look::Photo, Look::Auto] {
                let seen = drawing(&photo(width, paper, pen), 300, 300, Ink::Auto, look).unwrap();
                assert_eq!(seen.len(), SIDE * SIDE);
                let alike = cosine(&seen, &drawn);
                assert!(alike > 0.9, "pen {width}, paper {paper}, ink {pen}, {look:?}: cosine {alike}");
            }
        }
    }

    #[test]
    fn every_ink_on_every_ground_is_the_same_drawing() {
        let drawn = on_the_page();
        for look in LOOKS {
            for size in [[280, 280], [200, 500], [700, 190]] {
                let rgba = canvas(size, [30, 20], 11.0, look);
                let alike = cosine(&auto(&rgba, size[0], size[1]), &drawn);
                assert!(alike > 0.98, "{look:?} at {size:?}: cosine {alike}");
                let ink = if pixels::grey(look.0) > look.1.map_or(0.5, pixels::grey) { Ink::Light } else { Ink::Dark };
                let told = drawing(&rgba, size[0], size[1], ink, Look::Drawing).unwrap();
                assert!(cosine(&told, &drawn) > 0.98, "{look:?} as {ink:?}");
            }
        }
    }

    #[test]
    fn thin_lines_and_large_canvases_keep_the_drawing() {
        let drawn = on_the_page();
        for look in LOOKS {
            for pen in [0.7, 2.0, 5.0] {
                let alike = cosine(&auto(&canvas([900, 1200], [500, 700], pen, look), 900, 1200), &drawn);
                assert!(alike > 0.9, "{look:?}, pen {pen}: cosine {alike}");
            }
        }
    }

    #[test]
    fn ink_that_covers_most_of_the_picture_is_still_ink() {
        // a ring so thick that it fills three quarters of its box
        let ring = |y: usize, x: usize| {
            let far = ((y as f32 - 49.5).powi(2) + (x as f32 - 49.5).powi(2)).sqrt();
            (15.0..=50.0).contains(&far)
        };
        let expected = {
            let grey: Vec<f32> = (0..100 * 100).map(|i| f32::from(u8::from(ring(i / 100, i % 100)))).collect();
            pixels::normalise(&grey, 100, 100).unwrap()
        };
        for (ink, ground) in LOOKS {
            let pixel = |i: usize| match (ring(i / 100, i % 100), ground) {
                (true, _) => [ink[0], ink[1], ink[2], 255],
                (false, Some([r, g, b])) => [r, g, b, 255],
                (false, None) => [ink[0], ink[1], ink[2], 0],
            };
            let rgba: Vec<u8> = (0..100 * 100).flat_map(pixel).collect();
            let alike = cosine(&auto(&rgba, 100, 100), &expected);
            assert!(alike > 0.98, "{ink:?} on {ground:?}: cosine {alike}");
        }
        // where ink covers the rim as well, only its owner can say so
        let hole = |i: usize| (30..70).contains(&(i / 100)) && (45..55).contains(&(i % 100));
        let rgba: Vec<u8> = (0..100 * 100).flat_map(|i| if hole(i) { [255; 4] } else { [0, 0, 0, 255] }).collect();
        let light: f32 = drawing(&rgba, 100, 100, Ink::Light, Look::Auto).unwrap().iter().sum();
        let dark: f32 = drawing(&rgba, 100, 100, Ink::Dark, Look::Auto).unwrap().iter().sum();
        assert!(dark > 300.0 && light < 150.0, "{dark} {light}");
    }

    #[test]
    fn a_sheet_on_a_transparent_canvas_is_ground_and_not_ink() {
        let drawn = on_the_page();
        for (ink, ground) in LOOKS.into_iter().filter_map(|(ink, ground)| Some((ink, ground?))) {
            let mut rgba = canvas([280, 280], [60, 80], 11.0, (ink, Some(ground)));
            for i in 0..280 * 280 {
                let corner = |v: usize| if v < 140 { v } else { 279 - v };
                if corner(i / 280) + corner(i % 280) < 40 {
                    rgba[4 * i..4 * i + 4].copy_from_slice(&[0, 255, 0, 0]);
                }
            }
            let alike = cosine(&auto(&rgba, 280, 280), &drawn);
            assert!(alike > 0.98, "{ink:?} on {ground:?}: cosine {alike}");
        }
    }

    #[test]
    fn small_pictures_and_compressed_ones_are_read() {
        let drawn = on_the_page();
        for look in LOOKS {
            // as JPEG would leave it
            let mut rgba = canvas([280, 280], [60, 80], 11.0, look);
            for (i, p) in rgba.chunks_exact_mut(4).enumerate() {
                p[..3].iter_mut().for_each(|v| *v = v.saturating_add((i * 7919 % 5) as u8).saturating_sub(2));
            }
            let alike = cosine(&auto(&rgba, 280, 280), &drawn);
            assert!(alike > 0.98, "{look:?} with ripples: cosine {alike}");
        }
        // MNIST's own pictures go through as they are
        let grey: Vec<u8> = drawn.iter().map(|v| (255.0 * v).round() as u8).collect();
        let rgba: Vec<u8> = grey.iter().flat_map(|&v| [v, v, v, 255]).collect();
        let alike = cosine(&auto(&rgba, SIDE, SIDE), &drawn);
        assert!(alike > 0.99, "cosine {alike}");
    }

    #[test]
    fn empty_paper_is_empty() {
        for ink in [Ink::Auto, Ink::Dark, Ink::Light] {
            for look in [Look::Auto, Look::Photo] {
                assert_eq!(drawing(&photo(5.0, 0.8, 0.8), 300, 300, ink, look), Err(PixelsError::Empty));
            }
            for pixel in [[0; 4], [255; 4], [0, 0, 0, 255], [255, 0, 0, 0], [90, 200, 30, 255]] {
                for (height, width) in [(1, 1), (1, 7), (8, 8), (31, 200)] {
                    for look in [Look::Auto, Look::Drawing, Look::Photo] {
                        let seen = drawing(&pixel.repeat(height * width), height, width, ink, look);
                        assert_eq!(seen, Err(PixelsError::Empty), "{pixel:?}, {height}×{width}, {ink:?}, {look:?}");
                    }
                }
            }
        }
        let auto = |rgba: &[u8], height, width| drawing(rgba, height, width, Ink::Auto, Look::Auto);
        assert!(matches!(auto(&[5; 63], 4, 4), Err(PixelsError::Size { channels: 4, expected: 64, found: 63, .. })));
        assert!(matches!(auto(&[], 0, 8), Err(PixelsError::Extent { .. })));
    }

    #[test]
    fn a_dot_and_odd_sizes_neither_panic_nor_leave_the_range() {
        for (height, width) in [(1, 2), (2, 1), (3, 3), (5, 40), (1, 300), (300, 1), (7, 7)] {
            for (ground, ink) in [([0; 4], [0, 0, 0, 255]), ([255; 4], [0, 0, 0, 255]), ([0, 0, 0, 255], [255; 4])] {
                for place in 0..height * width {
                    let mut rgba = ground.repeat(height * width);
                    rgba[4 * place..4 * place + 4].copy_from_slice(&ink);
                    for look in [Look::Auto, Look::Drawing, Look::Photo] {
                        match drawing(&rgba, height, width, Ink::Auto, look) {
                            Ok(seen) => assert!(seen.iter().all(|v| (0.0..=1.0).contains(v))),
                            Err(error) => assert_eq!(error, PixelsError::Empty),
                        }
                    }
                }
            }
        }
    }
}
