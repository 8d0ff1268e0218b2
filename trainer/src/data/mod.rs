//! Data sets: where they are kept, how they are read, how they are fetched.
//!
//! A data set is a folder under the data directory, with IDX files ([`idx`]) or CIFAR-10's binary batches ([`cifar`]).
//! Any such folder can be named, whether [`fetch`] put it there or the user did. The files of a split are found by name:
//!
//! | split | images and labels start with |
//! |---|---|
//! | train | `train-`, or `background-` (Omniglot's word), or there is one set of images only and it names no split |
//! | test | `t10k-`, `test-`, or `evaluation-`, or there is one set of images only |
//!
//! `train-images-idx3-ubyte.gz` goes with `train-labels-…`; where there are several label files beside one image file
//! (Omniglot has characters and alphabets), `NAME:alphabets` picks one, and `labels` or `characters` is the default.

pub mod cifar;
pub mod fetch;
mod http;
pub mod idx;

use idx::Values;
use serde::{Deserialize, Serialize};
use shaders::{FileKind, pixels};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Which half of a data set: learners are trained on one and measured on the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// For meta-training and for choosing hyper-parameters.
    Train,
    /// For reported numbers only.
    Test,
}

impl std::fmt::Display for Split {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Split::Train => "train",
            Split::Test => "test",
        })
    }
}

/// Labelled images in memory, 8 bits a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// Name, as it was asked for.
    pub name: String,
    /// The split that was asked for.
    pub split: Split,
    /// Rows of an image; 1 for tables.
    pub height: usize,
    /// Columns of an image.
    pub width: usize,
    /// Values a pixel: 1 grey, 3 colour.
    pub channels: usize,
    /// All images, [n, height, width, channels].
    pub images: Vec<u8>,
    /// The label of each image, below `classes`.
    pub labels: Vec<u32>,
    /// Number of classes: the greatest label plus one.
    pub classes: usize,
    /// The value that stands for 1.0: the greatest one in the file (255 nearly always, 16 in sklearn-digits).
    pub white: u8,
}

