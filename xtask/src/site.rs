//! `cargo xtask publish-site`: a folder that any static host can serve, and a workflow that does it on GitHub Pages.

use std::fs;

use crate::shell::rename_into;

use crate::options::Options;
use crate::page;
use crate::profile::SMALL;
use crate::setup::{Need, setup};
use crate::workspace::Workspace;

/// What `--help` prints.
pub const HELP: &str = "\
cargo xtask publish-site [--out FOLDER]

Builds the page, as small as it gets, into site/ (or FOLDER): static files that work in any folder of any host, over
https or from localhost. Writes .github/workflows/pages.yml as well, unless there is one, which does the same on GitHub
and publishes it on Pages at every push to main.";

const WORKFLOW: &str = ".github/workflows/pages.yml";

/// Builds the folder and writes the workflow.
///
/// # Errors
/// When a tool ends with a fault, or a file cannot be written.
pub fn run(workspace: &Workspace, mut options: Options) -> Result<(), String> {
    let folder = workspace.root.join(options.value("--out")?.unwrap_or_else(|| "site".to_string()));
    options.finish()?;
    let failed = |what: &std::path::Path, error| format!("cannot write {}: {error}", what.display());
    let workflow = workspace.root.join(WORKFLOW);
    if !workflow.is_file() {
        let place = workflow.parent().unwrap_or(&workspace.root);
        fs::create_dir_all(place).map_err(|error| failed(place, error))?;
        fs::write(&workflow, include_str!("../../.github/workflows/pages.yml"))
            .map_err(|error| failed(&workflow, error))?;
        println!("Wrote {WORKFLOW}: on GitHub, choose “GitHub Actions” as the source under Settings, Pages.");
    }
    let tools = setup(workspace, &[Need::Page])?;
    // Beside the old one, which stays until the new one is whole.
    let fresh = folder.with_extension("tmp");
    let old = folder.with_extension("old");
    for leftover in [&fresh, &old] {
        if leftover.exists() {
            fs::remove_dir_all(leftover).map_err(|error| failed(leftover, error))?;
        }
    }
    page::build(workspace, &tools, &fresh, SMALL)?;
    // GitHub Pages would otherwise take the folder for a Jekyll site.
    fs::write(fresh.join(".nojekyll"), "").map_err(|error| failed(&fresh, error))?;
    if folder.exists() {
        rename_into(&folder, &old)?;
    }
    rename_into(&fresh, &folder)?;
    if old.exists() {
        fs::remove_dir_all(&old).map_err(|error| failed(&old, error))?;
    }
    println!("{} is ready for any static host.", folder.display());
    Ok(())
}
