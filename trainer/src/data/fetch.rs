//! Fetching data sets: official addresses first, then mirrors; every file is held to its checksum, whoever sent it.
//!
//! A download goes to `FILE.part`, is resumed from there after an interruption (HTTP Range), and gets its name only when
//! its checksum is right. A file that is right already is not asked for again; a recompressed one is right when its
//! content is.

use super::http::{self, Client, Variable};
use super::{DataError, cifar, folder_name, folders, full_name, idx, io, list as idx_files};
use crate::files::write_whole;
use flate2::bufread::MultiGzDecoder;
use idx::{Idx, Values};
use md5::{Digest, Md5};
use shaders::pixels;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A data set that can be fetched.
#[derive(Debug)]
pub struct RemoteSet {
    /// Name of its folder.
    pub name: &'static str,
    /// What it is, in a line.
    pub about: &'static str,
    /// Its licence.
    pub licence: &'static str,
    /// Addresses that the file names are appended to, official ones first.
    pub mirrors: &'static [&'static str],
    /// Its files.
    pub files: &'static [RemoteFile],
    /// Bytes to download, about.
    pub bytes: u64,
}

/// A file of a data set.
#[derive(Debug, Clone, Copy)]
pub struct RemoteFile {
    /// Its name, at the mirrors and on disk.
    pub name: &'static str,
    /// MD5 of the file, as its publishers give it: against damage, not against malice.
    pub md5: &'static str,
    /// SHA-256 of the decompressed content, where known: the same content may be compressed in more than one way.
    pub content: Option<&'static str>,
}

const fn file(name: &'static str, md5: &'static str) -> RemoteFile {
    RemoteFile { name, md5, content: None }
}

const fn known(name: &'static str, md5: &'static str, content: &'static str) -> RemoteFile {
    RemoteFile { name, md5, content: Some(content) }
}

