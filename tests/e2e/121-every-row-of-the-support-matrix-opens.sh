#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# {managed, unmanaged} x {BEK, BEK+KEK} x {with AAD app, without} x {Windows, Linux} x {local key
# store, Key Vault}: the key is found by the settings of that case, the disk is backed up, the Key
# Vault rotated, then emptied, and the point's disk has the right bytes each time.
# timeout: 300
. "$(dirname "$0")/lib.sh"
require mkntfs openssl curl jq python3 cryptsetup sfdisk qemu-img
. "$(dirname "$0")/keyvault.sh"
. "$(dirname "$0")/matrix.sh"
cd "$T"
mkdir m
defer unmount "$T/m"

say "the fixtures are what their maker writes"
mkdir made
"$ROOT/tests/make/azure-matrix" made "$B/tests/make/mkbitlocker"
diff -r made "$FIXTURES" >&2 || fail "tests/make/azure-matrix writes something else"
[ ${#ROWS[@]} = 32 ] || fail "${#ROWS[@]} rows"

# Where keys are wrapped the point keeps them so, and all are kept in the other vault.
"$ADE" init sealed --vault-key vault.key -q
"$ADE" init wrapped --capsule wrapped --vault-key vault.key -q
for row in "${ROWS[@]}"; do
	matrix_disk "$row"
	matrix_secret "$row"
	vault=sealed
	if is "$row" kek; then vault=wrapped; fi
	matrix_backup $vault "$row" || fail "$row: $(cat said audit)"
	[ $vault = sealed ] || matrix_backup sealed "$row" || fail "$row: $(cat said audit)"
done
say "${#ROWS[@]} rows are backed up"

say "rotated: new versions of every key and secret, the old secrets gone; disks opened by:"
(umask 077; echo 'not a key' >other)
"$ADE" keystore rotate store kek1 --bits 2048 --keystore-key store.key >/dev/null
control '{"do":"key","name":"kek1"}' >/dev/null
for row in "${ROWS[@]}"; do
	if is "$row" local; then
		"$ADE" keystore delete store "${GUID[$row]}" --keystore-key store.key
	fi
done
token=$(curl -sf --noproxy '*' --cacert kv/ca.pem "$KV_LOGIN/$KV_TENANT/oauth2/v2.0/token" \
	-d grant_type=client_credentials -d client_id=app1 --data-urlencode client_secret@<(tr -d '\n' <app1.secret) \
	-d scope=https://vault.fake.localhost/.default | jq -r .access_token)
for row in "${ROWS[@]}"; do
	if is "$row" keyvault; then
		curl -sf --noproxy '*' --cacert kv/ca.pem -X DELETE -H "Authorization: Bearer $token" \
			"$KV/secrets/${GUID[$row]}?api-version=7.4" >/dev/null
	fi
done

table=$T/table
{
	echo '| disks | keys | AAD app | OS | key store | settings | opened by |'
	echo '|---|---|---|---|---|---|---|'
} >"$table"
for row in "${ROWS[@]}"; do
	IFS=- read -r disks keys aad os store <<<"$row"
	vault=sealed with=''
	if is "$row" kek; then
		vault=wrapped with=' --keystore azure'
		[ "$store" = keyvault ] || with=' --keystore local:store --keystore-key store.key'
	fi
	matrix_mount $vault "$row" m 2>err || fail "$row: $(cat err)"
	[ "$(sha m/os/disk.raw)" = "${WANT[$row]}" ] || fail "$row: wrong bytes"
	jq -e --arg g "${GUID[$row]}" '[.partitions[].opened_by | select(. != null and contains($g))] | length == 1' \
		m/os/info.json >/dev/null || fail "$row: opened by another key: $(cat m/os/info.json)"
	unmount "$T/m"
	[ "$aad" = aad ] && aad=with || aad=without
	[ "$keys" = kek ] && keys=BEK+KEK || keys=BEK
	echo "| $disks | $keys | $aad | ${os^} | ${store/keyvault/Key Vault} | ${READ[$row]} | \`adebackup mount vault m --vm $row --point latest --vault-key vault.key$with\` |" >>"$table"
done

say "emptied: no Key Vault, no local key store, the vault's key alone"
control '{"do":"forget"}' >/dev/null
rm -r store
mount_ade sealed all vault-key=vault.key
for row in "${ROWS[@]}"; do
	view=disk.raw want=${WANT[$row]}
	if is "$row" linux; then view=p1.raw want=${WANT_ROOT[$row]}; fi
	[ "$(sha "all/$row/latest/os/$view")" = "$want" ] || fail "$row: wrong bytes without its Key Vault"
	! grep -qE 'eyJ|"secretData": *"' "all/$row/latest/vm.json" || fail "$row: a secret in vm.json"
done

say "the README shows this table"
sed -n '/<!-- matrix -->/,/<!-- end of the matrix -->/p' "$ROOT/README.md" | grep '^|' >shown || :
diff shown "$table" >&2 || fail "the table in README.md is another one (the new one: $(cat "$table"))"
