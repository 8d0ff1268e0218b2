//! The IDX format (<http://yann.lecun.com/exdb/mnist/>): two zero bytes, a type code, the number of axes, each axis as a
//! big-endian u32, then the values, outermost axis first. Plain or gzip'ed, told apart by content, not by name.

use super::error::{DataError, io};
use flate2::{Compression, bufread::MultiGzDecoder, write::GzEncoder};
use shaders::FileKind;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

/// Most bytes of values that are read from one file: 4 GiB.
pub const MAX_BYTES: u64 = 1 << 32;

/// The content of an IDX file.
#[derive(Debug, Clone, PartialEq)]
pub struct Idx {
    /// Length of each axis, outermost first.
    pub dims: Vec<usize>,
    /// As many values as the product of `dims`.
    pub values: Values,
}

/// The values of an IDX file. Signed types are widened to i32.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Type code 0x08.
    U8(Vec<u8>),
    /// Type codes 0x09 (i8), 0x0B (i16) and 0x0C (i32).
    I32(Vec<i32>),
}

/// Reads an IDX file, gzip'ed or plain.
///
/// # Errors
/// [`DataError::Io`], also for damaged gzip streams; [`DataError::Magic`], [`DataError::Type`], [`DataError::Extent`],
/// [`DataError::Truncated`] and [`DataError::Trailing`] for what the header and the content promise and don't hold.
pub fn read(path: &Path) -> Result<Idx, DataError> {
    let mut file = BufReader::with_capacity(1 << 16, File::open(path).map_err(io(path))?);
    let zipped = file.fill_buf().map_err(io(path))?.starts_with(&[0x1f, 0x8b]);
    if zipped { parse(&mut MultiGzDecoder::new(file), path) } else { parse(&mut file, path) }
}

fn parse(from: &mut dyn Read, path: &Path) -> Result<Idx, DataError> {
    let path_buf = || path.to_path_buf();
    let magic: [u8; 4] = take(from, 4, path)?.try_into().expect("take returns as many bytes as it is asked for");
    let [0, 0, code, axes] = magic else {
        return Err(DataError::Magic { path: path_buf(), found: magic, kind: foreign(from, magic, path)? });
    };
    // some pictures begin with two zero bytes too
    if !matches!(code, 0x08 | 0x09 | 0x0B | 0x0C) {
        let kind = foreign(from, magic, path)?;
        if kind.is_some() {
            return Err(DataError::Magic { path: path_buf(), found: magic, kind });
        }
    }
    let size: u64 = match code {
        0x08 | 0x09 => 1,
        0x0B => 2,
        0x0C => 4,
        _ => return Err(DataError::Type { path: path_buf(), found: code, expected: "0x08 (u8), 0x09, 0x0B or 0x0C" }),
    };
    let header = take(from, 4 * u64::from(axes), path)?;
    let dims: Vec<usize> =
        header.chunks_exact(4).map(|b| u32::from_be_bytes(b.try_into().expect("chunks of 4")) as usize).collect();
    // A header can claim anything: the product is checked before a byte of it is allocated or read.
    let bytes = dims.iter().try_fold(size, |all, &dim| all.checked_mul(dim as u64));
    let bytes = match bytes {
        Some(bytes) if bytes > 0 && bytes <= MAX_BYTES && (1..=4).contains(&axes) => bytes,
        _ => return Err(DataError::Extent { path: path_buf(), dims }),
    };
    let raw = take(from, bytes, path)?;
    // Reading on to the end also makes gzip compare its checksum.
    let mut rest = [0u8; 1];
    if from.read(&mut rest).map_err(io(path))? != 0 {
        return Err(DataError::Trailing { path: path_buf(), dims, expected: bytes });
    }
    let values = match code {
        0x08 => Values::U8(raw),
        0x09 => Values::I32(raw.iter().map(|&b| i32::from(b as i8)).collect()),
        0x0B => Values::I32(raw.chunks_exact(2).map(|b| i32::from(i16::from_be_bytes([b[0], b[1]]))).collect()),
        _ => Values::I32(raw.chunks_exact(4).map(|b| i32::from_be_bytes([b[0], b[1], b[2], b[3]])).collect()),
    };
    Ok(Idx { dims, values })
}

