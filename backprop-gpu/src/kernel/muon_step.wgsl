// Muon's step, and the running average. A thread a value.

struct Params {
    rows: u32,
    columns: u32,
    matrices: u32,
    step: u32,
    average_keep: u32,
    average_take: u32,
    unused_0: u32,
    unused_1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> places: array<f32>;            // [M, 3]: place in two halves, whether it is tall
@group(0) @binding(2) var<storage, read> numbers: array<f32>;           // [2 + T]: loss, norm, …
@group(0) @binding(3) var<storage, read> direction: array<f32>;         // [M, r, c]
@group(0) @binding(4) var<storage, read_write> weights: array<f32>;     // [weights]
@group(0) @binding(5) var<storage, read_write> average: array<f32>;     // [weights]

// Where the value of a matrix the wide way round lies among the weights. Places come in two halves of 16 bits, which an f32
// holds exactly.
fn place(matrix: u32, at: u32) -> u32 {
    let first = u32(places[3u * matrix]) * 65536u + u32(places[3u * matrix + 1u]);
    if (places[3u * matrix + 2u] != 0.0) {
        return first + at % params.columns * params.rows + at / params.columns;
    }
    return first + at;
}

// By its bits: comparisons with NaN mean different things on different devices.
fn finite(value: f32) -> bool {
    return (bitcast<u32>(value) & 0x7f800000u) != 0x7f800000u;
}

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let size = params.rows * params.columns;
    if (id.x >= size || !finite(numbers[0]) || !finite(numbers[1])) {
        return;
    }
    let at = place(id.y, id.x);
    let weight = weights[at] - direction[id.y * size + id.x] * bitcast<f32>(params.step);
    weights[at] = weight;
    average[at] = average[at] * bitcast<f32>(params.average_keep) + weight * bitcast<f32>(params.average_take);
}
