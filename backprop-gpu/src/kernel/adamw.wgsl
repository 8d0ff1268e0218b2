// A step of AdamW and of the running average, all weights alike but those that another optimiser moves. A gradient whose norm, or a loss that is not finite leaves
// everything as it was. A thread four weights.

struct Params {
    total: u32,
    rate: u32,
    keep: u32,
    beta_1: u32,
    beta_2: u32,
    epsilon: u32,
    unbias_1: u32,
    unbias_2: u32,
    clip: u32,
    average_keep: u32,
    average_take: u32,
    unused_0: u32,
}

const THREADS: u32 = 256;
const EACH: u32 = 4;
const NOT_FINITE: u32 = 0x7f800000;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;          // [weights]
@group(0) @binding(2) var<storage, read> numbers: array<f32>;           // [2 + T]: loss, norm, …
@group(0) @binding(3) var<storage, read> others: array<f32>;            // [weights], 1 where another optimiser moves it
@group(0) @binding(4) var<storage, read_write> weights: array<f32>;     // [weights]
@group(0) @binding(5) var<storage, read_write> average: array<f32>;     // [weights]
@group(0) @binding(6) var<storage, read_write> first: array<f32>;       // [weights]
@group(0) @binding(7) var<storage, read_write> second: array<f32>;      // [weights]

// By its bits: comparisons with NaN mean different things on different devices.
fn finite(value: f32) -> bool {
    return (bitcast<u32>(value) & NOT_FINITE) != NOT_FINITE;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
    let norm = numbers[1];
    if (!finite(numbers[0]) || !finite(norm)) {
        return;
    }
    let most = bitcast<f32>(params.clip);
    var scale = 1.0;
    if (most > 0.0) {
        scale = min(1.0, most / (norm + 1e-9));
    }
    let rate = bitcast<f32>(params.rate);
    let keep = bitcast<f32>(params.keep);
    let beta_1 = bitcast<f32>(params.beta_1);
    let beta_2 = bitcast<f32>(params.beta_2);
    let epsilon = bitcast<f32>(params.epsilon);
    let unbias_1 = bitcast<f32>(params.unbias_1);
    let unbias_2 = bitcast<f32>(params.unbias_2);
    let average_keep = bitcast<f32>(params.average_keep);
    let average_take = bitcast<f32>(params.average_take);
    for (var i = 0u; i < EACH; i++) {
        let at = (group.x * EACH + i) * THREADS + thread;
        if (at < params.total && others[at] == 0.0) {
            let g = gradient[at] * scale;
            let m = first[at] * beta_1 + g * (1.0 - beta_1);
            let v = second[at] * beta_2 + g * g * (1.0 - beta_2);
            let w = weights[at] * keep - m * unbias_1 / (sqrt(v * unbias_2) + epsilon) * rate;
            first[at] = m;
            second[at] = v;
            weights[at] = w;
            average[at] = average[at] * average_keep + w * average_take;
        }
    }
}
