// Slot keys: the blend of a token's key with that of the token before it, normalised or not. A workgroup a row and head.

struct Params {
    rows: u32,
    heads: u32,
    key_size: u32,
    first: u32,
    step: u32,
    own_first: u32,
    output_first: u32,
    normalise: u32,
}

override THREADS: u32 = 64;
override EPSILON: f32 = 1e-6;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> own: array<f32>;           // [own_first + R, H, K]
@group(0) @binding(2) var<storage, read> previous: array<f32>;      // [T, H, K], by position
@group(0) @binding(3) var<storage, read> blend: array<f32>;         // [H]
@group(0) @binding(4) var<storage, read_write> output: array<f32>;  // [output_first + R, H, K]

var<workgroup> shared_sums: array<f32, THREADS>;

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

// Key channel k of head h of the slot at `position`; before position 0 there is no key.
fn slot_key(row: u32, head: u32, k: u32) -> f32 {
    let channels = params.heads * params.key_size;
    let channel = head * params.key_size + k;
    let position = params.first + params.step * row;
    var before = 0.0;
    if (position > 0u) {
        before = previous[(position - 1u) * channels + channel];
    }
    return (1.0 - blend[head]) * own[(params.own_first + row) * channels + channel] + blend[head] * before;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
    let row = group.x;
    let head = group.y;
    var scale = 1.0;
    if (params.normalise != 0u) {
        var squares = 0.0;
        for (var k = thread; k < params.key_size; k += THREADS) {
            let value = slot_key(row, head, k);
            squares += value * value;
        }
        scale = 1.0 / sqrt(sum_of_all(thread, squares) + EPSILON);
    }
    let first = ((params.output_first + row) * params.heads + head) * params.key_size;
    for (var k = thread; k < params.key_size; k += THREADS) {
        output[first + k] = scale * slot_key(row, head, k);
    }
}
