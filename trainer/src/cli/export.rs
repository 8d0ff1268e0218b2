//! `trainer export`

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use shaders::model::file::Precision;
use shaders::{FileKind, Model};
use trainer::card::{Card, Results};
use trainer::files;
use trainer::train::read_run;

use super::output::{Ended, note};

#[derive(clap::Args)]
pub struct Arguments {
    /// Folder of the run
    run: PathBuf,
    /// File to write; an earlier export of the same run is replaced, any other file is kept
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// How weights are stored
    #[arg(long, value_enum, default_value_t = Dtype::F32)]
    dtype: Dtype,
    /// What `trainer eval --json` printed of this learner, to travel in the file
    #[arg(long, value_name = "FILE.json")]
    evaluation: Vec<PathBuf>,
    /// Replace whatever file is there
    #[arg(long)]
    overwrite: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Dtype {
    F32,
    F16,
}

/// Writes a run's learner as one file.
pub fn run(arguments: &Arguments) -> Ended {
    let Arguments { run, output, dtype, evaluation, overwrite } = arguments;
    let (mut model, config, step) = read_run(run)?;
    let training = config.to_toml();
    // a file of another run is someone's work, even if the trainer wrote it
    let own = |path: &Path| Model::read(path).is_ok_and(|old| old.metadata.get("training") == Some(&training));
    files::check_writable(output, *overwrite, "no earlier export of this run", own)?;
    let mut results = Results { results: Vec::new() };
    for path in evaluation {
        let bytes = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let more: Results = serde_json::from_slice(&bytes).map_err(|e| {
            let kind = FileKind::of(&bytes).filter(|kind| *kind != FileKind::Json).map(FileKind::name);
            let found = kind
                .map_or_else(|| format!("something else at line {}, column {}", e.line(), e.column()), str::to_owned);
            format!("{}: expected what `trainer eval --json` prints, found {found}", path.display())
        })?;
        results.results.extend(more.results);
    }
    let evaluation = (!results.results.is_empty()).then_some(results);
    Card::of_run(&config, step, evaluation).write(&mut model);
    let bytes = model.to_bytes(match dtype {
        Dtype::F32 => Precision::F32,
        Dtype::F16 => Precision::F16,
    });
    // what is written is what a page will read
    let back = Model::from_bytes(&bytes)?;
    files::write_whole(output, &bytes).map_err(|e| format!("cannot write {}: {e}", output.display()))?;
    note(format!(
        "wrote {}: {} parameters, {} bytes, step {step} of {}, weights {}",
        output.display(),
        back.spec.parameters(),
        bytes.len(),
        config.training.steps,
        &back.hash()[..12]
    ));
    Ok(())
}
