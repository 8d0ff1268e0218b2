// output[r, c] = RMS(state[r])[c]·weight, columns first to first + count, a workgroup a row.

struct Params {
    rows: u32,
    classes: u32,
    width: u32,
    outputs: u32,
    first: u32,
    count: u32,
    stride: u32,
    unused_0: u32,
}

override THREADS: u32 = 128;
override EPSILON: f32 = 1e-5;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> state: array<f32>;         // [R, C, D]
@group(0) @binding(2) var<storage, read> weight: array<f32>;        // [D, O]
@group(0) @binding(3) var<storage, read_write> output: array<f32>;  // [R, C, stride]

var<workgroup> partial: array<f32, THREADS>;

fn sum_of_all(thread: u32, value: f32) -> f32 {
    partial[thread] = value;
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (thread < half) {
            partial[thread] += partial[thread + half];
        }
    }
    let sum = workgroupUniformLoad(&partial[0]);
    return sum;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
    let row = group.x;
    let elements = params.classes * params.width;
    var squares = 0.0;
    for (var e = thread; e < elements; e += THREADS) {
        let value = state[row * elements + e];
        squares += value * value;
    }
    let scale = 1.0 / sqrt(sum_of_all(thread, squares) / f32(elements) + EPSILON);
    for (var e = thread; e < params.classes * params.count; e += THREADS) {
        let c = e / params.count;
        let column = params.first + e % params.count;
        let own = (row * params.classes + c) * params.width;
        var sum = 0.0;
        for (var d = 0u; d < params.width; d++) {
            sum += state[own + d] * weight[d * params.outputs + column];
        }
        output[(row * params.classes + c) * params.stride + column] = sum * scale;
    }
}
