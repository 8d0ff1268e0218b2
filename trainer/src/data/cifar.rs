//! CIFAR-10's binary version (<https://www.cs.toronto.edu/~kriz/cifar.html>): records of 1 label byte and 3,072 bytes,
//! three 32×32 planes R, G, B. Read from the downloaded archive or from a folder with the `.bin` files.

use super::dataset::{Dataset, Split};
use super::error::{DataError, io};
use flate2::bufread::GzDecoder;
use shaders::FileKind;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

/// Name of the archive, as it is downloaded.
pub const ARCHIVE: &str = "cifar-10-binary.tar.gz";
const SIDE: usize = 32;
const PLANE: usize = SIDE * SIDE;
const RECORD: usize = 1 + 3 * PLANE;

/// Whether `folder` holds the data set, as an archive or extracted.
pub fn is_in(folder: &Path) -> bool {
    folder.join(ARCHIVE).is_file() || bin_folder(folder, Split::Test).is_some()
}

fn wanted(split: Split) -> Vec<String> {
    match split {
        Split::Train => (1..=5).map(|i| format!("data_batch_{i}.bin")).collect(),
        Split::Test => vec!["test_batch.bin".into()],
    }
}

fn bin_folder(folder: &Path, split: Split) -> Option<PathBuf> {
    let candidates = [folder.to_path_buf(), folder.join("cifar-10-batches-bin")];
    candidates.into_iter().find(|f| wanted(split).iter().all(|name| f.join(name).is_file()))
}

/// Reads one split.
///
/// # Shapes
/// images [n, 32, 32, 3], channels last
///
/// # Errors
/// [`DataError::Io`], [`DataError::Archive`] for a batch missing from the archive, [`DataError::Truncated`] for a file
/// that is no whole number of records, [`DataError::Label`] for a label above 9.
pub fn read(folder: &Path, name: &str, split: Split) -> Result<Dataset, DataError> {
    let mut batches: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    if let Some(folder) = bin_folder(folder, split) {
        for file in wanted(split) {
            let path = folder.join(file);
            let bytes = std::fs::read(&path).map_err(io(&path))?;
            batches.push((path, bytes));
        }
    } else {
        let path = folder.join(ARCHIVE);
        let mut file = BufReader::with_capacity(1 << 16, File::open(&path).map_err(io(&path))?);
        let head = file.fill_buf().map_err(io(&path))?;
        if !head.starts_with(&[0x1f, 0x8b]) {
            let found = FileKind::of(head).map_or("something else", FileKind::name);
            return Err(DataError::Archive { path, reason: format!("expected a compressed archive, found {found}") });
        }
        let mut archive = tar::Archive::new(GzDecoder::new(file));
        for entry in archive.entries().map_err(io(&path))? {
            let entry = entry.map_err(io(&path))?;
            let inner = entry.path().map_err(io(&path))?.into_owned();
            let Some(name) = inner.file_name().and_then(|n| n.to_str()) else { continue };
            if wanted(split).iter().any(|w| w == name) {
                // An archive may name one file any number of times.
                if batches.len() == wanted(split).len() {
                    let reason = format!("expected {}, found more of them", wanted(split).join(", "));
                    return Err(DataError::Archive { path, reason });
                }
                let mut bytes = Vec::new();
                // The true files are 30,730,000 bytes.
                entry.take(100_000_000).read_to_end(&mut bytes).map_err(io(&path))?;
                batches.push((path.join(&inner), bytes));
            }
        }
        // The archive's own order is not the batches' order.
        batches.sort_by(|a, b| a.0.cmp(&b.0));
        if batches.len() != wanted(split).len() {
            let reason = format!("expected {}, found {} of them", wanted(split).join(", "), batches.len());
            return Err(DataError::Archive { path, reason });
        }
    }

    let (mut images, mut labels) = (Vec::new(), Vec::new());
    for (path, bytes) in batches {
        if bytes.is_empty() || bytes.len() % RECORD != 0 {
            let expected = (bytes.len().div_ceil(RECORD).max(1) * RECORD) as u64;
            return Err(DataError::Truncated { path, expected, found: bytes.len() as u64 });
        }
        for record in bytes.chunks_exact(RECORD) {
            if record[0] > 9 {
                return Err(DataError::Label { path, found: i64::from(record[0]), limit: 10 });
            }
            labels.push(u32::from(record[0]));
            images.extend((0..PLANE).flat_map(|i| (0..3).map(move |c| record[1 + c * PLANE + i])));
        }
    }
    let (height, width) = (SIDE, SIDE);
    Ok(Dataset { name: name.into(), split, height, width, channels: 3, images, labels, classes: 10, white: 255 })
}

