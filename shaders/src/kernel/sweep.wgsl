// Sweeps a block P of 32 rows of symmetric matrices, from one buffer to another, a workgroup a tile of 32 × 32. Each
// workgroup inverts the 32 × 32 block A_PP by itself: that is as much work as the rest of its tile, and saves a launch.
//
// With F = A_IP·D, or −D in the block itself, the tile becomes F if its columns are those of the block, and else
// A_IJ − F·A_PJ, with nothing for A_IJ in the block itself. A thread has the rows y, y + 8, y + 16, y + 24 and such columns.
// Tiles above the diagonal are those below it, turned over.

struct Params {
    shown: u32,
    ridges: u32,
    first: u32,
    initial: u32,
    last: u32,
    unused_0: u32,
    unused_1: u32,
    unused_2: u32,
}

const SIDE: u32 = 8;
const BLOCK: u32 = 32;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> input: array<f32>;            // [ridges, N, N]
@group(0) @binding(2) var<storage, read> lambda: array<f32>;           // [ridges]
@group(0) @binding(3) var<storage, read_write> output: array<f32>;     // [ridges, N, N]

var<workgroup> block: array<f32, BLOCK * BLOCK>;                       // A_PP, then −D
var<workgroup> left: array<f32, BLOCK * BLOCK>;                        // A_IP, then F
var<workgroup> top: array<f32, BLOCK * BLOCK>;                         // A_PJ
var<workgroup> columns: array<f32, 2 * BLOCK>;                         // of this pivot and of the next, by turns

// Element of a matrix; beyond its end that of an identity, which leaves the others alone.
fn element(ridge: u32, i: u32, j: u32) -> f32 {
    let n = params.shown;
    if (i >= n || j >= n) {
        return select(0.0, 1.0, i == j);
    }
    var value = input[(ridge * n + i) * n + j];
    if (params.initial != 0u && i == j) {
        value += lambda[ridge];
    }
    return value;
}

@compute @workgroup_size(SIDE, SIDE)
fn main(
    @builtin(workgroup_id) group: vec3u,
    @builtin(local_invocation_id) local: vec3u,
    @builtin(local_invocation_index) thread: u32,
) {
    if (group.x > group.y) {
        return;
    }
    let n = params.shown;
    let size = min(BLOCK, n - params.first);                           // the last block may have fewer rows
    let ridge = group.z;
    let pivots = params.first;
    let first_row = group.y * BLOCK;
    let first_column = group.x * BLOCK;
    let x = local.x;

    for (var at = thread; at < BLOCK * BLOCK; at += SIDE * SIDE) {
        let i = at / BLOCK;
        let j = at % BLOCK;
        left[at] = element(ridge, first_row + i, pivots + j);
        top[at] = element(ridge, pivots + i, first_column + j);
    }
    for (var i = local.y; i < BLOCK; i += SIDE) {
        for (var j = x; j < BLOCK; j += SIDE) {
            let value = element(ridge, pivots + i, pivots + j);
            block[i * BLOCK + j] = value;
            if (j == 0u) {
                columns[i] = value;
            }
        }
    }
    // A thread always has the same elements of the block, and passes on those of the next column.
    for (var p = 0u; p < size; p++) {
        workgroupBarrier();
        let now = p % 2u * BLOCK;
        let share = 1.0 / columns[now + p];
        for (var i = local.y; i < BLOCK; i += SIDE) {
            let factor = columns[now + i] * share;
            for (var j = x; j < BLOCK; j += SIDE) {
                var value = block[i * BLOCK + j] - factor * columns[now + j];
                if (i == p) {
                    value = columns[now + j] * share;
                }
                if (j == p) {
                    value = select(factor, -share, i == p);
                }
                block[i * BLOCK + j] = value;
                if (j == p + 1u) {
                    columns[BLOCK - now + i] = value;
                }
            }
        }
    }
    workgroupBarrier();

    var factors: array<vec4f, 4>;
    for (var a = 0u; a < 4u; a++) {
        let row = (local.y + SIDE * a) * BLOCK;
        var sums = vec4f(0.0);
        if (first_row == pivots) {
            let at = row + x;
            sums = vec4f(block[at], block[at + SIDE], block[at + 2u * SIDE], block[at + 3u * SIDE]);
        } else {
            for (var k = 0u; k < size; k++) {
                let at = k * BLOCK + x;
                let d = vec4f(block[at], block[at + SIDE], block[at + 2u * SIDE], block[at + 3u * SIDE]);
                sums -= left[row + k] * d;
            }
        }
        factors[a] = sums;
    }
    workgroupBarrier();
    for (var a = 0u; a < 4u; a++) {
        for (var b = 0u; b < 4u; b++) {
            left[(local.y + SIDE * a) * BLOCK + x + SIDE * b] = factors[a][b];
        }
    }
    workgroupBarrier();
    for (var a = 0u; a < 4u; a++) {
        let row = (local.y + SIDE * a) * BLOCK;
        let i = first_row + local.y + SIDE * a;
        var sums = factors[a];
        if (first_column != pivots) {
            sums = vec4f(0.0);
            for (var k = 0u; k < size; k++) {
                let at = k * BLOCK + x;
                sums -= left[row + k] * vec4f(top[at], top[at + SIDE], top[at + 2u * SIDE], top[at + 3u * SIDE]);
            }
        }
        for (var b = 0u; b < 4u; b++) {
            let j = first_column + x + SIDE * b;
            if (i < n && j < n) {
                var value = sums[b];
                if (first_row != pivots && first_column != pivots) {
                    value += element(ridge, i, j);
                }
                value = select(value, -value, params.last != 0u);
                output[(ridge * n + i) * n + j] = value;
                if (group.x != group.y) {
                    output[(ridge * n + j) * n + i] = value;
                }
            }
        }
    }
}
