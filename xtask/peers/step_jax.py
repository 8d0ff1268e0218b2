"""One training step of a causal learner in JAX: forward, backward, Adam, all in one jit. Used as step_torch.py is.

Usage: step_jax.py CASE THREADS
"""

import json
import os
import resource
import struct
import sys
import time

# XLA takes as many threads as there are cores that it may use
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-int(sys.argv[2]) :])

import jax
import jax.numpy as jnp
import numpy as np
import optax


def read(path):
    """Tensors and metadata of a safetensors file."""
    with open(path, "rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(length))
        body = file.read()
    metadata = header.pop("__metadata__", {})
    kinds = {"F32": np.float32, "I64": np.int64}
    tensors = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        tensors[name] = np.frombuffer(body[start:end], kinds[entry["dtype"]]).reshape(entry["shape"])
    return tensors, metadata


def norm(x, gamma, beta):
    centred = x - x.mean(-1, keepdims=True)
    return centred * jax.lax.rsqrt((centred * centred).mean(-1, keepdims=True) + 1e-5) * gamma + beta


def forward(p, spec, inputs, labels):
    """Log-probabilities [B·T, C]; the formulas of shaders/src/spec.rs."""
    b, t, x = inputs.shape
    d, h, k = spec["width"], spec["heads"], spec["key_size"]
    token = jnp.pad(p["embed.label.weight"][labels[:, :-1]], ((0, 0), (1, 0), (0, 0)))
    state = inputs.reshape(b * t, x) @ p["embed.input.weight"] + p["embed.bias"] + token.reshape(b * t, d)
    if "embed.position" in p:
        state = (state.reshape(b, t, d) + p["embed.position"][:t]).reshape(b * t, d)
    heads = lambda z: z.reshape(b, t, h, k).transpose(0, 2, 1, 3)
    seen = jnp.tril(jnp.ones((t, t), bool))
    for l in range(spec["layers"]):
        at = lambda name: p[f"layer.{l}.{name}"]
        linear = lambda z, name: z @ at(f"{name}.weight") + at(f"{name}.bias")
        z = norm(state, at("norm1.gamma"), at("norm1.beta"))
        q, v = heads(linear(z, "query")), heads(linear(z, "value"))
        key = heads(linear(z, "key")) if f"layer.{l}.key.weight" in p else q
        if spec["key_shift"] != "none":
            shifted = jnp.pad(key[:, :, :-1], ((0, 0), (0, 0), (1, 0), (0, 0)))
            share = jax.nn.sigmoid(at("key_shift.gate")).reshape(1, h, 1, 1) if spec["key_shift"] == "gated" else 1.0
            key = key + (shifted - key) * share
        if spec["qk_norm"]:
            unit = lambda z: z * jax.lax.rsqrt((z * z).sum(3, keepdims=True) + 1e-6)
            q, key = unit(q) * jnp.exp(at("temperature")).reshape(1, h, 1, 1), unit(key)
        else:
            q = q / k**0.5
        weights = jax.nn.softmax(jnp.where(seen, q @ key.transpose(0, 1, 3, 2), -1e9))
        state = state + linear((weights @ v).transpose(0, 2, 1, 3).reshape(b * t, h * k), "output")
        z = norm(state, at("norm2.gamma"), at("norm2.beta"))
        state = state + linear(jax.nn.gelu(linear(z, "mlp.up"), approximate=False), "mlp.down")
    logits = norm(state, p["norm.gamma"], p["norm.beta"]) @ p["readout.weight"] + p["readout.bias"]
    return jax.nn.log_softmax(logits)


def main():
    tensors, metadata = read(sys.argv[1])
    spec = json.loads(metadata["model"])
    inputs, labels = jnp.asarray(tensors.pop("inputs")), jnp.asarray(tensors.pop("labels").astype(np.int32))
    p = {name: jnp.asarray(tensor) for name, tensor in tensors.items()}
    adam = optax.adam(1e-3, eps=1e-8)

    def loss_of(p):
        rows = forward(p, spec, inputs, labels)
        return -jnp.take_along_axis(rows, labels.reshape(-1, 1), 1).mean()

    @jax.jit
    def step(p, state):
        loss, gradient = jax.value_and_grad(loss_of)(p)
        moves, state = adam.update(gradient, state)
        return optax.apply_updates(p, moves), state, loss

    state, losses = adam.init(p), []
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            start = time.perf_counter()
            p, state, loss = step(p, state)
            jax.block_until_ready((p, loss))
            times.append(1e3 * (time.perf_counter() - start))
            if len(losses) < 5:
                losses.append(float(loss))
        print(*times, flush=True)
    print("losses", *losses)
    print("peak_mb", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    print("version", jax.__version__)


main()
