// Causal attention of R query rows over cached slots and, for queries that are not kept, a slot of their own.
// A workgroup a row and head: logits into workgroup memory, their softmax, the mix of values.

struct Params {
    rows: u32,
    heads: u32,
    key_size: u32,
    cached: u32,
    step: u32,
    own: u32,
    normalise: u32,
    weights: u32,
    weights_first: u32,
    unused_0: u32,
    unused_1: u32,
    unused_2: u32,
}

override THREADS: u32 = 64;
override SLOTS: u32 = 2048;
override KEYS: u32 = 256;
override EPSILON: f32 = 1e-6;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> query: array<f32>;         // [R, H, K]
@group(0) @binding(2) var<storage, read> slots: array<f32>;         // [T, H, K]
@group(0) @binding(3) var<storage, read> slot_values: array<f32>;   // [T, H, K]
@group(0) @binding(4) var<storage, read> own_slot: array<f32>;      // [R, H, K]
@group(0) @binding(5) var<storage, read> own_value: array<f32>;     // [R, H, K]
@group(0) @binding(6) var<storage, read> scale: array<f32>;         // [H]
@group(0) @binding(7) var<storage, read_write> output: array<f32>;  // [R, H, K]
@group(0) @binding(8) var<storage, read_write> weights: array<f32>; // [weights_first + R·H·(N + 1)]

var<workgroup> shared_query: array<f32, KEYS>;
var<workgroup> logits: array<f32, SLOTS>;
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
    let head = group.y;
    let channels = params.heads * params.key_size;
    let mine = row * channels + head * params.key_size;             // of this row and head in [R, H, K]
    let cached = params.cached + params.step * row;
    let count = cached + params.own;

    var squares = 0.0;
    for (var k = thread; k < params.key_size; k += THREADS) {
        let value = query[mine + k];
        shared_query[k] = value;
        squares += value * value;
    }
    let norm = sqrt(sum_of_all(thread, squares) + EPSILON);
    let factor = scale[head] / select(1.0, norm, params.normalise != 0u);

    var largest = -3.0e38;
    for (var slot = thread; slot < count; slot += THREADS) {
        var dot = 0.0;
        if (slot < cached) {
            let first = slot * channels + head * params.key_size;
            for (var k = 0u; k < params.key_size; k++) {
                dot += shared_query[k] * slots[first + k];
            }
        } else {
            for (var k = 0u; k < params.key_size; k++) {
                dot += shared_query[k] * own_slot[mine + k];
            }
        }
        logits[slot] = dot * factor;
        largest = max(largest, dot * factor);
    }
    let top = largest_of_all(thread, largest);
    var sum = 0.0;
    for (var slot = thread; slot < count; slot += THREADS) {
        let share = exp(logits[slot] - top);
        logits[slot] = share;
        sum += share;
    }
    let total = sum_of_all(thread, sum);                            // its barriers also publish `logits`

    for (var k = thread; k < params.key_size; k += THREADS) {
        var mix = 0.0;
        for (var slot = 0u; slot < cached; slot++) {
            mix += logits[slot] * slot_values[slot * channels + head * params.key_size + k];
        }
        if (params.own != 0u) {
            mix += logits[cached] * own_value[mine + k];
        }
        output[mine + k] = mix / total;
    }
    if (params.weights != 0u) {
        let first = params.weights_first + (row * params.heads + head) * count;
        for (var slot = thread; slot < count; slot += THREADS) {
            weights[first + slot] = logits[slot] / total;
        }
    }
}
