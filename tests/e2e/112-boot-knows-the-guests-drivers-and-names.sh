#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# boot looks at the kernel configuration and the initramfs of a Linux guest for the bus that it finds
# its disks on, and at its crypttab for the names of decrypted data disks; nothing is started.
. "$(dirname "$0")/lib.sh"
require qemu-system-x86_64 mke2fs mkfs.xfs sfdisk jq debugfs cryptsetup gzip zstd xz lz4 bzip2
require_root
A=$B/adebackup

# disk FILE: GPT with /boot (p1) and the root (p2), and a boot sector
disk() {
	rm -f "$1"
	truncate -s 480M "$1"
	sfdisk -q --label gpt "$1" <<-END
		start=2048, size=716800, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4
		start=718848, size=65536, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4
	END
	"$ROOT/tests/make/boot-sector" "$1" x
}
p1=$((2048 * 512)) p2=$((718848 * 512))
put() { dd if="$1" of="$2" bs=1M seek=$(($3 / 1048576)) conv=notrunc,sparse status=none; }
is() { [ "$(jq -r "$1" "$T/out")" = "$2" ] || fail "$1 is not $2: $(cat "$T/out")"; }
sees() { expect_status 0 "$A" boot "$T/d" --dry-run --json; }

# the kernel's options
config() { printf '# a configuration\nCONFIG_PCI=y\n'; printf 'CONFIG_%s\n' "$@"; }
all=(BLK_DEV_SD=m VIRTIO_PCI=m SCSI_VIRTIO=m SATA_AHCI=m ATA_PIIX=m)
d=usr/lib/modules/6.1-x/kernel/drivers
virtio=("$d/scsi/sd_mod.ko" "$d/virtio/virtio_pci.ko" "$d/scsi/virtio_scsi.ko")

# boot CONFIG_FILE INITRAMFS: that is what the guest starts with
mkdir -p "$T/boot/grub"
printf 'menuentry a {\n\tlinux /vmlinuz-6.1-x root=/dev/sda2\n\tinitrd /initrd.img-6.1-x\n}\nmenuentry b {\n\tlinux /vmlinuz-5\n\tinitrd /initrd.img-5\n}\n' >"$T/boot/grub/grub.cfg"
boot() {
	rm -f "$T/boot/config-6.1-x" "$T/ext4"
	[ -z "$1" ] || cp "$1" "$T/boot/config-6.1-x"
	cp "$2" "$T/boot/initrd.img-6.1-x"
	truncate -s 32M "$T/ext4"
	mke2fs -q -t ext4 -d "$T/boot" "$T/ext4"
	disk "$T/d"
	put "$T/ext4" "$T/d" "$p1"
}
config "${all[@]}" >"$T/modules"

say "modules count that the initramfs has, in whatever form it is packed"
for form in none gzip zstd xz lz4 bzip2; do
	"$ROOT/tests/make/initramfs" "$T/i" "$form" "${virtio[@]}" "$d/ata/ahci.ko"
	boot "$T/modules" "$T/i"
	sees
	is .bus scsi
	is .bus_why "the guest has virtio_pci, virtio_scsi, sd_mod"
	"$ROOT/tests/make/initramfs" "$T/i" "$form" "$d/scsi/sd_mod.ko.xz" "$d/hv/hv_storvsc.ko" "$d/ata/ahci.ko.xz"
	boot "$T/modules" "$T/i"
	sees
	is .bus sata
	is .bus_why "the guest has ahci, sd_mod"
	jq -r '.argv[]' "$T/out" | grep -q '^ide-hd,drive=ade-os.*bus=ahci0.0' || fail "$(cat "$T/out")"
done

say "without a driver for any bus that is said, as for a bus that was asked for"
"$ROOT/tests/make/initramfs" "$T/i" zstd "$d/scsi/sd_mod.ko" "$d/hv/hv_storvsc.ko"
boot "$T/modules" "$T/i"
expect_status 3 "$A" boot "$T/d" --dry-run
grep -q 'will not find its disks on the scsi bus: the guest lacks virtio_pci, virtio_scsi, and the drivers of any other bus' "$T/err" ||
	fail "$(cat "$T/err")"
