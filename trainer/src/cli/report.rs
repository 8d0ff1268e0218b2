//! `trainer report`

use std::path::PathBuf;

use trainer::experiment::report;

use super::output::{Ended, note};

#[derive(clap::Args)]
pub struct Arguments {
    /// Folders with results, of one machine or of several, or the results.jsonl beside another report
    #[arg(default_value = "runs/experiments")]
    folders: Vec<PathBuf>,
    /// Page to write; an earlier report and the files that it wrote are replaced, any other file is kept
    #[arg(short, long, value_name = "FILE.html", default_value = "report.html")]
    output: PathBuf,
    /// Replace whatever files are there
    #[arg(long)]
    overwrite: bool,
}

/// Writes a report.
pub fn run(arguments: &Arguments) -> Ended {
    let Arguments { folders, output, overwrite } = arguments;
    let results = report::collect(folders)?;
    if results.is_empty() {
        let names: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
        let here = names.join(", ");
        return Err(format!("expected results in {here}, found none; make some with `trainer experiment fig4`").into());
    }
    let made = report::build(&results);
    report::write(&made, output, *overwrite)?;
    note(format!("wrote {} from {} cells, and {} files beside it", output.display(), made.cells, made.files.len()));
    Ok(())
}
