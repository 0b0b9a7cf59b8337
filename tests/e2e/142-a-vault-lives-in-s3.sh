#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A vault in an S3 bucket: against a strict server that checks every signature, to which the official
# client is put too, and against s3rver; what we sign is what the official signer signs.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/node.sh"
require jq openssl python3

A=$B/adebackup K=$T/vault.key
export AWS_REGION=eu-test-1 AWS_ACCESS_KEY_ID=AKIDTEST AWS_SECRET_ACCESS_KEY=the+secret/of=tests
unset AWS_SESSION_TOKEN AWS_PROFILE AWS_ENDPOINT_URL
s3() { node "$ROOT/tests/fake/s3-client.cjs" "$@"; }
serve_s3() {	# FOLDER OPTIONS…: $S3_ENDPOINT is where
	"$ROOT/tests/fake/s3" "$@" 2>"$1.log" &
	defer end_process $!
	wait_for 30 test -s "$1/port"
	S3_ENDPOINT=http://127.0.0.1:$(cat "$1/port")
	export S3_ENDPOINT
}
head -c 9M /dev/urandom >"$T/os.raw"
truncate -s 24M "$T/os.raw"
cp "$T/os.raw" "$T/os1.raw"

say "200 requests are signed as the official signer signs them"
python3 - >"$T/requests" <<'EOF'
import json, random
r = random.Random(7)
def word(chars, n): return "".join(r.choice(chars) for _ in range(r.randint(1, n)))
plain = "abcdefghijklmnopqrstuvwxyz0123456789"
for i in range(200):
    names = r.sample(["prefix", "list-type", "max-keys", "continuation-token", "lifecycle", "delimiter"], r.randint(0, 5))
    headers = ["x-amz-date: 20261126T1%d%d000Z" % (i % 10, i % 6), "x-amz-content-sha256: %064x" % r.getrandbits(256)]
    for name in r.sample(["Content-MD5", "Range", "If-None-Match", "x-amz-security-token", "x-amz-meta-b", "Content-Type"], r.randint(0, 4)):
        headers.append("%s: %s" % (name, word(plain + "=/+*", 40)))
    print(json.dumps({"method": r.choice(["GET", "PUT", "HEAD", "DELETE"]), "host": word(plain, 20) + ".example",
        "path": "/" + "/".join(word(plain + "-_.~", 12) for _ in range(r.randint(0, 4))), "headers": headers,
        "params": [[n, word(plain + " /+=%&?", 20)] for n in names], "sha256": headers[1].split(": ")[1],
        "date": headers[0].split(": ")[1], "region": word(plain, 9), "id": "AK" + word(plain, 9), "secret": word(plain + "/+", 40)}))
EOF
"$B/tests/make/aws-sign" <"$T/requests" >"$T/ours"
s3 sign <"$T/requests" >"$T/theirs"
[ "$(wc -l <"$T/ours")" = 200 ] || fail "$(wc -l <"$T/ours") signatures"
check_same "$T/ours" "$T/theirs"

say "the strict server takes the official client, and does not with a wrong secret"
serve_s3 "$T/strict" --page 5 --conflict 4
s3 create vaults
echo 1 >"$T/one"
s3 putnew vaults x "$T/one"
expect_status 1 s3 putnew vaults x "$T/one"
expect_text PreconditionFailed "$T/err"
s3 get vaults x "$T/one.back" && check_same "$T/one" "$T/one.back"
AWS_SECRET_ACCESS_KEY=wrong expect_status 1 s3 get vaults x "$T/one.back"
expect_text SignatureDoesNotMatch "$T/err"

say "a vault there: made, backed up, listed in pages of 5, verified, restored, mounted"
V=s3://vaults/north
on() { "$A" "$@" --endpoint "$S3_ENDPOINT" --vault-key "$K"; }
expect_status 0 on init "$V" --json
[ "$(jq .conditional_put "$T/out")" = true ] || fail "$(cat "$T/out")"
expect_status 11 on init "$V"
for i in 1 2 3; do
	dd if=/dev/urandom of="$T/os.raw" bs=4k seek=$((i * 500)) count=4 conv=notrunc status=none
	expect_status 0 on backup "$V" web1 --disk "os=$T/os.raw"
