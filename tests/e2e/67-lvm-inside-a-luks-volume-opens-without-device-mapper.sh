#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The logical volumes of a RHEL-like ADE disk (LVM in LUKS), made by lvm2 itself: those that are
# linear are views with the right bytes, the others are named with the reason.
. "$(dirname "$0")/lib.sh"
require lvm losetup mkfs.xfs mke2fs cryptsetup sfdisk jq
require_root

export LVM_SYSTEM_DIR=$T/lvm LVM_SUPPRESS_FD_WARNINGS=1
mkdir -p "$T/lvm" "$T/tree"
seq 1 200000 >"$T/tree/numbers"
(cd "$T/tree" && sha256sum numbers) >"$T/sums"
mib=$((1 << 20))

# on DEVICE… -- COMMAND…: lvm2 without device mapper, seeing these devices alone
on() {
	local filter='"r|.*|"'
	while [ "$1" != -- ]; do
		filter="\"a|^$1\$|\",$filter"
		shift
	done
	shift
	lvm "$@" --config "devices{filter=[$filter] use_devicesfile=0}" 2>"$T/lvm.err" ||
		fail "lvm $*: $(cat "$T/lvm.err")"
}
create=(lvcreate -qq --driverloaded n -an -Zn -Wn)

# loop FILE: $dev, undone at exit
loop() {
	dev=$(losetup -f --show "$1")
	defer losetup -d "$dev"
}

