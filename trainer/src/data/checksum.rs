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
    if let (Some(content), Ok(file)) = (remote.content, open())
        && digest::<sha2::Sha256>(MultiGzDecoder::new(file)).is_ok_and(|found| found == content)
    {
        return State::Right;
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

#[cfg(test)]
mod tests {
    use super::super::testing::Folder;
    use super::*;

    #[test]
    fn a_damaged_archive_is_told_by_both_checksums() {
        let folder = Folder::new("checksum");
        let path = folder.write("a.gz", b"\x1f\x8b no stream of gzip");
        let md5 = "d41d8cd98f00b204e9800998ecf8427e";
        let remote = RemoteFile { name: "a.gz", md5, content: Some("of another file") };
        let State::Wrong(words) = state(&path, &remote) else { panic!("it is wrong") };
        let found = digest::<Md5>(File::open(&path).unwrap()).unwrap();
        assert_eq!(words, format!("expected MD5 {md5}, found {found}"));
    }
}
