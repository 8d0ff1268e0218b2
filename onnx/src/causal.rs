//! Causal Transformers as a graph; the formulas are at the top of [`shaders::model::spec`].
//!
//! Rows come in one list: 0..N are the shown examples at their positions, and N..N + Q the queries, every one of them at
//! position N. A row at position p sees the slots of the shown examples before p, and its own.

use shaders::Model;
use shaders::model::spec::{KeyShift, LAYER_NORM_EPSILON, Positions, QK_NORM_EPSILON, QueryKey};
use shaders::plan::weights::{blend, scale};

use crate::graph::{Graph, Value};

/// In the place of logits that do not count.
const NEVER: f32 = -1e30;

/// Logits of the queries, `[Q, C]`.
///
/// # Shapes
/// `context_x` `[N, X]`, `context_y` `[N]`, `query_x` `[Q, X]`.
pub(crate) fn logits(g: &mut Graph, model: &Model, context_x: &Value, context_y: &Value, query_x: &Value) -> Value {
    let (shown, asked) = (g.sizes(context_y, 0, 1), g.sizes(query_x, 0, 1));
    let all = g.op("Add", &[&shown, &asked]);
    let (all, shown_0) = (g.scalar(&all), g.scalar(&shown));
    let rows = g.range(&all);
    let position = g.op("Min", &[&rows, &shown_0]);
    let columns = g.range(&shown_0);
    let column = g.unsqueeze(&position, &[1]);
    let before = g.op("Less", &[&columns, &column]);
    let inputs = g.concat(&[context_x, query_x], 0);
    let mut learner = Learner { g, model, shown, position, before };
    let mut state = learner.embed(&inputs, context_y);
    for l in 0..model.spec.layers {
        let last = l + 1 == model.spec.layers;
        state = learner.attend(l, &state, last);
        let z = learner.norm(&format!("layer.{l}.norm2"), &state);
        let hidden = learner.affine(&format!("layer.{l}.mlp.up"), &z);
        let hidden = learner.gelu(&hidden);
        let out = learner.affine(&format!("layer.{l}.mlp.down"), &hidden);
        state = learner.g.op("Add", &[&state, &out]);
    }
    let z = learner.norm("norm", &state);
    learner.affine("readout", &z)
}

struct Learner<'a> {
    g: &'a mut Graph,
    model: &'a Model,
    /// N, `[1]`.
    shown: Value,
    /// Position of each row, `[N + Q]`.
    position: Value,
    /// Whether row i sees shown example j, `[N + Q, N]`.
    before: Value,
}

