//! Files that were dropped or picked: each goes where its kind belongs.

use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{DataTransfer, File, FileSystemDirectoryEntry, FileSystemEntry, FileSystemFileEntry};

use super::{Page, Source};
use crate::browser;
use crate::file_kind::{FileKind, look, part};
use crate::file_picker::with_paths;
use crate::own_data::images::{FEWEST, is_hidden, is_picture};
use crate::own_data::messages::Sketches;
use crate::skipped::Skipped;
use dom::*;

/// Largest file of examples that is read, in bytes.
const LARGEST_FILE: f64 = 30e6;
/// Largest archive that is unpacked, in bytes.
const LARGEST_PACKED: f64 = 100e6;
/// How much of a file of drawings is read, in bytes; a drawing is some 500.
const SKETCHES_READ: f64 = 2e6;
/// Why a table or pictures have to wait.
const ONE_AT_A_TIME: &str = "was not opened: the page learns a table or pictures, not both at a time";

impl Page {
    /// What was dropped: a folder of pictures, or files of any kind.
    pub fn open_dropped(self, data: &DataTransfer) {
        // Entries have to be asked for before anything is waited for.
        let items = data.items();
        let entry = |i: u32| items.get(i).and_then(|item| item.webkit_get_as_entry().ok().flatten());
        let entries: Vec<FileSystemEntry> = (0..items.length()).filter_map(entry).collect();
        let files = data.files().map(|files| with_paths(&files)).unwrap_or_default();
        if entries.iter().any(FileSystemEntry::is_directory) {
            self.skipped.set(Skipped::default());
            spawn_local(async move {
                let mut sorted = Sorted::default();
                for entry in entries {
                    walk(self, entry, &mut sorted).await;
                }
                self.open_sorted(sorted);
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
        self.skipped.set(Skipped::default());
        spawn_local(async move {
            self.open_sorted(Sorted::of(self, files).await);
        });
    }

    /// A table that was picked; arrays and archives may hold something else.
    pub fn open_table(self, file: File) {
        spawn_local(async move {
            match look(&file).await {
                Ok(FileKind::Archive | FileKind::Arrays) => self.open_file(file),
                _ => self.examine_table(file),
            }
        });
    }

    /// Pictures that were picked to be learned; what else is among them is named.
    pub fn open_pictures(self, files: Vec<(String, File)>) {
        self.skipped.set(Skipped::default());
        spawn_local(async move {
            let mut sorted = Sorted::of(self, files).await;
            let others = [sorted.learner.take(), sorted.examples.take(), sorted.table.take()].into_iter().flatten();
            let sketches = std::mem::take(&mut sorted.sketches).into_iter().map(|(_, file)| file);
            for file in others.chain(sketches) {
                sorted.skipped.add(&file.name(), "is no picture. Drop it anywhere on the page to open it");
            }
            self.skipped.set(sorted.skipped);
            self.examine_pictures(sorted.pictures);
        });
    }

    fn open_sorted(self, mut sorted: Sorted) {
        if sorted.table.is_some() && sorted.pictures.len() >= FEWEST {
            // such as labels beside the pictures
            let table = sorted.table.take();
            sorted.skipped.add(&table.map(|table| table.name()).unwrap_or_default(), ONE_AT_A_TIME);
        } else if let Some(list) = sorted.examples.take_if(|_| sorted.pictures.len() >= FEWEST) {
            // such as what a program says of its pictures
            sorted.skipped.add(&list.name(), ONE_AT_A_TIME);
        } else if sorted.table.is_some() {
            for (_, picture) in std::mem::take(&mut sorted.pictures) {
                sorted.skipped.add(&picture.name(), ONE_AT_A_TIME);
            }
        }
        let mut pictures = Vec::new();
        match sorted.pictures.len() {
            0 => {}
            1 if sorted.unread == 0 => {
                let name = sorted.pictures[0].1.name();
                sorted.skipped.add(
                    &name,
                    "is a single picture. Drop at least six pictures of two classes, or a folder that has a folder for \
                     each class. To ask about one drawing on paper, use the camera",
                );
            }
            _ => {
                self.reveal_own_data();
                pictures = std::mem::take(&mut sorted.pictures);
            }
        }
        if let Some(file) = sorted.table.take() {
            self.say(format!("“{}” is a table. Its results are below, under “Your own data”.", file.name()));
            self.reveal_own_data();
            self.examine_table(file);
        }
        if let Some(file) = sorted.examples.take() {
            let name = file.name();
            match too_large(&file, LARGEST_FILE) {
                Some(words) => sorted.skipped.add(&name, &words),
                None => spawn_local(async move {
                    match browser::read(&file).await {
                        Ok(bytes) => self.open_examples(&name, &String::from_utf8_lossy(&bytes)),
                        Err(error) => self.fault(format!("“{name}” could not be read: {error}.")),
                    }
                }),
            }
        }
        self.open_sketches(std::mem::take(&mut sorted.sketches));
        if let Some(file) = sorted.learner.take() {
            self.load(Source::File(file));
        }
        self.skipped.set(sorted.skipped);
        if !pictures.is_empty() {
            self.examine_pictures(pictures);
        }
    }

    /// Opens drawings of other programs as a set of examples. A file can hold a hundred thousand, of which the first are taken.
    fn open_sketches(self, files: Vec<(String, File)>) {
        let Some(name) = files.first().map(|(_, file)| file.name()) else { return };
        spawn_local(async move {
            let (mut bytes, mut lengths) = (Vec::new(), Vec::new());
            for (_, file) in &files {
                let mut first = match part(file, 0.0, SKETCHES_READ).await {
                    Ok(first) => first,
                    Err(error) => return self.fault(format!("“{}” could not be read: {error}.", file.name())),
                };
                if file.size() > SKETCHES_READ && first.starts_with(b"{") {
                    first.truncate(first.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1));
                }
                lengths.push(first.len() as u32);
                bytes.append(&mut first);
            }
            let paths: Vec<String> = files.into_iter().map(|(path, _)| path).collect();
            let (lengths, paths, most_classes) = (&lengths[..], &paths[..], self.most_classes());
            match self.own_data.reader().sketches(&Sketches { bytes: &bytes, lengths, paths, most_classes }).await {
                Ok(text) => self.open_examples(&name, &text),
                Err(error) => self.fault(format!("“{name}” can’t be opened: {error}.")),
            }
        });
    }

    /// Brings the part of the page into sight where tables and pictures are learned.
    fn reveal_own_data(self) {
        let document = browser::window().document();
        if let Some(part) = document.and_then(|d| d.query_selector("[data-testid=import]").ok().flatten()) {
            part.scroll_into_view();
        }
    }
}

/// Why a file is not read whole.
fn too_large(file: &File, most: f64) -> Option<String> {
    let found = file.size();
    (found > most).then(|| format!("is {:.0} MB; the page opens {:.0} MB of its kind", found / 1e6, most / 1e6))
}

/// Files by where they go.
#[derive(Default)]
struct Sorted {
    learner: Option<File>,
    examples: Option<File>,
    /// Drawings of other programs, with their paths.
    sketches: Vec<(String, File)>,
    table: Option<File>,
    pictures: Vec<(String, File)>,
    /// Pictures that browsers can't read.
    unread: usize,
    /// What can't be taken.
    skipped: Skipped,
}

impl Sorted {
    async fn of(page: Page, files: Vec<(String, File)>) -> Sorted {
        let mut sorted = Sorted::default();
        for (path, file) in files {
            sorted.add(page, path, file).await;
        }
        sorted
    }

    async fn add(&mut self, page: Page, path: String, file: File) {
        if is_hidden(&path) {
            return;
        }
        if path.contains('/') && is_picture(&path) {
            // A folder may hold thousands: whether they are what their names say is seen when they are read.
            return self.pictures.push((path, file));
        }
        match look(&file).await {
            Ok(FileKind::Archive | FileKind::Arrays) => self.unpack(page, path, file).await,
            kind => self.sort(path, file, kind),
        }
    }

    /// What is in a file, as if it had been dropped.
    async fn unpack(&mut self, page: Page, path: String, file: File) {
        let name = file.name();
        if let Some(words) = too_large(&file, LARGEST_PACKED) {
            return self.skipped.add(&name, &words);
        }
        let found = match browser::read(&file).await {
            Ok(bytes) => page.own_data.reader().unpack(&bytes).await.map_err(|error| error.to_string()),
            Err(error) => Err(error),
        };
        match found {
            Ok(None) => self.sort(path, file, Ok(FileKind::Table)),
            Ok(Some(files)) => {
                let folder = name.rsplit_once('.').map_or(name.as_str(), |(stem, _)| stem);
                for (path, file) in files {
                    // a picture by its name: those whose class is in their name lie in no folder
                    let kind = if is_picture(&path) { Ok(FileKind::Picture) } else { look(&file).await };
                    self.sort(format!("{folder}/{path}"), file, kind);
                }
            }
            Err(why) => self.skipped.add(&name, &format!("could not be opened: {why}")),
        }
    }

    fn sort(&mut self, path: String, file: File, kind: Result<FileKind, String>) {
        let name = file.name();
        let (place, what) = match kind {
            Ok(FileKind::Picture) => return self.pictures.push((path, file)),
            Ok(FileKind::Other(words)) => {
                self.unread += usize::from(words.contains("Browsers can't read it"));
                return self.skipped.add(&name, &words);
            }
            Ok(FileKind::Archive | FileKind::Arrays) => {
                return self.skipped.add(&name, "lies packed in another archive. Unpack that, and drop what is in it");
            }
            Ok(FileKind::Sketches) => return self.sketches.push((path, file)),
            Ok(FileKind::Learner) => (&mut self.learner, "learner"),
            Ok(FileKind::Examples) => (&mut self.examples, "file of examples"),
            Ok(FileKind::Table) => (&mut self.table, "table"),
            Err(error) => return self.skipped.add(&name, &format!("could not be read: {error}")),
        };
        match place {
            None => *place = Some(file),
            Some(first) => {
                let words = format!("was not opened: one {what} at a time, and “{}” came first", first.name());
                self.skipped.add(&name, &words);
            }
        }
    }
}

/// Sorts all files below an entry.
async fn walk(page: Page, entry: FileSystemEntry, sorted: &mut Sorted) {
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
            match file.await {
                Some(file) => sorted.add(page, path, file.unchecked_into()).await,
                None => sorted.skipped.add(&path, "could not be read"),
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
