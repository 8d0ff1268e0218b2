"""ONNX graphs of a learner, for onnxruntime-web in `cargo xtask bench --page`.

Usage: export_onnx.py MODEL FOLDER EXAMPLES CLASSES INPUTS

MODEL is a file of this project's; INPUTS may be fewer than it takes, if all the others are 0. Into FOLDER go NAME.json and

    NAME.relate.onnx    set learners: examples -> how they relate, and the kernel of each ridge
    NAME.learn.onnx     examples (or what `relate` found, and the inverses of the kernels) and labels -> the cache
    NAME.predict.onnx   the cache and one query -> probabilities

ONNX has no matrix inverse, so JavaScript inverts between the first two. Formulas: shaders/src/spec.rs. All graphs have
fixed sizes, f32, as few operations as we know how to: what is linear in weights is folded into them, projections are one
product, views and heads are batched, norms and attention are onnxruntime's own fused operations, and the cache is laid out
as `predict` multiplies with it. Distances are made of inner products, which is cheaper than what our kernels do.
"""

import json
import math
import os
import struct
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LAYER_NORM_EPSILON = 1e-5
RMS_EPSILON = 1e-5
COSINE_EPSILON = 1e-6
LEAST_REACH = 2e-3
SOFTMAX_SLOPE, LINEAR_SLOPE = 10.0, 5.0
REGRESSION_SCALE, REPRESENTATION_SCALE = 3.0, 4.0
FAR = 1e30
MICROSOFT = "com.microsoft"


