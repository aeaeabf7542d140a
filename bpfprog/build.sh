#!/bin/sh
# Compiles src/usage.bpf.c for both architectures with the pinned clang, and
# generates the Go that embeds it. The results are committed; CI makes them
# again and compares (build.sh --check).
set -e
cd "$(dirname "$0")"
out=.
if [ "$1" = --check ]; then
	out=$(mktemp -d)
	trap 'rm -rf "$out"' EXIT
fi
GOPACKAGE=bpfprog go tool bpf2go -cc clang-19 -no-strip -no-global-types -output-dir "$out" \
	-cflags "-O2 -mcpu=v3 -Wall -Wextra -Werror -Wno-unused-parameter" \
	-target amd64,arm64 -type account -type sums -type cpu -type place -type line -type process -type task -type rate \
	-output-suffix _bpf usage src/usage.bpf.c
[ "$out" = . ] && exit
for f in "$out"/usage_*; do
	cmp "$f" "${f##*/}" || {
		echo "bpfprog: ${f##*/} is not what src/usage.bpf.c makes: run make generate and commit" >&2
		exit 1
	}
done
