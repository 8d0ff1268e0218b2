// Attention of R rows over N shown inputs, all classes of a row with the same weights, a workgroup a row and head.

struct Params {
    rows: u32,
    classes: u32,
    heads: u32,
    linear_heads: u32,
    key_size: u32,
    shown: u32,
    among: u32,
    query_stride: u32,
    views: u32,
    view_step: u32,
    ridges: u32,
    weights: u32,
    weights_first: u32,
    unused_0: u32,
    unused_1: u32,
    unused_2: u32,
}

override THREADS: u32 = 64;
override SLOTS: u32 = 1024;

const SOFTMAX_FEATURES: u32 = 4;
const LINEAR_FEATURES: u32 = 3;
const LEAST: f32 = -3.0e38;

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> query: array<f32>;         // [R, C, query_stride]
@group(0) @binding(2) var<storage, read> slots: array<f32>;         // [N, C, 2·H·K + A]
@group(0) @binding(3) var<storage, read> relations: array<f32>;     // [views or 1, 3, R, N]
@group(0) @binding(4) var<storage, read> alpha: array<f32>;         // [ridges, R, N]
@group(0) @binding(5) var<storage, read> slopes: array<f32>;        // [H], [views·4, H], [views·3 + ridges, linear heads]
@group(0) @binding(6) var<storage, read_write> output: array<f32>;  // [R, C, A]
@group(0) @binding(7) var<storage, read_write> weights: array<f32>; // [weights_first + H·(N + 1)]

var<workgroup> shares: array<f32, SLOTS>;
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

fn largest_of_all(thread: u32, value: f32) -> f32 {
    partial[thread] = value;
    for (var half = THREADS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (thread < half) {
            partial[thread] = max(partial[thread], partial[thread + half]);
        }
    }
    let largest = workgroupUniformLoad(&partial[0]);
    return largest;
}

// What the features of pair `at` say to softmax head `head`.
fn softmax_features(head: u32, at: u32) -> f32 {
    let pairs = params.rows * params.shown;
    var sum = 0.0;
    for (var view = 0u; view < params.views; view++) {
        let plane = view * params.view_step * pairs + at;
        let slope = params.heads * (1u + view * SOFTMAX_FEATURES) + head;
        let cosine = relations[plane];
        sum += slopes[slope] * cosine;
        sum += slopes[slope + params.heads] * cosine * cosine;
        sum -= slopes[slope + 2u * params.heads] * relations[plane + pairs];
        sum -= slopes[slope + 3u * params.heads] * relations[plane + 2u * pairs];
    }
    return sum;
}

// The same for linear head `head`, of which `seen` shown inputs are seen.
fn linear_features(head: u32, at: u32, seen: u32) -> f32 {
    let pairs = params.rows * params.shown;
    let first = params.heads * (1u + params.views * SOFTMAX_FEATURES) + head;
    var sum = 0.0;
    for (var view = 0u; view < params.views; view++) {
        let plane = view * params.view_step * pairs + at;
        let slope = first + view * LINEAR_FEATURES * params.linear_heads;
        let cosine = relations[plane];
        sum += slopes[slope] * cosine;
        sum += slopes[slope + params.linear_heads] * cosine * cosine;
        sum += slopes[slope + 2u * params.linear_heads] * exp(-relations[plane + 2u * pairs]);
    }
    sum /= f32(seen);
    for (var ridge = 0u; ridge < params.ridges; ridge++) {
        let slope = first + (params.views * LINEAR_FEATURES + ridge) * params.linear_heads;
        sum += slopes[slope] * alpha[ridge * pairs + at];
    }
    return sum;
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) thread: u32) {
    let row = group.x;
    let head = group.y;
    let n = params.shown;
    let size = params.key_size;
    let channels = params.heads * size;
    let all = (params.heads + params.linear_heads) * size;
    let stride = 2u * channels + all;
    let elements = params.classes * size;
    let seen = n - min(n, params.among);

    if (head < params.heads) {
        let factor = slopes[head] / sqrt(f32(elements));
        var largest = LEAST;
        for (var j = thread; j < n; j += THREADS) {
            var dot = 0.0;
            for (var c = 0u; c < params.classes; c++) {
                let first = (j * params.classes + c) * stride + channels + head * size;
                let own = (row * params.classes + c) * params.query_stride + head * size;
                for (var k = 0u; k < size; k++) {
                    dot += query[own + k] * slots[first + k];
                }
            }
            var logit = factor * dot + softmax_features(head, row * n + j);
            if (params.among != 0u && j == row) {
                logit = LEAST;
            }
            shares[j] = logit;
            largest = max(largest, logit);
        }
        let top = largest_of_all(thread, largest);
        var sum = 0.0;
        for (var j = thread; j < n; j += THREADS) {
            var share = exp(shares[j] - top);
            if (params.among != 0u && j == row) {
                share = 0.0;
            }
            shares[j] = share;
            sum += share;
        }
        let total = sum_of_all(thread, sum);
        for (var j = thread; j < n; j += THREADS) {
            shares[j] = shares[j] / select(1.0, total, seen > 0u);
        }
    } else {
        for (var j = thread; j < n; j += THREADS) {
            var share = 0.0;
            if (params.among == 0u || j != row) {
                share = linear_features(head - params.heads, row * n + j, seen);
            }
            shares[j] = share;
        }
    }
    workgroupBarrier();

    for (var e = thread; e < elements; e += THREADS) {
        let c = e / size;
        let channel = head * size + e % size;
        var mix = 0.0;
        for (var j = 0u; j < n; j++) {
            mix += shares[j] * slots[(j * params.classes + c) * stride + 2u * channels + channel];
        }
        output[(row * params.classes + c) * all + channel] = mix;
    }
    if (params.weights != 0u && head < params.heads) {
        let first = params.weights_first + head * (n + 1u);
        for (var j = thread; j < n; j += THREADS) {
            weights[first + j] = shares[j];
        }
        if (thread == 0u) {
            weights[first + n] = select(0.0, 1.0, n == 0u);
        }
    }
}
