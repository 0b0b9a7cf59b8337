#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# boot finds out generation and operating system from the disk, prints the command that it would
# run, changes a Linux guest in the overlay alone, and cleans up when it is told to end.
. "$(dirname "$0")/lib.sh"
require mke2fs mkfs.xfs mkfs.vfat mcopy sfdisk qemu-system-x86_64 jq debugfs
require_root
A=$B/adebackup

# disk FILE: GPT with a BIOS boot partition (p1), an EFI system partition (p2) and p3
disk() {
	truncate -s 400M "$1"
	sfdisk -q --label gpt "$1" <<-END
		start=2048, size=2048, type=21686148-6449-6E6F-744E-656564454649
		start=4096, size=67584, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B
		start=71680, size=720896, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4
	END
}
p2=$((4096 * 512)) p3=$((71680 * 512))
put() { dd if="$1" of="$2" bs=1M seek=$(($3 / 1048576)) conv=notrunc,sparse status=none; }
look() { expect_status 0 "$A" boot "$1" --dry-run --json "${@:2}"; }
is() { [ "$(jq -r "$1" "$T/out")" = "$2" ] || fail "$1 is not $2: $(cat "$T/out")"; }

say "a Linux disk with boot code is generation 1"
mkdir -p "$T/boot/grub" "$T/boot/loader/entries"
printf 'menuentry one {\n\tlinux /vmlinuz root=/dev/mapper/osencrypt\n\tinitrd /initrd.img-1\n}\n' >"$T/boot/grub/grub.cfg"
printf 'title two\nlinux /vmlinuz\ninitrd /initramfs-2.img $tuned_initrd\n' >"$T/boot/loader/entries/two.conf"
echo initrd >"$T/boot/initrd.img-1"
disk "$T/d"
truncate -s 64M "$T/ext4"
mke2fs -q -t ext4 -d "$T/boot" "$T/ext4"
put "$T/ext4" "$T/d" "$p3"
"$ROOT/tests/make/boot-sector" "$T/d" "hello from the boot sector"
look "$T/d"
is .generation 1
is .os linux
is .decrypted false
is '.changes | length' 5
is '.argv[0]' qemu-system-x86_64
jq -r '.argv[]' "$T/out" | grep -q 'rerror=stop,werror=stop' || fail "errors do not stop the guest"
jq -r '.argv[]' "$T/out" | grep -q '^scsi-hd,drive=ade-os' || fail "the disk is not sdX by SCSI"
look "$T/d" --bus sata --memory 512M --cpus 3 --network user --accel tcg
is '.argv | index("-m") as $i | .[$i + 1]' 512
is '.argv | index("-smp") as $i | .[$i + 1]' 3
is .accel tcg
is .accel_why "asked for"
jq -r '.argv[]' "$T/out" | grep -q 'bus=ahci0.0' || fail "not on AHCI"
expect_status 2 "$A" boot "$T/d" --bus usb
expect_status 2 "$A" boot "$T/d" --expect x

say "KVM is taken only where the processor has virtualisation"
look "$T/d"
if [ -w /dev/kvm ] && grep -qE '^flags.* (vmx|svm)( |$)' /proc/cpuinfo; then is .accel kvm; else is .accel tcg; fi

say "a disk with an EFI loader alone is generation 2, one with both 1 unless told otherwise"
truncate -s 33M "$T/esp"
mkfs.vfat -F 32 "$T/esp" >/dev/null
mmd -i "$T/esp" ::EFI ::EFI/BOOT
echo loader >"$T/loader"
mcopy -i "$T/esp" "$T/loader" ::EFI/BOOT/BOOTX64.EFI
put "$T/esp" "$T/d" "$p2"
look "$T/d"
is .generation 1
if [ -e /usr/share/OVMF/OVMF_CODE_4M.fd ]; then
	look "$T/d" --generation 2
	is .generation 2
	cp "$T/d" "$T/efi"
	dd if=/dev/zero of="$T/efi" bs=440 count=1 conv=notrunc status=none
	look "$T/efi"
	is .generation 2
	jq -r '.argv[]' "$T/out" | grep -q 'if=pflash.*OVMF_CODE' || fail "no UEFI firmware"
fi

say "Windows gets disks that it has drivers for"
disk "$T/w"
truncate -s 300M "$T/ntfs"
mkntfs -q -F "$T/ntfs" >/dev/null 2>&1
put "$T/ntfs" "$T/w" "$p3"
"$ROOT/tests/make/boot-sector" "$T/w" x
look "$T/w"
is .os windows
is '.changes | length' 0
jq -r '.argv[]' "$T/out" | grep -q '^ide-hd,drive=ade-os.*bus=ide.0' || fail "not on IDE"

