#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A raw image and a VHD that nginx serves are mounted, inspected and backed up by ranges, over http and
# https, also at an address that is signed; a file that changes ends in an error, never in bytes of two
# versions; a server without ranges and one without ETags are told as such.
. "$(dirname "$0")/lib.sh"
require nginx jq openssl curl qemu-img sfdisk python3

A=$B/adebackup K=$T/vault.key
mkdir -p "$T/www/d" "$T/logs"
head -c 40M /dev/urandom >"$T/www/d/os.raw"
printf 'label: gpt\nstart=2048, size=65536\n' | sfdisk -q "$T/www/d/os.raw"
qemu-img convert -f raw -O vpc -o subformat=fixed,force_size=on "$T/www/d/os.raw" "$T/www/d/os.vhd"
cp "$T/www/d/os.raw" "$T/os.raw"
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/tls.key" -out "$T/tls.pem" -days 2 -subj /CN=localhost \
	-addext subjectAltName=DNS:localhost 2>/dev/null
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
http=$(free_port) https=$(free_port)
cat >"$T/nginx.conf" <<END
daemon off; worker_processes 1; pid $T/nginx.pid; error_log $T/logs/error; user $(id -un);
events { worker_connections 256; }
http {
	log_format ranges '\$request_uri \$status \$http_range \$http_if_match \$body_bytes_sent';
	access_log $T/logs/access ranges; root $T/www; open_file_cache off;
	client_body_temp_path $T/logs/a; proxy_temp_path $T/logs/b; fastcgi_temp_path $T/logs/c;
	uwsgi_temp_path $T/logs/e; scgi_temp_path $T/logs/f;
	server {
		listen 127.0.0.1:$http; listen 127.0.0.1:$https ssl;
		ssl_certificate $T/tls.pem; ssl_certificate_key $T/tls.key;
		location /whole/ { alias $T/www/d/; max_ranges 0; }
		location /old/ { alias $T/www/d/; etag off; }
		location /mute/ { alias $T/www/d/; etag off; add_header Last-Modified ""; }
		location /signed/ { alias $T/www/d/; if (\$arg_token != "s3cret-t0ken") { return 403; } }
		location /moved/ { rewrite ^/moved/(.*) /d/\$1 redirect; }
	}
}
END
nginx -c "$T/nginx.conf" -e "$T/logs/error" 2>"$T/logs/start" &
defer kill $!
wait_for 20 curl -sf --noproxy '*' -o /dev/null "http://127.0.0.1:$http/d/os.vhd"
U=http://127.0.0.1:$http

say "looked at"
expect_status 0 "$A" inspect "$U/d/os.vhd" --json
jq -e '.source_is_vhd and .size == 41943040 and .table == "gpt" and (.partitions | length) == 1' "$T/out" >/dev/null ||
	fail "$(cat "$T/out")"
expect_status 0 "$A" inspect "$U/d/os.raw" --json

say "mounted: every request names the version, what lies together is one request"
: >"$T/logs/access"
mount_ade "$U/d/os.raw" "$T/m"
opened=$(wc -l <"$T/logs/access")
[ "$opened" -le 8 ] || fail "$opened requests to open it: $(cat "$T/logs/access")"
check_same "$T/os.raw" "$T/m/disk.raw"
[ "$(grep ' 206 ' "$T/logs/access" | grep -vc x22)" = 1 ] || fail "requests without If-Match: $(cat "$T/logs/access")"
n=$(grep -c ' 206 ' "$T/logs/access")
[ "$n" -le 60 ] || fail "40 MiB in $n requests"
fetched=$(awk '$2 == 206 {n += $NF} END {print n}' "$T/logs/access")
[ "$fetched" -le $((42 << 20)) ] || fail "$fetched bytes fetched for 40 MiB"
jq -e '.store.bytes_fetched >= 40000000 and .memory_cache.misses > 0' "$T/m/stats.json" >/dev/null || fail "$(cat "$T/m/stats.json")"
unmount "$T/m"

say "over https, behind a redirect, and at an address with a secret, which shows nowhere"
expect_status 15 "$A" inspect "https://localhost:$https/d/os.raw"
mount_ade "https://localhost:$https/d/os.vhd" "$T/m" "ca-file=$T/tls.pem"
check_same "$T/os.raw" "$T/m/disk.raw"
check_same "$T/www/d/os.vhd" "$T/m/encrypted/disk.vhd"
unmount "$T/m"
expect_status 0 "$A" inspect "$U/moved/os.raw"
expect_status 14 "$A" inspect "$U/signed/os.raw"
"$B/mount.adebackup" "$U/signed/os.raw?token=s3cret-t0ken" "$T/m" 2>"$T/err"
expect_text "stays in the shell's history" "$T/err"
check_same "$T/os.raw" "$T/m/disk.raw"
pid=$(ade_pid "$T/m")
! grep -aF s3cret "/proc/$pid/cmdline" "/proc/$pid/environ" /proc/self/mounts "$T/err" || fail "the secret shows"
unmount "$T/m"

say "backed up from there"
"$A" init "$T/vault" --vault-key "$K" -q
expect_status 0 "$A" backup "$T/vault" web1 --vault-key "$K" --disk "os=$U/signed/os.vhd?token=s3cret-t0ken" --json
! grep -F s3cret "$T/out" "$T/err" || fail "the secret shows"
expect_status 0 "$A" restore "$T/vault" web1@latest --vault-key "$K" --to "$T/back"
check_same "$T/os.raw" "$T/back/os.raw"
expect_status 0 "$A" show "$T/vault" web1@latest --vault-key "$K" --json
! grep -F s3cret "$T/out" || fail "the secret is in the manifest"

say "a file that changes: an error that says so, no byte of the new one"
for how in d old; do
	cp "$T/os.raw" "$T/www/d/changing.raw"
	touch -d '2026-01-01 00:00:00' "$T/www/d/changing.raw"
	mount_ade "$U/$how/changing.raw" "$T/m"
	cmp -n 65536 "$T/os.raw" "$T/m/disk.raw"
	head -c 40M /dev/zero | tr '\0' '\377' >"$T/www/d/changing.raw"
	if dd if="$T/m/disk.raw" bs=1M skip=8 of="$T/got" status=none 2>"$T/err"; then fail "$how: read after a change"; fi
	expect_text "[Ss]tale" "$T/err"
	cmp -n "$(stat -c %s "$T/got")" -i "$((8 << 20)):0" "$T/os.raw" "$T/got" || fail "$how: bytes of another version"
	ls -l "$T/m" >/dev/null
	unmount "$T/m"
done
cp "$T/os.raw" "$T/www/d/changing.raw"
mount_ade "$U/d/changing.raw" "$T/m"
truncate -s 20M "$T/www/d/changing.raw"
if cat "$T/m/disk.raw" >"$T/got" 2>"$T/err"; then fail "read after a cut"; fi
unmount "$T/m"

say "what it cannot do, or not see, is told"
expect_status 17 "$A" inspect "$U/whole/os.raw"
expect_text "more than the range" "$T/err"
expect_text "read by ranges" "$T/err"
expect_status 0 "$A" inspect "$U/mute/os.raw"
expect_text "neither ETag nor Last-Modified" "$T/err"
expect_status 10 "$A" inspect "$U/d/none.raw"
: >"$T/www/d/empty"
expect_status 2 "$A" inspect "$U/d/empty"
expect_text "the file is empty" "$T/err"
expect_status 2 "$A" inspect "http://192.0.2.1/os.raw"
expect_text "plain http goes to this machine only" "$T/err"
