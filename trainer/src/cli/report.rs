//! `trainer report`

use std::path::PathBuf;

use trainer::experiment::{self, report};

use super::output::{Ended, note, print};

#[derive(clap::Args)]
pub struct Arguments {
    /// Folders with results, of one machine or of several, or the results.jsonl beside another report
    #[arg(default_value = "runs/experiments")]
    folders: Vec<PathBuf>,
    /// List of cells, as `trainer experiment --plan-file` wrote it: says which cells lack a result (stopped, killed, failed,
    /// never begun) and which were run twice
    #[arg(long, value_name = "FILE.jsonl")]
    plan_file: Option<PathBuf>,
    /// Print the indexes of the cells that lack a result, as 0,4-6, and write no page; nothing if all have one
    #[arg(long, requires = "plan_file")]
    missing: bool,
    /// Page to write; an earlier report and the files that it wrote are replaced, any other file is kept
    #[arg(short, long, value_name = "FILE.html", default_value = "report.html")]
    output: PathBuf,
    /// Replace whatever files are there
    #[arg(long)]
    overwrite: bool,
}

/// Writes a report.
pub fn run(arguments: &Arguments) -> Ended {
    let Arguments { folders, output, overwrite, plan_file, missing } = arguments;
    let list = plan_file.as_deref().map(experiment::plan::read).transpose()?;
    // before the first task ends there is no folder yet
    let there: Vec<PathBuf> = match list.is_some() {
        true => folders.iter().filter(|folder| folder.exists()).cloned().collect(),
        false => folders.clone(),
    };
    let found = experiment::find_results(&there)?;
    let audit = list.map(|cells| experiment::audit(&cells, &found));
    if let Some(audit) = &audit {
        note(audit.summary());
        if *missing {
            return Ok(print(&(experiment::indexes(&audit.missing()) + "\n"))?);
        }
        let lost = audit.cells.iter().filter(|cell| !cell.ended());
        lost.chain(audit.doubled()).for_each(|cell| note(cell.line()));
    }
    let results = experiment::collect(found);
    if results.is_empty() {
        let names: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
        let here = names.join(", ");
        return Err(format!("expected results in {here}, found none; make some with `trainer experiment fig4`").into());
    }
    let made = report::build(&results, audit.as_ref());
    report::write(&made, output, *overwrite)?;
    note(format!("wrote {} from {} cells, and {} files beside it", output.display(), made.cells, made.files.len()));
    Ok(())
}
