#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The four recipes of README.md, run as they are written there.
# timeout: 120
. "$(dirname "$0")/lib.sh"
require ntfs-3g mkntfs qemu-system-x86_64 qemu-img as ld sfdisk
require_root

# recipe NAME: the shell block behind that mark in README.md
recipe() {
	awk -v mark="<!-- recipe: $1 -->" '
		$0 == mark { on = 1; next }
		on && /^```/ { if (on == 2) exit; on = 2; next }
		on == 2' "$ROOT/README.md"
}
follow() {
	say "$1"
	recipe "$1" >"$T/recipe"
	[ -s "$T/recipe" ] || fail "README.md has no recipe $1"
	(cd "$T" && PATH=$B:$PATH bash -eux "$T/recipe")
}

# A Windows disk whose boot record prints, through the serial line, who formatted the volume: the
# stored disk answers -FVE-FS-, the decrypted one NTFS.
cat >"$T/boot.s" <<'END'
	.code16
	.globl _start
_start:	xor %ax, %ax
	mov %ax, %ds
	mov %ax, %ss
	mov $0x7c00, %sp
	mov $0x42, %ah			# read the volume's first sector to 0x8000
	mov $0x80, %dl
	mov $packet, %si
	int $0x13
	jc halt
	mov $0x8003, %si
	mov $8, %cx
	mov $0x3f8, %dx
next:	lodsb
	out %al, %dx
	loop next
halt:	hlt
	jmp halt
packet:	.byte 16, 0
	.word 1, 0x8000, 0
	.quad 2048
END
as --32 -o "$T/boot.o" "$T/boot.s"
ld -m elf_i386 -Ttext 0x7c00 --oformat binary -o "$T/boot.bin" "$T/boot.o"

mkdir "$T/w" "$T/keys"
truncate -s 64M "$T/ntfs"
mkntfs -q -Q -F -p 2048 -H 255 -S 63 "$T/ntfs" >/dev/null 2>&1
ntfs-3g "$T/ntfs" "$T/w"
defer unmount "$T/w"
mkdir -p "$T/w/Users/anna"
head -c 200000 /dev/urandom >"$T/w/Users/anna/ledger.csv"
want=$(sha "$T/w/Users/anna/ledger.csv")
unmount "$T/w"
wait_for 10 ntfsfix -n "$T/ntfs"
"$B/tests/make/mkbitlocker" --bek "$T/keys" "$T/ntfs" "$T/volume" >/dev/null
bek=$(echo "$T"/keys/*.BEK)
truncate -s 66M "$T/disk.raw"
echo 'start=2048, size=131072, type=7, bootable' | sfdisk -q --label dos "$T/disk.raw"
dd if="$T/volume" of="$T/disk.raw" bs=1M seek=1 conv=notrunc,sparse status=none
dd if="$T/boot.bin" of="$T/disk.raw" conv=notrunc status=none
qemu-img convert -f raw -O vpc -o subformat=fixed,force_size=on "$T/disk.raw" "$T/osdisk.vhd"

"$B/adebackup" keystore init "$T/store" --keystore-key "$T/store.key"
"$B/adebackup" keystore create-key "$T/store" kek1 --bits 2048 --keystore-key "$T/store.key"
"$B/adebackup" keystore import-secret "$T/store" "$(basename "$bek" .BEK)" "$bek" --key-file \
	--wrap-with kek1 --tag "DiskEncryptionKeyFileName=$(basename "$bek")" --keystore-key "$T/store.key"
mv "$bek" "$T/keys/os.BEK"

defer unmount "$T/m"
follow open
check_same <(head -c 64M "$T/m/p1.raw") "$T/ntfs"
unmount "$T/m"
follow key

say "boot"
recipe boot >"$T/recipe"
grep -q qemu-system-x86_64 "$T/recipe" || fail "README.md boots nothing"
boots() {	# DISK SAYS
	sed "s,m/disk.raw,$1," "$T/recipe" >"$T/boot"
	(cd "$T" && exec timeout --foreground -k 5 60 bash -c 'exec $(grep -v "^#" "$0") </dev/null' "$T/boot") \
		>"$T/serial" 2>&1 &
	local pid=$!
	wait_for 60 grep -aqF -e "$2" "$T/serial"
	kill "$pid"
	wait "$pid" || true
}
boots m/disk.raw "NTFS    "
boots m/encrypted/disk.raw "-FVE-FS-"

defer unmount "$T/guest"
follow file
check_sha "$T/ledger.csv" "$want" "the file that came out"
is_mounted "$T/m" && fail "still mounted"
exit 0
