//! Debian's Rust for WebAssembly, where rustup cannot download the library.
//!
//! Debian packages the library as source. It is built once, into a sysroot of our own in the project's cache: the folders of
//! Debian's rustc as links, and the library for WebAssembly beside them. Nothing outside the cache is written.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::setup::rust::{WASM, has_core};
use crate::shell::{output, rename_into, run, which};
use crate::workspace::Workspace;

/// What Debian calls a Rust that is recent enough, with the library's source.
pub const PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];
/// The file that says which rustc the sysroot was made for.
const STAMP: &str = "built-for.txt";

/// Debian's Rust with a library for WebAssembly.
pub struct Toolchain {
    /// The program that cargo calls as rustc.
    pub rustc: PathBuf,
    /// The linker's name.
    pub linker: String,
}

/// The sysroot below the folder of tools.
fn sysroot(tools: &Path) -> PathBuf {
    tools.join("debian-rust")
}

/// The toolchain, when its sysroot was made for the rustc that is installed now.
pub fn found(tools: &Path) -> Option<Toolchain> {
    let sysroot = sysroot(tools);
    let stamp = fs::read_to_string(sysroot.join(STAMP)).ok()?;
    let rustc = sysroot.join("bin/rustc");
    let current = has_core(&sysroot) && rustc.is_file() && stamp == output(debian("rustc").arg("-vV")).ok()?;
    current.then(|| Some(Toolchain { rustc, linker: linker()? })).flatten()
}

/// A program of Debian's Rust, free of what rustup's cargo sets for its children.
fn debian(program: &str) -> Command {
    let mut command = Command::new(Path::new("/usr/bin").join(program));
    for name in ["LD_LIBRARY_PATH", "RUSTUP_TOOLCHAIN", "RUSTC", "CARGO", "CARGO_TARGET_DIR", "RUSTFLAGS"] {
        command.env_remove(name);
    }
    let path = env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("/usr/bin:{path}"));
    command
}

/// The newest `wasm-ld-<number>` of Debian's, or the plain one.
pub fn linker() -> Option<String> {
    let mut linkers: Vec<(u32, String)> = fs::read_dir("/usr/bin")
        .ok()?
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let number = name.strip_prefix("wasm-ld-")?.parse().ok()?;
            Some((number, name))
        })
        .collect();
    linkers.sort();
    linkers.pop().map(|(_, name)| name).or_else(|| which("wasm-ld").map(|_| "wasm-ld".to_string()))
}

/// The toolchain, after building the library where it is missing or was made for an older rustc.
///
/// # Errors
/// When the library does not build, or the cache cannot be written.
pub fn toolchain(workspace: &Workspace, tools: &Path) -> Result<Toolchain, String> {
    let linker = linker().ok_or("no wasm-ld was found in /usr/bin. Install lld: apt-get install lld")?;
    if let Some(toolchain) = found(tools) {
        return Ok(toolchain);
    }
    eprintln!("Building Rust's library for WebAssembly from Debian's source, once (about a minute):");
    let folder = tools.join(format!("debian-rust-{}", std::process::id()));
    let failed = |error: std::io::Error| format!("cannot write in {}: {error}", folder.display());
    let libraries = build_library(&folder.join("build"), &linker)?;
    let made = folder.join("sysroot");
    make_sysroot(&made, &sysroot(tools), &libraries)?;
    if sysroot(tools).exists() {
        fs::remove_dir_all(sysroot(tools)).map_err(failed)?;
    }
    rename_into(&made, &sysroot(tools))?;
    fs::remove_dir_all(&folder).map_err(failed)?;
    // Cargo does not notice that the library under its products has changed.
    let stale = workspace.target.join(WASM);
    if stale.exists() {
        fs::remove_dir_all(&stale).map_err(|error| format!("cannot remove {}: {error}", stale.display()))?;
    }
    Ok(Toolchain { rustc: sysroot(tools).join("bin/rustc"), linker })
}

/// Builds the standard library in a folder; its files.
fn build_library(folder: &Path, linker: &str) -> Result<Vec<PathBuf>, String> {
    let failed = |error: std::io::Error| format!("cannot write in {}: {error}", folder.display());
    fs::create_dir_all(folder.join("src")).map_err(failed)?;
    let manifest = "[package]\nname = \"stdb\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[workspace]\n";
    fs::write(folder.join("Cargo.toml"), manifest).map_err(failed)?;
    fs::write(folder.join("src/lib.rs"), "#![no_std]\n").map_err(failed)?;
    run(debian("cargo")
        .current_dir(folder)
        .args(["build", "--release", "--target", WASM, "-Z", "build-std=std,panic_abort,proc_macro"])
        // -Z is for nightly; this lets a stable compiler build its own library.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker)
        // Without the bitcode a build with LTO fails: "Can't find section .llvmbc".
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", "-Cembed-bitcode=yes")
        .env("CARGO_PROFILE_RELEASE_LTO", "off"))?;
    let built = folder.join("target").join(WASM).join("release/deps");
    let entries = fs::read_dir(&built).map_err(|error| format!("cannot read {}: {error}", built.display()))?;
    let library = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".rlib") && !name.starts_with("libstdb-")
    };
    Ok(entries.flatten().map(|entry| entry.path()).filter(library).collect())
}

/// Makes the sysroot in the folder `made`, which will be renamed to `place`.
fn make_sysroot(made: &Path, place: &Path, libraries: &[PathBuf]) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("cannot write in {}: {error}", made.display());
    let theirs = PathBuf::from(output(debian("rustc").args(["--print", "sysroot"]))?.trim()).join("lib/rustlib");
    let ours = made.join("lib/rustlib");
    let library = ours.join(WASM).join("lib");
    fs::create_dir_all(&library).map_err(failed)?;
    for entry in fs::read_dir(&theirs).map_err(|error| format!("cannot read {}: {error}", theirs.display()))?.flatten()
    {
        if entry.file_name() != WASM {
            link(&entry.path(), &ours.join(entry.file_name())).map_err(failed)?;
        }
    }
    for file in libraries {
        fs::copy(file, library.join(file.file_name().unwrap_or_default())).map_err(failed)?;
    }
    let program = made.join("bin/rustc");
    fs::create_dir_all(made.join("bin")).map_err(failed)?;
    let place = place.display().to_string().replace('\'', "'\\''");
    fs::write(&program, format!("#!/bin/sh\nexec /usr/bin/rustc --sysroot '{place}' \"$@\"\n")).map_err(failed)?;
    make_executable(&program).map_err(failed)?;
    fs::write(made.join(STAMP), output(debian("rustc").arg("-vV"))?).map_err(failed)
}

#[cfg(unix)]
fn link(to: &Path, at: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(to, at)
}

#[cfg(unix)]
fn make_executable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}

// Debian's packages are asked for on Debian alone.
#[cfg(not(unix))]
fn link(_: &Path, _: &Path) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}
