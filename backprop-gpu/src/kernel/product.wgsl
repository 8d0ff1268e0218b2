// out = epilogue(a·b), many of one shape, a tile of 64 rows and 64 columns a workgroup; either factor may lie by rows or
// by columns. A thread owns 4 × 4 elements; each step stages 16 of the depth, as vec4 of four rows and of four columns, so
// that two loads from workgroup memory feed sixteen products.

struct Params {
    rows: u32,
    depth: u32,
    columns: u32,
    outer: u32,
    inner: u32,
    a_first: u32,
    a_row: u32,
    a_depth: u32,
    a_outer: u32,
    a_inner: u32,
    b_first: u32,
    b_depth: u32,
    b_column: u32,
    b_outer: u32,
    b_inner: u32,
    fold: u32,
    b_fold: u32,
    out_first: u32,
    out_row: u32,
    out_outer: u32,
    out_inner: u32,
    shares: u32,
    out_share: u32,
    triangle: u32,
    epilogue: u32,
    bias: u32,
    sums: u32,
    alpha: u32,
    beta: u32,
    unused_0: u32,
    unused_1: u32,
    unused_2: u32,
}

const TILE: u32 = 64;
const DEPTH: u32 = 16;
// threads along each side of a tile
const SIDE: u32 = 16;

// triangle
const WRITE_LOWER: u32 = 1;
const LOWER: u32 = 2;
const UPPER: u32 = 3;
// epilogue
const ADD: u32 = 1;
const GELU: u32 = 2;
const TIMES: u32 = 3;
const POLYNOMIAL: u32 = 4;
const DIAGONAL: u32 = 5;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> a: array<f32>;             // [outer, inner] of [M, K] by its strides
@group(0) @binding(2) var<storage, read> b: array<f32>;             // [outer, inner] of [K, N] by its strides
@group(0) @binding(3) var<storage, read_write> out: array<f32>;     // [shares, outer, inner] of [M, N] by its strides
@group(0) @binding(4) var<storage, read_write> slope: array<f32>;   // as `out`, of some epilogues

var<workgroup> tile_a: array<vec4f, DEPTH * SIDE>;                  // [DEPTH, 16] of four rows
var<workgroup> tile_b: array<vec4f, DEPTH * SIDE>;                  // [DEPTH, 16] of four columns

// Abramowitz and Stegun 7.1.26: at most 1.5e-7 off.
fn erf(x: f32) -> f32 {
    let size = min(abs(x), 6.0);                                    // erf is 1 in f32 from 4 on
    let t = 1.0 / (1.0 + 0.3275911 * size);
    let series = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
    let value = 1.0 - series * exp(-size * size);
    return select(value, -value, x < 0.0);
}

fn element_a(first: u32, row: u32, k: u32, to: u32) -> f32 {
    if (row >= params.rows || k >= to) {
        return 0.0;
    }
    return a[first + row * params.a_row + k * params.a_depth];
}

fn element_b(first: u32, k: u32, column: u32, to: u32) -> f32 {
    if (column >= params.columns || k >= to) {
        return 0.0;
    }
    let along = k / params.fold * params.b_fold + k % params.fold * params.b_depth;
    return b[first + along + column * params.b_column];
}

fn store(first_out: u32, first_b: u32, row: u32, column: u32, sum: f32) {
    if (row >= params.rows || column >= params.columns || (params.triangle == WRITE_LOWER && column > row)) {
        return;
    }
    let at = first_out + row * params.out_row + column;
    var value = sum;
    if (params.bias != 0u) {
        value += b[first_b + params.depth * params.b_depth + column * params.b_column];
    }
    if (params.epilogue == ADD) {
        value += out[at];
    } else if (params.epilogue == GELU) {
        let below = 0.5 + 0.5 * erf(value * 0.70710678);
        slope[at] = below + value * 0.3989423 * exp(-0.5 * value * value);
        value *= below;
    } else if (params.epilogue == TIMES) {
        value *= slope[at];
    } else if (params.epilogue == POLYNOMIAL) {
        slope[at] = bitcast<f32>(params.alpha) * value + select(0.0, bitcast<f32>(params.beta), row == column);
    } else if (params.epilogue == DIAGONAL) {
        value += select(0.0, bitcast<f32>(params.beta), row == column);
    }
    out[at] = value;
}

