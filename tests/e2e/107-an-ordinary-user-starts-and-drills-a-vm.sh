#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An ordinary user starts the VM of his image and drills it, encrypted and decrypted: the guest is
# adapted in the overlay although its boot file system was in use, nobody else sees the disks, and
# nothing is left.  A guest that starts from xfs is refused with what to do.
[ -n "${ADE_PRIVATE:-}" ] || [ "$(id -u)" != 0 ] ||
	exec env ADE_PRIVATE=1 unshare -m --propagation private bash "$0"
. "$(dirname "$0")/lib.sh"
require mke2fs mkfs.xfs cryptsetup openssl setpriv fusermount3 jq sfdisk qemu-system-x86_64 e2fsck debugfs
require_root
install_privately

passwd=$(replace_file /etc/passwd)
echo "ade-anna:x:64123:64123::$T:/bin/sh" >>"$passwd"
anna() {
	setpriv --reuid 64123 --regid 64123 --clear-groups env -u XDG_RUNTIME_DIR PATH="$T/dest/usr/bin:$PATH" \
		HOME="$T" TMPDIR="$T/hers" "$@"
}
mknod -m 666 "$T/fuse" c 10 229
mount --bind "$T/fuse" /dev/fuse
defer umount /dev/fuse

mkdir "$T/tree" "$T/k" "$T/m" "$T/hers"
echo root >"$T/tree/file"
"$ROOT/tests/make/ade-linux-disk" "$T/os.raw" "$T/k/LinuxPassPhraseFileName" "$T/tree" luks2
"$ROOT/tests/make/boot-sector" "$T/os.raw" $'a start\r\ndrilled login: '

say "a boot file system with a boot loader's configuration that is only in the journal"
read -r start size < <(sfdisk -d "$T/os.raw" | sed -n 's/.*raw2 : start= *\([0-9]*\), size= *\([0-9]*\),.*/\1 \2/p')
dd if="$T/os.raw" of="$T/boot" bs=512 skip="$start" count="$size" status=none
mount -o loop "$T/boot" "$T/m"
mkdir -p "$T/m/grub"
printf 'menuentry one {\n\tlinux /vmlinuz\n\tinitrd /initrd.img-1\n}\n' >"$T/m/grub/grub.cfg"
sync -f "$T/m"
cp "$T/boot" "$T/used"
umount "$T/m"
dumpe2fs -h "$T/used" 2>/dev/null | grep -q needs_recovery || fail "the fixture is clean"
dd if="$T/used" of="$T/os.raw" bs=512 seek="$start" conv=notrunc status=none
chown -R 64123:64123 "$T/os.raw" "$T/k" "$T/hers"
chmod 600 "$T/os.raw"
before=$(sha "$T/os.raw")

for how in "" --decrypted; do
	say "a drill ${how:-encrypted}"
	# shellcheck disable=SC2086
	expect_status 0 anna adebackup boot "$T/os.raw" --keys "$T/k" --drill --json --report "$T/hers/r.html" $how
	jq -e '.drill.passed and ([.drill.checks[] | select(.result == "clean")] | length >= 2)' "$T/out" >/dev/null ||
		fail "$(cat "$T/out")"
	jq -e '[.changes[] | select(test("in front of"))] | length == 1' "$T/out" >/dev/null || fail "$(cat "$T/out")"
	[ "$(stat -c %u "$T/hers/r.html")" = 64123 ] || fail "the page is not hers"
	folder=$(jq -r '.argv[]' "$T/out" | sed -n 's|^unix:\(/tmp/adebackup-boot-[^/]*\)/.*|\1|p')
	[ -n "$folder" ] && [ ! -e "$folder" ] || fail "left: $folder"
done

say "an overlay that is kept is hers alone, and holds the changes"
anna adebackup boot "$T/os.raw" --keys "$T/k" --json --serial-log "$T/hers/log" --snapshot-out "$T/hers/kept" \
	>"$T/json" 2>"$T/err" </dev/null &
pid=$!
started=0
wait_for 60 grep -qa 'drilled login' "$T/hers/log" || started=$?
kill "$(pgrep -P "$pid" -x adebackup)"
wait "$pid" || fail "status $?: $(cat "$T/err")"
[ "$started" = 0 ] || fail "it does not start: $(cat "$T/err")"
[ "$(stat -c %u:%a "$T/hers/kept")" = 64123:600 ] || fail "$(ls -l "$T/hers")"
grep -q 'its journal is replayed' "$T/hers/kept.CHANGES.txt" || fail "$(cat "$T/hers/kept.CHANGES.txt")"
[ "$(sha "$T/os.raw")" = "$before" ] || fail "the disk was changed"

say "only root can adapt a guest whose boot file system is xfs: said before anything starts"
truncate -s 320M "$T/xfs"
mkfs.xfs -q "$T/xfs"
mount -o loop "$T/xfs" "$T/m"
mkdir "$T/m/grub2"
cp "$T/k/LinuxPassPhraseFileName" "$T/m/initrd.img-1"
printf 'menuentry one {\n\tlinux /vmlinuz\n\tinitrd /initrd.img-1\n}\n' >"$T/m/grub2/grub.cfg"
umount "$T/m"
truncate -s 322M "$T/x.raw"
echo 'start=2048, size=655360' | sfdisk -q --label dos "$T/x.raw"
dd if="$T/xfs" of="$T/x.raw" bs=1M seek=1 conv=notrunc,sparse status=none
"$ROOT/tests/make/boot-sector" "$T/x.raw" $'a start\r\nxfs login: '
chown 64123 "$T/x.raw"
for how in --dry-run --drill; do
	expect_status 14 anna adebackup boot "$T/x.raw" $how
	expect_text 'partition 1: .*xfs, which only root can (read|write to)' "$T/err"
	expect_text 'next: run it as root, or .*--no-adapt' "$T/err"
done
expect_status 0 anna adebackup boot "$T/x.raw" --drill --no-adapt
expect_status 0 "$B/adebackup" boot "$T/x.raw" --dry-run --json
jq -e '[.changes[] | select(test("in front of"))] | length == 1' "$T/out" >/dev/null || fail "$(cat "$T/out")"
