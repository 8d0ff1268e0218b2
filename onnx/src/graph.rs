//! Builds a graph: nodes in order, constants once each, bodies of loops and branches.

use std::collections::HashMap;

use crate::proto::{
    AttributeProto, AttributeType, DataType, Dimension, GraphProto, NodeProto, Size, TensorProto, TensorShapeProto,
    TensorType, TypeProto, ValueInfoProto,
};

/// The name of something that was computed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Value(String);

/// Kind, shape and bytes of a constant, by which equal ones are found.
type Contents = (DataType, Vec<i64>, Vec<u8>);

/// A graph in the making.
#[derive(Default)]
pub(crate) struct Graph {
    /// Finished and unfinished nodes; the last is the innermost body.
    bodies: Vec<Vec<NodeProto>>,
    initializers: Vec<TensorProto>,
    known: HashMap<Contents, Value>,
    inputs: Vec<ValueInfoProto>,
    count: usize,
}

/// An axis of an input or output.
pub(crate) fn axis(name: &str, size: Option<usize>) -> Dimension {
    let size = size.map_or_else(|| Size::DimParam(name.to_owned()), |size| Size::DimValue(size as i64));
    Dimension { value: Some(size) }
}

/// Name, type and shape of an input or output; `shape` is none where it is not said.
pub(crate) fn value_info(name: &str, kind: DataType, shape: Option<Vec<Dimension>>, about: &str) -> ValueInfoProto {
    let shape = shape.map(|dim| TensorShapeProto { dim });
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto { tensor_type: Some(TensorType { elem_type: Some(kind.into()), shape }) }),
        doc_string: (!about.is_empty()).then(|| about.to_owned()),
    }
}

/// A setting that is a whole number.
fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        i: Some(value),
        r#type: Some(AttributeType::Int.into()),
        ..Default::default()
    }
}

/// A setting that is several whole numbers.
fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        ints: values.to_vec(),
        r#type: Some(AttributeType::Ints.into()),
        ..Default::default()
    }
}

/// A setting that is a number.
fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        f: Some(value),
        r#type: Some(AttributeType::Float.into()),
        ..Default::default()
    }
}

/// A setting that is a graph.
fn body(name: &str, graph: GraphProto) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        g: Some(graph),
        r#type: Some(AttributeType::Graph.into()),
        ..Default::default()
    }
}

impl Graph {
    pub(crate) fn new() -> Graph {
        Graph { bodies: vec![Vec::new()], ..Graph::default() }
    }

    /// An input that has to be given.
    pub(crate) fn input(&mut self, name: &str, kind: DataType, shape: Vec<Dimension>, about: &str) -> Value {
        self.inputs.push(value_info(name, kind, Some(shape), about));
        Value(name.to_owned())
    }

    /// The finished graph with these outputs.
    pub(crate) fn finish(mut self, name: &str, outputs: Vec<ValueInfoProto>) -> GraphProto {
        GraphProto {
            node: self.bodies.pop().expect("the graph's own body"),
            name: Some(name.to_owned()),
            initializer: self.initializers,
            input: self.inputs,
            output: outputs,
        }
    }

    fn name(&mut self, of: &str) -> Value {
        self.count += 1;
        Value(format!("{}_{}", of.to_lowercase(), self.count))
    }

    fn push(&mut self, op: &str, inputs: &[&Value], outputs: usize, attributes: Vec<AttributeProto>) -> Vec<Value> {
        let made: Vec<Value> = (0..outputs).map(|_| self.name(op)).collect();
        self.push_named(op, inputs, &made, attributes);
        made
    }

    fn push_named(&mut self, op: &str, inputs: &[&Value], outputs: &[Value], attributes: Vec<AttributeProto>) {
        let node = NodeProto {
            input: inputs.iter().map(|value| value.0.clone()).collect(),
            output: outputs.iter().map(|value| value.0.clone()).collect(),
            name: Some(format!("make_{}", outputs[0].0)),
            op_type: Some(op.to_owned()),
            attribute: attributes,
        };
        self.bodies.last_mut().expect("a body is open").push(node);
    }

    fn one(&mut self, op: &str, inputs: &[&Value], attributes: Vec<AttributeProto>) -> Value {
        self.push(op, inputs, 1, attributes).remove(0)
    }

    /// An operation without settings and with one output.
    pub(crate) fn op(&mut self, op: &str, inputs: &[&Value]) -> Value {
        self.one(op, inputs, Vec::new())
    }

    /// Gives a value the name of an output.
    pub(crate) fn output(&mut self, name: &str, value: &Value) {
        self.push_named("Identity", &[value], &[Value(name.to_owned())], Vec::new());
    }

    fn constant(&mut self, kind: DataType, shape: &[i64], bytes: Vec<u8>) -> Value {
        let contents = (kind, shape.to_vec(), bytes);
        if let Some(value) = self.known.get(&contents) {
            return value.clone();
        }
        let value = self.name("constant");
        self.initializers.push(TensorProto {
            dims: shape.to_vec(),
            data_type: Some(kind.into()),
            name: Some(value.0.clone()),
            raw_data: Some(contents.2.clone()),
        });
        self.known.insert(contents, value.clone());
        value
    }

