#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# 10,000 faults of networks and servers (FAULTS_WANTED=… for another number) under calls of stores, backups and
# restores, through S3, Azurite, nginx, and S3 behind TLS and a name server: every byte right, or an error in time.
# Most of it is waiting: WORKERS=6 go on side by side, each in a network of its own, with servers and seeds of its own.
. "$(dirname "$0")/../e2e/lib.sh"
. "$(dirname "$0")/../e2e/faults.sh"
require nginx openssl ip
require_root

want=${FAULTS_WANTED:-10000} workers=${WORKERS:-6}
A=$B/adebackup K=$T/vault.key
ALL_KINDS=$TOLD_FAULTS,tlscut,tlsgarbage,tlsstall,tlsalert,tlsother,dnsfail,dnsnone,dnsempty,dnssilent,dnsgarbage,dnsother
TOO_LONG=300		# seconds of one command, whatever happens under it

count() { cat "$CAMPAIGN"/faults.* 2>/dev/null | wc -l; }
enough() { [ -e "$CAMPAIGN/stop" ] || [ "$(count)" -ge "$want" ]; }
end_leg() {
	end_faulty
	cat "$FAULTS/faults" >>"$CAMPAIGN/faults.$WORKER"
}
rate() { echo "$1" >"$FAULTS/rate"; }

hammer() {	# URL ENDPOINT ROUNDS THREADS
	"$B/tests/make/store-hammer" "$1" "$2" "$seed" "$3" "$4" >>"$CAMPAIGN/hammered.$WORKER" 2>"$T/err" ||
		fail "seed $seed: $(tail -1 "$CAMPAIGN/hammered.$WORKER") $(cat "$T/err")"
}

# timed WHAT COMMAND…: its exit code in $got; noted, and in time.
timed() {
	local start=$SECONDS took
	got=0
	timeout $((TOO_LONG + 100)) "${@:2}" >"$T/out" 2>"$T/err" || got=$?
	took=$((SECONDS - start))
	echo "$1 $got $took" >>"$CAMPAIGN/runs.$WORKER"
	[ "$took" -lt "$TOO_LONG" ] || fail "seed $seed: $1 took $took s: $(cat "$T/err")"
}

restore() {	# VAULT OPTIONS…: right, or refused
	timed restore "$A" restore "$1" web1@latest --to "$T/back" --vault-key "$K" --request-deadline 30 "${@:2}"
	case $got in
	0) check_same "$T/os.raw" "$T/back/os.raw" ;;
	# a bit flipped in a list hides what it names (10), in a slot it is a wrong key (12)
	1 | 3 | 10 | 12 | 15 | 16 | 17) ;;
	*) fail "seed $seed: restore ended with $got: $(cat "$T/err")" ;;
	esac
	rm -rf "$T/back"
}

# sound VAULT OPTIONS…: without faults all of it is there.
sound() {
	rate 0
	"$A" verify "$1" "${@:2}" --vault-key "$K" >/dev/null
	restore "$@"
	[ "$got" = 0 ] || fail "seed $seed: without faults a restore ended with $got: $(cat "$T/err")"
}

through_s3() {
	serve_s3_faulty "$T/s3.$round" --rate 0.3 --stall 2 --seed "$seed" --kinds "$TOLD_FAULTS"
	hammer s3://hammer "$FAULTY" 100 24
	rate 0
	"$A" init s3://hammer/v --endpoint "$FAULTY" --vault-key "$K" >/dev/null
	rate 0.15
	timed backup "$A" backup s3://hammer/v web1 --endpoint "$FAULTY" --vault-key "$K" --disk "os=$T/os.raw" \
		--request-deadline 30
	rate 0
	"$A" backup s3://hammer/v web1 --endpoint "$FAULTY" --vault-key "$K" --disk "os=$T/os.raw" >/dev/null
	rate 0.15
	restore s3://hammer/v --endpoint "$FAULTY"
	sound s3://hammer/v --endpoint "$FAULTY"
	end_leg
}

through_tls_and_names() {
	local e
	serve_faulty "$T/tls.$round" "$S3_PORT" --rate 0.2 --stall 2 --seed "$seed" --kinds "$ALL_KINDS" --dns \
		--tls "$T/ours.pem" "$T/ours.key" "$T/other.pem" "$T/other.key"
	e=https://store.example:${FAULTY##*:}
	for i in 1 2 3; do restore s3://hammer/v --endpoint "$e" --ca-file "$T/ours.pem"; done
	sound s3://hammer/v --endpoint "$e" --ca-file "$T/ours.pem"
	end_leg
	end_pid "$S3_PID"
}

