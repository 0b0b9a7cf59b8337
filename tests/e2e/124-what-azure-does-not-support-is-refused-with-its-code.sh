#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# From a VM's settings to a refusal by name: keys and secrets of a certificate, disabled ones, a
# wrong tenant, missing permissions, a Key Vault that is nobody's; expired ones are tried and warned of.
. "$(dirname "$0")/lib.sh"
require mkntfs openssl curl jq python3
. "$(dirname "$0")/keyvault.sh"
. "$(dirname "$0")/matrix.sh"
cd "$T"
row=managed-kek-aad-windows-keyvault
matrix_disk $row
mkdir m
defer unmount "$T/m"
config=$(matrix_config $row)

keys() {	# SECRET-JQ KEY-JQ: the Key Vault holds the row's two, changed so
	control '{"do":"forget"}' >/dev/null
	matrix_value $row >value
	control "$(jq -nc --arg v "${KEK[$row]}" --rawfile pem "$(kek_pem $row)" \
		"{do: \"key\", name: \"kek1\", version: \$v, pem: \$pem} + $2")" >/dev/null
	control "$(jq -nc --arg n "${GUID[$row]}" --arg v "${VERSION[$row]}" --rawfile value value --arg alg "${ALGORITHM[$row]}" \
		"{do: \"secret\", name: \$n, version: \$v, value: \$value, contentType: \"Wrapped BEK\",
		  tags: {DiskEncryptionKeyFileName: (\$n + \".BEK\"), DiskEncryptionKeyEncryptionAlgorithm: \$alg}} + $1")" >/dev/null
}
sign_in=(--ca-file kv/ca.pem --azure-authority "$KV_LOGIN" --azure-client-id app1 --azure-client-secret-file app1.secret)
try() { "$B/adebackup" mount "disks/$row" m --keystore "${1:-azure:vault.fake.localhost}" --vm-config "$config" "${sign_in[@]}" 2>err; }
opens() {	# PATTERN OF WHAT IS SAID
	try || fail "no mount: $(cat err)"
	[ "$(sha m/disk.raw)" = "${WANT[$row]}" ] || fail "wrong bytes"
	unmount "$T/m"
	[ -z "$1" ] || expect_text "$1" err
}
refused() {	# CODE PATTERN [STORE]
	local got=0
	try "${3:-}" || got=$?
	[ $got = "$1" ] || fail "exit code $got, expected $1: $(cat err)"
	expect_text "$2" err
	unmount "$T/m"
}

keys '{}' '{}'
opens ''
say "the settings' KEK is enough: the secret's tags name none"

say "certificates"
keys '{managed: true}' '{}'
refused 17 'secret belongs to a certificate'
keys '{kid: "https://tests.vault.fake.localhost/keys/cert1/0123"}' '{}'
refused 17 'secret belongs to a certificate'
keys '{contentType: "application/x-pkcs12"}' '{}'
refused 17 'secret belongs to a certificate'
keys '{}' '{managed: true}'
refused 17 'key belongs to a certificate'

say "disabled"
keys '{attributes: {enabled: false}}' '{}'
refused 14 'secret is disabled .SecretDisabled'
keys '{}' '{attributes: {enabled: false}}'
refused 14 'key is disabled .KeyDisabled'

say "expired ones are tried, and warned of"
keys '{attributes: {exp: 1500000000}}' '{}'
opens 'secret has expired'
keys '{}' '{attributes: {exp: 1500000000}}'
opens 'key kek1.* has expired'

say "permissions"
control '{"do":"client","id":"app5","secret":"x5","permissions":{"secrets":["get"],"keys":["get"]}}' >/dev/null
keys '{}' '{}'
(umask 077; echo x5 >app5.secret)
sign_in[5]=app5 sign_in[7]=app5.secret
refused 14 'UserErrorKeyVaultPermissionsNotConfigured'
expect_text 'unwrapKey' err
control '{"do":"client","id":"app5","secret":"x5","permissions":{"secrets":[],"keys":["get","unwrapKey"]}}' >/dev/null
refused 14 'UserErrorKeyVaultPermissionsNotConfigured'
expect_text 'secret-permissions get' err
control '{"do":"client","id":"app5","secret":"x5","permissions":{"secrets":["get"],"keys":["unwrapKey"]}}' >/dev/null
opens 'cannot be seen: that takes the key permission get'

say "a token of another tenant"
curl -sf --noproxy '*' -H Metadata:true -o token.json \
	"http://127.0.0.1:$KV_HTTP/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.fake.localhost&client_id=app1"
sign_in=(--ca-file kv/ca.pem --azure-token-file token.json)
opens ''
control '{"do":"set","tenant":"99999999-2222-3333-4444-555555555555"}' >/dev/null
refused 14 'wrong tenant'

say "nobody's Key Vault: not asked"
control '{"do":"log"}' >/dev/null
refused 14 "not in one of Azure's clouds" azure
refused 14 'not under vault.azure.net' azure:vault.azure.net
[ "$(control '{"do":"log"}')" = '[]' ] || fail "it was asked"
"$B/adebackup" mount "disks/$row" m --vm-config "$config" 2>err && fail "mounted without any key store"
expect_text 'keystore=azure' err
