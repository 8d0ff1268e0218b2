//! Inverses of symmetric positive definite matrices, for which ONNX has no operator.
//!
//! The sweep operator (Beaton, 1964; Goodnight, 1979) takes a matrix to minus its inverse, a block P of rows at a time. With
//! one more 1 on the diagonal of each block before and after, a sweep is one product for the whole matrix:
//!
//! ```text
//! W = A_·P − E_P      A ← A − W·A_PP⁻¹·Wᵀ        E_P: columns P of the identity
//! ```
//!
//! and 2·I − A is the inverse once every block was swept. Blocks of [`BLOCK`] rows turn nearly all of the work into products
//! of matrices, which every runtime is good at; A_PP⁻¹ itself comes of the same steps with blocks of one row. Both are loops
//! of ONNX, whose length may depend on the number of examples. Newton and Schulz's iteration needs no loop and no division,
//! but at the smallest λ some forty products of whole matrices in place of one.
//!
//! Everything is in f64: the condition of K + λI grows to 10⁵ with a thousand examples.

use crate::graph::{Graph, Value};
use crate::proto::DataType;

/// Rows of a block.
const BLOCK: usize = 32;

/// (K + λI)⁻¹ of several kernels over the same examples.
///
/// # Shapes
/// `kernels` `[R, N, N]` in f64, one of `lambdas` for each; `n` is N as `[1]`; the result `[R, N, N]` in f64.
pub(crate) fn inverses(g: &mut Graph, kernels: &Value, lambdas: &[f32], n: &Value) -> Value {
    let size = g.int(BLOCK as i64);
    let size_1 = g.ints(&[BLOCK as i64]);
    // padded with rows of the identity to whole blocks
    let (block, less) = (size_1.clone(), g.ints(&[BLOCK as i64 - 1]));
    let rounded = g.op("Add", &[n, &less]);
    let blocks = g.op("Div", &[&rounded, &block]);
    let padded = g.op("Mul", &[&blocks, &block]);
    let more = g.op("Sub", &[&padded, n]);
    let zeros = g.ints(&[0; 4]);
    let pads = g.concat(&[&zeros, &more, &more], 0);
    let kernels = g.op("Pad", &[kernels, &pads]);
    let padded = g.scalar(&padded);
    let index = g.range(&padded);
    let column = g.unsqueeze(&index, &[1]);
    let diagonal = g.op("Equal", &[&column, &index]);
    let inside = g.op("Less", &[&index, n]);
    let lambdas: Vec<f64> = lambdas.iter().map(|&lambda| f64::from(lambda)).collect();
    let lambdas = g.doubles(&[lambdas.len(), 1, 1], &lambdas);
    let (zero, one) = (g.double(0.0), g.double(1.0));
    let added = g.op("Where", &[&inside, &lambdas, &one]);
    let added = g.op("Where", &[&diagonal, &added, &zero]);
    let start = g.op("Add", &[&kernels, &added]);

    let blocks = g.scalar(&blocks);
    let swept = g.repeat(&blocks, &start, DataType::Double, |g, turn, matrix| {
        let from = g.op("Mul", &[turn, &size]);
        let from = g.unsqueeze(&from, &[0]);
        let to = g.op("Add", &[&from, &size_1]);
        let columns = g.slice(matrix, 2, &from, &to);
        let own = g.slice(&columns, 1, &from, &to);
        // rows of the padding are done already
        let left = g.op("Sub", &[n, &from]);
        let rows = g.op("Min", &[&left, &size_1]);
        let rows = g.scalar(&rows);
        let own = block_inverse(g, &own, &rows);
        let here = g.slice(&index, 0, &from, &to);
        let identity = g.op("Equal", &[&column, &here]);
        let identity = g.cast(&identity, DataType::Double);
        let w = g.op("Sub", &[&columns, &identity]);
        let left = g.op("MatMul", &[&w, &own]);
        // A is symmetric: its rows are Wᵀ without a transposition
        let rows = g.slice(matrix, 1, &from, &to);
        let here = g.unsqueeze(&here, &[1]);
        let identity = g.op("Equal", &[&here, &index]);
        let identity = g.cast(&identity, DataType::Double);
        let right = g.op("Sub", &[&rows, &identity]);
        let change = g.op("MatMul", &[&left, &right]);
        g.op("Sub", &[matrix, &change])
    });
    let swept = g.first(&swept, 1, n);
    let swept = g.first(&swept, 2, n);
    let diagonal = g.first(&diagonal, 0, n);
    let diagonal = g.first(&diagonal, 1, n);
    let two = g.double(2.0);
    let twice = g.op("Where", &[&diagonal, &two, &zero]);
    g.op("Sub", &[&twice, &swept])
}

/// The inverse of a block `[R, BLOCK, BLOCK]` whose rows from `rows` `[]` on are those of the identity.
fn block_inverse(g: &mut Graph, block: &Value, rows: &Value) -> Value {
    let identity: Vec<f64> = (0..BLOCK * BLOCK).map(|at| f64::from(u8::from(at % (BLOCK + 1) == 0))).collect();
    let identity = g.doubles(&[BLOCK, BLOCK], &identity);
    let swept = g.repeat(rows, block, DataType::Double, |g, turn, matrix| {
        let column = g.gather(matrix, turn, 2);
        let pivot = g.gather(&column, turn, 1);
        let unit = g.gather(&identity, turn, 0);
        let w = g.op("Sub", &[&column, &unit]);
        let pivot = g.unsqueeze(&pivot, &[1]);
        let right = g.op("Div", &[&w, &pivot]);
        let left = g.unsqueeze(&w, &[2]);
        let right = g.unsqueeze(&right, &[1]);
        let change = g.op("Mul", &[&left, &right]);
        g.op("Sub", &[matrix, &change])
    });
    let two = g.double(2.0);
    let twice = g.op("Mul", &[&identity, &two]);
    g.op("Sub", &[&twice, &swept])
}
