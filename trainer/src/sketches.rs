//! Somebody's own drawings: files of Quick, Draw!, one for each word, and InkML.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use shaders::input::sketch_file::{self, EXPECTED};
use tables::pictures::{classes_by_path, is_hidden};

/// Most drawings of a file that are read.
const MOST: usize = 2000;
/// Most bytes of a file that are read; a raw drawing has some 5,000.
const MOST_BYTES: u64 = 32 << 20;
/// Files that are named where they hold no drawing.
const NAMED: usize = 5;
/// Endings of files of drawings.
const ENDINGS: [&str; 3] = ["ndjson", "bin", "inkml"];

/// The files of drawings in a folder and its folders; none where there are others, or none.
pub fn in_folder(folder: &Path) -> Option<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(inside) = folders.pop() {
        for path in fs::read_dir(inside).ok()?.flatten().map(|entry| entry.path()) {
            match is_hidden(&within(folder, &path)) {
                true => {}
                false if path.is_dir() => folders.push(path),
                false if path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known)) => {
                    files.push(path);
                }
                false => return None,
            }
        }
    }
    files.sort();
    let (head, _) = beginning(files.first()?, 4096).ok()?;
    sketch_file::holds_sketches(&files[0].to_string_lossy(), &head).then_some(files)
}

/// A path as it is below a folder.
fn within(folder: &Path, path: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

/// Drawings as pictures, with their words.
#[derive(Debug, Default, PartialEq)]
pub struct Drawn {
    /// `[M, 28, 28]` in [0, 1].
    pub values: Vec<f32>,
    /// `[M]`; empty where nothing says what a drawing shows.
    pub words: Vec<String>,
    /// `[M]`: file and number.
    pub names: Vec<String>,
    /// What was left out, each a sentence.
    pub notes: Vec<String>,
}

/// Reads the first 2,000 recognised drawings of each file. Where none says what it shows, the folders of the files or their names
/// do, as with pictures.
///
/// # Errors
/// In words: a file that can't be read; no drawing in any of them.
pub fn read(folder: &Path, files: &[PathBuf]) -> Result<Drawn, String> {
    let mut drawn = Drawn::default();
    let (mut cut, mut unrecognised, mut unread) = (0, 0, 0);
    let (mut of_file, mut damaged) = (Vec::new(), Vec::new());
    for path in files {
        let name = within(folder, path);
        let (bytes, whole) = beginning(path, MOST_BYTES).map_err(|error| format!("{}: {error}", path.display()))?;
        let found = sketch_file::sketches(&path.to_string_lossy(), whole_lines(&bytes, whole), MOST);
        let found = found.and_then(|found| match found.all.is_empty() {
            true => Err(format!(
                "{EXPECTED}; found {} lines or records without one and {} drawings that were not recognised",
                found.unread, found.unrecognised
            )),
            false => Ok(found),
        });
        let found = match found {
            Ok(found) => found,
            // one of many takes none of the others with it
            Err(why) => {
                damaged.push(format!("{name}: {why}"));
                continue;
            }
        };
        cut += usize::from(!whole || found.all.len() == MOST);
        unrecognised += found.unrecognised;
        unread += found.unread;
        let only = found.all.len() == 1;
        for (number, sketch) in found.all.iter().enumerate() {
            match sketch.picture() {
                Ok(picture) => {
                    drawn.values.extend(picture);
                    drawn.words.push(sketch.word.clone());
                    drawn.names.push(if only { name.clone() } else { format!("{name} {}", number + 1) });
                    of_file.push(within(folder.parent().unwrap_or(folder), path));
                }
                Err(_) => unread += 1,
            }
        }
    }
    if let (true, Some(first)) = (drawn.words.is_empty(), damaged.first()) {
        return Err(first.clone());
    }
    // where the files tell nothing either, drawings stay without a word, and can be asked about
    if drawn.words.iter().all(String::is_empty)
        && let Ok((words, guess)) = classes_by_path(of_file)
    {
        drawn.words = words;
        drawn.notes.extend(guess.map(|guess| format!("No drawing says what it shows: {guess}.")));
    }
    if !damaged.is_empty() {
        let named: Vec<&str> = damaged.iter().take(NAMED).map(String::as_str).collect();
        drawn.notes.push(format!(
            "Files without a drawing that can be read: {} ({}).",
            damaged.len(),
            named.join("; ")
        ));
    }
    if cut > 0 {
        drawn.notes.push(format!("Of {cut} files the first {MOST} drawings are read, or fewer where they are long."));
    }
    if unrecognised > 0 {
        drawn.notes.push(format!("{unrecognised} drawings that were not recognised are left out."));
    }
    if unread > 0 {
        drawn.notes.push(format!("{unread} lines or records hold no drawing."));
    }
    Ok(drawn)
}

/// The first bytes of a file, and whether these are all.
fn beginning(path: &Path, most: u64) -> std::io::Result<(Vec<u8>, bool)> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    let whole = (bytes.len() as u64) < most;
    Ok((bytes, whole))
}

/// Of a text that was cut its whole lines.
fn whole_lines(bytes: &[u8], whole: bool) -> &[u8] {
    match !whole && bytes.starts_with(b"{") {
        true => &bytes[..bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)],
        false => bytes,
    }
}
