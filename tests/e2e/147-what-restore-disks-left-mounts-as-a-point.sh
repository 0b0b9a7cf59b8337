#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A folder and a container with what Restore disks leaves (config JSON in UTF-16 with NULs behind it and dotted
# names, encryption info, a template, VHDs) mount as one point with all disks; the key comes from the
# encryption info, or from where the OS blob's metadata says, wrapped by a KEK.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/azurite.sh"
require jq openssl qemu-img mkntfs python3

A=$B/adebackup
KEK=$ROOT/tests/data/keywrap/2048.pem
pageblobs() { node "$ROOT/tests/fake/page-client.cjs" "$@"; }
mkdir "$T/keys" "$T/here"
truncate -s 16M "$T/ntfs"
mkntfs -q -F -L ADE "$T/ntfs" >/dev/null 2>&1
"$B/tests/make/mkbitlocker" --seed 7 --bek "$T/keys" "$T/ntfs" "$T/os.raw" >"$T/made"
guid=$(basename "$T"/keys/*.BEK .BEK)
bek=$(base64 -w0 "$T/keys/$guid.BEK")
version=0123456789abcdef0123456789abcdef
secret=https://contoso.vault.azure.net/secrets/$guid/$version
key=https://contoso.vault.azure.net/keys/kek1/$version
head -c 3M /dev/urandom >"$T/data.raw"
truncate -s 8M "$T/data.raw"
vhd() { qemu-img convert -f raw -O vpc -o subformat=fixed,force_size=on "$1" "$2"; }
vhd "$T/os.raw" "$T/here/vm1-osdisk-20261126.vhd"
vhd "$T/data.raw" "$T/here/vm1-data0.vhd"

# config FILE ENCODING CASE: as Azure writes it
config() {
	python3 - "$@" <<'END'
import json, sys
path, encoding, case = sys.argv[1:]
base = "https://acct.blob.core.windows.net/vm1-75aefd4b34c64dd39fdcd3db579783f2/"
profile = "properties.StorageProfile" if case == "upper" else "properties.storageProfile"
doc = {"id": "/subscriptions/0/virtualMachines/vm1", "name": "vm1", "location": "westus",
       "properties.hardwareProfile": {"vmSize": "Standard_D2s_v3"},
       profile: {"osDisk": {"osType": "Windows", "name": "vm1-osdisk-20261126", "createOption": "Attach",
                            "vhd": {"uri": base + "vm1-osdisk-20261126.vhd"}},
                 "dataDisks": [{"lun": 3, "name": "vm1-data0", "createOption": "Attach",
                                "vhd": {"uri": base + "vm1-data0.vhd"}}]}}
text = json.dumps(doc, indent=1).encode(encoding)
open(path, "wb").write(text + b"\0" * 402)
END
}
template='{"$schema":"x","resources":[{"type":"Microsoft.Compute/virtualMachines","properties":{"storageProfile":{"osDisk":{"name":"[parameters('"'n'"')]","vhd":{"uri":"[parameters('"'u'"')]"}}}}}]}'

say "a local folder: the encryption info holds the secret's data"
config "$T/here/config-vm1-c009747a-0d2e-4ac9-9632-f695bf874693.json" utf-16-le lower
echo "$template" >"$T/here/azuredeployc009747a-0d2e-4ac9-9632-f695bf874693.json"
jq -n --arg s "$secret" --arg d "$bek" '{OsDiskKeyAndSecretDetails: {SecretUrl: $s, SecretData: $d}}' >"$T/here/info.json"
mount_ade "$T/here" "$T/m"
[ "$(ls "$T/m")" = "$(printf '%s\n' lun3 os rebuild vm.json)" ] || fail "$(ls "$T/m")"
check_same "$T/ntfs" "$T/m/os/disk.raw"
check_same "$T/os.raw" "$T/m/os/encrypted/disk.raw"
check_same "$T/here/vm1-osdisk-20261126.vhd" "$T/m/os/encrypted/disk.vhd"
check_same "$T/data.raw" "$T/m/lun3/disk.raw"
jq -e --arg g "$guid" '.partitions[0].state == "open" and (.partitions[0].opened_by | contains($g))' "$T/m/os/info.json" >/dev/null ||
	fail "$(cat "$T/m/os/info.json")"
jq -e '.name == "vm1"' "$T/m/vm.json" >/dev/null || fail "$(cat "$T/m/vm.json")"
! grep -rF "$bek" "$T/m/vm.json" "$T/m/rebuild" || fail "the secret shows"
expect_text "Standard_D2s_v3|vm1" "$T/m/rebuild/README.txt"
unmount "$T/m"
say "inspect looks at all of its disks, or at one"
expect_status 0 "$A" inspect "$T/here" --json
[ "$(jq -r '[.disks[].name] | sort | join(" ")' "$T/out")" = "lun3 os" ] || fail "$(cat "$T/out")"
jq -e --arg g "$guid" '.disks[] | select(.name == "os") | .info.partitions[0] | .state == "open" and (.opened_by | contains($g))' \
	"$T/out" >/dev/null || fail "$(cat "$T/out")"
! grep -F "$bek" "$T/out" "$T/err" || fail "the secret shows"
expect_status 0 "$A" inspect "$T/here" --disk lun3
expect_text "^lun3: 8.0 MiB, fixed VHD" "$T/out"
! grep -q "^os" "$T/out" || fail "$(cat "$T/out")"
expect_status 10 "$A" inspect "$T/here" --disk lun4
say "and with the BEK volume, for a guest that starts encrypted"
mount_ade "$T/here" "$T/m" bekvolume
[ -s "$T/m/bek-volume.raw" ] || fail "no BEK volume"
python3 -c 'import sys; sys.exit(open(sys.argv[1], "rb").read() not in open(sys.argv[2], "rb").read())' \
	"$T/keys/$guid.BEK" "$T/m/bek-volume.raw" || fail "no key file in it"
unmount "$T/m"
mount_ade "$T/here" "$T/m" overlay=tmp
echo changed | dd of="$T/m/lun3/disk.raw" conv=notrunc status=none
[ "$(head -c 7 "$T/m/lun3/disk.raw")" = changed ]
unmount "$T/m"

say "a missing VHD, and a newer config beside"
mv "$T/here/vm1-data0.vhd" "$T/away.vhd"
"$B/mount.adebackup" "$T/here" "$T/m" -o foreground 2>"$T/log" &
mounted=$!
wait_for 20 is_mounted "$T/m"
if ls "$T/m/lun3" 2>"$T/err"; then fail "a disk that is not there"; fi
check_same "$T/ntfs" "$T/m/os/disk.raw"
unmount "$T/m"
wait "$mounted"
expect_text "lun3: .*its VHD is not here" "$T/log"
mv "$T/away.vhd" "$T/here/vm1-data0.vhd"
config "$T/here/config-vm1-later.json" utf-8 upper
mount_ade "$T/here" "$T/m" 2>"$T/err"
expect_text "1 other JSONs describe disks too" "$T/err"
check_same "$T/data.raw" "$T/m/lun3/disk.raw"
unmount "$T/m"
mkdir "$T/none"
expect_status 1 "$B/mount.adebackup" "$T/none" "$T/m"
expect_text "folder" "$T/err"

say "a container: the OS blob's metadata names secret and KEK, a key store has them"
pageblobs create vm1-75aefd4b34c64dd39fdcd3db579783f2
C=vm1-75aefd4b34c64dd39fdcd3db579783f2
config "$T/config" utf-16 upper
pageblobs put "$C" config-vm1-c009747a-0d2e-4ac9-9632-f695bf874693.json "$T/config"
pageblobs put "$C" azuredeployc009747a.json "$T/here/azuredeployc009747a-0d2e-4ac9-9632-f695bf874693.json"
pageblobs upload "$C" vm1-osdisk-20261126.vhd "$T/here/vm1-osdisk-20261126.vhd"
pageblobs upload "$C" vm1-data0.vhd "$T/here/vm1-data0.vhd"
pageblobs metadata "$C" vm1-osdisk-20261126.vhd DiskEncryptionSettings "$(jq -nc --arg s "$secret" --arg k "$key" \
	'{encryptionEnabled: true, encryptionSettings: [{diskEncryptionKey: {sourceVault: {id: "v"}, secretUrl: $s},
	  keyEncryptionKey: {sourceVault: {id: "v"}, keyUrl: $k}}]}')"
"$A" keystore init "$T/store" --keystore-key "$T/store.key" >/dev/null
openssl pkeyutl -encrypt -inkey "$KEK" -in "$T/keys/$guid.BEK" -out "$T/wrapped" -pkeyopt rsa_padding_mode:oaep
base64 -w0 "$T/wrapped" | tr '+/' '-_' | tr -d = >"$T/value"
"$A" keystore import-secret "$T/store" "$guid" "$T/value" --object-version $version --content-type 'Wrapped BEK' \
	--tag "DiskEncryptionKeyEncryptionAlgorithm=RSA-OAEP" --tag "DiskEncryptionKeyEncryptionKeyURL=$key" \
	--keystore-key "$T/store.key" >/dev/null
"$A" keystore import-key "$T/store" kek1 "$KEK" --object-version $version --keystore-key "$T/store.key" >/dev/null
blobs sas "$C" rl 600 >"$T/sas"
chmod 600 "$T/sas"
mount_ade "az://devstoreaccount1/$C" "$T/m" "$AZ_NET,sas-file=$T/sas,keystore=local:$T/store,keystore-key=$T/store.key"
check_same "$T/ntfs" "$T/m/os/disk.raw"
check_same "$T/here/vm1-osdisk-20261126.vhd" "$T/m/os/encrypted/disk.vhd"
check_same "$T/data.raw" "$T/m/lun3/disk.raw"
unmount "$T/m"
expect_status 0 "$A" inspect "az://devstoreaccount1/$C" --endpoint "$AZ_URL" --sas-file "$T/sas" \
	--keystore "local:$T/store" --keystore-key "$T/store.key" --json
[ "$(jq -r '.disks[] | select(.name == "os") | .info.partitions[0].state' "$T/out")" = open ] || fail "$(cat "$T/out")"
say "a disk whose URI is in another container of the account is read from there"
pageblobs create elsewhere
pageblobs upload elsewhere 'a b/vm1-data0.vhd' "$T/here/vm1-data0.vhd"
python3 - "$T/config" "$T/config2" <<'END'
import sys
text = open(sys.argv[1], "rb").read().decode("utf-16").rstrip("\0")
old = "https://acct.blob.core.windows.net/vm1-75aefd4b34c64dd39fdcd3db579783f2/vm1-data0.vhd"
assert text.count(old) == 1
new = "https://devstoreaccount1.blob.core.windows.net/elsewhere/a%20b/vm1-data0.vhd"
open(sys.argv[2], "wb").write(text.replace(old, new).encode("utf-16"))
END
pageblobs create split
pageblobs put split config-vm1.json "$T/config2"
pageblobs upload split vm1-osdisk-20261126.vhd "$T/here/vm1-osdisk-20261126.vhd"
mount_ade az://devstoreaccount1/split "$T/m" "$AZ_NET,account-key-file=$AZ_KEY,partial" 2>"$T/err" || fail "$(cat "$T/err")"
check_same "$T/data.raw" "$T/m/lun3/disk.raw"
check_same "$T/os.raw" "$T/m/os/encrypted/disk.raw"
unmount "$T/m"
say "without the key store it says which secret is missing; the disk shows as it is stored"
mount_ade "az://devstoreaccount1/$C" "$T/m" "$AZ_NET,sas-file=$T/sas,partial" 2>"$T/err"
expect_text "$guid" "$T/err"
check_same "$T/os.raw" "$T/m/os/encrypted/disk.raw"
unmount "$T/m"
say "the encryption info of the container, and its data wrapped by a KEK in a file"
jq -n --arg s "$secret" --arg k "$key" --rawfile d "$T/value" '{OsDiskKeyAndSecretDetails: {SecretUrl: $s, SecretData: $d, KeyUrl: $k}}' >"$T/info"
pageblobs put "$C" encryption-info.json "$T/info"
pageblobs metadata "$C" vm1-osdisk-20261126.vhd nothing x
mount_ade "az://devstoreaccount1/$C" "$T/m" "$AZ_NET,account-key-file=$AZ_KEY,keystore=pem:$KEK"
check_same "$T/ntfs" "$T/m/os/disk.raw"
unmount "$T/m"

say "a container without a config is told so"
pageblobs create empty
expect_status 32 "$B/mount.adebackup" az://devstoreaccount1/empty "$T/m" -o "$AZ_NET,account-key-file=$AZ_KEY"
expect_text "no JSON there describes the disks" "$T/err"
