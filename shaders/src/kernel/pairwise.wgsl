// Inner products, squared distances and squared lengths of rows and shown inputs, less the centre. A workgroup has 16
// rows and 16 shown inputs and stages 32 values of each at a time. Up to four rows, it has one row, and 16 threads
// share the values of a pair: a single query is the most frequent call. Of the shown inputs among themselves, tiles above
// the diagonal are those below it, turned over.

struct Params {
    rows: u32,
    shown: u32,
    inputs: u32,
    base: u32,
    among: u32,
    unused_0: u32,
    unused_1: u32,
    unused_2: u32,
}

const TILE: u32 = 16;
const FEW: u32 = 4;
const DEPTH: u32 = 32;
const THREADS: u32 = TILE * TILE;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> rows: array<f32>;             // [R, X]
@group(0) @binding(2) var<storage, read> shown: array<f32>;            // [N, X]
@group(0) @binding(3) var<storage, read> centre: array<f32>;           // [X]
@group(0) @binding(4) var<storage, read_write> relations: array<f32>;  // [base + 2·R·N]
@group(0) @binding(5) var<storage, read_write> squares: array<f32>;    // [R]

var<workgroup> tile_rows: array<f32, DEPTH * TILE>;                    // [DEPTH, TILE]
var<workgroup> tile_shown: array<f32, DEPTH * TILE>;                   // [DEPTH, TILE]
var<workgroup> partial: array<vec3f, THREADS>;

// `sums`: inner product, squared distance, squared length of the row
fn store(row: u32, j: u32, sums: vec3f) {
    if (row >= params.rows || j >= params.shown) {
        return;
    }
    let at = params.base + row * params.shown + j;
    relations[at] = sums.x;
    relations[at + params.rows * params.shown] = sums.y;
    // in a tile turned over j is never 0
    if (j == 0u) {
        squares[row] = sums.z;
    }
}

@compute @workgroup_size(TILE, TILE)
fn main(
    @builtin(workgroup_id) tile: vec3u,
    @builtin(local_invocation_id) local: vec3u,
    @builtin(local_invocation_index) thread: u32,
) {
    if (params.rows <= FEW) {
        let row = tile.y;
        let j = tile.x * TILE + local.y;
        var sums = vec3f(0.0);
        if (j < params.shown) {
            for (var x = local.x; x < params.inputs; x += TILE) {
                let a = rows[row * params.inputs + x] - centre[x];
                let b = shown[j * params.inputs + x] - centre[x];
                sums += vec3f(a * b, (a - b) * (a - b), a * a);
            }
        }
        partial[thread] = sums;
        for (var half = TILE / 2u; half > 0u; half /= 2u) {
            workgroupBarrier();
            if (local.x < half) {
                partial[thread] += partial[thread + half];
            }
        }
        if (local.x == 0u) {
            store(row, j, partial[thread]);
        }
        return;
    }
    if (params.among != 0u && tile.x > tile.y) {
        return;
    }
    let first_row = tile.y * TILE;
    let first_shown = tile.x * TILE;
    var sums = vec3f(0.0);
    for (var start = 0u; start < params.inputs; start += DEPTH) {
        for (var at = thread; at < DEPTH * TILE; at += THREADS) {
            let x = start + at % DEPTH;
            let row = first_row + at / DEPTH;
            let j = first_shown + at / DEPTH;
            var a = 0.0;
            var b = 0.0;
            if (x < params.inputs) {
                if (row < params.rows) {
                    a = rows[row * params.inputs + x] - centre[x];
                }
                if (j < params.shown) {
                    b = shown[j * params.inputs + x] - centre[x];
                }
            }
            tile_rows[at % DEPTH * TILE + at / DEPTH] = a;
            tile_shown[at % DEPTH * TILE + at / DEPTH] = b;
        }
        workgroupBarrier();
        for (var i = 0u; i < DEPTH; i++) {
            let a = tile_rows[i * TILE + local.y];
            let b = tile_shown[i * TILE + local.x];
            sums += vec3f(a * b, (a - b) * (a - b), a * a);
        }
        workgroupBarrier();
    }
    store(first_row + local.y, first_shown + local.x, sums);
    if (params.among != 0u && tile.x != tile.y) {
        store(first_shown + local.x, first_row + local.y, sums);
    }
}
