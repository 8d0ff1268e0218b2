//! How each row, a shown example or a query, relates to each shown example, and what the ridges make of it: the first half
//! of a set learner.
//!
//! Rows i come in one list: 0..N are the shown examples, which do not see themselves, and N..T, T = N + Q, the queries.
//! Everything up to α is in f64. Distances are made of inner products, for ONNX has no way to sum squared differences of all
//! pairs without an array of all of them; in f32 those of near copies would drown in rounding.

use shaders::Model;
use shaders::model::spec::{
    COSINE_EPSILON, Convolution, Equivariant, LEAST_REACH, REGRESSION_SCALE, REPRESENTATION_SCALE, RidgeKernel, Stem,
};

use crate::graph::{Graph, Value};
use crate::inverse::inverses;
use crate::proto::DataType;

/// In the place of distances that do not count.
const FAR: f64 = 1e30;

/// Sizes that are known when the graph runs, and who is who.
pub(crate) struct Rows {
    /// N, `[1]`.
    pub shown: Value,
    /// Q, `[1]`.
    pub queries: Value,
    /// T = N + Q, `[1]`.
    pub all: Value,
    /// C in use, `[1]`.
    pub classes: Value,
    /// Whether row i is shown example j, `[T, N]`.
    pub itself: Value,
    /// Whether row i is a shown example, `[T, 1]`.
    pub is_shown: Value,
    /// How many shown examples row i sees, at least 1, `[T, 1]` in f32.
    pub seen: Value,
    /// 1 at the label of a shown example, `[N, C]` in f32.
    pub labels: Value,
    /// The same for all rows; a query has no 1, `[T, C]` in f32.
    pub all_labels: Value,
    /// Whether shown examples have the same label, `[N, N]`.
    pub same: Value,
}

impl Rows {
    /// # Shapes
    /// `labels` `[N]`, `queries` `[Q, X]`, `classes` `[]`.
    pub(crate) fn new(g: &mut Graph, labels: &Value, queries: &Value, classes: &Value) -> Rows {
        let (shown, asked) = (g.sizes(labels, 0, 1), g.sizes(queries, 0, 1));
        let all = g.op("Add", &[&shown, &asked]);
        let (shown_0, all_0) = (g.scalar(&shown), g.scalar(&all));
        let (columns, rows) = (g.range(&shown_0), g.range(&all_0));
        let rows = g.unsqueeze(&rows, &[1]);
        let itself = g.op("Equal", &[&rows, &columns]);
        let is_shown = g.op("Less", &[&rows, &shown]);
        let one_less = g.cast(&is_shown, DataType::Int64);
        let seen = g.op("Sub", &[&shown, &one_less]);
        let seen = g.cast(&seen, DataType::Float);
        let one = g.float(1.0);
        let seen = g.op("Max", &[&seen, &one]);
        let label_rows = g.unsqueeze(labels, &[1]);
        // the operator `OneHot` of older runtimes divides by zero where there is no label
        let named = g.range(classes);
        let hot = g.op("Equal", &[&label_rows, &named]);
        let hot = g.cast(&hot, DataType::Float);
        let (before, none) = (g.ints(&[0, 0]), g.ints(&[0]));
        let pads = g.concat(&[&before, &asked, &none], 0);
        let all_labels = g.op("Pad", &[&hot, &pads]);
        let same = g.op("Equal", &[&label_rows, labels]);
        let classes = g.unsqueeze(classes, &[0]);
        Rows { shown, queries: asked, all, classes, itself, is_shown, seen, labels: hot, all_labels, same }
    }
}

/// One view of every row and shown example, `[T, N]` in f64.
struct View {
    cosine: Value,
    /// δ
    distance: Value,
    /// ε
    local: Value,
    /// e^−ε
    near: Value,
    /// (x_i − x̄)·(x_j − x̄)/s
    product: Value,
}

/// What the layers read.
pub(crate) struct Relations {
    /// cos, cos², δ, ε of each view, `[4·V, T, N]` in f32.
    pub softmax: Value,
    /// cos, cos², e^−ε of each view, by the number of examples seen, then α of each ridge: `[3·V + R, T, N]` in f32.
    pub linear: Value,
    /// Regression of each ridge, representation of each, count; without their scales. `[T, C, S]` in f32.
    pub scores: Value,
}

