//! Drawings and pictures as few bytes: whole numbers of variable length, differences instead of places, and letters
//! that may stand in an address.

use shaders::input::pixels::{SIDE, Stroke};

use super::units::PEN;

/// Letters of base64url (RFC 4648, section 5).
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// Levels of ink that a picture keeps.
pub const LEVELS: u8 = 16;
/// Nothing that a person draws and a link holds has as many things of one kind …
const MOST: u64 = 100_000;
/// … or a drawing as many points: what is done with them takes the square of their number …
pub const MOST_POINTS: usize = 20_000;
/// … or lies as far away, in units of the canvas. Below this every whole number is one of f32, and differences fit.
const FARTHEST: u64 = 1 << 23;

/// Bytes as letters that need no escape in an address.
pub fn to_letters(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let group = three.iter().fold(0u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for letter in 0..=three.len() {
            text.push(LETTERS[(group >> (18 - 6 * letter)) as usize & 63] as char);
        }
    }
    text
}

/// The bytes of [`to_letters`]; none for text that it did not write.
pub fn from_letters(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for four in text.as_bytes().chunks(4) {
        if four.len() == 1 {
            return None;
        }
        let mut group = 0u32;
        for letter in four {
            group = group << 6 | LETTERS.iter().position(|known| known == letter)? as u32;
        }
        group <<= 6 * (4 - four.len());
        // what is left over beside whole bytes is zero, so that one text means one thing
        let kept = four.len() - 1;
        if group & ((1 << (8 * (3 - kept))) - 1) != 0 {
            return None;
        }
        bytes.extend((0..kept).map(|byte| (group >> (16 - 8 * byte)) as u8));
    }
    Some(bytes)
}

/// Writes numbers and bytes one after another.
#[derive(Debug, Default)]
pub struct Writer(pub Vec<u8>);

impl Writer {
    /// Seven bits a byte, the lowest first; the highest bit says that more follow.
    pub fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// Small numbers of either sign are short.
    pub fn signed(&mut self, value: i64) {
        self.number((value << 1 ^ value >> 63) as u64);
    }

    /// Text with its length.
    pub fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
    }

    /// Strokes in whole units of the canvas: a common step, then each point by its difference from the one before.
    pub fn strokes(&mut self, strokes: &[Stroke]) {
        let points = strokes.iter().flat_map(|stroke| &stroke.points).flatten();
        let step = [4, 2, 1].into_iter().find(|step| points.clone().all(|v| v.round() as i64 % step == 0)).unwrap_or(1);
        self.number(step as u64);
        self.number(strokes.len() as u64);
        let mut last = [0i64; 2];
        for stroke in strokes {
            self.number(stroke.points.len() as u64);
            for point in &stroke.points {
                for (v, last) in point.iter().zip(&mut last) {
                    let v = v.round() as i64 / step;
                    self.signed(v - *last);
                    *last = v;
                }
            }
        }
    }

    /// A picture in [`LEVELS`] levels: the number of empty pixels, then of inked ones, with two of these a byte.
    ///
    /// # Shapes
    /// `picture` [28, 28]
    pub fn picture(&mut self, picture: &[f32]) {
        let levels: Vec<u8> = picture.iter().map(|v| level(*v)).collect();
        let mut at = 0;
        while at < levels.len() {
            let empty = levels[at..].iter().take_while(|level| **level == 0).count();
            // a lone empty pixel among inked ones is cheaper written out
            let mut full = 0;
            let rest = &levels[at + empty..];
            while full < rest.len() && (rest[full] > 0 || rest.get(full + 1).is_some_and(|next| *next > 0)) {
                full += 1;
            }
            self.number(empty as u64);
            self.number(full as u64);
            let inked = &rest[..full];
            self.0.extend(inked.chunks(2).map(|two| two[0] << 4 | two.get(1).copied().unwrap_or_default()));
            at += empty + full;
        }
    }
}

/// Level of a pixel's ink.
fn level(ink: f32) -> u8 {
    (ink.clamp(0.0, 1.0) * f32::from(LEVELS - 1)).round() as u8
}

/// A picture in the levels that can be kept, so that what is learned is what is saved.
///
/// # Shapes
/// `picture` and the result [28, 28]
pub fn levelled(picture: &[f32]) -> Vec<f32> {
    picture.iter().map(|v| f32::from(level(*v)) / f32::from(LEVELS - 1)).collect()
}

