//! A visitor's own data in the page: what its tests share.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::browser::{Setting, wait_for};
use crate::page::Page;

/// A desk.
pub const DESK: Setting = Setting::DESK;

/// A folder of its own for a test.
pub fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("own-data-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Fails where the console holds errors.
pub fn assert_no_complaints(page: &Page) {
    assert_eq!(page.complaints(), Vec::<String>::new(), "the console holds errors");
}

/// Examines a table and gives what the page says of it.
pub fn examine(page: &Page, folder: &Path, name: &str, content: impl AsRef<[u8]>) -> String {
    let before = what(page);
    fs::write(folder.join(name), content).unwrap();
    page.browser.files("table-file", &[folder.join(name)]);
    begun(page, before.as_deref());
    examined(page);
    page.text("import-what")
}

/// What is examined, in the page's words; none before the first.
pub fn what(page: &Page) -> Option<String> {
    // one look: what was there a moment ago may be gone, when something else is taken in
    let shown = page.of("import", "return e.querySelector('[data-testid=import-what]')?.innerText ?? null");
    shown.as_str().map(|words| words.trim().to_owned())
}

/// Waits until something else than `before` is examined. A small table is learned sooner than one can look.
pub fn begun(page: &Page, before: Option<&str>) {
    wait_for("it to begin", Duration::from_secs(60), || what(page).filter(|now| Some(&now[..]) != before).map(drop));
}

/// Waits until what was begun is examined.
pub fn examined(page: &Page) {
    wait_for("the examination", Duration::from_secs(300), || {
        let state = page.of("import", "return e.dataset.state");
        assert_ne!(state, "failed", "the page says: {}", page.text("import-status"));
        (state == "done").then_some(())
    });
}

/// Mean accuracy of a row of the table at its last count, in per cent.
pub fn last_accuracy(page: &Page, name: &str) -> f64 {
    let rows = page.of(
        "curve-table",
        "return [...e.querySelectorAll('tbody tr')].map(r => [r.cells[0].innerText.trim(), r.cells[r.cells.length - 1].innerText])",
    );
    let row =
        rows.as_array().unwrap().iter().find(|row| row[0] == name).unwrap_or_else(|| panic!("no {name} in {rows}"));
    row[1].as_str().unwrap().split_whitespace().next().unwrap().parse().unwrap()
}