    /// Constants in f32.
    pub(crate) fn floats(&mut self, shape: &[usize], values: &[f32]) -> Value {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "a constant of shape {shape:?}");
        let shape: Vec<i64> = shape.iter().map(|&size| size as i64).collect();
        self.constant(DataType::Float, &shape, values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    /// A constant in f32.
    pub(crate) fn float(&mut self, value: f32) -> Value {
        self.floats(&[], &[value])
    }

    /// Constants in f64.
    pub(crate) fn doubles(&mut self, shape: &[usize], values: &[f64]) -> Value {
        let shape: Vec<i64> = shape.iter().map(|&size| size as i64).collect();
        self.constant(DataType::Double, &shape, values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    /// A constant in f64.
    pub(crate) fn double(&mut self, value: f64) -> Value {
        self.doubles(&[], &[value])
    }

    /// Whole numbers, `[n]`.
    pub(crate) fn ints(&mut self, values: &[i64]) -> Value {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(DataType::Int64, &[values.len() as i64], bytes)
    }

    /// A whole number, `[]`.
    pub(crate) fn int(&mut self, value: i64) -> Value {
        self.constant(DataType::Int64, &[], value.to_le_bytes().to_vec())
    }

    pub(crate) fn cast(&mut self, value: &Value, to: DataType) -> Value {
        self.one("Cast", &[value], vec![int("to", to as i64)])
    }

    /// Sizes of the axes from `first` up to, without, `end`: `[end − first]`.
    pub(crate) fn sizes(&mut self, value: &Value, first: i64, end: i64) -> Value {
        self.one("Shape", &[value], vec![int("start", first), int("end", end)])
    }

    /// The only element of `[1]` as `[]`.
    pub(crate) fn scalar(&mut self, value: &Value) -> Value {
        let axes = self.ints(&[0]);
        self.op("Squeeze", &[value, &axes])
    }

    /// 0, 1, … below `end` `[]`.
    pub(crate) fn range(&mut self, end: &Value) -> Value {
        let (zero, one) = (self.int(0), self.int(1));
        self.op("Range", &[&zero, end, &one])
    }

    pub(crate) fn unsqueeze(&mut self, value: &Value, axes: &[i64]) -> Value {
        let axes = self.ints(axes);
        self.op("Unsqueeze", &[value, &axes])
    }

    pub(crate) fn squeeze(&mut self, value: &Value, axes: &[i64]) -> Value {
        let axes = self.ints(axes);
        self.op("Squeeze", &[value, &axes])
    }

    /// A shape may hold 0 for an axis that keeps its size.
    pub(crate) fn reshape(&mut self, value: &Value, shape: &[i64]) -> Value {
        let shape = self.ints(shape);
        self.op("Reshape", &[value, &shape])
    }

    /// Reshapes to sizes that are known when the graph runs, each `[1]`.
    pub(crate) fn reshape_to(&mut self, value: &Value, shape: &[&Value]) -> Value {
        let shape = self.concat(shape, 0);
        self.op("Reshape", &[value, &shape])
    }

    /// As [`Graph::reshape_to`], but 0 is the size 0.
    pub(crate) fn reshape_exactly(&mut self, value: &Value, shape: &[&Value]) -> Value {
        let shape = self.concat(shape, 0);
        self.one("Reshape", &[value, &shape], vec![int("allowzero", 1)])
    }

    pub(crate) fn transpose(&mut self, value: &Value, order: &[i64]) -> Value {
        self.one("Transpose", &[value], vec![ints("perm", order)])
    }

    pub(crate) fn concat(&mut self, values: &[&Value], axis: i64) -> Value {
        match values {
            [only] => (*only).clone(),
            _ => self.one("Concat", values, vec![int("axis", axis)]),
        }
    }

    /// Elements `from` up to, without, `to` of an axis; both `[1]`.
    pub(crate) fn slice(&mut self, value: &Value, axis: i64, from: &Value, to: &Value) -> Value {
        let axis = self.ints(&[axis]);
        self.op("Slice", &[value, from, to, &axis])
    }

    /// The first `count` `[1]` of an axis.
    pub(crate) fn first(&mut self, value: &Value, axis: i64, count: &Value) -> Value {
        let zero = self.ints(&[0]);
        self.slice(value, axis, &zero, count)
    }

    /// All but the first `count` `[1]` of an axis.
    pub(crate) fn after(&mut self, value: &Value, axis: i64, count: &Value) -> Value {
        let end = self.ints(&[i64::MAX]);
        self.slice(value, axis, count, &end)
    }

    pub(crate) fn split(&mut self, value: &Value, axis: i64, sizes: &[usize]) -> Vec<Value> {
        let listed: Vec<i64> = sizes.iter().map(|&size| size as i64).collect();
        let listed = self.ints(&listed);
        self.push("Split", &[value, &listed], sizes.len(), vec![int("axis", axis)])
    }

    pub(crate) fn gather(&mut self, value: &Value, index: &Value, axis: i64) -> Value {
        self.one("Gather", &[value, index], vec![int("axis", axis)])
    }

    /// `op` is one of ONNX's that reduce axes, which stay with size 1.
    pub(crate) fn reduce(&mut self, op: &str, value: &Value, axes: &[i64]) -> Value {
        let axes = self.ints(axes);
        self.one(op, &[value, &axes], vec![int("keepdims", 1)])
    }

    /// `left` · `right`ᵀ of two matrices.
    pub(crate) fn times_transposed(&mut self, left: &Value, right: &Value) -> Value {
        self.one("Gemm", &[left, right], vec![int("transB", 1)])
    }

    /// The `count` `[1]` smallest of the last axis, in order.
    pub(crate) fn smallest(&mut self, value: &Value, count: &Value) -> Value {
        let settings = vec![int("axis", -1), int("largest", 0), int("sorted", 1)];
        self.push("TopK", &[value, count], 2, settings).remove(0)
    }

    /// Over the last axis; `op` is `Softmax` or `LogSoftmax`.
    pub(crate) fn softmax(&mut self, op: &str, value: &Value) -> Value {
        self.one(op, &[value], vec![int("axis", -1)])
    }

    pub(crate) fn layer_norm(&mut self, value: &Value, gamma: &Value, beta: &Value, epsilon: f32) -> Value {
        let settings = vec![int("axis", -1), float("epsilon", epsilon)];
        self.one("LayerNormalization", &[value, gamma, beta], settings)
    }

    /// A convolution with as many zeros around as half of its window, rounded down.
    ///
    /// # Shapes
    /// `value` `[B, in, side, side]`, `weight` `[out, in, size, size]`, `bias` `[out]`.
    pub(crate) fn convolve(
        &mut self,
        value: &Value,
        weight: &Value,
        bias: &Value,
        size: usize,
        stride: usize,
    ) -> Value {
        let (size, stride) = (size as i64, stride as i64);
        let settings =
            vec![ints("kernel_shape", &[size; 2]), ints("strides", &[stride; 2]), ints("pads", &[size / 2; 4])];
        self.one("Conv", &[value, weight, bias], settings)
    }

    fn close(&mut self, name: &Value, inputs: Vec<ValueInfoProto>, outputs: Vec<ValueInfoProto>) -> GraphProto {
        let node = self.bodies.pop().expect("a body is open");
        GraphProto { node, name: Some(name.0.clone()), initializer: Vec::new(), input: inputs, output: outputs }
    }

    /// Runs `step` `count` `[]` times, from `start` on; it gets the number of the turn `[]` and what it made the turn
    /// before. `kind` is that of the values.
    pub(crate) fn repeat(
        &mut self,
        count: &Value,
        start: &Value,
        kind: DataType,
        step: impl FnOnce(&mut Graph, &Value, &Value) -> Value,
    ) -> Value {
        let [turn, go_on, state, still, next, name] =
            ["turn", "go_on", "state", "still", "next", "body"].map(|of| self.name(of));
        self.bodies.push(Vec::new());
        let made = step(self, &turn, &state);
        self.push_named("Identity", &[&go_on], std::slice::from_ref(&still), Vec::new());
        self.push_named("Identity", &[&made], std::slice::from_ref(&next), Vec::new());
        let inputs = vec![
            value_info(&turn.0, DataType::Int64, Some(Vec::new()), ""),
            value_info(&go_on.0, DataType::Bool, Some(Vec::new()), ""),
            value_info(&state.0, kind, None, ""),
        ];
        let outputs =
            vec![value_info(&still.0, DataType::Bool, Some(Vec::new()), ""), value_info(&next.0, kind, None, "")];
        let graph = self.close(&name, inputs, outputs);
        let yes = self.constant(DataType::Bool, &[], vec![1]);
        self.one("Loop", &[count, &yes, start], vec![body("body", graph)])
    }

    /// What one of two branches makes; both make as many values of the same kinds.
    pub(crate) fn either(
        &mut self,
        condition: &Value,
        kinds: &[DataType],
        then: impl FnOnce(&mut Graph) -> Vec<Value>,
        otherwise: impl FnOnce(&mut Graph) -> Vec<Value>,
    ) -> Vec<Value> {
        let then = self.branch(kinds, then);
        let otherwise = self.branch(kinds, otherwise);
        let branches = vec![body("then_branch", then), body("else_branch", otherwise)];
        self.push("If", &[condition], kinds.len(), branches)
    }

    fn branch(&mut self, kinds: &[DataType], make: impl FnOnce(&mut Graph) -> Vec<Value>) -> GraphProto {
        let name = self.name("branch");
        self.bodies.push(Vec::new());
        let made = make(self);
        let mut outputs = Vec::new();
        for (value, kind) in made.iter().zip(kinds) {
            // a branch gives names of its own, not those of the graph around it
            let output = self.op("Identity", &[value]);
            outputs.push(value_info(&output.0, *kind, None, ""));
        }
        self.close(&name, Vec::new(), outputs)
    }
}
