//! Files that were dropped or picked: each goes where its kind belongs.

use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{DataTransfer, File, FileSystemDirectoryEntry, FileSystemEntry, FileSystemFileEntry};

use super::{Page, Source};
use crate::browser;
use crate::dom::*;
use crate::file_kind::{FileKind, look};
use crate::file_picker::with_paths;

/// Largest file of examples that is read, in bytes.
const LARGEST_FILE: f64 = 30e6;
/// Files that are named after the first that was refused for the same reason.
const NAMED: usize = 8;

impl Page {
    /// What was dropped: a folder of pictures, or files of any kind.
    pub fn open_dropped(self, data: &DataTransfer) {
        // Entries have to be asked for before anything is waited for.
        let items = data.items();
        let entry = |i: u32| items.get(i).and_then(|item| item.webkit_get_as_entry().ok().flatten());
        let entries: Vec<FileSystemEntry> = (0..items.length()).filter_map(entry).collect();
        let files = data.files().map(|files| with_paths(&files)).unwrap_or_default();
        if entries.iter().any(FileSystemEntry::is_directory) {
            spawn_local(async move {
                let mut found = Vec::new();
                for entry in entries {
                    walk(entry, &mut found).await;
                }
                self.examine_pictures(found);
            });
            return;
        }
        self.open_files(files);
    }

    /// A file that was picked.
    pub fn open_file(self, file: File) {
        self.open_files(vec![(file.name(), file)]);
    }

    /// Files that were picked or dropped: each goes where its kind belongs, and what can't be taken is named.
    pub fn open_files(self, files: Vec<(String, File)>) {
        self.skipped.set(None);
        spawn_local(async move {
            let mut sorted = Sorted::default();
            for (path, file) in files {
                sorted.add(path, file).await;
            }
            self.open_sorted(sorted);
        });
    }

    fn open_sorted(self, mut sorted: Sorted) {
        match sorted.pictures.len() {
            0 => {}
            1 if sorted.unread == 0 => {
                let name = sorted.pictures[0].1.name();
                sorted.skip(
                    &name,
                    "is a single picture. Drop at least six of two classes, or a folder with a folder for each class; or \
                     hold a drawing up to the camera",
                );
            }
            _ => {
                self.reveal_own_data();
                self.examine_pictures(std::mem::take(&mut sorted.pictures));
            }
        }
        if let Some(file) = sorted.table.take() {
            self.say(format!("“{}” is a table. It is learned below, under “Your own data”.", file.name()));
            self.reveal_own_data();
            self.examine_table(file);
        }
        if let Some(file) = sorted.examples.take() {
            let name = file.name();
            match file.size() {
                size if size > LARGEST_FILE => sorted.skip(
                    &name,
                    &format!("is {:.0} MB; a file of examples is at most {:.0} MB", size / 1e6, LARGEST_FILE / 1e6),
                ),
                _ => spawn_local(async move {
                    match browser::read(&file).await {
                        Ok(bytes) => self.open_examples(&name, &String::from_utf8_lossy(&bytes)),
                        Err(error) => self.fault(format!("“{name}” could not be read: {error}.")),
                    }
                }),
            }
        }
        if let Some(file) = sorted.learner.take() {
            self.load(Source::File(file));
        }
        self.skipped.set(sorted.words());
    }

    /// Brings the part of the page into sight where tables and pictures are learned.
    fn reveal_own_data(self) {
        let document = browser::window().document();
        if let Some(part) = document.and_then(|d| d.query_selector("[data-testid=import]").ok().flatten()) {
            part.scroll_into_view();
        }
    }
}

/// Files by where they go.
#[derive(Default)]
struct Sorted {
    learner: Option<File>,
    examples: Option<File>,
    table: Option<File>,
    pictures: Vec<(String, File)>,
    /// Pictures that browsers can't read.
    unread: usize,
    /// What can't be taken, and why.
    skipped: Vec<(String, String)>,
}

impl Sorted {
    async fn add(&mut self, path: String, file: File) {
        let name = file.name();
        let (place, what) = match look(&file).await {
            Ok(FileKind::Picture) => return self.pictures.push((path, file)),
            Ok(FileKind::Other(words)) => {
                self.unread += usize::from(words.contains("Browsers can't read it"));
                return self.skip(&name, &words);
            }
            Ok(FileKind::Learner) => (&mut self.learner, "learner"),
            Ok(FileKind::Examples) => (&mut self.examples, "file of examples"),
            Ok(FileKind::Table) => (&mut self.table, "table"),
            Err(error) => return self.skip(&name, &format!("could not be read: {error}")),
        };
        match place {
            None => *place = Some(file),
            Some(first) => {
                let words = format!("was not opened: one {what} at a time, and “{}” came first", first.name());
                self.skip(&name, &words);
            }
        }
    }

    fn skip(&mut self, name: &str, words: &str) {
        self.skipped.push((name.to_owned(), words.trim_end_matches('.').to_owned()));
    }

    /// What was not taken and why, files with the same reason together.
    fn words(&self) -> Option<String> {
        let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
        for (name, words) in &self.skipped {
            match reasons.iter_mut().find(|(reason, _)| reason == words) {
                Some((_, names)) => names.push(name),
                None => reasons.push((words.as_str(), vec![name.as_str()])),
            }
        }
        let sentence = |(words, names): &(&str, Vec<&str>)| {
            let others = names[1..].iter().take(NAMED).map(|name| format!("“{name}”")).collect::<Vec<_>>().join(", ");
            let more = names.len().saturating_sub(1 + NAMED);
            let others = match (others.is_empty(), more) {
                (true, _) => String::new(),
                (false, 0) => format!(" The same goes for {others}."),
                (false, more) => format!(" The same goes for {others} and {more} more."),
            };
            format!("“{}” {words}.{others}", names[0])
        };
        (!reasons.is_empty()).then(|| reasons.iter().map(sentence).collect::<Vec<_>>().join(" "))
    }
}

/// All files below an entry, with their paths.
async fn walk(entry: FileSystemEntry, found: &mut Vec<(String, File)>) {
    let mut open = vec![entry];
    while let Some(entry) = open.pop() {
        let path = entry.full_path().trim_start_matches('/').to_owned();
        if entry.is_directory() {
            let reader = entry.unchecked_into::<FileSystemDirectoryEntry>().create_reader();
            // It gives a part of the folder at a time, and none at its end.
            while let Some(part) =
                awaited(|ok, bad| reader.read_entries_with_callback_and_callback(&ok, &bad).is_ok()).await
            {
                let part: js_sys::Array = part.unchecked_into();
                if part.length() == 0 {
                    break;
                }
                open.extend(part.iter().map(JsCast::unchecked_into::<FileSystemEntry>));
            }
        } else {
            let entry: FileSystemFileEntry = entry.unchecked_into();
            let file = awaited(|ok, bad| {
                entry.file_with_callback_and_callback(&ok, &bad);
                true
            });
            if let Some(file) = file.await {
                found.push((path, file.unchecked_into()));
            }
        }
    }
}

/// What a call with two callbacks gives to the first of them.
async fn awaited(call: impl Fn(js_sys::Function, js_sys::Function) -> bool) -> Option<JsValue> {
    let promise = js_sys::Promise::new(&mut |resolve, reject| {
        if !call(resolve, reject.clone()) {
            let _ = reject.call0(&JsValue::NULL);
        }
    });
    JsFuture::from(promise).await.ok()
}
