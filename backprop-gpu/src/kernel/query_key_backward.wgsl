// The backward pass of `query_key`: from the gradients of queries and slot keys as they met to those of the projections,
// of the gates and of the temperatures. A thread a row and head; what the next slot took of a key is computed again.

struct Params {
    rows: u32,
    tokens: u32,
    heads: u32,
    size: u32,
    row: u32,
    key: u32,
    shift: u32,
    gate: u32,
    normalise: u32,
    temperature: u32,
    unused_0: u32,
    unused_1: u32,
}

const GATED: u32 = 1;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> projected: array<f32>;     // [N, P]
@group(0) @binding(2) var<storage, read> weights: array<f32>;       // from `gate` [H], from `temperature` [H]
@group(0) @binding(3) var<storage, read> met: array<f32>;           // [2, N, H, K]
@group(0) @binding(4) var<storage, read> scales: array<f32>;        // [N, H, 2]
@group(0) @binding(5) var<storage, read> d_met: array<f32>;         // [2, N, H, K]
@group(0) @binding(6) var<storage, read_write> d_projected: array<f32>; // [N, P], without the values
@group(0) @binding(7) var<storage, read_write> slopes: array<f32>;  // [N, gates and temperatures, H]

// Σ d·z over the vector that begins at `first` in `met`.
fn along(first: u32) -> f32 {
    var sum = 0.0;
    for (var k = 0u; k < params.size; k++) {
        sum += d_met[first + k] * met[first + k];
    }
    return sum;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let pair = id.x;
    if (pair >= params.rows * params.heads) {
        return;
    }
    let row = pair / params.heads;
    let head = pair % params.heads;
    let query_at = row * params.row + head * params.size;
    let key_at = query_at + params.key;
    let query = pair * params.size;
    let key = query + params.rows * params.heads * params.size;
    let next = key + params.heads * params.size;                    // the slot key that took from this key
    let first = row % params.tokens == 0u;
    let last = row % params.tokens + 1u == params.tokens;
    var share = min(f32(params.shift), 1.0);
    if (params.shift == GATED) {
        share = 1.0 / (1.0 + exp(-weights[params.gate + head]));
    }
    var query_scale = 1.0 / sqrt(f32(params.size));
    var query_back = 0.0;
    var key_scale = 1.0;
    var key_along = 0.0;
    var next_scale = 1.0;
    var next_along = 0.0;
    var temperature = 0.0;
    if (params.normalise != 0u) {
        let factor = exp(weights[params.temperature + head]);
        temperature = along(query);
        query_back = temperature / (factor * factor);
        query_scale = factor * scales[2u * pair];
        key_along = along(key);
        key_scale = scales[2u * pair + 1u];
        if (!last) {
            next_along = along(next);
            next_scale = scales[2u * (pair + params.heads) + 1u];
        }
    }
    var gate = 0.0;
    for (var k = 0u; k < params.size; k++) {
        let d_query = query_scale * (d_met[query + k] - met[query + k] * query_back);
        let d_slot = key_scale * (d_met[key + k] - met[key + k] * key_along);
        var d_key = (1.0 - share) * d_slot;
        if (!last) {
            d_key += share * next_scale * (d_met[next + k] - met[next + k] * next_along);
        }
        if (params.shift == GATED) {
            var before = 0.0;
            if (!first) {
                before = projected[key_at - params.row + k];
            }
            gate += d_slot * (before - projected[key_at + k]);
        }
        if (params.key == 0u) {
            d_projected[query_at + k] = d_query + d_key;
        } else {
            d_projected[query_at + k] = d_query;
            d_projected[key_at + k] = d_key;
        }
    }
    let gated = u32(params.shift == GATED);
    let at = row * (gated + params.normalise) * params.heads + head;
    if (gated != 0u) {
        slopes[at] = gate * share * (1.0 - share);
    }
    if (params.normalise != 0u) {
        slopes[at + gated * params.heads] = temperature;
    }
}
