//! From bytes to text: gzip, byte order marks, UTF-16, and the older encodings.

use std::io::Read;

use crate::error::TableError;

/// Most bytes of a table, packed or unpacked: 1 GiB. More would not fit beside its cells.
pub const MOST_BYTES: usize = 1 << 30;

/// Bytes that any packed file may unpack to.
const FREE_BYTES: usize = 16 << 20;
/// And so many times its own size: tables pack to a tenth or a fiftieth, and a file that grows further was made for it.
const MOST_GROWTH: usize = 100;

/// Most bytes that a packed file of this size may unpack to.
pub fn most_unpacked(packed: usize) -> usize {
    packed.saturating_mul(MOST_GROWTH).saturating_add(FREE_BYTES)
}

/// Text, and how it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The text, without a byte order mark.
    pub text: String,
    /// Name of the encoding, as in the Encoding Standard.
    pub encoding: &'static str,
    /// Whether the encoding is certain: marked, or valid UTF-8. Otherwise it is a guess that should be shown.
    pub certain: bool,
}

/// Whether bytes are gzip.
pub fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b, 8])
}

/// Unpacks gzip as it is read, with all members of a file of several.
pub fn unpacking(reader: impl Read) -> impl Read {
    flate2::read::MultiGzDecoder::new(reader)
}

/// Unpacks gzip, with all members of a file of several.
///
/// # Errors
/// Damaged data, and more than `most` bytes.
pub fn unpack(bytes: &[u8], most: usize) -> Result<Vec<u8>, TableError> {
    let mut unpacked = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    flate2::read::MultiGzDecoder::new(bytes)
        .take(limit)
        .read_to_end(&mut unpacked)
        .map_err(|error| TableError::new(format!("the gzip data are damaged ({error}). Get the file again")))?;
    if unpacked.len() > most {
        return Err(TableError::new(format!(
            "expected at most {most} bytes when unpacked, found more. Unpack it yourself, and open that or parts of it"
        )));
    }
    Ok(unpacked)
}

/// Whether bytes without a mark are UTF-16: text of mostly Latin letters has a zero byte in every pair. `Some(true)` means
/// little-endian.
pub fn is_utf16(bytes: &[u8]) -> Option<bool> {
    let head = &bytes[..bytes.len().min(4096) & !1];
    if head.len() < 4 {
        return None;
    }
    let zeros = |offset: usize| head.iter().skip(offset).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let pairs = head.len() / 2;
    if odd * 10 >= pairs * 7 && even * 10 < pairs {
        Some(true)
    } else if even * 10 >= pairs * 7 && odd * 10 < pairs {
        Some(false)
    } else {
        None
    }
}

/// Decodes UTF-16.
fn utf16(bytes: &[u8], little: bool) -> Result<String, TableError> {
    let units = bytes.chunks_exact(2).map(|pair| match little {
        true => u16::from_le_bytes([pair[0], pair[1]]),
        false => u16::from_be_bytes([pair[0], pair[1]]),
    });
    char::decode_utf16(units)
        .collect::<Result<String, _>>()
        .map_err(|_| TableError::new("it looks like UTF-16, and some of it is not. Save it as UTF-8"))
}

/// Unpacks and decodes a text file. `encoding` names the encoding where somebody knows it; otherwise it is found out.
///
/// # Errors
/// Damaged gzip, bytes that are no text, an unknown name.
pub fn decode(bytes: &[u8], encoding: Option<&str>) -> Result<Decoded, TableError> {
    let unpacked;
    let bytes = if is_gzip(bytes) {
        unpacked = unpack(bytes, most_unpacked(bytes.len()).min(MOST_BYTES))?;
        &unpacked[..]
    } else {
        bytes
    };
    if let Some(name) = encoding {
        return named(bytes, name);
    }
    if let Some(rest) = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]) {
        let text = std::str::from_utf8(rest)
            .map_err(|_| TableError::new("it is marked as UTF-8, and some of it is not. Save it as UTF-8"))?;
        return Ok(Decoded { text: text.to_owned(), encoding: "UTF-8", certain: true });
    }
    for (mark, little) in [([0xff, 0xfe], true), ([0xfe, 0xff], false)] {
        if let Some(rest) = bytes.strip_prefix(&mark) {
            let encoding = if little { "UTF-16LE" } else { "UTF-16BE" };
            return Ok(Decoded { text: utf16(rest, little)?, encoding, certain: true });
        }
    }
    if let Some(little) = is_utf16(bytes) {
        let encoding = if little { "UTF-16LE" } else { "UTF-16BE" };
        return Ok(Decoded { text: utf16(bytes, little)?, encoding, certain: false });
    }
    if bytes.contains(&0) {
        return Err(TableError::new(
            "expected text, found binary data. Open CSV, TSV, ARFF, npy or a spreadsheet, under its own ending",
        ));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Decoded { text: text.to_owned(), encoding: "UTF-8", certain: true }),
        Err(error) => guessed(bytes, error.valid_up_to()),
    }
}

#[cfg(feature = "encodings")]
fn named(bytes: &[u8], name: &str) -> Result<Decoded, TableError> {
    let found = encoding_rs::Encoding::for_label(name.as_bytes()).ok_or_else(|| {
        TableError::new(format!("there is no encoding `{name}`. Examples: utf-8, windows-1252, shift_jis, utf-16le"))
    })?;
    let (text, encoding, faulty) = found.decode(bytes);
    if faulty {
        return Err(TableError::new(format!("some of it is not {}. Name another encoding", encoding.name())));
    }
    Ok(Decoded { text: text.into_owned(), encoding: encoding.name(), certain: true })
}