/// What a file is that begins with `magic` and is none of this format, if that is known.
fn foreign(from: &mut dyn Read, magic: [u8; 4], path: &Path) -> Result<Option<FileKind>, DataError> {
    let mut head = magic.to_vec();
    from.take(4_096).read_to_end(&mut head).map_err(io(path))?;
    Ok(FileKind::of(&head).filter(|kind| *kind != FileKind::Idx))
}

/// Exactly `bytes` bytes. The buffer grows with what is really there, not with what was promised.
fn take(from: &mut dyn Read, bytes: u64, path: &Path) -> Result<Vec<u8>, DataError> {
    let mut buffer = Vec::new();
    let read = from.take(bytes).read_to_end(&mut buffer);
    match read {
        // An unfinished gzip stream ends in this error.
        Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => Err(io(path)(error)),
        _ if (buffer.len() as u64) < bytes => {
            Err(DataError::Truncated { path: path.to_path_buf(), expected: bytes, found: buffer.len() as u64 })
        }
        _ => Ok(buffer),
    }
}

/// Writes a gzip'ed IDX file of u8, or of i16 where `values` are i32, through a temporary name.
///
/// # Errors
/// [`DataError::Io`]; [`DataError::Extent`] when `dims` and values don't agree or don't fit the types.
pub fn write(path: &Path, content: &Idx) -> Result<(), DataError> {
    let wrong = || DataError::Extent { path: path.to_path_buf(), dims: content.dims.clone() };
    let (code, raw) = match &content.values {
        Values::U8(values) => (0x08, values.clone()),
        Values::I32(values) => {
            let mut raw = Vec::with_capacity(values.len() * 2);
            for &value in values {
                raw.extend(i16::try_from(value).map_err(|_| wrong())?.to_be_bytes());
            }
            (0x0B, raw)
        }
    };
    let count: usize = content.dims.iter().product();
    if count * if code == 0x08 { 1 } else { 2 } != raw.len() || content.dims.len() > 4 {
        return Err(wrong());
    }
    let part = path.with_extension("gz.part");
    let file = File::create(&part).map_err(io(&part))?;
    let mut zip = GzEncoder::new(BufWriter::new(file), Compression::default());
    let mut header = vec![0, 0, code, content.dims.len() as u8];
    for &dim in &content.dims {
        header.extend(u32::try_from(dim).map_err(|_| wrong())?.to_be_bytes());
    }
    zip.write_all(&header).and_then(|()| zip.write_all(&raw)).map_err(io(&part))?;
    zip.finish().and_then(|mut file| file.flush()).map_err(io(&part))?;
    std::fs::rename(&part, path).map_err(io(path))
}

