#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 600
# attach, files and boot with a disk behind https, a page blob, and vaults in Azure and S3: as with a
# local disk; the secret in an address shows nowhere, and what is out of reach is told as such.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/azurite.sh"
require nginx openssl curl jq cryptsetup mke2fs qemu-img qemu-system-x86_64 losetup findmnt e2fsck python3
require_root

A=$B/adebackup
mkdir -p "$T/tree/etc" "$T/k" "$T/m" "$T/fs" "$T/www" "$T/logs"
seq 1 100000 >"$T/tree/etc/numbers"
sum=$(sha "$T/tree/etc/numbers")
PBKDF_ITERATIONS=1000 "$ROOT/tests/make/ade-linux-disk" "$T/os.raw" "$T/k/LinuxPassPhraseFileName" "$T/tree"
"$ROOT/tests/make/boot-sector" "$T/os.raw" $'a start\r\nfar login: '
qemu-img convert -f raw -O vpc -o subformat=fixed,force_size=on "$T/os.raw" "$T/os.vhd"

# files_of OPTIONS…: one file comes out of the volume in it; all of it goes again
files_of() {
	local dir=$T/m${root:-} images
	defer eval "! is_mounted '$T/m' || '$B/adebackup' umount '$T/m'"
	expect_status 0 "$A" files "$@"
	check_sha "$dir/p1/etc/numbers" "$sum"
	images=$(findmnt -n -o SOURCE "$T/m")
	! findmnt -n -o SOURCE,TARGET | grep -F s3cret || fail "the secret is in the mount table"
	expect_status 0 "$A" umount "$T/m"
	wait_for 10 test ! -e "$images"
}
# attach_of OPTIONS…: a partition mounts by the kernel
attach_of() {
	local device
	expect_status 0 "$A" attach "$@" --json
	device=$(jq -r '.devices[0].device' "$T/out")
	defer eval "'$A' detach $device 2>/dev/null || true"
	[ "$(jq -r '.devices[0].partitions[] | select(.n == 1) | .holds' "$T/out")" = ext4 ] || fail "$(cat "$T/out")"
	mount -o ro,noload "${device}p1" "$T/fs"
	defer unmount "$T/fs"
	check_sha "$T/fs/etc/numbers" "$sum"
	unmount "$T/fs"
	expect_status 0 "$A" detach "$device"
}
# boot_of NAME OPTIONS…: the command is composed, encrypted and decrypted
boot_of() {
	local name=$1 how
	shift
	for how in "" --decrypted; do
		# shellcheck disable=SC2086
		expect_status 0 "$A" boot "$@" --dry-run --json --accel tcg --no-adapt $how
		jq -e --arg n "$name" '.vm == $n and .generation == 1 and .os == "linux" and (.argv | length) > 10' \
			"$T/out" >/dev/null || fail "$(cat "$T/out")"
		! grep -F s3cret "$T/out" "$T/err" || fail "the secret is told"
	done
}

say "over https, at an address with a secret"
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/tls.key" -out "$T/tls.pem" -days 2 -subj /CN=localhost \
	-addext subjectAltName=DNS:localhost 2>/dev/null
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cp "$T/os.vhd" "$T/www/os disk.vhd"
cat >"$T/nginx.conf" <<END
daemon off; worker_processes 1; pid $T/nginx.pid; error_log $T/logs/error; user $(id -un);
events { worker_connections 256; }
http {
	log_format sizes '\$body_bytes_sent'; access_log $T/logs/access sizes; root $T/www;
	client_body_temp_path $T/logs/a; proxy_temp_path $T/logs/b; fastcgi_temp_path $T/logs/c;
	uwsgi_temp_path $T/logs/e; scgi_temp_path $T/logs/f;
	server {
		listen 127.0.0.1:$port ssl; ssl_certificate $T/tls.pem; ssl_certificate_key $T/tls.key;
		location / { if (\$arg_token != "s3cret-t0ken") { return 403; } }
	}
}
END
nginx -c "$T/nginx.conf" -e "$T/logs/error" 2>"$T/logs/start" &
nginx=$!
defer eval "kill $nginx 2>/dev/null || true"
U="https://localhost:$port/os%20disk.vhd?token=s3cret-t0ken"
wait_for 20 curl -sf --noproxy '*' --cacert "$T/tls.pem" -o /dev/null -r 0-9 "$U"
web=(--keys "$T/k" --ca-file "$T/tls.pem")
: >"$T/logs/access"
expect_status 0 "$A" inspect "$U" "${web[@]}"
[ "$(wc -l <"$T/logs/access")" -le 40 ] || fail "$(wc -l <"$T/logs/access") requests to open it"
[ "$(awk '{n += $1} END {print n}' "$T/logs/access")" -le $((4 << 20)) ] || fail "it fetches the whole LUKS header to open it"
files_of "$U" "$T/m" "${web[@]}"
attach_of "$U" "${web[@]}"
boot_of os-20disk.vhd "$U" "${web[@]}"
expect_status 13 "$A" attach "$U" --ca-file "$T/tls.pem"
expect_status 14 "$A" files "${U%\?*}" "$T/m" "${web[@]}"
! is_mounted "$T/m" || fail "it is mounted all the same"

