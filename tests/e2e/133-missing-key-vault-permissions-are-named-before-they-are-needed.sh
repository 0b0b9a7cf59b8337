#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# keys check: access is there, or which permission is missing where, for applications, members and guests,
# access policies and Azure roles, with the command that grants it. A plain BEK asks nothing of keys.
. "$(dirname "$0")/lib.sh"
require curl python3 openssl jq
. "$(dirname "$0")/keyvault.sh"
a=$B/adebackup
cd "$T"
v1=0123456789abcdef0123456789abcdef
guid=65F01C5C-7C4E-B7A6-EA93-82616A1284CC
id=/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/tests

control "{\"do\":\"key\",\"name\":\"kek1\",\"version\":\"$v1\"}" >/dev/null
control "{\"do\":\"secret\",\"name\":\"$guid\",\"version\":\"$v1\",\"value\":\"eA\",\"contentType\":\"Wrapped BEK\",
	\"tags\":{\"DiskEncryptionKeyEncryptionKeyURL\":\"$KV/keys/kek1/$v1\"}}" >/dev/null
control "{\"do\":\"secret\",\"name\":\"plain\",\"version\":\"$v1\",\"value\":\"eA==\",\"contentType\":\"BEK\"}" >/dev/null
settings() {	# SECRET [KEK]
	jq -n --arg s "$KV/secrets/$1/$v1" --arg k "${2:+$KV/keys/$2/$v1}" --arg id "$id" '{name: "vm1", encryptionSettingsCollection: {enabled: true,
		encryptionSettingsVersion: "1.1", encryptionSettings: [{diskEncryptionKey: {secretUrl: $s, sourceVault: {id: $id}}}
		| if $k != "" then .keyEncryptionKey = {keyUrl: $k, sourceVault: {id: $id}} else . end]}}'
}
settings "$guid" kek1 >kek.json
settings "$guid" >tagged.json
settings plain >plain.json

client() {	# SECRETS KEYS [INNER CODE [CLAIMS]]: what the application "who" may
	control "{\"do\":\"client\",\"id\":\"who\",\"secret\":\"w\",\"permissions\":{\"secrets\":[$1],\"keys\":[$2]},
		\"forbidden\":\"${3:-ForbiddenByPolicy}\",\"claims\":${4:-"{}"}}" >/dev/null
}
echo w >w.secret
check() {	# STATUS FILE OPTIONS…
	local status=$1 file=$2
	shift 2
	expect_status "$status" "$a" keys check --vm-config "$file" --keystore "$KV/" --ca-file kv/ca.pem --azure-authority "$KV_LOGIN" \
		--azure-client-id who --azure-client-secret-file w.secret "$@"
}

say "all that is needed is there: nothing to do"
client '"get"' '"get","unwrapKey"'
SECONDS=0
check 0 kek.json
expect_text '^OK .*nothing to do' out
expect_text 'of use for backups: secrets list backup; keys list backup' out
[ $SECONDS -lt 10 ] || fail "refusals were waited for: $SECONDS s"

say "a KEK is known by the secret's tags, too"
check 0 tagged.json --json
client '"get"' ''
check 14 tagged.json
expect_text 'keys: get unwrapKey is missing .ForbiddenByPolicy' out

say "a plain BEK: secret permissions alone, nothing is asked of keys"
control '{"do":"log"}' >/dev/null
check 0 plain.json
! control '{"do":"log"}' | grep -q '/keys' || fail "a plain BEK asked for key permissions"

say "each missing permission by name, with the command; access policies"
client '"list"' '"get"'
check 14 kek.json
expect_text 'secrets: get is missing' out
expect_text 'az keyvault set-policy --name tests --object-id 00000000-.* --secret-permissions get$' out
expect_text 'keys: unwrapKey is missing' out
expect_text '--key-permissions get unwrapKey$' out

say "Azure roles"
client '' '' ForbiddenByRbac
check 14 kek.json
expect_text "az role assignment create --role \"Key Vault Secrets User\" --assignee-object-id 0000.* --scope $id\$" out
expect_text 'role "Key Vault Crypto User"' out

say "a guest user, a member user, and the firewall"
client '' '' ForbiddenByPolicy '{"upn":"ann_elsewhere.example#EXT#@contoso.example","acct":1}'
check 14 kek.json
expect_text '^WARNING .*as guest user ann_elsewhere' out
expect_text 'UserErrorKeyVaultPermissionsNotConfigured' out
client '"get"' '' ForbiddenByPolicy '{"upn":"bob@contoso.example","acct":0}'
check 14 kek.json --json
jq -e '.access == "missing" and .error.code == 14 and (.error.text | test("UserErrorKeyVaultPermissionsNotConfigured")) and
	(.vaults[0] | .who == "member user" and .name == "bob@contoso.example" and .model == "policy" and
	(.missing | length == 1 and .[0].kind == "keys" and .[0].permissions == "get unwrapKey"))' out >/dev/null || fail "$(cat out)"
client '' '' ForbiddenByFirewall
check 14 kek.json
expect_text 'firewall' out

say "an object that is not there or disabled is told, and is no missing permission"
client '"get"' '"get","unwrapKey"'
settings nothing kek1 >none.json
check 0 none.json
expect_text 'mind: /secrets/nothing.* not there' out

say "no Key Vault is asked that nobody named"
control '{"do":"log"}' >/dev/null
expect_status 2 "$a" keys check --vm-config kek.json --ca-file kv/ca.pem
expect_text 'have not named' err
expect_status 2 "$a" keys check --vm-config kek.json --keystore azure --ca-file kv/ca.pem
[ "$(control '{"do":"log"}')" = "[]" ] || fail "it was asked"
expect_status 0 "$a" keys check --vm-config kek.json --keystore azure:vault.fake.localhost --ca-file kv/ca.pem --azure-authority "$KV_LOGIN" \
	--azure-client-id who --azure-client-secret-file w.secret
expect_status 2 "$a" keys check
echo '{"name":"vm1"}' >bare.json
check 10 bare.json
echo wrong >w.secret
check 14 kek.json
expect_text 'AADSTS7000215' err
