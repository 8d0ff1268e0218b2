// Inner products to cosines, squared distances to δ, and the reach to the k-th nearest, a workgroup a row. The nearest
// are found one after another, each the next in order of distance and then of index, so that equal ones count singly.

struct Params {
    rows: u32,
    shown: u32,
    base: u32,
    neighbour: u32,
    among: u32,
    unused_0: u32,
    unused_1: u32,
    unused_2: u32,
}

override THREADS: u32 = 64;
override SLOTS: u32 = 1024;
override EPSILON: f32 = 1e-6;
override LEAST: f32 = 2e-3;

const FAR: f32 = 3.0e38;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> row_squares: array<f32>;      // [R]
@group(0) @binding(2) var<storage, read> squares: array<f32>;          // [N]
@group(0) @binding(3) var<storage, read_write> relations: array<f32>;  // [base + 2·R·N]
@group(0) @binding(4) var<storage, read_write> scales: array<f32>;     // [R, 2]

var<workgroup> distances: array<f32, SLOTS>;
var<workgroup> partial: array<f32, THREADS>;
var<workgroup> partial_index: array<u32, THREADS>;

fn sum_of_all(thread: u32, value: f32) -> f32 {
    partial[thread] = value;
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (thread < half) {
            partial[thread] += partial[thread + half];
        }
    }
    let sum = workgroupUniformLoad(&partial[0]);
    return sum;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
    let row = group.x;
    let n = params.shown;
    var sum = 0.0;
    for (var j = thread; j < n; j += THREADS) {
        sum += squares[j];
    }
    let s = sum_of_all(thread, sum) / f32(max(n, 1u)) + EPSILON;
    let own = row_squares[row];
    for (var j = thread; j < n; j += THREADS) {
        let at = params.base + row * n + j;
        relations[at] = relations[at] / sqrt(own * squares[j] + EPSILON);
        let distance = relations[at + params.rows * n] / s;
        relations[at + params.rows * n] = distance;
        distances[j] = select(distance, FAR, params.among != 0u && j == row);
    }
    let rounds = min(params.neighbour, n - min(n, params.among));
    var nearest = -1.0;
    var index = 0u;
    for (var turn = 0u; turn < rounds; turn++) {
        // a thread looks at the distances that it wrote itself
        var best = FAR;
        var best_index = 0u;
        for (var j = thread; j < n; j += THREADS) {
            let distance = distances[j];
            if ((distance > nearest || (distance == nearest && j > index)) && distance < best) {
                best = distance;
                best_index = j;
            }
        }
        partial[thread] = best;
        partial_index[thread] = best_index;
        for (var half = THREADS / 2u; half > 0u; half /= 2u) {
            workgroupBarrier();
            if (thread < half) {
                let other = partial[thread + half];
                let other_index = partial_index[thread + half];
                if (other < partial[thread] || (other == partial[thread] && other_index < partial_index[thread])) {
                    partial[thread] = other;
                    partial_index[thread] = other_index;
                }
            }
        }
        nearest = workgroupUniformLoad(&partial[0]);
        index = workgroupUniformLoad(&partial_index[0]);
    }
    if (thread == 0u) {
        scales[2u * row] = own / s;
        scales[2u * row + 1u] = select(1.0, sqrt(max(nearest, LEAST)), rounds > 0u);
    }
}
