//! Where data sets lie: the data directory, the folder of each set, the files of a split by their names.

use std::path::{Path, PathBuf};

use super::catalogue::full_name;
use super::cifar;
use super::dataset::Split;
use super::error::{DataError, io};

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

/// The name of a data set's folder: that folder if there is one, else what a short name stands for.
pub fn folder_name<'a>(name: &'a str, dir: &Path) -> &'a str {
    let long = full_name(name);
    match holds_data(&dir.join(name)) || (dir.join(name).is_dir() && !dir.join(long).is_dir()) {
        true if !name.is_empty() => name,
        _ => long,
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
pub fn holds_data(folder: &Path) -> bool {
    cifar::is_in(folder) || list(folder).is_ok_and(|files| files.iter().any(|f| f.path.is_file() && f.named("images")))
}

/// An IDX file of a data set. Some programs unpack an archive into a folder of its name: `train-images-idx3-ubyte/`
/// with the file of that or another name in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IdxFile {
    /// Its name in the data set's folder.
    pub name: String,
    /// Where it lies; the folder itself if there is no file in it.
    pub path: PathBuf,
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
pub(super) fn list(folder: &Path) -> Result<Vec<IdxFile>, DataError> {
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

/// The words of an image file's name before `images`: `emnist`, `letters`, `train`.
fn words_before_images(name: &str) -> impl Iterator<Item = &str> {
    name[..name.find("images").unwrap_or(0)].split(['-', '_', '.'])
}

/// The image and the label file of a split. `kind` names one of several sets in the folder (`emnist:letters`) or one of
/// several files of labels (`omniglot:alphabets`).
pub(super) fn files(folder: &Path, split: Split, kind: Option<&str>) -> Result<(PathBuf, PathBuf), DataError> {
    let all = list(folder)?;
    let missing = |wanted: String| DataError::NoSplit {
        folder: folder.into(),
        wanted,
        found: all.iter().map(IdxFile::words).collect(),
    };
    let found: Vec<&IdxFile> = all.iter().filter(|file| !file.path.is_dir()).collect();
    let mut images: Vec<&IdxFile> = found.iter().copied().filter(|n| n.named("images")).collect();
    let mut kind = kind;
    let of_kind = |file: &&IdxFile| kind.is_some_and(|kind| words_before_images(&file.name).any(|word| word == kind));
    if images.iter().any(of_kind) {
        images.retain(of_kind);
        kind = None;
    }

    let (own, other): (&[&str], &[&str]) = match split {
        Split::Train => (&["train", "background"], &["t10k", "test", "evaluation", "valid"]),
        Split::Test => (&["t10k", "test", "evaluation"], &[]),
    };
    let starts =
        |file: &IdxFile, prefixes: &[&str]| words_before_images(&file.name).any(|word| prefixes.contains(&word));
    let mut of_split = images.iter().copied().filter(|n| starts(n, own));
    let image = match (of_split.next(), of_split.next()) {
        (Some(one), Some(other)) => {
            let sets = |file: &IdxFile| words_before_images(&file.name).nth(1).unwrap_or_default().to_owned();
            return Err(missing(format!(
                "one set of images ({} and {} are there: name one as {}:{})",
                one.name,
                other.name,
                folder.file_name().unwrap_or_default().to_string_lossy(),
                sets(one)
            )));
        }
        (Some(file), None) => file,
        // The only one there is the test split, and the training split too unless it says otherwise.
        (None, _) => match images[..] {
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
