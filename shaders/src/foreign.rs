//! Names a file by its first bytes, for files that are not what was asked for: a pointer instead of a model, a web
//! page, a picture, an archive. Looking never allocates, and reads no more than the first and the last mebibyte.

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// No bytes at all.
    Empty,
    /// The few lines that Git keeps where Git LFS keeps the file.
    LfsPointer,
    /// HTML.
    WebPage,
    /// SVG.
    Svg,
    /// Any other XML.
    Xml,
    /// JSON, or a JSON value on each line.
    Json,
    /// A table as text: lines with the same number of commas, semicolons, tabs or bars.
    Csv,
    /// Any other text.
    Text,
    /// A zip archive of none of the kinds below.
    Zip,
    /// Excel's, since 2007.
    ExcelWorkbook,
    /// Word's or PowerPoint's, since 2007.
    OfficeDocument,
    /// LibreOffice's.
    OpenDocument,
    /// Office files before 2007.
    OldOffice,
    /// gzip, xz, zstd, bzip2, 7z, rar or tar.
    Archive,
    /// PDF.
    Pdf,
    /// HEIC, as iPhones take pictures.
    Heic,
    /// AVIF.
    Avif,
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// GIF.
    Gif,
    /// WebP.
    WebP,
    /// BMP.
    Bmp,
    /// TIFF.
    Tiff,
    /// JPEG XL.
    JpegXl,
    /// MP4, QuickTime and the like.
    Video,
    /// NumPy's single array.
    Npy,
    /// NumPy's archive of arrays.
    Npz,
    /// MATLAB's.
    Matlab,
    /// The format of MNIST's files.
    Idx,
    /// Parquet.
    Parquet,
    /// SQLite.
    Sqlite,
    /// A pickle of Python's.
    Pickle,
    /// A checkpoint of PyTorch's.
    PyTorch,
    /// ONNX.
    Onnx,
    /// GGUF, the format of llama.cpp.
    Gguf,
    /// HDF5, the format of Keras before version 3.
    Hdf5,
    /// The archive of Keras 3.
    Keras,
    /// TensorFlow Lite.
    TfLite,
    /// Safetensors, of this program or another.
    Safetensors,
}

/// How much of each end of a file is looked at.
const END: usize = 1 << 20;
/// How much of text is looked at.
const TEXT: usize = 4096;
/// The longest header that safetensors allow.
const LONGEST_HEADER: u64 = 100_000_000;

/// Formats that are known by fixed bytes, by offset.
const SIGNATURES: &[(usize, &[u8], FileKind)] = &[
    (0, b"%PDF-", FileKind::Pdf),
    (0, b"\x89PNG\r\n\x1a\n", FileKind::Png),
    (0, b"\xff\xd8\xff", FileKind::Jpeg),
    (0, b"GIF8", FileKind::Gif),
    (8, b"WEBP", FileKind::WebP),
    (0, b"II*\0", FileKind::Tiff),
    (0, b"MM\0*", FileKind::Tiff),
    (0, b"\xff\x0a", FileKind::JpegXl),
    (4, b"JXL \r\n", FileKind::JpegXl),
    (0, b"\x1f\x8b", FileKind::Archive),
    (0, b"\xfd7zXZ\0", FileKind::Archive),
    (0, b"\x28\xb5\x2f\xfd", FileKind::Archive),
    (0, b"BZh", FileKind::Archive),
    (0, b"7z\xbc\xaf\x27\x1c", FileKind::Archive),
    (0, b"Rar!\x1a\x07", FileKind::Archive),
    (257, b"ustar", FileKind::Archive),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", FileKind::OldOffice),
    (0, b"\x93NUMPY", FileKind::Npy),
    (0, b"MATLAB ", FileKind::Matlab),
    (0, b"\0\0\x08\x01", FileKind::Idx),
    (0, b"\0\0\x08\x03", FileKind::Idx),
    (0, b"PAR1", FileKind::Parquet),
    (0, b"SQLite format 3\0", FileKind::Sqlite),
    (0, b"GGUF", FileKind::Gguf),
    (0, b"\x89HDF\r\n\x1a\n", FileKind::Hdf5),
    (4, b"TFL3", FileKind::TfLite),
];

