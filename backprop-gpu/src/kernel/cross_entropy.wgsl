// Loss and right answer of each token, and the gradient of the mean loss in the place of its logits. A thread a row.

struct Params {
    rows: u32,
    classes: u32,
    unused_0: u32,
    unused_1: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> labels: array<f32>;        // [N]
@group(0) @binding(2) var<storage, read_write> logits: array<f32>;  // [N, C]
@group(0) @binding(3) var<storage, read_write> losses: array<f32>;  // [2, N]: losses, right answers

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let row = id.x;
    if (row >= params.rows) {
        return;
    }
    let first = row * params.classes;
    let label = u32(labels[row]);
    var best = 0u;
    var top = logits[first];
    for (var c = 1u; c < params.classes; c++) {
        if (logits[first + c] > top) {
            top = logits[first + c];
            best = c;
        }
    }
    var sum = 0.0;
    for (var c = 0u; c < params.classes; c++) {
        sum += exp(logits[first + c] - top);
    }
    let log_sum = log(sum);
    losses[row] = log_sum - (logits[first + label] - top);
    losses[params.rows + row] = f32(best == label);
    let scale = 1.0 / f32(params.rows);
    for (var c = 0u; c < params.classes; c++) {
        let share = exp(logits[first + c] - top - log_sum);
        logits[first + c] = scale * (share - f32(c == label));
    }
}
