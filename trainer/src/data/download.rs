//! One file from its mirrors.
//!
//! A download goes to `FILE.part`, is resumed from there after an interruption (HTTP Range), and gets its name only when
//! its checksum is right. A file that is right already is not asked for again; a recompressed one is right when its
//! content is. Of several processes that want a file one brings it, and the others wait for that.

use std::fs::OpenOptions;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use super::catalogue::RemoteFile;
use super::checksum::{State, state};
use super::error::{DataError, io};
use super::http::{Client, Variable, passing};
use crate::files::lock;

/// Held while something is fetched into a folder.
pub(super) const LOCK: &str = ".gpicl-lock";

/// What a download is doing, for a progress bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The file is on disk and right: nothing is asked for.
    Present,
    /// Another process fetches into this folder, and this one waits for it.
    Waiting,
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

/// How often all mirrors are asked, one after the other, without a byte that was not here before.
const ROUNDS: u32 = 4;

/// Gets one file, unless it is there and right. `pause` is the first wait between rounds; it doubles each time.
pub(super) fn download(
    folder: &Path,
    remote: &RemoteFile,
    mirrors: &[&str],
    overwrite: bool,
    variable: Variable<'_>,
    pause: Duration,
    progress: &mut dyn FnMut(&str, Event),
) -> Result<(), DataError> {
    let path = folder.join(remote.name);
    let present = || match state(&path, remote) {
        State::Right => Ok(true),
        State::Wrong(reason) if !overwrite || path.is_dir() => Err(DataError::Kept { path: path.clone(), reason }),
        _ => Ok(false),
    };
    let mut here = present()?;
    // nothing is written where all is there already
    let mut _lock = None;
    if !here {
        let mut waited = false;
        _lock = lock(&folder.join(LOCK), || {
            waited = true;
            progress(remote.name, Event::Waiting);
        });
        here = waited && present()?;
    }
    if here {
        progress(remote.name, Event::Present);
        return Ok(());
    }
    let part = folder.join(format!("{}.part", remote.name));
    // all of it was here when an earlier call ended, but for its name
    if state(&part, remote) != State::Right {
        let client = Client::new(variable)?;
        download_part(&client, &path, &part, remote, mirrors, pause, progress)?;
    }
    std::fs::rename(&part, &path).map_err(io(&path))?;
    progress(remote.name, Event::Done);
    Ok(())
}

/// Brings the whole file into `part`, its checksum right.
fn download_part(
    client: &Client,
    path: &Path,
    part: &Path,
    remote: &RemoteFile,
    mirrors: &[&str],
    pause: Duration,
    progress: &mut dyn FnMut(&str, Event),
) -> Result<(), DataError> {
    let here = || std::fs::metadata(part).map_or(0, |found| found.len());
    let mut tried = Vec::new();
    let mut hopeless = vec![false; mirrors.len()];
    let (mut in_vain, mut most) = (0, here());
    loop {
        for (mirror, base) in mirrors.iter().enumerate() {
            if hopeless[mirror] {
                continue;
            }
            let url = format!("{base}{}", remote.name);
            match attempt(client, &url, part, remote, progress) {
                Ok(()) => return Ok(()),
                Err(Failure::Local(error)) => return Err(error),
                Err(Failure::Remote { reason, again }) => {
                    hopeless[mirror] = !again;
                    let reason = format!("  {url}: {reason}");
                    progress(remote.name, Event::Failed { reason: reason.clone() });
                    tried.push(reason);
                }
            }
        }
        in_vain += 1;
        // a line that breaks again and again still brings the file; a file that was wrong and begins anew is no gain
        if here() > most {
            (in_vain, most) = (0, here());
        }
        if in_vain == ROUNDS || hopeless.iter().all(|&h| h) {
            return Err(DataError::Download { file: remote.name.into(), path: path.into(), tried });
        }
        match in_vain {
            0 => tried.clear(),
            rounds => std::thread::sleep(pause * 2u32.pow(rounds - 1)),
        }
    }
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

    let response = client.get(url, done).map_err(|none| remote_error(none.reason, none.again))?;
    let header = |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok());
    let range = header("content-range").and_then(content_range);
    let length: Option<u64> = header("content-length").and_then(|v| v.parse().ok());
    match response.status().as_u16() {
        206 if range.is_some_and(|(first, _)| first == done) => {}
        // The server sends the whole file, whatever was asked for.
        200 => {
            if resumed && state(part, remote) == State::Right {
                return Ok(());
            }
            file.set_len(0).map_err(local)?;
            done = 0;
        }
        // Nothing lies beyond what is here: either it is the whole file, or no beginning of it.
        416 if resumed => {
            return check(part, remote, true);
        }
        status => return Err(remote_error(format!("status {status}"), passing(status))),
    }
    // a server may send less than the range that was asked for
    let total = range.and_then(|(_, total)| total).or(length.map(|length| done + length));
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
    if let Some(total) = total.filter(|&total| done < total) {
        return Err(remote_error(format!("the answer ended after {done} of {total} bytes"), true));
    }
    file.sync_all().map_err(local)?;
    check(part, remote, resumed)
}

