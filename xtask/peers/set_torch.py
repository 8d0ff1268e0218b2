"""Training steps of a set learner in PyTorch: forward, both losses, backward, AdamW, average. The peer of
`cargo xtask bench --set`.

Usage: set_torch.py FOLDER THREADS [--compile] [--f32-ridges] [--spent] [--profile]

FOLDER is a case that `set_step make` writes: `learner.safetensors` is a model file, `training.json` has the settings of the
run, and `step-I.safetensors` the episodes of each step. For each line with a number on standard input it takes so many steps
and prints their milliseconds, without what reading the episodes took; at the end the losses of the first steps and the peak
of memory. With --spent it counts what the processor spent, all threads together, in the place of the clock. With --f32-ridges
the ridges are solved in f32, not in f64 as by the trainer. With --profile it prints the operations that take most of a pass
over all steps instead.
"""

import json
import math
import os
import resource
import sys
import time
from typing import NamedTuple

import torch
import torch.nn.functional as F

from step_torch import read

# of shaders/src/model/spec.rs, whose formulas these are
RMS_EPSILON = 1e-5
COSINE_EPSILON = 1e-6
SOFTMAX_SLOPE = 10.0
LINEAR_SLOPE = 5.0
LEAST_REACH = 2e-3
REGRESSION_SCALE = 3.0
REPRESENTATION_SCALE = 4.0
NEIGHBOURS = 10.0

RIDGES = torch.float32 if "--f32-ridges" in sys.argv else torch.float64


class Part(NamedTuple):
    """Episodes of one shape, a micro-batch: N shown examples, then the queries, M rows in all."""

    inputs: torch.Tensor  # [B, M, X]
    labels: torch.Tensor  # [B, M]
    shown: int
    classes: int
    images: bool


def read_step(path, size):
    """The micro-batches of a step. Shorter inputs get zeros at their end, which no inner product notices."""
    tensors, metadata = read(path)
    shapes, parts = json.loads(metadata["shapes"]), []
    for first in range(0, len(shapes), size):
        inputs = [tensors[f"{e}.inputs"] for e in range(first, first + size)]
        width = max(x.shape[1] for x in inputs)
        inputs = torch.stack([F.pad(x, (0, width - x.shape[1])) for x in inputs])
        labels = torch.stack([tensors[f"{e}.labels"] for e in range(first, first + size)])
        parts.append(Part(inputs, labels, *shapes[first]))
    return parts


def parameters(tensors, spec):
    """Weights as PyTorch likes them: kernels of convolutions are [out, in, height, width], channels last in memory."""
    stem, p = spec["equivariant"].get("stem"), {}
    for name, tensor in tensors.items():
        tensor = tensor.clone()
        if name.startswith("stem.convolution.") and name.endswith(".weight"):
            size = stem["convolutions"][int(name.split(".")[2])]["size"]
            tensor = tensor.view(size, size, -1, tensor.shape[1]).permute(3, 2, 0, 1)
            tensor = tensor.contiguous(memory_format=torch.channels_last)
        p[name] = tensor.requires_grad_()
    return p


