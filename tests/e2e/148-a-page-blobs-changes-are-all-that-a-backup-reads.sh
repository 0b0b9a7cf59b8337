#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Backups of snapshots read what the service says has changed since the point before; a service that sends
# no difference, one that leaves something out, and another snapshot lead to a full compare, said so.
# The fake that has the page-range difference is tried by the official client first.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/azurite.sh"
require jq python3

A=$B/adebackup K=$T/vault.key D=az://devstoreaccount1/disks
pageblobs() { node "$ROOT/tests/fake/page-client.cjs" "$@"; }
end_pid() { kill "$1" 2>/dev/null || return 0; wait "$1" || true; }
serve_front() {	# NAME OPTIONS…: $FRONT is its endpoint, $FRONT_LOG its log
	mkdir "$T/$1"
	"$ROOT/tests/fake/blobfront" "$T/$1" "$AZ_PORT" devstoreaccount1 "$BLOB_KEY" "${@:2}" 2>"$T/$1/err" &
	defer end_pid $!
	wait_for 20 test -s "$T/$1/port"
	FRONT=http://127.0.0.1:$(cat "$T/$1/port")/devstoreaccount1 FRONT_LOG=$T/$1/log
}
truncate -s 130M "$T/os.raw"
for at in 1 20 40 66 100 128; do
	dd if=/dev/urandom of="$T/os.raw" bs=1M seek=$at count=1 conv=notrunc status=none
done
pageblobs create disks
pageblobs upload disks os.raw "$T/os.raw"
first=$(pageblobs snapshot disks os.raw)
cp "$T/os.raw" "$T/os1.raw"
change() {	# OFFSET BYTES
	head -c "$2" /dev/urandom >"$T/piece"
	pageblobs write disks os.raw "$1" "$T/piece"
	dd if="$T/piece" of="$T/os.raw" bs=512 seek=$(($1 / 512)) conv=notrunc status=none
}
change $((20 << 20)) 4096
change $(((40 << 20) + 131072)) 512
change $((80 << 20)) 65536
pageblobs clear disks os.raw $((100 << 20)) $((1 << 20))
dd if=/dev/zero of="$T/os.raw" bs=1M seek=100 count=1 conv=notrunc status=none
sleep 1
second=$(pageblobs snapshot disks os.raw)
cp "$T/os.raw" "$T/os2.raw"