/// The first byte of a range, and the length of the whole file where the server knows it: `bytes 100-299/300`.
fn content_range(header: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = header.strip_prefix("bytes ")?.split_once('/')?;
    Some((range.split_once('-')?.0.parse().ok()?, total.parse().ok()))
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

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::sync::{Arc, Mutex};

    use md5::Md5;

    use super::super::catalogue::file;
    use super::super::checksum::digest;
    use super::super::idx::{self, Idx, Values};
    use super::super::testing::Folder;
    use super::*;

    /// What a test server does with a request.
    #[derive(Clone, Copy)]
    enum Manner {
        /// Serves the file, and ranges of it.
        Good,
        /// Serves the whole file whatever range is asked for.
        NoRanges,
        /// Promises the rest of the file and hangs up after so many bytes, each time.
        Cut(usize),
        /// Promises the rest of the file and hangs up at this byte of it.
        Stop(usize),
        /// Sends no more than so many bytes of a range, and says so.
        Less(usize),
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
        let rest = match (manner, content.get(from..).unwrap_or(&[])) {
            (Manner::Less(bytes), rest) if from > 0 => &rest[..bytes.min(rest.len())],
            (_, rest) => rest,
        };
        let last = (from + rest.len()).max(1) - 1;
        let ranged = format!("content-range: bytes {from}-{last}/{}\r\n", content.len());
        let sent = match manner {
            Manner::Cut(bytes) => &rest[..bytes.min(rest.len())],
            Manner::Stop(at) => &rest[..at.saturating_sub(from).min(rest.len())],
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

    /// What lies in a folder, but for the lock.
    fn left(folder: &Folder) -> Vec<String> {
        folder.names().into_iter().filter(|name| name != LOCK).collect()
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
        assert_eq!(left(&folder), ["file.gz"], "no part is left");
        assert!(events.contains(&Event::Bytes { done: 300_000, total: Some(300_000) }));
        assert_eq!(events.last(), Some(&Event::Done));
        let (result, events) = run(&folder, &remote(&content()), &[&server]);
        result.unwrap();
        assert_eq!(events, [Event::Present]);
        assert_eq!(requests(&server), [None], "one request for two calls");
    }

    #[test]
    fn of_several_that_want_a_file_one_asks_for_it() {
        let folder = Folder::new("fetch-several");
        let server = serve(content(), Manner::Good);
        let events: Vec<Vec<Event>> = std::thread::scope(|scope| {
            let calls: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        let (result, events) = run(&folder, &remote(&content()), &[&server]);
                        result.unwrap();
                        events
                    })
                })
                .collect();
            calls.into_iter().map(|call| call.join().unwrap()).collect()
        });
        assert_eq!(requests(&server), [None], "one request for four calls");
        let last = |event: Event| events.iter().filter(|events| events.last() == Some(&event)).count();
        assert_eq!((last(Event::Done), last(Event::Present)), (1, 3), "{events:?}");
        assert_eq!(std::fs::read(folder.path("file.gz")).unwrap(), content());
        // one that waits finds what the other left when it failed
        let folder = Folder::new("fetch-after-another");
        let held = lock(&folder.path(LOCK), || panic!("nobody fetches")).unwrap();
        folder.write("file.gz.part", &content()[..100_000]);
        let server = serve(content(), Manner::Good);
        let events = std::thread::scope(|scope| {
            let (say, heard) = std::sync::mpsc::channel();
            let (folder, server) = (&folder, &server);
            let call = scope.spawn(move || {
                let remote = remote(&content());
                download(folder.root(), &remote, &[server.base], true, &|_| None, Duration::ZERO, &mut |_, event| {
                    say.send(event).unwrap();
                })
            });
            assert_eq!(heard.recv(), Ok(Event::Waiting));
            drop(held);
            call.join().unwrap().unwrap();
            heard.try_iter().collect::<Vec<_>>()
        });
        assert_eq!(requests(&server), [Some("bytes=100000-".into())]);
        assert_eq!(events.last(), Some(&Event::Done));
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
        assert!(left(&folder).is_empty());
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
        assert!(events.is_empty() && requests(&server).is_empty() && left(&folder) == ["file.gz"]);
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
        assert_eq!(left(&folder), ["file.gz"]);

        // However often it breaks off, as long as something comes.
        let folder = Folder::new("fetch-resume-often");
        let server = serve(content(), Manner::Cut(10_000));
        run(&folder, &remote(&content()), &[&server]).0.unwrap();
        assert_eq!(requests(&server).len(), 30);

        // Broken off for good: the part is kept, and another call with another mirror goes on from there.
        let folder = Folder::new("fetch-resume-later");
        let stuck = serve(content(), Manner::Stop(40_000));
        let Err(DataError::Download { tried, .. }) = run(&folder, &remote(&content()), &[&stuck]).0 else {
            panic!("a file that is cut short")
        };
        assert_eq!(tried.len(), ROUNDS as usize, "what still brought something is no failure: {tried:?}");
        assert_eq!(left(&folder), ["file.gz.part"]);
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
        ] {
            let folder = Folder::new("fetch-part");
            folder.write("file.gz.part", &part);
            let server = serve(content(), manner);
            run(&folder, &remote(&content()), &[&server]).0.unwrap();
            assert_eq!(std::fs::read(folder.path("file.gz")).unwrap(), content());
            assert_eq!(left(&folder), ["file.gz"]);
        }
    }

    #[test]
    fn a_part_that_is_whole_gets_its_name_without_a_request() {
        let folder = Folder::new("fetch-whole-part");
        folder.write("file.gz.part", &content());
        let server = serve(content(), Manner::Good);
        let (result, events) = run(&folder, &remote(&content()), &[&server]);
        result.unwrap();
        assert_eq!(events, [Event::Done]);
        assert_eq!(left(&folder), ["file.gz"]);
        assert!(requests(&server).is_empty());
    }

    #[test]
    fn a_server_may_send_less_than_the_range_that_was_asked_for() {
        let folder = Folder::new("fetch-less");
        folder.write("file.gz.part", &content()[..100_000]);
        let server = serve(content(), Manner::Less(150_000));
        run(&folder, &remote(&content()), &[&server]).0.unwrap();
        assert_eq!(requests(&server), [Some("bytes=100000-".into()), Some("bytes=250000-".into())]);
        assert_eq!(std::fs::read(folder.path("file.gz")).unwrap(), content());
        assert_eq!(content_range("bytes 5-9/*"), Some((5, None)));
        assert_eq!(content_range("bytes */300"), None);
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
}
