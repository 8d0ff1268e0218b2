//! Somebody's own pictures: a folder of folders, a zip file of one, IDX files, arrays of NumPy, files of drawings.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufReader, Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageDecoder, ImageReader, Limits};
use shaders::FileKind;
use shaders::input::pixels;
use shaders::input::sketch_file;
use tables::archive::entry_path;
use tables::numpy;
use tables::pictures::{FEWEST, is_hidden, is_picture, on_ground, sort};

use crate::data::{Split, holds_data, open};
use crate::sketches;

/// Pictures are kept at this many pixels a side.
pub const SIDE: usize = 28;
/// They are reduced to this many first; exact pooling does the rest.
const FIRST: u32 = 112;
/// Largest side of a picture that is read.
const LARGEST: u32 = 20_000;
/// Largest picture file that is read, in bytes.
const MOST_BYTES: u64 = 100 << 20;
/// Bytes that a picture may take when it is unpacked: any, and so many for each byte of its file. A few bytes may stand for
/// any number of pixels of one colour.
const FREE_MEMORY: u64 = 32 << 20;
const MOST_MEMORY: u64 = 2000;
/// What is a picture by its first bytes.
const PICTURES: [FileKind; 7] =
    [FileKind::Png, FileKind::Jpeg, FileKind::Gif, FileKind::WebP, FileKind::Bmp, FileKind::Tiff, FileKind::Heic];
/// Names of files that are told when they could not be read.
const NAMED: usize = 5;

/// Pictures with their classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Pictures {
    /// Height, width and channels.
    pub size: (usize, usize, usize),
    /// `[M, height, width, channels]` in [0, 1].
    pub values: Vec<f32>,
    /// `[M]`; none where no class is known.
    pub labels: Vec<Option<u32>>,
    /// Names of the classes.
    pub class_names: Vec<String>,
    /// File, or number from 1, of each picture.
    pub names: Vec<String>,
    /// What was concluded and left out, each a sentence.
    pub notes: Vec<String>,
}

impl Pictures {
    /// Values of a picture.
    pub fn picture(&self, at: usize) -> &[f32] {
        let size = self.size.0 * self.size.1 * self.size.2;
        &self.values[at * size..(at + 1) * size]
    }

    /// The same pictures in grey or colour.
    #[must_use]
    pub fn with_channels(mut self, channels: usize) -> Pictures {
        let have = self.size.2;
        if have != channels {
            let pixel = |pixel: &[f32]| match channels {
                1 => vec![pixel.iter().sum::<f32>() / have as f32],
                _ => vec![pixel[0]; channels],
            };
            self.values = self.values.chunks_exact(have).flat_map(pixel).collect();
            self.size.2 = channels;
        }
        self
    }
}

/// Reads pictures to be shown, or, where not `labelled`, to be asked about: then the test half of a data set is read, and
/// pictures of a folder need no class. `None` for a file that may be a table.
///
/// # Errors
/// In words: folders without pictures or with one class, damaged files, sizes that do not fit.
pub fn read(path: &Path, labelled: bool, most_classes: usize) -> Result<Option<Pictures>, String> {
    if path.is_dir() {
        return match (holds_data(path), sketches::in_folder(path)) {
            (true, _) => data_set(path, labelled, most_classes).map(Some),
            (false, Some(files)) => drawings(path, &files, most_classes).map(Some),
            (false, None) => folder(path, labelled, most_classes).map(Some),
        };
    }
    let mut start = Vec::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    BufReader::new(file).take(4096).read_to_end(&mut start).map_err(|error| error.to_string())?;
    if numpy::is_npy(&start) || numpy::is_npz(&start) {
        let bytes = fs::read(path).map_err(|error| error.to_string())?;
        return arrays(path, &bytes, labelled);
    }
    if sketch_file::holds_sketches(&path.to_string_lossy(), &start) {
        return drawings(path, &[path.to_path_buf()], most_classes).map(Some);
    }
    if start.starts_with(b"PK\x03\x04") {
        let bytes = fs::read(path).map_err(|error| error.to_string())?;
        return zip_file(&bytes, labelled, most_classes);
    }
    if start.starts_with(&[0, 0, 8]) {
        let advice = "name the folder that holds the images' and the labels' file";
        return Err(format!("expected a folder of IDX files, found one of them: {advice}"));
    }
    if let Some(kind) = FileKind::of(&start).filter(|kind| PICTURES.contains(kind)) {
        return match labelled {
            true => Err(format!(
                "expected a table or a folder with a folder of pictures for each class, found {}",
                kind.name()
            )),
            false => files(vec![(file_name(path), path.to_path_buf())], false, most_classes, &mut read_file).map(Some),
        };
    }
    Ok(None)
}

