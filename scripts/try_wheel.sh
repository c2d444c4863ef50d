#!/usr/bin/env bash
# Build the package in dist/, check it, install it in a clean environment and use it from an empty
# directory: train for a few steps, translate, and see that nothing of the checkout was needed.
set -euo pipefail
python=${PYTHON:-python3}
cd "$(dirname "$0")/.."
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

"$python" -m venv "$place/tools"
"$place/tools/bin/python" -m pip install --quiet hatchling twine
rm -rf dist
"$place/tools/bin/python" -m hatchling build
"$place/tools/bin/python" -m twine check --strict dist/*

"$python" -m venv "$place/venv"
"$place/venv/bin/python" -m pip install --quiet dist/*.whl
mkdir "$place/empty"
cd "$place/empty"
"$place/venv/bin/translator" --version
"$place/venv/bin/translator" train ten-minutes --quiet --set name=tried \
  --set "data.train=[{path: 'embedded:train-handwritten', max_pairs: 500}]" \
  --set tokenizer.vocabulary_size=600 --set model.d_model=32 --set model.d_ff=64 \
  --set training.max_minutes=null --set training.max_steps=5 --set training.warmup_steps=1 \
  --set data.held_out_pairs=20
"$place/venv/bin/translator" translate "Pizza is great." --run runs/tried
"$place/venv/bin/translator" explain "Pizza is great." --run runs/tried >/dev/null
