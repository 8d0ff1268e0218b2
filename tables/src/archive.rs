//! Files inside of other files, for a page that opens what is dropped on it: what a zip archive holds, and the pictures of a
//! NumPy array, each as a file.

use std::borrow::Cow;
use std::io::{Cursor, Read};

use crate::error::TableError;
use crate::numpy;
use crate::pictures::{MOST, is_hidden};
use crate::text::most_unpacked;

/// Most bytes of all files together.
const MOST_BYTES: usize = 256 << 20;
/// Most files of an archive.
const MOST_FILES: usize = 20_000;
/// Longest side of a picture in an array, in pixels.
const LONGEST: usize = 4096;

/// A file in another file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Folders and name, with `/` between them.
    pub path: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Whether bytes are an array or an archive of arrays.
fn is_numpy(bytes: &[u8]) -> bool {
    numpy::is_npy(bytes) || numpy::is_npz(bytes)
}

/// The files in a zip archive, or the pictures of NumPy arrays `[N, h, w]` or `[N, h, w, c]`, as BMP files in a folder for each
/// class. None of a NumPy file of other arrays, which is a table.
///
/// # Errors
/// Damaged and encrypted archives; archives without a file, of more than 20,000, or of files that unpack to far more than the
/// archive; arrays as [`numpy::arrays`], of pictures without classes or with values that are not finite.
pub fn files(bytes: &[u8]) -> Result<Option<Vec<Entry>>, TableError> {
    match is_numpy(bytes) {
        true => pictures(bytes),
        false => unzipped(bytes).map(Some),
    }
}

fn unzipped(bytes: &[u8]) -> Result<Vec<Entry>, TableError> {
    let damaged = |error: &dyn std::fmt::Display| TableError::new(format!("it cannot be unpacked ({error})"));
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(&error))?;
    if zip.len() > MOST_FILES {
        let found = zip.len();
        return Err(TableError::new(format!(
            "expected at most {MOST_FILES} files in it, found {found}. Unpack it, and drop some of its folders"
        )));
    }
    let most = most_unpacked(bytes.len()).min(MOST_BYTES);
    let mut left = most;
    let mut entries = Vec::new();
    for at in 0..zip.len() {
        let entry = zip.by_index(at).map_err(|error| damaged(&error))?;
        // older programs of Windows separate folders in their own way
        let path = entry_path(entry.name_raw(), || entry.name()).map_err(|error| damaged(&error))?.replace('\\', "/");
        if !entry.is_file() || is_hidden(&path) {
            continue;
        }
        let mut content = Vec::new();
        entry.take((left as u64).saturating_add(1)).read_to_end(&mut content).map_err(|error| damaged(&error))?;
        left = left.checked_sub(content.len()).ok_or_else(|| {
            TableError::new(format!(
                "expected at most {} MB when unpacked, found more. Unpack it, and drop a part of it",
                most >> 20
            ))
        })?;
        entries.push(Entry { path, bytes: content });
    }
    match entries.is_empty() {
        true => Err(TableError::new("there is no file in it".to_owned())),
        false => Ok(entries),
    }
}

/// The path of an entry. The Finder writes UTF-8 without saying so, which the format takes for an old code page then.
///
/// # Errors
/// Those of `declared`, which reads the path as the entry says.
pub fn entry_path<'a, E>(raw: &'a [u8], declared: impl FnOnce() -> Result<Cow<'a, str>, E>) -> Result<Cow<'a, str>, E> {
    std::str::from_utf8(raw).map(Cow::Borrowed).or_else(|_| declared())
}

fn pictures(bytes: &[u8]) -> Result<Option<Vec<Entry>>, TableError> {
    let arrays = numpy::arrays(bytes)?;
    let Some(found) = numpy::pictures(&arrays, false)? else { return Ok(None) };
    let (count, (height, width, channels)) = (found.count, found.size);
    if height.max(width) > LONGEST {
        return Err(TableError::new(format!(
            "expected pictures of at most {LONGEST} pixels a side, found {height} × {width}. Reduce them"
        )));
    }
    let Some(class) = found.class else {
        return Err(TableError::new(format!(
            "expected an array of classes beside its {count} pictures of {height} × {width}, such as y in np.savez(file, \
             x=pictures, y=classes)"
        )));
    };
    let level = |value: &f64| (value / found.white * 255.0).round().clamp(0.0, 255.0) as u8;
    let digits = count.to_string().len();
    let picture = |at: usize| Entry {
        path: format!("{}/{at:0digits$}.bmp", class.text(at).replace(['/', '\\'], "-")),
        bytes: bmp(&found.values[at * height * width * channels..], (height, width, channels), level),
    };
    // no more than are looked at, evenly from all of them
    let kept = (0..count).filter(|at| count <= MOST || at * MOST / count != (at + 1) * MOST / count);
    Ok(Some(kept.map(picture).collect()))
}