#[cfg(test)]
mod tests {
    use super::super::testing::Folder;
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let folder = Folder::new("idx-round");
        for content in [
            Idx { dims: vec![2, 3, 4], values: Values::U8((0..24).collect()) },
            Idx { dims: vec![3], values: Values::I32(vec![0, 963, 32767]) },
            Idx { dims: vec![1, 1, 2, 3], values: Values::U8(vec![9; 6]) },
        ] {
            let path = folder.path("a-idx-ubyte.gz");
            write(&path, &content).unwrap();
            assert_eq!(read(&path).unwrap(), content);
        }
        assert_eq!(folder.names(), ["a-idx-ubyte.gz"], "no temporary file is left");
    }

    #[test]
    fn every_type_is_widened_with_its_sign() {
        let folder = Folder::new("idx-types");
        for (code, raw, expected) in [
            (0x09, vec![1u8, 0xff], vec![1, -1]),
            (0x0B, vec![1, 0, 0xff, 0xfe], vec![256, -2]),
            (0x0C, vec![0, 1, 0, 0, 0xff, 0xff, 0xff, 0xfd], vec![65536, -3]),
        ] {
            let path = folder.write("t", &[&[0, 0, code, 1, 0, 0, 0, 2], raw.as_slice()].concat());
            assert_eq!(read(&path).unwrap(), Idx { dims: vec![2], values: Values::I32(expected) });
        }
    }

    #[test]
    fn faults_are_told_apart() {
        let folder = Folder::new("idx-faults");
        let good = [&[0u8, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3][..], &[7; 6]].concat();
        let read_bytes = |bytes: &[u8]| read(&folder.write("f", bytes));
        assert!(read_bytes(&good).is_ok());
        for cut in 0..good.len() {
            let found = read_bytes(&good[..cut]);
            assert!(matches!(found, Err(DataError::Truncated { .. })), "cut at {cut}: {found:?}");
        }
        assert!(matches!(read_bytes(&[&good[..], &[1]].concat()), Err(DataError::Trailing { expected: 6, .. })));
        assert!(matches!(read_bytes(b"\x89PNG\r\n"), Err(DataError::Magic { found: [0x89, b'P', b'N', b'G'], .. })));
        assert!(matches!(read_bytes(&[0, 0, 0x0D, 1, 0, 0, 0, 1]), Err(DataError::Type { found: 0x0D, .. })));
        for (bytes, name, advice) in [
            (
                &b"version https://git-lfs.github.com/spec/v1\noid sha256:0a\nsize 1\n"[..],
                "Git LFS pointer",
                "git lfs pull",
            ),
            (b"<!DOCTYPE html><html><body>404", "web page", "download"),
            (b"%PDF-1.7 and so on", "PDF", "IDX file here"),
            (b"PK\x03\x04 and so on", "zip archive", "unpack"),
            (b"\x89PNG\r\n\x1a\n and so on", "PNG", "convert"),
            (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC", "convert"),
            (b"{\"message\": \"not found\"}", "JSON", "fetch"),
        ] {
            let words = read_bytes(bytes).unwrap_err().to_string();
            assert!(words.contains(name) && words.contains(advice), "{words}");
            // behind a name that ends in .gz as well
            let mut zip = GzEncoder::new(Vec::new(), Compression::default());
            zip.write_all(bytes).unwrap();
            assert!(read_bytes(&zip.finish().unwrap()).unwrap_err().to_string().contains(name), "{name}");
        }
        // 2^96 values, none at all, no axis, 5 axes: none may be allocated.
        for header in [vec![0xff; 12], vec![0; 4], vec![], [0, 0, 0, 1].repeat(5)] {
            let axes = (header.len() / 4) as u8;
            let found = read_bytes(&[&[0, 0, 8, axes][..], &header].concat());
            assert!(matches!(found, Err(DataError::Extent { .. })), "{axes} axes: {found:?}");
        }
        // A plausible claim of 4 GiB over an empty file must fail quickly and small.
        let found = read_bytes(&[0, 0, 8, 2, 0, 1, 0, 0, 0, 1, 0, 0]);
        assert!(matches!(found, Err(DataError::Truncated { found: 0, .. })), "{found:?}");

        let zipped = folder.path("z.gz");
        write(&zipped, &Idx { dims: vec![500], values: Values::U8((0..500).map(|i| (i * i % 251) as u8).collect()) })
            .unwrap();
        let mut bytes = std::fs::read(&zipped).unwrap();
        let end = bytes.len();
        assert!(matches!(read_bytes(&bytes[..end / 2]), Err(DataError::Truncated { .. })));
        // The checksum is in the last 8 bytes.
        bytes[end - 6] ^= 1;
        assert!(matches!(read_bytes(&bytes), Err(DataError::Io { .. })));
        assert!(matches!(read(&folder.path("nowhere")), Err(DataError::Io { .. })));
    }
}
