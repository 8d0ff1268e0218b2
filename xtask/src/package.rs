//! `cargo xtask package`: the engine as an npm package, which the page itself uses as well.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::npm;
use crate::shell::{rename_into, run, which};

use crate::profile::SMALL;
use crate::setup::Tools;
use crate::workspace::Workspace;

/// What `--help` prints.
pub const HELP: &str = "\
cargo xtask package [--out FOLDER]

Writes the npm-ready package into pkg/ (or FOLDER): a learner for any web page, with its types, on WebGPU or the CPU.
`npm publish` in that folder would publish it; a page can import its learner.js as it is.";

/// Packages of the page. They are always built together, so that all are built from the same crates with the same features.
const PARTS: [&str; 4] = ["engine", "reader", "training", "web"];

/// The triple that cargo names its folder after.
const WASM: &str = "wasm32-unknown-unknown";

/// Builds the engine and writes all that a page loads of the package into `folder`.
///
/// # Errors
/// When a tool ends with a fault; it has then said why.
pub fn build(workspace: &Workspace, tools: &Tools, folder: &Path, profile: &str) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    // The comparisons of `?parity` are a program of their own, so that nobody else loads their cases. While the page is being
    // worked on, one build stands for both.
    let features = if profile == SMALL { &[][..] } else { &["--features", "engine/parity"] };
    for (name, features) in [("engine", features), ("parity", &["--features", "engine/parity"])] {
        let others: Vec<&str> =
            PARTS.iter().filter(|part| **part != "engine").flat_map(|part| ["--package", part]).collect();
        compile(workspace, tools, folder, profile, name, &others, features)?;
    }
    copy_scripts(workspace, folder)?;
    npm::copy(&workspace.root.join("web"), folder, &["parity_worker.js"])
}

/// Builds the engine alone, as it is published, and writes what a page loads of it into `folder`.
///
/// # Errors
/// As [`build`].
pub fn build_engine(workspace: &Workspace, tools: &Tools, folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    compile(workspace, tools, folder, SMALL, "engine", &[], &[])?;
    copy_scripts(workspace, folder)
}

/// Builds a part of the page that it loads when asked for, the package of `web/NAME`, and writes it into `folder` with the
/// `scripts` beside it.
///
/// # Errors
/// As [`build`].
pub fn build_part(
    workspace: &Workspace,
    tools: &Tools,
    folder: &Path,
    profile: &str,
    (name, scripts): (&str, &[&str]),
) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    compile_parts(workspace, tools, profile, &[])?;
    bind(workspace, tools, folder, profile, name, name)?;
    npm::copy(&workspace.root.join("web").join(name), folder, scripts)
}

/// Builds such a part once more, with a feature of its package, and writes it beside the first under the feature's name.
///
/// # Errors
/// As [`build`].
pub fn build_variant(
    workspace: &Workspace,
    tools: &Tools,
    folder: &Path,
    profile: &str,
    (name, feature): (&str, &str),
) -> Result<(), String> {
    compile_parts(workspace, tools, profile, &["--features", &format!("{name}/{feature}")])?;
    bind(workspace, tools, folder, profile, name, feature)
}

/// Builds such a part with a feature of its package and without the others, for a benchmark that is no page, and writes it into
/// `folder` under the feature's name.
///
/// # Errors
/// As [`build`].
pub fn build_alone(
    workspace: &Workspace,
    tools: &Tools,
    folder: &Path,
    (name, feature): (&str, &str),
) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    compile_crate(workspace, tools, SMALL, &["--package", name], &["--features", &format!("{name}/{feature}")])?;
    bind(workspace, tools, folder, SMALL, name, feature)
}

fn compile_parts(workspace: &Workspace, tools: &Tools, profile: &str, features: &[&str]) -> Result<(), String> {
    let crates: Vec<&str> = PARTS.iter().flat_map(|part| ["--package", part]).collect();
    compile_crate(workspace, tools, profile, &crates, features)
}

