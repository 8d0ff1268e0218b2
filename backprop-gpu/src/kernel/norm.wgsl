// LayerNorm for training: the normalised rows and their scale are kept for the backward pass. 8 threads a row.

struct Params {
    rows: u32,
    width: u32,
    gamma: u32,
    unused_0: u32,
}

override EPSILON: f32 = 1e-5;

const ROWS: u32 = 8;
const LANES: u32 = 8;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;         // [N, D]
@group(0) @binding(2) var<storage, read> weights: array<f32>;       // from `gamma` [2, D]: γ, β
@group(0) @binding(3) var<storage, read_write> normal: array<f32>;  // [N, D]
@group(0) @binding(4) var<storage, read_write> scale: array<f32>;   // [N]
@group(0) @binding(5) var<storage, read_write> output: array<f32>;  // [N, D]

var<workgroup> partial: array<f32, ROWS * LANES>;

// The sum over the threads of a row; all of them get it.
fn sum_of_row(thread: u32, value: f32) -> f32 {
    workgroupBarrier();                                             // what was there before has been read
    partial[thread] = value;
    workgroupBarrier();
    let first = thread / LANES * LANES;
    var sum = 0.0;
    for (var lane = 0u; lane < LANES; lane++) {
        sum += partial[first + lane];
    }
    return sum;
}

@compute @workgroup_size(LANES, ROWS)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(local_invocation_id) local: vec3u,
    @builtin(local_invocation_index) thread: u32,
) {
    let row = group.x * ROWS + local.y;
    let first = row * params.width;
    // rows beyond the last have no values
    let width = select(0u, params.width, row < params.rows);
    var sum = 0.0;
    for (var d = local.x; d < width; d += LANES) {
        sum += input[first + d];
    }
    let mean = sum_of_row(thread, sum) / f32(params.width);
    var squares = 0.0;
    for (var d = local.x; d < width; d += LANES) {
        let difference = input[first + d] - mean;
        squares += difference * difference;
    }
    let factor = 1.0 / sqrt(sum_of_row(thread, squares) / f32(params.width) + EPSILON);
    for (var d = local.x; d < width; d += LANES) {
        let value = (input[first + d] - mean) * factor;
        normal[first + d] = value;
        output[first + d] = value * weights[params.gamma + d] + weights[params.gamma + params.width + d];
    }
    if (local.x == 0u && row < params.rows) {
        scale[row] = factor;
    }
}