impl Dataset {
    /// Number of examples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no example; readers refuse such files.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Values of one image.
    pub fn size(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// The bytes of image `i`, [height, width, channels].
    pub fn image(&self, i: usize) -> &[u8] {
        &self.images[i * self.size()..][..self.size()]
    }

    /// Image `i` in [0, 1], [height, width, channels].
    pub fn pixels(&self, i: usize) -> Vec<f32> {
        self.image(i).iter().map(|&v| f32::from(v) / f32::from(self.white)).collect()
    }

    /// All images in [0, 1], reduced (or enlarged) to `side`×`side` by area: [n, side, side, channels].
    ///
    /// # Errors
    /// [`DataError::Pixels`] for a side of 0 or beyond [`pixels::MAX_SIDE`].
    pub fn pooled(&self, side: usize) -> Result<Vec<f32>, DataError> {
        let mut all = Vec::with_capacity(self.len() * side * side * self.channels);
        for i in 0..self.len() {
            all.extend(pixels::pool(&self.pixels(i), (self.height, self.width, self.channels), side)?);
        }
        Ok(all)
    }

    /// For each class the indices of its examples, in order: [classes][…].
    pub fn by_class(&self) -> Vec<Vec<u32>> {
        let mut classes = vec![Vec::new(); self.classes];
        for (i, &label) in self.labels.iter().enumerate() {
            classes[label as usize].push(i as u32);
        }
        classes
    }
}

/// Mean and standard deviation over all values, in f64: the one scalar pair by which the paper standardises a data set.
pub fn mean_and_std(values: &[f32]) -> (f32, f32) {
    let n = values.len().max(1) as f64;
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / n;
    let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / n;
    (mean as f32, variance.sqrt() as f32)
}

/// Why data could not be found, read or fetched.
#[derive(Debug, Error)]
pub enum DataError {
    /// The system said no, or a compressed stream is damaged.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The first four bytes are none of an IDX file.
    #[error("{}: expected an IDX file (it starts with two zero bytes), found {}; {}", path.display(),
        kind.map_or_else(|| format!("the bytes {found:02x?}"), |kind| kind.name().to_owned()), instead(*kind))]
    Magic {
        /// The file.
        path: PathBuf,
        /// Its first bytes.
        found: [u8; 4],
        /// What it is, if that is known.
        kind: Option<FileKind>,
    },
    /// Values of a type that is not read here.
    #[error("{}: expected values of type {expected}, found type code {found:#04x}; convert the file", path.display())]
    Type {
        /// The file.
        path: PathBuf,
        /// IDX type code.
        found: u8,
        /// What is accepted.
        expected: &'static str,
    },
    /// Axes that make no data set: none, too many, of length 0, or more values than any file here has.
    #[error("{}: expected 1 to 4 axes and at most 4 GiB of values, found axes {dims:?}; the header is damaged or the file is no data set", path.display())]
    Extent {
        /// The file.
        path: PathBuf,
        /// Its axes.
        dims: Vec<usize>,
    },
    /// The file is shorter than it promises.
    #[error("{}: expected {expected} bytes, found {found}; the file was cut off: fetch it again", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Bytes promised.
        expected: u64,
        /// Bytes there.
        found: u64,
    },
    /// The file is longer than it promises.
    #[error("{}: expected {expected} bytes of values for axes {dims:?}, found more; the header is damaged: fetch it again", path.display())]
    Trailing {
        /// The file.
        path: PathBuf,
        /// Its axes.
        dims: Vec<usize>,
        /// Bytes they need.
        expected: u64,
    },
    /// Images and labels that don't belong together.
    #[error("{}: expected one label for each of {images} images, found {labels}; the two files don't belong together", path.display())]
    LabelCount {
        /// The label file.
        path: PathBuf,
        /// Number of images.
        images: usize,
        /// Number of labels.
        labels: usize,
    },
    /// A label below 0 or beyond reason.
    #[error("{}: expected labels of 0 to {}, found {found}; number the classes from 0", path.display(), limit - 1)]
    Label {
        /// The label file.
        path: PathBuf,
        /// The label.
        found: i64,
        /// First label that is too great.
        limit: i64,
    },
    /// No such folder, or nothing in it that could be read.
    #[error("expected a data set named {name:?} in {}, found {}; {advice}", dir.display(), names(found))]
    Unknown {
        /// The name asked for.
        name: String,
        /// The data directory.
        dir: PathBuf,
        /// The data sets there.
        found: Vec<String>,
        /// What to try.
        advice: String,
    },
    /// The folder is there but not this split, or not these labels.
    #[error("expected {wanted} in {}, found {}; see `trainer data list`, or fetch the data set again", folder.display(), names(found))]
    NoSplit {
        /// The data set's folder.
        folder: PathBuf,
        /// What was looked for.
        wanted: String,
        /// The files there.
        found: Vec<String>,
    },
    /// An archive without the expected content.
    #[error("{}: {reason}; delete the archive and fetch it again", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No mirror gave the right file.
    #[error("could not download {file}:\n{}\nCheck the network, or put the file there by hand: {}", tried.join("\n"), path.display())]
    Download {
        /// Name of the file.
        file: String,
        /// Where it should lie.
        path: PathBuf,
        /// One line for each attempt: address and reason.
        tried: Vec<String>,
    },
    /// A file that is there and is not the published one.
    #[error("{} is there already and is kept, though it differs from the published file ({reason}); replace it with `trainer data fetch --overwrite`, or move it away", path.display())]
    Kept {
        /// The file.
        path: PathBuf,
        /// How it differs.
        reason: String,
    },
    /// A variable of the environment that cannot be used.
    #[error("expected {what}: {reason}")]
    Environment {
        /// What is expected where.
        what: String,
        /// What was found.
        reason: String,
    },
    /// Neither a data directory nor a home directory is known.
    #[error("expected a data directory, found none of GPICL_DATA, XDG_CACHE_HOME, HOME, LOCALAPPDATA; pass --data-dir")]
    NoDirectory,
    /// An image that could not be resampled.
    #[error(transparent)]
    Pixels(#[from] pixels::PixelsError),
}

