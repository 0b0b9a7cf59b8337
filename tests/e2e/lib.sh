# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What every end-to-end test sources:  . "$(dirname "$0")/lib.sh"
#
# A test is a bash script that exits 0 (passed), 77 (skipped, only if tests/SKIPS lists it) or
# anything else (failed).  Unchecked failures end it: errexit, nounset and pipefail are on.
# Comment lines in its head speak to tests/run:
#   # timeout: 600        seconds, instead of 300
#   # modes: release asan run it once for each of these builds, instead of release alone
#   # alone: yes          nothing else runs beside it (it measures time, or needs the memory)
#
# Variables:  $T a fresh temporary folder, removed at exit; $B the build with adebackup and
# mount.adebackup; $ROOT the source tree; $MODE the build's mode.  Functions: see below.
set -eu -o pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
MODE=${MODE:-release}
B=${B:-$ROOT/build/$MODE}
# mount(8) and cryptsetup live there, also for ordinary users
PATH=$PATH:/usr/sbin:/sbin
export ROOT MODE B PATH LC_ALL=C.UTF-8
T=$(mktemp -d "${TMPDIR:-/tmp}/ade-$(basename "$0" .sh).XXXXXX")
chmod 755 "$T"		# tests that act as another user look inside
export T
export XDG_STATE_HOME=$T/.state		# what commands remember of vaults is this test's alone

# A mount namespace of this test's own began with copies of what the tests beside it have mounted; as long as it
# keeps them, their daemons do not end.
if [ "$(readlink /proc/self/ns/mnt)" != "$(readlink "/proc/$PPID/ns/mnt" 2>/dev/null)" ]; then
	while read -r _ __at __type _; do
		case $__type:$__at in fuse*:*/ade-*) umount -l "$(printf %b "$__at")" || : ;; esac
	done < <(tac /proc/self/mounts)
fi

# What a sanitizer has to say of a daemon nobody else would read.
if [ "$MODE" != release ]; then
	mkdir "$T/sanitizer"
	export ASAN_OPTIONS="${ASAN_OPTIONS:-}:log_path=$T/sanitizer/asan"
	export UBSAN_OPTIONS="${UBSAN_OPTIONS:-}:log_path=$T/sanitizer/ubsan"
	export TSAN_OPTIONS="${TSAN_OPTIONS:-}:log_path=$T/sanitizer/tsan"
fi