grep -q 'dracut --no-hostonly' "$T/err" || fail "$(cat "$T/err")"
"$ROOT/tests/make/initramfs" "$T/i" gzip "${virtio[@]}"
boot "$T/modules" "$T/i"
expect_status 3 "$A" boot "$T/d" --dry-run --bus sata
grep -q 'on the sata bus: asked for; the guest lacks ahci' "$T/err" || fail "$(cat "$T/err")"

say "what is built in needs no initramfs; ide is for generation 1"
config BLK_DEV_SD=y ATA_PIIX=y >"$T/ide"
echo none >"$T/none"
boot "$T/ide" "$T/none"
sees
is .bus ide
is .bus_why "the guest has ata_piix, sd_mod"
config BLK_DEV_SD=y SATA_AHCI=y >"$T/sata"
boot "$T/sata" "$T/none"
sees
is .bus sata

say "what cannot be known is told, and scsi is taken"
boot "" "$T/none"
sees
is .bus scsi
is '.bus_why | startswith("the guest'"'"'s drivers are not known: ")' true
boot "$T/modules" "$T/none"
sees
is .bus scsi
head -c 60000 "$T/i" >"$T/cut"
boot "$T/modules" "$T/cut"
sees
is .bus scsi

say "entries of the Boot Loader Specification: the newest that is no rescue; /boot on xfs"
rm -r "$T/boot/grub"
mkdir -p "$T/boot/loader/entries"
for v in 9 10 0-rescue; do
	printf 'title %s\nlinux /vmlinuz-%s\ninitrd /initramfs-%s.img $tuned_initrd\n' "$v" "$v" "$v" >"$T/boot/loader/entries/id-$v.conf"
	cp "$T/ide" "$T/boot/config-$v"
done
cp "$T/modules" "$T/boot/config-10"
"$ROOT/tests/make/initramfs" "$T/boot/initramfs-10.img" zstd "$d/scsi/sd_mod.ko.xz" "$d/ata/ahci.ko.xz"
boot "$T/none" "$T/none"
sees
is .bus sata
truncate -s 320M "$T/xfs"
mkfs.xfs -q "$T/xfs"
mkdir "$T/xm"
mount -o loop "$T/xfs" "$T/xm"
cp -r "$T/boot/." "$T/xm"
umount "$T/xm"
disk "$T/d"
put "$T/xfs" "$T/d" "$p1"
sees
is .bus sata

say "a link of the guest's that leads to files of this machine leads nowhere"
cp -r "$T/boot/loader" "$T/here"
mount -o loop "$T/xfs" "$T/xm"
rm -r "$T/xm/loader"
ln -s "$T/here" "$T/xm/loader"
umount "$T/xm"
disk "$T/d"
put "$T/xfs" "$T/d" "$p1"
cp -r "$T/here" "$T/here.before"
expect_status 3 "$A" boot "$T/d" --dry-run --json
is '.bus_why | endswith("no boot loader'"'"'s entry was found on its disk")' true
timeout 60 "$A" boot "$T/d" --drill --timeout 3 --json >"$T/out" 2>"$T/err" || true
diff -r "$T/here" "$T/here.before" || fail "files of this machine were changed"

