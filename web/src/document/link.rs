//! A link that carries the drawings: everything that the answers depend on, in the part of an address that browsers
//! keep to themselves.
//!
//! ```text
//! version │ settings │ model's name │ 4 bytes of its hash │ classes: label, name │ examples: 2·label + is a picture,
//! strokes or picture │ in hand: 0 nothing, 1 strokes, 2 a picture │ CRC-32 of all before
//! ```

use std::sync::Arc;

use crate::document::codec::{self, Reader, Writer, checksum};
use crate::document::{Class, Document, joined, preprocess};

/// Version of the bytes.
const VERSION: u8 = 1;
/// What the address's fragment begins with.
pub const MARK: &str = "#examples=";
/// Where shipped models lie.
const SHIPPED: &str = "models/";
/// Letters of an address that mail, chat and their servers let through.
pub const LONGEST: usize = 8_000;
/// Letters of one that is read. It would hold thousands of examples, each of which becomes a picture.
const MOST_READ: usize = 8 * LONGEST;

/// What a link opens to.
#[derive(Debug, Clone, PartialEq)]
pub struct Shared {
    /// Classes, examples and what is in hand.
    pub document: Document,
    /// Where the learner comes from: a shipped file's name, an address, or the name of a file on a disk.
    pub model: String,
    /// The first bytes of its hash.
    pub hash: [u8; 4],
    /// Whether pixels are scrambled.
    pub scrambled: bool,
}

impl Shared {
    /// The address of its model, if a page can fetch it.
    pub fn address(&self) -> Option<String> {
        let shipped = self.model.starts_with(SHIPPED) && !self.model.contains("..");
        (shipped || self.model.starts_with("https://")).then(|| self.model.clone())
    }
}

/// Why a link opens to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkError {
    /// Letters are missing or changed.
    Damaged,
    /// Made by a newer page.
    Newer(u8),
    /// Far longer than the page makes them.
    Long,
    /// Whole, yet not a document that this page can hold.
    Table,
}

impl std::fmt::Display for LinkError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LinkError::Damaged => f.write_str(
                "this link is not whole: some of its characters were lost or changed on the way. Ask for it again, or for \
                 a file of the examples",
            ),
            LinkError::Newer(found) => write!(
                f,
                "this link has version {found}, and this page reads version {VERSION}. Reload the page to get its \
                 newest version"
            ),
            LinkError::Long => write!(
                f,
                "expected a link of at most {MOST_READ} characters, found a longer one. Ask for a file of the examples"
            ),
            LinkError::Table => f.write_str("this link holds classes or examples that this page has no room for"),
        }
    }
}

/// The fragment of an address.
pub fn write(shared: &Shared) -> String {
    let document = &shared.document;
    let mut writer = Writer(vec![VERSION]);
    writer.number(u64::from(shared.scrambled));
    writer.text(&shared.model);
    writer.0.extend(shared.hash);
    writer.number(document.classes.len() as u64);
    for class in &document.classes {
        writer.number(u64::from(class.label));
        writer.text(&class.name);
    }
    writer.number(document.examples.len() as u64);
    for example in &document.examples {
        let drawn = !example.strokes.is_empty();
        writer.number(2 * u64::from(example.label) + u64::from(!drawn));
        match drawn {
            true => writer.strokes(&example.strokes),
            false => writer.picture(&example.picture),
        }
    }
    match (&document.photo, document.drawing.is_empty()) {
        (_, false) => {
            writer.number(1);
            writer.strokes(&joined(&document.drawing));
        }
        (Some(picture), true) => {
            writer.number(2);
            writer.picture(picture);
        }
        (None, true) => writer.number(0),
    }
    let sum = checksum(&writer.0);
    writer.0.extend(sum.to_le_bytes());
    format!("{MARK}{}", codec::to_letters(&writer.0))
}

/// Reads a fragment; none where it is not one of these. Mail and chat programs escape signs (`%3D`, `=3D`), break lines,
/// and take the full stop or bracket behind a link for a part of it: nothing of that is lost.
pub fn read(fragment: &str) -> Option<Result<Shared, LinkError>> {
    let text = unescaped(fragment);
    let text = text.trim_start_matches('#').trim_start().strip_prefix(MARK.trim_matches(['#', '=']))?;
    // A heading of that name is no link.
    let text = text.strip_prefix(|sign: char| !sign.is_alphanumeric() && sign != '-' && sign != '_')?;
    let letters = |text: &str| {
        let kept = text.chars().filter(|sign| !invisible(*sign) && *sign != '=');
        kept.take_while(|sign| sign.is_ascii_alphanumeric() || *sign == '-' || *sign == '_').collect::<String>()
    };
    match (decode(&letters(text)), text.strip_prefix("3D")) {
        (Err(LinkError::Damaged), Some(rest)) => Some(decode(&letters(rest))),
        (found, _) => Some(found),
    }
}