/// Reads what a [`Writer`] wrote; none where it did not.
#[derive(Debug)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    /// See [`Writer::number`].
    pub fn number(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.bytes(1)?[0];
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    /// A number of things that have at least a byte each, so that no damage asks for endless memory.
    pub fn count(&mut self) -> Option<usize> {
        let count = self.number()?;
        (count <= MOST && count as usize <= self.0.len()).then_some(count as usize)
    }

    /// See [`Writer::signed`].
    pub fn signed(&mut self) -> Option<i64> {
        let value = self.number()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// See [`Writer::text`].
    pub fn text(&mut self) -> Option<String> {
        let length = self.count()?;
        String::from_utf8(self.bytes(length)?.to_vec()).ok()
    }

    /// See [`Writer::strokes`].
    pub fn strokes(&mut self) -> Option<Vec<Stroke>> {
        let step = self.number().filter(|step| [1, 2, 4].contains(step))? as i64;
        let mut last = [0i64; 2];
        let mut strokes = Vec::new();
        let mut left = MOST_POINTS;
        for _ in 0..self.count()? {
            let mut points = Vec::new();
            let count = self.count()?;
            left = left.checked_sub(count)?;
            for _ in 0..count {
                for last in &mut last {
                    *last = last.checked_add(self.signed()?).filter(|place| place.unsigned_abs() <= FARTHEST)?;
                }
                points.push(last.map(|v| (v * step) as f32));
            }
            strokes.push(Stroke { points, width: PEN });
        }
        Some(strokes)
    }

    /// See [`Writer::picture`].
    pub fn picture(&mut self) -> Option<Vec<f32>> {
        let mut picture = Vec::with_capacity(SIDE * SIDE);
        while picture.len() < SIDE * SIDE {
            let (empty, full) = (self.number()?, self.number()?);
            let left = (SIDE * SIDE - picture.len()) as u64;
            if empty > left || full > left - empty || empty + full == 0 {
                return None;
            }
            picture.resize(picture.len() + empty as usize, 0.0);
            let packed = self.bytes((full as usize).div_ceil(2))?;
            let inked = packed.iter().flat_map(|byte| [byte >> 4, byte & 15]).take(full as usize);
            picture.extend(inked.map(|level| f32::from(level) / f32::from(LEVELS - 1)));
        }
        Some(picture)
    }
}

/// The fewest points that draw nearly the same strokes, on a grid: what an example keeps. The tolerance and the grid
/// are below a tenth of a pixel of what the learner sees, whatever the size of the drawing.
pub fn thinned(strokes: &[Stroke]) -> Vec<Stroke> {
    let extent = |axis: usize| {
        let along = strokes.iter().flat_map(|stroke| &stroke.points).map(|point| point[axis]);
        along.clone().fold(f32::NEG_INFINITY, f32::max) - along.fold(f32::INFINITY, f32::min)
    };
    let step = match extent(0).max(extent(1)) {
        long if long >= 480.0 => 4.0,
        long if long >= 240.0 => 2.0,
        _ => 1.0,
    };
    let on_grid = |points: &[[f32; 2]]| {
        let mut kept: Vec<[f32; 2]> = Vec::new();
        simplify(points, 0.8 * step, &mut kept);
        kept.iter_mut().flatten().for_each(|v| *v = (*v / step).round() * step);
        kept.dedup();
        kept
    };
    let stroke = |stroke: &Stroke| Stroke { points: on_grid(&stroke.points), width: stroke.width };
    strokes.iter().filter(|stroke| !stroke.points.is_empty()).map(stroke).collect()
}

/// Ramer, Douglas and Peucker: keeps both ends, and between them the farthest point if it is farther than `tolerance`
/// from the line, and so on with both halves.
fn simplify(points: &[[f32; 2]], tolerance: f32, kept: &mut Vec<[f32; 2]>) {
    kept.extend(points.first());
    let mut open = vec![(0, points.len().saturating_sub(1))];
    while let Some((from, to)) = open.pop() {
        let (a, b) = (points[from], points[to]);
        let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
        let square = dx * dx + dy * dy;
        let distance = |p: &[f32; 2]| {
            let along = ((p[0] - a[0]) * dx + (p[1] - a[1]) * dy) / square.max(1e-6);
            let along = along.clamp(0.0, 1.0);
            (p[0] - a[0] - along * dx).hypot(p[1] - a[1] - along * dy)
        };
        let inner = (from + 1..to).map(|i| (i, distance(&points[i])));
        match inner.max_by(|a, b| a.1.total_cmp(&b.1)) {
            Some((middle, far)) if far > tolerance => open.extend([(middle, to), (from, middle)]),
            _ if to > from => kept.push(b),
            _ => {}
        }
    }
}

/// CRC-32 as in PNG (ISO 3309).
pub fn checksum(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0u32, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::preprocess;

    /// Strokes as a mouse gives them: a point every few units.
    pub fn spiral(scale: f32) -> Vec<Stroke> {
        let point = |i: i32| {
            let angle = i as f32 * 0.05;
            [500.0 + scale * angle * angle.cos(), 480.0 + scale * angle * angle.sin()].map(f32::round)
        };
        let bar = (0..40).map(|i| [300.0 + 7.0 * i as f32, 120.0]).collect();
        vec![Stroke { points: (0..300).map(point).collect(), width: PEN }, Stroke { points: bar, width: PEN }]
    }

    #[test]
    fn the_checksum_is_the_known_one() {
        assert_eq!(checksum(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn letters_come_back_as_bytes_and_nothing_else_does() {
        for length in 0..70 {
            let bytes: Vec<u8> = (0..length).map(|i| (i * 89 + length) as u8).collect();
            let text = to_letters(&bytes);
            assert_eq!(from_letters(&text), Some(bytes), "{text}");
            assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
        }
        for bad in ["A", "AB=", "A B", "ÄÖ", "AAAAA", "AB"] {
            assert_eq!(from_letters(bad), None, "{bad}");
        }
    }

    #[test]
    fn numbers_of_any_size_come_back() {
        let all = [0i64, 1, -1, 63, -64, 64, 1000, -1000, i64::MAX, i64::MIN];
        let mut writer = Writer::default();
        all.iter().for_each(|v| writer.signed(*v));
        let mut reader = Reader(&writer.0);
        assert_eq!(all.map(|_| reader.signed().unwrap()), all);
        assert_eq!(reader.signed(), None);
        assert_eq!(Reader(&[0xff; 12]).number(), None);
    }

    #[test]
    fn thinned_strokes_look_the_same_and_come_back_exactly() {
        for scale in [4.0, 12.0, 30.0] {
            let strokes = spiral(scale);
            let thin = thinned(&strokes);
            let points = |s: &[Stroke]| s.iter().map(|stroke| stroke.points.len()).sum::<usize>();
            assert!(points(&thin) * 3 < points(&strokes), "{} of {}", points(&thin), points(&strokes));
            let (before, after) = (preprocess(&strokes).unwrap(), preprocess(&thin).unwrap());
            let worst = before.iter().zip(&after).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 0.2, "a pixel differs by {worst} at scale {scale}");
            let mean = before.iter().zip(&after).map(|(a, b)| (a - b).abs()).sum::<f32>() / 784.0;
            assert!(mean < 0.01, "pixels differ by {mean} on average at scale {scale}");
            let mut writer = Writer::default();
            writer.strokes(&thin);
            assert_eq!(Reader(&writer.0).strokes().unwrap(), thin);
            assert!(writer.0.len() < 260, "{} bytes", writer.0.len());
        }
        let dot = vec![Stroke { points: vec![[10.0, 20.0]], width: PEN }];
        assert_eq!(thinned(&dot), dot);
        assert_eq!(thinned(&[Stroke { points: vec![], width: PEN }]), []);
        // strokes that lie on no grid are kept as they are
        let odd = vec![Stroke { points: vec![[3.0, 77.0], [-5.0, 900.0]], width: PEN }];
        let mut writer = Writer::default();
        writer.strokes(&odd);
        assert_eq!(Reader(&writer.0).strokes().unwrap(), odd);
    }

    #[test]
    fn pictures_come_back_in_their_levels() {
        let drawn = preprocess(&spiral(20.0)).unwrap();
        for picture in [drawn, vec![0.0; 784], vec![1.0; 784], (0..784).map(|i| (i % 3) as f32 / 2.0).collect()] {
            let levels = levelled(&picture);
            assert_eq!(levelled(&levels), levels);
            let mut writer = Writer::default();
            writer.picture(&levels);
            assert_eq!(Reader(&writer.0).picture().unwrap(), levels);
            assert!(writer.0.len() < 420, "{} bytes", writer.0.len());
        }
        assert_eq!(Reader(&[0, 0]).picture(), None);
        assert_eq!(Reader(&[200, 9, 200, 9]).picture(), None);
    }
}
