//! Fetching data sets: official addresses first, then mirrors; every file is held to its checksum, whoever sent it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::catalogue::{RemoteSet, SETS, full_name};
use super::checksum::{State, state};
use super::download::{Event, download};
use super::error::{DataError, io};
use super::folder::{folder_name, folders, list as idx_files};
use super::http::{self, Variable};
use super::idx;
use super::omniglot::{convert_omniglot, converted, zip_prefix};

/// One line of `trainer data list`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// Name of the data set.
    pub name: String,
    /// What it is.
    pub about: String,
    /// Its licence, where known.
    pub licence: &'static str,
    /// Whether its folder holds data.
    pub present: bool,
    /// Bytes to download; 0 for a folder of the user's own.
    pub bytes: u64,
}

/// The data sets that can be fetched and those that lie in the data directory.
pub fn list(dir: &Path) -> Vec<Listing> {
    let here = folders(dir);
    let remote = SETS.iter().map(|set| Listing {
        name: set.name.into(),
        about: set.about.into(),
        licence: set.licence,
        present: here.iter().any(|name| name == set.name),
        bytes: set.bytes,
    });
    let own = here.iter().filter(|name| SETS.iter().all(|set| set.name != **name)).map(|name| Listing {
        name: name.clone(),
        about: "a folder in the data directory".into(),
        licence: "",
        present: true,
        bytes: 0,
    });
    remote.chain(own).collect()
}

/// Downloads what is missing or wrong of a known data set, as [`fetch_set`] does.
///
/// # Errors
/// [`DataError::Unknown`] for a name without an address, and those of [`fetch_set`].
pub fn fetch(
    name: &str,
    dir: &Path,
    overwrite: bool,
    progress: &mut dyn FnMut(&str, Event),
) -> Result<PathBuf, DataError> {
    let name = full_name(name);
    let Some(set) = SETS.iter().find(|set| set.name == name) else {
        let found = SETS.iter().map(|set| set.name.to_string()).collect();
        let advice = "these can be fetched; put any other data as IDX files into a folder of the data directory".into();
        return Err(DataError::Unknown { name: name.into(), dir: dir.into(), found, advice });
    };
    fetch_set(set, dir, overwrite, progress)
}

/// Downloads what is missing or wrong of a data set into its folder in `dir`, and returns the folder. `progress` is
/// called with the name of the file and what happens to it. A file that is there and is wrong is replaced only with
/// `overwrite`: it may be somebody's.
///
/// # Errors
/// [`DataError::Download`] when no mirror gave the right file, [`DataError::Kept`] for another file in the place of one,
/// [`DataError::Environment`] for certificates or proxies that cannot be used, [`DataError::Io`] when a file cannot be
/// written, [`DataError::Archive`] when one cannot be converted.
pub fn fetch_set(
    set: &RemoteSet,
    dir: &Path,
    overwrite: bool,
    progress: &mut dyn FnMut(&str, Event),
) -> Result<PathBuf, DataError> {
    let folder = dir.join(set.name);
    std::fs::create_dir_all(&folder).map_err(io(&folder))?;
    let (variable, pause): (Variable<'_>, _) = (&http::variable, Duration::from_secs(1));
    for remote in set.files {
        let Some(prefix) = zip_prefix(remote.name) else {
            download(&folder, remote, set.mirrors, overwrite, variable, pause, progress)?;
            continue;
        };
        // The archive is only a means: what counts is that its conversion is there and whole.
        if converted(prefix).iter().all(|f| idx::read(&folder.join(f)).is_ok()) {
            progress(remote.name, Event::Present);
            continue;
        }
        download(&folder, remote, set.mirrors, overwrite, variable, pause, progress)?;
        progress(remote.name, Event::Convert);
        convert_omniglot(&folder.join(remote.name), prefix, overwrite)?;
    }
    Ok(folder)
}

/// Compares the files of a data set in `dir` with their checksums, or reads them where none is known.
///
/// # Errors
/// [`DataError::Unknown`] for a name that can neither be fetched nor is there.
pub fn verify(name: &str, dir: &Path) -> Result<Vec<(String, State)>, DataError> {
    let name = folder_name(name, dir);
    let folder = dir.join(name);
    let mut states = Vec::new();
    let set = SETS.iter().find(|set| set.name == name);
    for remote in set.map_or(&[][..], |set| set.files) {
        let path = folder.join(remote.name);
        // An archive may be deleted once it is converted.
        if zip_prefix(remote.name).is_none() || path.exists() {
            states.push((remote.name.to_string(), state(&path, remote)));
        }
        for file in zip_prefix(remote.name).into_iter().flat_map(converted) {
            if !folder.join(&file).exists() {
                states.push((file, State::Missing));
            }
        }
    }
    for file in idx_files(&folder).unwrap_or_default() {
        if states.iter().all(|(known, _)| *known != file.name) {
            let found = idx::read(&file.path);
            states.push((file.name, found.map_or_else(|error| State::Wrong(error.to_string()), |_| State::Readable)));
        }
    }
    if states.is_empty() {
        let advice = "check the name with `trainer data list`".into();
        return Err(DataError::Unknown { name: name.into(), dir: dir.into(), found: folders(dir), advice });
    }
    Ok(states)
}

#[cfg(test)]
mod tests {
    use super::super::folder::data_dir;
    use super::super::testing::Folder;
    use super::*;

    #[test]
    fn unknown_names_are_answered_with_the_known_ones() {
        let folder = Folder::new("fetch-unknown");
        let found = fetch("emnist", folder.root(), false, &mut |_, _| panic!("nothing can be fetched"));
        let Err(DataError::Unknown { found, .. }) = found else { panic!("{found:?}") };
        assert!(found.contains(&"mnist".to_string()));
        assert!(matches!(verify("nothing", folder.root()), Err(DataError::Unknown { .. })));
        let states = verify("mnist", folder.root()).unwrap();
        assert_eq!(states.len(), 4);
        assert!(states.iter().all(|(_, state)| *state == State::Missing));
        folder.write("own/images-idx3-ubyte", &[0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 5]);
        folder.write("own/labels-idx1-ubyte", &[0, 0, 8, 1, 0, 0, 0, 1]);
        let states = verify("own", folder.root()).unwrap();
        assert_eq!(states[0].1, State::Readable);
        assert!(matches!(states[1].1, State::Wrong(_)), "{states:?}");
        let own = list(folder.root()).into_iter().find(|l| l.name == "own");
        assert!(own.is_some_and(|l| l.present && l.bytes == 0));
        assert!(list(folder.root()).iter().any(|l| l.name == "kmnist" && !l.present));
    }

    /// Where MNIST lies in the data directory, it is found right, however it was compressed. (Of other sets only the
    /// publisher's own compression is known.)
    #[test]
    fn data_that_is_there_is_right() {
        let Ok(dir) = data_dir(None) else { return };
        for set in SETS {
            for (name, state) in verify(set.name, &dir).into_iter().flatten() {
                let known = set.files.iter().any(|file| file.name == name && file.content.is_some());
                assert!(!known || !matches!(state, State::Wrong(_)), "{} {name}: {state:?}", set.name);
            }
        }
    }
}