/// The data sets that can be fetched.
pub const SETS: &[RemoteSet] = &[
    RemoteSet {
        name: "mnist",
        about: "handwritten digits, 60,000 + 10,000, 28×28 grey",
        licence: "CC BY-SA 3.0",
        mirrors: &[
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
        ],
        files: &[
            known(
                "train-images-idx3-ubyte.gz",
                "f68b3c2dcbeaaa9fbdd348bbdeb94873",
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            ),
            known(
                "train-labels-idx1-ubyte.gz",
                "d53e105ee54ea40749a09fcbcd1e9432",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            ),
            known(
                "t10k-images-idx3-ubyte.gz",
                "9fb629c4189551a2d022fa330f9573f3",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            ),
            known(
                "t10k-labels-idx1-ubyte.gz",
                "ec29112dd5afa0611ce80d1b7f02629c",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
        ],
        bytes: 11_600_000,
    },
    RemoteSet {
        name: "fashion-mnist",
        about: "clothes, 60,000 + 10,000, 28×28 grey",
        licence: "MIT",
        mirrors: &[
            // Plain http: this bucket has no certificate of its own. The checksums decide.
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ],
        files: &[
            known(
                "train-images-idx3-ubyte.gz",
                "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            ),
            known(
                "train-labels-idx1-ubyte.gz",
                "25c81989df183df01b3e8a0aad5dffbe",
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            ),
            known(
                "t10k-images-idx3-ubyte.gz",
                "bef4ecab320f06d8554ea6380940ec79",
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            ),
            known(
                "t10k-labels-idx1-ubyte.gz",
                "bb300cfdad3c16e7a12a480ee83cd310",
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            ),
        ],
        bytes: 30_900_000,
    },
    RemoteSet {
        name: "kmnist",
        about: "cursive Japanese characters, 60,000 + 10,000, 28×28 grey",
        licence: "CC BY-SA 4.0",
        mirrors: &[
            "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
            "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
            // The host is often slow or away. `id_` asks the archive for the bytes as they were.
            "https://web.archive.org/web/2020id_/http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
        ],
        files: &[
            file("train-images-idx3-ubyte.gz", "bdb82020997e1d708af4cf47b453dcf7"),
            file("train-labels-idx1-ubyte.gz", "e144d726b3acfaa3e44228e80efcd344"),
            file("t10k-images-idx3-ubyte.gz", "5c965bf0a639b31b8f53240b1b52f4d7"),
            file("t10k-labels-idx1-ubyte.gz", "7320c461ea6c1c855c0b718fb2a4b134"),
        ],
        bytes: 21_300_000,
    },
    RemoteSet {
        name: "cifar-10",
        about: "photographs of ten kinds of things, 50,000 + 10,000, 32×32 colour",
        licence: "none stated; cite Krizhevsky 2009",
        mirrors: &["https://www.cs.toronto.edu/~kriz/", "https://cave.cs.toronto.edu/kriz/"],
        files: &[file(cifar::ARCHIVE, "c32a1d4ab5d03f1284b67883e8d87530")],
        bytes: 170_052_171,
    },
    RemoteSet {
        name: "omniglot",
        about: "1,623 handwritten characters of 50 alphabets, 20 drawers each, reduced to 28×28 grey",
        licence: "MIT",
        mirrors: &["https://raw.githubusercontent.com/brendenlake/omniglot/master/python/"],
        files: &[
            file("images_background.zip", "68d2efa1b9178cc56df9314c21c6e718"),
            file("images_evaluation.zip", "6b91aef0f799c5bb55b94e3f2daec811"),
        ],
        bytes: 15_800_000,
    },
];

/// What a download is doing, for a progress bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The file is on disk and right: nothing is asked for.
    Present,
    /// A request to this address begins, from this byte on.
    Start {
        /// Address.
        url: String,
        /// Bytes that an earlier attempt left.
        from: u64,
    },
    /// So many bytes of the file are here.
    Bytes {
        /// Bytes on disk.
        done: u64,
        /// Bytes of the whole file, where the server says so.
        total: Option<u64>,
    },
    /// This attempt failed, another follows if there is one.
    Failed {
        /// Address and reason.
        reason: String,
    },
    /// The file is on disk and right.
    Done,
    /// The archive is being converted to IDX files.
    Convert,
}

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

/// Downloads what is missing or wrong of a data set into its folder in `dir`, and returns the folder. `progress` is
/// called with the name of the file and what happens to it. A file that is there and is wrong is replaced only with
/// `overwrite`: it may be somebody's.
///
/// # Errors
/// [`DataError::Unknown`] for a name without an address, [`DataError::Download`] when no mirror gave the right file,
/// [`DataError::Kept`] for another file in the place of one, [`DataError::Io`] when it cannot be written.
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
    let folder = dir.join(name);
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

/// Compares a file with its checksum.
fn state(path: &Path, remote: &RemoteFile) -> State {
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

fn digest<D: Digest>(mut from: impl Read) -> std::io::Result<String> {
    let mut hash = D::new();
    let mut buffer = vec![0u8; 1 << 16];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            n => hash.update(&buffer[..n]),
        }
    }
}

/// How often all mirrors are asked, one after the other.
const ROUNDS: u32 = 4;

/// Gets one file, unless it is there and right. `pause` is the first wait between rounds; it doubles each time.
fn download(
    folder: &Path,
    remote: &RemoteFile,
    mirrors: &[&str],
    overwrite: bool,
    variable: Variable<'_>,
    pause: Duration,
    progress: &mut dyn FnMut(&str, Event),
) -> Result<(), DataError> {
    let path = folder.join(remote.name);
    match state(&path, remote) {
        State::Right => {
            progress(remote.name, Event::Present);
            return Ok(());
        }
        State::Wrong(reason) if !overwrite || path.is_dir() => return Err(DataError::Kept { path, reason }),
        _ => {}
    }
    let part = folder.join(format!("{}.part", remote.name));
    let client = Client::new(variable)?;
    let mut tried = Vec::new();
    let mut hopeless = vec![false; mirrors.len()];
    for round in 0..ROUNDS {
        for (mirror, base) in mirrors.iter().enumerate() {
            if hopeless[mirror] {
                continue;
            }
            let url = format!("{base}{}", remote.name);
            match attempt(&client, &url, &part, remote, progress) {
                Ok(()) => {
                    std::fs::rename(&part, &path).map_err(io(&path))?;
                    progress(remote.name, Event::Done);
                    return Ok(());
                }
                Err(Failure::Local(error)) => return Err(error),
                Err(Failure::Remote { reason, again }) => {
                    hopeless[mirror] = !again;
                    let reason = format!("  {url}: {reason}");
                    progress(remote.name, Event::Failed { reason: reason.clone() });
                    tried.push(reason);
                }
            }
        }
        if hopeless.iter().all(|&h| h) || round + 1 == ROUNDS {
            break;
        }
        std::thread::sleep(pause * 2u32.pow(round));
    }
    Err(DataError::Download { file: remote.name.into(), path, tried })
}

