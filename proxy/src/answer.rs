//! How a request for a file is answered, well or badly.

use std::io::{self, Write};
use std::thread;
use std::time::Duration;

/// What a request for a file gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The file, or the range of it that was asked for.
    Good,
    /// The connection ends after so many bytes of the file or range.
    Cut(usize),
    /// No more than so many bytes of the range, and a header that says so: a server need not send all that is asked for.
    Less(usize),
    /// The whole file, whatever range was asked for.
    Whole,
    /// Status 416, whatever range was asked for.
    NoRange,
    /// A `content-length` that is wrong by so many bytes.
    Length(isize),
    /// The byte of the file at this place is another.
    Spoiled(usize),
    /// Pieces of so many bytes, and a wait after each.
    Slow(usize, Duration),
    /// This status, and a page that says so.
    Status(u16),
}

/// Writes an answer with the file, or its part from some byte on, and adds the bytes of the file to `sent`.
///
/// # Errors
/// The other side hung up.
pub(crate) fn write(
    to: &mut impl Write,
    file: &[u8],
    from: Option<usize>,
    answer: Answer,
    sent: &mut usize,
) -> io::Result<()> {
    let from = from.filter(|_| answer != Answer::Whole);
    let start = from.unwrap_or(0);
    let beyond = start > 0 && start >= file.len();
    match answer {
        Answer::Status(status) => return page(to, status),
        Answer::NoRange => return page(to, 416),
        _ if beyond => return page(to, 416),
        _ => {}
    }
    let mut body = file[start..].to_vec();
    match answer {
        Answer::Less(bytes) if from.is_some() => body.truncate(bytes.max(1)),
        Answer::Spoiled(at) if at >= start => body[at - start] ^= 1,
        _ => {}
    }
    let length = match answer {
        Answer::Length(by) => body.len().saturating_add_signed(by),
        _ => body.len(),
    };
    let status = match from {
        Some(from) => {
            let last = (from + body.len()).saturating_sub(1);
            format!("206 Partial Content\r\ncontent-range: bytes {from}-{last}/{}", file.len())
        }
        None => "200 OK".into(),
    };
    write!(to, "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n")?;
    let (piece, pause) = match answer {
        Answer::Slow(piece, pause) => (piece.max(1), pause),
        _ => (1 << 16, Duration::ZERO),
    };
    if let Answer::Cut(bytes) = answer {
        body.truncate(bytes);
    }
    for part in body.chunks(piece) {
        to.write_all(part)?;
        to.flush()?;
        *sent += part.len();
        thread::sleep(pause);
    }
    to.flush()
}

/// An answer without the file.
fn page(to: &mut impl Write, status: u16) -> io::Result<()> {
    let text = format!("<html>status {status}</html>");
    write!(to, "HTTP/1.1 {status} Other\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{text}", text.len())?;
    to.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(from: Option<usize>, answer: Answer) -> (usize, String) {
        let (mut bytes, mut sent) = (Vec::new(), 0);
        write(&mut bytes, b"abcdefghij", from, answer, &mut sent).unwrap();
        (sent, String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn files_and_ranges_are_sent_as_servers_do() {
        let (sent, text) = written(None, Answer::Good);
        assert_eq!(sent, 10);
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.contains("content-length: 10\r\n"), "{text}");
        let (sent, text) = written(Some(4), Answer::Good);
        assert_eq!(sent, 6);
        assert!(text.starts_with("HTTP/1.1 206 ") && text.contains("content-range: bytes 4-9/10\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\nefghij"), "{text}");
        assert!(written(Some(10), Answer::Good).1.starts_with("HTTP/1.1 416 "));
    }

    #[test]
    fn faults_are_those_asked_for() {
        let (sent, text) = written(None, Answer::Cut(3));
        assert!(sent == 3 && text.contains("content-length: 10\r\n") && text.ends_with("\r\n\r\nabc"), "{text}");
        let (_, text) = written(Some(4), Answer::Less(2));
        assert!(text.contains("bytes 4-5/10") && text.contains("content-length: 2\r\n") && text.ends_with("ef"));
        let (_, text) = written(Some(4), Answer::Whole);
        assert!(text.starts_with("HTTP/1.1 200 OK") && text.ends_with("abcdefghij"), "{text}");
        assert!(written(None, Answer::Length(-4)).1.contains("content-length: 6\r\n"));
        // f becomes g
        assert!(written(Some(4), Answer::Spoiled(5)).1.ends_with("\r\n\r\negghij"));
        assert!(written(Some(4), Answer::NoRange).1.starts_with("HTTP/1.1 416 "));
        let (sent, text) = written(None, Answer::Status(404));
        assert!(sent == 0 && text.starts_with("HTTP/1.1 404 "), "{text}");
    }
}
