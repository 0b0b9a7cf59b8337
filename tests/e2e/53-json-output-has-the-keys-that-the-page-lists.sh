#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What commands say with --json, and info.json, has the keys that adebackup-json(5) lists and no
# others; each listed key is seen; each command has its place in the page.
. "$(dirname "$0")/lib.sh"
require mke2fs cryptsetup sfdisk jq openssl qemu-img
require_root
A=$B/adebackup
page=$ROOT/tools/man/adebackup-json.5.in
mkdir "$T/seen" "$T/k" "$T/m" "$T/f"

# said NAME FILE: the paths of a JSON object, a.b, a[].b, kept for NAME
said() {
	jq -r '[paths | map(if type == "number" then "[]" else "." + . end) | join("") | ltrimstr(".")] | unique[]' "$2" |
		grep -v '\[\]$' >>"$T/seen/$1" || fail "no JSON from $1: $(cat "$2")"
}
# json STATUS COMMAND…: run it with --json; one object, with its schema and its name
json() {
	local status=$1 name=$2
	shift 2
	# shellcheck disable=SC2086	# two words are two
	expect_status "$status" "$A" $name "$@" --json
	[ "$(jq -s length "$T/out")" = 1 ] || fail "not one object: $(cat "$T/out")"
	jq -e --arg c "$name" '.schema == 1 and .command == $c' "$T/out" >/dev/null || fail "no schema or command: $(cat "$T/out")"
	[ "$(jq 'has("error")' "$T/out")" = "$([ "$status" -ge 10 ] || [ "$status" -le 2 ] && [ "$status" != 0 ] && echo true || echo false)" ] || fail "error or not: $status $(cat "$T/out")"
	said "${name// /-}" "$T/out"
}

