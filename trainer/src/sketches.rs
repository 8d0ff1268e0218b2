//! Somebody's own drawings: files of Quick, Draw!, one for each word.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use shaders::input::quick_draw::{self, Sketches};

/// Most drawings of a file that are read.
const MOST: usize = 2000;
/// Most bytes of a file that are read; a raw drawing has some 5,000.
const MOST_BYTES: u64 = 32 << 20;

/// The files of drawings in a folder; none where there are others, or none.
pub fn in_folder(folder: &Path) -> Option<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).ok()?;
    let hidden = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| !hidden(path)).collect();
    let all = files.iter().all(|path| path.is_file() && path.extension().is_some_and(|ending| ending == "ndjson"));
    files.sort();
    (all && !files.is_empty()).then_some(files)
}

/// Drawings as pictures, with their words.
#[derive(Debug, Default, PartialEq)]
pub struct Drawn {
    /// `[M, 28, 28]` in [0, 1].
    pub values: Vec<f32>,
    /// `[M]`
    pub words: Vec<String>,
    /// `[M]`: file and number.
    pub names: Vec<String>,
    /// What was left out, each a sentence.
    pub notes: Vec<String>,
}

/// Reads the first 2,000 recognised drawings of each file.
///
/// # Errors
/// In words: a file that can't be read or holds no drawing.
pub fn read(files: &[PathBuf]) -> Result<Drawn, String> {
    let mut drawn = Drawn::default();
    let (mut cut, mut unrecognised, mut unread) = (0, 0, 0);
    for path in files {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let named = |error: String| format!("{}: {error}", path.display());
        let (text, whole) = beginning(path).map_err(|error| named(error.to_string()))?;
        let found: Sketches = quick_draw::sketches(&text, MOST);
        if found.all.is_empty() {
            return Err(named(format!(
                "expected drawings of Quick, Draw!, a line of JSON each with \"word\" and \"drawing\", found {} lines without one \
                 and {} drawings that were not recognised",
                found.unread, found.unrecognised
            )));
        }
        cut += usize::from(!whole || found.all.len() == MOST);
        unrecognised += found.unrecognised;
        unread += found.unread;
        for (number, sketch) in found.all.iter().enumerate() {
            match sketch.picture() {
                Ok(picture) => {
                    drawn.values.extend(picture);
                    drawn.words.push(sketch.word.clone());
                    drawn.names.push(format!("{name} {}", number + 1));
                }
                Err(_) => unread += 1,
            }
        }
    }
    if cut > 0 {
        drawn.notes.push(format!("Of {cut} files the first {MOST} drawings are read, or fewer where they are long."));
    }
    if unrecognised > 0 {
        drawn.notes.push(format!("{unrecognised} drawings that were not recognised are left out."));
    }
    if unread > 0 {
        drawn.notes.push(format!("{unread} lines hold no drawing."));
    }
    Ok(drawn)
}

/// The lines at the beginning of a file, and whether these are all.
fn beginning(path: &Path) -> std::io::Result<(String, bool)> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_BYTES).read_to_end(&mut bytes)?;
    let whole = (bytes.len() as u64) < MOST_BYTES;
    if !whole {
        bytes.truncate(bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1));
    }
    Ok((String::from_utf8_lossy(&bytes).into_owned(), whole))
}
