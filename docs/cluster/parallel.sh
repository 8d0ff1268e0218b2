#!/bin/sh
# Cells of a list with GNU parallel, on this machine or, with a file of hosts, on several that share this folder:
#
#   trainer experiment fig4 --plan-file cells.jsonl
#   docs/cluster/parallel.sh cells.jsonl                 # or: SSHLOGINFILE=hosts docs/cluster/parallel.sh cells.jsonl
#
# Runs what has no result yet; the same command goes on after a crash.
set -eu
plan=${1:?expected the list of cells, as trainer experiment NAME --plan-file FILE writes it}
out=${OUT:-runs/experiments}
trainer=${TRAINER:-trainer}

left=$("$trainer" report "$out" --plan-file "$plan" --missing)
if [ -z "$left" ]; then
    echo "all cells of $plan have results in $out"
    exit 0
fi
# 0,4-6 as one number a line
numbers=$(echo "$left" | tr ',' '\n' | while IFS=- read -r first last; do seq "$first" "${last:-$first}"; done)
echo "$numbers" | parallel --lb --tag ${SSHLOGINFILE:+--sshloginfile "$SSHLOGINFILE" --workdir .} \
    "$trainer" experiment --plan-file "$plan" --cell {} --jobs 1 --out "$out" --device cpu
