//! Set learners as a graph; the formulas are at the top of [`shaders::model::spec`].

use shaders::Model;
use shaders::model::spec::{LINEAR_FEATURES, LINEAR_SLOPE, RMS_EPSILON, SOFTMAX_FEATURES, SOFTMAX_SLOPE};

use crate::graph::{Graph, Value};
use crate::proto::DataType;
use crate::relations::{Relations, Rows, relations, score_order};

/// In the place of logits that do not count.
const NEVER: f32 = -1e30;

/// What the graph is given.
pub(crate) struct Given {
    /// `[N, X]`
    pub context_x: Value,
    /// `[N]`
    pub context_y: Value,
    /// `[Q, X]`
    pub query_x: Value,
    /// C in use, `[]`.
    pub classes: Value,
    /// Whether inputs are pictures, `[]`; where there is a stem.
    pub images: Option<Value>,
}

/// Logits of the queries, `[Q, C]`.
pub(crate) fn logits(g: &mut Graph, model: &Model, given: &Given) -> Value {
    let rows = Rows::new(g, &given.context_y, &given.query_x, &given.classes);
    let inputs = g.concat(&[&given.context_x, &given.query_x], 0);
    let related = relations(g, model, &rows, &inputs, given.images.as_ref());
    let width = g.ints(&[model.spec.key_size as i64]);
    let across = g.op("Mul", &[&rows.classes, &width]);
    let stretch = g.cast(&across, DataType::Float);
    let stretch = g.op("Sqrt", &[&stretch]);
    let mut learner = Learner { g, model, rows, related, across, stretch };
    let mut state = learner.embed();
    for l in 0..model.spec.layers {
        let last = l + 1 == model.spec.layers;
        state = learner.attend(l, &state, last);
        state = learner.mlp(l, &state);
    }
    learner.read_out(&state)
}

struct Learner<'a> {
    g: &'a mut Graph,
    model: &'a Model,
    rows: Rows,
    related: Relations,
    /// C·K, `[1]`.
    across: Value,
    /// √(C·K), `[1]` in f32.
    stretch: Value,
}

