//! Rust's own tools: rustfmt, clippy, the library for WebAssembly, and programs that cargo builds into the cache.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::shell::{output, run, run_within, which};

/// The target of the page.
pub const WASM: &str = "wasm32-unknown-unknown";
/// Set to `debian` or `rustup` to allow only that way to a WebAssembly library.
const WASM_VARIABLE: &str = "XTASK_WASM";

/// Builds a program with cargo into the cache, once for each version. `purpose` says what it is for.
///
/// # Errors
/// When it does not build; says how to install it by hand.
pub fn cargo_tool(
    folder: &Path,
    program: &str,
    package: &str,
    version: &str,
    options: &[&str],
    purpose: &str,
) -> Result<(), String> {
    let path = folder.join("bin").join(format!("{program}{}", env::consts::EXE_SUFFIX));
    let has_version = |path: &Path| {
        output(Command::new(path).arg("--version")).is_ok_and(|text| text.split_whitespace().nth(1) == Some(version))
    };
    if has_version(&path) {
        return Ok(());
    }
    // A program of the right version elsewhere on PATH serves as well, when nothing older of ours comes before it.
    if !path.exists() && which(program).is_some_and(|found| has_version(&found)) {
        return Ok(());
    }
    eprintln!("{program} {version} is missing; {purpose}. Compiling it into {}, once:", folder.display());
    run(Command::new("cargo")
        .args(["install", "--quiet", package, "--version", version, "--force", "--root"])
        .arg(folder)
        .args(options)
        // Cargo then builds in a folder that it removes afterwards.
        .env_remove("CARGO_TARGET_DIR")
        // These tools run for a second or two: compiling them in half the time is worth more than their speed.
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .current_dir(env::temp_dir()))
    .map_err(|error| format!("{error}\nIt is needed in this very version: cargo install {package} --version {version}"))
}

/// Adds rustfmt and clippy, which are components of rustup's toolchain; a minimal one lacks them.
///
/// # Errors
/// When rustup cannot add them.
pub fn lints() -> Result<(), String> {
    for (program, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        if output(Command::new("cargo").args([program, "--version"])).is_ok() {
            continue;
        }
        eprintln!("{component} is missing; the tests check formatting and lints with it. Adding it:");
        run_within(Command::new("rustup").args(["component", "add", component]), Duration::from_secs(300)).map_err(
            |error| format!("{error}\nInstall {component} for your Rust by hand (rustup component add {component})."),
        )?;
    }
    Ok(())
}

/// Whether the toolchain that runs us has the library for WebAssembly, after trying to add it. `otherwise` says whether
/// another Rust has it already, so that nothing needs to be downloaded again.
///
/// # Errors
/// When it cannot be added, and there is no other way here.
pub fn wasm_by_rustup(otherwise: impl FnOnce() -> bool) -> Result<bool, String> {
    let wanted = env::var(WASM_VARIABLE).unwrap_or_default();
    if wanted == "debian" {
        return Ok(false);
    }
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]))?;
    if has_core(Path::new(sysroot.trim())) {
        return Ok(true);
    }
    // A machine that was set up from Debian's packages before is not asked to download again.
    if wanted != "rustup" && otherwise() {
        return Ok(false);
    }
    eprintln!("Rust's library for WebAssembly is missing; the page is built with it. Adding it with rustup:");
    let added = run_within(Command::new("rustup").args(["target", "add", WASM]), Duration::from_secs(180));
    if added.is_ok() && has_core(Path::new(sysroot.trim())) {
        return Ok(true);
    }
    let error = added.err().unwrap_or_else(|| "rustup added it to another toolchain".to_string());
    if wanted == "rustup" || !Path::new("/etc/debian_version").exists() {
        return Err(format!("{error}\nAdd the target by hand: rustup target add {WASM}"));
    }
    eprintln!("That did not work ({error}). Debian's packages have it too.");
    Ok(false)
}

/// Whether a Rust installation has the core library for WebAssembly.
pub fn has_core(sysroot: &Path) -> bool {
    let folder = sysroot.join("lib/rustlib").join(WASM).join("lib");
    fs::read_dir(folder).is_ok_and(|entries| {
        entries.flatten().any(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            name.starts_with("libcore-") && name.ends_with(".rlib")
        })
    })
}
