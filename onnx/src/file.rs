//! A learner as the bytes of an ONNX file.

use std::collections::BTreeMap;

use prost::Message;
use shaders::Model;

use crate::causal;
use crate::graph::{Graph, axis, value_info};
use crate::proto::{DataType, GraphProto, ModelProto, OperatorSetIdProto, StringStringEntryProto};
use crate::set::{self, Given};

/// Version of ONNX's operators in every file: the first whose reductions all take their axes in the same way. Any runtime
/// of 2023 or later has it. No operator is of another domain.
pub const OPSET: i64 = 18;
/// Version of the file format, the one that came with [`OPSET`].
pub const IR_VERSION: i64 = 8;

/// Who writes these files, in their own words.
const PRODUCER: &str = "learner-in-a-file";

/// What is fixed in a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// N; free if none.
    pub examples: Option<usize>,
    /// Q; free if none.
    pub queries: Option<usize>,
}

/// Why a learner cannot become such a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// A number of examples or queries that the learner does not take.
    #[error("ONNX: expected {low} to {high} {what}, found {found}; choose another number, or leave it free")]
    Size {
        /// What is counted.
        what: &'static str,
        /// Smallest number.
        low: usize,
        /// Largest number.
        high: usize,
        /// Number asked for.
        found: usize,
    },
}

/// A learner as an ONNX file: the whole computation, from a context and queries to probabilities.
///
/// | name | shape | |
/// |---|---|---|
/// | `context_x` | `[N, X]` f32 | inputs of the shown examples, encoded as for [`shaders::cpu::Session`] |
/// | `context_y` | `[N]` i64 | their labels, 0 to C − 1 |
/// | `query_x` | `[Q, X]` f32 | inputs of the queries |
/// | `classes` | `[]` i64 | set learners: C in use, 2 to the learner's own |
/// | `images` | `[]` bool | learners with a stem: whether inputs are pictures, which it then reads |
/// | `probabilities` | `[Q, C]` f32 | output |
/// | `log_probabilities` | `[Q, C]` f32 | output |
///
/// For set learners X is any number: inputs that are left out count as 0. Equal arguments give equal bytes.
///
/// # Errors
/// Sizes that the learner does not take.
pub fn export(model: &Model, options: &Options) -> Result<Vec<u8>, ExportError> {
    check(model, options)?;
    let spec = &model.spec;
    let text = |key: &str, value: &str| StringStringEntryProto { key: Some(key.into()), value: Some(value.into()) };
    let mut metadata = vec![text("weights", &model.hash()), text("longest_context", &(spec.longest - 1).to_string())];
    // results are long, and stay with the model file
    let known = model.metadata.iter().filter(|(key, _)| *key != "evaluation");
    metadata.extend(known.map(|(key, value)| text(key, value)));
    let file = ModelProto {
        ir_version: Some(IR_VERSION),
        producer_name: Some(PRODUCER.into()),
        producer_version: Some(env!("CARGO_PKG_VERSION").into()),
        doc_string: Some("A learner: it is shown labelled examples and answers queries, with no gradient step.".into()),
        graph: Some(graph(model, options)),
        opset_import: vec![OperatorSetIdProto { domain: Some(String::new()), version: Some(OPSET) }],
        metadata_props: metadata,
    };
    Ok(file.encode_to_vec())
}

/// What a file that [`export`] wrote says of itself: `weights` (the hash of the model), `longest_context`, and the model's
/// metadata but its results. Nothing for any other file.
pub fn metadata(bytes: &[u8]) -> BTreeMap<String, String> {
    let file = ModelProto::decode(bytes).ok().filter(|file| file.producer_name.as_deref() == Some(PRODUCER));
    let entries = file.into_iter().flat_map(|file| file.metadata_props);
    entries.filter_map(|entry| Some((entry.key?, entry.value?))).collect()
}

fn check(model: &Model, options: &Options) -> Result<(), ExportError> {
    let spec = &model.spec;
    let size = |what, found: Option<usize>, low, high| match found {
        Some(found) if !(low..=high).contains(&found) => Err(ExportError::Size { what, low, high, found }),
        _ => Ok(()),
    };
    size("examples", options.examples, 1, spec.longest - 1)?;
    size("queries", options.queries, 1, 1 << 20)
}

fn graph(model: &Model, options: &Options) -> GraphProto {
    let spec = &model.spec;
    let is_set = spec.equivariant.is_some();
    let mut g = Graph::new();
    // of a set learner's inputs, inner products alone count
    let width = || axis("inputs", (!is_set).then_some(spec.inputs));
    let (n, q) = (|| axis("examples", options.examples), || axis("queries", options.queries));
    let context_x = g.input("context_x", DataType::Float, vec![n(), width()], "inputs of the shown examples");
    let context_y = g.input("context_y", DataType::Int64, vec![n()], "labels of the shown examples");
    let query_x = g.input("query_x", DataType::Float, vec![q(), width()], "inputs of the queries");
    let logits = if is_set {
        let classes = g.input("classes", DataType::Int64, Vec::new(), "how many classes there are");
        let stem = spec.set().stem.as_ref();
        let images = stem.map(|_| g.input("images", DataType::Bool, Vec::new(), "whether inputs are pictures"));
        set::logits(&mut g, model, &Given { context_x, context_y, query_x, classes, images })
    } else {
        causal::logits(&mut g, model, &context_x, &context_y, &query_x)
    };
    let answers = ["probabilities", "log_probabilities"];
    for (name, op) in answers.into_iter().zip(["Softmax", "LogSoftmax"]) {
        let answer = g.softmax(op, &logits);
        g.output(name, &answer);
    }
    let shape = || Some(vec![q(), axis("classes_in_use", (!is_set).then_some(spec.classes))]);
    g.finish("learner", answers.map(|name| value_info(name, DataType::Float, shape(), "")).to_vec())
}
