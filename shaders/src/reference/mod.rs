//! The learner straight from the formulas in [`crate::model::spec`], all in f64, without cache, kernels or plan: the oracle
//! that every other implementation is compared with.

pub mod causal;
pub mod set;
mod stem;

use crate::model::file::Model;
use crate::model::spec::QueryOptions;
use crate::session::context::check_inputs;
use crate::session::error::SessionError;

/// Log-probabilities at every position of one episode, each from the examples before it. Label T − 1 has no influence: no
/// token follows it.
///
/// # Shapes
/// `inputs` `[T, X]`, `labels` `[T]`, the result `[T, C]`.
///
/// # Errors
/// What [`crate::session::context::Context::observe`] refuses, and more than `longest` tokens.
pub fn forward(model: &Model, inputs: &[f32], labels: &[u32]) -> Result<Vec<f32>, SessionError> {
    forward_as(model, inputs, labels, QueryOptions::of(&model.spec))
}

/// As [`forward`], asked in another options.
///
/// # Errors
/// As [`forward`]; labels of classes that are not in use are out of range.
pub fn forward_as(
    model: &Model,
    inputs: &[f32],
    labels: &[u32],
    options: QueryOptions,
) -> Result<Vec<f32>, SessionError> {
    check(model, inputs, labels, options)?;
    match model.spec.equivariant {
        None => Ok(causal::answers(model, inputs, labels)),
        Some(_) => {
            let embeddings = set::embeddings(model, inputs, options.images);
            let answer = |at| set_answer(model, inputs, embeddings.as_deref(), labels, at, options);
            Ok((0..labels.len()).flat_map(answer).collect())
        }
    }
}

/// The last row of [`forward_as`], for which a set learner needs none of the others.
///
/// # Shapes
/// `inputs` `[T, X]`, `labels` `[T]`, T at least 1; the result `[C]`.
///
/// # Errors
/// As [`forward_as`].
pub fn last_as(model: &Model, inputs: &[f32], labels: &[u32], options: QueryOptions) -> Result<Vec<f32>, SessionError> {
    check(model, inputs, labels, options)?;
    match model.spec.equivariant {
        None => Ok(causal::answers(model, inputs, labels).split_off((labels.len() - 1) * model.spec.classes)),
        Some(_) => {
            let embeddings = set::embeddings(model, inputs, options.images);
            Ok(set_answer(model, inputs, embeddings.as_deref(), labels, labels.len() - 1, options))
        }
    }
}

fn check(model: &Model, inputs: &[f32], labels: &[u32], options: QueryOptions) -> Result<(), SessionError> {
    let tokens = check_inputs(inputs, model.spec.inputs)?;
    if labels.len() != tokens {
        return Err(SessionError::LabelCount { expected: tokens, found: labels.len() });
    }
    let classes = options.classes.min(model.spec.most_classes());
    if let Some(&found) = labels.iter().find(|label| **label as usize >= classes) {
        return Err(SessionError::Label { classes, found });
    }
    if tokens > model.spec.longest {
        return Err(SessionError::Full { capacity: model.spec.longest, found: tokens });
    }
    Ok(())
}

/// The answer of a set learner at position `at`, `[C]`; see [`set::embeddings`] for those of all positions.
fn set_answer(
    model: &Model,
    inputs: &[f32],
    embeddings: Option<&[Vec<f64>]>,
    labels: &[u32],
    at: usize,
    options: QueryOptions,
) -> Vec<f32> {
    let x = model.spec.inputs;
    let question = set::Question {
        shown: &inputs[..at * x],
        labels: &labels[..at],
        query: &inputs[at * x..(at + 1) * x],
        classes: options.classes.min(model.spec.most_classes()),
        embeddings: embeddings.map(|all| &all[..=at]),
    };
    let mut answer: Vec<f32> = set::answer(model, &question).into_iter().map(|log| log as f32).collect();
    answer.resize(model.spec.classes.max(question.classes), f32::NEG_INFINITY);
    answer
}