impl Learner<'_> {
    fn tensor(&self, l: usize, name: &str) -> &[f32] {
        self.model.tensor(&format!("layer.{l}.{name}"))
    }

    /// A tensor whose last rows are those of the scores, `[S, width]`, in their order here and with their scales.
    fn of_scores(&self, rows: &[f32], width: usize) -> Vec<f32> {
        let order = score_order(self.model.spec.set()).into_iter();
        order.flat_map(|(from, scale)| rows[from * width..][..width].iter().map(move |value| value * scale)).collect()
    }

    /// The state of every row and class before the first layer, `[T, C, D]`.
    fn embed(&mut self) -> Value {
        let (d, scores) = (self.model.spec.width, self.model.spec.set().scores());
        let table = self.of_scores(self.model.tensor("embed.scores"), d);
        let g = &mut *self.g;
        let [shown, query, label] = ["shown", "query", "label"].map(|name| {
            let name = format!("embed.{name}");
            g.floats(&[d], self.model.tensor(&name))
        });
        let is_shown = g.unsqueeze(&self.rows.is_shown, &[2]);
        let start = g.op("Where", &[&is_shown, &shown, &query]);
        let labels = g.unsqueeze(&self.rows.all_labels, &[2]);
        let labelled = g.op("Mul", &[&labels, &label]);
        let start = g.op("Add", &[&start, &labelled]);
        let table = g.floats(&[scores, d], &table);
        let said = g.op("MatMul", &[&self.related.scores, &table]);
        g.op("Add", &[&start, &said])
    }

    /// A state over its root mean square of all classes and channels; γ is in the weights that follow.
    fn norm(&mut self, state: &Value) -> Value {
        let g = &mut *self.g;
        let square = g.op("Mul", &[state, state]);
        let mean = g.reduce("ReduceMean", &square, &[1, 2]);
        let epsilon = g.float(RMS_EPSILON);
        let mean = g.op("Add", &[&mean, &epsilon]);
        let root = g.op("Sqrt", &[&mean]);
        g.op("Div", &[state, &root])
    }

    /// Adds what the heads bring, `[T, C, D]`; after the last layer the queries alone matter, `[Q, C, D]`.
    fn attend(&mut self, l: usize, state: &Value, last: bool) -> Value {
        let spec = &self.model.spec;
        let (d, heads, size) = (spec.width, spec.heads, spec.key_size);
        let all = heads + spec.set().linear_heads;
        let z = self.norm(state);
        let weight = self.projection(l);
        let sizes = [heads * size, heads * size, all * size];
        let g = &mut *self.g;
        let weight = g.floats(&[d, sizes.iter().sum()], &weight);
        let made = g.op("MatMul", &[&z, &weight]);
        let made = g.split(&made, 2, &sizes);
        let (mut query, mut state) = (made[0].clone(), state.clone());
        let (key, value) = (g.first(&made[1], 0, &self.rows.shown), g.first(&made[2], 0, &self.rows.shown));
        let mut count = self.rows.all.clone();
        if last {
            (query, state) = (g.after(&query, 0, &self.rows.shown), g.after(&state, 0, &self.rows.shown));
            count = self.rows.queries.clone();
        }
        let [query, key, value] =
            [(query, heads), (key, heads), (value, all)].map(|(rows, heads)| self.by_head(&rows, heads));
        let weights = self.weights(l, &query, &key, &count, last);
        let g = &mut *self.g;
        let mixed = g.op("MatMul", &[&weights, &value]);
        let (same, size) = (g.ints(&[0, 0]), g.ints(&[size as i64]));
        let mixed = g.reshape_to(&mixed, &[&same, &self.rows.classes, &size]);
        let mixed = g.transpose(&mixed, &[1, 2, 0, 3]);
        let mixed = g.reshape(&mixed, &[0, 0, sizes[2] as i64]);
        let output = g.floats(&[sizes[2], d], self.model.tensor(&format!("layer.{l}.output")));
        let mixed = g.op("MatMul", &[&mixed, &output]);
        g.op("Add", &[&state, &mixed])
    }

    /// Queries times their temperature, keys and values side by side, with the γ of the norm before, `[D, …]`.
    fn projection(&self, l: usize) -> Vec<f32> {
        let (d, size) = (self.model.spec.width, self.model.spec.key_size);
        let (gamma, temperature) = (self.tensor(l, "norm1"), self.tensor(l, "temperature"));
        let parts = ["query", "key", "value"].map(|name| self.tensor(l, name));
        let row = |row: usize| {
            let own = parts.map(|part| &part[row * (part.len() / d)..][..part.len() / d]);
            let query = own[0].iter().enumerate().map(move |(at, value)| value * temperature[at / size]);
            let rest = own[1].iter().chain(own[2]).copied();
            query.chain(rest).map(move |value| value * gamma[row])
        };
        (0..d).flat_map(row).collect()
    }

    /// `[rows, C, heads·K]` → `[heads, rows, C·K]`
    fn by_head(&mut self, rows: &Value, heads: usize) -> Value {
        let g = &mut *self.g;
        let rows = g.reshape(rows, &[0, 0, heads as i64, self.model.spec.key_size as i64]);
        let rows = g.transpose(&rows, &[2, 0, 1, 3]);
        let same = g.ints(&[0, 0]);
        g.reshape_to(&rows, &[&same, &self.across])
    }

    /// What every head gives each shown example, `[H + linear heads, rows, N]`; `count` `[1]` rows.
    fn weights(&mut self, l: usize, query: &Value, key: &Value, count: &Value, last: bool) -> Value {
        let set = self.model.spec.set();
        let (heads, linear_heads) = (self.model.spec.heads, set.linear_heads);
        let slopes = |values: &[f32], heads: usize, scale: &dyn Fn(usize) -> f32| -> Vec<f32> {
            let features = values.len() / heads.max(1);
            (0..heads)
                .flat_map(|head| (0..features).map(move |f| (f, head)))
                .map(|(f, head)| scale(f) * values[f * heads + head])
                .collect()
        };
        // distances have a sign of their own
        let signed = |f: usize| if f % SOFTMAX_FEATURES < 2 { SOFTMAX_SLOPE } else { -SOFTMAX_SLOPE };
        let softmax = slopes(self.tensor(l, "slope.softmax"), heads, &signed);
        let features = self.related.softmax.clone();
        let added = self.weigh(&features, &softmax, SOFTMAX_FEATURES * set.views(), heads, count, last);
        let g = &mut *self.g;
        let turned = g.transpose(key, &[0, 2, 1]);
        let turned = g.op("Div", &[&turned, &self.stretch]);
        let dots = g.op("MatMul", &[query, &turned]);
        let logits = g.op("Add", &[&dots, &added]);
        let weights = self.beside(&logits, NEVER, last);
        let weights = self.g.softmax("Softmax", &weights);
        // a single example sees nothing
        let weights = self.beside(&weights, 0.0, last);
        if linear_heads == 0 {
            return weights;
        }
        let linear = slopes(self.tensor(l, "slope.linear"), linear_heads, &|_| LINEAR_SLOPE);
        let features = self.related.linear.clone();
        let count_of = LINEAR_FEATURES * set.views() + set.ridge.len();
        let linear = self.weigh(&features, &linear, count_of, linear_heads, count, last);
        let linear = self.beside(&linear, 0.0, last);
        self.g.concat(&[&weights, &linear], 0)
    }

    /// Sums of features with slopes, `[heads, features] · [features, rows, N]`.
    fn weigh(&mut self, features: &Value, slopes: &[f32], of: usize, heads: usize, count: &Value, last: bool) -> Value {
        let g = &mut *self.g;
        let features = if last { g.after(features, 1, &self.rows.shown) } else { features.clone() };
        let slopes = g.floats(&[heads, of], slopes);
        let pairs = g.op("Mul", &[count, &self.rows.shown]);
        let (of, heads) = (g.ints(&[of as i64]), g.ints(&[heads as i64]));
        let flat = g.reshape_exactly(&features, &[&of, &pairs]);
        let sums = g.op("MatMul", &[&slopes, &flat]);
        g.reshape_exactly(&sums, &[&heads, count, &self.rows.shown])
    }

    /// Values of pairs, with another in the place of those of a shown example with itself.
    fn beside(&mut self, values: &Value, itself: f32, last: bool) -> Value {
        if last {
            return values.clone();
        }
        let itself = self.g.float(itself);
        self.g.op("Where", &[&self.rows.itself, &itself, values])
    }

    fn mlp(&mut self, l: usize, state: &Value) -> Value {
        let (d, f) = (self.model.spec.width, self.model.spec.mlp());
        let gamma = self.tensor(l, "norm2");
        let up: Vec<f32> = self
            .tensor(l, "mlp.up.weight")
            .chunks_exact(f)
            .zip(gamma.iter().cycle())
            .flat_map(|(row, gamma)| row.iter().map(move |value| value * gamma))
            .collect();
        let z = self.norm(state);
        let (bias, down) = (self.tensor(l, "mlp.up.bias").to_vec(), self.tensor(l, "mlp.down.weight").to_vec());
        let last = self.tensor(l, "mlp.down.bias").to_vec();
        let g = &mut *self.g;
        let (own, common) = (g.floats(&[d, f], &up[..d * f]), g.floats(&[d, f], &up[d * f..]));
        let mean = g.reduce("ReduceMean", &z, &[1]);
        let common = g.op("MatMul", &[&mean, &common]);
        let bias = g.floats(&[f], &bias);
        let common = g.op("Add", &[&common, &bias]);
        let hidden = g.op("MatMul", &[&z, &own]);
        let hidden = g.op("Add", &[&hidden, &common]);
        let hidden = g.op("Relu", &[&hidden]);
        let (down, last) = (g.floats(&[f, d], &down), g.floats(&[d], &last));
        let out = g.op("MatMul", &[&hidden, &down]);
        let out = g.op("Add", &[&out, &last]);
        g.op("Add", &[state, &out])
    }

    /// Logits, `[Q, C]`.
    fn read_out(&mut self, state: &Value) -> Value {
        let (d, scores) = (self.model.spec.width, self.model.spec.set().scores());
        let weight = self.model.tensor("readout");
        let own: Vec<f32> =
            weight.iter().zip(self.model.tensor("norm")).map(|(weight, gamma)| weight * gamma).collect();
        let said = self.of_scores(&weight[d..], 1);
        let z = self.norm(state);
        let g = &mut *self.g;
        let own = g.floats(&[d, 1], &own);
        let own = g.op("MatMul", &[&z, &own]);
        let weight = g.floats(&[scores, 1], &said);
        let of_queries = g.after(&self.related.scores, 0, &self.rows.shown);
        let said = g.op("MatMul", &[&of_queries, &weight]);
        let logits = g.op("Add", &[&own, &said]);
        g.squeeze(&logits, &[2])
    }
}
