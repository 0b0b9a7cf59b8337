#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# mount(8) and fstab mount disks through the installed helper: both types, all its letters, exit
# bits, an honest mount table, an empty PATH; it returns when the mount is ready, or says why not,
# and after umount nothing is left.
[ -n "${ADE_PRIVATE:-}" ] || [ "$(id -u)" != 0 ] ||
	exec env ADE_PRIVATE=1 unshare -m --propagation private bash "$0"
. "$(dirname "$0")/lib.sh"
require mke2fs findmnt unshare python3
require_root
install_privately

mkdir "$T/m" "$T/k" "$T/other" "$T/tmp"
export TMPDIR=$T/tmp
truncate -s 16M "$T/fs"
mke2fs -q -t ext4 "$T/fs"
"$B/tests/make/mkbitlocker" --seed 1 --bek "$T/other" "$T/fs" "$T/v" >/dev/null
"$B/tests/make/mkbitlocker" --seed 2 --bek "$T/k" "$T/fs" "$T/v" >/dev/null
other=$(echo "$T"/other/*) bek=$(echo "$T"/k/*)
before=$(stat -c '%Y %Z' "$T/v") hash=$(sha "$T/v")

# gone: no mount, no daemon, no temporary file
gone() {
	local pid=$1
	if is_mounted "$T/m"; then fail "still mounted"; fi
	wait_for 5 eval "! [ -e /proc/$pid/exe ]"
	[ -z "$(ls -A "$T/tmp")" ] || fail "left behind: $(ls -A "$T/tmp")"
	[ -z "$(ls -A "$T/m")" ] || fail "the folder is not empty"
}

# mounts COMMAND…: it mounts $T/m, whose files are there at once and right; then unmount
mounts() {
	local pid
	expect_status 0 "$@"
	defer unmount "$T/m"
	[ "$(stat -c %s "$T/m/disk.raw")" = 16777216 ] || fail "not ready: $*"
	check_same "$T/m/disk.raw" "$T/fs"
	pid=$(ade_pid "$T/m")
	umount "$T/m"
	gone "$pid"
}

# refused BITS WORDS COMMAND…
refused() {
	local bits=$1 words=$2
	shift 2
	expect_status "$bits" "$@"
	expect_text "$words" "$T/err"
	[ ! -s "$T/out" ] || fail "something on standard output: $(cat "$T/out")"
	if is_mounted "$T/m"; then fail "mounted: $*"; fi
}

say "both types, and every letter"
[ "$(readlink /usr/sbin/mount.fuse.adebackup)" = mount.adebackup ] || fail "no link"
mounts mount -t adebackup -o "bek=$bek" "$T/v" "$T/m"
mounts mount -t fuse.adebackup -o "bek=$bek" "$T/v" "$T/m"
mounts mount -n -t adebackup -o "bek=$bek" "$T/v" "$T/m"
mounts mount -s -t adebackup -o "bek=$bek,bogus" "$T/v" "$T/m"
mounts mount -v -t adebackup -o "bek=$bek" "$T/v" "$T/m"
expect_text "^mount.adebackup: $T/v mounted on $T/m\.\$" "$T/out"
mounts mount.adebackup "$T/v" "$T/m" -sn -t fuse.adebackup -o "rw,bek=$bek" -o nofail
(cd "$T" && mounts mount -t adebackup -o "bek=k/$(basename "$bek")" v m)
expect_status 0 mount -f -t adebackup -o "bek=$bek" "$T/v" "$T/m"
expect_status 0 mount.adebackup "$T/v" "$T/m" -fv -o "bek=$bek"
expect_text "not mounted" "$T/out"
refused 32 "\[12\]" mount.adebackup "$T/v" "$T/m" -f -o "bek=$other"
if is_mounted "$T/m"; then fail "-f mounts"; fi

say "another mount namespace"
unshare -m --propagation private sleep 1000 &
there=$!
defer eval "kill $there 2>/dev/null || :"
wait_for 5 eval "[ \$(readlink /proc/$there/ns/mnt) != \$(readlink /proc/self/ns/mnt) ]"
expect_status 0 mount -N "$there" -t adebackup -o "bek=$bek" "$T/v" "$T/m"
if is_mounted "$T/m"; then fail "mounted here"; fi
check_same "/proc/$there/root$T/m/disk.raw" "$T/fs"
[ "$(findmnt -N "$there" -no SOURCE,FSTYPE "$T/m")" = "$T/v fuse.adebackup" ] || fail "findmnt -N"
pid=$(ade_pid "$T/m")
expect_status 0 umount -N "$there" "$T/m"
gone "$pid"
expect_status 0 mount -N "$there" -t adebackup -o "bek=$bek" "$T/v" "$T/m"
pid=$(ade_pid "$T/m")
kill "$there"
gone "$pid"
refused 1 "not a mount namespace" mount.adebackup "$T/v" "$T/m" -N /proc/self/ns/net -o "bek=$bek"

say "fstab"
fstab=$(replace_file /etc/fstab)
cat >>"$fstab" <<END
$T/v	$T/m	adebackup	noauto,_netdev,nofail,user,x-systemd.requires=network.target,x-gvfs-hide,comment=disk,bek=$bek	0 0
END
mounts mount "$T/m"
mounts mount "$T/v"
mounts mount -o defaults,noatime,noexec,users,owner,group,X-mount.mkdir "$T/m"

say "the mount table is honest"
cp "$T/v" "$T/a disk, of \\sorts.vhd"
expect_status 0 mount -t adebackup -o "bek=$bek,noexec" "$T/a disk, of \\sorts.vhd" "$T/m"
[ "$(findmnt -nr -o FSTYPE "$T/m")" = fuse.adebackup ] || fail "type"
[ "$(findmnt -J -o SOURCE "$T/m" | python3 -c 'import json, sys; print(json.load(sys.stdin)["filesystems"][0]["source"])')" = "$T/a disk, of \\sorts.vhd" ] || fail "source: $(findmnt "$T/m")"
for o in ro nosuid nodev noexec; do
	findmnt -n -O "$o" "$T/m" >/dev/null || fail "not $o: $(findmnt -no OPTIONS "$T/m")"
done
if grep -F " $T/m " /proc/self/mountinfo | grep -q "${bek##*/}"; then fail "a key's name in the mount table"; fi
refused_here() { expect_status 32 "$@" && expect_text "already mounted" "$T/err"; }
refused_here mount -t adebackup -o "bek=$bek" "$T/v" "$T/m"
expect_status 1 mount -o remount,rw "$T/m"
pid=$(ade_pid "$T/m")
expect_status 0 umount "$T/m"
gone "$pid"

