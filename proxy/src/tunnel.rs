//! The proxy itself: connections, what is asked for in them, and what was.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use rustls::{ServerConnection, StreamOwned};

use crate::answer::{self, Answer};
use crate::authority::Authority;

/// A request for a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The host that was asked.
    pub host: String,
    /// The last part of the address.
    pub file: String,
    /// How often this file was asked for before.
    pub before: usize,
    /// The first byte of the range, if one was asked for.
    pub from: Option<usize>,
    /// Bytes of the file that went out.
    pub sent: usize,
}

type Choice = Box<dyn Fn(&Request) -> Answer + Send + Sync>;
type Greeting = Box<dyn Fn(usize) -> u16 + Send + Sync>;

/// A proxy that is being described.
pub struct Proxy {
    files: BTreeMap<String, Vec<u8>>,
    answer: Choice,
    connect: Greeting,
}

impl Proxy {
    /// Serves files well, by the last part of their addresses, and says 404 for others.
    pub fn new(files: BTreeMap<String, Vec<u8>>) -> Proxy {
        Proxy { files, answer: Box::new(|_| Answer::Good), connect: Box::new(|_| 200) }
    }

    /// What each request for a file of it gets.
    #[must_use]
    pub fn answer(self, choose: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Proxy {
        Proxy { answer: Box::new(choose), ..self }
    }

    /// The status that each CONNECT gets, by the number of those before it. All but 200 refuse it.
    #[must_use]
    pub fn connect(self, choose: impl Fn(usize) -> u16 + Send + Sync + 'static) -> Proxy {
        Proxy { connect: Box::new(choose), ..self }
    }

    /// Runs it on this machine.
    ///
    /// # Panics
    /// There is no free port.
    pub fn start(self) -> Running {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("it has one"));
        let shared = Arc::new(Shared { proxy: self, authority: Authority::new(), log: Mutex::default() });
        let running = Running { address, shared: shared.clone() };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = shared.clone();
                shared.log().open += 1;
                thread::spawn(move || {
                    // a client that trusts nothing, or was killed, hangs up: that is no fault of the proxy
                    let _ = shared.serve(stream);
                    shared.log().open -= 1;
                });
            }
        });
        running
    }
}

/// A proxy at work.
pub struct Running {
    /// Where it is, as `HTTPS_PROXY` wants it.
    pub address: String,
    shared: Arc<Shared>,
}

impl Running {
    /// The certificate of its authority, in PEM.
    pub fn authority(&self) -> &str {
        &self.shared.authority.pem
    }

    /// The targets of all CONNECTs, such as `data.example:443`.
    pub fn connections(&self) -> Vec<String> {
        self.shared.log().connections.clone()
    }

    /// The requests for files that came through, in their order.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.log().requests.clone()
    }

    /// Waits until no connection is open, so that all that killed clients asked for is among the requests.
    pub fn settle(&self) {
        while self.shared.log().open > 0 {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

#[derive(Default)]
struct Log {
    /// Connections that have not ended.
    open: usize,
    connections: Vec<String>,
    requests: Vec<Request>,
}

struct Shared {
    proxy: Proxy,
    authority: Authority,
    log: Mutex<Log>,
}

impl Shared {
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One connection from CONNECT to its end, with one request in it.
    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let request = head(&mut stream)?;
        let target = request.split(' ').nth(1).unwrap_or_default().to_owned();
        let before = {
            let mut log = self.log();
            log.connections.push(target.clone());
            log.connections.len() - 1
        };
        let status = (self.proxy.connect)(before);
        if status != 200 {
            return write!(stream, "HTTP/1.1 {status} Refused\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        }
        stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
        let (host, port) = target.rsplit_once(':').unwrap_or((&target, ""));
        if port != "443" {
            return self.respond(host, &mut stream);
        }
        let config = self.authority.stand_in(host).ok_or(io::ErrorKind::InvalidInput)?;
        let connection = ServerConnection::new(config).map_err(io::Error::other)?;
        let mut inside = StreamOwned::new(connection, stream);
        self.respond(host, &mut inside)?;
        inside.conn.send_close_notify();
        inside.flush()
    }

    /// Answers the request in a tunnel. An error ends the connection where it is, without the end that TLS has.
    fn respond(&self, host: &str, tunnel: &mut (impl Read + Write)) -> io::Result<()> {
        let head = head(tunnel)?;
        let path = head.split(' ').nth(1).unwrap_or_default();
        let file = path.rsplit('/').next().unwrap_or_default().to_owned();
        let (request, place) = {
            let mut log = self.log();
            let before = log.requests.iter().filter(|other| other.file == file).count();
            log.requests.push(Request { host: host.to_owned(), file, before, from: range(&head), sent: 0 });
            (log.requests[log.requests.len() - 1].clone(), log.requests.len() - 1)
        };
        let content = self.proxy.files.get(&request.file);
        let choice = content.map_or(Answer::Status(404), |_| (self.proxy.answer)(&request));
        let mut sent = 0;
        let written = answer::write(tunnel, content.map_or(&[], Vec::as_slice), request.from, choice, &mut sent);
        self.log().requests[place].sent = sent;
        match choice {
            Answer::Cut(_) => Err(io::ErrorKind::ConnectionAborted.into()),
            _ => written,
        }
    }
}

/// The head of a request.
fn head(from: &mut impl Read) -> io::Result<String> {
    let (mut text, mut byte) = (Vec::new(), [0]);
    while !text.ends_with(b"\r\n\r\n") {
        from.read_exact(&mut byte)?;
        text.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// The first byte of the range that a request asks for.
fn range(head: &str) -> Option<usize> {
    head.to_lowercase().lines().find_map(|line| line.strip_prefix("range: bytes=")?.strip_suffix('-')?.parse().ok())
}
