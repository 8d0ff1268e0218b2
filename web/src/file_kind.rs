//! What a file is, by its first bytes, and what the page does with it.

use shaders::FileKind as Format;
use shaders::input::sketch_file::holds_sketches;
use wasm_bindgen_futures::JsFuture;
use web_sys::File;

use crate::browser;

/// How much of a file is looked at.
const HEAD: f64 = 4096.0;
/// How much of each end of a zip archive, whose names say what it is.
const ZIP_END: f64 = 65536.0;

/// Where a file goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileKind {
    Learner,
    Examples,
    /// Drawings of Quick, Draw! or in InkML.
    Sketches,
    Table,
    Picture,
    /// A zip archive, whose files are looked at.
    Archive,
    /// Arrays of NumPy: pictures or a table.
    Arrays,
    /// Nowhere: what it is, and what to do.
    Other(String),
}

/// What a file is, by its first bytes.
///
/// # Errors
/// In the browser's words, where it can't be read.
pub async fn look(file: &File) -> Result<FileKind, String> {
    let mut bytes = part(file, 0.0, HEAD).await?;
    if bytes.starts_with(b"PK") {
        bytes = part(file, 0.0, ZIP_END).await?;
        bytes.extend(part(file, (file.size() - ZIP_END).max(0.0), file.size()).await?);
    }
    Ok(kind(&file.name(), &bytes))
}

/// Bytes of a part of a file.
///
/// # Errors
/// In the browser's words.
pub async fn part(file: &File, from: f64, to: f64) -> Result<Vec<u8>, String> {
    let part = file.slice_with_f64_and_f64(from, to).map_err(browser::words)?;
    let buffer = JsFuture::from(part.array_buffer()).await.map_err(browser::words)?;
    Ok(js_sys::Uint8Array::new(&buffer).to_vec())
}

/// Where a file goes, by its first bytes; its name decides where they could be anything.
pub fn kind(name: &str, head: &[u8]) -> FileKind {
    let name = name.to_ascii_lowercase();
    let named = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    let tables = [".csv", ".tsv", ".tab", ".txt", ".data", ".dat", ".arff"];
    let table = named(&tables);
    let packed_table = head.starts_with(b"\x1f\x8b")
        && name.strip_suffix(".gz").is_some_and(|name| tables.iter().any(|ending| name.ends_with(ending)));
    match Format::of(head) {
        Some(Format::Safetensors) => FileKind::Learner,
        // the check of the model says what it is in its place
        Some(Format::Empty) | None if named(&[".safetensors"]) => FileKind::Learner,
        Some(Format::Csv) => FileKind::Table,
        _ if packed_table => FileKind::Table,
        _ if holds_sketches(&name, head) => FileKind::Sketches,
        Some(Format::Zip) => FileKind::Archive,
        Some(Format::Npy | Format::Npz) => FileKind::Arrays,
        Some(Format::Text) if table => FileKind::Table,
        // the reader says what is in its place
        Some(Format::Json | Format::Xml) if named(&[".ndjson", ".inkml"]) => FileKind::Sketches,
        Some(Format::Json) => FileKind::Examples,
        Some(
            Format::Png | Format::Jpeg | Format::Gif | Format::WebP | Format::Bmp | Format::Avif | Format::Svg,
        ) => FileKind::Picture,
        None if table => FileKind::Table,
        Some(format) => FileKind::Other(format!("is {}. {}", format.name(), advice(format))),
        None => FileKind::Other(
            "is a kind of file that this page does not know. It opens learners (.safetensors), examples (.json), tables (.csv) \
             and pictures"
                .to_owned(),
        ),
    }
}

/// What to do with a file that the page can't open.
fn advice(format: Format) -> &'static str {
    use Format::*;
    match format {
        Heic | Tiff | JpegXl => "Browsers can't read it: export it as JPEG or PNG, and open that",
        Video => "Save single pictures from it as JPEG or PNG",
        ExcelWorkbook | OpenDocument | OldOffice => "If it holds a table, save that as CSV and open the CSV file",
        Matlab | Parquet | Sqlite | Idx => "Export its table as CSV, or its pictures as PNG files",
        Archive => "Unpack it, and drop what is in it",
        Pdf | OfficeDocument | Xml | Text => {
            "The page opens learners (.safetensors), examples (.json), tables (.csv) and pictures"
        }
        format => format.instead_of_a_model(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_go_by_what_is_in_them() {
        let model = [b"\x60\x05\0\0\0\0\0\0{\"__metadata__\"".as_slice()].concat();
        for (name, head, expected) in [
            ("a.bin", model.as_slice(), FileKind::Learner),
            ("a.csv", model.as_slice(), FileKind::Learner),
            ("a.safetensors", b"", FileKind::Learner),
            ("a.safetensors", b"\x01\x02", FileKind::Learner),
            ("a", b" {\"version\":2,\"classes\":[]}", FileKind::Examples),
            ("cat.ndjson", b"{\"word\":\"cat\",\"drawing\":[[[0,1],[2,3]]]}\n{", FileKind::Sketches),
            ("cat.bin", b"\x05\0\0\0\0\0\0\0DE\x01\0\0\0\0\x01\0\x02\0\x01\x02\x03\x04", FileKind::Sketches),
            ("a.xml", b"<?xml version=\"1.0\"?><ink xmlns=\"x\"><trace>1 2</trace></ink>", FileKind::Sketches),
            ("t.csv", b"\"a\";1", FileKind::Table),
            ("t.csv", b"gr\xf6\xdfe;1\n", FileKind::Table),
            ("table", b"1,2,x\n3,4,y\n5,6,x\n", FileKind::Table),
            ("t.arff", b"@relation t\n@attribute a numeric\n", FileKind::Table),
            ("t.csv.gz", b"\x1f\x8b\x08", FileKind::Table),
            ("photo.csv.png", b"\x89PNG\r\n\x1a\n", FileKind::Picture),
            ("pictures.zip", b"PK\x03\x04", FileKind::Archive),
            ("digits.npy", b"\x93NUMPY\x01\0", FileKind::Arrays),
        ] {
            assert_eq!(kind(name, head), expected, "{name}");
        }
    }

    #[test]
    fn other_files_are_named_with_what_to_do() {
        let heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic";
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1364264\n";
        for (name, head, parts) in [
            ("a.heic", heic.as_slice(), ["HEIC", "JPEG"]),
            ("a.jpg", heic.as_slice(), ["HEIC", "JPEG"]),
            ("a.csv", b"%PDF-1.7\n", ["PDF", "opens"]),
            ("a.safetensors", pointer.as_slice(), ["LFS", "git lfs pull"]),
            ("a.safetensors", b"<!doctype html><title>Not found</title>", ["web page", "address"]),
            ("a.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ["Office", "CSV"]),
            ("a.gz", b"\x1f\x8b\x08", ["archive", "Unpack"]),
            ("a.mat", b"MATLAB 5.0 MAT-file", ["MATLAB", "CSV"]),
            ("a", b"\x01\x02", ["does not know", ".safetensors"]),
            ("a.csv", b"", ["empty", "again"]),
        ] {
            let FileKind::Other(words) = kind(name, head) else { panic!("{name} is {:?}", kind(name, head)) };
            assert!(parts.iter().all(|part| words.contains(part)), "{name}: {words}");
        }
    }
}