/// What to do about a file that lies where an IDX file should.
fn instead(kind: Option<FileKind>) -> &'static str {
    match kind {
        Some(FileKind::Empty) => "the copy or download stopped before it began: fetch it again",
        Some(FileKind::LfsPointer) => {
            "run `git lfs pull` in the repository that it came from, or download the file itself"
        }
        Some(FileKind::WebPage) => {
            "the address led to a page, perhaps an error or a login: download the file itself, or fetch the data set again"
        }
        Some(FileKind::Zip | FileKind::Archive) => "unpack it, and put the IDX files from it here",
        Some(
            FileKind::Csv
            | FileKind::ExcelWorkbook
            | FileKind::OpenDocument
            | FileKind::OldOffice
            | FileKind::Npy
            | FileKind::Npz
            | FileKind::Matlab
            | FileKind::Parquet
            | FileKind::Png
            | FileKind::Jpeg
            | FileKind::Heic
            | FileKind::Hdf5,
        ) => "convert it to IDX first",
        _ => "put the IDX file here, or fetch the data set again",
    }
}

fn names(found: &[String]) -> String {
    if found.is_empty() { "nothing".into() } else { found.join(", ") }
}

/// Gives an I/O error its path.
pub(crate) fn io(path: &Path) -> impl Fn(std::io::Error) -> DataError {
    move |source| DataError::Io { path: path.to_path_buf(), source }
}

/// The directory that holds the data sets: `flag` (`--data-dir`), else `$GPICL_DATA`, else `gpicl` in the user's cache:
/// `$XDG_CACHE_HOME` or `~/.cache`, on macOS `~/Library/Caches`, on Windows `%LOCALAPPDATA%`. It need not exist yet.
///
/// # Errors
/// [`DataError::NoDirectory`] when none of these is set.
pub fn data_dir(flag: Option<&Path>) -> Result<PathBuf, DataError> {
    directory(flag, &|name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from))
}

fn directory(flag: Option<&Path>, variable: &dyn Fn(&str) -> Option<PathBuf>) -> Result<PathBuf, DataError> {
    if let Some(dir) = flag.map(Path::to_path_buf).or_else(|| variable("GPICL_DATA")) {
        return Ok(dir);
    }
    let cache = if cfg!(target_os = "windows") {
        variable("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        variable("HOME").map(|home| home.join("Library/Caches"))
    } else {
        // The XDG specification: a relative path is to be ignored.
        variable("XDG_CACHE_HOME").filter(|p| p.is_absolute()).or_else(|| variable("HOME").map(|h| h.join(".cache")))
    };
    cache.map(|cache| cache.join("gpicl")).ok_or(DataError::NoDirectory)
}

/// Reads one split of a data set from its folder in the data directory `dir`.
///
/// `name` is the folder's name, or a short one (`fashion`, `digits`, `cifar10`), with `:KIND` to pick one of several
/// label files, as in `omniglot:alphabets`.
///
/// # Errors
/// [`DataError::Unknown`] and [`DataError::NoSplit`] when it isn't there, with what is; else what is wrong with a file.
pub fn open(name: &str, split: Split, dir: &Path) -> Result<Dataset, DataError> {
    let (set, kind) = name.split_once(':').map_or((name, None), |(set, kind)| (set, Some(kind)));
    let set = folder_name(set, dir);
    let folder = dir.join(set);
    // One plain folder name: a name from a configuration must not reach out of the data directory.
    let plain = Path::new(set).components().eq([std::path::Component::Normal(set.as_ref())]);
    if !plain || !folder.is_dir() {
        let advice = if fetch::SETS.iter().any(|s| s.name == set) {
            format!("run `trainer data fetch {set}`, or point --data-dir or GPICL_DATA to where it is")
        } else {
            "check the name with `trainer data list`, or point --data-dir or GPICL_DATA to where it is".into()
        };
        return Err(DataError::Unknown { name: name.into(), dir: dir.into(), found: folders(dir), advice });
    }
    if cifar::is_in(&folder) {
        return cifar::read(&folder, name, split);
    }
    let (images, labels) = files(&folder, split, kind)?;
    read_pair(name, split, &images, &labels)
}

/// The name of a data set's folder: that folder if there is one, else what a short name stands for.
pub fn folder_name<'a>(name: &'a str, dir: &Path) -> &'a str {
    let long = full_name(name);
    match holds_data(&dir.join(name)) || (dir.join(name).is_dir() && !dir.join(long).is_dir()) {
        true if !name.is_empty() => name,
        _ => long,
    }
}