/// Drawings, whose words are their classes.
fn drawings(path: &Path, files: &[PathBuf], most_classes: usize) -> Result<Pictures, String> {
    let drawn = sketches::read(path, files)?;
    let mut class_names: Vec<String> = Vec::new();
    let mut places: HashMap<&str, u32> = HashMap::new();
    for word in drawn.words.iter().filter(|word| !word.is_empty()) {
        places.entry(word).or_insert_with(|| {
            class_names.push(word.clone());
            class_names.len() as u32 - 1
        });
    }
    if class_names.len() > most_classes {
        let found = class_names.len();
        return Err(format!("it has {found} words, and the learner can tell {most_classes} classes apart"));
    }
    Ok(Pictures {
        size: (SIDE, SIDE, 1),
        labels: drawn.words.iter().map(|word| places.get(word.as_str()).copied()).collect(),
        values: drawn.values,
        class_names,
        names: drawn.names,
        notes: drawn.notes,
    })
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The training half of a data set in a folder of IDX files or CIFAR batches, to be shown, or its test half; whichever there
/// is, if there is but one.
fn data_set(folder: &Path, labelled: bool, most_classes: usize) -> Result<Pictures, String> {
    let folder = folder.canonicalize().map_err(|error| error.to_string())?;
    let name = folder.file_name().and_then(|name| name.to_str()).ok_or("expected a folder with a name")?;
    let parent = folder.parent().unwrap_or(Path::new("/"));
    let (first, second) = if labelled { (Split::Train, Split::Test) } else { (Split::Test, Split::Train) };
    let found = open(name, first, parent).or_else(|error| open(name, second, parent).map_err(|_| error));
    let data = found.map_err(|error| error.to_string())?;
    let split = data.split;
    if data.classes > most_classes {
        return Err(format!("it has {} classes, and the learner can tell {most_classes} apart", data.classes));
    }
    Ok(Pictures {
        size: (data.height, data.width, data.channels),
        values: (0..data.len()).flat_map(|at| data.pixels(at)).collect(),
        labels: data.labels.iter().copied().map(Some).collect(),
        class_names: (0..data.classes).map(|class| class.to_string()).collect(),
        names: (1..=data.len()).map(|at| at.to_string()).collect(),
        notes: vec![format!("The {split} split of the data set is read.")],
    })
}

/// Arrays of pictures `[N, h, w]` or `[N, h, w, c]`; others are tables.
fn arrays(path: &Path, bytes: &[u8], labelled: bool) -> Result<Option<Pictures>, String> {
    let arrays = numpy::arrays(bytes).map_err(|error| error.to_string())?;
    let Some(found) = numpy::pictures(&arrays, !labelled).map_err(|error| error.to_string())? else { return Ok(None) };
    let (count, size) = (found.count, found.size);
    // as KMNIST's relatives come: the labels in a file of their own
    let beside = if found.class.is_none() { labels_beside(path)? } else { None };
    let class = found.class.or(beside.as_ref());
    if let Some(labels) = class.filter(|labels| labels.values.len() != count) {
        return Err(format!("expected {count} labels, one for each picture, found {}", labels.values.len()));
    }
    let keep = size.2.min(3);
    let value = |v: &f64| (v / found.white) as f32;
    let values = found.values.chunks_exact(size.2).flat_map(|pixel| pixel[..keep].iter().map(value)).collect();
    let (mut class_names, mut labels) = (Vec::new(), vec![None; count]);
    if let Some(class) = class {
        let text = |at: usize| class.text(at);
        class_names = (0..count).map(text).collect();
        class_names.sort_by(|a, b| match (a.parse::<f64>(), b.parse::<f64>()) {
            (Ok(a), Ok(b)) => a.total_cmp(&b),
            _ => a.cmp(b),
        });
        class_names.dedup();
        let places: HashMap<&str, u32> = class_names.iter().map(String::as_str).zip(0..).collect();
        labels = (0..count).map(|at| places.get(text(at).as_str()).copied()).collect();
    }
    let names = (1..=count).map(|at| at.to_string()).collect();
    let notes = vec![format!("The pictures of the array “{}” are read.", found.name)];
    Ok(Some(Pictures { size: (size.0, size.1, keep), values, labels, class_names, names, notes }))
}

/// The labels in a file beside one of images: `k49-train-imgs.npz` and `k49-train-labels.npz`.
fn labels_beside(path: &Path) -> Result<Option<numpy::Array>, String> {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return Ok(None) };
    let other =
        ["imgs", "images"].into_iter().find(|word| name.contains(word)).map(|word| name.replace(word, "labels"));
    let Some(other) = other.map(|other| path.with_file_name(other)).filter(|other| other.is_file()) else {
        return Ok(None);
    };
    let bytes = fs::read(&other).map_err(|error| format!("{}: {error}", other.display()))?;
    let mut arrays = numpy::arrays(&bytes).map_err(|error| format!("{}: {error}", other.display()))?;
    Ok((!arrays.is_empty()).then(|| arrays.swap_remove(0)))
}