enum Failure {
    /// The disk: no other mirror can help.
    Local(DataError),
    /// The mirror, and whether it is worth another request.
    Remote { reason: String, again: bool },
}

/// One request. On success the whole file, its checksum right, is in `part`; on failure what came is kept there for the
/// next attempt, unless its checksum was wrong.
fn attempt(
    client: &Client,
    url: &str,
    part: &Path,
    remote: &RemoteFile,
    progress: &mut dyn FnMut(&str, Event),
) -> Result<(), Failure> {
    let local = |error| Failure::Local(io(part)(error));
    let remote_error = |reason: String, again| Failure::Remote { reason, again };
    let mut file = OpenOptions::new().create(true).append(true).open(part).map_err(local)?;
    let mut done = file.seek(SeekFrom::End(0)).map_err(local)?;
    let resumed = done > 0;
    progress(remote.name, Event::Start { url: url.into(), from: done });

    let response = client.get(url, done).map_err(|reason| remote_error(reason, true))?;
    let header = |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_string);
    let range = header("content-range");
    let length: Option<u64> = header("content-length").and_then(|v| v.parse().ok());
    match response.status().as_u16() {
        206 if range.as_ref().is_some_and(|r| r.starts_with(&format!("bytes {done}-"))) => {}
        // The server sends the whole file, whatever was asked for.
        200 => {
            file.set_len(0).map_err(local)?;
            done = 0;
        }
        // Nothing lies beyond what is here: either it is the whole file, or no beginning of it.
        416 if resumed => {
            return check(part, remote, true);
        }
        status @ (408 | 425 | 429 | 500..) => return Err(remote_error(format!("status {status}"), true)),
        status => return Err(remote_error(format!("status {status}"), false)),
    }
    let total = length.map(|length| done + length);
    let mut body = response.into_body().into_reader();
    let mut buffer = vec![0u8; 1 << 16];
    loop {
        let n = body.read(&mut buffer).map_err(|error| remote_error(format!("after {done} bytes: {error}"), true))?;
        if n == 0 {
            break;
        }
        file.write_all(&buffer[..n]).map_err(local)?;
        done += n as u64;
        progress(remote.name, Event::Bytes { done, total });
    }
    if total.is_some_and(|total| done < total) {
        return Err(remote_error(format!("the connection ended after {done} of {} bytes", total.unwrap_or(0)), true));
    }
    file.sync_all().map_err(local)?;
    check(part, remote, resumed)
}

/// Holds a finished `part` to its checksum, and removes it when it is wrong. A resumed one may have been started from
/// something else, so its mirror deserves a second chance.
fn check(part: &Path, remote: &RemoteFile, resumed: bool) -> Result<(), Failure> {
    match state(part, remote) {
        State::Right => Ok(()),
        State::Wrong(reason) => {
            std::fs::remove_file(part).map_err(|error| Failure::Local(io(part)(error)))?;
            Err(Failure::Remote { reason, again: resumed })
        }
        State::Missing | State::Readable => {
            Err(Failure::Remote { reason: "the download vanished".into(), again: true })
        }
    }
}