def read(path):
    """Tensors, in f32, and the spec of a model file."""
    with open(path, "rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(length))
        body = file.read()
    metadata = header.pop("__metadata__")
    kinds = {"F32": np.float32, "F16": np.float16}
    tensors = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        flat = np.frombuffer(body[start:end], dtype=kinds[entry["dtype"]])
        tensors[name] = flat.reshape(entry["shape"]).astype(np.float32)
    return tensors, json.loads(metadata["spec"])


class Graph:
    """Nodes in order, each named after its output."""

    def __init__(self):
        self.nodes, self.constants, self.inputs, self.outputs = [], {}, [], []

    def input(self, name, *shape):
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return name

    def output(self, name, value, *shape):
        self.nodes.append(helper.make_node("Identity", [value], [name]))
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def constant(self, value, dtype=np.float32):
        value = np.ascontiguousarray(value, dtype=dtype)
        key = (value.dtype.str, value.shape, value.tobytes())
        if key not in self.constants:
            self.constants[key] = f"constant_{len(self.constants)}"
        return self.constants[key]

    def __call__(self, kind, *inputs, outputs=1, domain="", **attributes):
        """A node; inputs are names, or values that become constants."""
        names = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        made = [f"{kind.lower()}_{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, names, made, domain=domain, **attributes))
        return made[0] if outputs == 1 else made

    def reshape(self, value, *shape):
        return self("Reshape", value, self.constant(shape, np.int64))

    def split(self, value, axis, *sizes):
        return self("Split", value, self.constant(sizes, np.int64), outputs=len(sizes), axis=axis)

    def reduce(self, kind, value, axis):
        return self(kind, value, self.constant([axis], np.int64), keepdims=1)

    def save(self, path):
        initializers = []
        for (dtype, shape, data), name in self.constants.items():
            initializers.append(numpy_helper.from_array(np.frombuffer(data, dtype=dtype).reshape(shape), name))
        # names of outputs go to the nodes that make them
        renamed = {node.input[0]: node.output[0] for node in self.nodes if node.op_type == "Identity"}
        nodes = [node for node in self.nodes if node.op_type != "Identity"]
        for node in nodes:
            for names in (node.input, node.output):
                for i, name in enumerate(names):
                    names[i] = renamed.get(name, name)
        graph = helper.make_graph(nodes, "learner", self.inputs, self.outputs, initializers)
        opsets = [helper.make_opsetid("", 20), helper.make_opsetid(MICROSOFT, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
        onnx.save(model, path)


def rms(g, state, gamma, *shape):
    """The norm over classes and channels of tokens `[…, C, D]`; `shape` is […, C, D]."""
    *rows, classes, width = shape
    flat = g.reshape(state, *(rows or [1]), classes * width)
    scale = np.tile(gamma, classes)
    flat = g("SimplifiedLayerNormalization", flat, scale, axis=-1, epsilon=RMS_EPSILON)
    return g.reshape(flat, *shape)


class SetLearner:
    """Variant `equivariant`, asked about pictures that its stem reads."""

    def __init__(self, tensors, spec, shown, classes, inputs):
        self.p, self.spec, self.n, self.c, self.x = tensors, spec, shown, classes, inputs
        part = spec["equivariant"]
        self.stem, self.ridges, self.neighbour = part["stem"], part["ridge"], part["neighbour"]
        self.d, self.k, self.f = spec["width"], spec["key_size"], spec["mlp_factor"] * spec["width"]
        self.layers, self.heads, self.linear = spec["layers"], spec["heads"], part["linear_heads"]
        self.views = 2
        self.all = self.heads + self.linear
        # scores enter with their scale in every weight that they meet
        scale = [REGRESSION_SCALE, REPRESENTATION_SCALE] * len(self.ridges) + [1.0]
        self.scale = np.array(scale, np.float32)[:, None]

    def at(self, layer, name):
        return self.p[f"layer.{layer}.{name}"]

    def embed(self, g, rows, count):
        """The stem on `rows` `[count, X]`."""
        side = self.stem["side"]
        pixels = side * side
        drawing = rows if self.x == pixels else g.split(rows, 1, pixels, self.x - pixels)[0]
        plane, channels = g.reshape(drawing, count, 1, side, side), 1
        for i, convolution in enumerate(self.stem["convolutions"]):
            size, stride = convolution["size"], convolution["stride"]
            weight = self.p[f"stem.convolution.{i}.weight"]
            # the drawings are grey: a stem's planes beyond the first, which are for colours, are 0
            planes = self.stem.get("channels", 1) if i == 0 else channels
            weight = weight.reshape(size, size, planes, -1)[:, :, :channels].transpose(3, 2, 0, 1)
            bias, pads = self.p[f"stem.convolution.{i}.bias"], [size // 2] * 4
            plane = g("Conv", plane, weight, bias, kernel_shape=[size, size], strides=[stride, stride], pads=pads)
            plane = g("Relu", plane)
            channels, side = convolution["channels"], -(-side // stride)
        # channels are outermost here
        matrix = self.p["stem.embedding"].reshape(side * side, channels, -1).transpose(1, 0, 2)
        matrix = matrix.reshape(side * side * channels, -1)
        embedding = g("MatMul", g.reshape(plane, count, channels * side * side), matrix)
        return g("Add", embedding, g("MatMul", drawing, self.p["stem.skip"][:pixels]))

    def relations(self, g, dots, own, squares, inverse_scale, shape, far=None):
        """cos, cos², δ, reach of the rows; `dots` `[V, …, N]`, `own` `[V, …, 1]`, `squares` `[V, …, N]`."""
        cosine = g("Div", dots, g("Sqrt", g("Add", g("Mul", own, squares), COSINE_EPSILON)))
        distance = g("Sub", g("Add", own, squares), g("Mul", dots, 2.0))
        distance = g("Mul", g("Relu", distance), inverse_scale)
        others = distance if far is None else g("Add", distance, far)
        k = self.constant_k(g)
        nearest, _ = g("TopK", others, k, outputs=2, axis=-1, largest=0, sorted=0)
        reach = g("Sqrt", g("Max", g.reduce("ReduceMax", nearest, -1), LEAST_REACH))
        return cosine, g("Mul", cosine, cosine), distance, reach

    def constant_k(self, g):
        return g.constant([min(self.neighbour, self.n - 1)], np.int64)

    def similar(self, g, dots, distance, near, inverse_scale, *shape):
        """Kernels of the ridges, `[R, …]`; `dots`, `distance`, `near` e^−ε and `inverse_scale` of all views."""
        views = {}

        def of(what, view):
            if what not in views:
                views[what] = g.split(what, 0, 1, 1)
            return views[what][view]

        kernels = []
        for ridge in self.ridges:
            view = 0 if ridge.get("raw") else 1
            if ridge["kernel"] == "linear":
                kernels.append(g("Mul", of(dots, view), of(inverse_scale, view)))
            elif ridge["kernel"] == "gaussian":
                kernels.append(g("Exp", g("Mul", of(distance, view), -0.5)))
            else:
                kernels.append(of(near, view))
        return kernels[0] if len(kernels) == 1 else g("Concat", *kernels, axis=0)

    def slopes(self, layers, seen):
        """What weighs (cos, cos², δ, ε, e^−ε of each view, α) for the heads of these layers, `[heads, 5·V + R]`: first all
        softmax heads, then all linear ones."""
        v, r = self.views, len(self.ridges)
        rows = []
        for l in layers:
            weight = np.zeros((self.heads, 5 * v + r), np.float32)
            slope = SOFTMAX_SLOPE * self.at(l, "slope.softmax")
            for feature, sign in enumerate((1, 1, -1, -1)):
                for view in range(v):
                    weight[:, feature * v + view] = sign * slope[view * 4 + feature]
            rows.append(weight)
        for l in layers:
            weight = np.zeros((self.linear, 5 * v + r), np.float32)
            slope = LINEAR_SLOPE * self.at(l, "slope.linear")
            for feature, column in enumerate((0, 1, 4)):
                for view in range(v):
                    weight[:, column * v + view] = slope[view * 3 + feature] / max(seen, 1)
            weight[:, 5 * v :] = slope[3 * v :].T
            rows.append(weight)
        return np.concatenate(rows)

    def update(self, g, l, state, mixed, *shape):
        """The rest of a layer; `shape` is […, C, D]."""
        state = g("Add", state, g("MatMul", mixed, self.at(l, "output")))
        z = rms(g, state, self.at(l, "norm2"), *shape)
        up = self.at(l, "mlp.up.weight")
        mean = g.reduce("ReduceMean", z, len(shape) - 2)
        common = g("Add", g("MatMul", mean, up[self.d :]), self.at(l, "mlp.up.bias"))
        hidden = g("Relu", g("Add", g("MatMul", z, up[: self.d]), common))
        down = g("Add", g("MatMul", hidden, self.at(l, "mlp.down.weight")), self.at(l, "mlp.down.bias"))
        return g("Add", state, down)

    def relate(self):
        g, n, v, r = Graph(), self.n, self.views, len(self.ridges)
        shown = g.input("shown", n, self.x)
        embedding = self.stem["embedding"]
        dots, squares = [], []
        for view, (rows, size) in enumerate(((shown, self.x), (self.embed(g, shown, n), embedding))):
            # pulled towards 0 as if one more input of 0 had been shown
            centre = g("Mul", g.reduce("ReduceMean", rows, 0), n / (n + 1))
            rows = g("Sub", rows, centre)
            turned = g("Transpose", rows, perm=[1, 0])
            g.output(f"centre{view}", centre, 1, size)
            g.output(f"turned{view}", turned, size, n)
            dots.append(g.reshape(g("MatMul", rows, turned), 1, n, n))
            squares.append(g.reshape(g.reduce("ReduceSumSquare", rows, 1), 1, n))
        dots, squares = g("Concat", *dots, axis=0), g("Concat", *squares, axis=0)
        scale = g("Add", g.reduce("ReduceMean", squares, 1), COSINE_EPSILON)
        inverse_scale = g("Div", 1.0, scale)
        wide = g.reshape(inverse_scale, v, 1, 1)
        far = FAR * np.eye(n)
        across, along = g.reshape(squares, v, 1, n), g.reshape(squares, v, n, 1)
        cosine, square, distance, reach = self.relations(g, dots, along, across, wide, (v, n, n), far)
        reaches = g("Mul", reach, g.reshape(reach, v, 1, n))
        local = g("Div", distance, reaches)
        near = g("Exp", g("Neg", local))
        g.output("relations", g("Concat", cosine, square, distance, local, near, axis=0), 5 * v, n, n)
        g.output("gram", self.similar(g, dots, distance, near, wide), r, n, n)
        g.output("squares", squares, v, n)
        g.output("inverse_scale", inverse_scale, v, 1)
        g.output("reach", g.reshape(reach, v, n), v, n)
        return g

    def learn(self):
        g, n, c, v, r = Graph(), self.n, self.c, self.views, len(self.ridges)
        h, k, d = self.heads, self.k, self.d
        relations, gram = g.input("relations", 5 * v, n, n), g.input("gram", r, n, n)
        inverse, labels = g.input("inverse", r, n, n), g.input("labels", n, c)
        beside = 1.0 - np.eye(n)
        # an example is explained by the others
        diagonal = g.reduce("ReduceSum", g("Mul", inverse, np.eye(n)), 2)
        alpha = g("Mul", g("Neg", g("Div", inverse, diagonal)), beside)
        same = g("MatMul", labels, g("Transpose", labels, perm=[1, 0]))
        members = g("Mul", gram, same)
        g.output("members", members, r, n, n)
        part = g("Mul", alpha, g("Sub", g("Mul", gram, 2.0), g("MatMul", alpha, members)))
        centred = g("Sub", labels, 1.0 / c)
        g.output("centred", centred, n, c)
        both = g("Concat", g.reshape(alpha, r, 1, n, n), g.reshape(part, r, 1, n, n), axis=1)
        scores = g("MatMul", g.reshape(both, 2 * r, n, n), centred)
        total = g.reduce("ReduceSum", labels, 0)
        share = 1.0 / (n / c + 0.5)
        count = lambda number: g("Log", g("Mul", g("Add", number, 0.5), share))
        g.output("count", count(total), 1, c)
        counts = g.reshape(count(g("Sub", total, labels)), 1, n, c)
        scores = g("Transpose", g("Concat", scores, counts, axis=0), perm=[1, 2, 0])
        start = g("Add", g("MatMul", scores, self.scale * self.p["embed.scores"]), self.p["embed.shown"])
        named = g("Mul", g.reshape(labels, n, c, 1), self.p["embed.label"])
        state = g("Add", start, named)

        layers = range(self.layers - 1)
        features = g("Concat", relations, alpha, axis=0)
        features = g("MatMul", self.slopes(layers, n - 1), g.reshape(features, 5 * v + r, n * n))
        features = g.reshape(features, (self.all) * len(layers), n, n)
        features = g.split(features, 0, *[h for _ in layers], *[self.linear for _ in layers])
        for l in range(self.layers):
            last = l + 1 == self.layers
            z = rms(g, state, self.at(l, "norm1"), n, c, d)
            query = self.at(l, "query") * np.repeat(self.at(l, "temperature"), k) / math.sqrt(c * k)
            parts = [self.at(l, "key"), self.at(l, "value")] if last else [query, self.at(l, "key"), self.at(l, "value")]
            made = g("MatMul", z, np.concatenate(parts, axis=1))
            *first, key, value = g.split(made, 2, *[part.shape[1] for part in parts])
            key = g("Transpose", g.reshape(key, n, c, h, k), perm=[2, 1, 3, 0])
            key = g.reshape(key, h, c * k, n)
            value = g("Transpose", g.reshape(value, n, c, self.all, k), perm=[2, 0, 1, 3])
            value = g.reshape(value, self.all, n, c * k)
            g.output(f"keys{l}", key, h, c * k, n)
            g.output(f"values{l}", value, self.all, n, c * k)
            if last:
                break
            query = g("Transpose", g.reshape(first[0], n, c, h, k), perm=[2, 0, 1, 3])
            logits = g("MatMul", g.reshape(query, h, n, c * k), key)
            logits = g("Add", g("Add", logits, features[l]), -FAR * np.eye(n))
            linear = g("Mul", features[len(layers) + l], beside)
            weights = g("Concat", g("Softmax", logits, axis=-1), linear, axis=0)
            mixed = g.reshape(g("MatMul", weights, value), self.all, n, c, k)
            mixed = g.reshape(g("Transpose", mixed, perm=[1, 2, 0, 3]), n, c, self.all * k)
            state = self.update(g, l, state, mixed, n, c, d)
        return g

    def predict(self):
        g, n, c, v, r = Graph(), self.n, self.c, self.views, len(self.ridges)
        h, k, d = self.heads, self.k, self.d
        query = g.input("query", 1, self.x)
        dots, own = [], []
        for view, size in enumerate((self.x, self.stem["embedding"])):
            centre, turned = g.input(f"centre{view}", 1, size), g.input(f"turned{view}", size, n)
            row = g("Sub", self.embed(g, query, 1) if view else query, centre)
            dots.append(g("MatMul", row, turned))
            own.append(g.reduce("ReduceSumSquare", row, 1))
        dots, own = g("Concat", *dots, axis=0), g("Concat", *own, axis=0)
        squares, inverse_scale = g.input("squares", v, n), g.input("inverse_scale", v, 1)
        reaches = g.input("reach", v, n)
        cosine, square, distance, reach = self.relations(g, dots, own, squares, inverse_scale, (v, n))
        local = g("Div", distance, g("Mul", reaches, reach))
        near = g("Exp", g("Neg", local))
        similar = g.reshape(self.similar(g, dots, distance, near, inverse_scale), r, 1, n)
        inverse, members = g.input("inverse", r, n, n), g.input("members", r, n, n)
        alpha = g("MatMul", similar, inverse)
        part = g("Mul", alpha, g("Sub", g("Mul", similar, 2.0), g("MatMul", alpha, members)))
        both = g.reshape(g("Concat", alpha, part, axis=1), 2 * r, n)
        scores = g("MatMul", both, g.input("centred", n, c))
        scores = g("Concat", scores, g.input("count", 1, c), axis=0)
        state = g("Gemm", scores, self.scale * self.p["embed.scores"], self.p["embed.query"], transA=1)

        features = g("Concat", cosine, square, distance, local, near, g.reshape(alpha, r, n), axis=0)
        features = g("MatMul", self.slopes(range(self.layers), n), features)
        features = g.reshape(features, self.all * self.layers, 1, n)
        features = g.split(features, 0, *[h] * self.layers, *[self.linear] * self.layers)
        for l in range(self.layers):
            z = rms(g, state, self.at(l, "norm1"), c, d)
            weight = self.at(l, "query") * np.repeat(self.at(l, "temperature"), k) / math.sqrt(c * k)
            asked = g("Transpose", g.reshape(g("MatMul", z, weight), c, h, k), perm=[1, 0, 2])
            logits = g("MatMul", g.reshape(asked, h, 1, c * k), g.input(f"keys{l}", h, c * k, n))
            softmax = g("Softmax", g("Add", logits, features[l]), axis=-1)
            weights = g("Concat", softmax, features[self.layers + l], axis=0)
            mixed = g("MatMul", weights, g.input(f"values{l}", self.all, n, c * k))
            mixed = g("Transpose", g.reshape(mixed, self.all, c, k), perm=[1, 0, 2])
            state = self.update(g, l, state, g.reshape(mixed, c, self.all * k), c, d)
        z = rms(g, state, self.p["norm"], c, d)
        readout = self.p["readout"]
        said = g("Gemm", scores, self.scale * readout[d:], transA=1)
        logits = g.reshape(g("Add", g("MatMul", z, readout[:d]), said), 1, c)
        g.output("probabilities", g("Softmax", logits, axis=-1), 1, c)
        return g

    def graphs(self):
        return {"relate": self.relate(), "learn": self.learn(), "predict": self.predict()}


class Causal:
    """Variant `paper`."""

    def __init__(self, tensors, spec, shown, classes, inputs):
        self.p, self.spec, self.n, self.c, self.x = tensors, spec, shown, classes, inputs
        if spec["key_shift"] != "none" or spec["qk_norm"] or spec["query_key"] == "tied":
            sys.exit("export_onnx.py: of the causal learners it knows variant `paper` alone")
        self.d, self.h, self.k = spec["width"], spec["heads"], spec["key_size"]

    def norm(self, g, state, name):
        gamma, beta = self.p[f"{name}.gamma"], self.p[f"{name}.beta"]
        return g("LayerNormalization", state, gamma, beta, axis=-1, epsilon=LAYER_NORM_EPSILON)

    def project(self, g, l, z, names):
        """Several projections as one."""
        at = lambda name, part: self.p[f"layer.{l}.{name}.{part}"]
        weight = np.concatenate([at(name, "weight") for name in names], axis=1)
        bias = np.concatenate([at(name, "bias") for name in names])
        made = g("Add", g("MatMul", z, weight), bias)
        return g.split(made, 2, *[at(name, "weight").shape[1] for name in names])

    def rest(self, g, l, state, mixed):
        at = lambda name: self.p[f"layer.{l}.{name}"]
        out = g("Add", g("MatMul", mixed, at("output.weight")), at("output.bias"))
        state = g("Add", state, out)
        z = self.norm(g, state, f"layer.{l}.norm2")
        hidden = g("Gelu", g("Add", g("MatMul", z, at("mlp.up.weight")), at("mlp.up.bias")))
        out = g("Add", g("MatMul", hidden, at("mlp.down.weight")), at("mlp.down.bias"))
        return g("Add", state, out)

    def learn(self):
        g, n, d, h, k = Graph(), self.n, self.d, self.h, self.k
        shown, labels = g.input("shown", n, self.x), g.input("labels", n, self.c)
        # token i carries label i − 1
        before, last = g.split(labels, 0, n - 1, 1)
        table = self.p["embed.label.weight"]
        named = g("Concat", np.zeros((1, d)), g("MatMul", before, table), axis=0)
        places = self.p["embed.position"]
        g.output("start", g("Add", g("MatMul", last, table), self.p["embed.bias"] + places[n : n + 1]), 1, d)
        state = g("Add", g("MatMul", shown, self.p["embed.input.weight"]), self.p["embed.bias"] + places[:n])
        state = g.reshape(g("Add", state, named), 1, n, d)
        for l in range(self.spec["layers"]):
            z = self.norm(g, state, f"layer.{l}.norm1")
            final = l + 1 == self.spec["layers"]
            *query, key, value = self.project(g, l, z, ["key", "value"] if final else ["query", "key", "value"])
            heads = lambda z: g("Transpose", g.reshape(z, 1, n, h, k), perm=[0, 2, 1, 3])
            key, value = heads(key), heads(value)
            g.output(f"keys{l}", key, 1, h, n, k)
            g.output(f"values{l}", value, 1, h, n, k)
            if final:
                break
            logits = g("MatMul", g("Mul", heads(query[0]), 1 / math.sqrt(k)), g("Transpose", key, perm=[0, 1, 3, 2]))
            weights = g("Softmax", g("Add", logits, np.triu(np.full((n, n), -FAR), 1)), axis=-1)
            mixed = g("Transpose", g("MatMul", weights, value), perm=[0, 2, 1, 3])
            state = self.rest(g, l, state, g.reshape(mixed, 1, n, h * k))
        return g

    def predict(self):
        g, n, d, h, k = Graph(), self.n, self.d, self.h, self.k
        query, start = g.input("query", 1, self.x), g.input("start", 1, d)
        state = g.reshape(g("Add", g("MatMul", query, self.p["embed.input.weight"]), start), 1, 1, d)
        for l in range(self.spec["layers"]):
            z = self.norm(g, state, f"layer.{l}.norm1")
            asked, key, value = self.project(g, l, z, ["query", "key", "value"])
            cache = g.input(f"keys{l}", 1, h, n, k), g.input(f"values{l}", 1, h, n, k)
            mixed = self.attend(g, asked, key, value, *cache)
            state = self.rest(g, l, state, mixed)
        z = self.norm(g, state, "norm")
        logits = g("Add", g("MatMul", z, self.p["readout.weight"]), self.p["readout.bias"])
        g.output("probabilities", g("Softmax", g.reshape(logits, 1, self.c), axis=-1), 1, self.c)
        return g

    def attend(self, g, query, key, value, keys, values):
        h, k = self.h, self.k
        heads = lambda z: g.reshape(z, 1, h, 1, k)
        keys = g("Concat", keys, heads(key), axis=2)
        values = g("Concat", values, heads(value), axis=2)
        query = g("Mul", heads(query), 1 / math.sqrt(k))
        logits = g("MatMul", query, g("Transpose", keys, perm=[0, 1, 3, 2]))
        return g.reshape(g("MatMul", g("Softmax", logits, axis=-1), values), 1, 1, h * k)

    def graphs(self):
        return {"learn": self.learn(), "predict": self.predict()}


def main():
    path, folder = sys.argv[1:3]
    shown, classes, inputs = map(int, sys.argv[3:])
    tensors, spec = read(path)
    name = os.path.splitext(os.path.basename(path))[0]
    kind = SetLearner if spec.get("equivariant") else Causal
    learner = kind(tensors, spec, shown, classes, inputs)
    graphs = learner.graphs()
    for part, graph in graphs.items():
        graph.save(os.path.join(folder, f"{name}.{part}.onnx"))
    ridges = [ridge["lambda"] for ridge in (spec.get("equivariant") or {}).get("ridge", [])]
    told = {"inputs": inputs, "shown": shown, "classes": classes, "graphs": list(graphs), "lambda": ridges}
    for part, graph in graphs.items():
        told[part] = [output.name for output in graph.outputs]
    with open(os.path.join(folder, f"{name}.json"), "w") as file:
        json.dump(told, file)


if __name__ == "__main__":
    main()
