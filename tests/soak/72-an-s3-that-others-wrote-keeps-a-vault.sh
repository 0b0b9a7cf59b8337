#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A vault in an S3 that others wrote and run: Ceph's gateway before a cluster of one monitor and one disk in memory,
# set up from nothing.  Whether it honours conditional puts, and what it answers, is recorded.
. "$(dirname "$0")/../e2e/lib.sh"
. "$(dirname "$0")/../e2e/node.sh"
require ceph-mon ceph-osd monmaptool ceph radosgw radosgw-admin uuidgen jq python3
require_root

A=$B/adebackup K=$T/vault.key C=$T/ceph
export AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=AKIDTEST AWS_SECRET_ACCESS_KEY=thesecretoftests
unset AWS_SESSION_TOKEN AWS_PROFILE AWS_ENDPOINT_URL
s3() { node "$ROOT/tests/fake/s3-client.cjs" "$@"; }
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
end_pid() { kill "$1" 2>/dev/null || return 0; wait "$1" || true; }
ceph_tool() { timeout 60 "$1" -c "$C/conf" "${@:2}" 2>>"$C/tools.log"; }
serve_ceph() {	# COMMAND ARGS…
	"$1" -c "$C/conf" "${@:2}" -f >>"$C/$1.out" 2>&1 &
	defer end_pid $!
}

say "a cluster of one monitor and one disk"
mkdir -p "$C/mon" "$C/osd" "$C/run" "$C/rgw"
fsid=$(uuidgen) v1=$(free_port) v2=$(free_port) gate=$(free_port)
addresses="[v2:127.0.0.1:$v2/0,v1:127.0.0.1:$v1/0]"
cat >"$C/conf" <<END
[global]
fsid = $fsid
mon host = $addresses
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
run dir = $C/run
admin socket = $C/run/\$name.asok
pid file = $C/run/\$name.pid
log file = $C/\$name.log
mon data = $C/mon
mon allow pool size one = true
osd data = $C/osd
osd objectstore = memstore
memstore device bytes = 2147483648
osd crush chooseleaf type = 0
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pg autoscale mode = off
[client.rgw]
ms mon client mode = crc
auth client required = none
rgw data = $C/rgw
rgw frontends = beast endpoint=127.0.0.1:$gate
END
ceph_tool monmaptool --create --addv a "$addresses" --fsid "$fsid" "$C/monmap" >/dev/null
ceph_tool ceph-mon --mkfs -i a --monmap "$C/monmap"
serve_ceph ceph-mon -i a
uuid=$(uuidgen)
wait_for 60 timeout 20 ceph -c "$C/conf" mon stat
[ "$(ceph_tool ceph osd new "$uuid")" = 0 ] || fail "$(cat "$C/tools.log")"
ceph_tool ceph-osd -i 0 --mkfs --osd-uuid "$uuid"
serve_ceph ceph-osd -i 0
up() { ceph_tool ceph osd stat | grep -q '1 up'; }
wait_for 60 up

say "its gateway, and a user of it"
timeout 120 radosgw-admin -c "$C/conf" user create --uid tests --display-name tests \
	--access-key "$AWS_ACCESS_KEY_ID" --secret-key "$AWS_SECRET_ACCESS_KEY" >/dev/null 2>"$T/err" || fail "$(tail -20 "$T/err")"
serve_ceph radosgw -n client.rgw
export S3_ENDPOINT=http://127.0.0.1:$gate
answers() { curl -s -o /dev/null "$S3_ENDPOINT/"; }
for ((i = 0; i < 240; i++)); do
	! answers || break
	sleep 0.5
done
answers || fail "the gateway does not come up: $(tail -n 10 "$C/radosgw.out" "$C"/client.rgw.log)"
s3 create vaults

say "what it answers to conditional puts"
echo 1 >"$T/one"
s3 putnew vaults x "$T/one"
second=accepted
s3 putnew vaults x "$T/one" 2>"$T/err" || second=$(cat "$T/err")
raced=$(s3 race vaults race/ 40 8)
say "$second; $raced"

say "a vault in it"
V=s3://vaults/north
on() { "$A" "$@" --endpoint "$S3_ENDPOINT" --vault-key "$K"; }
head -c 40M /dev/urandom >"$T/os.raw"
truncate -s 100M "$T/os.raw"
expect_status 0 on init "$V" --json
conditional=$(jq .conditional_put "$T/out")
expect_status 11 on init "$V"
for i in 1 2 3; do
	dd if=/dev/urandom of="$T/os.raw" bs=4k seek=$((i * 500)) count=40 conv=notrunc status=none
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
expect_status 0 on prune "$V" --keep-last 1
expect_status 0 on list "$V" web1 --json
[ "$(jq '.points | length' "$T/out")" = 1 ] || fail "$(cat "$T/out")"
expect_status 0 on verify "$V"
expect_status 0 on restore "$V" web1@latest --to "$T/back2"
check_same "$T/os.raw" "$T/back2/os.raw"
AWS_SECRET_ACCESS_KEY=wrong expect_status 14 on list "$V" web1

say "many threads at once, every answer right"
make_here makers
hammered=$("$B/tests/make/store-hammer" s3://vaults "$S3_ENDPOINT" 7 200 16)

tee "$T/figures" <<END
$(radosgw --version | cut -d' ' -f1-3), a cluster of one monitor and one disk, started by the campaign.
init, three backups, list, verify, restore, mount, prune, verify and restore of what is left: all as they should be;
a wrong secret is told as such (14). The conformance hammer: $hammered.

Conditional puts (If-None-Match: *): init recorded $conditional. A second put of the same name: $second.
Eight at once for one new name: $raced.
END
"$ROOT/tests/record" "S3 of Ceph" <"$T/figures"