fn folder(path: &Path, labelled: bool, most_classes: usize) -> Result<Pictures, String> {
    let mut all = Vec::new();
    let mut folders = vec![path.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for entry in entries.flatten() {
            let found = entry.path();
            let name = found.strip_prefix(path).unwrap_or(&found).to_string_lossy().replace('\\', "/");
            match found.is_dir() {
                true if !is_hidden(&name) => folders.push(found),
                false if !is_hidden(&name) => all.push((name, found)),
                _ => {}
            }
        }
    }
    all.sort();
    files(all, labelled, most_classes, &mut read_file)
}

fn read_file(path: &PathBuf) -> Result<Vec<u8>, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MOST_BYTES { Err(format!("larger than {} MB", MOST_BYTES >> 20)) } else { Ok(bytes) }
}

/// A zip file of pictures; none where it holds none.
fn zip_file(bytes: &[u8], labelled: bool, most_classes: usize) -> Result<Option<Pictures>, String> {
    let Ok(mut zip) = zip::ZipArchive::new(Cursor::new(bytes)) else { return Ok(None) };
    let mut all = Vec::new();
    for at in 0..zip.len() {
        let Ok(entry) = zip.by_index_raw(at) else { continue };
        let Ok(name) = entry_path(entry.name_raw(), || entry.name()) else { continue };
        let name = name.to_string();
        if entry.is_file() && !is_hidden(&name) {
            all.push((name, at));
        }
    }
    if !all.iter().any(|(name, _)| is_picture(name)) {
        return Ok(None);
    }
    all.sort();
    let mut read = |at: &usize| {
        let entry = zip.by_index(*at).map_err(|error| error.to_string())?;
        let mut bytes = Vec::new();
        entry.take(MOST_BYTES).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        Ok(bytes)
    };
    files(all, labelled, most_classes, &mut read).map(Some)
}

/// A file by name, with its class where that is known.
type Named<F> = (Option<u32>, (String, F));

/// Reads files with their paths inside a folder; what cannot be read is counted and named.
fn files<F>(
    all: Vec<(String, F)>,
    labelled: bool,
    most_classes: usize,
    read: &mut dyn FnMut(&F) -> Result<Vec<u8>, String>,
) -> Result<Pictures, String> {
    let (all, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|(name, _)| is_picture(name));
    let mut left_out: Vec<(String, String)> = Vec::new();
    for (name, file) in &others {
        let kind = read(file).ok().and_then(|bytes| FileKind::of(&bytes));
        let why = kind.map_or("no picture".to_owned(), |kind| kind.name().to_owned());
        left_out.push((name.clone(), why));
    }
    let mut notes = Vec::new();
    let (named, class_names): (Vec<Named<F>>, Vec<String>) = match labelled {
        true if all.len() < FEWEST => return Err(too_few(all.len(), &left_out)),
        true => {
            let named = all.into_iter().map(|(name, file)| (name.clone(), (name, file))).collect();
            let sorted = sort(named, most_classes)?;
            notes.extend(sorted.guess.map(|guess| format!("The {guess}.")));
            (sorted.files.into_iter().map(|(label, file)| (Some(label), file)).collect(), sorted.classes)
        }
        false if all.is_empty() => return Err(too_few(0, &left_out)),
        // the folder may say the class all the same
        false => {
            let class = |name: &str| name.rsplit('/').nth(1).map(str::to_owned);
            let mut classes: Vec<String> = all.iter().filter_map(|(name, _)| class(name)).collect();
            classes.sort();
            classes.dedup();
            let label =
                |name: &str| class(name).and_then(|class| classes.binary_search(&class).ok()).map(|at| at as u32);
            (all.into_iter().map(|file| (label(&file.0), file)).collect(), classes)
        }
    };
    let (mut values, mut labels, mut names) = (Vec::new(), Vec::new(), Vec::new());
    for (label, (name, file)) in named {
        match read(&file).and_then(|bytes| decode(&bytes)) {
            Ok(picture) => {
                values.extend(picture);
                labels.push(label);
                names.push(name);
            }
            Err(why) => left_out.push((name, why)),
        }
    }
    if names.is_empty() {
        return Err(too_few(0, &left_out));
    }
    if !left_out.is_empty() {
        notes.push(format!("{} left out: {}.", counted(left_out.len()), named_files(&left_out)));
    }
    let coloured = |p: &[f32]| (p[0] - p[1]).abs() > 0.02 || (p[1] - p[2]).abs() > 0.02;
    let colour = values.chunks_exact(3).any(coloured);
    let pictures = Pictures { size: (SIDE, SIDE, 3), values, labels, class_names, names, notes };
    Ok(if colour { pictures } else { pictures.with_channels(1) })
}

