//! A proxy for tests of downloads. As companies have them, it opens the TLS connections that go through it, with certificates
//! of an authority of its own. It passes nothing on: it answers in the place of every host, with files that a test gives it,
//! and fails where the test says so.
//!
//! A [`Proxy`] begins with its files. [`Proxy::answer`] chooses what each request for a file gets, [`Proxy::connect`] how each
//! connection begins; [`Proxy::start`] runs it on this machine until the process ends, and [`Running`] says what was asked for.

mod answer;
mod authority;
mod tunnel;

pub use answer::Answer;
pub use tunnel::{Proxy, Request, Running};
