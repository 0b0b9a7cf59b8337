#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 400
# A store that dies under a restore costs one deadline and not the sum of all that the command still wanted of it;
# a name that led astray is looked up again; a sign-in that does not answer is waited for once, not by each in
# his turn.  In a network of the test's own, for the name server's port.
[ -n "${ADE_PRIVATE:-}" ] || exec env ADE_PRIVATE=1 unshare -n -m --propagation private bash "$0"
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/faults.sh"
require ip jq
[ "$(id -u)" = 0 ] || skip "needs root for a network namespace"

ip link set lo up
A=$B/adebackup K=$T/vault.key
head -c 64M /dev/urandom >"$T/os.raw"
serve_s3_faulty "$T/s3" --rate 0
P=http://127.0.0.1:$S3_PORT
"$A" init s3://hammer/v --endpoint "$P" --vault-key "$K" >/dev/null
"$A" backup s3://hammer/v web1 --endpoint "$P" --vault-key "$K" --disk "os=$T/os.raw" >/dev/null

say "the store stops in the middle of a restore"
"$A" restore s3://hammer/v web1@latest --to "$T/back" --endpoint "$P" --vault-key "$K" --max-bandwidth 4M \
	--request-deadline 20 >"$T/out" 2>"$T/err" &
restore=$!
begun() { ls "$T/back/"*.part; }
wait_for 20 begun
kill -STOP "$S3_PID"
start=$SECONDS got=0
wait "$restore" || got=$?
kill -CONT "$S3_PID"
took=$((SECONDS - start))
[ "$got" = 15 ] || [ "$got" = 1 ] || fail "restore ended with $got: $(cat "$T/err")"
say "it ended after $took s"
# 20 s for what it read; 15 for what else was under way, and 15 for its last words
[ "$took" -le 55 ] || fail "it took $took s to give up: $(cat "$T/err")"
[ "$took" -ge 15 ] || fail "it gave up after $took s"
expect_text "--resume" "$T/err"
expect_status 0 "$A" restore s3://hammer/v web1@latest --to "$T/back" --endpoint "$P" --vault-key "$K" --resume
check_same "$T/os.raw" "$T/back/os.raw"
end_faulty

say "a name that led where nobody listens is looked up again"
printf 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n' >"$T/resolv.conf"
printf '127.0.0.1 localhost\n' >"$T/hosts"
printf 'hosts: files dns\n' >"$T/nsswitch.conf"
for f in resolv.conf hosts nsswitch.conf; do
	[ ! -e "/etc/$f" ] || mount --bind "$T/$f" "$(readlink -f "/etc/$f")"
done
serve_faulty "$T/names" "$S3_PORT" --rate 1 --kinds dnsother --dns
"$A" list s3://hammer/v web1 --vault-key "$K" --endpoint "http://store.example:${FAULTY##*:}" --allow-http \
	>"$T/out" 2>"$T/err" &
list=$!
asked() { [ -s "$FAULTS/faults" ]; }
wait_for 20 asked
sleep 0.2
echo 0 >"$FAULTS/rate"
start=$SECONDS
wait "$list" || fail "it stayed with the first answer: $(cat "$T/err")"
[ $((SECONDS - start)) -lt 20 ] || fail "it took $((SECONDS - start)) s"
end_faulty

say "a name server that says nothing does not keep it beyond its deadline"
printf 'nameserver 127.0.0.1\noptions timeout:20 attempts:3\n' >"$T/resolv.conf"
serve_faulty "$T/mute" "$S3_PORT" --rate 1 --kinds dnssilent --dns
start=$SECONDS
expect_status 15 "$A" list s3://hammer/v web1 --vault-key "$K" --endpoint "http://store.example:${FAULTY##*:}" --allow-http \
	--request-deadline 4
[ $((SECONDS - start)) -lt 10 ] || fail "it took $((SECONDS - start)) s"
end_faulty

say "eight threads wait for a sign-in that does not answer"
# the metadata service accepts, and says nothing
python3 - "$T/silent" <<'END' &
import os, socket, sys, time
s = socket.create_server(("127.0.0.1", 0), backlog=64)
open(sys.argv[1] + ".new", "w").write(str(s.getsockname()[1]))
os.rename(sys.argv[1] + ".new", sys.argv[1])
kept = []
while True:
    kept.append(s.accept())
END
defer end_pid $!
wait_for 20 test -s "$T/silent"
AZURE_POD_IDENTITY_AUTHORITY_HOST=http://127.0.0.1:$(cat "$T/silent")
export AZURE_POD_IDENTITY_AUTHORITY_HOST
unset AZURE_STORAGE_KEY AZURE_STORAGE_SAS_TOKEN AZURE_STORAGE_CONNECTION_STRING
start=$SECONDS
timeout 300 "$B/tests/make/store-hammer" az://acct/hammer https://127.0.0.1:1/acct 1 1 8 >"$T/out" 2>"$T/err" || true
took=$((SECONDS - start))
say "8 threads: $took s, $(cat "$T/out")"
grep -q ' calls' "$T/out" || fail "$(cat "$T/out" "$T/err")"
# two calls of each: a put that fails, and its removal
[ "$took" -le 130 ] || fail "each waited in his turn: $took s"
