// output[r] = (input[r] − mean)/√(variance + ε)·gamma + beta, a workgroup a row. Two passes: the variance is that of
// the differences from the mean, so a large mean costs no digits.

struct Params {
    rows: u32,
    width: u32,
    unused_0: u32,
    unused_1: u32,
}

override THREADS: u32 = 64;
override EPSILON: f32 = 1e-5;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;         // [R, D]
@group(0) @binding(2) var<storage, read> gamma: array<f32>;         // [D]
@group(0) @binding(3) var<storage, read> beta: array<f32>;          // [D]
@group(0) @binding(4) var<storage, read_write> output: array<f32>;  // [R, D]

var<workgroup> shared_sums: array<f32, THREADS>;

// The sum of every thread's value; all threads get it. THREADS is a power of two.
fn sum_of_all(thread: u32, value: f32) -> f32 {
    shared_sums[thread] = value;
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (thread < half) {
            shared_sums[thread] += shared_sums[thread + half];
        }
    }
    let sum = workgroupUniformLoad(&shared_sums[0]);
    return sum;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
    let first = group.x * params.width;
    var sum = 0.0;
    for (var d = thread; d < params.width; d += THREADS) {
        sum += input[first + d];
    }
    let mean = sum_of_all(thread, sum) / f32(params.width);
    var squares = 0.0;
    for (var d = thread; d < params.width; d += THREADS) {
        let difference = input[first + d] - mean;
        squares += difference * difference;
    }
    let scale = 1.0 / sqrt(sum_of_all(thread, squares) / f32(params.width) + EPSILON);
    for (var d = thread; d < params.width; d += THREADS) {
        output[first + d] = (input[first + d] - mean) * scale * gamma[d] + beta[d];
    }
}
