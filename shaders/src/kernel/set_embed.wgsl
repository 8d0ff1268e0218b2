// state[r, c] = start + [c = label of r]·label + Σ_s scores[s, r, c]·table[s], a thread an element.

struct Params {
    rows: u32,
    classes: u32,
    width: u32,
    scores: u32,
    labelled: u32,
    unused_0: u32,
    unused_1: u32,
    unused_2: u32,
}

override THREADS: u32 = 64;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> labels: array<u32>;        // [R]
@group(0) @binding(2) var<storage, read> start: array<f32>;         // [D]
@group(0) @binding(3) var<storage, read> label: array<f32>;         // [D]
@group(0) @binding(4) var<storage, read> table: array<f32>;         // [S, D]
@group(0) @binding(5) var<storage, read> scores: array<f32>;        // [S, R, C]
@group(0) @binding(6) var<storage, read_write> state: array<f32>;   // [R, C, D]

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let row = id.y;
    if (id.x >= params.classes * params.width) {
        return;
    }
    let c = id.x / params.width;
    let d = id.x % params.width;
    var sum = start[d];
    if (params.labelled != 0u) {
        if (labels[row] == c) {
            sum += label[d];
        }
    }
    for (var s = 0u; s < params.scores; s++) {
        sum += scores[(s * params.rows + row) * params.classes + c] * table[s * params.width + d];
    }
    state[row * params.classes * params.width + id.x] = sum;
}