/// The scale of each of [`Relations::scores`], and its place in the order of the model file.
pub(crate) fn score_order(set: &Equivariant) -> Vec<(usize, f32)> {
    let ridges = set.ridge.len();
    let regression = (0..ridges).map(|r| (2 * r, REGRESSION_SCALE));
    let representation = (0..ridges).map(|r| (2 * r + 1, REPRESENTATION_SCALE));
    regression.chain(representation).chain([(2 * ridges, 1.0)]).collect()
}

/// # Shapes
/// `inputs` `[T, X]`; `images` `[]`, if there is a stem.
pub(crate) fn relations(
    g: &mut Graph,
    model: &Model,
    rows: &Rows,
    inputs: &Value,
    images: Option<&Value>,
) -> Relations {
    let set = model.spec.set();
    let (dots, own) = products(g, rows, inputs);
    let mut views = vec![view(g, set, rows, &dots, &own)];
    if let (Some(stem), Some(images)) = (&set.stem, images) {
        let kinds = [DataType::Double; 2];
        let embedded = |g: &mut Graph| {
            let embedding = embed(g, model, stem, inputs);
            <[Value; 2]>::from(products(g, rows, &embedding)).to_vec()
        };
        // the learner has both views in any case
        let second = g.either(images, &kinds, embedded, |_| vec![dots, own]);
        views.push(view(g, set, rows, &second[0], &second[1]));
    }
    let ridges = (!set.ridge.is_empty()).then(|| ridges(g, set, rows, &views));
    let planes = |g: &mut Graph, of: &[&Value]| -> Vec<Value> {
        let cast: Vec<Value> = of.iter().map(|value| g.cast(value, DataType::Float)).collect();
        cast.iter().map(|value| g.unsqueeze(value, &[0])).collect()
    };
    let (mut softmax, mut linear) = (Vec::new(), Vec::new());
    for view in &views {
        let square = g.op("Mul", &[&view.cosine, &view.cosine]);
        softmax.extend(planes(g, &[&view.cosine, &square, &view.distance, &view.local]));
        linear.extend(planes(g, &[&view.cosine, &square, &view.near]));
    }
    let softmax = g.concat(&softmax.iter().collect::<Vec<_>>(), 0);
    let linear = g.concat(&linear.iter().collect::<Vec<_>>(), 0);
    let linear = g.op("Div", &[&linear, &rows.seen]);
    let counts = rows.counts(g);
    let mut scores = vec![g.unsqueeze(&counts, &[0])];
    let linear = match ridges {
        None => linear,
        Some((alpha, said)) => {
            scores.insert(0, said);
            g.concat(&[&linear, &alpha], 0)
        }
    };
    let scores = g.concat(&scores.iter().collect::<Vec<_>>(), 0);
    Relations { softmax, linear, scores: g.transpose(&scores, &[1, 2, 0]) }
}

impl Rows {
    /// ln((n_c + ½)/(N/C + ½)), without the row itself: `[T, C]`.
    fn counts(&self, g: &mut Graph) -> Value {
        let half = g.float(0.5);
        let of_class = g.reduce("ReduceSum", &self.labels, &[0]);
        let others = g.op("Sub", &[&of_class, &self.all_labels]);
        let others = g.op("Add", &[&others, &half]);
        let (n, c) = (g.cast(&self.shown, DataType::Float), g.cast(&self.classes, DataType::Float));
        let usual = g.op("Div", &[&n, &c]);
        let usual = g.op("Add", &[&usual, &half]);
        let ratio = g.op("Div", &[&others, &usual]);
        g.op("Log", &[&ratio])
    }
}

/// Inner products with the shown rows, and squared lengths, both less the centre Σ_j x_j/(N + 1).
///
/// # Shapes
/// `values` `[T, X]`; the results `[T, N]` and `[T, 1]` in f64.
fn products(g: &mut Graph, rows: &Rows, values: &Value) -> (Value, Value) {
    let values = g.cast(values, DataType::Double);
    let shown = g.first(&values, 0, &rows.shown);
    let sum = g.reduce("ReduceSum", &shown, &[0]);
    let (count, one) = (g.cast(&rows.shown, DataType::Double), g.double(1.0));
    let count = g.op("Add", &[&count, &one]);
    let centre = g.op("Div", &[&sum, &count]);
    let values = g.op("Sub", &[&values, &centre]);
    let shown = g.first(&values, 0, &rows.shown);
    // a product that transposes: of `Transpose` and `MatMul` older runtimes make one operation that they lack in f64
    let dots = g.times_transposed(&values, &shown);
    (dots, g.reduce("ReduceSumSquare", &values, &[1]))
}