/// The full name of a data set that has a short one.
pub fn full_name(name: &str) -> &str {
    match name {
        "fashion" => "fashion-mnist",
        "digits" => "sklearn-digits",
        "cifar10" => "cifar-10",
        other => other,
    }
}

/// Names of the folders in the data directory that hold IDX files or CIFAR batches, sorted.
pub fn folders(dir: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let of = |entry: std::fs::DirEntry| holds_data(&entry.path()).then(|| entry.file_name().into_string().ok())?;
    let mut found: Vec<String> = entries.filter_map(|entry| of(entry.ok()?)).collect();
    found.sort();
    found
}

/// Whether a folder holds a data set.
fn holds_data(folder: &Path) -> bool {
    cifar::is_in(folder) || list(folder).is_ok_and(|files| files.iter().any(|f| f.path.is_file() && f.named("images")))
}

/// An IDX file of a data set. Some programs unpack an archive into a folder of its name: `train-images-idx3-ubyte/`
/// with the file of that or another name in it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct IdxFile {
    /// Its name in the data set's folder.
    name: String,
    /// Where it lies; the folder itself if there is no file in it.
    path: PathBuf,
}

impl IdxFile {
    /// The name without `.gz`, and with a hyphen before `idx`, where some have a dot.
    fn stem(&self) -> String {
        let stem = self.name.strip_suffix(".gz").unwrap_or(&self.name);
        stem.replace(".idx", "-idx")
    }

    fn named(&self, word: &str) -> bool {
        self.name.contains(word)
    }

    /// For messages.
    fn words(&self) -> String {
        match self.path.is_dir() {
            true => format!("{} (a folder without an IDX file in it)", self.name),
            false => self.name.clone(),
        }
    }
}

/// Whether something is named like an IDX file.
fn named_idx(name: &str) -> bool {
    let stem = name.strip_suffix(".gz").unwrap_or(name);
    (stem.contains("-idx") || stem.contains(".idx") || stem.ends_with("idx")) && !name.ends_with(".part")
}

/// The IDX file in a folder that is named like one; folders in it may be so named again.
fn unpacked(folder: &Path, depth: usize) -> Option<PathBuf> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    // what file managers put there
    paths.retain(|path| !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(['.', '_'])));
    paths.sort();
    let like = |path: &PathBuf| path.file_name().is_some_and(|name| named_idx(&name.to_string_lossy()));
    let files: Vec<&PathBuf> = paths.iter().filter(|path| path.is_file()).collect();
    let alike: Vec<&PathBuf> = files.iter().copied().filter(|path| like(path)).collect();
    match (&alike[..], &files[..]) {
        ([file], _) | ([], [file]) => Some((*file).clone()),
        ([], []) if depth > 0 => paths.iter().filter(|path| like(path)).find_map(|path| unpacked(path, depth - 1)),
        _ => None,
    }
}

/// The IDX files in a folder, sorted by name; a file comes before an unpacked folder of the same name.
fn list(folder: &Path) -> Result<Vec<IdxFile>, DataError> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io(folder))? {
        let entry = entry.map_err(io(folder))?;
        let (name, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
        if !named_idx(&name) {
            continue;
        }
        let path = if path.is_dir() { unpacked(&path, 2).unwrap_or(path) } else { path };
        found.push(IdxFile { name, path });
    }
    found.sort_by_key(|file| (file.stem(), file.path.is_dir(), file.path.parent() != Some(folder), file.name.clone()));
    // plain and gzip'ed copies of one file may lie side by side: the first is as good as the second
    found.dedup_by_key(|file| file.stem());
    Ok(found)
}