say "the fake is what the official client takes it for, in pages of two ranges"
serve_front paged --page 2
[ "$(BLOB_ENDPOINT=$FRONT pageblobs ranges disks os.raw "$second" "$first" | sort -k2n)" = "data $((20 << 20)) 4096
data $(((40 << 20) + 131072)) 512
data $((80 << 20)) 65536
clear $((100 << 20)) $((1 << 20))" ] || fail "$(BLOB_ENDPOINT=$FRONT pageblobs ranges disks os.raw "$second" "$first")"
BLOB_ENDPOINT=$FRONT pageblobs ranges disks os.raw "$first" | sort >"$T/ranges.paged"
pageblobs ranges disks os.raw "$first" | sort >"$T/ranges.whole"
check_same "$T/ranges.whole" "$T/ranges.paged"
[ "$(grep -c 'marker=.*comp=pagelist' "$FRONT_LOG")" -ge 3 ] || fail "no paging: $(cat "$FRONT_LOG")"

"$A" init "$T/vault" --vault-key "$K" -q
backup() {	# VAULT SNAPSHOT OPTIONS…
	XDG_STATE_HOME=$1.state "$A" backup "$1" web1 --vault-key "$K" --endpoint "$FRONT" --account-key-file "$AZ_KEY" \
		--disk "os=$D/os.raw?snapshot=$2" --json "${@:3}"
}
restored() {	# VAULT FILE
	rm -rf "$T/back"
	XDG_STATE_HOME=$1.state expect_status 0 "$A" restore "$1" web1@latest --vault-key "$K" --to "$T/back"
	check_same "$2" "$T/back/os.raw"
}
gets() { grep -c '^GET /devstoreaccount1/disks/os.raw?snapshot=[^&]* 206' "$FRONT_LOG" || true; }

say "the first reads what there is, the next what has changed, by the list of changes in pages"
expect_status 0 backup "$T/vault" "$first"
restored "$T/vault" "$T/os1.raw"
cp -r "$T/vault" "$T/vault.1"
: >"$FRONT_LOG"
expect_status 0 backup "$T/vault" "$second"
expect_text "what the service says has changed" "$T/err"
grep -q prevsnapshot "$FRONT_LOG" || fail "no difference was asked for"
fetched=$(gets)
[ "$fetched" -le 24 ] || fail "$fetched reads of a disk of which four ranges changed: $(cat "$FRONT_LOG")"
[ "$(jq .new_bytes "$T/out")" -lt 300000 ] || fail "$(cat "$T/out")"
restored "$T/vault" "$T/os2.raw"

say "Azurite sends all pages when it is asked for a difference: seen, all is compared"
cp -r "$T/vault.1" "$T/vault.2"
FRONT=$AZ_URL expect_status 0 backup "$T/vault.2" "$second"
expect_text "all of it is read and compared.* sent all pages" "$T/err"
restored "$T/vault.2" "$T/os2.raw"

say "a service that leaves a change out is found out by samples"
cp -r "$T/vault" "$T/vault.3"
pageblobs clear disks os.raw $((66 << 20)) 65536
dd if=/dev/zero of="$T/os.raw" bs=65536 seek=1056 count=1 conv=notrunc status=none
change 1048576 $((1 << 20))
third=$(pageblobs snapshot disks os.raw)
cp "$T/os.raw" "$T/os3.raw"
serve_front liar --lie
expect_status 0 backup "$T/vault.3" "$third"
expect_text "changed that the service's list of changes does not name" "$T/err"
restored "$T/vault.3" "$T/os3.raw"
serve_front honest --page 3
cp -r "$T/vault" "$T/vault.4"
expect_status 0 backup "$T/vault.4" "$third"
expect_text "what the service says has changed" "$T/err"
restored "$T/vault.4" "$T/os3.raw"

say "another snapshot than the recorded one, a live blob, and a new one in between"
cp -r "$T/vault.1" "$T/vault.5"
node -e 'const b = require("@azure/storage-blob"), w = new b.StorageSharedKeyCredential(process.env.BLOB_ACCOUNT, process.env.BLOB_KEY);
new b.BlobServiceClient(process.env.BLOB_ENDPOINT, w).getContainerClient("disks").getPageBlobClient("os.raw").withSnapshot(process.argv[1]).delete()' -- "$first"
expect_status 0 backup "$T/vault.5" "$third"
expect_text "all of it is read and compared" "$T/err"
restored "$T/vault.5" "$T/os3.raw"

say "a busy service, with and without Retry-After, and one that cannot list so much at once"
serve_front busy --busy 4 --page 2 --many 2
cp -r "$T/vault" "$T/vault.6"
expect_status 0 backup "$T/vault.6" "$third"
expect_text "what the service says has changed" "$T/err"
grep -q ' 503$' "$FRONT_LOG" && grep -q ' 500$' "$FRONT_LOG" || fail "nothing was refused: $(cat "$FRONT_LOG")"
restored "$T/vault.6" "$T/os3.raw"
mount_ade "$D/os.raw?snapshot=$third" "$T/m" "endpoint=$FRONT,account-key-file=$AZ_KEY"
check_same "$T/os3.raw" "$T/m/disk.raw"
unmount "$T/m"

say "a service that throttles, 429 with and without Retry-After, and one that gives ten requests a second"
n=8
for how in "--throttle 3" "--rate 10"; do
	# shellcheck disable=SC2086
	serve_front "slow$n" $how
	cp -r "$T/vault" "$T/vault.$n"
	start=$SECONDS
	expect_status 0 backup "$T/vault.$n" "$third"
	expect_text "what the service says has changed" "$T/err"
	restored "$T/vault.$n" "$T/os3.raw"
	mount_ade "$D/os.raw?snapshot=$third" "$T/m" "endpoint=$FRONT,account-key-file=$AZ_KEY"
	check_same "$T/os3.raw" "$T/m/disk.raw"
	[ "$(jq '.store.retries > 0 and .store.errors == 0' "$T/m/stats.json")" = true ] || fail "$(cat "$T/m/stats.json")"
	unmount "$T/m"
	refused=$(grep -c -e ' 429$' -e ' 503$' "$FRONT_LOG") all=$(wc -l <"$FRONT_LOG")
	say "$how: $refused of $all requests refused, $((SECONDS - start)) s"
	[ "$refused" -gt 0 ] || fail "nothing was refused: $(cat "$FRONT_LOG")"
	# backing off, not hammering: each refusal costs about one request, not a storm of them
	[ "$refused" -le $((all / 2 + 2)) ] || fail "$refused of $all requests were refused"
	n=$((n + 1))
done
grep -q ' 429$' "$T/slow8/log" || fail "no 429"

say "a managed disk's way: the earlier snapshot by its own SAS address, which shows nowhere"
pageblobs upload disks snap2 "$T/os2.raw"
pageblobs upload disks snap3 "$T/os3.raw"
sas2=$(pageblobs sas disks snap2 r 600) sas3=$(pageblobs sas disks snap3 r 600)
serve_front managed
managed() { "$A" backup "$T/vault.7" web1 --vault-key "$K" --disk "os=$FRONT/disks/$1" --json "${@:2}"; }
"$A" init "$T/vault.7" --vault-key "$K" -q
expect_status 0 managed "snap2?$sas2"
expect_status 0 managed "snap3?$sas3" --previous-snapshot "os=$FRONT/disks/snap2?$sas2"
expect_text "what the service says has changed" "$T/err"
for s in "$sas2" "$sas3"; do
	s=${s##*sig=}
	! grep -F "${s%%&*}" "$T/out" "$T/err" || fail "the SAS shows"
done
restored "$T/vault.7" "$T/os3.raw"
