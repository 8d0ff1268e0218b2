// ε and the kernels of the ridges, a thread a pair.

struct Params {
    rows: u32,
    shown: u32,
    base: u32,
    ridges: u32,
    kinds: u32,
    seen: u32,
    unused_1: u32,
    unused_2: u32,
}

override THREADS: u32 = 64;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> row_scales: array<f32>;       // [R, 2]
@group(0) @binding(2) var<storage, read> scales: array<f32>;           // [N, 2]
@group(0) @binding(3) var<storage, read_write> relations: array<f32>;  // [base + 3·R·N]
@group(0) @binding(4) var<storage, read_write> output: array<f32>;     // [ridges, R, N]

@compute @workgroup_size(THREADS)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let j = id.x;
    let row = id.y;
    if (j >= params.shown) {
        return;
    }
    let pairs = params.rows * params.shown;
    let at = row * params.shown + j;
    let distance = relations[params.base + pairs + at];
    let local_distance = distance / (row_scales[2u * row + 1u] * scales[2u * j + 1u]);
    relations[params.base + 2u * pairs + at] = local_distance;
    for (var ridge = 0u; ridge < params.ridges; ridge++) {
        if (((params.seen >> ridge) & 1u) == 0u) {
            continue;
        }
        let kind = (params.kinds >> (2u * ridge)) & 3u;
        var value = (row_scales[2u * row] + scales[2u * j] - distance) / 2.0;
        if (kind == 1u) {
            value = exp(-distance / 2.0);
        } else if (kind == 2u) {
            value = exp(-local_distance);
        }
        output[ridge * pairs + at] = value;
    }
}
