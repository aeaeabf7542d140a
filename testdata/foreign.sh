#!/bin/sh
# Runs the binary of the other architecture under QEMU's user emulation: the
# doctor, and a command behind the gate with its exit status. For the gate the
# kernel has to know foreign binaries: as root this registers QEMU for that,
# and takes it away again.
set -eu
cd "$(dirname "$0")/.."
bin=bin/energyprobe-arm64
qemu=$(command -v qemu-aarch64-static) || {
	echo "foreign.sh: qemu-aarch64-static is missing: apt-get install -y qemu-user-static" >&2
	exit 1
}
"$qemu" $bin --version
out=$(mktemp)
trap 'rm -f "$out"' EXIT
"$qemu" $bin doctor --format json >"$out" || test $? = 1
grep -q '"schema": "energyprobe.doctor/v1"' "$out"

misc=/proc/sys/fs/binfmt_misc
if [ "$(id -u)" != 0 ] || ! grep -q binfmt_misc /proc/filesystems; then
	echo "foreign.sh: not root, or a kernel without binfmt_misc: the gate of $bin was not started" >&2
	exit 0
fi
[ -e $misc/register ] || mount -t binfmt_misc none $misc
if ! grep -qs enabled $misc/qemu-aarch64; then
	name=energyprobe-test
	trap 'rm -f "$out"; echo -1 >$misc/'$name EXIT
	printf '%s' ":$name:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:$qemu:OCF" >$misc/register
fi
status=0
$bin run -q --format json -o "$out" -- sh -c 'exit 7' || status=$?
test $status = 7
grep -q '"exit_code": 7' "$out"
grep -q '"arch": "aarch64"' "$out"
echo "foreign.sh: $bin ran a command and kept its exit status"
