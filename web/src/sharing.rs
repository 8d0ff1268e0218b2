//! Examples on their way: as a file, and as a link.

use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{DataTransfer, File, FileSystemDirectoryEntry, FileSystemEntry, FileSystemFileEntry};

use crate::browser;
use crate::change::Hand;
use crate::code::checksum;
use crate::dom::*;
use crate::link::{self, Shared};
use crate::page::{OWN_MODEL, Page, Source, base, capital};
use crate::store::record::{About, Origin};
use crate::table::Table;
use crate::view::files::with_paths;

/// Largest file of examples that is read, in bytes.
const LARGEST_FILE: f64 = 30e6;

impl Page {
    /// Opens the visitor's own set again.
    pub fn bring_back(self) {
        if let Some((id, _)) = untrack(|| self.mine()) {
            self.say("Your own examples are back.");
            self.go_to(id);
        }
    }

    /// Everything that the answers depend on.
    pub fn shared(self) -> Shared {
        let (source, hash) = self.facts.with_untracked(|facts| {
            facts.as_ref().map_or((OWN_MODEL.to_owned(), [0; 4]), |facts| {
                let byte = |i: usize| facts.hash.get(2 * i..2 * i + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
                (facts.source.clone(), [0, 1, 2, 3].map(|i| byte(i).unwrap_or_default()))
            })
        });
        Shared { table: self.table.get_untracked(), model: source, hash, scrambled: self.scrambled.get_untracked() }
    }

    /// The address of this page with everything in it, or why it would be of no use.
    pub fn link(self) -> Result<String, String> {
        self.finish_stroke();
        let shared = self.shared();
        if shared.table.examples.is_empty() {
            return Err("There is nothing to share yet: teach it something first.".into());
        }
        let location = browser::window().location();
        let page = location.origin().unwrap_or_default() + &location.pathname().unwrap_or_default();
        let address = page + &link::write(&shared);
        if address.len() > link::LONGEST {
            let most = shared.table.examples.len() * link::LONGEST / address.len();
            return Err(format!(
                "{} examples make a link of {} letters, and mail and chat cut addresses after about {}. Save a file and \
                 send that, or share at most some {most} examples.",
                shared.table.examples.len(),
                address.len(),
                link::LONGEST
            ));
        }
        Ok(address)
    }

    /// What the link in the address brought, if there is one. The address is free of it then.
    pub fn read_link(self) -> Option<Shared> {
        match link::read(&browser::fragment())? {
            Ok(shared) => {
                browser::drop_fragment();
                Some(shared)
            }
            Err(error) => {
                self.fault(format!("{}.", capital(&error.to_string())));
                None
            }
        }
    }

    /// Opens a link that came into the address of the page that is already here.
    pub fn follow_link(self) {
        let current = self.facts.with_untracked(|facts| facts.as_ref().map(|facts| facts.source.clone()));
        let Some(shared) = self.read_link() else { return };
        let model = shared.address().filter(|model| current.as_deref() != Some(model.as_str()));
        self.stop();
        self.later(async move {
            self.open_shared(shared);
            match model {
                Some(model) => self.load(Source::Address(model)),
                None => self.compare_with_link(),
            }
        });
    }

    /// Opens what was shared as a set beside all others. The same link is not opened twice, as long as it is as it came.
    pub fn open_shared(self, shared: Shared) {
        let count = shared.table.examples.len();
        let source = checksum(link::write(&shared).as_bytes());
        self.expected.set(Some((base(&shared.model).to_owned(), shared.hash)));
        match self.same_source(source) {
            Some(id) => {
                let hand = Hand::of(&shared.table);
                self.go_to_with(id, Some(hand));
            }
            None => {
                let (name, scrambled) = ("From a link".to_owned(), shared.scrambled);
                self.create(About { name, origin: Origin::Link, source, scrambled, ..About::default() }, shared.table);
            }
        }
        let own = match untrack(|| self.mine()) {
            None => "",
            Some(_) => " Your own set is untouched: “Back to mine” or Undo opens it.",
        };
        self.say(format!("This link came with {count} examples, which are a set by themselves.{own}"));
    }

    /// Says so where the learner in use is not the one that a link was made with.
    pub fn compare_with_link(self) {
        let Some((name, hash)) = self.expected.get_untracked() else { return };
        let Some(found) = self.facts.with_untracked(|facts| facts.as_ref().map(|facts| facts.hash.clone())) else {
            return;
        };
        self.expected.set(None);
        let expected: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        if !found.starts_with(&expected) {
            self.fault(format!(
                "This link was made with {name} (weights {expected}…), and this page has other weights: answers may \
                 differ. Open that file to see the same."
            ));
        }
    }

    /// Examples from a file's text, as a set beside all others: one step to undo.
    pub fn open_examples(self, name: &str, text: &str) {
        self.stop();
        match Table::load(text) {
            Ok(found) => {
                let (count, source) = (found.examples.len(), checksum(text.as_bytes()));
                let title = name.rsplit_once('.').map_or(name, |(title, _)| title).to_owned();
                let words = format!("{count} examples from “{name}”, as a set by themselves. Undo goes back to the other.");
                self.later(async move {
                    match self.same_source(source) {
                        Some(id) => self.go_to(id),
                        None => {
                            // What is on the canvas stays, and is answered from the new examples.
                            self.finish_stroke();
                            let mut found = found;
                            self.table.with_untracked(Hand::of).give(&mut found);
                            let about = About { name: title, origin: Origin::File, source, ..About::default() };
                            self.create(about, found);
                        }
                    }
                    self.say(words);
                });
            }
            Err(error) => self.fault(format!(
                "“{name}” holds no examples that this page can read ({error}). Expected a file that “Save a file” made. \
                 What was here is still here."
            )),
        }
    }

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

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FileKind {
    Learner,
    Examples,
    Table,
    Picture,
}

/// What a file is, by its first bytes; its name decides where they could be anything.
fn kind(name: &str, head: &[u8]) -> FileKind {
    let name = name.to_ascii_lowercase();
    let named = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    let picture: [&[u8]; 5] = [b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM"];
    if picture.iter().any(|magic| head.starts_with(magic)) && !named(&[".csv", ".safetensors"]) {
        return FileKind::Picture;
    }
    // safetensors: the header's length in eight bytes, then its brace
    if named(&[".safetensors"]) || (head.get(8) == Some(&b'{') && head.iter().take(8).any(|byte| *byte == 0)) {
        return FileKind::Learner;
    }
    match head.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => FileKind::Examples,
        _ if named(&[".json"]) => FileKind::Examples,
        _ if named(&[".csv", ".tsv", ".txt"]) => FileKind::Table,
        _ if !head.is_empty()
            && head.iter().all(|byte| *byte >= b' ' || b"\r\n\t".contains(byte))
            && head.contains(&b',') =>
        {
            FileKind::Table
        }
        // what it is not, the check of the file says in words
        _ => FileKind::Learner,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_what_is_in_them() {
        let model = [b"\x60\x05\0\0\0\0\0\0{\"__metadata__\"".as_slice()].concat();
        for (name, head, expected) in [
            ("a.bin", model.as_slice(), FileKind::Learner),
            ("a.safetensors", b"<!doctype html>", FileKind::Learner),
            ("a", b" {\"version\":2", FileKind::Examples),
            ("examples.json", b"", FileKind::Examples),
            ("t.csv", b"\"a\";1", FileKind::Table),
            ("table", b"1,2,x\n3,4,y\n", FileKind::Table),
            ("photo.csv.png", b"\x89PNG\r\n", FileKind::Picture),
            ("junk", b"\x01\x02", FileKind::Learner),
        ] {
            assert_eq!(kind(name, head), expected, "{name}");
        }
    }
}