say "the VM's description counts more than the disk, the user more than it; of an image and of a point"
here=$(($(nproc) < 4 ? $(nproc) : 4)) half=$(($(awk '/^MemTotal/ {print $2}' /proc/meminfo) / 2048))
mib=$((half < 16384 ? half : 16384))
described() {
	is .generation 1
	is .generation_from "the VM's description"
	is .os windows
	is '.argv | index("-m") as $i | .[$i + 1]' "$mib"
	is '.argv | index("-smp") as $i | .[$i + 1]' 1
}
cat >"$T/vm.json" <<-'END'
	{"name": "web1", "properties": {"hardwareProfile": {"vmSize": "Standard_D4s_v3"},
	 "instanceView": {"hyperVGeneration": "V1"}, "storageProfile": {"osDisk": {"osType": "Windows"}}}}
END
look "$T/d" --vm-config "$T/vm.json" --accel tcg
described
look "$T/d" --vm-config "$T/vm.json" --memory 700M --cpus 1
is '.argv | index("-m") as $i | .[$i + 1]' 700
if [ -e /usr/share/OVMF/OVMF_CODE_4M.fd ]; then
	look "$T/d" --vm-config "$T/vm.json" --generation 2
	is .generation 2
	is .generation_from --generation
	sed -i s/V1/V2/ "$T/vm.json"
	look "$T/d" --vm-config "$T/vm.json"
	is .generation 2
	sed -i s/V2/V1/ "$T/vm.json"
fi
"$A" init "$T/v" --vault-key "$T/vk" >/dev/null
"$A" backup "$T/v" web1 --vault-key "$T/vk" --disk "os=$T/d" --vm-config "$T/vm.json" >/dev/null
expect_status 0 "$A" boot "$T/v" web1 --vault-key "$T/vk" --accel tcg --dry-run --json
described
if [ -w /dev/kvm ] && grep -qE '^flags.* (vmx|svm)( |$)' /proc/cpuinfo; then
	look "$T/d" --vm-config "$T/vm.json" --accel kvm
	is '.argv | index("-smp") as $i | .[$i + 1]' "$here"
fi

# start DISK ARGS…: until the boot sector speaks, then end it by a signal
start() {
	rm -f "$T/log"
	"$A" boot "$@" --json --serial-log "$T/log" >"$T/json" 2>"$T/err" </dev/null &
	local pid=$!
	wait_for 60 grep -qa 'hello from the boot sector' "$T/log" || { kill "$pid"; fail "it does not start: $(cat "$T/err" "$T/log")"; }
	kill "$pid"
	wait "$pid" || fail "status $? after a signal: $(cat "$T/err")"
	jq -e '.ended == "stopped" and .timing.started_ms > 0' "$T/json" >/dev/null || fail "$(cat "$T/json")"
	folder=$(jq -r '.argv[]' "$T/json" | sed -n 's|^unix:\(/run/adebackup/boot-[^/]*\)/.*|\1|p')
	[ -n "$folder" ] && [ ! -e "$folder" ] || fail "left: $folder"
}

say "what the guest is told goes to the overlay, and the disk stays as it was"
before=$(sha "$T/d")
start "$T/d" --snapshot-out "$T/kept.overlay"
grep -q 'loads it in front' "$T/kept.overlay.CHANGES.txt" || fail "the changes are not told"
mkdir "$T/m"
"$A" mount "$T/d" "$T/m" --overlay "$T/kept.overlay"
defer unmount "$T/m"
debugfs -R "cat /grub/grub.cfg" "$T/m/encrypted/disk.raw?offset=$p3" 2>/dev/null >"$T/cfg"
grep -q "$(printf '\tinitrd /adebackup-boot.img /initrd.img-1')" "$T/cfg" || fail "$(cat "$T/cfg")"
debugfs -R "cat /loader/entries/two.conf" "$T/m/encrypted/disk.raw?offset=$p3" 2>/dev/null >"$T/cfg"
[ "$(sed -n 3p "$T/cfg")" = "initrd /adebackup-boot.img" ] || fail "$(cat "$T/cfg")"
debugfs -R "cat /adebackup-boot.img" "$T/m/encrypted/disk.raw?offset=$p3" 2>/dev/null >"$T/cpio"
grep -qa 'SYMLINK+="disk/azure/root-part%n"' "$T/cpio" || fail "no names for disks"
e2fsck -fn "$T/m/encrypted/disk.raw?offset=$p3" >"$T/fsck" 2>&1 || fail "$(cat "$T/fsck")"
"$A" umount "$T/m"
[ "$(sha "$T/d")" = "$before" ] || fail "the disk was changed"

say "a second start over the same overlay changes nothing more"
start "$T/d" --snapshot-out "$T/kept.overlay"
jq -e '[.changes[] | select(test("in front"))] | length == 0' "$T/json" >/dev/null || fail "$(cat "$T/json")"

