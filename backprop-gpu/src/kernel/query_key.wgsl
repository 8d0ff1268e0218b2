// Queries and slot keys as they meet: keys shifted, both normalised, queries scaled. A thread a row and head.

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

override EPSILON: f32 = 1e-6;

const GATED: u32 = 1;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> projected: array<f32>;     // [N, P]: query, key, value
@group(0) @binding(2) var<storage, read> weights: array<f32>;       // from `gate` [H], from `temperature` [H]
@group(0) @binding(3) var<storage, read_write> met: array<f32>;     // [2, N, H, K]: queries, slot keys
@group(0) @binding(4) var<storage, read_write> scales: array<f32>;  // [N, H, 2], if normalised

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
    if (id.x >= params.rows * params.heads) {
        return;
    }
    let row = id.x / params.heads;
    let head = id.x % params.heads;
    let query_at = row * params.row + head * params.size;
    let key_at = query_at + params.key;
    let to_query = id.x * params.size;
    let to_key = to_query + params.rows * params.heads * params.size;
    var share = min(f32(params.shift), 1.0);
    if (params.shift == GATED) {
        share = 1.0 / (1.0 + exp(-weights[params.gate + head]));
    }
    let first = row % params.tokens == 0u;
    var query_squares = 0.0;
    var key_squares = 0.0;
    for (var k = 0u; k < params.size; k++) {
        let query = projected[query_at + k];
        let own = projected[key_at + k];
        var before = 0.0;
        if (!first) {
            before = projected[key_at - params.row + k];
        }
        let key = own + (before - own) * share;
        query_squares += query * query;
        key_squares += key * key;
        met[to_query + k] = query;
        met[to_key + k] = key;
    }
    var query_scale = 1.0 / sqrt(f32(params.size));
    var key_scale = 1.0;
    if (params.normalise != 0u) {
        query_scale = 1.0 / sqrt(query_squares + EPSILON);
        key_scale = 1.0 / sqrt(key_squares + EPSILON);
        scales[2u * id.x] = query_scale;
        scales[2u * id.x + 1u] = key_scale;
        query_scale *= exp(weights[params.temperature + head]);
    }
    for (var k = 0u; k < params.size; k++) {
        met[to_query + k] *= query_scale;
        met[to_key + k] *= key_scale;
    }
}
