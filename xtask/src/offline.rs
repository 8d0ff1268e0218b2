//! The service worker of a built page: which files it keeps, and of which content.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::shell::rename_into;
use crate::sizes;
use sha2::{Digest, Sha256};

/// Files that are kept once somebody has asked for them.
fn later(name: &str) -> bool {
    let models = ["models/drawing.safetensors", "models/general.safetensors"];
    (name.starts_with("models/") && !models.contains(&name))
        || name.contains("parity")
        || name.contains("example")
        || (name.starts_with("training/") && name != "training/card.js")
}

/// Writes `sw.js` for what lies in `dist` now, from the script at `template` (`web/sw.js`).
///
/// # Errors
/// When a file cannot be read or written.
pub fn write(template: &Path, dist: &Path) -> Result<(), String> {
    let script =
        fs::read_to_string(template).map_err(|error| format!("cannot read {}: {error}", template.display()))?;
    let (mut now, mut then) = (BTreeMap::new(), BTreeMap::new());
    for file in sizes::of(dist)? {
        if file.name == "sw.js" || file.name.starts_with('.') {
            continue;
        }
        let path = dist.join(&file.name);
        let bytes = fs::read(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        let list = if later(&file.name) { &mut then } else { &mut now };
        list.insert(file.name.replace('\\', "/"), digest(&bytes));
    }
    let (files, later) = (listed(&now), listed(&then));
    let version = digest(format!("{script}{files}{later}").as_bytes());
    let script = script.replace("@VERSION@", &version).replace("@FILES@", &files).replace("@LATER@", &later);
    let temporary = dist.join("sw.js.tmp");
    fs::write(&temporary, script).map_err(|error| format!("cannot write {}: {error}", temporary.display()))?;
    rename_into(&temporary, &dist.join("sw.js"))
}

/// The first 16 hexadecimal digits of the SHA-256.
fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// A JavaScript object.
fn listed(files: &BTreeMap<String, String>) -> String {
    let lines: Vec<String> = files.iter().map(|(name, digest)| format!("\n  {name:?}: {digest:?}")).collect();
    format!("{{{},\n}}", lines.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_that_the_browser_computes() {
        assert_eq!(digest(b"abc"), "ba7816bf8f01cfea");
        let files = BTreeMap::from([("a".to_string(), digest(b"abc"))]);
        assert_eq!(listed(&files), "{\n  \"a\": \"ba7816bf8f01cfea\",\n}");
        assert!(later("models/quick.safetensors") && !later("models/drawing.safetensors") && !later("engine/host.js"));
    }
}
