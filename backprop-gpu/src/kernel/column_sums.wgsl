// Sums over rows, in shares: of x, or of x·y and then of x. A workgroup 64 columns of a share, four threads a column.

struct Params {
    rows: u32,
    columns: u32,
    first: u32,
    shares: u32,
    out_share: u32,
    product: u32,
    unused_0: u32,
    unused_1: u32,
}

const COLUMNS: u32 = 64;
const LANES: u32 = 4;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;             // [R, columns]
@group(0) @binding(2) var<storage, read> y: array<f32>;             // [R, columns], if it is a product
@group(0) @binding(3) var<storage, read_write> out: array<f32>;     // [shares] of columns, or twice as many, from `first`

var<workgroup> partial: array<vec2f, COLUMNS * LANES>;

@compute @workgroup_size(COLUMNS, LANES)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(local_invocation_id) local: vec3u,
    @builtin(local_invocation_index) thread: u32,
) {
    let column = group.x * COLUMNS + local.x;
    let share = group.y;
    let part = (params.rows + params.shares - 1u) / params.shares;
    let to = select(0u, min(params.rows, (share + 1u) * part), column < params.columns);
    var sums = vec2f(0.0);
    for (var row = share * part + local.y; row < to; row += LANES) {
        let value = x[row * params.columns + column];
        if (params.product != 0u) {
            sums += vec2f(value * y[row * params.columns + column], value);
        } else {
            sums.x += value;
        }
    }
    partial[thread] = sums;
    workgroupBarrier();
    if (local.y > 0u || column >= params.columns) {
        return;
    }
    for (var lane = 1u; lane < LANES; lane++) {
        sums += partial[lane * COLUMNS + local.x];
    }
    let at = params.first + share * params.out_share + column;
    out[at] = sums.x;
    if (params.product != 0u) {
        out[at + params.columns] = sums.y;
    }
}
