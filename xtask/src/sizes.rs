//! How large the page is, as a static host sends it, and how large it may be.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

/// All WebAssembly that a visit loads, gzipped, in bytes: a little more than it was last, also where npm brings no wasm-opt. The aim is 350,000; records/page
/// has the shares, and what stands in the way.
pub const MOST_WASM: usize = 700_000;
/// Everything that a first visit loads, with the model that the page opens with, gzipped, in bytes.
pub const MOST: usize = 2_500_000;
/// The model that the page opens with.
const MODEL: &str = "models/drawing.safetensors";

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
pub fn of(dist: &Path) -> Result<Vec<Sized>, String> {
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

/// What a first visit loads: all WebAssembly, and everything together, gzipped, in bytes. Other models, the reader
/// of own data, training, the comparisons of `?parity` and the package's example are loaded by nobody who does not ask for them.
pub fn visit(files: &[Sized]) -> (usize, usize) {
    let asked_for = |name: &str| {
        (name.starts_with("models/") && name != MODEL)
            || name.contains("parity")
            || name.contains("example")
            || name.starts_with("reader/")
            // but for the few lines that load the rest
            || (name.starts_with("training/") && name != "training/card.js")
    };
    let loaded = || files.iter().filter(|file| !asked_for(&file.name));
    let wasm = loaded().filter(|file| file.name.ends_with(".wasm"));
    (wasm.map(|file| file.gzipped).sum(), loaded().map(|file| file.gzipped).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visit_loads_the_wasm_of_the_page_and_of_the_engine_and_one_model() {
        let file = |name: &str, gzipped| Sized { name: name.into(), raw: 2 * gzipped, gzipped };
        let files = [
            file("web-1.wasm", 10),
            file("engine/engine_bg.wasm", 20),
            file("engine/parity_bg.wasm", 400),
            file("models/drawing.safetensors", 1000),
            file("models/quick.safetensors", 5000),
            file("reader/reader_bg.wasm", 300),
            file("training/training_bg.wasm", 300),
            file("training/card.js", 2),
            file("index.html", 1),
        ];
        assert_eq!(visit(&files), (30, 1033));
    }

    #[test]
    fn sizes_count_every_file_below_the_folder() {
        let folder = std::env::temp_dir().join(format!("xtask-sizes-{}", std::process::id()));
        fs::create_dir_all(folder.join("models")).unwrap();
        fs::write(folder.join("models/a"), vec![7; 5000]).unwrap();
        fs::write(folder.join("b"), [1, 2]).unwrap();
        let sizes = of(&folder).unwrap();
        assert_eq!(sizes.iter().map(|file| file.raw).collect::<Vec<_>>(), [5000, 2]);
        assert!(sizes[0].name.contains("models") && sizes[0].gzipped < 100, "{}", sizes[0].gzipped);
        fs::remove_dir_all(folder).unwrap();
    }
}