say "exit bits, and the reason on stderr"
refused 1 "no option bogus \[2\]" mount -t adebackup -o "bek=$bek,bogus" "$T/v" "$T/m"
refused 1 "needs a SPEC and a DIR" mount.adebackup "$T/v"
refused 1 "there is no option -x" mount.adebackup -x "$T/v" "$T/m"
refused 1 "loop.*\[2\]" mount.adebackup "$T/v" "$T/m" -o loop
refused 32 "\[12\]\$" mount -t adebackup -o "bek=$other" "$T/v" "$T/m"
refused 32 "\[10\]\$" mount -t adebackup -o "bek=$bek" "$T/none" "$T/m"
refused 32 "\[10\]\$" mount.adebackup "$T/v" "$T/none" -o "bek=$bek"
expect_status 0 mount -t adebackup "$T/v" "$T/m"
expect_text "warning: .*BitLocker" "$T/err"
pid=$(ade_pid "$T/m")
umount "$T/m"
gone "$pid"
for signal in INT TERM; do
	refused 8 "interrupted \[130\]\$" timeout --foreground --preserve-status -k 5 -s $signal 0.3 \
		mount.adebackup "$T/v" "$T/m" -o bek=- < <(exec sleep 5)
	wait_for 5 eval '! ade_pid "$T/v"'
done

say "an empty environment"
mounts env -i /usr/bin/mount -t adebackup -o "bek=$bek" "$T/v" "$T/m"
mounts env PATH= /usr/bin/mount -t adebackup -o "bek=$bek" "$T/v" "$T/m"
mounts env -u HOME PATH=/nowhere /usr/sbin/mount.adebackup "$T/v" "$T/m" -o "bek=$bek"

say "a mount whose process was killed is replaced"
expect_status 0 mount -t adebackup -o "bek=$bek" "$T/v" "$T/m"
kill -9 "$(ade_pid "$T/m")"
expect_status 0 "$T/dest/usr/bin/adebackup" mounts --json
python3 -c 'import json, sys; d = {m["dir"]: m["state"] for m in json.load(open(sys.argv[1]))["mounts"]}; assert d[sys.argv[2]] == "dead", d' "$T/out" "$T/m"
mounts mount -t adebackup -o "bek=$bek" "$T/v" "$T/m"

say "what the source held it holds still"
[ "$(stat -c '%Y %Z' "$T/v") $(sha "$T/v")" = "$before $hash" ] || fail "the source has changed"
