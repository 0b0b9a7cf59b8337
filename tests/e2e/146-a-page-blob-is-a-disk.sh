#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Page blobs, written by the official client, are mounted and backed up: by the account's key, a SAS of
# the container or of the one blob, a token over https; their page lists are the holes; a snapshot stays
# what it is while the blob is written to, and the blob itself then ends in an error.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/azurite.sh"
require jq openssl qemu-img sfdisk

A=$B/adebackup K=$T/vault.key D=az://devstoreaccount1/disks
pageblobs() { node "$ROOT/tests/fake/page-client.cjs" "$@"; }
truncate -s 200M "$T/os.raw"
printf 'label: gpt\nstart=2048, size=200000\n' | sfdisk -q "$T/os.raw"
for at in 3 50 51 120; do
	dd if=/dev/urandom of="$T/os.raw" bs=1M seek=$at count=2 conv=notrunc status=none
done
qemu-img convert -f raw -O vpc -o subformat=fixed,force_size=on "$T/os.raw" "$T/os.vhd"
pageblobs create disks
pageblobs upload disks 'web 1/os disk.vhd' "$T/os.vhd"
pageblobs sas disks 'web 1/os disk.vhd' r 600 >"$T/sas"
chmod 600 "$T/sas"

say "by the account's key, a SAS of the blob alone, the environment"
expect_status 0 "$A" inspect "$D/web 1/os disk.vhd" --endpoint "$AZ_URL" --account-key-file "$AZ_KEY" --json
jq -e '.source_is_vhd and .table == "gpt"' "$T/out" >/dev/null || fail "$(cat "$T/out")"
AZURE_STORAGE_KEY=$BLOB_KEY expect_status 0 "$A" inspect "$D/web 1/os disk.vhd" --endpoint "$AZ_URL"
AZURE_STORAGE_KEY=$BLOB_KEY expect_status 0 "$A" inspect "$AZ_URL/disks/web%201/os%20disk.vhd?$(cat "$T/sas")"
expect_text "a SAS in an address stays" "$T/err"
mount_ade "$D/web 1/os disk.vhd" "$T/m" "$AZ_NET,sas-file=$T/sas"
check_same "$T/os.raw" "$T/m/disk.raw"
check_same "$T/os.vhd" "$T/m/encrypted/disk.vhd"
unmount "$T/m"

