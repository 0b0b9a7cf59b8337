#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A vault in a folder that nginx serves is listed, verified, restored and mounted over http and https;
# nothing is written there, and a server that lists nothing, or gives no ranges, is told as such.
. "$(dirname "$0")/lib.sh"
require nginx jq openssl curl

A=$B/adebackup K=$T/vault.key
head -c 9M /dev/urandom >"$T/os.raw"
truncate -s 24M "$T/os.raw"
mkdir -p "$T/www" "$T/logs"
"$A" init "$T/www/vault" --vault-key "$K" >/dev/null
"$A" backup "$T/www/vault" web1 --vault-key "$K" --disk "os=$T/os.raw" >/dev/null
cp "$T/os.raw" "$T/os1.raw"
dd if=/dev/urandom of="$T/os.raw" bs=4k seek=1000 count=4 conv=notrunc status=none
"$A" backup "$T/www/vault" web1 --vault-key "$K" --disk "os=$T/os.raw" >/dev/null
find "$T/www" -type f | sort | xargs sha256sum >"$T/before"
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/tls.key" -out "$T/tls.pem" -days 2 -subj /CN=localhost \
	-addext subjectAltName=DNS:localhost 2>/dev/null
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
http=$(free_port) https=$(free_port)
cat >"$T/nginx.conf" <<EOF
daemon off; worker_processes 1; pid $T/nginx.pid; error_log $T/logs/error; user $(id -un);
events { worker_connections 256; }
http {
	access_log $T/logs/access; root $T/www;
	client_body_temp_path $T/logs/a; proxy_temp_path $T/logs/b; fastcgi_temp_path $T/logs/c;
	uwsgi_temp_path $T/logs/d; scgi_temp_path $T/logs/e;
	server {
		listen 127.0.0.1:$http; listen 127.0.0.1:$https ssl;
		ssl_certificate $T/tls.pem; ssl_certificate_key $T/tls.key;
		location /vault/ { autoindex on; autoindex_format json; }
		location /blind/ { alias $T/www/vault/; }
		location /html/ { alias $T/www/vault/; autoindex on; }
		location /whole/ { alias $T/www/vault/; autoindex on; autoindex_format json; max_ranges 0; }
		location /moved/ { rewrite ^/moved/(.*) /vault/\$1 redirect; }
	}
}
EOF
nginx -c "$T/nginx.conf" -e "$T/logs/error" 2>"$T/logs/start" &
defer kill $!
wait_for 20 curl -sf --noproxy '*' "http://127.0.0.1:$http/vault/"
U=http://127.0.0.1:$http
on() { "$A" "$@" --vault-key "$K"; }

say "listed, verified, restored"
expect_status 0 on list "$U/vault/" web1 --json
[ "$(jq '.points | length' "$T/out")" = 2 ] || fail "$(cat "$T/out")"
first=$(jq -r '.points[0].time' "$T/out")
expect_status 0 on verify "$U/vault"
expect_status 0 "$A" verify "$U/vault" --no-key
expect_status 0 on restore "$U/vault" web1@latest --to "$T/back"
check_same "$T/os.raw" "$T/back/os.raw"

say "mounted, over https"
expect_status 15 on list "https://localhost:$https/vault"
mount_ade "https://localhost:$https/vault" "$T/m" "vault-key=$K,ca-file=$T/tls.pem"
check_same "$T/os.raw" "$T/m/web1/latest/os/disk.raw"
check_same "$T/os1.raw" "$T/m/web1/$first/os/disk.raw"
unmount "$T/m"
expect_status 0 on restore "$U/moved" web1@latest --to "$T/back2"
check_same "$T/os.raw" "$T/back2/os.raw"

say "only read"
expect_status 14 on backup "$U/vault" web1 --disk "os=$T/os.raw"
expect_text "can only be read" "$T/err"
expect_status 14 on init "$U/new"
find "$T/www" -type f | sort | xargs sha256sum >"$T/after"
check_same "$T/before" "$T/after"

say "what it cannot do is told"
expect_status 17 on list "$U/blind" web1
expect_text "lists no folders" "$T/err"
expect_text "autoindex_format json" "$T/err"
expect_status 17 on list "$U/html" web1
expect_status 10 on list "$U/none" web1
expect_status 17 on restore "$U/whole" web1@latest --to "$T/back3"
expect_text "more than the range" "$T/err"
expect_status 2 on list "http://192.0.2.1/vault" web1
expect_text "plain http goes to this machine only" "$T/err"
