"""One training step of a causal learner in PyTorch: forward, backward, Adam. The peer of `cargo xtask bench train`.

Usage: step_torch.py CASE THREADS [--compile] [--cuda] [--bf16]

CASE is a safetensors file that the benchmark writes: the weights under their names in the model file, `inputs` [B, T, X],
`labels` [B, T] and the spec as metadata `model`. For each line with a number on standard input it takes so many steps and
prints their milliseconds; at the end the losses of the first steps and the peak of memory. With --cuda it runs on the first
card, with --bf16 matrix products are in bfloat16 there.
"""

import json
import resource
import struct
import sys
import time

import torch
import torch.nn.functional as F


def read(path):
    """Tensors and metadata of a safetensors file."""
    with open(path, "rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(length))
        body = bytearray(file.read())
    metadata = header.pop("__metadata__", {})
    kinds = {"F32": torch.float32, "I64": torch.int64}
    tensors = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        flat = torch.frombuffer(body[start:end], dtype=kinds[entry["dtype"]])
        tensors[name] = flat.reshape(entry["shape"]).clone()
    return tensors, metadata


def forward(p, spec, inputs, labels):
    """Log-probabilities [B·T, C]; the formulas of shaders/src/spec.rs in PyTorch's own fused operations."""
    b, t, _ = inputs.shape
    d, h, k = spec["width"], spec["heads"], spec["key_size"]
    token = F.embedding(labels[:, :-1], p["embed.label.weight"])
    state = inputs @ p["embed.input.weight"] + p["embed.bias"]
    state = state + F.pad(token, (0, 0, 1, 0))
    if "embed.position" in p:
        state = state + p["embed.position"][:t]
    heads = lambda z: z.view(b, t, h, k).transpose(1, 2)
    for l in range(spec["layers"]):
        at = lambda name: p[f"layer.{l}.{name}"]
        linear = lambda z, name: F.linear(z, at(f"{name}.weight").t(), at(f"{name}.bias"))
        z = F.layer_norm(state, (d,), at("norm1.gamma"), at("norm1.beta"), 1e-5)
        q, v = heads(linear(z, "query")), heads(linear(z, "value"))
        key = heads(linear(z, "key")) if f"layer.{l}.key.weight" in p else q
        if spec["key_shift"] != "none":
            shifted = F.pad(key[:, :, :-1], (0, 0, 1, 0))
            if spec["key_shift"] == "gated":
                share = torch.sigmoid(at("key_shift.gate")).view(1, h, 1, 1)
                key = key + (shifted - key) * share
            else:
                key = shifted
        scale = None
        if spec["qk_norm"]:
            unit = lambda z: z * torch.rsqrt((z * z).sum(3, keepdim=True) + 1e-6)
            q, key, scale = unit(q) * at("temperature").exp().view(1, h, 1, 1), unit(key), 1.0
        mixed = F.scaled_dot_product_attention(q, key, v, is_causal=True, scale=scale)
        state = state + linear(mixed.transpose(1, 2).reshape(b, t, h * k), "output")
        z = F.layer_norm(state, (d,), at("norm2.gamma"), at("norm2.beta"), 1e-5)
        state = state + linear(F.gelu(linear(z, "mlp.up")), "mlp.down")
    z = F.layer_norm(state, (d,), p["norm.gamma"], p["norm.beta"], 1e-5)
    return F.linear(z, p["readout.weight"].t(), p["readout.bias"]).view(b * t, -1)


def main():
    path, threads = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(threads)
    tensors, metadata = read(path)
    spec = json.loads(metadata["model"])
    device = "cuda" if "--cuda" in sys.argv else "cpu"
    torch.set_float32_matmul_precision("highest")
    tensors = {name: tensor.to(device) for name, tensor in tensors.items()}
    inputs, labels = tensors.pop("inputs"), tensors.pop("labels")
    p = {name: tensor.requires_grad_() for name, tensor in tensors.items()}
    adam = torch.optim.Adam(list(p.values()), lr=1e-3, eps=1e-8, fused=True)

    def of():
        with torch.autocast(device, torch.bfloat16, enabled="--bf16" in sys.argv):
            rows = forward(p, spec, inputs, labels)
        return F.cross_entropy(rows.float(), labels.view(-1))

    if "--compile" in sys.argv:
        of = torch.compile(of)
    losses = []
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            start = time.perf_counter()
            loss = of()
            adam.zero_grad(set_to_none=True)
            loss.backward()
            adam.step()
            value = loss.item()
            times.append(1e3 * (time.perf_counter() - start))
            if len(losses) < 5:
                losses.append(value)
        print(*times, flush=True)
    print("losses", *losses)
    print("peak_mb", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    print("version", torch.__version__)


if __name__ == "__main__":
    main()
