// The gradient from its shares, and the sum of its squares in each workgroup. A thread four values.

struct Params {
    total: u32,
    shares: u32,
    unused_0: u32,
    unused_1: u32,
}

const THREADS: u32 = 256;
const EACH: u32 = 4;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> parts: array<f32>;             // [shares, weights]
@group(0) @binding(2) var<storage, read_write> gradient: array<f32>;    // [weights]
@group(0) @binding(3) var<storage, read_write> squares: array<f32>;     // [workgroups]

var<workgroup> partial: array<f32, THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
    var square = 0.0;
    for (var i = 0u; i < EACH; i++) {
        let at = (group.x * EACH + i) * THREADS + thread;
        if (at < params.total) {
            var sum = 0.0;
            for (var share = 0u; share < params.shares; share++) {
                sum += parts[share * params.total + at];
            }
            gradient[at] = sum;
            square += sum * sum;
        }
    }
    partial[thread] = square;
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (thread < half) {
            partial[thread] += partial[thread + half];
        }
    }
    if (thread == 0u) {
        squares[group.x] = partial[0];
    }
}