say "drilled from there, and with an overlay that is kept and exported"
expect_status 0 "$A" boot "$U" "${web[@]}" --drill --json --report "$T/r.html" --no-adapt --snapshot-out "$T/kept"
jq -e '.drill.passed' "$T/out" >/dev/null || fail "$(cat "$T/out")"
! grep -F s3cret "$T/out" "$T/err" "$T/r.html" || fail "the secret is told"
expect_text "os%20disk.vhd" "$T/r.html"
mount_ade "$U" "$T/w" "keys=$T/k,ca-file=$T/tls.pem,overlay=$T/kept" 2>/dev/null
dd if=/dev/urandom of="$T/w/encrypted/disk.raw" bs=4k seek=30000 count=3 conv=notrunc,fsync status=none
cp --sparse=always "$T/w/encrypted/disk.raw" "$T/want"
unmount "$T/w"
expect_status 0 "$A" overlay export "$U" "$T/kept" "$T/got" "${web[@]}"
check_same "$T/want" "$T/got"

say "the server goes: out of reach, and nothing is left behind"
kill "$nginx"
wait "$nginx" || true
expect_status 15 "$A" attach "$U" "${web[@]}"
expect_status 15 "$A" files "$U" "$T/m" "${web[@]}"
expect_status 15 "$A" boot "$U" "${web[@]}" --dry-run
! is_mounted "$T/m" || fail "it is mounted all the same"

say "a page blob"
pageblobs() { node "$ROOT/tests/fake/page-client.cjs" "$@"; }
pageblobs create disks
pageblobs upload disks 'web 1/os.vhd' "$T/os.vhd"
D="az://devstoreaccount1/disks/web 1/os.vhd" blob=(--keys "$T/k" --endpoint "$AZ_URL" --account-key-file "$AZ_KEY")
files_of "$D" "$T/m" "${blob[@]}"
attach_of "$D" "${blob[@]}"
boot_of os.vhd "$D" "${blob[@]}"

# a vault: made, and its VM's point used in each way
vault_of() {
	local v=$1
	shift
	expect_status 0 "$A" init "$v" --vault-key "$T/vk" "$@"
	expect_status 0 "$A" backup "$v" web1 --vault-key "$T/vk" --disk "os=$T/os.raw" --keys "$T/k" "$@"
	root=/os files_of "$v" web1 "$T/m" --vault-key "$T/vk" "$@"
	attach_of "$v" web1@latest --vault-key "$T/vk" "$@"
	boot_of web1 "$v" web1 --vault-key "$T/vk" "$@"
	expect_status 10 "$A" attach "$v" web2 --vault-key "$T/vk" "$@"
}

say "a vault in Azure Blob Storage"
blobs create vaults
vault_of az://devstoreaccount1/vaults/north --endpoint "$AZ_URL" --account-key-file "$AZ_KEY"

say "a vault in S3"
export AWS_REGION=eu-test-1 AWS_ACCESS_KEY_ID=AKIDTEST AWS_SECRET_ACCESS_KEY=the+secret/of=tests
unset AWS_SESSION_TOKEN AWS_PROFILE AWS_ENDPOINT_URL
"$ROOT/tests/fake/s3" "$T/s3" 2>"$T/s3.log" &
defer end_process $!
wait_for 30 test -s "$T/s3/port"
S3_ENDPOINT=http://127.0.0.1:$(cat "$T/s3/port")
export S3_ENDPOINT
rm "$T/vk"
node "$ROOT/tests/fake/s3-client.cjs" create vaults
vault_of s3://vaults/north --endpoint "$S3_ENDPOINT"