say "disks"
mkdir "$T/tree"
echo content >"$T/tree/file"
mke2fs -q -t ext4 -d "$T/tree" "$T/fs" 16M
"$B/tests/make/mkbitlocker" --seed 2 --bek "$T/k" "$T/fs" "$T/v" >/dev/null
bek=$(echo "$T"/k/*)
json 0 inspect "$T/v" --bek "$bek"
json 0 inspect "$T/v"
"$B/tests/make/mkbitlocker" --seed 2 --bek "$T/k" --encrypted-up-to 4194304 "$T/fs" "$T/paused" >/dev/null
json 0 inspect "$T/paused" --bek "$bek"
printf pass >"$T/pass"
"$ROOT/tests/make/ade-linux-disk" "$T/os.raw" "$T/k/LinuxPassPhraseFileName" "$T/tree" luks2
json 0 inspect "$T/os.raw" --keys "$T/k"
cp "$T/os.raw" "$T/backup-table.raw"
dd if=/dev/zero of="$T/backup-table.raw" bs=512 seek=1 count=1 conv=notrunc status=none
json 0 inspect "$T/backup-table.raw"
json 10 inspect "$T/none"
json 2 inspect "$T/v" --bogus
printf '\377\377' | dd of="$T/backup-table.raw" bs=1 seek=$(($(stat -c %s "$T/os.raw") - 504)) conv=notrunc status=none
cp "$T/os.raw" "$T/cut.raw"
truncate -s 100M "$T/cut.raw"
json 16 inspect "$T/cut.raw"
json 0 inspect "$T/cut.raw" --partial
cp "$T/fs" "$T/front"
truncate -s 48M "$T/front"
cryptsetup reencrypt --encrypt --batch-mode --type luks2 --reduce-device-size 32M --pbkdf pbkdf2 \
	--pbkdf-force-iterations 1000 --key-file "$T/pass" "$T/front" >/dev/null
truncate -s 50M "$T/front.raw"
printf 'start=2048, size=98304\n' | sfdisk -q --label gpt "$T/front.raw"
dd if="$T/front" of="$T/front.raw" bs=1M seek=1 conv=notrunc,sparse status=none
json 0 inspect "$T/front.raw" --bek "$T/pass"
mkdir "$T/left"
qemu-img convert -f raw -O vpc -o subformat=fixed,force_size=on "$T/v" "$T/left/os.vhd"
head -c 1M /dev/zero >"$T/left/data.vhd"
jq -n '{name: "vm1", "properties.storageProfile": {osDisk: {osType: "Windows", name: "os", vhd: {uri: "https://a.blob.core.windows.net/c/os.vhd"}},
	dataDisks: [{lun: 0, name: "data", vhd: {uri: "https://a.blob.core.windows.net/c/data.vhd"}}]}}' >"$T/left/config-vm1-1.json"
json 0 inspect "$T/left" --bek "$bek"
rm "$T/left/data.vhd"
json 0 inspect "$T/left" --bek "$bek"
json 0 mount "$T/v" "$T/m" --bek "$bek"
defer unmount "$T/m"
said info.json "$T/m/info.json"
json 11 mount "$T/v" "$T/m" --bek "$bek"
json 0 mounts
json 0 umount "$T/m"
json 10 umount "$T/m"
truncate -s 24M "$T/lvm.raw"
mkdir "$T/lvm"
dev=$(losetup -f --show "$T/lvm.raw")
defer losetup -d "$dev"
lv() { LVM_SYSTEM_DIR=$T/lvm lvm "$@" --config "devices{filter=[\"a|^$dev\$|\",\"r|.*|\"] use_devicesfile=0}" >/dev/null 2>&1; }
lv pvcreate "$dev"
lv vgcreate rootvg "$dev"
lv lvcreate -qq --driverloaded n -an -Zn -Wn -L 8M -n rootlv rootvg
lv lvcreate -qq --driverloaded n -an -Zn -Wn -L 4M --type thin-pool -n pool rootvg || true
json 0 inspect "$T/lvm.raw"
json 0 files "$T/fs" "$T/f"
defer unmount "$T/f"
"$A" umount "$T/f"

json 0 attach "$T/v" --bek "$bek"
"$A" detach "$(jq -r ".devices[0].device" "$T/out")"
json 0 attach "$T/os.raw" --keys "$T/k"
device=$(jq -r '.devices[0].device' "$T/out")
defer eval "'$A' detach '$device' 2>/dev/null || :"
json 0 detach "$device"
json 0 rebuild "$T/v" --bek "$bek"

say "a start, and a drill"
cp "$T/os.raw" "$T/start.raw"
"$ROOT/tests/make/boot-sector" "$T/start.raw" 'up login: '
json 0 boot "$T/start.raw" --keys "$T/k" --no-adapt --drill
json 0 boot "$T/start.raw" --keys "$T/k" --no-adapt --dry-run
"$A" boot "$T/start.raw" --keys "$T/k" --no-adapt --json --serial-log "$T/serial" >"$T/out" 2>/dev/null </dev/null &
pid=$!
wait_for 60 grep -qa 'up login' "$T/serial" || fail "it does not start"
kill "$pid"
wait "$pid"
said boot "$T/out"

say "an overlay"
mount_ade "$T/v" "$T/m" "bek=$bek,overlay=$T/written.overlay"
echo changed | dd of="$T/m/disk.raw" bs=1 seek=5000000 conv=notrunc status=none
unmount "$T/m"
wait_for 5 eval '! ade_pid "$T/m"'
json 0 'overlay list' "$T"
json 0 'overlay show' "$T/written.overlay"
json 0 'overlay export' "$T/v" "$T/written.overlay" "$T/new.raw" --bek "$bek"
json 0 'overlay discard' "$T/written.overlay"

say "a vault"
V=$T/vault K=$T/vault.key
json 0 init "$V" --vault-key "$K"
json 0 backup "$V" web1 --vault-key "$K" --disk "os=$T/v" --bek "$bek" --progress json
grep '^{' "$T/err" >"$T/progress" || fail "no progress: $(cat "$T/err")"
while read -r line; do said progress <(echo "$line"); done <"$T/progress"
mount_ade "$V" "$T/m" "vault-key=$K,vm=web1,point=latest,bek=$bek,diskcache=$T/cache"
json 0 hydrate "$T/m"
json 0 mounts --map
unmount "$T/m"
json 0 list "$V" web1 --vault-key "$K"
json 0 verify "$V" --vault-key "$K"
cp -a "$V" "$T/damaged"
find "$T/damaged/seg" -type f -delete
json 16 verify "$T/damaged" --vault-key "$K"
json 16 verify "$T/damaged" --vault-key "$K" --repair
json 0 stats "$V" --vault-key "$K"
json 0 prune "$V" --vault-key "$K" --keep-last 3 --compact --dry-run
json 0 prune "$V" web1 --vault-key "$K" --keep-last 3
json 10 prune "$V" nobody --vault-key "$K"
json 2 prune "$V" --vault-key "$K" --keep-last 0
json 0 hold "$V" web1@latest --vault-key "$K" --reason "a case"
json 2 hold "$V" web1 --vault-key "$K"
json 0 release "$V" web1@latest --vault-key "$K"
json 0 'policy create' "$V" gold --vault-key "$K" --retain-weekly 12:Sunday
json 0 'policy edit' "$V" gold --vault-key "$K" --at 03:30
json 0 'policy show' "$V" --vault-key "$K"
json 0 'policy list' "$V" --vault-key "$K"
json 0 'policy simulate' "$V" gold --vault-key "$K"
json 0 'policy delete' "$V" gold --vault-key "$K"
json 3 protect "$V" web1 none --vault-key "$K" --disk "web1/os=$T/v" --disk "none/os=$T/none" --skip-failed
json 0 items "$V" --vault-key "$K"
json 0 unprotect "$V" web1 --delete --vault-key "$K"
json 0 undelete "$V" web1 --vault-key "$K"
json 0 protect "$V" web1 --vault-key "$K"
json 0 show "$V" web1 --vault-key "$K"
cp "$T/v" "$T/v2"
dd if=/dev/urandom of="$T/v2" bs=4k seek=900 count=1 conv=notrunc status=none
"$A" backup "$V" web1 --vault-key "$K" --disk "os=$T/v2" -q
json 0 diff "$V" web1@"$(jq -r .point "$T/out")" web1@latest --vault-key "$K"
json 0 restore "$V" web1@latest --to "$T/restored" --vault-key "$K" --bek "$bek"
"$B/tests/make/plant-service" "$V" "$K" items 90000 "protected=$T/v"
json 0 run "$V" --vault-key "$K" --dry-run
json 0 run "$V" --vault-key "$K" --no-prune
json 0 report "$V" --vault-key "$K" --html "$T/report.html"
json 3 backup "$V" unproven --vault-key "$K" --disk "os=$T/v" --password-file "$T/pass"
json 13 restore "$V" unproven --to "$T/unopened" --vault-key "$K"
json 0 'jobs list' "$V" --vault-key "$K"
failed=$(jq -r '[.jobs[] | select(.status == "Failed")][0].job' "$T/out")
warned=$(jq -r '[.jobs[] | select(.status == "CompletedWithWarnings")][0].job' "$T/out")
json 0 'jobs show' "$V" "$failed" --vault-key "$K"
json 0 'jobs show' "$V" "$warned" --vault-key "$K"
json 1 'jobs watch' "$V" "$failed" --vault-key "$K"
json 3 'jobs watch' "$V" "$warned" --vault-key "$K"
head -c 200M /dev/urandom >"$T/long"
"$A" backup "$V" long --vault-key "$K" --disk "os=$T/long" -q 2>/dev/null &
long=$!
wait_for 20 sh -c "ls $V/job/*-1.0"
kill -STOP "$long"
json 0 'jobs cancel' "$V" long-1 --vault-key "$K"
kill -CONT "$long"
wait "$long" || true
json 0 'key list' "$V"
printf 'a long passphrase' >"$T/words"
json 0 'key add' "$V" --vault-key "$K" --new-vault-passphrase-file "$T/words"
json 0 'key remove' "$V" "$(jq -r .id "$T/out")" --vault-key "$K"
json 0 'key rotate' "$V" --vault-key "$K"

say "a local key store"
S=$T/store
json 0 'keystore init' "$S" --keystore-key "$T/store.key"
json 0 'keystore import-secret' "$S" one "$bek" --key-file --keystore-key "$T/store.key" --tag VolumeLetter=C:
json 0 'keystore create-key' "$S" kek --keystore-key "$T/store.key"
json 0 'keystore rotate' "$S" kek --keystore-key "$T/store.key"
openssl genrsa -out "$T/pem" 2048 2>/dev/null
json 0 'keystore import-key' "$S" old "$T/pem" --keystore-key "$T/store.key"
json 0 'keystore show' "$S" one --keystore-key "$T/store.key" --value
json 0 'keystore list' "$S" --keystore-key "$T/store.key"
"$A" backup "$V" stored --vault-key "$K" --disk "os=$T/v" --keystore "local:$S" --keystore-key "$T/store.key" -q
json 0 'keys show' "$V" stored --vault-key "$K"
json 0 'keys verify' "$V" stored --vault-key "$K"
json 0 'keys export' "$V" stored --to "$T/exported" --vault-key "$K"
json 0 'keystore delete' "$S" one --keystore-key "$T/store.key"
json 0 'keystore recover' "$S" one --keystore-key "$T/store.key"

say "the page"
awk '/^\.Ss / { s = substr($0, 5); gsub(/ /, "-", s) } /^\.It Cm / { print s, $3 }' "$page" | sort -u >"$T/listed"
for f in "$T"/seen/*; do
	name=$(basename "$f")
	[ "$name" != info.json ] || name=inspect
	sed -E "s/(.*tags)\..*/\1.NAME/; s/^overlays\[\]\..*/overlays[].KEY/; s/^disks\[\]\.info\..*/disks[].info/; s/^/$name /" "$f"
done | sed -E 's/^[^ ]+ ((schema|command|error|error\.[a-z]+))$/every-command \1/' | sort -u >"$T/got"
# what takes a group of several disks, this machine's own disk or a Key Vault to see: tests/e2e/67, 69, 130 and 133 do
elsewhere='^inspect partitions\[\]\.(lvm\.logical_volumes\[\]\.(reason|inside)|lvm_reason)$|^attach warnings\[\]\.|^keys-(restore-to-keyvault|check) '
comm -13 "$T/listed" "$T/got" >"$T/unlisted"
[ ! -s "$T/unlisted" ] || fail "not in $page: $(cat "$T/unlisted")"
comm -23 "$T/listed" "$T/got" | grep -Ev "$elsewhere" >"$T/unseen" || true
[ ! -s "$T/unseen" ] || fail "listed and not seen: $(cat "$T/unseen")"
sed -n 's/^\.Ss //p' "$page" >"$T/sections"
"$A" --help | sed -n '/^commands:/,/^$/p' | sed -nE 's/^  ([a-z-]+( [a-z-]+)?)  +.*|^  (keystore [a-z-]+) .*/\1\3/p' | while read -r c; do
	[ "$c" = help ] || grep -qxF "$c" "$T/sections" || fail "the page has no section '$c'"
done
