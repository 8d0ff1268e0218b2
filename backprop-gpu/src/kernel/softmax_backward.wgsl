// The backward pass of softmax, in place: d = a·(d − Σ a·d), 0 where a token may not see. 8 threads a row.

struct Params {
    tokens: u32,
    squares: u32,
    unused_0: u32,
    unused_1: u32,
}

const ROWS: u32 = 8;
const LANES: u32 = 8;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weights: array<f32>;       // [squares, T, T]
@group(0) @binding(2) var<storage, read_write> d: array<f32>;       // [squares, T, T]

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
    let first = (group.y * params.tokens + row) * params.tokens;
    // rows beyond the last have no values
    let width = select(0u, params.tokens, row < params.tokens);
    let seen = min(width, row + 1u);
    var sum = 0.0;
    for (var j = local.x; j < seen; j += LANES) {
        sum += weights[first + j] * d[first + j];
    }
    let along = sum_of_row(thread, sum);
    for (var j = local.x; j < width; j += LANES) {
        var value = 0.0;
        if (j < seen) {
            value = weights[first + j] * (d[first + j] - along);
        }
        d[first + j] = value;
    }
}