#[cfg(test)]
mod tests {
    use super::super::testing::Folder;
    use super::*;

    fn batch(first: u8, n: usize) -> Vec<u8> {
        let record = |i: usize| {
            let planes = (0..3 * PLANE).map(move |j| (j / PLANE * 80 + j % PLANE % 60 + i) as u8);
            std::iter::once((first as usize + i) as u8 % 10).chain(planes)
        };
        (0..n).flat_map(record).collect()
    }

    #[test]
    fn archive_and_folder_give_the_same_images_channels_last() {
        let folder = Folder::new("cifar");
        let archive = Folder::new("cifar-archive");
        let zip = flate2::write::GzEncoder::new(File::create(archive.path(ARCHIVE)).unwrap(), Default::default());
        let mut tar = tar::Builder::new(zip);
        // Out of order, as in the real archive.
        for (name, first, n) in
            [("data_batch_1", 1, 2), ("data_batch_4", 4, 1), ("data_batch_2", 2, 1), ("test_batch", 7, 3)]
                .into_iter()
                .chain([("data_batch_5", 5, 1), ("data_batch_3", 3, 1)])
        {
            let bytes = batch(first, n);
            folder.write(&format!("{name}.bin"), &bytes);
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, format!("cifar-10-batches-bin/{name}.bin"), bytes.as_slice()).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap();
        assert!(is_in(folder.root()) && is_in(archive.root()));
        for split in [Split::Train, Split::Test] {
            let a = read(folder.root(), "cifar-10", split).unwrap();
            assert_eq!(a, read(archive.root(), "cifar-10", split).unwrap());
            assert_eq!(a.images.len(), a.labels.len() * 3072);
            for i in 0..a.labels.len() {
                // Red, green and blue of the pixel in row 2, column 5.
                let offset = (2 * 32 + 5) * 3;
                let inside = if split == Split::Train { [0, 1, 0, 0, 0, 0][i] } else { i };
                let expected = [0, 80, 160].map(|plane| (plane + 69 % 60 + inside) as u8);
                assert_eq!(a.image(i)[offset..offset + 3], expected, "{split} image {i}");
            }
        }
        assert_eq!(read(folder.root(), "cifar-10", Split::Train).unwrap().labels, [1, 2, 2, 3, 4, 5]);
        assert_eq!(read(folder.root(), "cifar-10", Split::Test).unwrap().labels, [7, 8, 9]);
    }

    #[test]
    fn damage_is_named() {
        let folder = Folder::new("cifar-bad");
        folder.write("test_batch.bin", &batch(0, 2)[1..]);
        let found = read(folder.root(), "cifar-10", Split::Test);
        assert!(matches!(found, Err(DataError::Truncated { expected: 6146, found: 6145, .. })), "{found:?}");
        let mut bytes = batch(0, 2);
        bytes[RECORD] = 10;
        folder.write("test_batch.bin", &bytes);
        assert!(matches!(read(folder.root(), "c", Split::Test), Err(DataError::Label { found: 10, .. })));
        // No training batch, no archive.
        assert!(matches!(read(folder.root(), "c", Split::Train), Err(DataError::Io { .. })));
        folder.write(ARCHIVE, b"<!DOCTYPE html><html>");
        let found = read(folder.root(), "c", Split::Train);
        assert!(matches!(&found, Err(DataError::Archive { reason, .. }) if reason.contains("web page")), "{found:?}");
    }
}
