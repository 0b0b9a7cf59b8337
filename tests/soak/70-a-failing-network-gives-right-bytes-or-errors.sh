#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# 10,000 faults of networks and servers (FAULTS=… for another number) under calls of stores, backups
# and restores, through S3, Azurite and nginx: every byte right, or an error in time.
. "$(dirname "$0")/../e2e/lib.sh"
. "$(dirname "$0")/../e2e/azurite.sh"
. "$(dirname "$0")/../e2e/faults.sh"
require nginx

make -s -C "$ROOT" all makers
want=${FAULTS_WANTED:-10000} seed=$FAULT_SEED round=0 restored=0 refused=0
A=$B/adebackup K=$T/vault.key
export AZURE_STORAGE_KEY=$BLOB_KEY
blobs create hammer
count() { cat "$T"/*/faults 2>/dev/null | wc -l; }

head -c 24M /dev/urandom >"$T/os.raw"
"$A" init "$T/www" --vault-key "$K" >/dev/null
"$A" backup "$T/www" web1 --vault-key "$K" --disk "os=$T/os.raw" >/dev/null
WEB_PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir "$T/nginx"
cat >"$T/nginx.conf" <<EOF
daemon off; worker_processes 1; pid $T/nginx/pid; error_log $T/nginx/error; user $(id -un);
events { worker_connections 256; }
http {
	access_log off; client_body_temp_path $T/nginx/a; proxy_temp_path $T/nginx/b; fastcgi_temp_path $T/nginx/c;
	uwsgi_temp_path $T/nginx/d; scgi_temp_path $T/nginx/e;
	server { listen 127.0.0.1:$WEB_PORT; root $T/www; autoindex on; autoindex_format json; }
}
EOF
nginx -c "$T/nginx.conf" -e "$T/nginx/error" &
defer end_pid $!

hammer() {	# URL ENDPOINT ROUNDS THREADS
	"$B/tests/make/store-hammer" "$1" "$2" "$seed" "$3" "$4" >>"$T/hammered" 2>"$T/err" ||
		fail "seed $seed: $(tail -1 "$T/hammered") $(cat "$T/err")"
}
restore() {	# VAULT DIR OPTIONS…
	local got=0 start=$SECONDS
	"$A" restore "$1" web1@latest --to "$2" --vault-key "$K" "${@:3}" >"$T/out" 2>"$T/err" || got=$?
	[ $((SECONDS - start)) -lt 600 ] || fail "seed $seed: a restore took $((SECONDS - start)) s"
	case $got in
	0) check_same "$T/os.raw" "$2/os.raw"; restored=$((restored + 1)) ;;
	# a bit flipped in a list hides what it names (10), in a slot it is a wrong key (12)
	1 | 3 | 10 | 12 | 15 | 16 | 17) refused=$((refused + 1)) ;;
	*) fail "seed $seed: restore ended with $got: $(cat "$T/err")" ;;
	esac
	rm -rf "$2"
}

while [ "$(count)" -lt "$want" ]; do
	round=$((round + 1)) seed=$((seed + 1))
	serve_s3_faulty "$T/s3.$round" --rate 0.3 --stall 2 --seed "$seed" --kinds "$TOLD_FAULTS"
	hammer s3://hammer "$FAULTY" 100 24
	echo 0 >"$FAULTS/rate"
	"$A" init s3://hammer/v --endpoint "$FAULTY" --vault-key "$K" >/dev/null
	echo 0.15 >"$FAULTS/rate"
	"$A" backup s3://hammer/v web1 --endpoint "$FAULTY" --vault-key "$K" --disk "os=$T/os.raw" >"$T/out" 2>"$T/err" ||
		refused=$((refused + 1))
	echo 0 >"$FAULTS/rate"
	"$A" backup s3://hammer/v web1 --endpoint "$FAULTY" --vault-key "$K" --disk "os=$T/os.raw" >/dev/null
	"$A" verify s3://hammer/v --endpoint "$FAULTY" --vault-key "$K" >/dev/null
	echo 0.15 >"$FAULTS/rate"
	restore s3://hammer/v "$T/back" --endpoint "$FAULTY"
	end_faulty
	end_pid "$S3_PID"
	serve_faulty "$T/az.$round" "$AZ_PORT" --rate 0.3 --stall 2 --seed "$seed" --kinds "$TOLD_FAULTS"
	hammer az://devstoreaccount1/hammer "$FAULTY/devstoreaccount1" 60 16
	end_faulty
	serve_faulty "$T/web.$round" "$WEB_PORT" --rate 0.15 --stall 2 --seed "$seed"
	for i in 1 2; do restore "$FAULTY" "$T/back"; done
	end_faulty
	say "round $round: $(count) faults, $restored restores right, $refused runs ended with an error, $(tail -1 "$T/hammered")"
done

calls=$(awk '{ c += $1; e += $3; if ($8 > s) s = $8 } END { print c " calls of stores, " e " of them errors, slowest " s " ms" }' "$T/hammered")
tee "$T/figures" <<END
$(count) faults in $round rounds from seed $FAULT_SEED on: $calls; none wrong or late.
Restores: $restored right to the last byte, $refused runs ended with an error that was told.

$(cat "$T"/*/faults | cut -d' ' -f1 | sort | uniq -c | sort -rn | awk '{ printf "%s %s, ", $2, $1 }' | sed 's/, $//')
END
"$ROOT/tests/record" "A failing network" <"$T/figures"
