#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An ordinary user mounts through fusermount3: by the command, the helper and a user line of fstab;
# nobody else looks inside; what he may not do is refused in words; unmounting works in every way.
[ -n "${ADE_PRIVATE:-}" ] || [ "$(id -u)" != 0 ] ||
	exec env ADE_PRIVATE=1 unshare -m --propagation private bash "$0"
. "$(dirname "$0")/lib.sh"
require mke2fs findmnt setpriv fusermount3 jq
require_root
install_privately

# Two users of this test alone: the files are those of its own mount namespace.
passwd=$(replace_file /etc/passwd)
echo "ade-anna:x:64123:64123::$T:/bin/sh" >>"$passwd"
echo "ade-ben:x:64124:64124::$T:/bin/sh" >>"$passwd"
fuse_conf=$(replace_file /etc/fuse.conf)
echo "# nothing" >"$fuse_conf"
anna() { setpriv --reuid 64123 --regid 64123 --clear-groups env PATH="$T/dest/usr/bin:$PATH" HOME="$T" TMPDIR="$T/tmp" "$@"; }
ben() { setpriv --reuid 64124 --regid 64124 --clear-groups env PATH="$T/dest/usr/bin:$PATH" HOME="$T" "$@"; }

# where a container keeps the device for root
mknod -m 666 "$T/fuse" c 10 229
mount --bind "$T/fuse" /dev/fuse
defer umount /dev/fuse

mkdir "$T/m" "$T/k" "$T/roots" "$T/tmp"
truncate -s 16M "$T/fs"
mke2fs -q -t ext4 "$T/fs"
"$B/tests/make/mkbitlocker" --seed 2 --bek "$T/k" "$T/fs" "$T/v" >/dev/null
cp "$T/v" "$T/closed"
chmod 600 "$T/closed"
chown 64123:64123 "$T/m" "$T/k" "$T"/k/* "$T/v" "$T/tmp"
chmod 600 "$T/v" "$T"/k/*
bek=$(echo "$T"/k/*)

# mounted_by_anna: right bytes for her, nothing for anybody else
mounted_by_anna() {
	findmnt -no SOURCE,FSTYPE,OPTIONS "$T/m" >"$T/line"
	expect_text "^$T/v fuse.adebackup .*ro,nosuid,nodev,.*user_id=64123,group_id=64123" "$T/line"
	anna cmp "$T/m/disk.raw" "$T/fs" || fail "other bytes"
	[ "$(anna stat -c '%U %a' "$T/m/disk.raw")" = "ade-anna 400" ] || fail "owner"
	if ben ls "$T/m" 2>/dev/null; then fail "another user looks inside"; fi
	if ls "$T/m" 2>/dev/null; then fail "root looks inside"; fi
	pid=$(ade_pid "$T/m")
	[ "$(stat -c %u "/proc/$pid")" != 64124 ] && grep -q '^Uid:.64123.64123.64123' "/proc/$pid/status" || fail "the daemon is not hers"
}
gone() {
	if is_mounted "$T/m"; then fail "still mounted"; fi
	wait_for 5 eval "! [ -e /proc/$pid/exe ]"
	[ -z "$(ls -A "$T/tmp")" ] || fail "left behind: $(ls -A "$T/tmp")"
}
refused() {
	expect_status "$@"
	if is_mounted "$T/m"; then fail "mounted"; fi
}

say "the command"
defer unmount "$T/m"
expect_status 0 anna adebackup mount "$T/v" "$T/m" --bek "$bek"
mounted_by_anna
expect_status 0 anna adebackup mounts --json
jq -e --arg d "$T/m" '.mounts[] | select(.dir == $d) | .state == "alive"' "$T/out" >/dev/null || fail "mounts"
expect_status 14 ben adebackup umount "$T/m"
expect_text "by another user" "$T/err"
anna sh -c 'exec 3<"$0"; : >"$1/tmp/opened"; sleep 1' "$T/m/disk.raw" "$T" &
wait_for 5 test -e "$T/tmp/opened"
rm "$T/tmp/opened"
expect_status 11 anna adebackup umount "$T/m"
wait $!
expect_status 0 anna adebackup umount "$T/m"
gone

say "the helper, and root's umount"
expect_status 0 anna /usr/sbin/mount.adebackup "$T/v" "$T/m" -o "bek=$bek,rw"
mounted_by_anna
expect_status 0 umount "$T/m"
gone

say "an empty PATH, and fusermount3 -u"
expect_status 0 setpriv --reuid 64123 --regid 64123 --clear-groups env -i TMPDIR="$T/tmp" /usr/sbin/mount.adebackup "$T/v" "$T/m" -o "bek=$bek"
mounted_by_anna
expect_status 0 anna fusermount3 -u "$T/m"
gone

say "little memory to lock"
expect_status 0 prlimit --memlock=65536:65536 setpriv --reuid 64123 --regid 64123 --clear-groups "$T/dest/usr/bin/adebackup" mount "$T/v" "$T/m" --bek "$bek"
mounted_by_anna
expect_status 0 anna adebackup umount "$T/m"
gone

say "fstab"
fstab=$(replace_file /etc/fstab)
echo "$T/v	$T/m	adebackup	noauto,user,bek=$bek	0 0" >>"$fstab"
expect_status 0 anna mount "$T/m"
mounted_by_anna
expect_status 0 anna umount "$T/m"
gone

say "what is refused"
refused 14 anna adebackup mount "$T/closed" "$T/m" --bek "$bek"
refused 14 anna adebackup mount "$T/v" "$T/roots" --bek "$bek"
expect_text "next: .*yours and writable" "$T/err"
refused 14 anna adebackup mount "$T/v" "$T/m" --bek "$bek" -o allow_other
expect_text "next: .*user_allow_other" "$T/err"
refused 14 ben adebackup mount "$T/v" "$T/m" --bek "$bek"
mount --bind /dev/null /usr/bin/fusermount3
refused 14 anna adebackup mount "$T/v" "$T/m" --bek "$bek"
expect_text "next: .*package fuse3" "$T/err"
umount /usr/bin/fusermount3
chmod 600 "$T/fuse"
refused 14 anna adebackup mount "$T/v" "$T/m" --bek "$bek"
expect_text "next: .*chmod 666 /dev/fuse" "$T/err"
chmod 666 "$T/fuse"

say "allow_other, where the machine allows it"
echo user_allow_other >"$fuse_conf"
expect_status 0 anna adebackup mount "$T/v" "$T/m" --bek "$bek" -o allow_other
ben cmp "$T/m/disk.raw" "$T/fs" || fail "allow_other lets nobody in"
pid=$(ade_pid "$T/m")
expect_status 0 anna adebackup umount "$T/m"
gone
expect_status 0 anna adebackup mount "$T/v" "$T/m" --bek "$bek" -o allow_other,mode=0400
if ben cat "$T/m/disk.raw" 2>/dev/null | head -c 1 | grep -q .; then fail "mode= has no effect"; fi
pid=$(ade_pid "$T/m")

say "a daemon that was killed"
kill -9 "$pid"
expect_status 0 anna adebackup mount "$T/v" "$T/m" --bek "$bek"
mounted_by_anna
expect_status 0 anna adebackup umount "$T/m"
gone
