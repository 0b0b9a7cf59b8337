#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Volumes that cryptsetup and qemu-img encrypt, over every cipher, KDF, hash and sector size that we
# open; the plaintext must be what went in.  No device mapper is needed.
# timeout: 600
. "$(dirname "$0")/lib.sh"
require cryptsetup qemu-img

disk_cat=$B/tests/make/disk-cat
size=$((8 << 20))
head -c "$size" /dev/urandom >"$T/plain"
printf 'a passphrase\nof two lines' >"$T/key"		# byte for byte: no newline is trimmed
cheap=(--pbkdf-memory 32768 --pbkdf-parallel 1 --pbkdf-force-iterations 4)

# same IMAGE WHAT [OPTION…]: the first bytes of disk.raw are the plaintext.
same() {
	"$disk_cat" "bek=$T/key" "${@:3}" "$1" disk.raw >"$T/out" || fail "$2: not opened"
	cmp -n "$size" "$T/out" "$T/plain" || fail "$2: the plaintext differs"
	say "$2"
}

luks2() {	# CIPHER BITS SECTOR KDF…
	cp "$T/plain" "$T/l2"
	truncate -s $((size + (32 << 20))) "$T/l2"
	cryptsetup reencrypt --encrypt --type luks2 -q --cipher "$1" --key-size "$2" --sector-size "$3" \
		"${@:4}" --reduce-device-size 32M --key-file "$T/key" "$T/l2" >/dev/null 2>&1
	same "$T/l2" "LUKS2 $*"
}
luks2 aes-xts-plain64 512 512 --pbkdf argon2id "${cheap[@]}"
luks2 aes-xts-plain64 512 4096 --pbkdf argon2i "${cheap[@]}"
luks2 aes-xts-plain64 256 1024 --pbkdf pbkdf2 --hash sha256 --pbkdf-force-iterations 1000
luks2 aes-xts-plain64 256 2048 --pbkdf pbkdf2 --hash sha1 --pbkdf-force-iterations 1000
luks2 aes-cbc-essiv:sha256 256 512 --pbkdf pbkdf2 --hash sha512 --pbkdf-force-iterations 1000
luks2 aes-cbc-plain64 256 4096 --pbkdf argon2id "${cheap[@]}"
luks2 aes-cbc-plain64 128 512 --pbkdf argon2id "${cheap[@]}"

say "detached header, in place, and at an offset in another file"
cp "$T/plain" "$T/det"
cryptsetup reencrypt --encrypt --type luks2 -q --pbkdf argon2id "${cheap[@]}" --header "$T/h" \
	--key-file "$T/key" "$T/det" >/dev/null 2>&1
same "$T/det" "detached" "header=$T/h"
{ head -c 12288 /dev/urandom; cat "$T/h"; } >"$T/h2"
same "$T/det" "detached at an offset" "header=$T/h2@12288"

say "the secondary LUKS2 header serves when the first is damaged"
cp "$T/l2" "$T/first"
dd if=/dev/urandom of="$T/first" bs=4096 seek=1 count=1 conv=notrunc status=none
same "$T/first" "first header damaged"

luks1() {	# CIPHER BITS HASH
	rm -f "$T/l1"
	truncate -s $((size + (4 << 20))) "$T/l1"
	cryptsetup luksFormat -q --type luks1 --cipher "$1" --key-size "$2" --hash "$3" \
		--pbkdf-force-iterations 1000 --key-file "$T/key" "$T/l1"
	truncate -s $((size + 512 * $(cryptsetup luksDump "$T/l1" | awk '/Payload offset/ { print $3 }'))) "$T/l1"
	qemu-img convert -n --object "secret,id=k,file=$T/key" --image-opts \
		driver=raw,file.filename="$T/plain" --target-image-opts \
		"driver=luks,key-secret=k,file.filename=$T/l1"
	same "$T/l1" "LUKS1 $*"
}
luks1 aes-xts-plain64 512 sha256
luks1 aes-xts-plain64 256 sha1
luks1 aes-cbc-essiv:sha256 256 sha512
luks1 aes-cbc-plain64 128 sha256

say "qemu-img's own LUKS1 reader sees the same"
qemu-img convert -O raw --object "secret,id=k,file=$T/key" \
	--image-opts "driver=luks,key-secret=k,file.filename=$T/l1" "$T/by-qemu"
cmp "$T/by-qemu" "$T/plain"

say "an unfinished encryption is refused by name"
cp "$T/plain" "$T/half"
truncate -s $((size + (32 << 20))) "$T/half"
cryptsetup reencrypt --encrypt --type luks2 -q "${cheap[@]}" --init-only --reduce-device-size 32M \
	--key-file "$T/key" "$T/half" >/dev/null 2>&1
if "$disk_cat" "bek=$T/key" "$T/half" 2>"$T/err" >&2; then fail "it was opened"; fi
grep -q reencryption "$T/err" || fail "$(cat "$T/err")"

say "a header that asks for too much memory is refused, and says which option allows it"
truncate -s 20M "$T/big"
cryptsetup luksFormat -q --type luks2 --pbkdf-memory 1200000 --pbkdf-parallel 1 \
	--pbkdf-force-iterations 4 --key-file "$T/key" "$T/big"
if "$disk_cat" "bek=$T/key" "$T/big" 2>"$T/err" >&2; then fail "it was opened"; fi
grep -q 'max-kdf-memory=' "$T/err" || fail "$(cat "$T/err")"
