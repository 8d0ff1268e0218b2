// Softmax of what a token may see, in place: of row i the first i + 1 values; the others become 0. 8 threads a row.

struct Params {
    tokens: u32,
    squares: u32,
    unused_0: u32,
    unused_1: u32,
}

const ROWS: u32 = 8;
const LANES: u32 = 8;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> weights: array<f32>; // [squares, T, T]

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

fn largest_of_row(thread: u32, value: f32) -> f32 {
    workgroupBarrier();
    partial[thread] = value;
    workgroupBarrier();
    let first = thread / LANES * LANES;
    var largest = partial[first];
    for (var lane = 1u; lane < LANES; lane++) {
        largest = max(largest, partial[first + lane]);
    }
    return largest;
}

@compute @workgroup_size(LANES, ROWS)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(local_invocation_id) local: vec3u,
    @builtin(local_invocation_index) thread: u32,
) {
    let row = group.x * ROWS + local.y;
    let first = (group.y * params.tokens + row) * params.tokens;
    // rows beyond the last have no values
    let width = select(0u, params.tokens, row < params.tokens);
    let seen = min(width, row + 1u);
    var largest = -3.0e38;
    for (var j = local.x; j < seen; j += LANES) {
        largest = max(largest, weights[first + j]);
    }
    let top = largest_of_row(thread, largest);
    var sum = 0.0;
    for (var j = local.x; j < seen; j += LANES) {
        let share = exp(weights[first + j] - top);
        weights[first + j] = share;
        sum += share;
    }
    let total = sum_of_row(thread, sum);
    for (var j = local.x; j < width; j += LANES) {
        var share = 0.0;
        if (j < seen) {
            share = weights[first + j] / total;
        }
        weights[first + j] = share;
    }
}
