// A token's state after attention: the mixed values come in through one matrix, then an MLP that sees each class beside
// the mean over classes. A workgroup a row. What the mean does to hidden units is the same for all classes and is
// computed once; the hidden units of as many classes as fit are kept at a time. The state itself stays in its buffer, as
// there may be any number of classes.

struct Params {
    rows: u32,
    classes: u32,
    width: u32,
    channels: u32,
    hidden: u32,
    unused_0: u32,
    unused_1: u32,
    unused_2: u32,
}

override THREADS: u32 = 128;
override HIDDEN: u32 = 896;
override EPSILON: f32 = 1e-5;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> mixed: array<f32>;         // [R, C, A]
@group(0) @binding(2) var<storage, read> output_weight: array<f32>; // [A, D]
@group(0) @binding(3) var<storage, read> up: array<f32>;            // [2·D + 1, F]
@group(0) @binding(4) var<storage, read> down: array<f32>;          // [F + 1, D]
@group(0) @binding(5) var<storage, read_write> state: array<f32>;   // [R, C, D]

var<workgroup> shift: array<f32, HIDDEN>;                          // [F], before each class adds its own
var<workgroup> units: array<f32, HIDDEN>;                           // the mean z [D], later hidden units of some classes
var<workgroup> partial: array<f32, THREADS>;

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
    let width = params.width;
    let hidden = params.hidden;
    let elements = params.classes * width;
    var squares = 0.0;
    for (var e = thread; e < elements; e += THREADS) {
        let first = (row * params.classes + e / width) * params.channels;
        var sum = state[row * elements + e];
        for (var a = 0u; a < params.channels; a++) {
            sum += mixed[first + a] * output_weight[a * width + e % width];
        }
        state[row * elements + e] = sum;
        squares += sum * sum;
    }
    // each thread reads elements that others wrote
    storageBarrier();
    let scale = 1.0 / sqrt(sum_of_all(thread, squares) / f32(elements) + EPSILON);
    for (var d = thread; d < width; d += THREADS) {
        var sum = 0.0;
        for (var c = 0u; c < params.classes; c++) {
            sum += state[(row * params.classes + c) * width + d];
        }
        units[d] = sum * scale / f32(params.classes);
    }
    workgroupBarrier();
    for (var f = thread; f < hidden; f += THREADS) {
        var sum = up[2u * width * hidden + f];
        for (var d = 0u; d < width; d++) {
            sum += units[d] * up[(width + d) * hidden + f];
        }
        shift[f] = sum;
    }
    workgroupBarrier();
    let most = HIDDEN / hidden;
    for (var first = 0u; first < params.classes; first += most) {
        let count = min(most, params.classes - first);
        for (var e = thread; e < count * hidden; e += THREADS) {
            let at = (row * params.classes + first + e / hidden) * width;
            let f = e % hidden;
            var sum = 0.0;
            for (var d = 0u; d < width; d++) {
                sum += state[at + d] * up[d * hidden + f];
            }
            units[e] = max(shift[f] + sum * scale, 0.0);
        }
        // what was read above is written below
        storageBarrier();
        workgroupBarrier();
        for (var e = thread; e < count * width; e += THREADS) {
            let at = e / width * hidden;
            let d = e % width;
            var sum = state[row * elements + first * width + e] + down[hidden * width + d];
            for (var f = 0u; f < hidden; f++) {
                sum += units[at + f] * down[f * width + d];
            }
            state[row * elements + first * width + e] = sum;
        }
        workgroupBarrier();
    }
}
