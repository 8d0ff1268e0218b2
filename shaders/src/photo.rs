//! A photograph of a drawing on paper (or of chalk on a board) becomes what the same drawing would be on the canvas:
//! the light of the room is taken off, dark ink is turned bright, specks go, and the pen is made as wide as the page's.
//! [`crate::pixels::normalise`] does the rest, as for every drawing.

use crate::pixels::{self, PixelsError};

/// Photographs are reduced to this many pixels a side at most.
const WORK: usize = 192;
/// The paper's brightness is measured in as many tiles a side.
const TILES: usize = 6;
/// Less difference between paper and ink than this is no ink.
const FAINT: f32 = 0.1;
/// A spot with less ink than this share of the largest is a speck.
const SPECK: f32 = 0.03;
/// Pen width for the learner as a share of the drawing's longer side; see the page's own pen.
const PEN_SHARE: f32 = 0.11;

/// What a learner sees of a photographed drawing.
///
/// # Shapes
/// `grey` [height, width], brightness in [0, 1] → [28, 28] ink
///
/// # Errors
/// [`PixelsError::Empty`] where nothing stands out from the ground; sizes that don't fit or are absurd.
pub fn drawing(grey: &[f32], height: usize, width: usize) -> Result<Vec<f32>, PixelsError> {
    let side = height.min(width).min(WORK);
    let grey = pixels::pool(grey, (height, width, 1), side)?;
    let mut ink = ink(&grey, side)?;
    without_specks(&mut ink, side);
    let ink = with_pen(&ink, side);
    pixels::normalise(&ink, side, side)
}

/// How much each pixel stands out from its ground, in [0, 1].
fn ink(grey: &[f32], side: usize) -> Result<Vec<f32>, PixelsError> {
    let sorted = |mut values: Vec<f32>| {
        values.sort_by(f32::total_cmp);
        values
    };
    let all = sorted(grey.to_vec());
    let at = |values: &[f32], share: f32| values[((values.len() - 1) as f32 * share) as usize];
    // most of a photograph is paper: ink is what lies on its farther side
    let (low, middle, high) = (at(&all, 0.01), at(&all, 0.5), at(&all, 0.99));
    let dark_ink = middle - low >= high - middle;
    // the ground of each tile, for no room is lit evenly
    let tile = |ty: usize, tx: usize| {
        let span = |t: usize| t * side / TILES..((t + 1) * side / TILES).max(t * side / TILES + 1).min(side);
        let values: Vec<f32> = span(ty).flat_map(|y| span(tx).map(move |x| grey[y * side + x])).collect();
        at(&sorted(values), if dark_ink { 0.75 } else { 0.25 })
    };
    let grounds: Vec<f32> = (0..TILES * TILES).map(|t| tile(t / TILES, t % TILES)).collect();
    let ground = |y: usize, x: usize| {
        // between the middles of the tiles
        let place = |v: usize| ((v as f32 + 0.5) * TILES as f32 / side as f32 - 0.5).clamp(0.0, TILES as f32 - 1.0);
        let (fy, fx) = (place(y), place(x));
        let (ty, tx) = (fy as usize, fx as usize);
        let (uy, ux) = (fy - ty as f32, fx - tx as f32);
        let value = |dy: usize, dx: usize| grounds[(ty + dy).min(TILES - 1) * TILES + (tx + dx).min(TILES - 1)];
        (1.0 - uy) * ((1.0 - ux) * value(0, 0) + ux * value(0, 1)) + uy * ((1.0 - ux) * value(1, 0) + ux * value(1, 1))
    };
    let sign = if dark_ink { 1.0 } else { -1.0 };
    let stands: Vec<f32> = (0..side * side).map(|i| (sign * (ground(i / side, i % side) - grey[i])).max(0.0)).collect();
    let full = at(&sorted(stands.clone()), 0.995);
    if full < FAINT {
        return Err(PixelsError::Empty);
    }
    // grain of paper and camera stays below a third of the ink
    Ok(stands.into_iter().map(|v| ((v / full - 0.35) / 0.4).clamp(0.0, 1.0)).collect())
}