impl FileKind {
    /// What a file of these bytes is; none where that is not known. The first 4 KiB are enough for all but archives, which
    /// are told apart by the names of what is in them.
    pub fn of(bytes: &[u8]) -> Option<FileKind> {
        if bytes.is_empty() {
            return Some(FileKind::Empty);
        }
        if is_safetensors(bytes) {
            return Some(FileKind::Safetensors);
        }
        let begins = |at: usize, with: &[u8]| bytes.get(at..).is_some_and(|rest| rest.starts_with(with));
        if let Some((.., kind)) = SIGNATURES.iter().find(|(at, signature, _)| begins(*at, signature)) {
            return Some(*kind);
        }
        if begins(0, b"PK\x03\x04") || begins(0, b"PK\x05\x06") {
            return Some(zip(bytes));
        }
        if begins(4, b"ftyp") {
            return Some(boxed(bytes));
        }
        if begins(0, b"BM") && begins(6, &[0; 4]) {
            return Some(FileKind::Bmp);
        }
        match bytes {
            // protocol 2 or later, with one of the opcodes that open a frame, a number, a tuple, a mapping or a list
            [0x80, 2..=5, 0x95 | 0x8a | b'(' | b'}' | b']' | b'c' | b'X' | b'K' | b'J' | 0x8c, ..] => {
                // the magic number of checkpoints before PyTorch 1.6
                let old = begins(2, b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19");
                Some(if old { FileKind::PyTorch } else { FileKind::Pickle })
            }
            // the version of its format, then the name of who wrote it, or the graph
            [8, 1..=20, 0x12 | 0x1a | 0x22 | 0x3a | 0x42, ..] => Some(FileKind::Onnx),
            _ => text(bytes),
        }
    }

    /// Its name with an article, for a sentence.
    pub fn name(self) -> &'static str {
        match self {
            FileKind::Empty => "an empty file",
            FileKind::LfsPointer => "a Git LFS pointer, which only says where the file is kept",
            FileKind::WebPage => "a web page (HTML)",
            FileKind::Svg => "an SVG drawing",
            FileKind::Xml => "an XML document",
            FileKind::Json => "a JSON file",
            FileKind::Csv => "a table as text (CSV)",
            FileKind::Text => "a text file",
            FileKind::Zip => "a zip archive",
            FileKind::ExcelWorkbook => "an Excel workbook",
            FileKind::OfficeDocument => "a Word or PowerPoint document",
            FileKind::OpenDocument => "an OpenDocument file",
            FileKind::OldOffice => "an Office file from before 2007",
            FileKind::Archive => "a compressed archive",
            FileKind::Pdf => "a PDF document",
            FileKind::Heic => "a HEIC picture",
            FileKind::Avif => "an AVIF picture",
            FileKind::Png => "a PNG picture",
            FileKind::Jpeg => "a JPEG picture",
            FileKind::Gif => "a GIF picture",
            FileKind::WebP => "a WebP picture",
            FileKind::Bmp => "a BMP picture",
            FileKind::Tiff => "a TIFF picture",
            FileKind::JpegXl => "a JPEG XL picture",
            FileKind::Video => "a video",
            FileKind::Npy => "a NumPy array",
            FileKind::Npz => "an archive of NumPy arrays",
            FileKind::Matlab => "a MATLAB file",
            FileKind::Idx => "a file of MNIST's format (IDX)",
            FileKind::Parquet => "a Parquet table",
            FileKind::Sqlite => "an SQLite database",
            FileKind::Pickle => "a Python pickle",
            FileKind::PyTorch => "a PyTorch checkpoint",
            FileKind::Onnx => "an ONNX model",
            FileKind::Gguf => "a GGUF model",
            FileKind::Hdf5 => "an HDF5 file",
            FileKind::Keras => "a Keras model",
            FileKind::TfLite => "a TensorFlow Lite model",
            FileKind::Safetensors => "a safetensors file",
        }
    }

    /// What to do about it where a model was expected.
    pub fn instead_of_a_model(self) -> &'static str {
        use FileKind::*;
        match self {
            Empty => "The copy or download stopped before it began. Fetch it again",
            LfsPointer => "Run `git lfs pull` in the repository, or download the file itself from its page",
            WebPage => {
                "The address leads to a page, perhaps an error or a login. Use the address of the file itself \
                 (\"raw\" or \"download\")"
            }
            Json | Xml | Text => {
                "It may be a configuration or a server's error message. Read it in an editor, and choose the \
                 .safetensors file"
            }
            Zip | Archive => "Unpack it, and choose the .safetensors file in it",
            Csv | ExcelWorkbook | OpenDocument | OldOffice | Npy | Npz | Matlab | Idx | Parquet | Sqlite => {
                "It may hold data to learn from, but it is no model. Choose a .safetensors file"
            }
            Heic | Avif | Png | Jpeg | Gif | WebP | Bmp | Tiff | JpegXl | Svg | Video => {
                "A learner can be shown pictures, but this is no model. Choose a .safetensors file"
            }
            OfficeDocument | Pdf => "Choose a .safetensors file",
            Pickle | PyTorch | Onnx | Gguf | Hdf5 | Keras | TfLite | Safetensors => {
                "Models of other programs cannot be loaded. Train one with `trainer train`, or use one of this project's"
            }
        }
    }
}