/// Prefix of the IDX files that an Omniglot archive becomes.
fn zip_prefix(file: &str) -> Option<&'static str> {
    match file {
        "images_background.zip" => Some("background"),
        "images_evaluation.zip" => Some("evaluation"),
        _ => None,
    }
}

fn converted(prefix: &str) -> [String; 3] {
    ["images-idx3-ubyte.gz", "characters-idx1-short.gz", "alphabets-idx1-short.gz"].map(|f| format!("{prefix}-{f}"))
}

/// Converts an Omniglot archive (`…/Alphabet/character07/0042_13.png`, 105×105, black on white) to IDX files beside it:
/// images 28×28, bright on black, reduced by area; labels by character and by alphabet, numbered in the order of their
/// names; `-characters.txt` and `-alphabets.txt` list the names. Files that are there and differ are kept, without
/// `overwrite`.
fn convert_omniglot(archive: &Path, prefix: &str, overwrite: bool) -> Result<(), DataError> {
    let wrong = |reason: String| DataError::Archive { path: archive.into(), reason };
    let file = BufReader::new(File::open(archive).map_err(io(archive))?);
    let mut zip = zip::ZipArchive::new(file).map_err(|error| wrong(error.to_string()))?;
    let names: Result<Vec<String>, _> = zip.file_names().map(|name| name.map(String::from)).collect();
    let mut pictures = names.map_err(|error| wrong(error.to_string()))?;
    pictures.retain(|name| name.ends_with(".png"));
    pictures.sort();
    let (mut alphabets, mut characters): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    let (mut by_alphabet, mut by_character, mut images) = (Vec::new(), Vec::new(), Vec::new());
    for name in &pictures {
        let mut parts = name.rsplit('/').skip(1);
        let (Some(character), Some(alphabet)) = (parts.next(), parts.next()) else {
            return Err(wrong(format!("expected Alphabet/character/image.png, found {name}")));
        };
        let character = format!("{alphabet}/{character}");
        if alphabets.last().is_none_or(|last| last != alphabet) {
            alphabets.push(alphabet.into());
        }
        if characters.last().is_none_or(|last| *last != character) {
            characters.push(character);
        }
        by_alphabet.push(alphabets.len() as i32 - 1);
        by_character.push(characters.len() as i32 - 1);
        let mut bytes = Vec::new();
        let entry = zip.by_name(name).map_err(|error| wrong(error.to_string()))?;
        // The true ones have about 250 bytes.
        entry.take(1 << 20).read_to_end(&mut bytes).map_err(io(archive))?;
        let ink = decode_ink(&bytes).map_err(|reason| wrong(format!("{name}: {reason}")))?;
        let small = pixels::pool(&ink.pixels, (ink.height, ink.width, 1), pixels::SIDE)?;
        images.extend(small.iter().map(|v| (v * 255.0).round() as u8));
    }
    if pictures.is_empty() {
        return Err(wrong("expected PNG pictures, found none".into()));
    }
    let folder = archive.parent().unwrap_or(Path::new(""));
    let n = pictures.len();
    let mut lists = Vec::new();
    for (names, of) in [(&characters, "characters"), (&alphabets, "alphabets")] {
        let lines: String = names.iter().enumerate().map(|(i, name)| format!("{i}\t{name}\n")).collect();
        lists.push((folder.join(format!("{prefix}-{of}.txt")), lines));
    }
    let [image_file, character_file, alphabet_file] = converted(prefix).map(|f| folder.join(f));
    let side = pixels::SIDE;
    // images last: they are what says that all is there
    let all = [
        (character_file, Idx { dims: vec![n], values: Values::I32(by_character) }),
        (alphabet_file, Idx { dims: vec![n], values: Values::I32(by_alphabet) }),
        (image_file, Idx { dims: vec![n, side, side], values: Values::U8(images) }),
    ];
    let other = lists.iter().filter(|(path, lines)| std::fs::read(path).is_ok_and(|old| old != lines.as_bytes()));
    let other = other.map(|(path, _)| path);
    let differs = |path: &Path, new: &Idx| path.exists() && idx::read(path).ok().as_ref() != Some(new);
    let mut other = other.chain(all.iter().filter(|(path, new)| differs(path, new)).map(|(path, _)| path));
    if let (Some(path), false) = (other.next(), overwrite) {
        return Err(DataError::Kept { path: path.clone(), reason: "its content is another".into() });
    }
    for (path, lines) in lists {
        write_whole(&path, lines.as_bytes()).map_err(io(&path))?;
    }
    all.iter().try_for_each(|(path, new)| idx::write(path, new))
}

