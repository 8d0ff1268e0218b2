//! Data sets behind a proxy that opens TLS and fails on request: real ones for the trainer's own program, where they are at
//! hand, and made-up ones for a program of the tests, which calls the same function.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use md5::{Digest, Md5};
use proxy::{Proxy, Running};
use shaders::testing;
use trainer::data::{self, RemoteFile, RemoteSet, SETS, State, fetch};

use crate::program::{Folder, beside, trainer};

/// The name of the made-up data set.
const MADE_UP: &str = "made-up";

/// Its files with their lengths; the second is as short as files of labels are.
const FILES: [(&str, usize); 2] = [("train-images-idx3-ubyte.gz", 300_000), ("train-labels-idx1-ubyte.gz", 999)];

/// The content of a made-up file.
fn content(length: usize) -> Vec<u8> {
    (0..length as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

/// The made-up data set, at two addresses.
pub fn made_up() -> RemoteSet {
    let file = |(name, length): (&'static str, usize)| {
        let sum: String = Md5::digest(content(length)).iter().map(|byte| format!("{byte:02x}")).collect();
        RemoteFile { name, md5: sum.leak(), content: None }
    };
    RemoteSet {
        name: MADE_UP,
        about: "numbers",
        licence: "",
        mirrors: &["https://data.example/files/", "https://mirror.example/"],
        files: FILES.map(file).to_vec().leak(),
        bytes: 0,
    }
}

/// A data set that a test can fetch.
pub struct Source {
    /// Its name, and that of its folder.
    pub name: &'static str,
    /// Its files by their names.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Source {
    /// The made-up one.
    pub fn made_up() -> Source {
        Source { name: MADE_UP, files: FILES.map(|(name, length)| (name.to_owned(), content(length))).into() }
    }

    /// MNIST or Fashion-MNIST from the data directory. Where neither is there as it was published, the test says so.
    ///
    /// # Panics
    /// A file that was there a moment ago cannot be read.
    pub fn real() -> Option<Source> {
        let dir = data::data_dir(None).ok();
        for name in ["mnist", "fashion-mnist"] {
            let Some(dir) = &dir else { break };
            let set = SETS.iter().find(|set| set.name == name).expect("it is known");
            let states = fetch::verify(name, dir).unwrap_or_default();
            let right = |file: &RemoteFile| states.iter().any(|(n, state)| n == file.name && *state == State::Right);
            if set.files.iter().all(right) {
                let read = |file: &RemoteFile| fs::read(dir.join(name).join(file.name)).expect("it is there");
                return Some(Source { name, files: set.files.iter().map(|f| (f.name.to_owned(), read(f))).collect() });
            }
        }
        testing::skip("neither mnist nor fashion-mnist is in the data directory");
        None
    }

    /// The made-up one, and the real one where it is at hand.
    ///
    /// # Panics
    /// As [`Source::real`].
    pub fn all() -> Vec<Source> {
        [Some(Source::made_up()), Source::real()].into_iter().flatten().collect()
    }

    /// A proxy that serves it.
    pub fn proxy(&self) -> Proxy {
        Proxy::new(self.files.clone())
    }

    /// A call that fetches it into the data directory `dir`, through a proxy whose authority is in a file.
    pub fn fetch(&self, dir: &Path, proxy: &Running, authority: &Path) -> Command {
        let mut command = match self.name {
            MADE_UP => Command::new(beside("fetch_made_up")),
            name => {
                let mut command = trainer();
                command.args(["data", "fetch", name]);
                command
            }
        };
        for name in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"] {
            command.env_remove(name).env_remove(name.to_lowercase());
        }
        command.stdin(Stdio::null()).env("GPICL_DATA", dir);
        command.env("HTTPS_PROXY", &proxy.address).env("SSL_CERT_FILE", authority);
        command
    }

    /// What is wrong with what is in `dir` under the names of its files: nothing, where some are not there yet.
    pub fn wrong(&self, dir: &Path) -> Vec<&str> {
        let wrong = |(name, content): &(&String, &Vec<u8>)| {
            fs::read(dir.join(self.name).join(name)).is_ok_and(|found| found != **content)
        };
        self.files.iter().filter(wrong).map(|(name, _)| name.as_str()).collect()
    }

    /// What the folder in `dir` holds, but for the lock.
    pub fn names(&self, dir: &Path) -> Vec<OsString> {
        let names = fs::read_dir(dir.join(self.name)).into_iter().flatten().flatten();
        names.map(|entry| entry.file_name()).filter(|name| name != ".gpicl-lock").collect()
    }

    /// Whether the folder in `dir` holds its files and nothing else.
    pub fn is_whole(&self, dir: &Path) -> bool {
        let names = self.names(dir);
        names.len() == self.files.len()
            && names.iter().all(|name| name.to_str().is_some_and(|name| self.files.contains_key(name)))
            && self.wrong(dir).is_empty()
    }
}

/// The folder for a test's downloads, with the authority of its proxy in a file.
pub struct Place {
    folder: Folder,
    /// The file.
    pub authority: PathBuf,
}

impl Place {
    /// `name` tells the tests of a process apart.
    ///
    /// # Panics
    /// The folder cannot be made.
    pub fn new(name: &str, proxy: &Running) -> Place {
        let folder = Folder::new(name);
        let authority = folder.file("authority.pem", proxy.authority());
        Place { folder, authority }
    }

    /// An empty data directory.
    pub fn data(&self, name: &str) -> PathBuf {
        self.folder.at(name)
    }
}