/// Whether bytes begin as safetensors do: the length of a header, and JSON.
pub(crate) fn is_safetensors(bytes: &[u8]) -> bool {
    bytes.first_chunk::<8>().is_some_and(|length| u64::from_le_bytes(*length) <= LONGEST_HEADER)
        && bytes.get(8) == Some(&b'{')
}

/// What a zip archive is by the names of what is in it.
fn zip(bytes: &[u8]) -> FileKind {
    let head = &bytes[..bytes.len().min(END)];
    let tail = &bytes[bytes.len().saturating_sub(END).max(head.len())..];
    let names = [head, tail].into_iter().flat_map(|part| {
        // entries before what is in them, and their list at the end
        part.windows(4).enumerate().filter_map(|(at, signature)| {
            let (length, name) = match signature {
                b"PK\x03\x04" => (at + 26, at + 30),
                b"PK\x01\x02" => (at + 28, at + 46),
                _ => return None,
            };
            let count = u16::from_le_bytes([*part.get(length)?, *part.get(length + 1)?]);
            Some((part.get(name..name + usize::from(count))?, part.get(name + usize::from(count)..)?))
        })
    });
    for (name, rest) in names {
        let kind = match name {
            name if name.starts_with(b"xl/") => FileKind::ExcelWorkbook,
            name if name.starts_with(b"word/") || name.starts_with(b"ppt/") => FileKind::OfficeDocument,
            b"mimetype" if rest.starts_with(b"application/vnd.oasis.opendocument") => FileKind::OpenDocument,
            name if name.ends_with(b".npy") => FileKind::Npz,
            name if name.ends_with(b"/data.pkl") => FileKind::PyTorch,
            b"model.weights.h5" => FileKind::Keras,
            _ => continue,
        };
        return kind;
    }
    FileKind::Zip
}

/// What a file of boxes (ISO 14496-12) is by its brands.
fn boxed(bytes: &[u8]) -> FileKind {
    let length = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
    let brands = &bytes[8..length.clamp(8, 256).min(bytes.len())];
    let has = |known: &[&[u8; 4]]| brands.chunks_exact(4).any(|brand| known.iter().any(|known| *known == brand));
    if has(&[b"avif", b"avis"]) {
        FileKind::Avif
    } else if has(&[b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"]) {
        FileKind::Heic
    } else {
        FileKind::Video
    }
}

/// What text is; none where bytes are no text.
fn text(bytes: &[u8]) -> Option<FileKind> {
    let head = &bytes[..bytes.len().min(TEXT)];
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        return Some(FileKind::Text);
    }
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let plain = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b | b' '..=b'~' | 0x80..);
    let ascii = head.iter().filter(|byte| byte.is_ascii()).count();
    // the last letter may be cut off
    let utf8 = std::str::from_utf8(head).err().is_none_or(|error| error.error_len().is_none());
    // older encodings of a byte a letter are mostly ASCII in the languages that use them
    if !head.iter().all(plain) || !(utf8 || 10 * ascii >= 7 * head.len()) {
        return None;
    }
    let trimmed = head.trim_ascii_start();
    let begins =
        |with: &str| trimmed.get(..with.len()).is_some_and(|start| start.eq_ignore_ascii_case(with.as_bytes()));
    let holds = |what: &[u8]| trimmed.windows(what.len()).any(|part| part.eq_ignore_ascii_case(what));
    let page = ["<!doctype html", "<html", "<head", "<body", "<script"];
    Some(if begins("version https://git-lfs") || begins("version https://hawser") {
        FileKind::LfsPointer
    } else if page.into_iter().any(begins) || begins("<!--") && holds(b"<html") || begins("<?xml") && holds(b"<html") {
        FileKind::WebPage
    } else if begins("<svg") || begins("<?xml") && holds(b"<svg") {
        FileKind::Svg
    } else if begins("<?xml") || begins("<!") {
        FileKind::Xml
    } else if is_json(trimmed) {
        FileKind::Json
    } else if is_table(head, head.len() == bytes.len()) {
        FileKind::Csv
    } else {
        FileKind::Text
    })
}