say "its page list tells the holes, and they are not fetched"
mount_ade "$D/web 1/os disk.vhd" "$T/m" "$AZ_NET,sas-file=$T/sas"
cp --sparse=auto "$T/m/disk.raw" "$T/copy"
check_same "$T/os.raw" "$T/copy"
fetched=$(jq .store.bytes_fetched "$T/m/stats.json")
[ "$fetched" -lt $((9 << 20)) ] || fail "$fetched bytes fetched of 7 MiB of data"
python3 - "$T/m/disk.raw" "$T/os.raw" <<'END'
import os, sys
def data(path):
    fd, at, found = os.open(path, os.O_RDONLY), 0, []
    size = os.fstat(fd).st_size
    while True:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:
            return found
        at = min(os.lseek(fd, start, os.SEEK_HOLE), size)
        found.append((start // 65536, (at + 65535) // 65536))
seen, have = data(sys.argv[1]), data(sys.argv[2])
assert len(seen) >= 4, seen
for a, b in have:
    assert any(x <= a and b <= y for x, y in seen), (have, seen)
total = sum(b - a for a, b in seen)
assert total <= 130, (total, seen)
END
unmount "$T/m"

say "what refuses says why"
expect_status 14 "$A" inspect "$D/web 1/other.vhd" --endpoint "$AZ_URL" --sas-file "$T/sas"
expect_status 10 "$A" inspect "$D/none.vhd" --endpoint "$AZ_URL" --account-key-file "$AZ_KEY"
expect_text "az://devstoreaccount1/disks/none.vhd" "$T/err"
pageblobs sas disks 'web 1/os disk.vhd' r -60 >"$T/sas.old"
expect_status 14 "$A" inspect "$D/web 1/os disk.vhd" --endpoint "$AZ_URL" --sas-file "$T/sas.old"
expect_text "the SAS expired on" "$T/err"
expect_status 2 "$A" inspect "$D/web 1/os disk.vhd?snapshot=$(printf '2%.0s' {1..60})" --endpoint "$AZ_URL" --sas-file "$T/sas"

say "backed up, only what holds data is fetched; a block blob too"
"$A" init "$T/vault" --vault-key "$K" -q
backup() { "$A" backup "$T/vault" web1 --vault-key "$K" --endpoint "$AZ_URL" --account-key-file "$AZ_KEY" "$@"; }
pageblobs put disks data.raw "$T/copy"
expect_status 0 backup --disk "os=$D/web 1/os disk.vhd" --disk "lun0=$D/data.raw" --json
expect_status 0 "$A" restore "$T/vault" web1@latest --vault-key "$K" --to "$T/back"
check_same "$T/os.raw" "$T/back/os.raw"
check_same "$T/os.raw" "$T/back/lun0.raw"

say "a snapshot stays what it was; the blob that is written to ends in an error"
at=$(pageblobs snapshot disks 'web 1/os disk.vhd')
mount_ade "$D/web 1/os disk.vhd" "$T/m" "$AZ_NET,account-key-file=$AZ_KEY"
mount_ade "$D/web 1/os disk.vhd?snapshot=$at" "$T/s" "$AZ_NET,account-key-file=$AZ_KEY"
cmp -n $((1 << 20)) "$T/os.raw" "$T/m/disk.raw"
head -c 1M /dev/urandom >"$T/new"
pageblobs write disks 'web 1/os disk.vhd' $((121 << 20)) "$T/new"
check_same "$T/os.raw" "$T/s/disk.raw"
if dd if="$T/m/disk.raw" bs=1M skip=120 of="$T/got" status=none 2>"$T/err"; then fail "read after a change"; fi
expect_text "[Ss]tale" "$T/err"
cmp -n "$(stat -c %s "$T/got")" -i "$((120 << 20)):0" "$T/os.raw" "$T/got" || fail "bytes of another version"
unmount "$T/m"
unmount "$T/s"
expect_status 0 backup --disk "os=$D/web 1/os disk.vhd?snapshot=$at" --json
expect_status 0 "$A" restore "$T/vault" web1@latest --vault-key "$K" --to "$T/back2"
check_same "$T/os.raw" "$T/back2/os.raw"

say "a token, over https"
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/tls.key" -out "$T/tls.pem" -days 2 -subj /CN=localhost \
	-addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null
mkdir "$T/azurite2"
serve_node "$T/azurite2.log" "$AZURITE" --blobHost 127.0.0.1 --blobPort 0 -l "$T/azurite2" --disableTelemetry \
	--skipApiVersionCheck --oauth basic --cert "$T/tls.pem" --key "$T/tls.key"
port=$(port_in "$T/azurite2.log" 'listens on https:\/\/127.0.0.1:')
export BLOB_ENDPOINT=https://127.0.0.1:$port/devstoreaccount1 NODE_EXTRA_CA_CERTS=$T/tls.pem
pageblobs create disks
pageblobs upload disks os.vhd "$T/os.vhd"
node -e 'const b = (o) => Buffer.from(JSON.stringify(o)).toString("base64url"), now = Date.now() / 1000 | 0;
console.log(`${b({alg: "none", typ: "JWT"})}.${b({aud: "https://storage.azure.com", iss: "https://sts.windows.net/t/",
	nbf: now - 3600, iat: now - 3600, exp: now + 600})}.c2ln`)' >"$T/token"
mount_ade "$D/os.vhd" "$T/m" "endpoint=$BLOB_ENDPOINT,ca-file=$T/tls.pem,token-file=$T/token"
check_same "$T/os.raw" "$T/m/disk.raw"
unmount "$T/m"
