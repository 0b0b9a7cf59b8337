#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# show tells what a point is and what a thief of the vault's key could open; diff names exactly the
# ranges in which the disks of two points differ; wrong points are refused.
. "$(dirname "$0")/lib.sh"
require sfdisk mke2fs jq python3

A=$B/adebackup V=$T/vault K=$T/vault.key
keys=$T/keys
mkdir -p "$keys"
head -c 6M /dev/urandom >"$T/file"
mke2fs -q -t ext4 "$T/fs" 24M
"$B/tests/make/mkbitlocker" --seed 9 --bek "$keys" "$T/fs" "$T/data.raw" >/dev/null
truncate -s 20M "$T/os.raw"
dd if="$T/file" of="$T/os.raw" bs=1M seek=3 conv=notrunc status=none
backup() { "$A" backup "$1" web1 --vault-key "$K" --disk "os=$T/os.raw" --disk "lun0=$T/data.raw" "${@:2}"; }
show() { "$A" show "$V" "$@" --vault-key "$K"; }
compare() { "$A" diff "$V" "web1@$1" "web1@$2" --vault-key "$K" "${@:3}"; }
points() { "$A" list "$V" web1 --vault-key "$K" --json | jq -r ".points$1"; }

say "a proven point keeps the key: a thief of the vault's key opens all"
"$A" init "$V" --vault-key "$K" -q
backup "$V" --keys "$keys" >/dev/null
expect_status 0 show web1 --json
[ "$(jq -r '.proof, .number, (.capsule_keys | length), .capsule_keys[0].kind' "$T/out" | tr '\n' ' ')" = "proven 1 1 bek " ] ||
	fail "$(cat "$T/out")"
