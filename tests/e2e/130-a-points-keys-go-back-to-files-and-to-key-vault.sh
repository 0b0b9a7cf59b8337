#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a recovery point keeps of keys that came from a Key Vault: shown, verified by opening the volumes,
# written to files, and put back into a Key Vault that was emptied, has them soft-deleted, or rotated.
# timeout: 300
. "$(dirname "$0")/lib.sh"
require mke2fs curl python3 openssl jq
. "$(dirname "$0")/keyvault.sh"
a=$B/adebackup
cd "$T"
key="--vault-key vault.key"
kv="--keystore $KV/ --ca-file kv/ca.pem --azure-authority $KV_LOGIN --azure-client-id app1 --azure-client-secret-file app1.secret"
v1=0123456789abcdef0123456789abcdef
token=$(curl -sf --cacert kv/ca.pem --noproxy '*' -d grant_type=client_credentials -d client_id=app1 \
	--data-urlencode client_secret@<(tr -d '\n' <app1.secret) -d scope=https://vault.fake.localhost/.default \
	"$KV_LOGIN/$KV_TENANT/oauth2/v2.0/token" | jq -r .access_token)
vault() {	# METHOD PATH: as an administrator would
	curl -sf --noproxy '*' --cacert kv/ca.pem -X "$1" -H "Authorization: Bearer $token" -H 'Content-Length: 0' \
		"$KV$2?api-version=7.4"
}
forget() { control '{"do":"forget"}' >/dev/null; }

