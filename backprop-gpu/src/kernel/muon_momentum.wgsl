// Muon's momentum, and what it wants: the look ahead of Nesterov, the wide way round. A thread a value.

struct Params {
    rows: u32,
    columns: u32,
    matrices: u32,
    keep: u32,
    take: u32,
    ahead: u32,
    clip: u32,
    unused_0: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> places: array<f32>;            // [M, 3]: place in two halves, whether it is tall
@group(0) @binding(2) var<storage, read> gradient: array<f32>;          // [weights]
@group(0) @binding(3) var<storage, read> numbers: array<f32>;           // [2 + T]: loss, norm, …
@group(0) @binding(4) var<storage, read_write> velocity: array<f32>;    // [weights]
@group(0) @binding(5) var<storage, read_write> wanted: array<f32>;      // [M, r, c]

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
    let norm = numbers[1];
    if (id.x >= size || !finite(numbers[0]) || !finite(norm)) {
        return;
    }
    let most = bitcast<f32>(params.clip);
    var scale = 1.0;
    if (most > 0.0) {
        scale = min(1.0, most / (norm + 1e-9));
    }
    let at = place(id.y, id.x);
    let g = gradient[at] * scale;
    let v = g * bitcast<f32>(params.take) + velocity[at] * bitcast<f32>(params.keep);
    velocity[at] = v;
    wanted[id.y * size + id.x] = v * bitcast<f32>(params.ahead) + g;
}