/// Decodes a grey PNG, black on white, to ink in [0, 1].
fn decode_ink(bytes: &[u8]) -> Result<pixels::Grey, String> {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(|error| error.to_string())?;
    let size = reader.output_buffer_size().filter(|&s| s <= 1 << 24).ok_or("expected a small picture")?;
    let mut buffer = vec![0; size];
    let info = reader.next_frame(&mut buffer).map_err(|error| error.to_string())?;
    if info.color_type != png::ColorType::Grayscale {
        return Err(format!("expected a grey picture, found {:?}", info.color_type));
    }
    let (height, width) = (info.height as usize, info.width as usize);
    let pixels = buffer[..height * width].iter().map(|&v| 1.0 - f32::from(v) / 255.0).collect();
    Ok(pixels::Grey { height, width, pixels })
}

#[cfg(test)]
mod tests {
    use super::super::tests::Folder;
    use super::super::{Split, data_dir, open};
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::sync::{Arc, Mutex};

    /// What a test server does with a request.
    #[derive(Clone, Copy)]
    enum Manner {
        /// Serves the file, and ranges of it.
        Good,
        /// Serves the whole file whatever range is asked for.
        NoRanges,
        /// Promises the rest of the file and hangs up after so many bytes, each time.
        Cut(usize),
        /// Says 404.
        Gone,
        /// Says 503.
        Busy,
    }

    /// A server on this machine for one file. It keeps the `range` header of every request.
    struct Server {
        base: &'static str,
        requests: Arc<Mutex<Vec<Option<String>>>>,
    }

