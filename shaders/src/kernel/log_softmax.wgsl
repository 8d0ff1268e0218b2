// output[r, c] = input[r, c] − log Σ exp(input[r, ·]), a workgroup a row.

struct Params {
    rows: u32,
    classes: u32,
    output_first: u32,
    unused_0: u32,
}

override THREADS: u32 = 64;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;         // [R, C]
@group(0) @binding(2) var<storage, read_write> output: array<f32>;  // [output_first + R, C]

var<workgroup> partial: array<f32, THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
    let first = group.x * params.classes;
    var largest = -3.0e38;
    for (var c = thread; c < params.classes; c += THREADS) {
        largest = max(largest, input[first + c]);
    }
    partial[thread] = largest;
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (thread < half) {
            partial[thread] = max(partial[thread], partial[thread + half]);
        }
    }
    let top = workgroupUniformLoad(&partial[0]);
    var sum = 0.0;
    for (var c = thread; c < params.classes; c += THREADS) {
        sum += exp(input[first + c] - top);
    }
    partial[thread] = sum;
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (thread < half) {
            partial[thread] += partial[thread + half];
        }
    }
    let log_sum = log(workgroupUniformLoad(&partial[0]));
    let output_first = params.output_first * params.classes + first;
    for (var c = thread; c < params.classes; c += THREADS) {
        output[output_first + c] = input[first + c] - top - log_sum;
    }
}
