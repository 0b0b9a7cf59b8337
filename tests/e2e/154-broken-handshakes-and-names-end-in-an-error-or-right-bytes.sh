#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 300
# TLS handshakes that break off, are no TLS, are refused, or come with somebody else's certificate;
# name servers that are silent, out of order, or wrong: calls of a store and restores give the right
# bytes or an error in time.  In a network of the test's own, for the name server's port.
[ -n "${ADE_PRIVATE:-}" ] || exec env ADE_PRIVATE=1 unshare -n -m --propagation private bash "$0"
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/faults.sh"
require openssl ip
[ "$(id -u)" = 0 ] || skip "needs root for a network namespace"

ip link set lo up
A=$B/adebackup K=$T/vault.key
printf 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n' >"$T/resolv.conf"
printf '127.0.0.1 localhost\n' >"$T/hosts"
printf 'hosts: files dns\n' >"$T/nsswitch.conf"
for f in resolv.conf hosts nsswitch.conf; do
	[ ! -e "/etc/$f" ] || mount --bind "$T/$f" "$(readlink -f "/etc/$f")"
done
for name in ours other; do
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/$name.key" -out "$T/$name.pem" -days 2 \
		-subj /CN=store.example -addext subjectAltName=DNS:store.example 2>/dev/null
done
# connections break often, so that there are handshakes and look-ups to spoil
kinds=refuse,lost,cut,tlscut,tlsgarbage,tlsstall,tlsalert,tlsother,dnsfail,dnsnone,dnsempty,dnssilent,dnsgarbage,dnsother
serve_s3_faulty "$T/s3" --rate 0.25 --stall 1 --seed "$FAULT_SEED" --kinds "$kinds" --dns \
	--tls "$T/ours.pem" "$T/ours.key" "$T/other.pem" "$T/other.key"
E=https://store.example:${FAULTY##*:}
on() { "$A" "$1" s3://hammer/v "${@:2}" --endpoint "$E" --vault-key "$K" --ca-file "$T/ours.pem"; }
echo 0 >"$FAULTS/rate"
head -c 2M /dev/urandom >"$T/os.raw"
expect_status 0 on init
expect_status 0 on backup web1 --disk "os=$T/os.raw"

right=0 refused=0
for i in $(seq "${ROUNDS:-25}"); do
	echo 0.25 >"$FAULTS/rate"
	got=0 start=$SECONDS
	timeout 200 "$A" restore s3://hammer/v web1@latest --endpoint "$E" --vault-key "$K" --ca-file "$T/ours.pem" \
		--to "$T/back$i" >"$T/out" 2>"$T/err" || got=$?
	[ $((SECONDS - start)) -lt 150 ] || fail "a restore took $((SECONDS - start)) s"
	case $got in
	0) check_same "$T/os.raw" "$T/back$i/os.raw"; right=$((right + 1)) ;;
	# a bit flipped in a list hides what it names (10), in a slot it is a wrong key (12)
	1 | 3 | 10 | 12 | 15 | 16 | 17) refused=$((refused + 1)) ;;
	*) fail "restore: $got $(cat "$T/err")" ;;
	esac
	rm -rf "$T/back$i"
	[ "$SECONDS" -lt "${ENOUGH:-40}" ] || break
done
say "$right restores right, $refused refused; $(cut -d' ' -f1 "$FAULTS/faults" | sort | uniq -c | sort -rn | tr '\n' ' ')"
[ "$right" -gt 0 ] || fail "not one restore was right: $(cat "$T/err")"
grep -q '^tls' "$FAULTS/faults" || fail "no fault of TLS"
grep -q '^dns' "$FAULTS/faults" || fail "no fault of names"

say "somebody else's certificate and a name that is not there are told as such"
echo 0 >"$FAULTS/rate"
expect_status 0 on list web1
end_faulty
serve_faulty "$T/other" "$S3_PORT" --rate 1 --kinds tlsother --dns \
	--tls "$T/ours.pem" "$T/ours.key" "$T/other.pem" "$T/other.key"
E=https://store.example:${FAULTY##*:}
expect_status 15 on list web1
expect_text "certificate is not trusted" "$T/err"
end_faulty
serve_faulty "$T/names" "$S3_PORT" --rate 1 --kinds dnsnone --dns \
	--tls "$T/ours.pem" "$T/ours.key" "$T/other.pem" "$T/other.key"
E=https://store.example:${FAULTY##*:}
start=$SECONDS
expect_status 15 on list web1
[ $((SECONDS - start)) -lt 60 ] || fail "a wrong name took $((SECONDS - start)) s"
expect_text "resolve host|name is right" "$T/err"
