// output[x] = Σ_j shown[j, x]/(N + 1), a thread an input.

struct Params {
    shown: u32,
    inputs: u32,
    unused_0: u32,
    unused_1: u32,
}

override THREADS: u32 = 64;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> shown: array<f32>;         // [N, X]
@group(0) @binding(2) var<storage, read_write> output: array<f32>;  // [X]

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let x = id.x;
    if (x >= params.inputs) {
        return;
    }
    var sum = 0.0;
    for (var j = 0u; j < params.shown; j++) {
        sum += shown[j * params.inputs + x];
    }
    output[x] = sum / f32(params.shown + 1u);
}
