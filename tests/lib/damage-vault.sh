# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by tests that damage a vault: a small one with every type of object.

# make_damage_vault FOLDER: vault, key, and what each point holds (see damage-campaign).
make_damage_vault() {
	local f=$1 ade="$B/adebackup" i
	mkdir -p "$f/want"
	truncate -s 3M "$f/os.raw"
	head -c 700K /dev/urandom | dd of="$f/os.raw" bs=64K seek=3 conv=notrunc status=none
	head -c 600K "$B/adebackup" | dd of="$f/os.raw" bs=64K seek=20 conv=notrunc status=none
	truncate -s 70M "$f/lun0.raw"		# two pages of the map and one above
	head -c 300K /dev/urandom | dd of="$f/lun0.raw" bs=1M seek=1 conv=notrunc status=none
	head -c 200K /dev/urandom | dd of="$f/lun0.raw" bs=1M seek=66 conv=notrunc status=none
	"$ade" init "$f/vault" --vault-key "$f/vault.key" -q
	for i in 0 1 2; do
		"$ade" backup "$f/vault" web1 --vault-key "$f/vault.key" --disk "os=$f/os.raw" --disk "lun0=$f/lun0.raw" -q
		cp --sparse=always "$f/os.raw" "$f/want/web1-$i-os.raw"
		cp --sparse=always "$f/lun0.raw" "$f/want/web1-$i-lun0.raw"
		head -c 4096 /dev/urandom | dd of="$f/os.raw" bs=4096 seek=$((60 + 37 * i)) conv=notrunc status=none
		head -c 4096 /dev/urandom | dd of="$f/lun0.raw" bs=4096 seek=$((16900 + i)) conv=notrunc status=none
		[ $i = 2 ] || sleep 1.1		# another second, another name
	done
}