make_disk() {	# NAME SEED
	mkdir "$1.beks" "$1.tree"
	echo "greetings from $1" >"$1.tree/greeting"
	mke2fs -q -t ext4 -d "$1.tree" "$1.plain" 24M
	"$B/tests/make/mkbitlocker" --seed "$2" --bek "$1.beks" "$1.plain" "$1.disk" >/dev/null
}
make_disk wrapped 3
make_disk plain 4
wbek=$(echo wrapped.beks/*.BEK) wname=$(basename "$wbek" .BEK)
pbek=$(echo plain.beks/*.BEK) pname=$(basename "$pbek" .BEK)

# As Azure Disk Encryption leaves it: one BEK wrapped, another one plain, each with its tags.
openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out kek.pem 2>/dev/null
openssl pkeyutl -encrypt -inkey kek.pem -in "$wbek" -out w -pkeyopt rsa_padding_mode:oaep
value=$(base64 -w0 w | tr '+/' '-_' | tr -d '=')
fill() {
	control "{\"do\":\"key\",\"name\":\"kek1\",\"version\":\"$v1\",\"pem\":\"$(awk '{printf "%s\\n", $0}' kek.pem)\"}"
	control "{\"do\":\"secret\",\"name\":\"$wname\",\"version\":\"$v1\",\"value\":\"$value\",\"contentType\":\"Wrapped BEK\",
		\"tags\":{\"DiskEncryptionKeyFileName\":\"$wname.BEK\",\"DiskEncryptionKeyEncryptionAlgorithm\":\"RSA-OAEP\",
		\"DiskEncryptionKeyEncryptionKeyURL\":\"$KV/keys/kek1/$v1\",\"MachineName\":\"vm1\"}}"
	control "{\"do\":\"secret\",\"name\":\"$pname\",\"version\":\"$v1\",\"value\":\"$(base64 -w0 "$pbek")\",\"contentType\":\"BEK\",
		\"tags\":{\"DiskEncryptionKeyFileName\":\"$pname.BEK\",\"VolumeLetter\":\"D:\"}}"
}
fill >/dev/null

for mode in sealed wrapped; do
	"$a" init $mode --capsule $mode $key -q
	# shellcheck disable=SC2086	# two words are two
	expect_status 0 "$a" backup $mode web1 --disk os=wrapped.disk --disk lun0=plain.disk $kv $key
	expect_text '^proven: 2 encrypted' out
done

say "show: where each key came from; no key"
expect_status 0 "$a" keys show sealed web1 $key
expect_text "secret     $KV/secrets/$wname/$v1 .Wrapped BEK" out
expect_text "wrapped    RSA-OAEP, $KV/keys/kek1/$v1" out
expect_text "backups    the secret's, the KEK's" out
expect_status 0 "$a" keys show sealed web1 $key --json
jq -e --arg n "$pname" '.keys | length == 2 and all(.opens and .secret_backup) and
	any(.tags.VolumeLetter == "D:" and .content_type == "BEK" and (.secret_url | contains($n)))' out >/dev/null || fail "$(cat out)"
! grep -qF -e "$value" -e "$(base64 -w0 "$pbek")" out || fail "a key is shown"

say "verify opens the volumes for real, Key Vault or not"
forget
expect_status 0 "$a" keys verify sealed web1 $key
expect_text '2 encrypted volumes opened' out
expect_status 13 "$a" keys verify wrapped web1 $key
expect_text 'lun0.*STAYS CLOSED' out
expect_status 13 "$a" keys verify wrapped web1 $key --keystore pem:kek.pem
expect_text 'os p[0-9]+  opens, inside: ext4' out
expect_text 'lun0.*STAYS CLOSED' out

say "export: private files with ADE's names, an audit line, no second copy"
expect_status 0 "$a" keys export sealed web1 --to exported $key --reason 'ticket 4711' --audit-log audit
check_same "$wbek" "exported/$wname.BEK"
check_same "$pbek" "exported/$pname.BEK"
[ "$(stat -c %a exported "exported/$wname.BEK" | tr '\n' ' ')" = "700 600 " ] || fail "modes of the files"
[ "$(jq -r 'select(.action == "export" and .reason == "ticket 4711" and .result == "ok") | .object' audit | wc -l)" = 2 ] || fail "$(cat audit)"
! grep -qF "$(base64 -w0 "$pbek")" audit || fail "a key in the audit file"
expect_status 0 "$a" keys export wrapped web1 --to exported2 $key --keystore pem:kek.pem
[ "$(ls exported2)" = "$wname.BEK" ] || fail "$(ls exported2)"
expect_status 13 "$a" keys export wrapped web1 --to exported3 $key
expect_status 1 "$a" keys export sealed web1 --to exported4 $key --audit-log /dev/full
[ -z "$(ls exported4)" ] || fail "a key left without its audit line"

put_back() {	# VAULT: what the Key Vault holds opens the disks
	# shellcheck disable=SC2086
	expect_status 0 "$a" keys restore-to-keyvault "$1" web1 $key $kv --json
}
opens() {
	local d=$1
	# shellcheck disable=SC2086
	expect_status 0 "$a" inspect "$d.disk" $kv --secret-url "$2" --json
	jq -e 'any(.partitions[]; .state == "open")' out >/dev/null || fail "$d does not open by $2: $(cat out)"
}
check_urls() {
	cp out urls
	opens wrapped "$(jq -r --arg n "$wname" '.keys[] | select(.was | contains($n)).secret_url' urls)"
	opens plain "$(jq -r --arg n "$pname" '.keys[] | select(.was | contains($n)).secret_url' urls)"
}

say "an emptied Key Vault: KEK by its backup, the wrapped secret verbatim, the plain one by its backup"
put_back sealed
jq -e '[.keys[] | .kek, .secret] | sort == ["", "restored from its backup", "restored from its backup", "set"]' out >/dev/null || fail "$(cat out)"
check_urls
vault GET "/secrets/$wname/" >got
[ "$(jq -r .value got)" = "$value" ] || fail "not verbatim: $(cat got)"
jq -e --arg k "$KV/keys/kek1/$v1" '.contentType == "Wrapped BEK" and .tags.MachineName == "vm1" and
	.tags.DiskEncryptionKeyEncryptionAlgorithm == "RSA-OAEP" and .tags.DiskEncryptionKeyEncryptionKeyURL == $k' got >/dev/null || fail "$(cat got)"

say "again: nothing is done"
put_back sealed
jq -e '.keys | all(.secret == "was there")' out >/dev/null || fail "$(cat out)"

say "soft-deleted: recovered, not set anew"
for n in "secrets/$wname" "secrets/$pname" keys/kek1; do vault DELETE "/$n" >/dev/null; done
put_back wrapped
jq -e '[.keys[] | .kek, .secret] | sort == ["", "recovered from soft deletion", "recovered from soft deletion", "recovered from soft deletion"]' out >/dev/null ||
	fail "$(cat out)"
check_urls

say "rotated: the old versions are there, nothing is done"
fill >/dev/null
control '{"do":"key","name":"kek1"}' >/dev/null
put_back sealed
check_urls

say "no permission for backups: the point keeps none; the plain secret comes back by its value"
forget
fill >/dev/null
control '{"do":"client","id":"app5","secret":"x5","permissions":{"secrets":["get","list"],"keys":["get","unwrapKey"]}}' >/dev/null
echo x5 >app5.secret
SECONDS=0
expect_status 0 "$a" backup sealed web1 --disk os=wrapped.disk --disk lun0=plain.disk --keystore "$KV/" --ca-file kv/ca.pem \
	--azure-authority "$KV_LOGIN" --azure-client-id app5 --azure-client-secret-file app5.secret $key
[ $SECONDS -lt 20 ] || fail "a refused backup was waited for: $SECONDS s"
expect_status 0 "$a" keys show sealed web1 $key
expect_text "backups    none of the secret, none of the KEK" out
forget
# shellcheck disable=SC2086
expect_status 13 "$a" keys restore-to-keyvault sealed web1 $key $kv
expect_text 'KEK that wraps the secret is not in this Key Vault' err
control "{\"do\":\"key\",\"name\":\"imported\",\"version\":\"$v1\",\"pem\":\"$(awk '{printf "%s\\n", $0}' kek.pem)\"}" >/dev/null
# shellcheck disable=SC2086
expect_status 0 "$a" keys restore-to-keyvault sealed web1 $key $kv --kek-url "$KV/keys/imported/$v1" --json
jq -e '[.keys[].secret] == ["set", "set"]' out >/dev/null || fail "$(cat out)"
check_urls

say "refusals"
# shellcheck disable=SC2086
expect_status 2 "$a" keys restore-to-keyvault sealed web1 $key
forget
control "{\"do\":\"key\",\"name\":\"imported\",\"version\":\"$v1\",\"pem\":\"$(awk '{printf "%s\\n", $0}' kek.pem)\"}" >/dev/null
expect_status 14 "$a" keys restore-to-keyvault sealed web1 --keystore "$KV/" --ca-file kv/ca.pem --kek-url "$KV/keys/imported/$v1" \
	--azure-authority "$KV_LOGIN" --azure-client-id app5 --azure-client-secret-file app5.secret $key
expect_text 'secret-permissions set' err
expect_status 0 "$a" backup sealed files --disk os=plain.disk --bek "$pbek" $key
# shellcheck disable=SC2086
expect_status 13 "$a" keys restore-to-keyvault sealed files $key $kv
expect_text 'no key of the point came from a Key Vault' err
expect_status 0 "$a" backup sealed bare --disk os=plain.disk $key
expect_status 0 "$a" keys show sealed bare $key
expect_text 'keeps no key' out
expect_status 13 "$a" keys verify sealed bare $key
expect_status 13 "$a" keys export sealed bare --to none $key
