#!/bin/sh
# Builds the gate for both architectures with the pinned clang. The results
# are committed; CI builds them again and compares (build.sh --check).
set -e
cd "$(dirname "$0")"
CLANG=${CLANG:-clang-19}
out=.
[ "$1" = --check ] && out=$(mktemp -d)
for arch in amd64:x86_64 arm64:aarch64; do
	"$CLANG" --target="${arch#*:}-linux-gnu" -Os -Wall -Wextra -Werror -ffreestanding -nostdlib -static \
		-fno-stack-protector -fno-asynchronous-unwind-tables -fno-builtin -fno-ident \
		-fuse-ld=lld-19 -Wl,--build-id=none,-z,noseparate-code,-z,max-page-size=4096,-s \
		-o "$out/gate_${arch%:*}.elf" gate.c
	[ "$out" = . ] || cmp "$out/gate_${arch%:*}.elf" "gate_${arch%:*}.elf"
done
