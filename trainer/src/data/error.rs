//! Why data could not be found, read or fetched.

use std::path::{Path, PathBuf};

use shaders::FileKind;
use shaders::input::pixels;
use thiserror::Error;

/// Why data could not be found, read or fetched.
#[derive(Debug, Error)]
pub enum DataError {
    /// The operating system refused, or a compressed stream is damaged.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Cause.
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
    /// A label file of another length than its images.
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
