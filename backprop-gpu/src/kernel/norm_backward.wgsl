// The backward pass of LayerNorm: to = (to +) scale·(e − mean(e) − x̂·mean(e·x̂)) with e = d·γ. 8 threads a row.

struct Params {
    rows: u32,
    width: u32,
    gamma: u32,
    add: u32,
}

const ROWS: u32 = 8;
const LANES: u32 = 8;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> d_output: array<f32>;      // [N, D]
@group(0) @binding(2) var<storage, read> weights: array<f32>;       // from `gamma` [D]
@group(0) @binding(3) var<storage, read> normal: array<f32>;        // [N, D]
@group(0) @binding(4) var<storage, read> scale: array<f32>;         // [N]
@group(0) @binding(5) var<storage, read_write> d_input: array<f32>; // [N, D]

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
    var sum_along = 0.0;
    for (var d = local.x; d < width; d += LANES) {
        let each = d_output[first + d] * weights[params.gamma + d];
        sum += each;
        sum_along += each * normal[first + d];
    }
    let mean = sum_of_row(thread, sum) / f32(params.width);
    let along = sum_of_row(thread, sum_along) / f32(params.width);
    for (var d = local.x; d < width; d += LANES) {
        let each = d_output[first + d] * weights[params.gamma + d];
        var value = scale[row] * (each - mean - normal[first + d] * along);
        if (params.add != 0u) {
            value += d_input[first + d];
        }
        d_input[first + d] = value;
    }
}