def embed(p, stem, inputs):
    """[B, M, X] → [B, M, E]"""
    b, m, given = inputs.shape
    channels, side = stem.get("channels", 1), stem["side"]
    values = channels * side * side
    flat = F.pad(inputs, (0, max(values - given, 0)))[:, :, :values].reshape(b * m, values)
    plane = flat.view(b * m, channels, side, side).contiguous(memory_format=torch.channels_last)
    for i, convolution in enumerate(stem["convolutions"]):
        weight, bias = p[f"stem.convolution.{i}.weight"], p[f"stem.convolution.{i}.bias"]
        plane = F.conv2d(plane, weight, bias, convolution["stride"], convolution["size"] // 2).relu_()
    last = plane.permute(0, 2, 3, 1).reshape(b * m, -1)
    return torch.addmm(flat @ p["stem.skip"], last, p["stem.embedding"]).view(b, m, -1)


class View(NamedTuple):
    """What one view of the inputs says of each row and each shown example."""

    square: torch.Tensor  # |x_i|²/s, [B, M]
    cosine: torch.Tensor  # [B, M, N]
    distance: torch.Tensor  # δ, [B, M, N]
    reach: torch.Tensor  # r, [B, M]
    local: torch.Tensor  # ε, [B, M, N]


def look(x, n, neighbour):
    """The view of inputs [B, M, X] of which the first N are shown."""
    x = x - x[:, :n].sum(1, keepdim=True) / (n + 1)
    square = (x * x).sum(2)
    rows, shown = square.unsqueeze(2), square[:, None, :n]
    dot = torch.bmm(x, x[:, :n].transpose(1, 2))
    s = shown.mean(2, keepdim=True) + COSINE_EPSILON
    cosine = dot * torch.rsqrt(rows * shown + COSINE_EPSILON)
    distance = ((rows + shown - 2 * dot) / s).clamp_min(0)
    with torch.no_grad():
        reach = reaches(distance, n, neighbour)
        factor = reach.unsqueeze(2) * reach[:, None, :n]
    return View((square / s.squeeze(2)).detach(), cosine, distance, reach, distance / factor)


def reaches(distance, n, neighbour):
    """The root of the distance to the k-th nearest shown example, which is not the example itself; [B, M]."""
    nearest = lambda rows, k: rows.topk(k, 2, largest=False, sorted=False).values.amax(2)
    among_shown = distance[:, :n].clone()
    among_shown.diagonal(dim1=1, dim2=2).fill_(math.inf)
    own = nearest(among_shown, min(neighbour, n - 1)) if n > 1 else torch.ones_like(distance[:, :1, 0])
    others = nearest(distance[:, n:], min(neighbour, n))
    return torch.cat([own, others], 1).clamp_min(LEAST_REACH).sqrt()


@torch.no_grad()
def solve(ridges, views, one_hot, m):
    """α of every ridge [R, B, M, N], and the scores of every class [B, M, C, S]; [B, N, C] one-hot labels."""
    b, n, c = one_hot.shape
    kernels, lambdas = [], []
    for ridge in ridges:
        view = views[0] if ridge.get("raw") else views[-1]
        distance = view.distance.to(RIDGES)
        if ridge["kernel"] == "linear":
            square = view.square.to(RIDGES)
            kernels.append((square.unsqueeze(2) + square[:, None, :n] - distance) / 2)
        elif ridge["kernel"] == "gaussian":
            kernels.append((distance / -2).exp())
        else:
            reach = view.reach.to(RIDGES)
            kernels.append((-distance / (reach.unsqueeze(2) * reach[:, None, :n])).exp())
        lambdas.append(ridge["lambda"])
    kernel = torch.stack(kernels)  # [R, B, M, N]
    among_shown = kernel[:, :, :n]
    matrix = among_shown.clone()
    matrix.diagonal(dim1=2, dim2=3).add_(torch.tensor(lambdas, dtype=RIDGES).view(-1, 1, 1))
    inverse = torch.cholesky_inverse(torch.linalg.cholesky_ex(matrix).L)
    alpha = torch.empty_like(kernel)
    torch.div(inverse, -inverse.diagonal(dim1=2, dim2=3).unsqueeze(3), out=alpha[:, :, :n])
    alpha[:, :, :n].diagonal(dim1=2, dim2=3).zero_()
    alpha[:, :, n:] = kernel[:, :, n:] @ inverse
    labels = one_hot.to(RIDGES)
    same = labels @ labels.transpose(1, 2)
    sums = alpha @ labels
    explained = (alpha * (2 * kernel - alpha @ (among_shown * same))) @ labels
    count = one_hot.sum(1, keepdim=True) - F.pad(one_hot, (0, 0, 0, m - n))
    scores = torch.empty(b, m, c, 2 * len(ridges) + 1)
    centred = lambda values, scale: (scale * (values - values.mean(3, keepdim=True))).permute(1, 2, 3, 0)
    scores[..., 0:-1:2] = centred(sums, REGRESSION_SCALE)
    scores[..., 1:-1:2] = centred(explained, REPRESENTATION_SCALE)
    scores[..., -1] = ((count + 0.5) / (n / c + 0.5)).log()
    return alpha.float(), scores


def weights(p, spec, views, alpha, own):
    """What features of pairs add to the attention of all layers: [L, H, B, M, N], and that of linear heads."""
    kind, layers = spec["equivariant"], spec["layers"]
    b, m, n = views[0].cosine.shape
    v, all_views = len(views), 2 if "stem" in kind else 1

    def of(name, features, scale, count):
        slopes = torch.stack([p[f"layer.{l}.{name}"] for l in range(layers)], 1)  # [F, L, heads]
        if v < all_views:  # one view stands for two
            of_views = slopes[: all_views * count].view(all_views, count, layers, -1).sum(0)
            slopes = torch.cat([of_views, slopes[all_views * count :]])
        made = (scale * slopes).flatten(1).t() @ features.flatten(1)
        return made.view(layers, -1, b, m, n)

    squares = [view.cosine * view.cosine for view in views]
    softmax = [[x.cosine, square, -x.distance, -x.local] for x, square in zip(views, squares)]
    softmax = of("slope.softmax", torch.stack(sum(softmax, [])), SOFTMAX_SLOPE, 4)
    if kind["linear_heads"] == 0:
        return softmax, None
    seen = (1 - own) / torch.where(torch.arange(m) < n, max(n - 1, 1), n).unsqueeze(1)
    linear = [[x.cosine * seen, square * seen, (-x.local).exp() * seen] for x, square in zip(views, squares)]
    linear = of("slope.linear", torch.cat([torch.stack(sum(linear, [])), alpha]), LINEAR_SLOPE, 3)
    return softmax, linear


def rms(state, gamma):
    """Over classes and channels."""
    c, d = state.shape[2:]
    return F.rms_norm(state, (c, d), gamma.expand(c, d), RMS_EPSILON)


def layer(p, spec, l, state, added, own, n):
    """[B, M, C, D] → the same; of the last layer the queries alone."""
    b, m, c, d = state.shape
    k, h, linear_heads = spec["key_size"], spec["heads"], spec["equivariant"]["linear_heads"]
    at = lambda name: p[f"layer.{l}.{name}"]
    first = n if l + 1 == spec["layers"] else 0
    softmax, linear = added
    z = rms(state, at("norm1"))
    asking, shown, state = z[:, first:], z[:, :n], state[:, first:]
    # [B, T, C, heads·K] → [heads·B, T, C·K]
    heads = lambda x, count: x.view(b, -1, c, count, k).permute(3, 0, 1, 2, 4).reshape(count * b, -1, c * k)
    scale = (at("temperature") / math.sqrt(c * k)).repeat_interleave(k)
    query = heads(asking @ (at("query") * scale), h)
    key = heads(shown @ at("key"), h)
    value = heads(shown @ at("value"), h + linear_heads)
    logits = torch.baddbmm(softmax[l][:, :, first:].reshape(h * b, -1, n), query, key.transpose(1, 2))
    if first == 0:
        logits = logits + own * -1e9
    seen = logits.softmax(2)
    if n == 1 and first == 0:
        seen = seen * (1 - own)
    mixed = torch.bmm(seen, value[: h * b])
    if linear is not None:
        of_rows = linear[l][:, :, first:].reshape(linear_heads * b, -1, n)
        mixed = torch.cat([mixed, torch.bmm(of_rows, value[h * b :])])
    mixed = mixed.view(h + linear_heads, b, -1, c, k).permute(1, 2, 3, 0, 4).flatten(3)
    state = state + mixed @ at("output")
    z = rms(state, at("norm2"))
    up = at("mlp.up.weight")
    shared = torch.addmm(at("mlp.up.bias"), z.mean(2).flatten(0, 1), up[d:]).view(b, -1, 1, up.shape[1])
    hidden = (z @ up[:d] + shared).relu_()
    return state + F.linear(hidden, at("mlp.down.weight").t(), at("mlp.down.bias"))


def losses(p, spec, part, neighbours):
    """Mean cross-entropy of the queries, and with it `neighbours` times that of the embedding's neighbours."""
    inputs, labels, n, c, images = part
    kind = spec["equivariant"]
    b, m, _ = inputs.shape
    one_hot = F.one_hot(labels[:, :n], c).float()
    views = [look(inputs, n, kind["neighbour"])]
    if images and "stem" in kind:
        views.append(look(embed(p, kind["stem"], inputs), n, kind["neighbour"]))
    alpha, scores = solve(kind["ridge"], views, one_hot, m)
    own = torch.eye(m, n)
    added = weights(p, spec, views, alpha, own)
    shown = one_hot.unsqueeze(3) * p["embed.label"] + p["embed.shown"]
    state = torch.cat([shown, p["embed.query"].expand(b, m - n, c, -1)], 1) + scores @ p["embed.scores"]
    for l in range(spec["layers"]):
        state = layer(p, spec, l, state, added, own, n)
    last = torch.cat([rms(state, p["norm"]), scores[:, n:]], 3) @ p["readout"]
    answers = F.cross_entropy(last.view(-1, c), labels[:, n:].reshape(-1))
    if len(views) < 2 or neighbours == 0 or n < 2:
        return answers, answers
    chances = (views[1].cosine * NEIGHBOURS - own * 1e9).softmax(2) @ one_hot
    beside = -(chances.gather(2, labels.unsqueeze(2)) + 1e-3).log().mean()
    return answers, answers + neighbours * beside


class Run:
    """A learner in training."""

    def __init__(self, folder, of):
        tensors, metadata = read(os.path.join(folder, "learner.safetensors"))
        self.spec = json.loads(metadata["spec"])
        with open(os.path.join(folder, "training.json")) as file:
            self.training = json.load(file)
        self.p = parameters(tensors, self.spec)
        self.all = list(self.p.values())
        self.average = [tensor.detach().clone() for tensor in self.all]
        t = self.training
        self.optimiser = torch.optim.AdamW(
            self.all, t["rate"], (0.9, t["beta_2"]), t["epsilon"], t["weight_decay"], fused=True
        )
        self.done, self.of = 0, of

    def rate(self):
        t = self.training
        warm = min((self.done + 1) / max(t["warm_up"], 1), 1.0)
        cosine = 0.5 * (1 + math.cos(math.pi * self.done / t["steps"])) if t["cosine"] else 1.0
        left = t["final_rate"] if t["cosine"] else 0.0
        return t["rate"] * warm * (left + (1 - left) * cosine)

    def step(self, parts):
        """Takes a step, and gives the loss of the queries."""
        self.optimiser.zero_grad(set_to_none=True)
        loss = 0.0
        for part in parts:
            answers, both = self.of(self.p, self.spec, part, self.training["neighbours"])
            (both / len(parts)).backward()
            loss += answers.detach() / len(parts)
        if self.training["clip"] > 0:
            torch.nn.utils.clip_grad_norm_(self.all, self.training["clip"])
        self.optimiser.param_groups[0]["lr"] = self.rate()
        self.optimiser.step()
        self.done += 1
        decay = min(self.training["average"], self.done / (self.done + 10))
        with torch.no_grad():
            torch._foreach_lerp_(self.average, self.all, 1 - decay)
        return loss.item()


def main():
    folder, threads = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(threads)
    of = torch.compile(losses, dynamic=True) if "--compile" in sys.argv else losses
    run = Run(folder, of)
    count = len([name for name in os.listdir(folder) if name.startswith("step-")])
    batch = lambda at: read_step(os.path.join(folder, f"step-{at % count}.safetensors"), run.training["micro_batch"])
    if "--profile" in sys.argv:
        batches = [batch(at) for at in range(count)]
        [run.step(parts) for parts in batches]
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            [run.step(parts) for parts in batches]
        print(profile.key_averages().table(sort_by="self_cpu_time_total", row_limit=30, max_name_column_width=60))
        return
    now = time.process_time if "--spent" in sys.argv else time.perf_counter
    first = []
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            parts = batch(run.done)
            start = now()
            loss = run.step(parts)
            times.append(1e3 * (now() - start))
            if len(first) < 5:
                first.append(loss)
        print(*times, flush=True)
    print("losses", *first)
    print("peak_mb", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    print("version", torch.__version__)


main()
