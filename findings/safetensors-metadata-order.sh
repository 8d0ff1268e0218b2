#!/usr/bin/env bash
# safetensors 0.8.0: the same tensors with the same metadata become another file in every process.
#
# Expected: a format that sorts its tensors by type and name, and whose files are named by their SHA-256 on model hubs, in lock files and
#   in caches, gives the same bytes for the same weights and the same dictionary of metadata.
# Seen: with one key of metadata it does. With six the keys come in an order that changes from process to process (those of Rust's HashMap,
#   with a seed of its own), and so does the file's hash. Within the process it changes from call to call. The tensors' bytes
#   behind the header are the same.
# Why it matters: whoever exports weights with a few words about them (licence, commit, data) and compares files by their hash sees a new
#   model after each export: reproducible builds fail, caches and Git LFS store the same weights again, and “the file has changed” means
#   nothing. Hash the tensors in the order of their names instead, or all that follows the header, or write the header yourself.
# Versions: safetensors 0.8.0, NumPy 2.2.6, Python 3.11. Seen on 2026-11-29.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check numpy==2.2.6 safetensors==0.8.0
cat > "$folder/see.py" <<'PY'
import hashlib
import json

import numpy as np
from safetensors.numpy import save

tensors = {"b": np.arange(6, dtype=np.float32).reshape(2, 3), "a": np.zeros(3, np.float16), "c": np.ones(2, np.int64)}
metadata = {"format": "np", "licence": "MIT", "commit": "abc", "step": "8000", "data": "digits", "seed": "1"}


def short(data):
    return hashlib.sha256(data).hexdigest()[:12]


def parts(data):
    header = 8 + int.from_bytes(data[:8], "little")
    return list(json.loads(data[8:header])["__metadata__"]), data[header:]


file = save(tensors, metadata=metadata)
keys, body = parts(file)
print(short(file), short(body), short(save(tensors, metadata={"licence": "MIT"})), " ".join(keys))
PY
for _ in 1 2 3 4 5 6; do "$folder/venv/bin/python" "$folder/see.py"; done | tee "$folder/seen.txt"
count() { cut -d' ' -f"$1" "$folder/seen.txt" | sort -u | wc -l; }
echo "six processes: $(count 1) different files, $(count 2) different tensors, $(count 3) different files with one key"
[ "$(count 1)" -gt 1 ] && [ "$(count 2)" = 1 ] && [ "$(count 3)" = 1 ] || { echo "this has changed: look again"; exit 1; }