    fn serve(content: Vec<u8>, manner: Manner) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = Box::leak(format!("http://{}/", listener.local_addr().unwrap()).into_boxed_str());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = requests.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.unwrap(), &content, manner, &log);
            }
        });
        Server { base, requests }
    }

    fn answer(mut stream: TcpStream, content: &[u8], manner: Manner, log: &Mutex<Vec<Option<String>>>) {
        let mut request = Vec::new();
        let mut byte = [0u8];
        while !request.ends_with(b"\r\n\r\n") {
            if stream.read(&mut byte).unwrap_or(0) == 0 {
                return;
            }
            request.push(byte[0]);
        }
        let request = String::from_utf8(request).unwrap().to_lowercase();
        let range = request.lines().find_map(|line| line.strip_prefix("range: ").map(str::to_string));
        log.lock().unwrap().push(range.clone());
        let from: usize = range
            .filter(|_| !matches!(manner, Manner::NoRanges))
            .map_or(0, |r| r.trim_start_matches("bytes=").trim_end_matches('-').parse().unwrap());
        let head = |status: &str, more: &str, length: usize| {
            format!("HTTP/1.1 {status}\r\nconnection: close\r\n{more}content-length: {length}\r\n\r\n")
        };
        let rest = content.get(from..).unwrap_or(&[]);
        let ranged = format!("content-range: bytes {from}-{}/{}\r\n", content.len().max(1) - 1, content.len());
        let sent = match manner {
            Manner::Cut(bytes) => &rest[..bytes.min(rest.len())],
            _ => rest,
        };
        let (head, body) = match manner {
            Manner::Gone => (head("404 Not Found", "", 4), &b"gone"[..]),
            Manner::Busy => (head("503 Service Unavailable", "", 0), &b""[..]),
            _ if from >= content.len() && from > 0 => (head("416 Range Not Satisfiable", "", 0), &b""[..]),
            _ if from > 0 => (head("206 Partial Content", &ranged, rest.len()), sent),
            _ => (head("200 OK", "", rest.len()), sent),
        };
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    }

    fn content() -> Vec<u8> {
        (0..300_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
    }

    fn remote(content: &[u8]) -> RemoteFile {
        file("file.gz", Box::leak(digest::<Md5>(content).unwrap().into_boxed_str()))
    }

    fn run(folder: &Folder, file: &RemoteFile, servers: &[&Server]) -> (Result<(), DataError>, Vec<Event>) {
        run_with(folder, file, servers, true, &|_| None)
    }

    fn run_with(
        folder: &Folder,
        file: &RemoteFile,
        servers: &[&Server],
        overwrite: bool,
        variable: Variable<'_>,
    ) -> (Result<(), DataError>, Vec<Event>) {
        let mirrors: Vec<&str> = servers.iter().map(|s| s.base).collect();
        let mut events = Vec::new();
        let pause = Duration::from_millis(1);
        let result = download(folder.root(), file, &mirrors, overwrite, variable, pause, &mut |name, event| {
            assert_eq!(name, "file.gz");
            events.push(event);
        });
        (result, events)
    }

    fn requests(server: &Server) -> Vec<Option<String>> {
        server.requests.lock().unwrap().clone()
    }

    #[test]
    fn a_good_file_arrives_and_is_not_asked_for_again() {
        let folder = Folder::new("fetch-good");
        let server = serve(content(), Manner::Good);
        let (result, events) = run(&folder, &remote(&content()), &[&server]);
        result.unwrap();
        assert_eq!(std::fs::read(folder.path("file.gz")).unwrap(), content());
        assert_eq!(folder.names(), ["file.gz"], "no part is left");
        assert!(events.contains(&Event::Bytes { done: 300_000, total: Some(300_000) }));
        assert_eq!(events.last(), Some(&Event::Done));
        let (result, events) = run(&folder, &remote(&content()), &[&server]);
        result.unwrap();
        assert_eq!(events, [Event::Present]);
        assert_eq!(requests(&server), [None], "one request for two calls");
    }

    #[test]
    fn a_recompressed_file_with_the_right_content_is_right() {
        let folder = Folder::new("fetch-content");
        let server = serve(content(), Manner::Good);
        let path = folder.path("file.gz");
        idx::write(&path, &Idx { dims: vec![4], values: Values::U8(vec![1, 2, 3, 4]) }).unwrap();
        let plain = [&[0, 0, 8, 1, 0, 0, 0, 4][..], &[1, 2, 3, 4]].concat();
        let sum = Box::leak(digest::<sha2::Sha256>(plain.as_slice()).unwrap().into_boxed_str());
        let file = RemoteFile { content: Some(sum), ..remote(&content()) };
        assert_eq!(run(&folder, &file, &[&server]).1, [Event::Present]);
        assert!(requests(&server).is_empty());
        // Another content is another file: it is replaced.
        idx::write(&path, &Idx { dims: vec![4], values: Values::U8(vec![1, 2, 3, 5]) }).unwrap();
        run(&folder, &file, &[&server]).0.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), content());
    }

    #[test]
    fn a_wrong_file_is_never_kept() {
        let folder = Folder::new("fetch-wrong");
        let mut other = content();
        other[77] ^= 1;
        let server = serve(other, Manner::Good);
        let (result, _) = run(&folder, &remote(&content()), &[&server]);
        let Err(DataError::Download { tried, .. }) = result else { panic!("{result:?}") };
        assert_eq!(tried.len(), 1, "a mirror with another file is not asked again: {tried:?}");
        assert!(tried[0].contains("MD5"), "{tried:?}");
        assert!(folder.names().is_empty());
        // A good second mirror saves it, and what was on disk stays until then.
        let good = serve(content(), Manner::Good);
        folder.write("file.gz", b"old and wrong");
        assert!(run(&folder, &remote(&content()), &[&server]).0.is_err());
        assert_eq!(std::fs::read(folder.path("file.gz")).unwrap(), b"old and wrong");
        run(&folder, &remote(&content()), &[&server, &good]).0.unwrap();
        assert_eq!(std::fs::read(folder.path("file.gz")).unwrap(), content());
    }

    #[test]
    fn a_file_that_is_not_the_published_one_is_kept() {
        let folder = Folder::new("fetch-kept");
        let server = serve(content(), Manner::Good);
        let own = folder.write("file.gz", b"somebody's own pictures");
        let (result, events) = run_with(&folder, &remote(&content()), &[&server], false, &|_| None);
        let words = result.unwrap_err().to_string();
        assert!(words.contains("file.gz") && words.contains("--overwrite"), "{words}");
        assert_eq!(std::fs::read(&own).unwrap(), b"somebody's own pictures");
        assert!(events.is_empty() && requests(&server).is_empty() && folder.names() == ["file.gz"]);
        std::fs::remove_file(&own).unwrap();
        run_with(&folder, &remote(&content()), &[&server], false, &|_| None).0.unwrap();
        // a folder of the name is never replaced
        std::fs::remove_file(&own).unwrap();
        folder.write("file.gz/notes", b"x");
        assert!(matches!(run(&folder, &remote(&content()), &[&server]).0, Err(DataError::Kept { .. })));
    }

    #[test]
    fn an_interrupted_download_is_resumed() {
        let folder = Folder::new("fetch-resume");
        // Each answer breaks off after 100,000 bytes: three requests make the file.
        let server = serve(content(), Manner::Cut(100_000));
        run(&folder, &remote(&content()), &[&server]).0.unwrap();
        let ranges = requests(&server);
        assert_eq!(ranges, [None, Some("bytes=100000-".into()), Some("bytes=200000-".into())]);
        assert_eq!(std::fs::read(folder.path("file.gz")).unwrap(), content());
        assert_eq!(folder.names(), ["file.gz"]);

        // Broken off for good: the part is kept, and another call with another mirror goes on from there.
        let folder = Folder::new("fetch-resume-later");
        let slow = serve(content(), Manner::Cut(10_000));
        assert!(run(&folder, &remote(&content()), &[&slow]).0.is_err());
        assert_eq!(folder.names(), ["file.gz.part"]);
        let good = serve(content(), Manner::Good);
        run(&folder, &remote(&content()), &[&good]).0.unwrap();
        assert_eq!(requests(&good), [Some("bytes=40000-".into())]);
        assert_eq!(std::fs::read(folder.path("file.gz")).unwrap(), content());
    }

    #[test]
    fn parts_that_cannot_be_resumed_are_begun_again() {
        for (manner, part) in [
            (Manner::NoRanges, content()[..5000].to_vec()), // the server sends the whole file again
            (Manner::Good, vec![9; 5000]),                  // the part is of another file
            (Manner::Good, vec![9; 400_000]),               // and longer than this one
            (Manner::Good, content()),                      // the part is whole, only its name is missing
        ] {
            let folder = Folder::new("fetch-part");
            folder.write("file.gz.part", &part);
            let server = serve(content(), manner);
            run(&folder, &remote(&content()), &[&server]).0.unwrap();
            assert_eq!(std::fs::read(folder.path("file.gz")).unwrap(), content());
            assert_eq!(folder.names(), ["file.gz"]);
        }
    }

    #[test]
    fn dead_mirrors_are_passed_by_and_named_when_all_are_dead() {
        let folder = Folder::new("fetch-mirrors");
        let nobody = {
            // A port that was free a moment ago.
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let base = Box::leak(format!("http://{}/", listener.local_addr().unwrap()).into_boxed_str());
            Server { base, requests: Default::default() }
        };
        let gone = serve(vec![], Manner::Gone);
        let busy = serve(vec![], Manner::Busy);
        let good = serve(content(), Manner::Good);
        let (result, _) = run(&folder, &remote(&content()), &[&nobody, &gone, &busy]);
        let Err(error @ DataError::Download { .. }) = result else { panic!("{result:?}") };
        let words = error.to_string();
        for expected in [nobody.base, "status 404", "status 503", "file.gz"] {
            assert!(words.contains(expected), "{expected} is not in: {words}");
        }
        assert_eq!(requests(&gone).len(), 1, "what is gone is asked for once");
        assert_eq!(requests(&busy).len(), ROUNDS as usize, "who is busy is asked again");
        run(&folder, &remote(&content()), &[&nobody, &gone, &busy, &good]).0.unwrap();
        assert_eq!(std::fs::read(folder.path("file.gz")).unwrap(), content());
    }

    #[test]
    fn omniglot_becomes_idx() {
        let folder = Folder::new("fetch-omniglot");
        let mut zip = zip::ZipWriter::new(File::create(folder.path("images_background.zip")).unwrap());
        // Not in the order of their names, as in many archives. Each picture has one black 15×15 square.
        for (k, name) in
            ["B/character01/3_01.png", "A/character02/2_01.png", "A/character01/1_02.png", "A/character01/1_01.png"]
                .into_iter()
                .enumerate()
        {
            zip.start_file(format!("images_background/{name}"), zip::write::SimpleFileOptions::default()).unwrap();
            let mut encoder = png::Encoder::new(&mut zip, 105, 105);
            encoder.set_color(png::ColorType::Grayscale);
            encoder.set_depth(png::BitDepth::One);
            let mut writer = encoder.write_header().unwrap();
            let mut rows = vec![0xffu8; 105 * 14];
            for y in 15 * k..15 * (k + 1) {
                for x in 30..45 {
                    rows[y * 14 + x / 8] &= !(0x80 >> (x % 8));
                }
            }
            writer.write_image_data(&rows).unwrap();
            writer.finish().unwrap();
        }
        zip.finish().unwrap();
        let convert = |overwrite| convert_omniglot(&folder.path("images_background.zip"), "background", overwrite);
        convert(false).unwrap();
        // what is there and the same does not stand in the way; what is another's is kept
        convert(false).unwrap();
        folder.write("background-alphabets.txt", b"my own list");
        assert!(matches!(convert(false), Err(DataError::Kept { .. })));
        assert_eq!(std::fs::read(folder.path("background-alphabets.txt")).unwrap(), b"my own list");
        convert(true).unwrap();

        let dir = folder.root().parent().unwrap();
        let name = folder.root().file_name().unwrap().to_str().unwrap();
        let characters = open(name, Split::Train, dir).unwrap();
        assert_eq!(characters.labels, [0, 0, 1, 2]);
        assert_eq!(open(&format!("{name}:alphabets"), Split::Train, dir).unwrap().labels, [0, 0, 0, 1]);
        // 15 px of 105 are 4 of 28: the square of the k-th written picture fills rows 4k..4k+4, columns 8..12.
        for (i, k) in [3, 2, 1, 0].into_iter().enumerate() {
            let image = characters.image(i);
            for (p, &v) in image.iter().enumerate() {
                let inside = (4 * k..4 * k + 4).contains(&(p / 28)) && (8..12).contains(&(p % 28));
                assert_eq!(v, if inside { 255 } else { 0 }, "image {i}, pixel {p}");
            }
        }
        let lines = std::fs::read_to_string(folder.path("background-characters.txt")).unwrap();
        assert_eq!(lines, "0\tA/character01\n1\tA/character02\n2\tB/character01\n");
        folder.write("images_evaluation.zip", b"PK and nothing");
        let found = convert_omniglot(&folder.path("images_evaluation.zip"), "evaluation", false);
        assert!(matches!(found, Err(DataError::Archive { .. })), "{found:?}");
    }

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

    #[test]
    fn every_address_is_complete() {
        for set in SETS {
            assert!(set.mirrors.iter().all(|m| m.starts_with("http") && m.ends_with('/')), "{}", set.name);
            for file in set.files {
                assert!(file.md5.len() == 32 && file.md5.bytes().all(|b| b.is_ascii_hexdigit()), "{}", file.name);
                assert!(file.content.is_none_or(|c| c.len() == 64), "{}", file.name);
            }
        }
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
