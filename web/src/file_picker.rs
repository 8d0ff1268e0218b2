//! Files of a visitor's own: a button, and the field behind it.

use web_sys::{File, FileList, HtmlInputElement};

use dom::*;

/// Files of a list with their paths in the folder that was picked.
pub fn with_paths(files: &FileList) -> Vec<(String, File)> {
    let path = |file: &File| {
        let path = js_sys::Reflect::get(file, &"webkitRelativePath".into()).ok().and_then(|path| path.as_string());
        path.filter(|path| !path.is_empty()).unwrap_or_else(|| file.name())
    };
    (0..files.length()).filter_map(|i| files.get(i)).map(|file| (path(&file), file)).collect()
}

/// A button that opens the browser's choice of files, and the hidden `field` (an `input`) that they come through; `taken`
/// is called with one or more of them and their paths.
pub fn files(button: Tag, field: Tag, taken: impl Fn(Vec<(String, File)>) + 'static) -> View {
    let node = NodeRef::<HtmlInputElement>::new();
    let press = move |_| {
        if let Some(field) = node.get_untracked() {
            field.click();
        }
    };
    let picked = move |_| {
        let Some(field) = node.get_untracked() else { return };
        let files = field.files().map(|files| with_paths(&files)).unwrap_or_default();
        // The same files can be picked again.
        field.set_value("");
        if !files.is_empty() {
            taken(files);
        }
    };
    let field = field.node_ref(node).attr("type", "file").class("unseen").attr("tabindex", "-1");
    View::new().child(button.on(ev::CLICK, press)).child(field.attr("aria-hidden", "true").on(ev::CHANGE, picked))
}
