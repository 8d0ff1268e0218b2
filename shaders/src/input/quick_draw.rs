//! Drawings of Quick, Draw! (<https://github.com/googlecreativelab/quickdraw-dataset>): a line of JSON each, simplified to 256 × 256
//! or raw with times, or in its binary form.

use serde::Deserialize;

use super::sketch::{Sketch, Sketches};

/// Most strokes of a drawing in the binary form, and points of a stroke, by which such a file is told from others.
const MOST_STROKES: u16 = 1000;
const MOST_OF_STROKE: u16 = 4000;

#[derive(Deserialize)]
struct Line {
    word: String,
    #[serde(default = "yes")]
    recognized: bool,
    /// `[strokes][x, y, and t of raw ones][points]`
    drawing: Vec<Vec<Vec<f32>>>,
}

fn yes() -> bool {
    true
}

/// Whether a file holds such drawings as lines, by its beginning.
pub fn is_quick_draw(head: &[u8]) -> bool {
    let holds = |word: &[u8]| head.windows(word.len()).any(|window| window == word);
    head.trim_ascii_start().starts_with(b"{") && holds(b"\"word\"") && holds(b"\"drawing\"")
}

/// Reads up to `most` drawings of a text. An unreadable last line without a line end is not counted: the file was cut
/// there.
pub fn sketches(text: &str, most: usize) -> Sketches {
    let mut found = Sketches::default();
    for line in text.split_inclusive('\n') {
        if found.all.len() == most {
            break;
        }
        if line.trim().is_empty() {
            continue;
        }
        match sketch(line) {
            Some((sketch, true)) => found.all.push(sketch),
            Some((_, false)) => found.unrecognised += 1,
            None => found.unread += usize::from(line.ends_with('\n')),
        }
    }
    found
}

fn sketch(line: &str) -> Option<(Sketch, bool)> {
    let line: Line = serde_json::from_str(line).ok()?;
    let stroke = |axes: &Vec<Vec<f32>>| match &axes[..] {
        [x, y, ..] if x.len() == y.len() => Some(x.iter().zip(y).map(|(x, y)| [*x, *y]).collect::<Vec<_>>()),
        _ => None,
    };
    let strokes = line.drawing.iter().map(stroke).collect::<Option<Vec<_>>>()?;
    let sketch = Sketch::new(&line.word, strokes).filter(|sketch| !sketch.word.is_empty())?;
    Some((sketch, line.recognized))
}

/// Whether a file is in the binary form, by its beginning, which need not be a whole drawing.
pub fn is_binary(head: &[u8]) -> bool {
    matches!(Record::read(head), Record::Whole(..) | Record::Cut)
}

/// The word of a file in the binary form, which alone says it: `cat` of `cat.bin`, `full_binary_cat.bin` and
/// `full%2Fbinary%2Fcat.bin`.
pub fn word_of(file: &str) -> &str {
    let name = file.rsplit(['/', '\\']).next().unwrap_or(file);
    let stem = name.strip_suffix(".bin").unwrap_or(name);
    ["full_binary_", "full%2Fbinary%2F", "full-binary-"]
        .into_iter()
        .find_map(|start| stem.strip_prefix(start))
        .unwrap_or(stem)
}

/// Reads up to `most` drawings in the binary form. A last one that is not whole is not counted: the file was cut there.
pub fn binary(mut bytes: &[u8], word: &str, most: usize) -> Sketches {
    let mut found = Sketches::default();
    while found.all.len() < most {
        match Record::read(bytes) {
            Record::Whole(strokes, recognised, rest) => {
                match Sketch::new(word, strokes) {
                    Some(sketch) if recognised => found.all.push(sketch),
                    Some(_) => found.unrecognised += 1,
                    None => found.unread += 1,
                }
                bytes = rest;
            }
            Record::Cut => break,
            // where the next one begins is not known
            Record::Other => {
                found.unread += 1;
                break;
            }
        }
    }
    found
}

/// What bytes begin with.
enum Record<'a> {
    /// A drawing: its strokes, whether it was recognised, and the bytes after it.
    Whole(Vec<Vec<[f32; 2]>>, bool, &'a [u8]),
    /// A part of a drawing, or nothing.
    Cut,
    /// Anything else.
    Other,
}

