#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 420
# A disk image at a URL and a page blob, mounted and backed up through resets, stalls, cut and lying answers and
# storms of 503 and 429: every byte that a read gives is right, or the read ends with an error in time.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/faults.sh"
. "$(dirname "$0")/azurite.sh"
require jq nginx

A=$B/adebackup K=$T/vault.key
pageblobs() { node "$ROOT/tests/fake/page-client.cjs" "$@"; }
mkdir "$T/www" "$T/nginx"
truncate -s 96M "$T/www/os.raw"
for at in 0 9 40 41 42 43 70 95; do
	dd if=/dev/urandom of="$T/www/os.raw" bs=1M seek=$at count=1 conv=notrunc status=none
done
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$T/nginx.conf" <<END
daemon off; worker_processes 1; pid $T/nginx/pid; error_log $T/nginx/error; user $(id -un);
events { worker_connections 256; }
http {
	access_log off; client_body_temp_path $T/nginx/a; proxy_temp_path $T/nginx/b; fastcgi_temp_path $T/nginx/c;
	uwsgi_temp_path $T/nginx/d; scgi_temp_path $T/nginx/e;
	server { listen 127.0.0.1:$port; root $T/www; }
}
END
nginx -c "$T/nginx.conf" -e "$T/nginx/error" &
defer end_pid $!
wait_for 20 test -s "$T/nginx/pid"
pageblobs create disks
pageblobs upload disks os.raw "$T/www/os.raw"
cat >"$T/reads.py" <<'END'
"""reads.py IMAGE ORIGINAL SEED SECONDS: reads of all sizes in six threads; prints how many were right and refused."""
import concurrent.futures, os, random, sys, time
image, original, seed, seconds = sys.argv[1], open(sys.argv[2], "rb").read(), int(sys.argv[3]), float(sys.argv[4])
fd = os.open(image, os.O_RDONLY)
def one(n):
    rng = random.Random(seed * 1000 + n)
    size = rng.choice([512, 4096, 65536, 300000, 2 << 20])
    off, start = rng.randrange(len(original) - size), time.monotonic()
    try:
        got = os.pread(fd, size, off)
        if got != original[off:off + size]:
            sys.exit("seed %d: wrong bytes at %d, %d of them" % (seed, off, size))
        refused = False
    except OSError as e:
        refused = True
    return refused, time.monotonic() - start
with concurrent.futures.ThreadPoolExecutor(6) as pool:
    done = list(pool.map(one, range(150)))
slowest = max(took for _, took in done)
if slowest > seconds:
    sys.exit("seed %d: a read took %.1f s" % (seed, slowest))
print("%d reads right, %d refused, the slowest took %.1f s" % (sum(not r for r, _ in done), sum(r for r, _ in done), slowest))
END

through_faults() {	# NAME SPEC OPTIONS…: mounted while nothing fails, read and backed up while much does
	local o got=0
	say "$1"
	echo 0 >"$FAULTS/rate"
	o="read-deadline=30${3:+,endpoint=$3,account-key-file=$AZ_KEY}"
	mount_ade "$2" "$T/m" "$o"
	ls "$T/m" >/dev/null
	echo 0.3 >"$FAULTS/rate"
	python3 "$T/reads.py" "$T/m/disk.raw" "$T/www/os.raw" "$FAULT_SEED" 40 >&2
	timeout 5 ls "$T/m" >/dev/null || fail "ls hangs"
	echo 0 >"$FAULTS/rate"
	check_same "$T/www/os.raw" "$T/m/disk.raw"
	[ "$(jq '.store.retries > 0' "$T/m/stats.json")" = true ] || fail "$(cat "$T/m/stats.json")"
	unmount "$T/m"
	echo 0.2 >"$FAULTS/rate"
	"$A" init "$T/vault.$1" --vault-key "$K" -q
	"$A" backup "$T/vault.$1" web1 --vault-key "$K" --disk "os=$2" ${3:+--endpoint "$3" --account-key-file "$AZ_KEY"} \
		>"$T/out" 2>"$T/err" || got=$?
	! grep "has changed" "$T/err" || fail "what the network did was taken for a change of the image"
	case $got in
	0) expect_status 0 "$A" restore "$T/vault.$1" web1@latest --vault-key "$K" --to "$T/back-$1"
		check_same "$T/www/os.raw" "$T/back-$1/os.raw" ;;
	1 | 3 | 15 | 16) say "the backup ended with $got: $(cat "$T/err")" ;;
	*) fail "backup: $got $(cat "$T/err")" ;;
	esac
	end_faulty
}
serve_faulty "$T/web" "$port" --rate 0 --stall 2 --seed "$FAULT_SEED" --kinds "$TOLD_FAULTS"
through_faults url "$FAULTY/os.raw"
serve_faulty "$T/az" "$AZ_PORT" --rate 0 --stall 2 --seed "$FAULT_SEED" --kinds "$TOLD_FAULTS"
through_faults blob az://devstoreaccount1/disks/os.raw "$FAULTY/devstoreaccount1"
say "$(cat "$T"/*/faults | wc -l) faults: $(cut -d' ' -f1 "$T"/*/faults | sort | uniq -c | sort -rn | tr '\n' ' ')"
[ "$(cat "$T"/*/faults | wc -l)" -ge 30 ] || fail "too few faults"