/// Spaces and line breaks, and the signs without width that some programs put in for breaking lines.
fn invisible(sign: char) -> bool {
    sign.is_whitespace() || matches!(sign, '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}

/// Text without `%` escapes, which some programs apply twice.
fn unescaped(text: &str) -> String {
    let mut text = text.to_owned();
    for _ in 0..3 {
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text.as_bytes();
        while let Some((first, behind)) = rest.split_first() {
            let digits = behind.get(..2).filter(|two| *first == b'%' && two.iter().all(u8::is_ascii_hexdigit));
            let byte = digits.and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
            bytes.push(byte.unwrap_or(*first));
            rest = if byte.is_some() { &behind[2..] } else { behind };
        }
        let decoded = String::from_utf8_lossy(&bytes).into_owned();
        if decoded == text {
            break;
        }
        text = decoded;
    }
    text
}

fn decode(text: &str) -> Result<Shared, LinkError> {
    if text.len() > MOST_READ {
        return Err(LinkError::Long);
    }
    let bytes = codec::from_letters(text).ok_or(LinkError::Damaged)?;
    let (body, sum) = bytes.split_last_chunk::<4>().ok_or(LinkError::Damaged)?;
    if checksum(body) != u32::from_le_bytes(*sum) {
        return Err(LinkError::Damaged);
    }
    match body.first() {
        Some(&VERSION) => parse(&mut Reader(&body[1..])).ok_or(LinkError::Table),
        Some(&found) => Err(LinkError::Newer(found)),
        None => Err(LinkError::Damaged),
    }
}

fn parse(reader: &mut Reader<'_>) -> Option<Shared> {
    let scrambled = reader.number()? & 1 == 1;
    let model = reader.text()?;
    let (hash, rest) = reader.0.split_first_chunk::<4>()?;
    reader.0 = rest;
    let mut classes = Vec::new();
    for _ in 0..reader.count()? {
        classes.push(Class { label: reader.number()?.try_into().ok()?, name: reader.text()? });
    }
    let mut document = Document::with_classes(classes).ok()?;
    for _ in 0..reader.count()? {
        let tag = reader.number()?;
        let label = (tag / 2).try_into().ok()?;
        match tag % 2 {
            0 => document.take(label, reader.strokes()?, None).ok()?,
            _ => document.take(label, Vec::new(), Some(Arc::new(reader.picture()?))).ok()?,
        }
    }
    match reader.number()? {
        0 => {}
        1 => {
            let strokes = reader.strokes()?;
            // as those of examples are: what cannot be shown to a learner cannot be drawn on either
            preprocess(&strokes).ok()?;
            document.drawing = Arc::new(strokes);
        }
        2 => document.photo = Some(Arc::new(reader.picture()?)),
        _ => return None,
    }
    reader.0.is_empty().then_some(Shared { document, model, hash: *hash, scrambled })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::PEN;
    use shaders::input::pixels::Stroke;

    /// A document of drawings and a picture, with a drawing in hand.
    fn shared(examples: u32) -> Shared {
        let mut document = Document::default();
        document.rename(1, "schön — 星");
        for i in 0..examples {
            let at = |k: i32| [500.0 + (7 * k) as f32, (40 * i % 300) as f32 + (k * k % 97) as f32];
            document.drawing = Arc::new(vec![Stroke { points: (0..40).map(at).collect(), width: PEN }]);
            document.teach(i % 3);
        }
        document.photo = Some(Arc::new((0..784).map(|i| if i % 9 == 0 { 0.2 } else { 0.0 }).map(|v: f32| v).collect()));
        document.teach(2);
        document.drawing = Arc::new(vec![Stroke { points: vec![[1.0, 2.0], [300.0, 999.0]], width: PEN }]);
        Shared { document, model: "models/drawing.safetensors".into(), hash: [1, 2, 3, 255], scrambled: true }
    }

    /// With small ids, to compare it with another.
    fn numbered(shared: &Shared) -> Shared {
        Shared { document: shared.document.numbered(), ..shared.clone() }
    }

    fn opened(link: &str) -> Option<Result<Shared, LinkError>> {
        read(link).map(|found| found.map(|shared| numbered(&shared)))
    }

    #[test]
    fn a_link_opens_to_what_it_was_made_of() {
        for examples in [0, 1, 30] {
            let shared = shared(examples);
            let link = write(&shared);
            assert_eq!(opened(&link), Some(Ok(numbered(&shared))));
        }
        for other in ["", "#about", "#examples", "#examples-of-use", "#examplesAQ"] {
            assert_eq!(read(other), None, "{other}");
        }
        for empty in ["#examples=", "#examples=...", "#examples%3D"] {
            assert_eq!(read(empty), Some(Err(LinkError::Damaged)), "{empty}");
        }
    }

    #[test]
    fn what_mail_and_chat_do_to_a_link_is_undone() {
        let shared = shared(3);
        let link = write(&shared);
        let letters = &link[MARK.len()..];
        let (head, tail) = letters.split_at(letters.len() / 2);
        for changed in [
            format!("{link})."),
            format!("{link}>,"),
            format!("{link}%20"),
            format!("{link}%29."),
            format!("{link}\u{2026}"),
            format!("#examples%3D{letters}"),
            format!("#examples%3d{letters}."),
            format!("#examples%253D{letters}"),
            format!("#examples=3D{letters}"),
            format!("#%65xamples={letters}"),
            format!("#examples={head}%0D%0A{tail}"),
            format!("#examples={head}=%0A{tail}"),
            format!("#examples={head}%20 {tail}"),
            format!("#examples={head}\u{200b}{tail}"),
            format!("# examples= {letters}"),
            format!("{link}&utm_source=mail"),
            format!("{link}?fbclid=AbC"),
        ] {
            assert_eq!(opened(&changed), Some(Ok(numbered(&shared))), "{changed}");
        }
    }

    #[test]
    fn no_letter_can_be_lost_or_changed() {
        let link = write(&shared(2));
        for end in MARK.len()..link.len() {
            assert_eq!(read(&link[..end]), Some(Err(LinkError::Damaged)), "{end} letters");
        }
        for at in MARK.len()..link.len() {
            let other = if link.as_bytes()[at] == b'x' { "y" } else { "x" };
            let changed = format!("{}{other}{}", &link[..at], &link[at + 1..]);
            let found = read(&changed).unwrap();
            assert!(matches!(found, Err(LinkError::Damaged)), "letter {at}: {found:?}");
        }
    }

    /// Links that only a program makes: a drawing in hand of strokes without points, or far away, and one as long as a book.
    #[test]
    fn what_no_pen_draws_is_refused() {
        let in_hand = |strokes: &[Stroke]| {
            let mut writer = Writer(vec![VERSION]);
            writer.number(0);
            writer.text("m");
            writer.0.extend([0; 4]);
            writer.number(2);
            for label in [0, 1] {
                writer.number(label);
                writer.text("n");
            }
            writer.number(0);
            writer.number(1);
            writer.strokes(strokes);
            let sum = checksum(&writer.0);
            writer.0.extend(sum.to_le_bytes());
            decode(&codec::to_letters(&writer.0))
        };
        let stroke = |points: &[[f32; 2]]| Stroke { points: points.to_vec(), width: PEN };
        let pen = stroke(&[[1.0, 2.0], [30.0, 40.0]]);
        assert_eq!(in_hand(&[stroke(&[]), stroke(&[])]), Err(LinkError::Table));
        assert_eq!(in_hand(&[stroke(&[[1e9, 1.0]])]), Err(LinkError::Table));
        assert_eq!(in_hand(&vec![stroke(&[[1.0, 1.0]; 100]); 201]), Err(LinkError::Table));
        // between others they do no harm
        let opened = in_hand(&[pen.clone(), stroke(&[]), stroke(&[]), pen.clone()]).unwrap();
        assert_eq!(joined(&opened.document.drawing), [pen.clone(), pen]);
        assert!(read(&write(&opened)).is_some_and(|again| again.is_ok()));
        let long = format!("{MARK}{}", "A".repeat(MOST_READ + 1));
        assert_eq!(read(&long), Some(Err(LinkError::Long)));
    }

    #[test]
    fn links_of_other_kinds_are_refused_in_words() {
        let sealed = |mut bytes: Vec<u8>| {
            bytes.extend(checksum(&bytes).to_le_bytes());
            decode(&codec::to_letters(&bytes))
        };
        assert_eq!(sealed(vec![9, 0, 0]), Err(LinkError::Newer(9)));
        assert_eq!(sealed(vec![]), Err(LinkError::Damaged));
        assert_eq!(sealed(vec![VERSION]), Err(LinkError::Table));
        // three classes of one label; a label without a class; bytes after the end
        let body = |classes: &[u64], label: u64, end: &[u8]| {
            let mut writer = Writer(vec![VERSION]);
            writer.number(0);
            writer.text("m");
            writer.0.extend([0; 4]);
            writer.number(classes.len() as u64);
            for class in classes {
                writer.number(*class);
                writer.text("n");
            }
            writer.number(1);
            writer.number(2 * label);
            writer.strokes(&[Stroke { points: vec![[4.0, 8.0]], width: PEN }]);
            writer.number(0);
            writer.0.extend(end);
            sealed(writer.0)
        };
        assert!(body(&[0, 1], 1, &[]).is_ok());
        assert_eq!(body(&[1, 1, 1], 1, &[]), Err(LinkError::Table));
        assert_eq!(body(&[0, 1], 5, &[]), Err(LinkError::Table));
        assert_eq!(body(&[0, 1], 1, &[0]), Err(LinkError::Table));
        for error in [LinkError::Damaged, LinkError::Newer(2), LinkError::Long, LinkError::Table] {
            assert!(error.to_string().len() > 40);
        }
    }
}