# fill PV GROUP VOLUME IMAGE: the bytes of IMAGE to where lvm2 says that the volume lies
fill() {
	local pe_start extent start count at n=0
	read -r pe_start extent < <(on "$1" -- pvs --noheadings --nosuffix --units m -o pe_start,vg_extent_size "$1")
	while read -r start count at; do
		at=${at##*:}
		dd if="$4" of="$1" bs="$mib" conv=notrunc status=none count=$((count * ${extent%.*})) \
			skip=$((start * ${extent%.*})) seek=$((${pe_start%.*} + ${at%-*} * ${extent%.*}))
		n=$((n + 1))
	done < <(on "$1" -- lvs --driverloaded n --noheadings --segments \
		-o seg_start_pe,seg_size_pe,seg_pe_ranges "$2/$3")
	[ "$n" -ge 1 ] || fail "lvm2 tells no segment of $3"
}

say "a group of one physical volume, as RHEL has it"
truncate -s 112M "$T/pv"
loop "$T/pv"
pv=$dev
on "$pv" -- pvcreate -q --metadatacopies 2 "$pv" >/dev/null
on "$pv" -- vgcreate -q -s 2M rootvg "$pv" >/dev/null
on "$pv" -- "${create[@]}" -L 24M -n rootlv rootvg
on "$pv" -- "${create[@]}" -L 20M -n home-lv rootvg
on "$pv" -- lvextend -qq --driverloaded n -L 44M rootvg/rootlv
on "$pv" -- "${create[@]}" -L 10M -n swap rootvg
printf '/\n0 0\nd--755 0 0\nnumbers ---644 0 0 %s\n$\n' "$T/tree/numbers" >"$T/proto"
truncate -s 44M "$T/root.fs"
mkfs.xfs -q --unsupported -p "$T/proto" "$T/root.fs" >/dev/null
mke2fs -q -t ext4 -d "$T/tree" "$T/home.fs" 20M >/dev/null
truncate -s 10M "$T/swap.fs"
mkswap -q "$T/swap.fs" 2>/dev/null
fill "$pv" rootvg rootlv "$T/root.fs"
fill "$pv" rootvg home-lv "$T/home.fs"
fill "$pv" rootvg swap "$T/swap.fs"
sync "$pv"
on "$pv" -- lvs --driverloaded n --reportformat json --units b --nosuffix -o lv_name,lv_size,seg_count rootvg >"$T/lvs"

# check_views: all three are there as lvm2 tells them, with the bytes that were put into them
check_views() {
	local lvm
	lvm=$(jq '.partitions[] | select(.n == 1).lvm' "$T/m/info.json")
	[ "$(jq -r .vg <<<"$lvm")" = rootvg ] || fail "no group: $lvm"
	diff <(jq -r '.report[0].lv | unique_by(.lv_name)[] | "\(.lv_name) \(.lv_size)"' "$T/lvs") \
		<(jq -r '.logical_volumes | sort_by(.name)[] | "\(.name) \(.size)"' <<<"$lvm") || fail "not what lvs tells"
	[ "$(jq -r '.logical_volumes | sort_by(.name)[] | .view + " " + .inside' <<<"$lvm" | paste -sd,)" = \
		"rootvg-home-lv.raw ext4,rootvg-rootlv.raw xfs,rootvg-swap.raw swap" ] || fail "$lvm"
	check_same "$T/m/rootvg-rootlv.raw" "$T/root.fs"
	check_same "$T/m/rootvg-home-lv.raw" "$T/home.fs"
	check_same "$T/m/rootvg-swap.raw" "$T/swap.fs"
}

# partition FILE: $T/disk.raw with it as partition 1
partition() {
	local size=$(($(stat -c %s "$1") / mib))
	rm -f "$T/disk.raw"
	truncate -s $((size + 2))M "$T/disk.raw"
	echo "start=2048, size=$((size * 2048)), type=E6D6D379-F507-44C2-A23C-238F2A3DF928" |
		sfdisk -q --label gpt "$T/disk.raw"
	dd if="$1" of="$T/disk.raw" bs="$mib" seek=1 conv=notrunc,sparse status=none
}

say "not encrypted"
partition "$T/pv"
mount_ade "$T/disk.raw" "$T/m"
check_views
[ "$(jq .partitions[0].lvm.damaged_copy "$T/m/info.json")" = false ] || fail "a damaged copy"
unmount "$T/m"

say "in LUKS"
cp --sparse=always "$T/pv" "$T/volume"
truncate -s 144M "$T/volume"
head -c 128 /dev/urandom | base64 -w0 >"$T/key"
cryptsetup reencrypt --encrypt --batch-mode --type luks2 --reduce-device-size 32M --pbkdf-memory 65536 \
	--iter-time 100 --key-file "$T/key" "$T/volume" >/dev/null
partition "$T/volume"
mount_ade "$T/disk.raw" "$T/m" "bek=$T/key"
check_views
"$B/adebackup" inspect "$T/disk.raw" --bek "$T/key" >"$T/out"
expect_text 'rootlv +44.0 MiB +xfs +rootvg-rootlv.raw' "$T/out"
say "the kernel mounts what is in them"
for what in rootlv:norecovery,nouuid home-lv:noload; do
	mkdir -p "$T/fs"
	defer unmount "$T/fs"
	mount -o "loop,ro,${what#*:}" "$T/m/rootvg-${what%:*}.raw" "$T/fs"
	(cd "$T/fs" && sha256sum --quiet --strict -c "$T/sums")
	unmount "$T/fs"
done
unmount "$T/m"

say "one of the two copies of the metadata is damaged"
cp --sparse=always "$T/pv" "$T/damaged"
dd if=/dev/zero of="$T/damaged" bs=4096 seek=1 count=1 conv=notrunc status=none
partition "$T/damaged"
mount_ade "$T/disk.raw" "$T/m"
check_views
[ "$(jq .partitions[0].lvm.damaged_copy "$T/m/info.json")" = true ] || fail "no word of the damaged copy"
unmount "$T/m"

say "the other one is older"
cp --sparse=always "$T/pv" "$T/older"
on "$pv" -- lvremove -qq --driverloaded n -y rootvg/swap
dd if="$pv" of="$T/older" bs=4096 skip=1 seek=1 count=254 conv=notrunc iflag=direct status=none
partition "$T/older"
mount_ade "$T/disk.raw" "$T/m"
[ "$(jq -r '.partitions[0].lvm.logical_volumes[].name' "$T/m/info.json" | paste -sd' ')" = \
	"rootlv home-lv" ] || fail "not the newest metadata: $(cat "$T/m/info.json")"
unmount "$T/m"

say "a group over two disks: what is whole on this one opens, the rest is named"
truncate -s 32M "$T/a" "$T/b"
loop "$T/a"
a=$dev
loop "$T/b"
b=$dev
on "$a" "$b" -- pvcreate -q "$a" "$b" >/dev/null
on "$a" "$b" -- vgcreate -q -s 1M datavg "$a" "$b" >/dev/null
on "$a" "$b" -- "${create[@]}" -L 8M --type striped -i 2 -n wide datavg
on "$a" "$b" -- "${create[@]}" -L 8M -n here datavg "$a"
on "$a" "$b" -- "${create[@]}" -L 8M -n there datavg "$b"
on "$a" "$b" -- "${create[@]}" -L 30M -n both datavg
sync "$a"
partition "$T/a"
mount_ade "$T/disk.raw" "$T/m"
jq -r '.partitions[0].lvm.logical_volumes[] | "\(.name): \(.view) \(.reason)"' "$T/m/info.json" >"$T/out"
expect_text '^here: datavg-here.raw null$' "$T/out"
expect_text '^wide: null it is striped over 2 areas$' "$T/out"
expect_text '^there: null it lies on pv1, not on this physical volume alone$' "$T/out"
expect_text '^both: null it lies on pv1, not on this physical volume alone$' "$T/out"
unmount "$T/m"

say "the second of two physical volumes, without metadata of its own"
on "$a" "$b" -- pvchange -qq --metadataignore y "$b" >/dev/null
sync "$b"
partition "$T/b"
expect_status 0 "$B/adebackup" inspect "$T/disk.raw"
expect_text 'lvm +this physical volume keeps no LVM metadata' "$T/out"
