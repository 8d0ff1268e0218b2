//! A browser's WebDriver server: its process, and requests to it as JSON over HTTP on the loopback address.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::kind::{BrowserKind, Programs};

/// How long one command to the browser may take.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// How long a server may take to start.
const STARTING: Duration = Duration::from_secs(30);

/// A running server, which ends when this is dropped.
pub struct Driver {
    process: Child,
    port: u16,
    kind: BrowserKind,
    /// Outlives the browser that is shown on it.
    _display: Option<Display>,
}

impl Driver {
    /// Starts the server of a browser whose own files lie in the folder `profile`.
    ///
    /// # Panics
    /// It does not start.
    pub fn start(kind: BrowserKind, programs: &Programs, profile: &Path, dark: bool) -> Driver {
        let display = programs.display.as_deref().map(Display::start);
        let mut said = String::new();
        // A port that was free a moment ago may be taken by another program, and the server then gives up: chromedriver,
        // too, which takes a free port for IPv6 first and finds the same number taken for IPv4.
        for _ in 0..5 {
            let free = free_port();
            let mut command = kind.driver(programs, profile, free, dark);
            if let Some(display) = &display {
                command.env("DISPLAY", &display.name);
            }
            let process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
            let mut process =
                process.unwrap_or_else(|error| panic!("cannot start {}: {error}", programs.driver.display()));
            let port = match kind {
                BrowserKind::WebKit => answering(&mut process, free).then_some(free).ok_or_else(String::new),
                _ => announced_port(&mut process, kind),
            };
            match port {
                Ok(port) => return Driver { process, port, kind, _display: display },
                Err(words) => said = words,
            }
            xtask::shell::end(&mut process);
        }
        panic!("{} ended before it was ready: {said}", programs.driver.display());
    }

    /// One request to the server.
    ///
    /// # Panics
    /// It answers with an error; the panic has its words.
    pub fn send(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.try_send(method, path, body);
        answer.unwrap_or_else(|error| panic!("{}: {method} {path}: {error}", self.kind.name()))
    }

    /// One request to the server.
    ///
    /// # Errors
    /// What the server says, or why it says nothing.
    pub fn try_send(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let body = if method == "POST" { body.to_string() } else { String::new() };
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).map_err(|error| error.to_string())?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(|error| error.to_string())?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            self.port,
            body.len()
        );
        stream
            .write_all(head.as_bytes())
            .and_then(|()| stream.write_all(body.as_bytes()))
            .map_err(|e| e.to_string())?;
        let content = body_of(stream).map_err(|error| format!("no answer: {error}"))?;
        let mut answer: Value = serde_json::from_slice(&content).map_err(|error| error.to_string())?;
        let value = answer["value"].take();
        match value.get("error") {
            Some(error) => Err(format!("{error}: {}", value["message"].as_str().unwrap_or_default())),
            None => Ok(value),
        }
    }
}

impl Driver {
    /// Ends the server.
    pub fn end(&mut self) {
        xtask::shell::end(&mut self.process);
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.end();
    }
}

/// An X server without a screen.
struct Display {
    server: Child,
    /// Its name for programs, such as `:0`.
    name: String,
}

impl Display {
    fn start(program: &Path) -> Display {
        // It looks for a free number by itself, and says which when it is ready.
        let mut command = Command::new(program);
        command.args(["-displayfd", "1", "-screen", "0", "1600x1400x24", "-nolisten", "tcp"]);
        let server = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut server = server.unwrap_or_else(|error| panic!("cannot start {}: {error}", program.display()));
        let mut number = String::new();
        let pipe = server.stdout.take().expect("its output was asked for as a pipe");
        let read = BufReader::new(pipe).read_line(&mut number);
        assert!(read.is_ok() && !number.trim().is_empty(), "{} ended before it was ready", program.display());
        Display { server, name: format!(":{}", number.trim()) }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        xtask::shell::end(&mut self.server);
    }
}

/// A port that nobody listens on now.
fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    listener.expect("the loopback address has a free port").port()
}

/// Waits until a server that says nothing takes connections; false if it ends before.
fn answering(process: &mut Child, port: u16) -> bool {
    let start = Instant::now();
    while start.elapsed() < STARTING && matches!(process.try_wait(), Ok(None)) {
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return true;
        }
        thread::sleep(Duration::from_millis(20));
    }
    false
}

/// Reads the port that the server chose from what it prints, or all it printed before it ended.
fn announced_port(process: &mut Child, kind: BrowserKind) -> Result<u16, String> {
    let pipe = process.stdout.take().expect("its output was asked for as a pipe");
    let mut lines = BufReader::new(pipe).lines();
    let mut said = String::new();
    while let Some(Ok(line)) = lines.next() {
        if let Some(port) = kind.announced_port(&line) {
            // Nobody reads the rest, but a closed pipe would end the server.
            thread::spawn(move || lines.for_each(drop));
            return Ok(port);
        }
        said.push_str(&line);
        said.push('\n');
    }
    Err(said)
}

/// The content of an HTTP answer. The servers keep the connection open, so its length must be heeded.
fn body_of(stream: TcpStream) -> io::Result<Vec<u8>> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    let mut line = String::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        if line.trim_end().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(body)
}
