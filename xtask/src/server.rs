//! A small static file server for the built page, on the loopback address only.
//!
//! It answers GET and HEAD, never leaves its folder, and sends the same Content-Security-Policy that the page's own
//! `<meta>` element carries, so that what is tested here is what a static host would give.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// The longest request head that is read, in bytes.
const LONGEST_HEAD: u64 = 16 * 1024;

/// The longest report that is read, in bytes.
const LONGEST_REPORT: u64 = 64 * 1024;

/// How long one client may take to send its request or to take its answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running server. It serves until the process ends.
pub struct Server {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    away: Arc<AtomicBool>,
}

/// What every connection needs to know.
struct Site {
    root: PathBuf,
    policy: Option<String>,
    /// Takes what is posted to /report, for a page that measures.
    reports: Option<Sender<String>>,
    /// Whether pages of other sites may use its files.
    shared: bool,
}

impl Server {
    /// Serves `root` on 127.0.0.1. Port 0 lets the system choose a free one.
    ///
    /// # Errors
    /// When `root` has no `index.html` (the page was not built), or the port is taken.
    pub fn start(root: &Path, port: u16) -> Result<Server, String> {
        Server::listen(root, port, None, false)
    }

    /// Serves a page that measures: what it posts to /report comes out of the receiver, every file is fetched anew, and the
    /// page is isolated from other origins, without which browsers give it no threads.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_measuring(root: &Path) -> Result<(Server, Receiver<String>), String> {
        let (sender, receiver) = mpsc::channel();
        Ok((Server::listen(root, 0, Some(sender), false)?, receiver))
    }

    /// Serves files that pages of any other site may use, as a content delivery network does.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_shared(root: &Path) -> Result<Server, String> {
        Server::listen(root, 0, None, true)
    }

    fn listen(root: &Path, port: u16, reports: Option<Sender<String>>, shared: bool) -> Result<Server, String> {
        let index = root.join("index.html");
        let page = fs::read_to_string(&index)
            .map_err(|error| format!("cannot read {}: {error}. Build the page first.", index.display()))?;
        let root = root.canonicalize().map_err(|error| format!("cannot open {}: {error}", root.display()))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .map_err(|error| format!("cannot listen on 127.0.0.1:{port}: {error}. Try another port."))?;
        let address = listener.local_addr().map_err(|error| format!("cannot learn the server's address: {error}"))?;

        let site = Arc::new(Site { root, policy: policy_of(&page), reports, shared });
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        let away = Arc::new(AtomicBool::new(false));
        let gone = Arc::clone(&away);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if gone.load(Ordering::Relaxed) {
                    continue;
                }
                let (site, log) = (Arc::clone(&site), Arc::clone(&log));
                thread::spawn(move || {
                    // A client that goes away is its own business.
                    let _ = answer(&site, &log, stream);
                });
            }
        });
        Ok(Server { address, requests, away })
    }

    /// The page's address, with a slash at its end.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Whether it hangs up on everybody, as if the network were gone.
    pub fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::Relaxed);
    }

    /// The first line of every request so far, in order of arrival.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no thread panics with this lock").clone()
    }
}

