#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A vault behind a web server that only a proxy reaches; max-bandwidth= and max-requests= as the
# server sees them.
. "$(dirname "$0")/lib.sh"
require nginx

A=$B/adebackup K=$T/vault.key
head -c 12M /dev/urandom >"$T/os.raw"
mkdir -p "$T/www" "$T/logs"
"$A" init "$T/www/vault" --vault-key "$K" >/dev/null
"$A" backup "$T/www/vault" web1 --vault-key "$K" --disk "os=$T/os.raw" >/dev/null
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$T/nginx.conf" <<EOF
daemon off; worker_processes 1; pid $T/nginx.pid; error_log $T/logs/error; user $(id -un);
events { worker_connections 256; }
http {
	log_format row '\$connection \$http_host \$request_uri'; access_log $T/logs/access row;
	client_body_temp_path $T/logs/a; proxy_temp_path $T/logs/b; fastcgi_temp_path $T/logs/c;
	uwsgi_temp_path $T/logs/d; scgi_temp_path $T/logs/e;
	server { listen 127.0.0.1:$port; root $T/www; autoindex on; autoindex_format json; }
}
EOF
nginx -c "$T/nginx.conf" -e "$T/logs/error" 2>"$T/logs/start" &
defer kill $!
wait_for 20 test -s "$T/nginx.pid"
restore() { "$A" restore "$1" web1@latest --to "$T/$2.raw" --vault-key "$K" "${@:3}"; }
connections() { cut -d' ' -f1 "$T/logs/access" | sort -u | wc -l; }

say "through the proxy that the environment names, or not at all"
far=http://vault.example/vault
expect_status 2 restore "$far" refused
http_proxy=http://127.0.0.1:$port expect_status 0 restore "$far" proxied --allow-http
check_same "$T/os.raw" "$T/proxied.raw"
grep -q ' vault.example ' "$T/logs/access" || fail "not through the proxy: $(head -3 "$T/logs/access")"

say "max-bandwidth: 12 MiB at 3 MiB a second take their time"
start=$(date +%s%N)
expect_status 0 restore "http://127.0.0.1:$port/vault" slow --max-bandwidth 3M
took=$((($(date +%s%N) - start) / 1000000))
check_same "$T/os.raw" "$T/slow.raw"
[ "$took" -gt 2500 ] || fail "took $took ms"

say "max-requests=1: one connection for everything, several without"
: >"$T/logs/access"
expect_status 0 restore "http://127.0.0.1:$port/vault" many
[ "$(connections)" -gt 1 ] || fail "$(connections) connections without a limit"
: >"$T/logs/access"
expect_status 0 restore "http://127.0.0.1:$port/vault" one --max-requests 1
check_same "$T/os.raw" "$T/one.raw"
[ "$(connections)" = 1 ] || fail "$(connections) connections of a restore"
: >"$T/logs/access"
mount_ade "http://127.0.0.1:$port/vault" "$T/m" "vault-key=$K,vm=web1,point=latest,max-requests=1"
check_same "$T/os.raw" "$T/m/os/disk.raw"
[ "$(connections)" -le 2 ] || fail "$(connections) connections of a mount"
unmount "$T/m"