impl Record<'_> {
    /// Reads a record: key (8 bytes), country (2), recognised (1), time (4), number of strokes (2), and for each stroke its number
    /// of points (2), then their x and their y, a byte each. Numbers are little-endian.
    fn read(bytes: &[u8]) -> Record<'_> {
        let Some((head, mut rest)) = bytes.split_at_checked(17) else { return Record::Cut };
        let letter = |byte: u8| byte.is_ascii_uppercase() || byte == 0 || byte == b' ';
        let strokes = u16::from_le_bytes([head[15], head[16]]);
        if !letter(head[8]) || !letter(head[9]) || head[10] > 1 || !(1..=MOST_STROKES).contains(&strokes) {
            return Record::Other;
        }
        let mut found = Vec::new();
        for _ in 0..strokes {
            let Some((count, after)) = rest.split_first_chunk::<2>() else { return Record::Cut };
            let count = u16::from_le_bytes(*count);
            if !(1..=MOST_OF_STROKE).contains(&count) {
                return Record::Other;
            }
            let count = usize::from(count);
            let Some((points, after)) = after.split_at_checked(2 * count) else { return Record::Cut };
            found.push((0..count).map(|at| [points[at], points[count + at]].map(f32::from)).collect());
            rest = after;
        }
        Record::Whole(found, head[10] == 1, rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIMPLIFIED: &str =
        r#"{"word":"line","countrycode":"DE","recognized":true,"drawing":[[[0,255],[10,10]],[[40],[80]]]}"#;
    const RAW: &str = r#"{"word":"line","recognized":true,"drawing":[[[310.5,330.5],[200.0,420.0],[0,17]]]}"#;

    #[test]
    fn simplified_and_raw_drawings_are_read() {
        assert!(is_quick_draw(SIMPLIFIED.as_bytes()) && !is_quick_draw(b"{\"version\":2}"));
        let missed = SIMPLIFIED.replace("true", "false");
        let text = format!("{SIMPLIFIED}\r\n{RAW}\n{missed}\n\n{{\"word\":3}}\n{}", &SIMPLIFIED[..40]);
        let found = sketches(&text, 100);
        assert_eq!((found.all.len(), found.unrecognised, found.unread), (2, 1, 1));
        assert_eq!(found.all[0].strokes, [vec![[0.0, 10.0], [255.0, 10.0]], vec![[40.0, 80.0]]]);
        assert_eq!(found.all[1].strokes, [vec![[310.5, 200.0], [330.5, 420.0]]]);
        assert_eq!(sketches(&text, 1).all.len(), 1);
        // axes of different length, no point, a number that is none
        for drawing in ["[[[1,2],[1]]]", "[]", "[[[1],[1e99]]]"] {
            let line = format!("{{\"word\":\"x\",\"drawing\":{drawing}}}\n");
            assert_eq!(sketches(&line, 10), Sketches { unread: 1, ..Sketches::default() }, "{drawing}");
        }
    }

    fn record(recognised: u8, strokes: &[&[(u8, u8)]]) -> Vec<u8> {
        let mut bytes = 5_000_000_000_000_000u64.to_le_bytes().to_vec();
        bytes.extend(b"DE");
        bytes.push(recognised);
        bytes.extend(1_490_000_000u32.to_le_bytes());
        bytes.extend((strokes.len() as u16).to_le_bytes());
        for stroke in strokes {
            bytes.extend((stroke.len() as u16).to_le_bytes());
            bytes.extend(stroke.iter().map(|point| point.0));
            bytes.extend(stroke.iter().map(|point| point.1));
        }
        bytes
    }

    #[test]
    fn binary_drawings_are_read() {
        let first = record(1, &[&[(0, 10), (255, 12)], &[(40, 80)]]);
        let all = [&first[..], &record(0, &[&[(1, 2)]]), &first, &first[..20]].concat();
        assert!(is_binary(&all) && is_binary(&first[..20]) && !is_binary(SIMPLIFIED.as_bytes()));
        let found = binary(&all, "line", 100);
        assert_eq!((found.all.len(), found.unrecognised, found.unread), (2, 1, 0));
        assert_eq!(found.all[1].strokes, [vec![[0.0, 10.0], [255.0, 12.0]], vec![[40.0, 80.0]]]);
        assert_eq!((found.all[0].word.as_str(), binary(&all, "line", 1).all.len()), ("line", 1));
        // other bytes after the first
        let found = binary(&[&first[..], &[0xff; 40]].concat(), "line", 9);
        assert_eq!((found.all.len(), found.unread), (1, 1));
        for (file, word) in [("cat.bin", "cat"), ("a/full_binary_hot air balloon.bin", "hot air balloon")] {
            assert_eq!(word_of(file), word);
        }
    }
}