/// One build of the engine, beside other packages, as `name` into `folder`.
fn compile(
    workspace: &Workspace,
    tools: &Tools,
    folder: &Path,
    profile: &str,
    name: &str,
    others: &[&str],
    features: &[&str],
) -> Result<(), String> {
    let crates: Vec<&str> = ["--package", "engine"].into_iter().chain(others.iter().copied()).collect();
    compile_crate(workspace, tools, profile, &crates, features)?;
    bind(workspace, tools, folder, profile, "engine", name)
}

fn compile_crate(
    workspace: &Workspace,
    tools: &Tools,
    profile: &str,
    crates: &[&str],
    features: &[&str],
) -> Result<(), String> {
    let mut cargo = tools.wasm_command("cargo");
    cargo.arg("build").args(crates).args(["--lib", "--target", WASM, "--profile", profile]).args(features);
    run(cargo.current_dir(&workspace.root).env("CARGO_TARGET_DIR", &workspace.target))
}

/// Makes JavaScript and WebAssembly of what was compiled.
fn bind(
    workspace: &Workspace,
    tools: &Tools,
    folder: &Path,
    profile: &str,
    library: &str,
    name: &str,
) -> Result<(), String> {
    let built = workspace.target.join(WASM).join(profile).join(format!("{library}.wasm"));
    let mut bindgen = tools.wasm_command("wasm-bindgen");
    // the package says where the file is, as bundlers and the worker have to know
    bindgen.args(["--target", "web", "--no-typescript", "--omit-default-module-path"]);
    bindgen.args(["--out-name", name, "--out-dir"]).arg(folder).arg(built);
    run(&mut bindgen)?;
    if profile == SMALL {
        optimise(tools, &folder.join(format!("{name}_bg.wasm")))?;
    }
    Ok(())
}

fn copy_scripts(workspace: &Workspace, folder: &Path) -> Result<(), String> {
    npm::copy(&workspace.root.join("web/package"), folder, &npm::SCRIPTS)
}

/// Makes a WebAssembly file smaller, where there is a wasm-opt that can read it.
///
/// # Errors
/// When the file cannot be replaced.
pub fn optimise(tools: &Tools, file: &Path) -> Result<(), String> {
    let Some(program) = &tools.wasm_opt else {
        eprintln!("  (no wasm-opt: {} stays larger than it could be)", file.display());
        return Ok(());
    };
    let smaller = file.with_extension("wasm.tmp");
    let mut command = Command::new(program);
    // What Rust's compiler assumes of every browser, and SIMD, which all browsers with WebGPU have.
    let features = [
        "bulk-memory",
        "mutable-globals",
        "nontrapping-float-to-int",
        "sign-ext",
        "simd",
        "reference-types",
        "multivalue",
    ];
    command.args(features.map(|feature| format!("--enable-{feature}")));
    command
        .args(["-Oz", "--strip-debug", "--strip-producers", "--strip-target-features", "-o"])
        .arg(&smaller)
        .arg(file);
    match run(&mut command) {
        Ok(()) => rename_into(&smaller, file),
        Err(error) => {
            let _ = fs::remove_file(&smaller);
            eprintln!("  (that wasm-opt cannot do it, so {} stays as it is: {error})", file.display());
            Ok(())
        }
    }
}

/// Writes the whole package.
///
/// # Errors
/// As [`build`], and when a file cannot be written.
pub fn publish(workspace: &Workspace, tools: &Tools, folder: &Path) -> Result<(), String> {
    build_engine(workspace, tools, folder)?;
    npm::assemble(&workspace.root, folder, folder, env!("CARGO_PKG_VERSION"))?;
    println!("{} is ready.", folder.display());
    if let Some(npm) = which("npm") {
        run(Command::new(npm).args(["pack", "--dry-run", "--silent"]).current_dir(folder))?;
    }
    Ok(())
}
