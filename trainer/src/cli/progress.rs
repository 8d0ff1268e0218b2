//! Progress: a bar on a terminal, elsewhere a line now and then.

use std::io::IsTerminal;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::output::note;

/// Calls a function now and then until it is dropped.
pub struct Heartbeat {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Heartbeat {
    /// `beat` gets the seconds since the start.
    pub fn new(beat: impl FnMut(f64) + Send + 'static) -> Heartbeat {
        Heartbeat::every(pause, beat)
    }

    fn every(
        pause: impl Fn(Duration) -> Duration + Send + 'static,
        mut beat: impl FnMut(f64) + Send + 'static,
    ) -> Heartbeat {
        let (end, ended) = mpsc::channel();
        let start = Instant::now();
        let thread = std::thread::spawn(move || {
            while ended.recv_timeout(pause(start.elapsed())) == Err(RecvTimeoutError::Timeout) {
                beat(start.elapsed().as_secs_f64());
            }
        });
        Heartbeat { end: Some(end), thread: Some(thread) }
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// From a line each ten seconds to one a minute.
fn pause(elapsed: Duration) -> Duration {
    (elapsed / 5).clamp(Duration::from_secs(10), Duration::from_secs(60))
}

/// A bar, if standard error is a terminal.
pub fn bar(length: u64, template: &str) -> Option<ProgressBar> {
    std::io::stderr().is_terminal().then(|| {
        let bar = ProgressBar::new(length);
        bar.set_style(ProgressStyle::with_template(template).expect("a valid template"));
        bar
    })
}

/// Prints a line above a bar, or as it is where there is none.
pub fn above(bar: Option<&ProgressBar>, text: impl std::fmt::Display) {
    match bar {
        Some(bar) => bar.suspend(|| note(text)),
        None => note(text),
    }
}

/// `1 h 05 min`, `3 min`, `20 s`.
pub fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.0} h {:02.0} min", (s / 3600.0).floor(), (s % 3600.0) / 60.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn a_heart_beats_until_its_end() {
        let count = Arc::new(AtomicUsize::new(0));
        let beats = count.clone();
        let heart = Heartbeat::every(
            |_| Duration::from_millis(2),
            move |_| {
                beats.fetch_add(1, Ordering::Relaxed);
            },
        );
        while count.load(Ordering::Relaxed) < 3 {
            std::thread::yield_now();
        }
        drop(heart);
        let after = count.load(Ordering::Relaxed);
        assert_eq!(Arc::strong_count(&count), 1, "the thread has ended");
        assert_eq!(count.load(Ordering::Relaxed), after);
        assert_eq!(pause(Duration::ZERO), Duration::from_secs(10));
        assert_eq!(pause(Duration::from_secs(3_600)), Duration::from_secs(60));
    }
}