through_azure() {
	serve_faulty "$T/az.$round" "$AZ_PORT" --rate 0.3 --stall 2 --seed "$seed" --kinds "$TOLD_FAULTS"
	hammer az://devstoreaccount1/hammer "$FAULTY/devstoreaccount1" 60 16
	end_leg
}

through_nginx() {
	serve_faulty "$T/web.$round" "$WEB_PORT" --rate 0.15 --stall 2 --seed "$seed"
	for i in 1 2; do restore "$FAULTY"; done
	end_leg
}

serve_web() {
	local names="proxy fastcgi uwsgi scgi client_body" n
	WEB_PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	mkdir "$T/nginx"
	{
		echo "daemon off; worker_processes 1; pid $T/nginx/pid; error_log $T/nginx/error; user $(id -un);"
		echo "events { worker_connections 256; }"
		echo "http { access_log off;"
		for n in $names; do echo "${n}_temp_path $T/nginx/$n;"; done
		echo "server { listen 127.0.0.1:$WEB_PORT; root $T/www; autoindex on; autoindex_format json; } }"
	} >"$T/nginx.conf"
	nginx -c "$T/nginx.conf" -e "$T/nginx/error" &
	defer end_pid $!
}

# The name server is the fault proxy, and two certificates are at hand.
own_names() {
	local f name
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
}

work() {
	local leg
	ip link set lo up
	own_names
	. "$ROOT/tests/e2e/azurite.sh"
	export AZURE_STORAGE_KEY=$BLOB_KEY
	blobs create hammer
	head -c 24M /dev/urandom >"$T/os.raw"
	"$A" init "$T/www" --vault-key "$K" >/dev/null
	"$A" backup "$T/www" web1 --vault-key "$K" --disk "os=$T/os.raw" >/dev/null
	serve_web
	round=0
	until enough; do
		round=$((round + 1)) seed=$((FAULT_SEED + WORKER * 1000 + round))
		for leg in s3 tls_and_names azure nginx; do
			"through_$leg"
			say "worker $WORKER, seed $seed, $leg: $(count) faults of all"
		done
		echo "$seed" >>"$CAMPAIGN/seeds"
	done
}

if [ -n "${WORKER:-}" ]; then
	work
	exit
fi

make -s -C "$ROOT" all makers
"$ROOT/tools/dev/npm-packages" stores >/dev/null	# the workers have no network to fetch them by
CAMPAIGN=$T/campaign began=$SECONDS
mkdir "$CAMPAIGN"
running=()
for w in $(seq "$workers"); do
	mkdir "$T/w$w"
	CAMPAIGN=$CAMPAIGN WORKER=$w TMPDIR=$T/w$w unshare -n -m --propagation private bash "$0" >"$CAMPAIGN/said.$w" 2>&1 &
	running+=($!)
	defer end_pid $!
done
bad=0
while [ ${#running[@]} -gt 0 ]; do
	wait -n -p ended "${running[@]}" || { bad=$((bad + 1)); touch "$CAMPAIGN/stop"; }
	for i in "${!running[@]}"; do
		if [ "${running[i]}" = "$ended" ]; then unset "running[i]"; fi
	done
done
cat "$CAMPAIGN"/said.* >&2
[ "$bad" = 0 ] || fail "$bad workers found something"

calls=$(cat "$CAMPAIGN"/hammered.* | awk '{ c += $1; e += $3; if ($8 > s) s = $8 }
	END { print c " calls of stores, " e " of them errors, slowest " s " ms" }')
runs() { cat "$CAMPAIGN"/runs.* | awk -v what="$1" '$1 == what { n++; if (!$2) right++; if ($3 > s) s = $3 }
	END { print n + 0 ", " right + 0 " to the end, " n - right " ended with an error that was told, slowest " s + 0 " s" }'; }
tee "$T/figures" <<END
$(count) faults in $(wc -l <"$CAMPAIGN/seeds") rounds of $workers workers in $(((SECONDS - began) / 60)) minutes, seeds
$(sort -n "$CAMPAIGN/seeds" | tr '\n' ' '): $calls; none wrong or late.
Restores: $(runs restore); every one that came to the end was right to the last byte. Backups: $(runs backup).

$(cat "$CAMPAIGN"/faults.* | cut -d' ' -f1 | sort | uniq -c | sort -rn | awk '{ printf "%s %s, ", $2, $1 }' | sed 's/, $//')
END
"$ROOT/tests/record" "A failing network" <"$T/figures"
