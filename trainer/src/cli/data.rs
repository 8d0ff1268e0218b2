//! `trainer data`

use std::fmt::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use clap::Subcommand;
use trainer::data::{self, Event, State, fetch};

use super::output::{Ended, note, print};
use super::progress::{Heartbeat, above, bar};

#[derive(Subcommand)]
pub enum Arguments {
    /// Data sets that can be fetched and folders that are there
    List,
    /// Download data sets, with checksums and resume
    ///
    /// Uses the certificates that this system trusts, or those of SSL_CERT_FILE and SSL_CERT_DIR, and the proxy of
    /// HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, except for hosts of NO_PROXY.
    Fetch {
        /// Names, such as mnist
        #[arg(required = true)]
        names: Vec<String>,
        /// Replace files that are there and differ from the published ones
        #[arg(long)]
        overwrite: bool,
    },
    /// Compare files on disk with their checksums
    Verify {
        /// Names; all that are there if none is given
        names: Vec<String>,
    },
}

/// Lists, fetches or verifies data sets.
pub fn run(arguments: &Arguments, dir: &Path) -> Ended {
    match arguments {
        Arguments::List => list(dir),
        Arguments::Fetch { names, overwrite } => {
            names.iter().try_for_each(|name| fetch_one(name, dir, *overwrite).map_err(Into::into))
        }
        Arguments::Verify { names } => verify(names, dir),
    }
}

fn list(dir: &Path) -> Ended {
    let mut text = format!("data directory: {}\n", dir.display());
    for set in fetch::list(dir) {
        let state = if set.present { "here" } else { "not here" };
        let size = match set.bytes {
            0 => String::new(),
            bytes => format!("{:.0} MB", bytes as f64 / 1e6),
        };
        writeln!(text, "  {:<16} {state:<9} {size:>7}  {}  {}", set.name, set.about, set.licence)?;
    }
    Ok(print(&text)?)
}

/// What is being downloaded: its name, the bytes that are here, those of the whole file.
type Download = (String, u64, Option<u64>);

fn fetch_one(name: &str, dir: &Path, overwrite: bool) -> Result<(), data::DataError> {
    let bar = bar(0, "{msg}  {bar:24} {bytes}/{total_bytes}  {bytes_per_sec}");
    let state: Arc<Mutex<Option<Download>>> = Arc::default();
    let seen = state.clone();
    let heartbeat = bar.is_none().then(|| {
        Heartbeat::new(move |_| {
            if let Some((file, done, total)) = &*seen.lock().unwrap_or_else(PoisonError::into_inner) {
                let all = total.map(|total| format!(" of {:.1}", total as f64 / 1e6)).unwrap_or_default();
                note(format!("{file}: {:.1}{all} MB", *done as f64 / 1e6));
            }
        })
    });
    let set = |value| *state.lock().unwrap_or_else(PoisonError::into_inner) = value;
    let result = fetch::fetch(name, dir, overwrite, &mut |file, event| {
        let line = |text: String| above(bar.as_ref(), format!("{file}: {text}"));
        match event {
            Event::Present => line("here already, checksum right".into()),
            Event::Waiting => line("another process is fetching into this folder; waiting for it".into()),
            Event::Start { url, from } => {
                set(Some((file.to_owned(), from, None)));
                if let Some(bar) = &bar {
                    bar.set_message(file.to_owned());
                }
                match from {
                    0 => line(format!("from {url}")),
                    from => line(format!("from {url}, going on at byte {from}")),
                }
            }
            Event::Bytes { done, total } => {
                set(Some((file.to_owned(), done, total)));
                if let Some(bar) = &bar {
                    bar.set_length(total.unwrap_or(done));
                    bar.set_position(done);
                }
            }
            Event::Failed { reason } => line(reason),
            Event::Done => {
                set(None);
                line("done, checksum right".into());
            }
            Event::Convert => line("converting".into()),
        }
    });
    drop(heartbeat);
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    note(format!("{name} is in {}", result?.display()));
    Ok(())
}

fn verify(names: &[String], dir: &Path) -> Ended {
    let names = if names.is_empty() { data::folders(dir) } else { names.to_vec() };
    let (mut text, mut wrong) = (String::new(), 0);
    for name in &names {
        for (file, state) in fetch::verify(name, dir)? {
            let words = match &state {
                State::Right => "right".to_owned(),
                State::Readable => "readable (no checksum is known)".to_owned(),
                State::Missing => "missing".to_owned(),
                State::Wrong(how) => format!("WRONG: {how}"),
            };
            wrong += usize::from(matches!(state, State::Missing | State::Wrong(_)));
            writeln!(text, "{name}/{file}: {words}")?;
        }
    }
    print(&text)?;
    match wrong {
        0 => Ok(()),
        wrong => {
            let advice = "fetch missing ones with `trainer data fetch NAME`, and replace wrong ones with --overwrite";
            Err(format!("{wrong} files are missing or wrong; {advice}").into())
        }
    }
}