impl Learner<'_> {
    /// `rows`·W + b
    fn affine(&mut self, name: &str, rows: &Value) -> Value {
        let (weight, bias) = (self.model.tensor(&format!("{name}.weight")), self.model.tensor(&format!("{name}.bias")));
        let weight = self.g.floats(&[weight.len() / bias.len(), bias.len()], weight);
        let bias = self.g.floats(&[bias.len()], bias);
        let product = self.g.op("MatMul", &[rows, &weight]);
        self.g.op("Add", &[&product, &bias])
    }

    fn norm(&mut self, name: &str, rows: &Value) -> Value {
        let d = self.model.spec.width;
        let gamma = self.g.floats(&[d], self.model.tensor(&format!("{name}.gamma")));
        let beta = self.g.floats(&[d], self.model.tensor(&format!("{name}.beta")));
        self.g.layer_norm(rows, &gamma, &beta, LAYER_NORM_EPSILON)
    }

    /// x·(1 + erf(x/√2))/2; the operator `Gelu` is younger than our opset.
    fn gelu(&mut self, rows: &Value) -> Value {
        let g = &mut *self.g;
        let (root, one, half) = (g.float(std::f32::consts::SQRT_2), g.float(1.0), g.float(0.5));
        let scaled = g.op("Div", &[rows, &root]);
        let erf = g.op("Erf", &[&scaled]);
        let share = g.op("Add", &[&erf, &one]);
        let all = g.op("Mul", &[rows, &share]);
        g.op("Mul", &[&all, &half])
    }

    /// What stands before each row's position: the shown row there, or the first of `rows`, `[1 + N, …]`, for position 0.
    fn preceding(&mut self, rows: &Value) -> Value {
        self.g.gather(rows, &self.position.clone(), 0)
    }

    /// Inputs, the label before, and the position.
    fn embed(&mut self, inputs: &Value, labels: &Value) -> Value {
        let spec = &self.model.spec;
        let (d, classes) = (spec.width, spec.classes);
        let mut table = self.model.tensor("embed.label.weight").to_vec();
        // before the first example there is no label
        table.extend(vec![0.0; d]);
        let none = self.g.ints(&[classes as i64]);
        let labels = self.g.concat(&[&none, labels], 0);
        let labels = self.preceding(&labels);
        let g = &mut *self.g;
        let table = g.floats(&[classes + 1, d], &table);
        let named = g.gather(&table, &labels, 0);
        let weight = g.floats(&[spec.inputs, d], self.model.tensor("embed.input.weight"));
        let bias = g.floats(&[d], self.model.tensor("embed.bias"));
        let rows = g.op("MatMul", &[inputs, &weight]);
        let rows = g.op("Add", &[&rows, &bias]);
        let rows = g.op("Add", &[&rows, &named]);
        if spec.positions == Positions::None {
            return rows;
        }
        let places = g.floats(&[spec.longest, d], self.model.tensor("embed.position"));
        let places = g.gather(&places, &self.position, 0);
        g.op("Add", &[&rows, &places])
    }

    /// `[rows, H·K]` → `[H, rows, K]`
    fn by_head(&mut self, rows: &Value) -> Value {
        let rows = self.g.reshape(rows, &[0, self.model.spec.heads as i64, self.model.spec.key_size as i64]);
        self.g.transpose(&rows, &[1, 0, 2])
    }

    /// Vectors of heads at length 1, if the learner has that.
    fn unit(&mut self, rows: &Value) -> Value {
        if !self.model.spec.qk_norm {
            return rows.clone();
        }
        let square = self.g.reduce("ReduceSumSquare", rows, &[-1]);
        let epsilon = self.g.float(QK_NORM_EPSILON);
        let square = self.g.op("Add", &[&square, &epsilon]);
        let length = self.g.op("Sqrt", &[&square]);
        self.g.op("Div", &[rows, &length])
    }

    /// The key of each row's own slot, `[H, rows, K]`, of keys `[rows, H·K]`.
    fn slots(&mut self, l: usize, keys: &Value) -> Value {
        let spec = &self.model.spec;
        let own = keys.clone();
        let mixed = if spec.key_shift == KeyShift::None {
            own
        } else {
            let shown = self.g.first(keys, 0, &self.shown.clone());
            let none = self.g.floats(&[1, spec.channels()], &vec![0.0; spec.channels()]);
            let shown = self.g.concat(&[&none, &shown], 0);
            let before = self.preceding(&shown);
            if spec.key_shift == KeyShift::Full {
                before
            } else {
                let shares: Vec<f32> =
                    blend(self.model, l).iter().flat_map(|&share| vec![share; spec.key_size]).collect();
                let rest: Vec<f32> = shares.iter().map(|share| 1.0 - share).collect();
                let g = &mut *self.g;
                let (shares, rest) = (g.floats(&[spec.channels()], &shares), g.floats(&[spec.channels()], &rest));
                let (own, before) = (g.op("Mul", &[&own, &rest]), g.op("Mul", &[&before, &shares]));
                g.op("Add", &[&own, &before])
            }
        };
        let slots = self.by_head(&mixed);
        self.unit(&slots)
    }

    /// Adds what the heads bring; after the last layer the queries alone matter.
    fn attend(&mut self, l: usize, state: &Value, last: bool) -> Value {
        let spec = &self.model.spec;
        let name = |part: &str| format!("layer.{l}.{part}");
        let z = self.norm(&name("norm1"), state);
        let query = self.affine(&name("query"), &z);
        let key = if spec.query_key == QueryKey::Tied { query.clone() } else { self.affine(&name("key"), &z) };
        let value = self.affine(&name("value"), &z);
        let slots = self.slots(l, &key);
        let (query, value) = (self.by_head(&query), self.by_head(&value));
        let query = self.unit(&query);
        let shown = self.shown.clone();
        let g = &mut *self.g;
        let factors = g.floats(&[spec.heads, 1, 1], &scale(self.model, l));
        let query = g.op("Mul", &[&query, &factors]);
        // A transposition right before a product becomes one operation with it, which stops in some runtimes where
        // nothing was shown; so it comes before the slice.
        let turned = g.transpose(&slots, &[0, 2, 1]);
        let (keys, values) = (g.first(&turned, 2, &shown), g.first(&value, 1, &shown));
        let mut rows = [query, slots, value];
        let (mut state, mut before) = (state.clone(), Some(self.before.clone()));
        if last {
            rows = rows.map(|rows| g.after(&rows, 1, &shown));
            // a query sees every shown example
            (state, before) = (g.after(&state, 0, &shown), None);
        }
        let [query, own_slot, own_value] = rows;
        let mut logits = g.op("MatMul", &[&query, &keys]);
        if let Some(before) = before {
            let never = g.float(NEVER);
            logits = g.op("Where", &[&before, &logits, &never]);
        }
        let own = g.op("Mul", &[&query, &own_slot]);
        let own = g.reduce("ReduceSum", &own, &[2]);
        let logits = g.concat(&[&logits, &own], 2);
        let weights = g.softmax("Softmax", &logits);
        let to_shown = g.first(&weights, 2, &shown);
        let to_own = g.after(&weights, 2, &shown);
        let mixed = g.op("MatMul", &[&to_shown, &values]);
        let own = g.op("Mul", &[&to_own, &own_value]);
        let mixed = g.op("Add", &[&mixed, &own]);
        let mixed = g.transpose(&mixed, &[1, 0, 2]);
        let mixed = g.reshape(&mixed, &[0, spec.channels() as i64]);
        let out = self.affine(&name("output"), &mixed);
        self.g.op("Add", &[&state, &out])
    }
}
