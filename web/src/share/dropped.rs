//! Files that were dropped or picked: each goes where its kind belongs.

use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{DataTransfer, File, FileSystemDirectoryEntry, FileSystemEntry, FileSystemFileEntry};

use super::file_kind::{FileKind, kind};
use crate::browser;
use crate::dom::*;
use crate::page::{Page, Source};
use crate::view::files::with_paths;

/// Largest file of examples that is read, in bytes.
const LARGEST_FILE: f64 = 30e6;

impl Page {
    /// What was dropped: a folder of pictures, or files told apart by what is in them.
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
        let picture = |file: &File| file.type_().starts_with("image/");
        if files.len() > 1 && files.iter().all(|(_, file)| picture(file)) {
            return self.examine_pictures(files);
        }
        if let Some((_, file)) = files.into_iter().next() {
            self.open_file(file);
        }
    }

    /// A file that was picked or dropped: a learner, examples or a table, told apart by what is in it.
    pub fn open_file(self, file: File) {
        spawn_local(async move {
            let name = file.name();
            let head = match browser::head(&file).await {
                Ok(head) => head,
                Err(error) => return self.fault(format!("“{name}” could not be read: {error}.")),
            };
            match kind(&name, &head) {
                FileKind::Learner => self.load(Source::File(file)),
                FileKind::Table => self.examine_table(file),
                FileKind::Picture => self.fault(format!(
                    "“{name}” is a picture. Drop a folder of pictures with a folder for each class, or hold a drawing \
                     before the camera."
                )),
                FileKind::Examples if file.size() > LARGEST_FILE => {
                    self.fault(format!("“{name}” is too large for examples: {:.0} MB.", file.size() / 1e6));
                }
                FileKind::Examples => match browser::read(&file).await {
                    Ok(bytes) => self.open_examples(&name, &String::from_utf8_lossy(&bytes)),
                    Err(error) => self.fault(error),
                },
            }
        });
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
