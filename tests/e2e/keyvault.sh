# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# For tests that need a Key Vault: starts tests/fake/keyvault, which ends with the test.
#	. "$(dirname "$0")/keyvault.sh"
# Afterwards: $KV (https://tests.vault.fake.localhost:PORT), $KV_OPTS (mount options of an
# application that may do all), control JSON (play the administrator). KV_IMDS, an address: the metadata service answers there
# too, at port 80.
# shellcheck disable=SC2086	# none, or one word
"$ROOT/tests/fake/keyvault" "$T/kv" ${KV_IMDS:-} 2>"$T/kv.log" &
defer kill $!
wait_for 20 test -s "$T/kv/port"
KV_PORT=$(cat "$T/kv/port")
KV_HTTP=$(cat "$T/kv/http_port")
KV=https://tests.vault.fake.localhost:$KV_PORT
KV_LOGIN=https://login.fake.localhost:$KV_PORT
KV_TENANT=11111111-2222-3333-4444-555555555555

control() {	# JSON
	curl -sf --max-time 20 --noproxy '*' -d "$1" "http://127.0.0.1:$KV_HTTP/control"
}
control '{"do":"client","id":"app1","secret":"the-s3cret/of+app1"}' >/dev/null
(umask 077; echo 'the-s3cret/of+app1' >"$T/app1.secret")
KV_NET="ca-file=$T/kv/ca.pem,azure-authority=$KV_LOGIN"
KV_OPTS="keystore=$KV/,$KV_NET,azure-client-id=app1,azure-client-secret-file=$T/app1.secret"
