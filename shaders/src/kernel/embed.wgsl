// Where a token begins: the row of the label before it, and its position.
// The inputs are added by `linear`.

struct Params {
    rows: u32,
    width: u32,
    first: u32,
    step: u32,
    classes: u32,
    positions: u32,
    unused_0: u32,
    unused_1: u32,
}

override THREADS: u32 = 64;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> labels: array<u32>;        // [R]
@group(0) @binding(2) var<storage, read> label_table: array<f32>;   // [C, D]
@group(0) @binding(3) var<storage, read> position_table: array<f32>; // [T, D]
@group(0) @binding(4) var<storage, read_write> output: array<f32>;  // [R, D]

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let d = id.x;
    let row = id.y;
    if (d >= params.width) {
        return;
    }
    var sum = 0.0;
    let label = labels[row];
    if (label < params.classes) {
        sum = label_table[label * params.width + d];
    }
    if (params.positions != 0u) {
        sum += position_table[(params.first + params.step * row) * params.width + d];
    }
    output[row * params.width + d] = sum;
}
