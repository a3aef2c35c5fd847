#!/bin/sh
# Everything that can be said about the code without running it.  All checks run; one bad one fails all.
set -u
cd "$(dirname "$0")/.."
BIN=.venv/bin
FAILED=

run() { # run "name" command…
    name=$1
    shift
    if out=$("$@" 2>&1); then
        printf '  ✓ %s\n' "$name"
    else
        printf '  ✗ %s\n%s\n' "$name" "$out"
        FAILED="$FAILED $name"
    fi
}

bpmnlint() {
    set -- bpmn/*/*.bpmn bpmn/centers/*/*/*.bpmn
    files=
    for file in "$@"; do [ -f "$file" ] && files="$files ../../$file"; done
    [ -n "$files" ] || return 0
    node=$(command -v node || echo "$PWD/$BIN/node")
    # shellcheck disable=SC2086
    (cd webapp/assets && "$node" node_modules/bpmnlint/bin/bpmnlint.js $files)
}

run ruff $BIN/ruff check .
run format $BIN/ruff format --check .
run mypy $BIN/mypy
run imports $BIN/lint-imports
run templates $BIN/djlint webapp/templates --lint --quiet
run diagrams $BIN/python -m webapp.cli lint bpmn
run bpmnlint bpmnlint

if [ -n "$FAILED" ]; then
    printf '\n✗ make check:%s\n' "$FAILED"
    exit 1
fi
