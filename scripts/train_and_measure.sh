#!/usr/bin/env bash
# From text pairs to a measured export in one command, on a CPU or a GPU. It may be killed at any
# time, and goes on when it is called again.
#
#   scripts/train_and_measure.sh configs/en-es.yaml [--set KEY=VALUE …]
#
# Reads corpus/{train,valid,test} here (docs/results.md says what lies there); leaves the run in
# runs/NAME and what was measured in measured/NAME. Wants the extras: pip install '.[export,plot]'.
set -euo pipefail

config=$1
shift
name=$(sed -n 's/^name: *//p' "$config")
for setting in "$@"; do # the last name is the one that counts
    case ${setting#--set=} in name=*) name=${setting##*name=} ;; esac
done
run=runs/$name
out=measured/$name
tests=(corpus/test/{tatoeba-test,newstest20{09,10,11}}.en-es.tsv)
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$(nproc)}
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH} # where the package is not installed
translator() { python -m translator "$@"; }

python -c 'import ctranslate2, matplotlib' || {
    echo "exports and curves want more packages: pip install '.[export,plot]'" >&2
    exit 1
}
mkdir -p "$out"
{
    date
    uname -srm
    grep -m1 'model name' /proc/cpuinfo || true
    echo "$OMP_NUM_THREADS threads"
    nvidia-smi -L 2> /dev/null || true
} > "$out/machine.txt"
translator train "$config" "$@" 2>&1 | tee -ia "$out/train.log"

for beam in 1 5; do
    translator evaluate --run "$run" --beam-size $beam > "$out/beam-$beam.txt"
done
translator evaluate --run "$run" --split test/tatoeba-test --beam-size 1 --robustness \
    > "$out/robustness.txt"
translator report "$run" --output "$out/report.html"
translator plot "$run" --output "$out/curves"

# Ten sentences by a rule made before looking: numbers 500, 1000, … 5000 of tatoeba-test.
awk -F '\t' 'NR % 500 == 0 { print $1 }' "${tests[0]}" > "$out/ten.en"
awk -F '\t' 'NR % 500 == 0 { print $2 }' "${tests[0]}" > "$out/ten.es"
translator translate --run "$run" --input "$out/ten.en" --output "$out/ten.translated"

for quantization in float32 int8; do
    translator export "$run" --quantization $quantization --sample 2000 --force \
        --output "$out/ctranslate2-$quantization" > "$out/export-$quantization.txt"
done
for test in tatoeba-test newstest2011; do
    for side in 1:en 2:es; do
        cut -f "${side%:*}" "corpus/test/$test.en-es.tsv" > "$out/$test.${side#*:}"
    done
    python scripts/bench_decode.py --run "$run" --test "$out/$test".{en,es} --sentences 1000 \
        --rounds 2 --json "$out/speed-$test.json" > "$out/speed-$test.txt"
done
du -sb "$run/model.safetensors" "$out"/ctranslate2-* > "$out/sizes.txt"
