// output[r, y, x] = ReLU(window of input[r] around (y, x)·stride · weight + bias), a thread an element.

struct Params {
    rows: u32,
    side: u32,
    inputs: u32,
    outputs: u32,
    size: u32,
    stride: u32,
    after: u32,
    row: u32,
}

override THREADS: u32 = 64;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;         // [R, row] of [I, side, side], or [R, side, side, I]
@group(0) @binding(2) var<storage, read> weight: array<f32>;        // [size, size, I, O]
@group(0) @binding(3) var<storage, read> bias: array<f32>;          // [O]
@group(0) @binding(4) var<storage, read_write> output: array<f32>;  // [R, after, after, O]

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let elements = params.after * params.after * params.outputs;
    if (id.x >= elements) {
        return;
    }
    let channel = id.x % params.outputs;
    let place = id.x / params.outputs;
    let side = params.side;
    let own = side * side * params.inputs;
    // what a learner is given lies plane after plane, what a convolution gave pixel after pixel
    let given = params.row != 0u;
    let start = id.y * select(own, params.row, given);
    let pixel = select(params.inputs, 1u, given);
    let apart = select(1u, side * side, given);
    var sum = bias[channel];
    for (var dy = 0u; dy < params.size; dy++) {
        // beyond the first row or column this wraps around to a number that is too large
        let y = place / params.after * params.stride + dy - params.size / 2u;
        for (var dx = 0u; dx < params.size; dx++) {
            let x = place % params.after * params.stride + dx - params.size / 2u;
            if (y < side && x < side) {
                let first = start + (y * side + x) * pixel;
                let first_weight = (dy * params.size + dx) * params.inputs * params.outputs + channel;
                for (var i = 0u; i < params.inputs; i++) {
                    sum += input[first + i * apart] * weight[first_weight + i * params.outputs];
                }
            }
        }
    }
    output[id.y * elements + id.x] = max(sum, 0.0);
}