say "a boot file system that was in use, as in every point of a running VM"
mkdir "$T/em"
cp "$T/ext4" "$T/used"
mount -o loop "$T/used" "$T/em"
echo new >"$T/em/grub/new"
sync -f "$T/em"
cp "$T/used" "$T/dirty"
umount "$T/em"
dumpe2fs -h "$T/dirty" 2>/dev/null | grep -q needs_recovery || fail "the fixture is clean"
cp "$T/d" "$T/u"
put "$T/dirty" "$T/u" "$p3"
start "$T/u" --snapshot-out "$T/used.overlay"
grep -q 'its journal is replayed' "$T/used.overlay.CHANGES.txt" || fail "$(cat "$T/used.overlay.CHANGES.txt")"
"$A" mount "$T/u" "$T/m" --overlay "$T/used.overlay"
dd if="$T/m/encrypted/disk.raw" of="$T/after" bs=1M skip=$((p3 / 1048576)) count=64 status=none
"$A" umount "$T/m"
debugfs -R "cat /grub/new" "$T/after" 2>/dev/null | grep -qx new || fail "the journal was lost"
e2fsck -fn "$T/after" >"$T/fsck" 2>&1 || fail "$(cat "$T/fsck")"

say "an xfs boot file system, and no overlay kept"
disk "$T/x"
truncate -s 320M "$T/xfs"
mkfs.xfs -q "$T/xfs"
mkdir "$T/xm"
mount -o loop "$T/xfs" "$T/xm"
cp -r "$T/boot/." "$T/xm"
umount "$T/xm"
put "$T/xfs" "$T/x" "$p3"
"$ROOT/tests/make/boot-sector" "$T/x" "hello from the boot sector"
xbefore=$(sha "$T/x")
mkdir "$T/snap"
start "$T/x" --snapshot-out "$T/snap"
grep -q 'two.conf loads it in front' "$T/snap/rebuild/CHANGES.txt" || fail "$(cat "$T/snap/rebuild/CHANGES.txt")"
[ "$(sha "$T/x")" = "$xbefore" ] || fail "the disk was changed"
[ "$(sha "$T/d")" = "$before" ] || fail "the disk was changed"

say "what loads no initramfs is said and started all the same"
cp "$T/w" "$T/n"
put "$T/ext4" "$T/n" "$p3"
debugfs -w -R "rm /grub/grub.cfg" "$T/n?offset=$p3" 2>/dev/null
debugfs -w -R "rm /loader/entries/two.conf" "$T/n?offset=$p3" 2>/dev/null
expect_status 3 "$A" boot "$T/n" --dry-run
grep -q 'no boot loader configuration' "$T/err" || fail "$(cat "$T/err")"
look "$T/n" --no-adapt

say "it ends where a process in a mount namespace of its own has a copy of the mount"
rm -f "$T/log3"
"$A" boot "$T/d" --json --serial-log "$T/log3" >"$T/json" 2>"$T/err" </dev/null &
pid=$!
defer sh -c "kill -KILL $pid 2>/dev/null || :"
wait_for 60 grep -qa 'hello from the boot sector' "$T/log3"
unshare -m --propagation private sleep 600 &
keeper=$!
defer sh -c "kill $keeper 2>/dev/null || :"
wait_for 20 sh -c "[ \"\$(readlink /proc/$keeper/ns/mnt)\" != \"\$(readlink /proc/self/ns/mnt)\" ] && grep -q /run/adebackup/boot- /proc/$keeper/mounts"
kill "$pid"
wait_for 30 sh -c "! kill -0 $pid 2>/dev/null"
wait "$pid" || fail "status $? after a signal: $(cat "$T/err")"
kill "$keeper"

# run_and_kill: a boot that is killed; $folder is what it leaves
run_and_kill() {
	rm -f "$T/log2"
	"$A" boot "$T/d" --json --serial-log "$T/log2" >"$T/json" 2>"$T/err" </dev/null &
	local pid=$! qemu
	wait_for 60 grep -qa 'hello from the boot sector' "$T/log2" || { kill "$pid"; fail "it does not start"; }
	qemu=$(pgrep -P "$pid" -f '^qemu-system') || { kill "$pid"; fail "no QEMU"; }
	left=$folder
	folder=$(tr '\0' '\n' <"/proc/$qemu/cmdline" | sed -n 's|^unix:\(/run/adebackup/boot-[^/]*\)/.*|\1|p')
	"$A" mounts >"$T/mounts" 2>&1
	kill -KILL "$pid"
	wait "$pid" || true
	wait_for 20 sh -c "! kill -0 $qemu 2>/dev/null" || { kill -KILL "$qemu"; fail "QEMU runs on"; }
	grep -q "$folder/mnt" /proc/mounts || fail "it leaves no dead mount: the next checks would check nothing"
	sleep 3	# a folder as young as that may be of one that just begins
}

say "killed, it leaves no QEMU behind; its mount goes with the next boot, while a running one keeps its own"
run_and_kill
run_and_kill
[ ! -e "$left" ] || fail "$left is still there"
grep -q "^$folder/mnt" "$T/mounts" || fail "mounts took it from a boot that ran: $(cat "$T/mounts")"

say "or with the next mounts"
"$A" mounts >"$T/mounts" 2>&1 || fail "$(cat "$T/mounts")"
grep -q "$folder" "$T/mounts" && fail "it is still there: $(cat "$T/mounts")"
grep -q cleared: "$T/mounts" || fail "$(cat "$T/mounts")"
[ ! -e "$folder" ] || fail "$folder is still there"
