#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# A drill passes when the VM comes up and its file systems are clean; a broken boot sector, a
# broken file system and a VM that stops fail it, each with its reason, in JSON and on a page.
. "$(dirname "$0")/lib.sh"
require mke2fs qemu-system-x86_64 jq e2fsck cryptsetup openssl
require_root
A=$B/adebackup
mkdir "$T/tree" "$T/k"
head -c 300000 /dev/urandom >"$T/tree/file"
"$ROOT/tests/make/ade-linux-disk" "$T/os.raw" "$T/k/LinuxPassPhraseFileName" "$T/tree" luks2
cp --sparse=always "$T/os.raw" "$T/silent.raw"
"$ROOT/tests/make/boot-sector" "$T/os.raw" $'a start\r\ndrilled login: '
before=$(sha "$T/os.raw")
drill() { expect_status "$1" "$A" boot "$2" --keys "$T/k" --no-adapt --drill --json --report "$T/r.html" "${@:3}"; }
is() { jq -e "$1" "$T/out" >/dev/null || fail "not $1: $(cat "$T/out")"; }

say "it comes up, encrypted and decrypted"
drill 0 "$T/os.raw"
is '.drill.passed and .drill.stage == "login" and .drill.reached_ms > 0'
is '[.drill.checks[] | select(.volume == "p1" and .holds == "ext4" and .result == "clean")] | length == 1'
is '.argv | index("none") != null'
grep -q '<h1 class="green">' "$T/r.html" || fail "the page does not say so"
sed -n 's/.*src="data:image\/png;base64,\([^"]*\)".*/\1/p' "$T/r.html" | base64 -d >"$T/screen.png"
[ "$(head -c 8 "$T/screen.png" | od -An -tx1 | tr -d ' \n')" = 89504e470d0a1a0a ] || fail "no picture in the page"
grep -qE '(src|href)="[^d]' "$T/r.html" && fail "the page needs other files"
drill 0 "$T/os.raw" --decrypted --expect "a start"
is '.drill.passed and .decrypted'
[ "$(sha "$T/os.raw")" = "$before" ] || fail "the disk was changed"

say "a warning that it came up in spite of is none of a drill: 0; a file system that nobody could check: 3"
expect_status 0 "$A" boot "$T/os.raw" --keys "$T/k" --drill --json --report "$T/r.html"
expect_text 'no boot loader configuration' "$T/err"
is '.drill.passed'
mkdir "$T/bin"
ln -s "$(command -v qemu-system-x86_64)" "$T/bin/"
PATH=$T/bin drill 3 "$T/os.raw"
is '.drill.passed and ([.drill.checks[] | select(.result == "not checked")] | length > 0)'
grep -q '<p class="amber">[0-9]* file systems\? could not be checked' "$T/r.html" || fail "the page does not say so"
PATH=$T/bin drill 1 "$T/silent.raw"

say "a boot sector without code"
drill 1 "$T/silent.raw" --report "$T/r.html"
is '.drill.passed == false and (.drill.reason | test("boot sector"))'
grep -q 'FAILED' "$T/r.html" || fail "the page does not say so"
grep -q 'boot sector of the OS disk holds no boot code' "$T/r.html" || fail "no reason on the page"

say "no boot sector"
cp --sparse=always "$T/os.raw" "$T/none.raw"
dd if=/dev/zero of="$T/none.raw" bs=1 seek=510 count=2 conv=notrunc status=none
drill 1 "$T/none.raw" --timeout 60
is '.drill.passed == false and (.drill.reason | test("boot sector"))'

say "a root file system that is damaged inside the encrypted volume"
mkdir "$T/m"
"$A" mount "$T/os.raw" "$T/m" --keys "$T/k"
defer unmount "$T/m"
cp --sparse=always "$T/m/disk.raw" "$T/plain.raw"
"$A" umount "$T/m"
start=$(sfdisk -d "$T/os.raw" | sed -n 's/.*raw1 : start= *\([0-9]*\),.*/\1/p')
table=$(dumpe2fs "$T/plain.raw?offset=$((start * 512))" 2>/dev/null | sed -n 's/.*Inode table at \([0-9]*\)-.*/\1/p' | head -1)
size=$(dumpe2fs -h "$T/plain.raw?offset=$((start * 512))" 2>/dev/null | sed -n 's/^Block size: *//p')
cp --sparse=always "$T/os.raw" "$T/root.raw"
dd if=/dev/urandom of="$T/root.raw" bs=1 seek=$((start * 512 + table * size)) count=$((4 * size)) conv=notrunc status=none
drill 1 "$T/root.raw"
is '.drill.passed == false and (.drill.reason | test("p1 on disk os .ext4. is damaged"))'

say "a kernel that stops is quoted, as text"
cp --sparse=always "$T/os.raw" "$T/panic.raw"
"$ROOT/tests/make/boot-sector" "$T/panic.raw" $'Linux version 9\r\nKernel panic - not syncing: VFS: Unable to mount root fs <b>\r\n'
drill 1 "$T/panic.raw"
is '(.drill.reason | test("cannot mount the root file system")) and (.drill.line | test("^Kernel panic"))'
grep -q 'root fs &lt;b&gt;' "$T/r.html" || fail "the guest's words are not text on the page"

say "a time limit, a missing key, a wrong operand"
drill 1 "$T/os.raw" --expect "never said" --timeout 4
is '.drill.reason | test("--timeout")'
expect_status 13 "$A" boot "$T/os.raw" --no-adapt --drill

say "a disk that does not open: the report says so, and its exit status what is missing"
drill_fails() {
	expect_status "$1" "$A" boot "$2" --no-adapt --drill --json --report "$T/f.html" "${@:4}"
	is ".drill.passed == false and .drill.stage == \"not started\" and .error.code == $1"
	jq -e --arg why "$3" '.drill.reason | test($why)' "$T/out" >/dev/null || fail "$(cat "$T/out")"
	grep -q 'FAILED' "$T/f.html" || fail "the page does not say so"
	grep -qE "$3" "$T/f.html" || fail "no reason on the page"
	rm "$T/f.html"
}
drill_fails 13 "$T/os.raw" "no key opens"
drill_fails 13 "$T/os.raw" "locked|key" --decrypted
mkdir "$T/wrong"
head -c 127 /dev/urandom | base64 -w0 >"$T/wrong/LinuxPassPhraseFileName"
drill_fails 12 "$T/os.raw" "key" --keys "$T/wrong"
drill_fails 10 "$T/not-there.raw" "not-there"
