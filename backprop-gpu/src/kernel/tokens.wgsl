// What the embedding's matrix is multiplied by: a token's inputs, then the label before it, one number for each class.
// A thread a value.

struct Params {
    rows: u32,
    inputs: u32,
    classes: u32,
    tokens: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> inputs: array<f32>;        // [B, T, X]
@group(0) @binding(2) var<storage, read> labels: array<f32>;        // [B, T]
@group(0) @binding(3) var<storage, read_write> output: array<f32>;  // [B, T, X + C]

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
    let row = group.x;
    let width = params.inputs + params.classes;
    for (var i = thread; i < width; i += 64u) {
        var value = 0.0;
        if (i < params.inputs) {
            value = inputs[row * params.inputs + i];
        } else if (row % params.tokens > 0u && u32(labels[row - 1u]) == i - params.inputs) {
            value = 1.0;
        }
        output[row * width + i] = value;
    }
}
