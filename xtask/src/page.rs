//! Building the page, and telling how large it is.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use xtask::shell::run;

use crate::Workspace;
use crate::setup::Tools;

/// The cargo profile of the page as it is published.
pub const SMALL: &str = "web";
/// The one for working on it.
pub const QUICK: &str = "web-quick";

/// Builds the page, with the models of `models/`, into the folder `dist`, in a cargo profile.
///
/// # Errors
/// When Trunk ends with a fault; it has then said why.
pub fn build(workspace: &Workspace, tools: &Tools, dist: &Path, profile: &str) -> Result<(), String> {
    fs::create_dir_all(dist).map_err(|error| format!("cannot make {}: {error}", dist.display()))?;
    // Trunk finds its cargo on PATH, and its settings in Trunk.toml.
    run(tools
        .wasm_command("trunk")
        .args(["build", "--cargo-profile", profile, "--dist"])
        .arg(dist)
        .current_dir(&workspace.root)
        .env("CARGO_TARGET_DIR", &workspace.target)
        // Trunk takes NO_COLOR's value for a truth value and refuses "1".
        .env_remove("NO_COLOR"))
}

/// One file of the page.
pub struct Sized {
    /// Its name inside the folder.
    pub name: String,
    /// Its length, in bytes.
    pub raw: usize,
    /// Its length as gzip makes it, in bytes.
    pub gzipped: usize,
}

/// The sizes of the files a visitor loads: everything in `dist`, largest first.
///
/// # Errors
/// When the folder cannot be read.
pub fn sizes(dist: &Path) -> Result<Vec<Sized>, String> {
    let mut sizes = Vec::new();
    let mut folders = vec![dist.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder)? {
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            let name = path.strip_prefix(dist).unwrap_or(&path).display().to_string();
            sizes.push(Sized { name, raw: bytes.len(), gzipped: gzipped(&bytes) });
        }
    }
    sizes.sort_by_key(|file| std::cmp::Reverse(file.raw));
    Ok(sizes)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

fn gzipped(bytes: &[u8]) -> usize {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("writing to memory cannot fail").len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_count_every_file_below_the_folder() {
        let folder = std::env::temp_dir().join(format!("xtask-sizes-{}", std::process::id()));
        fs::create_dir_all(folder.join("models")).unwrap();
        fs::write(folder.join("models/a"), vec![7; 5000]).unwrap();
        fs::write(folder.join("b"), [1, 2]).unwrap();
        let sizes = sizes(&folder).unwrap();
        assert_eq!(sizes.iter().map(|file| file.raw).collect::<Vec<_>>(), [5000, 2]);
        assert!(sizes[0].name.contains("models") && sizes[0].gzipped < 100, "{}", sizes[0].gzipped);
        fs::remove_dir_all(folder).unwrap();
    }
}