say "decrypted data disks get the names that the guest's crypttab has for them"
mkdir -p "$T/system/etc" "$T/keys" "$T/lun0.d" "$T/boot2/grub"
printf 'a-b /dev/disk/azure/scsi1/lun0 /k luks,nofail\nother /dev/sdc none\nc UUID=%s none\n' 6d1f0a52-0001-4000-8000-000000000001 >"$T/system/etc/crypttab"
echo root >"$T/system/etc/fstab"
truncate -s 24M "$T/rootfs"
mke2fs -q -t ext4 -d "$T/system" "$T/rootfs"
printf 'menuentry a {\n\tlinux /vmlinuz\n\tinitrd /initrd.img\n}\n' >"$T/boot2/grub/grub.cfg"
truncate -s 32M "$T/boot2fs"
mke2fs -q -t ext4 -d "$T/boot2" "$T/boot2fs"
disk "$T/os"
put "$T/boot2fs" "$T/os" "$p1"
put "$T/rootfs" "$T/os" "$p2"
# luks FILE UUID
luks() {
	mke2fs -q -t ext4 -d "$T/lun0.d" "$1" 16M
	truncate -s 48M "$1"
	cryptsetup reencrypt --encrypt --batch-mode --type luks2 --reduce-device-size 32M --uuid "$2" \
		--pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file "$T/keys/LinuxPassPhraseFileName_1_0" "$1" >"$T/out"
}
(umask 077 && head -c 127 /dev/urandom | base64 -w0 >"$T/keys/LinuxPassPhraseFileName_1_0")
luks "$T/lun0.raw" 6d1f0a52-0001-4000-8000-000000000000
luks "$T/lun7.raw" 6d1f0a52-0001-4000-8000-000000000001
"$A" init "$T/v" --vault-key "$T/vk" >/dev/null
"$A" backup "$T/v" web1 --vault-key "$T/vk" --keys "$T/keys" --disk "os=$T/os" --disk "lun0=$T/lun0.raw" --disk "lun7=$T/lun7.raw" >/dev/null
expect_status 0 "$A" boot "$T/v" web1 --vault-key "$T/vk" --keys "$T/keys" --decrypted --dry-run --json
jq -r '.changes[]' "$T/out" >"$T/changes"
for line in '/dev/mapper/a-b is disk ade-lun0, which is decrypted already' '/dev/mapper/c is disk ade-lun7, which is decrypted already' \
	'systemd-cryptsetup@a\x2db.service, which crypttab makes, does nothing: its volume is decrypted already'; do
	grep -qxF "$line" "$T/changes" || fail "not told: $line: $(cat "$T/changes")"
done

say "plain disks that were encrypted once get them, too, where nothing is decrypted now"
printf 'osencrypt /dev/disk/azure/root-part2 none luks\nplain /dev/disk/azure/scsi1/lun3 /k luks,nofail\nswap /dev/disk/azure/scsi1/lun4 /dev/urandom swap\n' >"$T/system/etc/crypttab"
rm "$T/rootfs"
truncate -s 24M "$T/rootfs"
mke2fs -q -t ext4 -d "$T/system" "$T/rootfs"
disk "$T/os2"
put "$T/boot2fs" "$T/os2" "$p1"
put "$T/rootfs" "$T/os2" "$p2"
mke2fs -q -t ext4 -d "$T/lun0.d" "$T/lun3.raw" 16M
truncate -s 16M "$T/lun4.raw"
"$A" backup "$T/v" web2 --vault-key "$T/vk" --disk "os=$T/os2" --disk "lun3=$T/lun3.raw" --disk "lun4=$T/lun4.raw" >/dev/null
expect_status 0 "$A" boot "$T/v" web2 --vault-key "$T/vk" --dry-run --json
jq -r '.changes[]' "$T/out" >"$T/changes2"
for line in '/dev/mapper/osencrypt is partition 2 of disk ade-os, which is decrypted already' \
	'/dev/mapper/plain is disk ade-lun3, which is decrypted already' 'rd.ade=0 for dracut: there is no volume to open'; do
	grep -qxF "$line" "$T/changes2" || fail "not told: $line: $(cat "$T/changes2")"
done
! grep -q swap "$T/changes2" || fail "$(cat "$T/changes2")"
! grep -q other "$T/changes" || fail "$(cat "$T/changes")"
expect_status 0 "$A" boot "$T/v" web1 --vault-key "$T/vk" --keys "$T/keys" --dry-run --json
! jq -r '.changes[]' "$T/out" | grep -q mapper || fail "encrypted ones need no such names: $(cat "$T/out")"