fn counted(files: usize) -> String {
    if files == 1 { "1 file is".to_owned() } else { format!("{files} files are") }
}

fn named_files(all: &[(String, String)]) -> String {
    let mut words: Vec<String> = all.iter().take(NAMED).map(|(name, why)| format!("{name} ({why})")).collect();
    if all.len() > NAMED {
        words.push("…".into());
    }
    let heic = all.iter().any(|(name, why)| why.contains("HEIC") || name.to_lowercase().ends_with(".heic"));
    let advice = if heic {
        ". Save HEIC pictures as JPEG (on an iPhone: Settings, Camera, Formats, Most Compatible)"
    } else {
        ""
    };
    words.join(", ") + advice
}

fn too_few(found: usize, left_out: &[(String, String)]) -> String {
    let rest = if left_out.is_empty() { String::new() } else { format!("; left out: {}", named_files(left_out)) };
    format!("{found} pictures could be read{rest}. Expected a folder with a folder of pictures for each class")
}

/// Whether a TIFF file names more values than it has bytes. The library makes room for all of them before it looks.
fn boasts(bytes: &[u8]) -> bool {
    let number = |at: usize, width: usize| {
        let field = bytes.get(at..at.checked_add(width)?)?;
        let join = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        Some(if bytes[0] == b'I' { field.iter().rev().fold(0, join) } else { field.iter().fold(0, join) })
    };
    if !bytes.starts_with(b"II") && !bytes.starts_with(b"MM") {
        return false;
    }
    // where the place of the first list is, and sizes: of a place, of the list's length, of an entry
    let (first, width, head, entry) = match number(2, 2) {
        Some(42) => (4, 4, 2, 12),
        Some(43) => (8, 8, 8, 20),
        _ => return false,
    };
    let list = number(first, width).and_then(|place| usize::try_from(place).ok());
    let Some((list, length)) = list.and_then(|list| Some((list.checked_add(head)?, number(list, head)?))) else {
        return false;
    };
    let entries = (list..bytes.len()).step_by(entry).take(length.min(1 << 16) as usize);
    entries.filter_map(|at| number(at + 4, width)).any(|values| values > bytes.len() as u64)
}

/// The pixels of a picture, turned upright.
fn unpack(bytes: &[u8]) -> Result<DynamicImage, String> {
    if boasts(bytes) {
        return Err("more values are named than it has bytes".into());
    }
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|error| error.to_string())?;
    let most = FREE_MEMORY + MOST_MEMORY * bytes.len() as u64;
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(LARGEST), Some(LARGEST));
    limits.max_alloc = Some(most);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| error.to_string())?;
    let (width, height) = decoder.dimensions();
    // as the file has them, and in the four bytes of each that they become
    let needed = decoder.total_bytes().saturating_add(4 * u64::from(width) * u64::from(height));
    if needed > most {
        let found = bytes.len();
        return Err(format!(
            "{width} × {height} pixels, more than a file of {found} bytes stands for. Save it smaller"
        ));
    }
    let turned = decoder.orientation();
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| error.to_string())?;
    if let Ok(turned) = turned {
        picture.apply_orientation(turned);
    }
    Ok(picture)
}