/// The image and the label file of a split.
fn files(folder: &Path, split: Split, kind: Option<&str>) -> Result<(PathBuf, PathBuf), DataError> {
    let all = list(folder)?;
    let missing = |wanted: String| DataError::NoSplit {
        folder: folder.into(),
        wanted,
        found: all.iter().map(IdxFile::words).collect(),
    };
    let found: Vec<&IdxFile> = all.iter().filter(|file| !file.path.is_dir()).collect();
    let images: Vec<&IdxFile> = found.iter().copied().filter(|n| n.named("images")).collect();

    let (own, other): (&[&str], &[&str]) = match split {
        Split::Train => (&["train", "background"], &["t10k", "test", "evaluation", "valid"]),
        Split::Test => (&["t10k", "test", "evaluation"], &[]),
    };
    let starts = |file: &IdxFile, prefixes: &[&str]| prefixes.iter().any(|p| file.name.starts_with(p));
    let image = match images.iter().find(|n| starts(n, own)) {
        Some(file) => *file,
        // The only one there is the test split, and the training split too unless it says otherwise.
        None => match images[..] {
            [only] if !starts(only, other) => only,
            _ => return Err(missing(format!("images of the {split} split ({}-images-idx3-ubyte.gz or so)", own[0]))),
        },
    };

    let prefix = &image.name[..image.name.find("images").expect("filtered by this word")];
    let beside: Vec<&IdxFile> = found
        .iter()
        .copied()
        .filter(|n| n.name.starts_with(prefix) && !n.name[prefix.len()..].contains("images"))
        .collect();
    let named = |kind: &str| beside.iter().find(|n| n.name[prefix.len()..].starts_with(kind)).copied();
    let label = match kind {
        Some(kind) => named(kind),
        None => {
            named("labels").or_else(|| named("characters")).or(if let [one] = beside[..] { Some(one) } else { None })
        }
    };
    let kind = kind.unwrap_or("labels");
    let label =
        label.ok_or_else(|| missing(format!("{kind} for {} ({prefix}{kind}-idx1-ubyte.gz or so)", image.name)))?;
    Ok((image.path.clone(), label.path.clone()))
}

