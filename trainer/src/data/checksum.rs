//! Files on disk against their published checksums.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use md5::{Digest, Md5};

use super::catalogue::RemoteFile;

/// How a file on disk compares with what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Its checksum is right.
    Right,
    /// It can be read; no checksum is known.
    Readable,
    /// It isn't there.
    Missing,
    /// It is there and wrong, and how.
    Wrong(String),
}

/// Compares a file with its checksum.
pub(super) fn state(path: &Path, remote: &RemoteFile) -> State {
    let open = || File::open(path).map(BufReader::new);
    if path.is_dir() {
        return State::Wrong("it is a folder, expected a file".into());
    }
    let file = match open() {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return State::Missing,
        Err(error) => return State::Wrong(error.to_string()),
    };
    let found = match digest::<Md5>(file) {
        Ok(found) if found == remote.md5 => return State::Right,
        Ok(found) => found,
        Err(error) => return State::Wrong(error.to_string()),
    };
    if let (Some(content), Ok(file)) = (remote.content, open()) {
        match digest::<sha2::Sha256>(MultiGzDecoder::new(file)) {
            Ok(found) if found == content => return State::Right,
            Ok(_) => {}
            Err(error) => return State::Wrong(error.to_string()),
        }
    }
    State::Wrong(format!("expected MD5 {}, found {found}", remote.md5))
}

/// A checksum in hexadecimal digits.
pub(super) fn digest<D: Digest>(mut from: impl Read) -> std::io::Result<String> {
    let mut hash = D::new();
    let mut buffer = vec![0u8; 1 << 16];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            n => hash.update(&buffer[..n]),
        }
    }
}