/// # Shapes
/// `dots` `[T, N]`, `own` `[T, 1]`.
fn view(g: &mut Graph, set: &Equivariant, rows: &Rows, dots: &Value, own: &Value) -> View {
    let epsilon = g.double(f64::from(COSINE_EPSILON));
    let squares = g.first(own, 0, &rows.shown);
    let squares = g.transpose(&squares, &[1, 0]);
    let (sum, one) = (g.reduce("ReduceSum", &squares, &[1]), g.double(1.0));
    let count = g.cast(&rows.shown, DataType::Double);
    let count = g.op("Max", &[&count, &one]);
    let mean = g.op("Div", &[&sum, &count]);
    let s = g.op("Add", &[&mean, &epsilon]);

    let both = g.op("Mul", &[own, &squares]);
    let both = g.op("Add", &[&both, &epsilon]);
    let length = g.op("Sqrt", &[&both]);
    let cosine = g.op("Div", &[dots, &length]);
    let both = g.op("Add", &[own, &squares]);
    let twice = g.op("Add", &[dots, dots]);
    let distance = g.op("Sub", &[&both, &twice]);
    // rounding can leave less than 0
    let distance = g.op("Relu", &[&distance]);
    let distance = g.op("Div", &[&distance, &s]);

    let reach = reach(g, set, rows, &distance);
    let others = g.first(&reach, 0, &rows.shown);
    let others = g.transpose(&others, &[1, 0]);
    let reaches = g.op("Mul", &[&reach, &others]);
    let local = g.op("Div", &[&distance, &reaches]);
    let less = g.op("Neg", &[&local]);
    let near = g.op("Exp", &[&less]);
    View { cosine, distance, local, near, product: g.op("Div", &[dots, &s]) }
}

/// r of each row: the root of δ to the k-th nearest of the others, to the farthest where there are fewer, 1 where there are
/// none.
///
/// # Shapes
/// `distance` `[T, N]`, the result `[T, 1]`.
fn reach(g: &mut Graph, set: &Equivariant, rows: &Rows, distance: &Value) -> Value {
    let (far, nearly) = (g.double(FAR), g.double(FAR / 2.0));
    let others = g.op("Where", &[&rows.itself, &far, distance]);
    // one column more, so that there is one
    let one = g.ints(&[1]);
    let column = g.concat(&[&rows.all, &one], 0);
    let column = g.op("Expand", &[&far, &column]);
    let others = g.concat(&[&others, &column], 1);
    let (k, columns) = (g.ints(&[set.neighbour as i64]), g.op("Add", &[&rows.shown, &one]));
    let k = g.op("Min", &[&k, &columns]);
    let nearest = g.smallest(&others, &k);
    let counts = g.op("Less", &[&nearest, &nearly]);
    let zero = g.double(0.0);
    let nearest_that_count = g.op("Where", &[&counts, &nearest, &zero]);
    let square = g.reduce("ReduceMax", &nearest_that_count, &[1]);
    let least = g.double(f64::from(LEAST_REACH));
    let square = g.op("Max", &[&square, &least]);
    let first = g.reduce("ReduceMin", &nearest, &[1]);
    let any = g.op("Less", &[&first, &nearly]);
    let unit = g.double(1.0);
    let square = g.op("Where", &[&any, &square, &unit]);
    g.op("Sqrt", &[&square])
}