fn store_row(first_out: u32, first_b: u32, row: u32, column: u32, sum: vec4f) {
    store(first_out, first_b, row, column, sum.x);
    store(first_out, first_b, row, column + 1u, sum.y);
    store(first_out, first_b, row, column + 2u, sum.z);
    store(first_out, first_b, row, column + 3u, sum.w);
}

@compute @workgroup_size(SIDE, SIDE)
fn main(
    @builtin(workgroup_id) tile: vec3u,
    @builtin(local_invocation_id) local: vec3u,
    @builtin(local_invocation_index) thread: u32,
) {
    let first_row = tile.y * TILE;
    let first_column = tile.x * TILE;
    if (params.triangle == WRITE_LOWER && first_column >= first_row + TILE) {
        return;
    }
    let share = tile.z % params.shares;
    let batch = tile.z / params.shares;
    let outer = batch / params.inner;
    let inner = batch % params.inner;
    let first_a = params.a_first + outer * params.a_outer + inner * params.a_inner;
    let first_b = params.b_first + outer * params.b_outer + inner * params.b_inner;
    let first_out =
        params.out_first + share * params.out_share + outer * params.out_outer + inner * params.out_inner;

    let part = (params.depth + params.shares - 1u) / params.shares;
    var depth_from = min(params.depth, share * part);
    var depth_to = min(params.depth, depth_from + part);
    if (params.triangle == LOWER) {
        depth_to = min(depth_to, first_row + TILE);
    } else if (params.triangle == UPPER) {
        depth_from = max(depth_from, first_row);
    }

    // neighbouring threads load neighbouring values: along the depth, or across it
    let low = thread % SIDE;
    let high = thread / SIDE;
    let a_at = select(vec2u(high, low), vec2u(low, high), params.a_depth == 1u);    // depth, group of four
    let b_at = select(vec2u(high, low), vec2u(low, high), params.b_depth == 1u);

    var sum_0 = vec4f(0.0);
    var sum_1 = vec4f(0.0);
    var sum_2 = vec4f(0.0);
    var sum_3 = vec4f(0.0);
    var sums = vec4f(0.0);
    for (var start = depth_from; start < depth_to; start += DEPTH) {
        let row = first_row + a_at.y * 4u;
        let row_depth = start + a_at.x;
        tile_a[a_at.x * SIDE + a_at.y] = vec4f(
            element_a(first_a, row, row_depth, depth_to),
            element_a(first_a, row + 1u, row_depth, depth_to),
            element_a(first_a, row + 2u, row_depth, depth_to),
            element_a(first_a, row + 3u, row_depth, depth_to),
        );
        let column = first_column + b_at.y * 4u;
        let column_depth = start + b_at.x;
        tile_b[b_at.x * SIDE + b_at.y] = vec4f(
            element_b(first_b, column_depth, column, depth_to),
            element_b(first_b, column_depth, column + 1u, depth_to),
            element_b(first_b, column_depth, column + 2u, depth_to),
            element_b(first_b, column_depth, column + 3u, depth_to),
        );
        workgroupBarrier();
        for (var k = 0u; k < DEPTH; k++) {
            let four_rows = tile_a[k * SIDE + local.y];
            let four_columns = tile_b[k * SIDE + local.x];
            sum_0 += four_rows.x * four_columns;
            sum_1 += four_rows.y * four_columns;
            sum_2 += four_rows.z * four_columns;
            sum_3 += four_rows.w * four_columns;
        }
        if (params.sums != 0u && tile.y == 0u && local.y == 0u) {
            for (var k = 0u; k < DEPTH; k++) {
                sums += tile_b[k * SIDE + local.x];
            }
        }
        workgroupBarrier();
    }
    let row = first_row + local.y * 4u;
    let column = first_column + local.x * 4u;
    store_row(first_out, first_b, row, column, sum_0);
    store_row(first_out, first_b, row + 1u, column, sum_1);
    store_row(first_out, first_b, row + 2u, column, sum_2);
    store_row(first_out, first_b, row + 3u, column, sum_3);
    if (params.sums != 0u && tile.y == 0u && local.y == 0u) {
        let last = first_out + params.rows * params.out_row;
        for (var c = 0u; c < 4u; c++) {
            if (column + c < params.columns) {
                out[last + column + c] = sums[c];
            }
        }
    }
}
