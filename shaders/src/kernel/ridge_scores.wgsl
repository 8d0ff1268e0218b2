// α of each ridge and the scores of the classes, a workgroup a row and ridge, and one more a row for the count.

struct Params {
    rows: u32,
    shown: u32,
    classes: u32,
    ridges: u32,
    among: u32,
    unused_0: u32,
    unused_1: u32,
    unused_2: u32,
}

override THREADS: u32 = 128;
override SLOTS: u32 = 1024;
override REGRESSION: f32 = 3.0;
override REPRESENTATION: f32 = 4.0;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> labels: array<u32>;           // [N]
@group(0) @binding(2) var<storage, read> similarity: array<f32>;       // [ridges, R, N]
@group(0) @binding(3) var<storage, read> gram: array<f32>;             // [ridges, N, N]
@group(0) @binding(4) var<storage, read> inverse: array<f32>;          // [ridges, N, N]
@group(0) @binding(5) var<storage, read_write> alpha: array<f32>;      // [ridges, R, N]
@group(0) @binding(6) var<storage, read_write> scores: array<f32>;     // [2·ridges + 1, R, C]

var<workgroup> parts: array<f32, SLOTS>;                               // similarity, later what a shown input explains
var<workgroup> shares: array<f32, SLOTS>;                              // α
var<workgroup> classes: array<u32, SLOTS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
    let row = group.x;
    let ridge = group.y;
    let n = params.shown;
    let count = params.classes;
    if (ridge == params.ridges) {
        for (var c = thread; c < count; c += THREADS) {
            var others = 0u;
            for (var j = 0u; j < n; j++) {
                if (labels[j] == c && !(params.among != 0u && j == row)) {
                    others++;
                }
            }
            scores[(2u * ridge * params.rows + row) * count + c] =
                log((f32(others) + 0.5) / (f32(n) / f32(count) + 0.5));
        }
        return;
    }
    let first = (ridge * params.rows + row) * n;                       // in [ridges, R, N]
    let base = ridge * n * n;                                          // in [ridges, N, N]
    for (var j = thread; j < n; j += THREADS) {
        parts[j] = similarity[first + j];
        classes[j] = labels[j];
    }
    workgroupBarrier();
    for (var j = thread; j < n; j += THREADS) {
        var share = 0.0;
        if (params.among != 0u) {
            if (j != row) {
                share = -inverse[base + row * n + j] / inverse[base + row * n + row];
            }
        } else {
            for (var m = 0u; m < n; m++) {
                share += parts[m] * inverse[base + m * n + j];
            }
        }
        alpha[first + j] = share;
        shares[j] = share;
    }
    workgroupBarrier();
    for (var j = thread; j < n; j += THREADS) {
        let c = classes[j];
        var others = 0.0;
        for (var m = 0u; m < n; m++) {
            if (classes[m] == c) {
                others += gram[base + m * n + j] * shares[m];          // symmetric, and so in the order of the threads
            }
        }
        parts[j] = shares[j] * (2.0 * parts[j] - others);
    }
    workgroupBarrier();
    for (var c = thread; c < count; c += THREADS) {
        var own_shares = 0.0;
        var all_shares = 0.0;
        var own_parts = 0.0;
        var all_parts = 0.0;
        for (var j = 0u; j < n; j++) {
            all_shares += shares[j];
            all_parts += parts[j];
            if (classes[j] == c) {
                own_shares += shares[j];
                own_parts += parts[j];
            }
        }
        let at = (2u * ridge * params.rows + row) * count + c;
        scores[at] = REGRESSION * (own_shares - all_shares / f32(count));
        scores[at + params.rows * count] = REPRESENTATION * (own_parts - all_parts / f32(count));
    }
}
