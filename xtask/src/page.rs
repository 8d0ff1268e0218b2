//! Building the page.

use std::fs;
use std::path::Path;

use crate::npm;
use crate::offline;
use crate::shell::run;
use crate::sizes::{self, MOST, MOST_WASM};

use crate::package;
use crate::profile::SMALL;
use crate::setup::Tools;
use crate::workspace::Workspace;

/// Builds the page, with its engine and the models of `models/`, into the folder `dist`, in a cargo profile.
///
/// # Errors
/// When a tool ends with a fault; it has then said why.
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
        .env_remove("NO_COLOR"))?;
    if profile == SMALL {
        for file in sizes::of(dist)?.iter().filter(|file| file.name.ends_with(".wasm")) {
            package::optimise(tools, &dist.join(&file.name))?;
        }
    }
    // The page uses the package as everybody else can.
    let engine = dist.join("engine");
    package::build(workspace, tools, &engine, profile)?;
    package::build_part(workspace, tools, &dist.join("reader"), profile, ("reader", &["worker.js"]))?;
    let scripts = ["card.css", "card.js", "helpers.js", "keep.js", "worker.js"];
    package::build_part(workspace, tools, &dist.join("training"), profile, ("training", &scripts))?;
    package::build_variant(workspace, tools, &dist.join("training"), profile, ("training", "gpu"))?;
    npm::example(&workspace.root, &engine, "../models/drawing.safetensors")?;
    offline::write(&workspace.root.join("web/sw.js"), dist)?;
    let (wasm, all) = sizes::visit(&sizes::of(dist)?);
    eprintln!(
        "  a first visit loads {all} bytes gzipped (of {MOST} at most), {wasm} of them WebAssembly (of {MOST_WASM})"
    );
    Ok(())
}
