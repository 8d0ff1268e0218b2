//! What the trainer's tests share.

use std::fs;
use std::path::PathBuf;

/// A path for a folder of a test's own: nothing is there yet. It is removed when the test has passed, and kept for a look
/// when it has failed.
pub struct Folder(pub PathBuf);

impl Folder {
    /// `name` tells the tests of a process apart.
    pub fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("trainer-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}
