// The residual stream begins with the vector of each position. A thread a value.

struct Params {
    rows: u32,
    width: u32,
    tokens: u32,
    first: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weights: array<f32>;       // from `first` [T, D]
@group(0) @binding(2) var<storage, read_write> output: array<f32>;  // [B, T, D]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
    let row = group.x;
    for (var d = thread; d < params.width; d += 64u) {
        output[row * params.width + d] = weights[params.first + row % params.tokens * params.width + d];
    }
}