done
expect_status 0 on list "$V" web1 --json
[ "$(jq '.points | length' "$T/out")" = 3 ] || fail "$(cat "$T/out")"
expect_status 0 on verify "$V"
expect_status 0 on restore "$V" web1@latest --to "$T/back"
check_same "$T/os.raw" "$T/back/os.raw"
mount_ade "$V" "$T/m" "vault-key=$K,endpoint=$S3_ENDPOINT"
check_same "$T/os.raw" "$T/m/web1/latest/os/disk.raw"
unmount "$T/m"

say "the official client reads it all, and we what it writes"
s3 getall vaults north/ "$T/copy"
expect_status 0 "$A" restore "$T/copy" web1@latest --to "$T/back2" --vault-key "$K"
check_same "$T/os.raw" "$T/back2/os.raw"
s3 create copies
s3 putall copies "" "$T/copy"
expect_status 0 on verify s3://copies

say "refusals, each with what to do"
AWS_SECRET_ACCESS_KEY=wrong expect_status 14 on list "$V"
expect_text "SignatureDoesNotMatch" "$T/err"
AWS_ACCESS_KEY_ID=other expect_status 14 on list "$V"
expect_text "access key and secret key belong together" "$T/err"
AWS_REGION=us-east-1 expect_status 0 on list "$V"
expect_status 10 on list s3://nothing
AWS_ACCESS_KEY_ID='' HOME=$T expect_status 13 on list "$V"
expect_text "s3-credentials-file" "$T/err"

say "keys from a file; a mount outlives them"
printf '[default]\naws_access_key_id = AKIDTEST\naws_secret_access_key = the+secret/of=tests\n' >"$T/cred"
mount_ade "$V" "$T/m" "vault-key=$K,endpoint=$S3_ENDPOINT,s3-credentials-file=$T/cred"
ls "$T/m/web1/latest/os" >/dev/null
echo "AKID2 second token" >"$T/strict/keys"
expect_status 14 on list "$V" --s3-credentials-file "$T/cred"
printf '[default]\naws_access_key_id=AKID2\naws_secret_access_key=second\naws_session_token=token\n' >"$T/cred"
check_same "$T/os.raw" "$T/m/web1/latest/os/disk.raw"
unmount "$T/m"

say "a server that knows no condition says so, and one that does not say it is found out"
rm "$T/strict/keys"
serve_s3 "$T/says" --say-501
s3 create b01
expect_status 0 on init s3://b01 --json
[ "$(jq .conditional_put "$T/out")" = false ] || fail "$(cat "$T/out")"
expect_status 0 on backup s3://b01 web1 --disk "os=$T/os.raw"
expect_status 0 on restore s3://b01 web1@latest --to "$T/back3"
check_same "$T/os.raw" "$T/back3/os.raw"

say "s3rver, with the official client beside us"
mkdir "$T/rver"
serve_node "$T/rver.log" "$NODE_PATH/s3rver/bin/s3rver.js" -a 127.0.0.1 -p 0 -d "$T/rver" --configure-bucket plain
S3_ENDPOINT=http://127.0.0.1:$(port_in "$T/rver.log" 'listening on 127.0.0.1:')
export AWS_ACCESS_KEY_ID=S3RVER AWS_SECRET_ACCESS_KEY=S3RVER AWS_REGION=us-east-1
expect_status 0 on init s3://plain/v --json
[ "$(jq .conditional_put "$T/out")" = false ] || fail "$(cat "$T/out")"
expect_status 0 on backup s3://plain/v web1 --disk "os=$T/os.raw"
expect_status 0 on verify s3://plain/v
expect_status 0 on restore s3://plain/v web1@latest --to "$T/back4"
check_same "$T/os.raw" "$T/back4/os.raw"
s3 getall plain v/ "$T/copy2"
expect_status 0 "$A" verify "$T/copy2" --vault-key "$K"