/// The policy in the page's `<meta http-equiv="Content-Security-Policy" content="…">`, if there is one.
fn policy_of(page: &str) -> Option<String> {
    let (_, rest) = page.split_once("Content-Security-Policy")?;
    let (_, rest) = rest.split_once("content=\"")?;
    let (policy, _) = rest.split_once('"')?;
    Some(policy.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn answer(site: &Site, log: &Mutex<Vec<String>>, mut stream: TcpStream) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut head = BufReader::new(stream.try_clone()?.take(LONGEST_HEAD));
    let mut first = String::new();
    head.read_line(&mut first)?;
    // The rest of the head holds nothing that a static file depends on; it is read to keep the protocol.
    let mut line = String::new();
    let mut length = 0;
    loop {
        line.clear();
        if head.read_line(&mut line)? == 0 || line.trim_end().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0).min(LONGEST_REPORT);
        }
    }
    log.lock().expect("no thread panics with this lock").push(first.trim_end().to_string());

    let mut words = first.split_whitespace();
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    if let (Some(reports), "POST", "/report") = (&site.reports, method, target) {
        head.get_mut().set_limit(length);
        let mut report = vec![0; length as usize];
        head.read_exact(&mut report)?;
        // Whoever waited for it may have given up.
        let _ = reports.send(String::from_utf8_lossy(&report).into_owned());
        return send(&mut stream, site, "204 No Content", "text/plain; charset=utf-8", b"", false);
    }
    let with_body = method == "GET";
    if !with_body && method != "HEAD" {
        return send(
            &mut stream,
            site,
            "405 Method Not Allowed",
            "text/plain; charset=utf-8",
            b"GET or HEAD only\n",
            true,
        );
    }
    match file_for(&site.root, target).and_then(|path| Some((fs::read(&path).ok()?, path))) {
        Some((body, path)) => send(&mut stream, site, "200 OK", content_type(&path), &body, with_body),
        None => send(&mut stream, site, "404 Not Found", "text/plain; charset=utf-8", b"no such file\n", with_body),
    }
}