#[cfg(not(feature = "encodings"))]
fn named(_: &[u8], name: &str) -> Result<Decoded, TableError> {
    Err(TableError::new(format!("this build reads UTF-8 and UTF-16 alone, not {name}. Save the file as UTF-8")))
}

/// What stands in Windows-1252 (and Latin-1) for signs of units and currencies: few such bytes mislead detectors of languages.
#[cfg(feature = "encodings")]
const UNIT_BYTES: &[u8] =
    &[0x80, 0xa2, 0xa3, 0xa5, 0xa7, 0xaa, 0xb0, 0xb1, 0xb2, 0xb3, 0xb5, 0xb7, 0xb9, 0xba, 0xbc, 0xbd, 0xbe, 0xd7, 0xf7];

#[cfg(feature = "encodings")]
fn guessed(bytes: &[u8], _: usize) -> Result<Decoded, TableError> {
    // A unit's byte stands alone among ASCII; letters of multi-byte encodings come in runs.
    let high = |at: usize| bytes.get(at).is_some_and(|byte| *byte >= 0x80);
    let units = (0..bytes.len())
        .filter(|at| high(*at))
        .all(|at| UNIT_BYTES.contains(&bytes[at]) && !high(at + 1) && (at == 0 || !high(at - 1)));
    let encoding = if units {
        encoding_rs::WINDOWS_1252
    } else {
        let mut detector = chardetng::EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
        detector.feed(bytes, true);
        detector.guess(None, chardetng::Utf8Detection::Deny)
    };
    let (text, encoding, faulty) = encoding.decode(bytes);
    if faulty {
        return Err(TableError::new("its letters are of no encoding that could be found out. Save it as UTF-8"));
    }
    Ok(Decoded { text: text.into_owned(), encoding: encoding.name(), certain: false })
}

#[cfg(not(feature = "encodings"))]
fn guessed(bytes: &[u8], at: usize) -> Result<Decoded, TableError> {
    let line = bytes[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
    Err(TableError::at(line, "expected UTF-8, found other bytes. Save the file as UTF-8"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn packed(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn marks_and_utf16_are_seen() {
        let text = "size,kind\n1,große\n";
        let units: Vec<u16> = text.encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        for (bytes, encoding, certain) in [
            (text.as_bytes().to_vec(), "UTF-8", true),
            ([&[0xef, 0xbb, 0xbf], text.as_bytes()].concat(), "UTF-8", true),
            ([&[0xff, 0xfe][..], &little].concat(), "UTF-16LE", true),
            ([&[0xfe, 0xff][..], &big].concat(), "UTF-16BE", true),
            (little, "UTF-16LE", false),
            (big, "UTF-16BE", false),
            (packed(text.as_bytes()), "UTF-8", true),
            ([packed(b"size,kind\n"), packed("1,große\n".as_bytes())].concat(), "UTF-8", true),
        ] {
            let found = decode(&bytes, None).unwrap();
            assert_eq!((found.text.as_str(), found.encoding, found.certain), (text, encoding, certain));
        }
    }

    #[test]
    #[cfg(feature = "encodings")]
    fn older_encodings_are_guessed_and_can_be_named() {
        let german = "Größe;Gewicht;Güte\n9,6;6,1;häßlich\n13,5;6,0;schön\n".repeat(3);
        let polish = "miasto;wielkość\nŁódź;duże\nKraków;średnie\nZamość;małe\nGdańsk;duże\n".repeat(3);
        let russian = "город;размер\nМосква;большой\nСуздаль;маленький\nТверь;средний\n".repeat(3);
        let japanese = "名前;大きさ\n東京;大きい\n京都;小さい\nさくら;ちいさい\n".repeat(3);
        for (text, encoding) in [
            (german.as_str(), encoding_rs::WINDOWS_1252),
            (&polish, encoding_rs::WINDOWS_1250),
            (&russian, encoding_rs::WINDOWS_1251),
            (&japanese, encoding_rs::SHIFT_JIS),
            ("d [µm];m³/h;kind\n1;2;a\n", encoding_rs::WINDOWS_1252),
            ("price £;20 °C\n1;2\n", encoding_rs::WINDOWS_1252),
        ] {
            let (bytes, _, _) = encoding.encode(text);
            let found = decode(&bytes, None).unwrap();
            assert_eq!(found.text, text, "{}", found.encoding);
            assert!(!found.certain);
            assert_eq!(decode(&bytes, Some(encoding.name())).unwrap().text, text);
        }
        assert!(decode(b"a", Some("klingon")).unwrap_err().message.contains("klingon"));
    }

    #[test]
    fn what_is_no_text_is_refused() {
        assert!(decode(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", None).unwrap_err().message.contains("binary"));
        let mut cut = packed("1,2\n".repeat(1000).as_bytes());
        cut.truncate(20);
        assert!(decode(&cut, None).unwrap_err().message.contains("damaged"));
        assert!(unpack(&packed(&[b'1'; 5000]), 4000).unwrap_err().message.contains("4000"));
    }
}