/// A picture as an uncompressed BMP file of 24 bits a pixel; a fourth channel is left out.
fn bmp(values: &[f64], (height, width, channels): (usize, usize, usize), level: impl Fn(&f64) -> u8) -> Vec<u8> {
    const HEADER: usize = 54;
    // rows are filled up to four bytes, and come from the bottom
    let row = (3 * width).next_multiple_of(4);
    let size = HEADER + row * height;
    let mut file = Vec::with_capacity(size);
    file.extend(b"BM");
    for number in [size, 0, HEADER, 40, width, height] {
        file.extend((number as u32).to_le_bytes());
    }
    for number in [1u16, 24] {
        file.extend(number.to_le_bytes());
    }
    file.resize(HEADER, 0);
    for y in (0..height).rev() {
        let pixels = values[y * width * channels..][..width * channels].chunks_exact(channels);
        file.extend(pixels.flat_map(|pixel| [2, 1, 0].map(|c| level(&pixel[c.min(channels - 1)]))));
        file.resize(HEADER + row * (height - y), 0);
    }
    file
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use npyz::WriterBuilder;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (path, bytes) in files {
            zip.start_file(*path, SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    fn npy<T: npyz::AutoSerialize + Copy>(values: &[T], shape: &[u64]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = npyz::WriteOptions::new().default_dtype().shape(shape).writer(&mut bytes).begin_nd().unwrap();
        writer.extend(values.iter().copied()).unwrap();
        writer.finish().unwrap();
        bytes
    }

    #[test]
    fn a_zip_archive_gives_its_files_without_those_of_the_system() {
        let bytes = zipped(&[("set/cat/1.png", b"one"), ("__MACOSX/set/._1.png", b"x"), ("set\\dog\\2.png", b"two")]);
        let found = files(&bytes).unwrap().unwrap();
        let expected = [("set/cat/1.png", b"one"), ("set/dog/2.png", b"two")];
        let expected = expected.map(|(path, bytes)| Entry { path: path.into(), bytes: bytes.to_vec() });
        assert_eq!(found, expected);
        assert!(files(&zipped(&[])).unwrap_err().to_string().contains("no file"));
        assert!(files(&bytes[..bytes.len() / 2]).unwrap_err().to_string().contains("cannot be unpacked"));
    }

    #[test]
    fn names_in_utf_8_are_read_where_the_archive_does_not_say_so() {
        let mut bytes = zipped(&[("Äpfel/1.png", b"one")]);
        // the flag of both headers
        let headers: Vec<usize> = (0..bytes.len() - 4)
            .filter(|at| [b"PK\x03\x04", b"PK\x01\x02"].iter().any(|mark| bytes[*at..].starts_with(*mark)))
            .map(|at| at + if bytes[at + 2] == 3 { 7 } else { 9 })
            .collect();
        assert_eq!(headers.len(), 2);
        headers.into_iter().for_each(|at| bytes[at] &= !8);
        assert_eq!(files(&bytes).unwrap().unwrap()[0].path, "Äpfel/1.png");
    }

    #[test]
    fn what_unpacks_to_far_more_than_it_is_is_refused() {
        let error = files(&zipped(&[("zeros", &vec![0; 40 << 20])])).unwrap_err().to_string();
        assert!(error.contains("MB when unpacked"), "{error}");
    }

    #[test]
    fn pictures_of_an_array_are_files_by_class() {
        // two rows of three pixels; the second picture is white where the first is black
        let levels: Vec<u8> = vec![0, 255, 51, 0, 0, 0, 255, 0, 204, 255, 255, 255];
        let bytes = zipped(&[("x.npy", &npy(&levels, &[2, 2, 3])), ("y.npy", &npy(&[7i64, 3], &[2]))]);
        let found = files(&bytes).unwrap().unwrap();
        assert_eq!(found.iter().map(|entry| entry.path.as_str()).collect::<Vec<_>>(), ["7/0.bmp", "3/1.bmp"]);
        let file = &found[0].bytes;
        assert_eq!((file.len(), &file[..2], file[10]), (54 + 2 * 12, &b"BM"[..], 54));
        // the last row comes first
        assert_eq!(file[54..66], [0; 12]);
        assert_eq!(file[66..], [0, 0, 0, 255, 255, 255, 51, 51, 51, 0, 0, 0]);
        // colours from 0 to 1
        let colour = npy(&[1.0f32, 0.5, 0.0, 0.0, 0.0, 0.0], &[2, 1, 1, 3]);
        let bytes = zipped(&[("x.npy", &colour), ("y.npy", &npy(&[0i64, 1], &[2]))]);
        assert_eq!(files(&bytes).unwrap().unwrap()[0].bytes[54..], [0, 128, 255, 0]);
    }

    #[test]
    fn other_arrays_are_tables_and_pictures_need_classes() {
        let rows = zipped(&[("x.npy", &npy(&[1.0f64; 6], &[3, 2])), ("y.npy", &npy(&[0i64, 1, 0], &[3]))]);
        assert_eq!(files(&rows).unwrap(), None);
        let error = files(&npy(&[0.5f32; 8], &[2, 2, 2])).unwrap_err().to_string();
        assert!(error.contains("classes beside its 2 pictures of 2 × 2"), "{error}");
    }

    #[test]
    fn of_many_pictures_so_many_are_taken_as_are_looked_at() {
        let count = 3 * MOST + 5;
        let labels: Vec<i64> = (0..count as i64).collect();
        let bytes = zipped(&[
            ("x.npy", &npy(&vec![9u8; count], &[count as u64, 1, 1])),
            ("y.npy", &npy(&labels, &[count as u64])),
        ]);
        assert_eq!(files(&bytes).unwrap().unwrap().len(), MOST);
    }
}