/// α `[R, T, N]`, and regression and representation of each ridge without their scales, `[2·R, T, C]`; both in f32.
fn ridges(g: &mut Graph, set: &Equivariant, rows: &Rows, views: &[View]) -> (Value, Value) {
    let mut kernels = Vec::new();
    for ridge in &set.ridge {
        let view = if ridge.raw { &views[0] } else { &views[views.len() - 1] };
        let kernel = match ridge.kernel {
            RidgeKernel::Linear => view.product.clone(),
            RidgeKernel::Gaussian => {
                let half = g.double(-0.5);
                let half = g.op("Mul", &[&view.distance, &half]);
                g.op("Exp", &[&half])
            }
            RidgeKernel::Local => view.near.clone(),
        };
        kernels.push(g.unsqueeze(&kernel, &[0]));
    }
    let similar = g.concat(&kernels.iter().collect::<Vec<_>>(), 0);
    let among = g.first(&similar, 1, &rows.shown);
    let lambdas: Vec<f32> = set.ridge.iter().map(|ridge| ridge.lambda).collect();
    let inverse = inverses(g, &among, &lambdas, &rows.shown);

    // a shown example as if it were left out
    let zero = g.double(0.0);
    let itself = g.first(&rows.itself, 0, &rows.shown);
    let diagonal = g.op("Where", &[&itself, &inverse, &zero]);
    let diagonal = g.reduce("ReduceSum", &diagonal, &[2]);
    let of_shown = g.op("Div", &[&inverse, &diagonal]);
    let of_shown = g.op("Neg", &[&of_shown]);
    let of_shown = g.op("Where", &[&itself, &zero, &of_shown]);
    let asked = g.after(&similar, 1, &rows.shown);
    let of_queries = g.op("MatMul", &[&asked, &inverse]);
    let alpha = g.concat(&[&of_shown, &of_queries], 1);

    let labels = g.cast(&rows.labels, DataType::Double);
    let classes = g.cast(&rows.classes, DataType::Double);
    let share = g.op("Reciprocal", &[&classes]);
    // products with these are sums over a class less their mean over all classes
    let centred = g.op("Sub", &[&labels, &share]);
    let regression = g.op("MatMul", &[&alpha, &centred]);
    let members = g.op("Where", &[&rows.same, &among, &zero]);
    let explained = g.op("MatMul", &[&alpha, &members]);
    let twice = g.op("Add", &[&similar, &similar]);
    let part = g.op("Sub", &[&twice, &explained]);
    let part = g.op("Mul", &[&alpha, &part]);
    let representation = g.op("MatMul", &[&part, &centred]);
    let scores = g.concat(&[&regression, &representation], 0);
    (g.cast(&alpha, DataType::Float), g.cast(&scores, DataType::Float))
}

/// The stem's embedding of each row.
///
/// # Shapes
/// `inputs` `[T, X]`, the result `[T, E]`.
fn embed(g: &mut Graph, model: &Model, stem: &Stem, inputs: &Value) -> Value {
    let (sizes, values) = (stem.sizes(), stem.values());
    let count = g.ints(&[values as i64]);
    let drawing = match stem.channels {
        1 => g.first(inputs, 1, &count),
        _ => {
            // grey pictures may come without the zeros in the place of their colours
            let pads = g.ints(&[0, 0, 0, values as i64]);
            let filled = g.op("Pad", &[inputs, &pads]);
            g.first(&filled, 1, &count)
        }
    };
    let mut plane = g.reshape(&drawing, &[0, stem.channels as i64, stem.side as i64, stem.side as i64]);
    for (i, convolution) in stem.convolutions.iter().enumerate() {
        let Convolution { channels, size, stride } = *convolution;
        let before = sizes[i].1;
        let weight = model.tensor(&format!("stem.convolution.{i}.weight"));
        let weight = moved(weight, size * size, before, channels);
        let weight = g.floats(&[channels, before, size, size], &weight);
        let bias = g.floats(&[channels], model.tensor(&format!("stem.convolution.{i}.bias")));
        plane = g.convolve(&plane, &weight, &bias, size, stride);
        plane = g.op("Relu", &[&plane]);
    }
    let (side, channels) = sizes[sizes.len() - 1];
    let places = side * side;
    // channels are the outermost axis here, and the innermost in the model file
    let matrix: Vec<f32> = (0..channels * places)
        .flat_map(|at| {
            let from = (at % places) * channels + at / places;
            &model.tensor("stem.embedding")[from * stem.embedding..][..stem.embedding]
        })
        .copied()
        .collect();
    let matrix = g.floats(&[channels * places, stem.embedding], &matrix);
    let flat = g.reshape(&plane, &[0, (channels * places) as i64]);
    let embedding = g.op("MatMul", &[&flat, &matrix]);
    let skip = g.floats(&[values, stem.embedding], model.tensor("stem.skip"));
    let skipped = g.op("MatMul", &[&drawing, &skip]);
    g.op("Add", &[&embedding, &skipped])
}

/// `[window, in, out]` → `[out, in, window]`
fn moved(weight: &[f32], window: usize, before: usize, after: usize) -> Vec<f32> {
    let at = |out: usize, channel: usize, place: usize| weight[(place * before + channel) * after + out];
    let mut all = Vec::with_capacity(weight.len());
    for out in 0..after {
        for channel in 0..before {
            all.extend((0..window).map(|place| at(out, channel, place)));
        }
    }
    all
}