/// Reads a pair of IDX files. Images [n, X], [n, h, w], [n, h, w, c] or [n, c, h, w] of u8; labels [n] of any type.
fn read_pair(name: &str, split: Split, images: &Path, labels: &Path) -> Result<Dataset, DataError> {
    let file = idx::read(images)?;
    let wrong = |dims: &[usize]| DataError::Extent { path: images.into(), dims: dims.to_vec() };
    let Values::U8(mut bytes) = file.values else {
        return Err(DataError::Type { path: images.into(), found: 0x0C, expected: "0x08 (u8) for images" });
    };
    let channel = |c: usize| matches!(c, 1 | 3 | 4);
    let (height, width, channels) = match file.dims[..] {
        [_, x] => (1, x, 1),
        [_, h, w] => (h, w, 1),
        [_, h, w, c] if channel(c) => (h, w, c),
        [n, c, h, w] if channel(c) => {
            // Planes, as torchvision and CIFAR write them: here the channels of a pixel lie side by side.
            let mut last = Vec::with_capacity(bytes.len());
            for i in 0..n {
                let image = &bytes[i * c * h * w..][..c * h * w];
                last.extend((0..h * w).flat_map(|p| (0..c).map(move |c| image[c * h * w + p])));
            }
            bytes = last;
            (h, w, c)
        }
        _ => return Err(wrong(&file.dims)),
    };
    if height > pixels::MAX_SIDE || width > pixels::MAX_SIDE {
        return Err(wrong(&file.dims));
    }

    let found = idx::read(labels)?;
    let count = file.dims[0];
    let values: Vec<i64> = match found.values {
        Values::U8(values) => values.into_iter().map(i64::from).collect(),
        Values::I32(values) => values.into_iter().map(i64::from).collect(),
    };
    if found.dims != [count] {
        return Err(DataError::LabelCount { path: labels.into(), images: count, labels: values.len() });
    }
    // No data set here has more classes than this, and tables of classes are allocated by the greatest label.
    let limit = 1 << 20;
    if let Some(&found) = values.iter().find(|v| !(0..limit).contains(*v)) {
        return Err(DataError::Label { path: labels.into(), found, limit });
    }
    let labels: Vec<u32> = values.into_iter().map(|v| v as u32).collect();
    let classes = labels.iter().max().map_or(0, |&m| m as usize + 1);
    let white = bytes.iter().copied().max().unwrap_or(0).max(1);
    Ok(Dataset { name: name.into(), split, height, width, channels, images: bytes, labels, classes, white })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use idx::Idx;

    /// A folder of its own in the system's temporary directory, removed at the end.
    pub struct Folder(PathBuf);

    impl Folder {
        pub fn new(name: &str) -> Folder {
            let folder = std::env::temp_dir().join(format!("gpicl-test-{name}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&folder);
            std::fs::create_dir_all(&folder).unwrap();
            Folder(folder)
        }
        pub fn root(&self) -> &Path {
            &self.0
        }
        pub fn path(&self, name: &str) -> PathBuf {
            self.0.join(name)
        }
        pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
            let path = self.path(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, bytes).unwrap();
            path
        }
        pub fn names(&self) -> Vec<String> {
            let mut names: Vec<String> =
                std::fs::read_dir(&self.0).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        }
        fn idx(&self, name: &str, dims: &[usize], values: Values) {
            let path = self.path(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            idx::write(&path, &Idx { dims: dims.to_vec(), values }).unwrap();
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn ramp(n: usize) -> Values {
        Values::U8((0..n).map(|i| i as u8).collect())
    }

    #[test]
    fn splits_and_labels_are_found_by_name() {
        let dir = Folder::new("splits");
        for (prefix, n) in [("train", 3), ("t10k", 2)] {
            dir.idx(&format!("pair/{prefix}-images-idx3-ubyte.gz"), &[n, 2, 2], ramp(n * 4));
            dir.idx(&format!("pair/{prefix}-labels-idx1-ubyte.gz"), &[n], ramp(n));
        }
        dir.idx("one/images-idx3-ubyte.gz", &[2, 1, 2], Values::U8(vec![0, 16, 8, 4]));
        dir.idx("one/labels-idx1-ubyte.gz", &[2], ramp(2));
        dir.idx("tested/test-images-idx3-ubyte.gz", &[1, 1, 1], Values::U8(vec![3]));
        dir.idx("tested/test-labels-idx1-ubyte.gz", &[1], ramp(1));
        dir.idx("om/background-images-idx3-ubyte.gz", &[4, 1, 1], ramp(4));
        dir.idx("om/background-characters-idx1-short.gz", &[4], Values::I32(vec![0, 1, 2, 600]));
        dir.idx("om/background-alphabets-idx1-ubyte.gz", &[4], Values::U8(vec![0, 0, 1, 1]));
        let open = |name: &str, split| open(name, split, dir.root());

        assert_eq!(open("pair", Split::Train).unwrap().labels, [0, 1, 2]);
        let test = open("pair", Split::Test).unwrap();
        assert_eq!((test.len(), test.height, test.width, test.channels, test.classes), (2, 2, 2, 1, 2));
        assert_eq!(test.image(1), [4, 5, 6, 7]);
        // The only images there serve for both; the greatest value is white.
        for split in [Split::Train, Split::Test] {
            assert_eq!(open("one", split).unwrap().pixels(0), [0.0, 1.0]);
            assert_eq!(open("om", split).unwrap().labels, [0, 1, 2, 600]);
        }
        assert_eq!(open("om", Split::Train).unwrap().classes, 601);
        assert_eq!(open("om:alphabets", Split::Train).unwrap().labels, [0, 0, 1, 1]);
        assert_eq!(open("tested", Split::Test).unwrap().len(), 1);
        // What says it is for tests is never trained on.
        assert!(matches!(open("tested", Split::Train), Err(DataError::NoSplit { .. })));
        assert!(matches!(open("om:moons", Split::Train), Err(DataError::NoSplit { .. })));
        assert_eq!(folders(dir.root()), ["om", "one", "pair", "tested"]);
        let Err(DataError::Unknown { found, advice, .. }) = open("mnist", Split::Test) else {
            panic!("mnist is not there")
        };
        assert_eq!(found, ["om", "one", "pair", "tested"]);
        assert!(advice.contains("data fetch mnist"), "{advice}");
        for outside in ["..", "/", "", "../splits", "pair/../one"] {
            assert!(matches!(open(outside, Split::Test), Err(DataError::Unknown { .. })), "{outside:?}");
        }
    }

    #[test]
    fn files_in_folders_of_their_name_are_read() {
        let dir = Folder::new("unpacked");
        let put = |set: &str, images: &str, labels: &str| {
            dir.idx(&format!("{set}/{images}"), &[2, 1, 1], ramp(2));
            dir.idx(&format!("{set}/{labels}"), &[2], ramp(2));
        };
        let pack = "t10k-images-idx3-ubyte";
        put("same", &format!("{pack}/{pack}"), "t10k-labels-idx1-ubyte/t10k-labels-idx1-ubyte");
        put("dots", &format!("{pack}/t10k-images.idx3-ubyte"), "t10k-labels-idx1-ubyte/t10k-labels.idx1-ubyte");
        put("other", &format!("{pack}/data"), "t10k-labels-idx1-ubyte/labels.bin");
        put("twice", &format!("{pack}/{pack}/{pack}.gz"), "t10k-labels-idx1-ubyte/t10k-labels-idx1-ubyte");
        dir.write("same/t10k-images-idx3-ubyte/.DS_Store", b"x");
        for name in ["same", "dots", "other", "twice"] {
            assert_eq!(open(name, Split::Test, dir.root()).unwrap().len(), 2, "{name}");
        }
        // a file beside such a folder is the one that is meant
        put("both", "t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte");
        dir.write("both/t10k-images-idx3-ubyte/t10k-images-idx3-ubyte", b"not this one");
        std::fs::create_dir_all(dir.path("both/t10k-labels-idx1-ubyte")).unwrap();
        assert_eq!(open("both", Split::Test, dir.root()).unwrap().len(), 2);
        // folders alone
        for part in ["images-idx3-ubyte", "labels-idx1-ubyte"] {
            std::fs::create_dir_all(dir.path(&format!("empty/t10k-{part}"))).unwrap();
        }
        let words = open("empty", Split::Test, dir.root()).unwrap_err().to_string();
        assert!(words.contains("t10k-images-idx3-ubyte (a folder without an IDX file in it)"), "{words}");
        assert!(!folders(dir.root()).contains(&"empty".to_owned()));
    }

    #[test]
    fn a_folder_is_opened_by_its_own_name_before_a_short_one() {
        let dir = Folder::new("short-names");
        let put = |set: &str, n: usize| {
            dir.idx(&format!("{set}/t10k-images-idx3-ubyte"), &[n, 1, 1], ramp(n));
            dir.idx(&format!("{set}/t10k-labels-idx1-ubyte"), &[n], ramp(n));
        };
        put("cifar10", 3);
        assert_eq!(open("cifar10", Split::Test, dir.root()).unwrap().len(), 3);
        put("cifar-10", 4);
        assert_eq!(open("cifar10", Split::Test, dir.root()).unwrap().len(), 3);
        assert_eq!(open("cifar-10", Split::Test, dir.root()).unwrap().len(), 4);
        put("fashion-mnist", 5);
        assert_eq!(open("fashion", Split::Test, dir.root()).unwrap().len(), 5);
        // a folder without data hides nothing
        std::fs::create_dir_all(dir.path("fashion")).unwrap();
        assert_eq!(open("fashion", Split::Test, dir.root()).unwrap().len(), 5);
        assert_eq!(fetch::verify("cifar10", dir.root()).unwrap().len(), 2);
    }

    #[test]
    fn tables_colours_and_planes_are_read_channels_last() {
        let dir = Folder::new("shapes");
        for (name, dims) in [("table", vec![2, 6]), ("last", vec![2, 2, 1, 3]), ("planes", vec![2, 3, 1, 2])] {
            dir.idx(&format!("{name}/images-idx-ubyte.gz"), &dims, ramp(12));
            dir.idx(&format!("{name}/labels-idx1-ubyte.gz"), &[2], ramp(2));
        }
        let open = |name: &str| open(name, Split::Test, dir.root());
        let table = open("table").unwrap();
        assert_eq!((table.height, table.width, table.channels), (1, 6, 1));
        let last = open("last").unwrap();
        assert_eq!((last.height, last.width, last.channels), (2, 1, 3));
        assert_eq!(last.image(0), [0, 1, 2, 3, 4, 5]);
        let planes = open("planes").unwrap();
        assert_eq!((planes.height, planes.width, planes.channels), (1, 2, 3));
        assert_eq!(planes.image(0), [0, 2, 4, 1, 3, 5]);
        assert_eq!(planes.image(1), [6, 8, 10, 7, 9, 11]);
        assert_eq!(planes.pooled(1).unwrap().len(), 6);
    }

    #[test]
    fn pairs_that_do_not_match_are_refused() {
        let dir = Folder::new("pairs");
        let put = |images: &[usize], labels: &[usize], values: Values| {
            let n = images.iter().product();
            dir.idx("a/images-idx3-ubyte.gz", images, ramp(n));
            dir.idx("a/labels-idx1-ubyte.gz", labels, values);
            open("a", Split::Test, dir.root())
        };
        assert!(put(&[3, 1, 1], &[3], ramp(3)).is_ok());
        let found = put(&[3, 1, 1], &[4], ramp(4));
        assert!(matches!(found, Err(DataError::LabelCount { images: 3, labels: 4, .. })), "{found:?}");
        assert!(matches!(put(&[4, 1, 1], &[2, 2], ramp(4)), Err(DataError::LabelCount { .. })));
        let found = put(&[2, 1, 1], &[2], Values::I32(vec![0, -1]));
        assert!(matches!(found, Err(DataError::Label { found: -1, .. })), "{found:?}");
        assert!(matches!(put(&[4], &[4], ramp(4)), Err(DataError::Extent { .. })));
        assert!(matches!(put(&[2, 5, 2, 2], &[2], ramp(2)), Err(DataError::Extent { .. })));
        dir.idx("a/images-idx3-ubyte.gz", &[2, 1, 1], Values::I32(vec![1, 2]));
        assert!(matches!(open("a", Split::Test, dir.root()), Err(DataError::Type { .. })));
    }

    #[test]
    fn the_data_directory_follows_flag_variable_and_cache_in_this_order() {
        let with = |set: &[(&str, &str)], flag: Option<&str>| {
            let set: Vec<(String, PathBuf)> = set.iter().map(|(k, v)| (k.to_string(), PathBuf::from(v))).collect();
            let variable = |name: &str| set.iter().find(|(k, _)| k == name).map(|(_, v)| v.clone());
            directory(flag.map(Path::new), &variable)
        };
        let all = [("GPICL_DATA", "/g"), ("XDG_CACHE_HOME", "/x"), ("HOME", "/h"), ("LOCALAPPDATA", "/l")];
        assert_eq!(with(&all, Some("/f")).unwrap(), Path::new("/f"));
        assert_eq!(with(&all, None).unwrap(), Path::new("/g"));
        if cfg!(target_os = "linux") {
            assert_eq!(with(&all[1..], None).unwrap(), Path::new("/x/gpicl"));
            assert_eq!(with(&all[2..], None).unwrap(), Path::new("/h/.cache/gpicl"));
            assert_eq!(with(&[("XDG_CACHE_HOME", "x"), ("HOME", "/h")], None).unwrap(), Path::new("/h/.cache/gpicl"));
        }
        assert!(matches!(with(&[], None), Err(DataError::NoDirectory)));
    }

    /// MNIST was made by the rule of [`pixels::normalise`]: where it is there, the rule must hardly change it.
    #[test]
    fn preprocessing_leaves_mnist_nearly_alone() {
        let Ok(mnist) = data_dir(None).and_then(|dir| open("mnist", Split::Test, &dir)) else {
            eprintln!("not run: MNIST is not in the data directory");
            return;
        };
        let mut sum = 0.0;
        let mut same = 0;
        for i in 0..mnist.len() {
            let before = mnist.pixels(i);
            let after = pixels::normalise(&before, 28, 28).unwrap();
            let d = before.iter().zip(&after).map(|(a, b)| f64::from((a - b).abs())).sum::<f64>() / 784.0;
            same += usize::from(d < 1e-6);
            sum += d;
        }
        let (mean, same) = (sum / mnist.len() as f64, same as f64 / mnist.len() as f64);
        eprintln!("mean absolute difference {mean:.5}, unchanged {:.1} %", 100.0 * same);
        assert!(mean < 0.01 && same > 0.85, "mean absolute difference {mean}, unchanged {same}");
    }
}
