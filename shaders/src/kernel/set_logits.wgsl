// output[r] = log_softmax over classes of [RMS(state[r])[c], scores[r, c]]·weight, a workgroup a row.

struct Params {
    rows: u32,
    classes: u32,
    width: u32,
    scores: u32,
    output_first: u32,
    unused_0: u32,
    unused_1: u32,
    unused_2: u32,
}

override THREADS: u32 = 64;
override CLASSES: u32 = 256;
override EPSILON: f32 = 1e-5;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> state: array<f32>;         // [R, C, D]
@group(0) @binding(2) var<storage, read> scores: array<f32>;        // [S, R, C]
@group(0) @binding(3) var<storage, read> weight: array<f32>;        // [D + S]
@group(0) @binding(4) var<storage, read_write> output: array<f32>;  // [output_first + R, C]

var<workgroup> logits: array<f32, CLASSES>;
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

fn largest_of_all(thread: u32, value: f32) -> f32 {
    partial[thread] = value;
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (thread < half) {
            partial[thread] = max(partial[thread], partial[thread + half]);
        }
    }
    let largest = workgroupUniformLoad(&partial[0]);
    return largest;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
    let row = group.x;
    let count = params.classes;
    let elements = count * params.width;
    var squares = 0.0;
    for (var e = thread; e < elements; e += THREADS) {
        let value = state[row * elements + e];
        squares += value * value;
    }
    let scale = 1.0 / sqrt(sum_of_all(thread, squares) / f32(elements) + EPSILON);
    // each thread reads only the logits that it wrote
    var largest = -3.0e38;
    for (var c = thread; c < count; c += THREADS) {
        var own = 0.0;
        for (var d = 0u; d < params.width; d++) {
            own += state[row * elements + c * params.width + d] * weight[d];
        }
        var logit = own * scale;
        for (var s = 0u; s < params.scores; s++) {
            logit += scores[(s * params.rows + row) * count + c] * weight[params.width + s];
        }
        logits[c] = logit;
        largest = max(largest, logit);
    }
    let top = largest_of_all(thread, largest);
    var sum = 0.0;
    for (var c = thread; c < count; c += THREADS) {
        sum += exp(logits[c] - top);
    }
    let log_sum = log(sum_of_all(thread, sum));
    for (var c = thread; c < count; c += THREADS) {
        output[(params.output_first + row) * count + c] = logits[c] - top - log_sum;
    }
}
