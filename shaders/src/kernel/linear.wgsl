// output[r] = (output[r] +) activation(input[r]·weight + bias), a tile of 16 rows and 64 columns a workgroup.
//
// A thread owns one column of four rows. Each step stages 32 of the summed inputs: rows as vec4 of four rows, so that
// one load from workgroup memory feeds four products. Groups of four rows beyond the last one only help to stage.
//
// Up to four rows, a thread owns one column of one row and reads everything directly: a single query is the most
// frequent call, and staging for 16 rows would cost it more than it saves.

struct Params {
    rows: u32,
    inputs: u32,
    outputs: u32,
    output_first: u32,
    gelu: u32,
    accumulate: u32,
    unbiased: u32,
    row: u32,
}

const COLUMNS: u32 = 64;
const GROUPS: u32 = 4;
const ROWS: u32 = 16;
const DEPTH: u32 = 32;
const THREADS: u32 = COLUMNS * GROUPS;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;         // [R, row], of which I
@group(0) @binding(2) var<storage, read> weight: array<f32>;        // [I, O]
@group(0) @binding(3) var<storage, read> bias: array<f32>;          // [O]
@group(0) @binding(4) var<storage, read_write> output: array<f32>;  // [output_first + R, O]

var<workgroup> tile_input: array<vec4f, DEPTH * GROUPS>;            // [DEPTH, GROUPS] of four rows
var<workgroup> tile_weight: array<f32, DEPTH * COLUMNS>;            // [DEPTH, COLUMNS]

// Abramowitz and Stegun 7.1.26: at most 1.5e-7 off. GELU is the exact one, with erf, as in training.
fn erf(x: f32) -> f32 {
    let size = min(abs(x), 6.0);                                    // erf is 1 in f32 from 4 on
    let t = 1.0 / (1.0 + 0.3275911 * size);
    let series = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
    let value = 1.0 - series * exp(-size * size);
    return select(value, -value, x < 0.0);
}

fn gelu(x: f32) -> f32 {
    return 0.5 * x * (1.0 + erf(x * 0.70710678));
}

fn store(row: u32, column: u32, sum: f32) {
    let at = (params.output_first + row) * params.outputs + column;
    var value = sum;
    if (params.unbiased == 0u) {
        value += bias[column];
    }
    if (params.gelu != 0u) {
        value = gelu(value);
    }
    if (params.accumulate != 0u) {
        value += output[at];
    }
    output[at] = value;
}

@compute @workgroup_size(COLUMNS, GROUPS)
fn main(
    @builtin(workgroup_id) tile: vec3u,
    @builtin(local_invocation_id) local: vec3u,
    @builtin(local_invocation_index) thread: u32,
) {
    let column = tile.x * COLUMNS + local.x;
    let stride = select(params.row, params.inputs, params.row == 0u);
    if (params.rows <= GROUPS) {
        let row = local.y;
        if (row < params.rows && column < params.outputs) {
            var sum = 0.0;
            for (var i = 0u; i < params.inputs; i++) {
                sum += input[row * stride + i] * weight[i * params.outputs + column];
            }
            store(row, column, sum);
        }
        return;
    }
    let first_row = tile.y * ROWS;
    let group_row = first_row + local.y * 4u;
    var sum = vec4f(0.0);
    for (var start = 0u; start < params.inputs; start += DEPTH) {
        for (var at = thread; at < DEPTH * COLUMNS; at += THREADS) {
            let i = start + at / COLUMNS;
            let o = tile.x * COLUMNS + at % COLUMNS;
            var value = 0.0;
            if (i < params.inputs && o < params.outputs) {
                value = weight[i * params.outputs + o];
            }
            tile_weight[at] = value;
        }
        if (thread < DEPTH * GROUPS) {
            let i = start + thread % DEPTH;
            let row = first_row + thread / DEPTH * 4u;
            var four = vec4f(0.0);
            if (i < params.inputs) {
                for (var r = 0u; r < 4u; r++) {
                    if (row + r < params.rows) {
                        four[r] = input[(row + r) * stride + i];
                    }
                }
            }
            tile_input[thread % DEPTH * GROUPS + thread / DEPTH] = four;
        }
        workgroupBarrier();
        if (group_row < params.rows) {
            for (var i = 0u; i < DEPTH; i++) {
                sum += tile_weight[i * COLUMNS + local.x] * tile_input[i * GROUPS + local.y];
            }
        }
        workgroupBarrier();
    }
    if (column >= params.outputs) {
        return;
    }
    for (var r = 0u; r < 4u; r++) {
        if (group_row + r < params.rows) {
            store(group_row + r, column, sum[r]);
        }
    }
}