/// The whole of a picture, turned upright, fitted into a square of 28 × 28 pixels.
///
/// # Shapes
/// The result [28, 28, 3] in [0, 1]
fn decode(bytes: &[u8]) -> Result<Vec<f32>, String> {
    // what a library panics at is a damaged file
    let unpacked = catch_unwind(AssertUnwindSafe(|| unpack(bytes)));
    let picture = unpacked.unwrap_or_else(|_| Err("its parts contradict each other".into())).map_err(|error| {
        let kind = FileKind::of(bytes).map_or("unknown bytes", |kind| kind.name());
        format!("{kind}, {error}")
    })?;
    let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
    let scale = f64::from(FIRST) / width.max(height);
    let (wide, high) = ((width * scale).round().max(1.0) as u32, (height * scale).round().max(1.0) as u32);
    // colours of see-through pixels must not bleed into the others: multiplied by what covers them, as browsers do
    let mut rgba = picture.to_rgba8();
    rgba.pixels_mut().for_each(|pixel| {
        let alpha = u16::from(pixel[3]);
        (0..3).for_each(|c| pixel[c] = ((u16::from(pixel[c]) * alpha + 127) / 255) as u8);
    });
    let mut small = image::imageops::resize(&rgba, wide, high, image::imageops::FilterType::Triangle);
    small.pixels_mut().filter(|pixel| pixel[3] > 0).for_each(|pixel| {
        let alpha = u16::from(pixel[3]);
        (0..3).for_each(|c| pixel[c] = ((u16::from(pixel[c]) * 255 + alpha / 2) / alpha).min(255) as u8);
    });
    let mut square = image::RgbaImage::new(FIRST, FIRST);
    let (left, top) = ((FIRST - wide) / 2, (FIRST - high) / 2);
    image::imageops::replace(&mut square, &small, i64::from(left), i64::from(top));
    let place = [left, top, wide, high].map(|at| at as usize);
    let opaque = on_ground(square.as_raw(), FIRST as usize, place);
    pixels::pool(&opaque, (FIRST as usize, FIRST as usize, 3), SIDE).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::testing::Folder;

    fn png(wide: u32, high: u32, colour: impl Fn(u32, u32) -> [u8; 4]) -> Vec<u8> {
        let picture = image::RgbaImage::from_fn(wide, high, |x, y| image::Rgba(colour(x, y)));
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn pictures_are_fitted_whole_on_a_ground_that_shows_them() {
        // a white bar at the left end of a wide picture of nothing
        let bytes = png(90, 30, |x, _| if x < 10 { [255; 4] } else { [0; 4] });
        let picture = decode(&bytes).unwrap();
        let at = |x: usize, y: usize| picture[3 * (y * SIDE + x)];
        assert!(at(1, 14) > 0.9 && at(20, 14) < 0.1 && at(1, 2) < 0.1, "{} {} {}", at(1, 14), at(20, 14), at(1, 2));
        assert!(decode(&bytes[..60]).is_err() && decode(b"no picture").unwrap_err().contains("text"));
    }

    #[test]
    fn pictures_of_far_more_pixels_than_bytes_are_refused() {
        let white = png(4000, 4000, |_, _| [255; 4]);
        assert!(decode(&white).is_ok(), "deflate makes a thousand bytes of one");
        let error = decode(&white[..2000]).unwrap_err();
        assert!(error.contains("4000 × 4000 pixels, more than a file of 2000 bytes stands for"), "{error}");
        let picture = image::RgbaImage::from_pixel(6, 5, image::Rgba([9, 99, 200, 255]));
        let mut tiff = Cursor::new(Vec::new());
        picture.write_to(&mut tiff, image::ImageFormat::Tiff).unwrap();
        let mut tiff = tiff.into_inner();
        assert!(decode(&tiff).is_ok());
        // the count of its first entry
        let list = u32::from_le_bytes(tiff[4..8].try_into().unwrap()) as usize;
        tiff[list + 6..list + 10].copy_from_slice(&1000u32.to_le_bytes());
        let error = decode(&tiff).unwrap_err();
        assert!(error.contains("more values are named than it has bytes"), "{error}");
    }

    #[test]
    fn folders_and_zip_files_are_sorted_and_what_is_no_picture_is_named() {
        let folder = Folder::new("pictures");
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (class, level) in [("0 dark", 40), ("1 bright", 220)] {
            fs::create_dir_all(folder.root().join(class)).unwrap();
            for number in 0..4u8 {
                let bytes = png(20, 20, |x, _| [level, level, if x > 9 { level } else { 0 }, 255]);
                fs::write(folder.root().join(class).join(format!("{number}.png")), &bytes).unwrap();
                zip.start_file(format!("set/{class}/{number}.png"), zip::write::SimpleFileOptions::default()).unwrap();
                std::io::Write::write_all(&mut zip, &bytes).unwrap();
            }
        }
        fs::write(folder.root().join("0 dark/broken.png"), "no picture").unwrap();
        fs::write(folder.root().join("notes.txt"), "words").unwrap();
        let path = folder.root().join("all.zip");
        let found = super::read(folder.root(), true, 20).unwrap().unwrap();
        assert_eq!(
            (found.class_names.join(","), found.labels.len(), found.size),
            ("0 dark,1 bright".into(), 8, (28, 28, 3))
        );
        let notes = found.notes.join(" ");
        assert!(
            notes.contains("2 files are left out") && notes.contains("broken.png") && notes.contains("notes.txt"),
            "{notes}"
        );
        fs::write(&path, zip.finish().unwrap().into_inner()).unwrap();
        let zipped = super::read(&path, true, 20).unwrap().unwrap();
        assert_eq!((zipped.values.len(), zipped.labels), (found.values.len(), found.labels));
        let asked = super::read(&folder.root().join("1 bright/2.png"), false, 20).unwrap().unwrap();
        assert_eq!((asked.labels, asked.names.len()), (vec![None], 1));
    }

    #[test]
    fn arrays_of_pictures_come_with_their_classes() {
        let file = std::env::current_dir().unwrap().join("../tables/tests/files/medical.npz");
        let found = super::read(&file, true, 20).unwrap().unwrap();
        assert_eq!((found.size, found.labels.len(), found.class_names.join(",")), ((8, 6, 3), 24, "0,1".into()));
        assert!((found.picture(0)[1] - 200.0 / 255.0).abs() < 1e-6);
        assert_eq!(super::read(&file.with_file_name("two.npz"), true, 20).unwrap(), None);
        assert_eq!(found.with_channels(1).size, (8, 6, 1));
    }

    fn drawing_lines(word: &str, count: usize) -> String {
        let line = |at: usize| match word {
            "circle" => format!("[[[{at},250,250,{at},{at}],[0,0,250,250,0]]]"),
            _ => format!("[[[{at},250],[0,250]],[[250,{at}],[0,250]]]"),
        };
        (0..count).map(|at| format!("{{\"word\":\"{word}\",\"recognized\":true,\"drawing\":{}}}\n", line(at))).collect()
    }

    #[test]
    fn files_of_drawings_are_pictures_by_word() {
        let folder = std::env::temp_dir().join(format!("sketches-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let missed = drawing_lines("cross", 1).replace("true", "false");
        std::fs::write(folder.join("circle.ndjson"), drawing_lines("circle", 5)).unwrap();
        std::fs::write(folder.join("cross.ndjson"), drawing_lines("cross", 6) + &missed).unwrap();
        let found = super::read(&folder, true, 10).unwrap().expect("pictures");
        assert_eq!((found.size, found.labels.len()), ((28, 28, 1), 11));
        assert_eq!(found.class_names, ["circle", "cross"]);
        assert_eq!((found.labels[4], found.labels[5], &found.names[5][..]), (Some(0), Some(1), "cross.ndjson 1"));
        assert!(found.notes[0].contains("1 drawings that were not recognised"), "{:?}", found.notes);
        assert!(super::read(&folder, true, 1).unwrap_err().contains("2 words"));
        // one alone is read, too; a folder with other files is one of pictures
        assert!(super::read(&folder.join("cross.ndjson"), false, 10).unwrap().is_some());
        std::fs::write(folder.join("notes.txt"), "x").unwrap();
        assert!(super::read(&folder, true, 10).is_err());
        std::fs::write(folder.join("empty.ndjson"), missed).unwrap();
        let error = super::read(&folder.join("empty.ndjson"), true, 10).unwrap_err();
        assert!(error.contains("1 drawings that were not recognised"), "{error}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