[ "$(jq -r '.disks[].vault_key_opens' "$T/out" | tr '\n' ' ')" = "all all " ] || fail "$(cat "$T/out")"
[ "$(jq -r '.disks[1].info.partitions[0].state' "$T/out")" = open ] || fail "info"
expect_status 0 show "web1@$(points '[0].point' | cut -c1-6)"
expect_text "proven: 1 encrypted volume" "$T/out"
expect_text "lun0  24.* MiB, from $T/data.raw" "$T/out"
[ "$(grep -c "a thief of the vault's key opens: all of it" "$T/out")" = 2 ] || fail "$(cat "$T/out")"

say "the mount with the vault's key alone says the same"
mkdir "$T/m"
mount_ade "$V" "$T/m" "vault-key=$K,vm=web1,point=latest"
check_same "$T/fs" "$T/m/lun0/disk.raw"
unmount "$T/m"

say "inspect looks at a disk of a point as at the image it came from"
"$A" inspect "$T/data.raw" --keys "$keys" --json | jq -S 'del(.partitions[].opened_by)' >"$T/want"
expect_status 0 "$A" inspect "$V" web1@latest --disk lun0 --vault-key "$K" --json
jq -S 'del(.partitions[].opened_by)' "$T/out" | cmp - "$T/want" || fail "$(cat "$T/out")"
[ "$(jq -r '.partitions[0].state' "$T/want")" = open ] || fail "$(cat "$T/want")"
expect_status 2 "$A" inspect "$V" web1 --vault-key "$K"
expect_text "several disks" "$T/err"
expect_status 10 "$A" inspect "$V" web1 --disk lun7 --vault-key "$K"
[ -z "$(find "$V/rd" -type f)" ] || fail "a reader's record stayed"

say "no capsule, no key: the encrypted disk stays shut, the open one does not"
"$A" init "$T/none" --vault-key "$K" --capsule none -q
backup "$T/none" --keys "$keys" >/dev/null
expect_status 0 "$A" show "$T/none" web1 --vault-key "$K" --json
[ "$(jq -r '.disks[].vault_key_opens' "$T/out" | tr '\n' ' ')" = "all nothing " ] || fail "$(cat "$T/out")"
expect_status 0 "$A" show "$T/none" web1 --vault-key "$K"
expect_text "capsule   none: this point keeps no keys of its disks .mode of the vault: none" "$T/out"
mount_ade "$T/none" "$T/m" "vault-key=$K,vm=web1,point=latest"
if head -c 1 "$T/m/lun0/disk.raw" >/dev/null 2>&1; then fail "the thief opened it"; fi
unmount "$T/m"

say "diff names the chunks that differ, and no others"
cp "$T/os.raw" "$T/os1.raw"
cp "$T/data.raw" "$T/data1.raw"
for at in 0 17 900 901 1500 4000 5119; do
	dd if=/dev/urandom of="$T/os.raw" bs=4k seek=$at count=1 conv=notrunc status=none
done
truncate -s 20999680 "$T/os.raw"		# larger, and ends within a chunk
printf x | dd of="$T/os.raw" bs=1 seek=20999679 conv=notrunc status=none
backup "$V" >/dev/null
expect_status 0 show web1
expect_text "not proven" "$T/out"
first=$(points '[0].time') last=$(points '[1].time')
expect_status 0 compare "$first" latest --json
jq -r '.disks[0].ranges[] | "\(.offset) \(.length)"' "$T/out" >"$T/told"
python3 - "$T/os1.raw" "$T/os.raw" >"$T/want" <<'END'
import sys
a, b = (open(p, "rb").read() for p in sys.argv[1:])
size, chunk, begin = max(len(a), len(b)), 65536, None
a, b = a.ljust(size, b"\0"), b.ljust(size, b"\0")
for at in range(0, size + chunk, chunk):
    differ = a[at:at + chunk] != b[at:at + chunk]
    if differ and begin is None:
        begin = at
    if not differ and begin is not None:
        print(begin, min(at, size) - begin)
        begin = None
END
cmp "$T/want" "$T/told" || fail "ranges: $(diff "$T/want" "$T/told")"
[ "$(wc -l <"$T/told")" -ge 5 ] || fail "$(cat "$T/told")"
[ "$(jq -r '.disks[0] | "\(.old_size) \(.new_size)"' "$T/out")" = "20971520 20999680" ] || fail "sizes"
[ "$(jq '.disks[0].changed_bytes == ([.disks[0].ranges[].length] | add)' "$T/out")" = true ] || fail "sum"
[ "$(jq -c '.disks[1] | [.name, .changed_bytes, .ranges]' "$T/out")" = '["lun0",0,[]]' ] || fail "lun0"
expect_status 0 compare "$last" "$first"
[ "$(grep '^os ' "$T/out" | cut -d' ' -f2-)" = "$(cat "$T/want")" ] || fail "the other way round"
expect_status 0 compare latest latest
[ ! -s "$T/out" ] || fail "the same point: $(cat "$T/out")"

say "a disk that one of them lacks is compared with zeros"
"$A" backup "$V" web1 --vault-key "$K" --disk "os=$T/os.raw" -q
expect_status 0 compare "$last" latest --json
[ "$(jq -r '.disks[1] | [.name, .new_size, (.changed_bytes > 1000000)] | @csv' "$T/out")" = '"lun0",,true' ] || fail "$(cat "$T/out")"

say "stats counts what the folder holds, and tells of what no point needs"
expect_status 0 "$A" stats "$V" --vault-key "$K" --json
counted() { jq -c "[.points, .source_bytes, .objects, .bytes, .segments, .segment_bytes, .unused_segments]" "$1"; }
sum() { find "$@" -type f -printf '%s\n' | awk '{ n++; s += $1 } END { printf "%d,%d", n, s }'; }
want="[3,$((20971520 + 2 * 20999680 + 2 * $(stat -c %s "$T/data.raw"))),$(sum "$V"),$(sum "$V/seg"),0]"
[ "$(counted "$T/out")" = "$want" ] || fail "$(counted "$T/out"), not $want"
[ "$(jq -c '.vms[0] | [.vm, .points, .proven, .disk_bytes]' "$T/out")" = '["web1",3,1,20999680]' ] || fail "$(cat "$T/out")"
[ "$(jq '.vms[0].stored_bytes == .segment_bytes and .missing_segments == 0' "$T/out")" = true ] || fail "$(cat "$T/out")"
seg=$(find "$V/seg" -type f | head -1)
mv "$seg" "$T/away"
expect_status 16 "$A" stats "$V" --vault-key "$K" --json
[ "$(jq '.missing_segments > 0' "$T/out")" = true ] || fail "$(cat "$T/out")"
mv "$T/away" "$seg"
for i in 1 2; do
	"$A" show "$V" "web1@$(points "[$i].point")" --vault-key "$K" --json | jq -r .object >"$T/object$i"
done
for i in 1 2; do mv "$V/$(cat "$T/object$i")" "$T/away$i"; done
expect_status 0 "$A" stats "$V" --vault-key "$K" --json
[ "$(jq -c '[.points, .unused_segments > 0, .unused_bytes > 0]' "$T/out")" = "[1,true,true]" ] || fail "$(cat "$T/out")"
for i in 1 2; do mv "$T/away$i" "$V/$(cat "$T/object$i")"; done

say "refusals"
"$A" backup "$V" web2 --vault-key "$K" --disk "os=$T/os.raw" -q
expect_status 2 "$A" diff "$V" web1@latest web2@latest --vault-key "$K"
expect_text "points of two VMs" "$T/err"
expect_status 10 compare latest 19990101T000000Z
expect_status 10 show web3
expect_status 2 "$A" show "$V"
id=$(points '[0].point')
object=$V/$(show "web1@$id" --json | jq -r .object)
printf '\xff\x00' | dd of="$object" bs=1 seek=300 conv=notrunc status=none
expect_status 16 show "web1@$id"
expect_text "damaged" "$T/err"
expect_status 0 show web1
