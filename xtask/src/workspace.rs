//! The checkout: where it is, where cargo builds, and which versions its lock file names.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// The checkout and its build folder.
pub struct Workspace {
    /// The folder of the workspace's Cargo.toml.
    pub root: PathBuf,
    /// Where cargo puts what it builds.
    pub target: PathBuf,
}

impl Workspace {
    /// The workspace that this program was started from.
    ///
    /// # Errors
    /// When there is no Cargo.lock where the workspace should be.
    pub fn find() -> Result<Workspace, String> {
        // Cargo tells a running program where its package lies; the compiled-in place may be another clone's.
        let package = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = PathBuf::from(package).parent().map(PathBuf::from).unwrap_or_default();
        if !root.join("Cargo.lock").is_file() {
            return Err(format!("{} is not the workspace. Run this as `cargo xtask` inside it.", root.display()));
        }
        let here = env::current_dir().map_err(|error| format!("there is no current folder: {error}"))?;
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| here.join(folder));
        Ok(Workspace { root, target })
    }

    /// A cargo command in the workspace.
    pub fn cargo(&self, arguments: &[&str]) -> Command {
        let mut cargo = Command::new("cargo");
        cargo.args(arguments).current_dir(&self.root).env("CARGO_TARGET_DIR", &self.target);
        cargo
    }

    /// A program that cargo has built in release mode.
    pub fn program(&self, name: &str) -> Command {
        let mut program = Command::new(self.target.join("release").join(format!("{name}{}", env::consts::EXE_SUFFIX)));
        program.current_dir(&self.root);
        program
    }

    /// Where the data sets lie, if the user or the folder beside the checkout says so.
    pub fn data_folder(&self) -> Option<PathBuf> {
        match env::var_os("GPICL_DATA") {
            Some(named) => Some(named.into()),
            None => self.root.join("../shared/data").canonicalize().ok(),
        }
    }

    /// Writes a file at a path below the root, and the folders that it lies in; returns where it is.
    ///
    /// # Errors
    /// The operating system's, with the path.
    pub fn write(&self, path: &str, text: &str) -> Result<PathBuf, String> {
        let path = self.root.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
        }
        fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        Ok(path)
    }

    /// The version of a package that Cargo.lock holds.
    pub fn locked_version(&self, package: &str) -> Result<String, String> {
        let path = self.root.join("Cargo.lock");
        let lock = fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        lock.split("[[package]]")
            .filter_map(|entry| {
                let field = |name: &str| {
                    entry.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \"")?.strip_suffix('"'))
                };
                (field("name")? == package).then(|| field("version").map(String::from)).flatten()
            })
            .next()
            .ok_or_else(|| format!("Cargo.lock names no {package}. Run `cargo check` once and try again."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_tells_the_exact_version_of_a_pinned_crate() {
        let workspace = Workspace::find().unwrap();
        assert_eq!(workspace.locked_version("burn").unwrap(), "0.22.1");
        assert!(workspace.locked_version("no-such-crate").unwrap_err().contains("no-such-crate"));
    }
}