/// Whether text begins as an object or a list of JSON does.
fn is_json(text: &[u8]) -> bool {
    let next = text.get(1..).unwrap_or_default().trim_ascii_start().first();
    match (text.first(), next) {
        (Some(b'{'), Some(b'"' | b'}')) => true,
        (Some(b'['), Some(next)) => matches!(next, b'{' | b'[' | b'"' | b']' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n'),
        _ => false,
    }
}

/// Whether the first lines have the same number of one separator.
fn is_table(head: &[u8], whole: bool) -> bool {
    b",;\t|".iter().any(|separator| {
        let mut lines = head.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).peekable();
        let (mut count, mut first) = (0, 0);
        while let Some(line) = lines.next() {
            // the last line may be cut off
            if count == 8 || (lines.peek().is_none() && !whole) {
                break;
            }
            let found = line.iter().filter(|byte| *byte == separator).count();
            if count > 0 && found != first {
                return false;
            }
            (count, first) = (count + 1, found);
        }
        count > 1 && first > 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A zip archive of empty files, stored with their length after them, as streams are.
    fn archive(names: &[&str]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for name in names {
            bytes.extend_from_slice(b"PK\x03\x04\x14\0\x08\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
            bytes.extend_from_slice(&(name.len() as u16).to_le_bytes());
            bytes.extend_from_slice(b"\0\0");
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b"something packed");
        }
        bytes
    }

    #[test]
    fn files_of_strangers_are_named() {
        let mut tar = vec![0; 512];
        tar[..5].copy_from_slice(b"model");
        tar[257..262].copy_from_slice(b"ustar");
        let cases: &[(&[u8], FileKind)] = &[
            (b"", FileKind::Empty),
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", FileKind::LfsPointer),
            (b"\xef\xbb\xbfversion https://git-lfs.github.com/spec/v1\r\noid sha256:0\r\n", FileKind::LfsPointer),
            (b"<!DOCTYPE html>\n<html>", FileKind::WebPage),
            (b"\n\n  <HTML lang=en>", FileKind::WebPage),
            (b"<!-- served by us -->\n<html>", FileKind::WebPage),
            (b"<?xml version=\"1.0\"?><svg>", FileKind::Svg),
            (b"<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", FileKind::Xml),
            (b"{\"error\": \"not found\"}", FileKind::Json),
            (b"[\n  1.5, 2\n]", FileKind::Json),
            (b"{}", FileKind::Json),
            (b"a;b;c\n1;2;3\n4;5;6\n", FileKind::Csv),
            (b"gr\xf6\xdfe,klasse\n1,2\n", FileKind::Csv),
            (b"404: Not Found", FileKind::Text),
            (b"\xff\xfeh\0i\0", FileKind::Text),
            (b"%PDF-1.7\n", FileKind::Pdf),
            (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", FileKind::Heic),
            (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", FileKind::Avif),
            (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", FileKind::Video),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", FileKind::Png),
            (b"\xff\xd8\xff\xe0\0\x10JFIF\0", FileKind::Jpeg),
            (b"GIF89a", FileKind::Gif),
            (b"RIFF\x10\0\0\0WEBPVP8 ", FileKind::WebP),
            (b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0", FileKind::Bmp),
            (b"II*\0\x08\0\0\0", FileKind::Tiff),
            (b"\x1f\x8b\x08\0", FileKind::Archive),
            (&tar, FileKind::Archive),
            (b"\x93NUMPY\x01\0v\0{'descr': '<f4'}", FileKind::Npy),
            (b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", FileKind::PyTorch),
            (b"\x80\x04\x95\x10\0\0\0\0\0\0\0}\x94.", FileKind::Pickle),
            (b"\x08\x08\x12\x07pytorch\x1a\x051.0.0", FileKind::Onnx),
            (b"GGUF\x03\0\0\0", FileKind::Gguf),
            (b"\x89HDF\r\n\x1a\n\0\0\0\0", FileKind::Hdf5),
            (b"\x1c\0\0\0TFL3", FileKind::TfLite),
            (b"\0\0\x08\x03\0\0\xea\x60", FileKind::Idx),
            (b"\x08\0\0\0\0\0\0\0{}      ", FileKind::Safetensors),
            (b"\x80\x02\0\0\0\0\0\0{\"a\":{}}", FileKind::Safetensors),
        ];
        for (bytes, kind) in cases {
            assert_eq!(FileKind::of(bytes), Some(*kind), "{:?}", String::from_utf8_lossy(bytes));
        }
        for (names, kind) in [
            (&["mnist/train.txt"][..], FileKind::Zip),
            (&["[Content_Types].xml", "_rels/.rels", "xl/workbook.xml"], FileKind::ExcelWorkbook),
            (&["[Content_Types].xml", "_rels/.rels", "word/document.xml"], FileKind::OfficeDocument),
            (&["x.npy", "y.npy"], FileKind::Npz),
            (&["archive/data.pkl", "archive/version"], FileKind::PyTorch),
            (&["metadata.json", "config.json", "model.weights.h5"], FileKind::Keras),
        ] {
            assert_eq!(FileKind::of(&archive(names)), Some(kind), "{names:?}");
        }
    }

    #[test]
    fn bytes_of_no_known_kind_stay_unnamed_and_nothing_panics() {
        assert_eq!(FileKind::of(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0"), None);
        assert_eq!(FileKind::of(&[0; 64]), None);
        let mut bytes = archive(&["a/data.pkl"]);
        bytes.extend_from_slice(b"\0\0\0\xffftypheic");
        for from in 0..bytes.len() {
            for to in from..bytes.len() {
                let _ = FileKind::of(&bytes[from..to]);
            }
        }
    }
}