/// Removes spots that are small beside the largest one.
fn without_specks(ink: &mut [f32], side: usize) {
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
            let (y, x) = (i / side, i % side);
            for ny in y.saturating_sub(1)..(y + 2).min(side) {
                for nx in x.saturating_sub(1)..(x + 2).min(side) {
                    let j = ny * side + nx;
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
fn with_pen(ink: &[f32], side: usize) -> Vec<f32> {
    let inked: Vec<usize> = (0..ink.len()).filter(|&i| ink[i] > 0.5).collect();
    let extent = |of: fn(usize, usize) -> usize| {
        let along = inked.iter().map(|&i| of(i, side));
        along.clone().max().unwrap_or(0) + 1 - along.min().unwrap_or(0)
    };
    let long = extent(|i, side| i / side).max(extent(|i, side| i % side)) as f32;
    // a line's area over half its outline is about its width
    let bare = |i: usize, dy: isize, dx: isize| {
        let (y, x) = ((i / side) as isize + dy, (i % side) as isize + dx);
        let inside = (0..side as isize).contains(&y) && (0..side as isize).contains(&x);
        !inside || ink[y as usize * side + x as usize] <= 0.5
    };
    let outline: usize = inked
        .iter()
        .map(|&i| [(0, 1), (1, 0), (0, -1), (-1, 0)].iter().filter(|(dy, dx)| bare(i, *dy, *dx)).count())
        .sum();
    let width = 2.0 * inked.len() as f32 / outline.max(1) as f32;
    let radius = (PEN_SHARE * (long - width).max(1.0) - width) / 2.0;
    if radius < 0.5 {
        return ink.to_vec();
    }
    let reach = radius.ceil() as isize;
    let mut wide = vec![0f32; ink.len()];
    for (i, &value) in ink.iter().enumerate().filter(|(_, v)| **v > 0.0) {
        let (y, x) = ((i / side) as isize, (i % side) as isize);
        for dy in -reach..=reach {
            for dx in -reach..=reach {
                let (ny, nx) = (y + dy, x + dx);
                if !(0..side as isize).contains(&ny) || !(0..side as isize).contains(&nx) {
                    continue;
                }
                let far = ((dy * dy + dx * dx) as f32).sqrt();
                let to = &mut wide[ny as usize * side + nx as usize];
                *to = to.max(value * (radius + 0.5 - far).clamp(0.0, 1.0));
            }
        }
    }
    wide
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixels::{SIDE, Stroke, render};

    /// A 7 drawn with a pen of a width in units of a hundredth.
    fn strokes(pen: f32) -> Vec<Stroke> {
        let points = vec![[20.0, 10.0], [80.0, 12.0], [45.0, 95.0]];
        vec![Stroke { points, width: pen }]
    }

    /// It on paper of brightness `paper` with ink of brightness `pen`, under a lamp at one side, with grain and specks.
    fn photo(width: f32, paper: f32, pen: f32) -> Vec<f32> {
        const SIZE: usize = 300;
        let drawn = render(&strokes(width)).unwrap();
        (0..SIZE * SIZE)
            .map(|i| {
                let (y, x) = (i / SIZE, i % SIZE);
                let (dy, dx) = (y.wrapping_sub(70), x.wrapping_sub(90));
                let inside = dy < drawn.height && dx < drawn.width;
                let mut ink = if inside { drawn.pixels[dy * drawn.width + dx] } else { 0.0 };
                if [(20, 20), (250, 280), (21, 20)].contains(&(y, x)) {
                    ink = 1.0;
                }
                let light = 0.75 + 0.25 * x as f32 / SIZE as f32;
                let grain = ((i * 7919) % 101) as f32 / 101.0 - 0.5;
                (light * (paper + (pen - paper) * ink) + 0.03 * grain).clamp(0.0, 1.0)
            })
            .collect()
    }

    #[test]
    fn a_photograph_is_seen_as_the_drawing_is() {
        // the page's pen: 12.4 of a hundred
        let drawn = pixels::drawing(&strokes(11.0)).unwrap();
        let cosine = |a: &[f32], b: &[f32]| {
            let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
            dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
        };
        for (width, paper, pen) in [(11.0, 0.95, 0.1), (11.0, 0.7, 0.3), (2.5, 0.9, 0.2), (5.0, 0.1, 0.9)] {
            let seen = drawing(&photo(width, paper, pen), 300, 300).unwrap();
            assert_eq!(seen.len(), SIDE * SIDE);
            let alike = cosine(&seen, &drawn);
            assert!(alike > 0.9, "pen {width}, paper {paper}, ink {pen}: cosine {alike}");
        }
    }

    #[test]
    fn empty_paper_is_empty() {
        assert_eq!(drawing(&photo(5.0, 0.8, 0.8)[..], 300, 300), Err(PixelsError::Empty));
        assert_eq!(drawing(&[0.5; 64], 8, 8), Err(PixelsError::Empty));
        assert!(matches!(drawing(&[0.5; 63], 8, 8), Err(PixelsError::Size { .. })));
        assert!(matches!(drawing(&[], 0, 8), Err(PixelsError::Extent { .. })));
    }
}
