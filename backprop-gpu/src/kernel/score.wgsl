// The numbers of a step: mean loss, norm of the gradient, right answers at each position. A workgroup a number.

struct Params {
    sequences: u32,
    tokens: u32,
    squares: u32,
    unused_0: u32,
}

const THREADS: u32 = 64;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> losses: array<f32>;        // [2, B, T]: losses, right answers
@group(0) @binding(2) var<storage, read> squares: array<f32>;       // [workgroups] of the gradient
@group(0) @binding(3) var<storage, read_write> numbers: array<f32>; // [2 + T]

var<workgroup> partial: array<f32, THREADS>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
    let rows = params.sequences * params.tokens;
    var sum = 0.0;
    if (group.x == 0u) {
        for (var row = thread; row < rows; row += THREADS) {
            sum += losses[row];
        }
    } else if (group.x == 1u) {
        for (var i = thread; i < params.squares; i += THREADS) {
            sum += squares[i];
        }
    } else {
        for (var sequence = thread; sequence < params.sequences; sequence += THREADS) {
            sum += losses[rows + sequence * params.tokens + group.x - 2u];
        }
    }
    partial[thread] = sum;
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (thread < half) {
            partial[thread] += partial[thread + half];
        }
    }
    if (thread == 0u) {
        var value = partial[0];
        if (group.x == 0u) {
            value /= f32(rows);
        } else if (group.x == 1u) {
            value = sqrt(value);
        }
        numbers[group.x] = value;
    }
}
