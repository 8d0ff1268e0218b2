//! The graph by itself: names, sizes, errors.

use std::collections::HashSet;

use onnx::proto::{GraphProto, ModelProto, Size, ValueInfoProto};
use onnx::{ExportError, IR_VERSION, OPSET, Options, export, metadata};
use prost::Message;
use shaders::{Model, ModelSpec};

fn shipped(name: &str) -> Model {
    let path = std::env::current_dir().unwrap().join(format!("../models/{name}.safetensors"));
    Model::read(&path).unwrap()
}

fn decoded(model: &Model, options: &Options) -> ModelProto {
    let bytes = export(model, options).unwrap();
    assert_eq!(bytes, export(model, options).unwrap(), "equal arguments give equal bytes");
    ModelProto::decode(&bytes[..]).unwrap()
}

/// Sizes of a value, free ones by their name.
fn shape(value: &ValueInfoProto) -> Vec<String> {
    let tensor = value.r#type.as_ref().unwrap().tensor_type.as_ref().unwrap();
    let size = |size: &Option<Size>| match size {
        Some(Size::DimValue(size)) => size.to_string(),
        Some(Size::DimParam(name)) => name.clone(),
        None => "?".into(),
    };
    tensor.shape.as_ref().unwrap().dim.iter().map(|dim| size(&dim.value)).collect()
}

/// Every name is made once, before it is read, and read somewhere.
fn check_names(graph: &GraphProto, outer: &HashSet<String>, all: &mut HashSet<String>, read: &mut HashSet<String>) {
    let mut known = outer.clone();
    let mut add = |name: &String, known: &mut HashSet<String>| {
        assert!(all.insert(name.clone()), "`{name}` is made twice");
        known.insert(name.clone());
    };
    let inputs = graph.input.iter().filter_map(|value| value.name.as_ref());
    inputs.chain(graph.initializer.iter().filter_map(|tensor| tensor.name.as_ref())).for_each(|n| add(n, &mut known));
    for node in &graph.node {
        for name in &node.input {
            assert!(known.contains(name), "`{name}` is read before it is made");
            read.insert(name.clone());
        }
        for body in node.attribute.iter().filter_map(|attribute| attribute.g.as_ref()) {
            check_names(body, &known, all, read);
        }
        for name in &node.output {
            assert!(all.insert(name.clone()), "`{name}` is made twice");
            known.insert(name.clone());
        }
    }
    for name in graph.output.iter().filter_map(|value| value.name.as_ref()) {
        assert!(known.contains(name), "`{name}` is promised and not made");
        read.insert(name.clone());
    }
}

#[test]
fn every_name_is_made_once_before_it_is_read() {
    for name in ["drawing", "general", "quick"] {
        let file = decoded(&shipped(name), &Options::default());
        assert_eq!(file.ir_version, Some(IR_VERSION));
        assert_eq!(file.opset_import[0].version, Some(OPSET));
        let graph = file.graph.unwrap();
        let (mut all, mut read) = (HashSet::new(), HashSet::new());
        check_names(&graph, &HashSet::new(), &mut all, &mut read);
        let unread = graph.initializer.iter().filter_map(|tensor| tensor.name.as_ref()).find(|n| !read.contains(*n));
        assert_eq!(unread, None, "a constant that nothing reads");
    }
}

#[test]
fn sizes_are_free_or_fixed() {
    let free = decoded(&shipped("general"), &Options::default()).graph.unwrap();
    let shapes: Vec<_> = free.input.iter().chain(&free.output).map(shape).collect();
    let expected: [&[&str]; 7] = [
        &["examples", "inputs"],
        &["examples"],
        &["queries", "inputs"],
        &[],
        &[],
        &["queries", "classes_in_use"],
        &["queries", "classes_in_use"],
    ];
    assert_eq!(shapes, expected);
    let options = Options { examples: Some(50), queries: Some(3) };
    let fixed = decoded(&shipped("quick"), &options).graph.unwrap();
    let shapes: Vec<_> = fixed.input.iter().chain(&fixed.output).map(shape).collect();
    let expected: [&[&str]; 5] = [&["50", "256"], &["50"], &["3", "256"], &["3", "10"], &["3", "10"]];
    assert_eq!(shapes, expected);
}

#[test]
fn learners_without_a_stem_have_no_input_for_it() {
    let model = Model::random(ModelSpec::equivariant(12, 4, 8, 1), 1).unwrap();
    let graph = decoded(&model, &Options::default()).graph.unwrap();
    let names: Vec<_> = graph.input.iter().filter_map(|value| value.name.as_deref()).collect();
    assert_eq!(names, ["context_x", "context_y", "query_x", "classes"]);
}

#[test]
fn sizes_that_a_learner_does_not_take_are_refused() {
    let model = shipped("quick");
    for (options, what, found) in [
        (Options { examples: Some(256), queries: None }, "examples", 256),
        (Options { examples: Some(0), queries: None }, "examples", 0),
        (Options { examples: None, queries: Some(0) }, "queries", 0),
    ] {
        let error = export(&model, &options).unwrap_err();
        assert!(matches!(error, ExportError::Size { what: w, found: f, .. } if (w, f) == (what, found)), "{error}");
        assert!(error.to_string().contains("choose another number"));
    }
}

#[test]
fn a_file_says_what_it_was_made_of() {
    let model = shipped("quick");
    let bytes = export(&model, &Options::default()).unwrap();
    let told = metadata(&bytes);
    assert_eq!(told["weights"], model.hash());
    assert_eq!(told.get("training"), model.metadata.get("training"));
    assert_eq!(told["longest_context"], "255");
    assert!(!told.contains_key("evaluation"));
    let strangers: [&[u8]; 3] = [b"", b"PK\x03\x04", &ModelProto::default().encode_to_vec()];
    strangers.iter().for_each(|bytes| assert!(metadata(bytes).is_empty()));
}
