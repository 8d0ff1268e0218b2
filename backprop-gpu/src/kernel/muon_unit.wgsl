// Matrices divided by their norms, in place. A workgroup a matrix.

struct Params {
    size: u32,
    matrices: u32,
    unused_0: u32,
    unused_1: u32,
}

override LEAST: f32 = 1e-7;

const THREADS: u32 = 256;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> wanted: array<f32>;  // [M, r·c]

var<workgroup> partial: array<f32, THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
    let first = group.x * params.size;
    var square = 0.0;
    for (var i = thread; i < params.size; i += THREADS) {
        square += wanted[first + i] * wanted[first + i];
    }
    partial[thread] = square;
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (thread < half) {
            partial[thread] += partial[thread + half];
        }
    }
    workgroupBarrier();
    let norm = max(sqrt(partial[0]), LEAST);
    for (var i = thread; i < params.size; i += THREADS) {
        wanted[first + i] /= norm;
    }
}
