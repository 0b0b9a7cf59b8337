#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What opens a storage account: from files, the environment, an address; each refusal says what to
# do; nothing of it is shown; a mount outlives its SAS when the file gets a new one.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/azurite.sh"
require jq openssl

A=$B/adebackup V=az://devstoreaccount1/vault K=$T/vault.key
head -c 6M /dev/urandom >"$T/os.raw"
az() { "$A" "$@" --endpoint "$AZ_URL" --vault-key "$K"; }
expect_status 0 az init "$V" --account-key-file "$AZ_KEY"
expect_status 0 az backup "$V" web1 --disk "os=$T/os.raw" --account-key-file "$AZ_KEY"

say "from the environment, as Azure's own tools read it"
export AZURE_STORAGE_KEY=$BLOB_KEY
expect_status 0 az list "$V"
AZURE_STORAGE_ACCOUNT=another expect_status 15 env AZURE_POD_IDENTITY_AUTHORITY_HOST=http://127.0.0.1:1 \
	"$A" list "$V" --endpoint https://127.0.0.1:1 --vault-key "$K"
unset AZURE_STORAGE_KEY
AZURE_STORAGE_CONNECTION_STRING="AccountName=devstoreaccount1;AccountKey=$BLOB_KEY;BlobEndpoint=$AZ_URL;" \
	expect_status 0 "$A" list "$V" --vault-key "$K"
AZURE_STORAGE_SAS_TOKEN=$(blobs sas vault rl 600) expect_status 0 az list "$V"

say "several at once, none at all, and what is none"
expect_status 2 az list "$V" --account-key-file "$AZ_KEY" --sas-file "$AZ_KEY"
expect_text "several credentials" "$T/err"
expect_status 2 az list "$V" --sas-file "$AZ_KEY"
expect_text "no SAS: it has no signature" "$T/err"
expect_status 2 az list "$V" --account-key-file <(echo 'not!base64')
expect_status 10 az list "$V" --sas-file "$T/nothing"

say "a wrong key, too few permissions, an expired SAS: three answers"
echo "AAAA${BLOB_KEY:4}" >"$T/wrong.key"
expect_status 14 az list "$V" --account-key-file "$T/wrong.key"
expect_text "refuses account-key-file" "$T/err"
blobs sas vault l 600 >"$T/sas.l"
expect_status 14 az list "$V" --sas-file "$T/sas.l"
expect_text "refuses sas-file .HTTP 403" "$T/err"
blobs sas vault rl -60 >"$T/sas.old"
expect_status 14 az list "$V" --sas-file "$T/sas.old"
expect_text "the SAS expired on .* GMT" "$T/err"
expect_text "make a new one .*sas-file" "$T/err"
blobs sas vault rl 600 >"$T/sas.ro"
expect_status 14 az backup "$V" web1 --disk "os=$T/os.raw" --sas-file "$T/sas.ro"

say "a SAS in the address works, with a warning, and is shown nowhere"
sas=$(blobs sas vault rwdl 600) sig=${sas##*sig=}
sig=${sig%%&*}
mkdir "$T/m"
defer unmount "$T/m"
"$B/mount.adebackup" "$V?$sas" "$T/m" -o "vault-key=$K,$AZ_NET" 2>"$T/err"
expect_text "a SAS in an address stays in the shell's history" "$T/err"
check_same "$T/os.raw" "$T/m/web1/latest/os/disk.raw"
pid=$(pgrep -f "^$B/mount.adebackup $V .*$T/m")
! grep -aF "$sig" "/proc/$pid/cmdline" "/proc/$pid/environ" /proc/self/mounts "$T/err" || fail "the SAS shows"
expect_status 0 "$A" mounts --json
! grep -F "$sig" "$T/out" || fail "the SAS shows"
unmount "$T/m"
expect_status 14 az list "az://devstoreaccount1/none?$sas"
! grep -F "$sig" "$T/err" || fail "the SAS shows"
ADEBACKUP_VAULT="$V?$sas" expect_status 0 az list --json
! grep -F "$sig" "$T/out" || fail "the SAS shows"

say "plain http to others only if allowed, never with a token"
echo eyJ.eyJ.sig >"$T/token"
expect_status 2 "$A" list "$V" --endpoint http://192.0.2.1/x --account-key-file "$AZ_KEY" --vault-key "$K"
expect_text "plain http goes to this machine only" "$T/err"
expect_status 2 az list "$V" --token-file "$T/token" --allow-http
expect_text "a bearer token is never sent over plain http" "$T/err"

say "a mount outlives its SAS: the file is read again when the old one is refused"
blobs sas vault rl 6 >"$T/sas.short"
mount_ade "$V" "$T/m" "vault-key=$K,$AZ_NET,sas-file=$T/sas.short"
ls "$T/m/web1/latest/os" >/dev/null
wait_for 20 sh -c "! '$A' list '$V' --endpoint '$AZ_URL' --vault-key '$K' --sas-file '$T/sas.short'"
blobs sas vault rl 600 >"$T/sas.new"
mv "$T/sas.new" "$T/sas.short"
check_same "$T/os.raw" "$T/m/web1/latest/os/disk.raw"
say "SIGHUP reads it again and leaves the mount be"
pid=$(pgrep -f "^$B/mount.adebackup $V .*$T/m")
kill -HUP "$pid"
sleep 0.3
check_same "$T/os.raw" "$T/m/web1/latest/os/disk.raw"
unmount "$T/m"

say "a bearer token, over https"
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/tls.key" -out "$T/tls.pem" -days 2 -subj /CN=localhost \
	-addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null
mkdir "$T/azurite2"
serve_node "$T/azurite2.log" "$AZURITE" --blobHost 127.0.0.1 --blobPort 0 -l "$T/azurite2" --disableTelemetry --skipApiVersionCheck \
	--oauth basic --cert "$T/tls.pem" --key "$T/tls.key"
port=$(port_in "$T/azurite2.log" 'listens on https:\/\/127.0.0.1:')
token() {	# SECONDS
	node -e 'const b = (o) => Buffer.from(JSON.stringify(o)).toString("base64url"), now = Date.now() / 1000 | 0;
console.log(`${b({alg: "none", typ: "JWT"})}.${b({aud: "https://storage.azure.com", iss: "https://sts.windows.net/t/",
	nbf: now - 3600, iat: now - 3600, exp: now + Number(process.argv[1])})}.c2ln`)' -- "$1"
}
token 600 >"$T/token"
oauth() { "$A" "$@" --endpoint "https://localhost:$port/devstoreaccount1" --vault-key "$K" --token-file "$T/token"; }
expect_status 15 oauth init "$V"
expect_text "certificate is not trusted" "$T/err"
expect_status 0 oauth init "$V" --ca-file "$T/tls.pem"
expect_status 0 oauth backup "$V" web1 --disk "os=$T/os.raw" --ca-file "$T/tls.pem"
expect_status 0 oauth restore "$V" web1@latest --to "$T/back" --ca-file "$T/tls.pem"
check_same "$T/os.raw" "$T/back/os.raw"
token -600 >"$T/token"
expect_status 14 oauth list "$V" --ca-file "$T/tls.pem"
expect_text "refuses token-file" "$T/err"