fn send(
    stream: &mut TcpStream,
    site: &Site,
    status: &str,
    content_type: &str,
    body: &[u8],
    with_body: bool,
) -> io::Result<()> {
    let cache = if site.reports.is_some() { "no-store" } else { "no-cache" };
    let mut head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nConnection: close\r\n\
         Cache-Control: {cache}\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\
         Cross-Origin-Resource-Policy: {}\r\n",
        body.len(),
        if site.shared { "cross-origin" } else { "same-origin" }
    );
    if site.shared {
        head.push_str("Access-Control-Allow-Origin: *\r\n");
    }
    if status.starts_with("405") {
        head.push_str("Allow: GET, HEAD\r\n");
    }
    if site.reports.is_some() {
        head.push_str("Cross-Origin-Opener-Policy: same-origin\r\nCross-Origin-Embedder-Policy: require-corp\r\n");
    }
    if let Some(policy) = &site.policy {
        // Without frame-ancestors, which a <meta> element could not carry: articles may hold the page in a frame.
        head.push_str(&format!("Content-Security-Policy: {policy}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())?;
    if with_body {
        stream.write_all(body)?;
    }
    stream.flush()
}

/// The file that a request's target names, or `None` when there is none inside `root`.
fn file_for(root: &Path, target: &str) -> Option<PathBuf> {
    let path = target.split(['?', '#']).next()?.strip_prefix('/')?;
    let path = percent_decoded(path)?;
    if path.contains(['\\', '\0', ':']) {
        return None;
    }
    let relative = Path::new(&path);
    // Plain names only: no `..`, no absolute path, and no hidden file.
    let plain = |part| matches!(part, Component::Normal(name) if !name.to_string_lossy().starts_with('.'));
    if !relative.components().all(plain) {
        return None;
    }
    let mut file = root.join(relative);
    if file.is_dir() {
        file.push("index.html");
    }
    // A link inside the folder must not lead out of it either.
    let file = file.canonicalize().ok()?;
    (file.starts_with(root) && file.is_file()).then_some(file)
}

/// `%41` → `A`; `None` for broken escapes and for what is not UTF-8.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            if !digits.iter().all(u8::is_ascii_hexdigit) {
                return None;
            }
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()).unwrap_or("") {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        // The exact type is needed for streaming compilation.
        "wasm" => "application/wasm",
        "json" | "webmanifest" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" | "md" => "text/plain; charset=utf-8",
        // safetensors has no registered type.
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder `site` with a page and a model, beside a file that must stay out of reach.
    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("xtask-server-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("site/models")).unwrap();
        fs::write(folder.join("secret.txt"), "secret").unwrap();
        fs::write(folder.join("site/.hidden"), "hidden").unwrap();
        fs::write(folder.join("site/models/a b.safetensors"), [1, 2, 3]).unwrap();
        fs::write(folder.join("site/app.wasm"), b"\0asm").unwrap();
        fs::write(
            folder.join("site/index.html"),
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';\n  script-src 'self'\">",
        )
        .unwrap();
        folder
    }

    fn ask(server: &Server, request: &str) -> String {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[test]
    fn files_come_with_their_type_and_the_policy_of_the_page() {
        let folder = folder("types");
        let server = Server::start(&folder.join("site"), 0).unwrap();
        let page = ask(&server, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
        assert!(page.contains("Content-Type: text/html"), "{page}");
        let policy = "Content-Security-Policy: default-src 'none'; script-src 'self'\r\n";
        assert!(page.contains(policy), "{page}");
        let wasm = ask(&server, "GET /app.wasm?v=1 HTTP/1.1\r\n\r\n");
        assert!(wasm.contains("Content-Type: application/wasm\r\nContent-Length: 4\r\n"), "{wasm}");
        assert!(wasm.ends_with("\0asm"), "{wasm}");
        let model = ask(&server, "GET /models/a%20b.safetensors HTTP/1.1\r\n\r\n");
        assert!(model.contains("200 OK") && model.contains("application/octet-stream"), "{model}");
        assert_eq!(server.requests().len(), 3);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn head_has_no_body_and_other_methods_are_refused() {
        let folder = folder("methods");
        let server = Server::start(&folder.join("site"), 0).unwrap();
        let head = ask(&server, "HEAD /app.wasm HTTP/1.1\r\n\r\n");
        assert!(
            head.contains("200 OK") && head.contains("Content-Length: 4\r\n") && head.ends_with("\r\n\r\n"),
            "{head}"
        );
        for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
            let answer = ask(&server, &format!("{method} / HTTP/1.1\r\n\r\n"));
            assert!(answer.starts_with("HTTP/1.1 405") && answer.contains("Allow: GET, HEAD"), "{answer}");
        }
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_page_that_measures_is_isolated_and_its_reports_come_out() {
        let folder = folder("reports");
        let (server, reports) = Server::start_measuring(&folder.join("site")).unwrap();
        let answer = ask(&server, "POST /report HTTP/1.1\r\ncontent-length: 9\r\n\r\na,b,1,2.5");
        assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
        assert_eq!(reports.recv().unwrap(), "a,b,1,2.5");
        let page = ask(&server, "GET / HTTP/1.1\r\n\r\n");
        assert!(page.contains("Cross-Origin-Embedder-Policy: require-corp") && page.contains("no-store"), "{page}");
        let elsewhere = ask(&server, "POST / HTTP/1.1\r\ncontent-length: 1\r\n\r\na");
        assert!(elsewhere.starts_with("HTTP/1.1 405"), "{elsewhere}");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn nothing_outside_the_folder_can_be_read() {
        let folder = folder("escape");
        #[cfg(unix)]
        std::os::unix::fs::symlink(folder.join("secret.txt"), folder.join("site/link.txt")).unwrap();
        let server = Server::start(&folder.join("site"), 0).unwrap();
        let secret = folder.join("secret.txt");
        let absolute = format!("/{}", secret.display());
        for target in [
            "/../secret.txt",
            "/%2e%2e/secret.txt",
            "/models/../../secret.txt",
            "/..%2fsecret.txt",
            "/..\\secret.txt",
            "/.hidden",
            "/link.txt",
            "/%",
            "/%zz",
            "/%+1",
            "/%00",
            "secret.txt",
            "",
            &absolute,
        ] {
            let answer = ask(&server, &format!("GET {target} HTTP/1.1\r\n\r\n"));
            assert!(answer.starts_with("HTTP/1.1 404"), "{target}: {answer}");
            assert!(!answer.ends_with("secret") && !answer.ends_with("hidden"), "{target}: {answer}");
        }
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_folder_without_a_page_and_a_taken_port_are_told() {
        let folder = folder("faults");
        let error = Server::start(&folder, 0).err().expect("there is no index.html here");
        assert!(error.contains("index.html") && error.contains("Build the page"), "{error}");
        let first = Server::start(&folder.join("site"), 0).unwrap();
        let error = Server::start(&folder.join("site"), first.address.port()).err().expect("the port is taken");
        assert!(error.contains("another port"), "{error}");
        fs::remove_dir_all(folder).unwrap();
    }
}