__deferred=()
__leave() {
	local status=$? i
	trap - EXIT
	trap '' HUP INT TERM
	set +e
	for ((i = ${#__deferred[@]} - 1; i >= 0; i--)); do
		eval "${__deferred[i]}"
	done
	if [ -n "$(ls "$T/sanitizer" 2>/dev/null)" ]; then
		echo "FAILED: the sanitizer speaks: $(cat "$T"/sanitizer/*)" >&2
		status=1
	fi
	cd / && rm -rf --one-file-system "$T"
	exit "$status"
}
trap __leave EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
trap '__failed_at "$LINENO" "$BASH_COMMAND" $?' ERR
set -o errtrace
__failed_at() { [ "$BASH_SUBSHELL" -gt 0 ] || echo "$(basename "$0"):$1: status $3 from: $2" >&2; }

# defer COMMAND ARGS…: run it at exit, last one first, whatever happened.
defer() {
	__deferred+=("$(printf '%q ' "$@")")
}

say() { echo "== $*" >&2; }
fail() { echo "FAILED: $*" >&2; exit 1; }
skip() { echo "SKIPPED: $*" >&2; exit 77; }

# require COMMAND…: skip unless all are there.
require() {
	local c
	for c in "$@"; do
		command -v "$c" >/dev/null || skip "$c is not installed"
	done
}
require_root() { [ "$(id -u)" = 0 ] || skip "needs root"; }

sha() { sha256sum <"$1" | cut -d' ' -f1; }

# check_same FILE1 FILE2: same bytes.
check_same() {
	cmp -- "$1" "$2" || fail "$1 and $2 differ"
}

# check_sha FILE HASH [NAME]
check_sha() {
	local got
	got=$(sha "$1")
	[ "$got" = "$2" ] || fail "${3:-$1}: SHA-256 is $got, expected $2"
}

# expect_status N COMMAND…: run it, keep what it says in $T/out and $T/err, check its exit code.
expect_status() {
	local want=$1 got=0
	shift
	"$@" >"$T/out" 2>"$T/err" || got=$?
	[ "$got" = "$want" ] && return 0
	cat "$T/out" "$T/err" >&2
	fail "exit code $got, expected $want: $*"
}

# expect_text PATTERN FILE: a line of FILE matches (extended regular expression).
expect_text() {
	grep -Eq -- "$1" "$2" && return 0
	cat "$2" >&2
	fail "nothing in $2 matches: $1"
}

# wait_for SECONDS COMMAND…: until it succeeds.
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || fail "still not true: $*"
		sleep 0.05
	done
}

is_mounted() { grep -qF " $(readlink -f "$1") " /proc/self/mounts; }

# unmount DIR: patiently; lazily at last, and then the test has failed.
unmount() {
	local n
	for n in 1 2 3 4 5 6 7 8 9 10; do
		is_mounted "$1" || return 0
		if [ "$(id -u)" = 0 ]; then umount "$1" 2>/dev/null || sleep "0.$n"
		else fusermount3 -u "$1" 2>/dev/null || sleep "0.$n"; fi
	done
	is_mounted "$1" || return 0
	umount -l "$1" || fusermount3 -uz "$1"
	echo "unmount: $1 stayed busy" >&2
	return 1
}

# mount_ade SPEC DIR [OPTIONS]: mounts (makes DIR) and defers the unmount.
mount_ade() {
	mkdir -p "$2"
	defer unmount "$2"
	"$B/mount.adebackup" "$1" "$2" ${3:+-o "$3"}
}

# make_here GOAL…: with the flags of the build that is there, so that nothing is built anew.
make_here() {
	local werror=
	if grep -q -e -Werror "$B/flags"; then werror=1; fi
	env -u MAKEFLAGS -u MAKELEVEL make -s -C "$ROOT" MODE="$MODE" WERROR=$werror "$@"
}

# install_privately: what `make install` installs into $T/dest, its helpers also where mount(8)
# looks.  The test runs in a mount namespace of its own, so that the machine stays as it is:
#	[ -n "${ADE_PRIVATE:-}" ] || exec env ADE_PRIVATE=1 unshare -m --propagation private bash "$0"
install_privately() {
	[ "$(readlink -f /sbin)" = /usr/sbin ] || skip "/sbin is not /usr/sbin"
	make_here install DESTDIR="$T/dest" >/dev/null
	mkdir "$T/sbin"
	mount --bind /usr/sbin "$T/sbin"
	defer umount "$T/sbin"
	mount -t tmpfs -o mode=755 tmpfs /usr/sbin
	defer umount /usr/sbin
	ln -s "$T"/sbin/* /usr/sbin/
	cp -af "$T/dest/usr/sbin/." /usr/sbin/
}

# replace_file FILE: a copy that the test may change, in its own mount namespace; prints its name.
replace_file() {
	local copy=$T/replaced${1//\//.}
	cp -p "$1" "$copy"
	mount --bind "$copy" "$1"
	echo "$copy"
}

# ade_pid DIR: process id of the daemon that serves the mount at DIR.
ade_pid() {
	local p
	for p in $(pgrep -x 'mount\.adebackup|mount\.fuse\.adeb|adebackup'); do
		if tr '\0' '\n' <"/proc/$p/cmdline" 2>/dev/null | grep -qxF -e "$1"; then
			echo "$p"
			return 0
		fi
	done
	return 1
}

# loop_mount FILE DIR [MOUNT OPTIONS]: read-only, undone at exit.
loop_mount() {
	local dev
	mkdir -p "$2"
	dev=$(losetup -r -f --show "$1")
	defer losetup -d "$dev"
	defer unmount "$2"
	mount -o "ro${3:+,$3}" "$dev" "$2"
}

# Debian's cryptsetup source package, fetched once, hashes checked.
cryptsetup_source() { "$ROOT/tools/dev/cryptsetup-source"; }
# The folder with its unpacked, Windows-made BitLocker images.
bitlk_images() { "$ROOT/tools/dev/cryptsetup-source" images; }
