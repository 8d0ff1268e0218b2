//! `trainer export`

use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use onnx::Options;
use shaders::model::file::Precision;
use shaders::{FileKind, Model};
use trainer::card::{Card, Results};
use trainer::files;
use trainer::learner::read_model;
use trainer::train::read_run;

use super::numbers::whole;
use super::output::{Ended, note};

/// No ONNX file of ours is larger: weights are limited, and everything else is small.
const LARGEST_ONNX: u64 = 1 << 29;

#[derive(clap::Args)]
pub struct Arguments {
    /// Folder of the run; a model file will do where --onnx is all that is asked for
    run: PathBuf,
    /// File to write; an earlier export of the same run is replaced, any other file is kept
    #[arg(short, long, value_name = "FILE", required_unless_present = "onnx")]
    output: Option<PathBuf>,
    /// ONNX file to write, for runtimes that are not this project's (docs/onnx.md); replaced or kept as the other
    #[arg(long, value_name = "FILE.onnx")]
    onnx: Option<PathBuf>,
    /// Examples that the ONNX file is always given [default: any number]
    #[arg(long, value_name = "N", requires = "onnx", value_parser = whole::<1, { usize::MAX }>)]
    examples: Option<usize>,
    /// Queries that the ONNX file is always asked [default: any number]
    #[arg(long, value_name = "Q", requires = "onnx", value_parser = whole::<1, { usize::MAX }>)]
    queries: Option<usize>,
    /// How weights are stored; ONNX files have f32
    #[arg(long, value_enum, default_value_t = Dtype::F32, requires = "output")]
    dtype: Dtype,
    /// What `trainer eval --json` printed of this learner, to travel in the file
    #[arg(long, value_name = "FILE.json", requires = "output")]
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

/// Writes a run's learner as one file, and a run's or a file's as an ONNX file.
pub fn run(arguments: &Arguments) -> Ended {
    let Arguments { run, output, onnx, overwrite, .. } = arguments;
    if output.is_some() && output == onnx {
        return Err("expected two files for --output and --onnx, found one name; give another to one of them".into());
    }
    let (model, step) = match output {
        None if run.is_file() => (read_model(run)?, None),
        _ => of_run(run, &arguments.evaluation)?,
    };
    // both are checked before either is written
    if let Some(output) = output {
        // a file of another run is someone's work, even if the trainer wrote it
        let own = |path: &Path| Model::read(path).is_ok_and(|old| same_origin(&model, old.metadata.get("training")));
        files::check_writable(output, *overwrite, "no earlier export of this run", own)?;
    }
    let graph = match onnx {
        None => None,
        Some(path) => {
            let own = |path: &Path| is_own_onnx(path, &model);
            files::check_writable(path, *overwrite, "no earlier ONNX export of this learner", own)?;
            let options = Options { examples: arguments.examples, queries: arguments.queries };
            Some((path, onnx::export(&model, &options)?))
        }
    };
    if let Some(output) = output {
        write_model(output, &model, arguments.dtype, &step.unwrap_or_default())?;
    }
    if let Some((path, bytes)) = graph {
        files::write_whole(path, &bytes).map_err(|e| format!("cannot write {}: {e}", path.display()))?;
        let size = |size: Option<usize>| size.map_or_else(|| "any number of".to_owned(), |size| size.to_string());
        note(format!(
            "wrote {}: ONNX opset {}, {} bytes, {} examples, {} queries, weights {}",
            path.display(),
            onnx::OPSET,
            bytes.len(),
            size(arguments.examples),
            size(arguments.queries),
            &model.hash()[..12]
        ));
    }
    Ok(())
}

/// The learner of a run with its card, and how far the run is, in words.
fn of_run(run: &Path, evaluation: &[PathBuf]) -> Result<(Model, Option<String>), Box<dyn std::error::Error>> {
    let (mut model, config, step) = read_run(run)?;
    let results = results(evaluation)?;
    let evaluation = (!results.results.is_empty()).then_some(results);
    let words = format!("step {step} of {}", config.training.steps);
    Card::of_run(&config, step, evaluation).write(&mut model);
    Ok((model, Some(words)))
}

/// What `trainer eval --json` printed into these files.
fn results(paths: &[PathBuf]) -> Result<Results, Box<dyn std::error::Error>> {
    let mut results = Results { results: Vec::new() };
    for path in paths {
        let bytes = fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let more: Results = serde_json::from_slice(&bytes).map_err(|e| {
            let kind = FileKind::of(&bytes).filter(|kind| *kind != FileKind::Json).map(FileKind::name);
            let found = kind
                .map_or_else(|| format!("something else at line {}, column {}", e.line(), e.column()), str::to_owned);
            format!("{}: expected what `trainer eval --json` prints, found {found}", path.display())
        })?;
        results.results.extend(more.results);
    }
    Ok(results)
}

/// Whether settings of a run, kept in a file, are those of the run that this learner comes from.
fn same_origin(model: &Model, training: Option<&String>) -> bool {
    training.is_some() && training == model.metadata.get("training")
}

/// Whether a file is an earlier ONNX export of the same run or of the same weights.
fn is_own_onnx(path: &Path, model: &Model) -> bool {
    if !fs::metadata(path).is_ok_and(|file| file.len() <= LARGEST_ONNX) {
        return false;
    }
    fs::read(path).is_ok_and(|bytes| {
        let old = onnx::metadata(&bytes);
        same_origin(model, old.get("training")) || old.get("weights") == Some(&model.hash())
    })
}

fn write_model(output: &Path, model: &Model, dtype: Dtype, step: &str) -> Ended {
    let bytes = model.to_bytes(match dtype {
        Dtype::F32 => Precision::F32,
        Dtype::F16 => Precision::F16,
    });
    // what is written is what a page will read
    let back = Model::from_bytes(&bytes)?;
    files::write_whole(output, &bytes).map_err(|e| format!("cannot write {}: {e}", output.display()))?;
    note(format!(
        "wrote {}: {} parameters, {} bytes, {step}, weights {}",
        output.display(),
        back.spec.parameters(),
        bytes.len(),
        &back.hash()[..12]
    ));
    Ok(())
}
