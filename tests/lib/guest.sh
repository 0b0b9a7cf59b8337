# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Guests of tests/make/guest started by `adebackup boot`; sourced after tests/e2e/lib.sh.
# Serial logs and pages stay in build/guest-logs.

# shellcheck disable=SC2034	# the scripts use them
A=$B/adebackup V=$T/vault K=$T/vault.key
guest_logs=$ROOT/build/guest-logs/$(basename "$0" .sh)
mkdir -p "$guest_logs"
guest_wait=${GUEST_WAIT:-420}		# an emulated CPU on a busy machine

# data_disks KEYS: $T/lun0.raw, LUKS with a passphrase of its own as ADE gives it to LUN 0, and
# $T/lun1.raw, BitLocker; each holds an ext4 file system with a file "note".
data_disks() {
	mkdir -p "$T/lun0.d" "$T/lun1.d"
	echo 'from the LUKS data disk' >"$T/lun0.d/note"
	echo 'from the BitLocker data disk' >"$T/lun1.d/note"
	(umask 077 && head -c 127 /dev/urandom | base64 -w0 >"$1/LinuxPassPhraseFileName_1_0")
	mke2fs -q -t ext4 -d "$T/lun0.d" "$T/lun0.raw" 16M >"$T/out"
	truncate -s 48M "$T/lun0.raw"
	cryptsetup reencrypt --encrypt --batch-mode --type luks2 --reduce-device-size 32M \
		--pbkdf argon2id --pbkdf-memory 65536 --pbkdf-parallel 1 --pbkdf-force-iterations 4 \
		--key-file "$1/LinuxPassPhraseFileName_1_0" "$T/lun0.raw" >"$T/out"
	mke2fs -q -t ext4 -d "$T/lun1.d" "$T/lun1.fs" 16M >"$T/out"
	"$B/tests/make/mkbitlocker" --seed 7 --bek "$1" "$T/lun1.fs" "$T/lun1.raw" >"$T/out"
}

# converse LOG COMMAND…: the guest's console by the script on standard input (tests/lib/console).
converse() {
	local log=$guest_logs/$1
	shift
	"$ROOT/tests/lib/console" "$log" "$@" >"$T/said" 2>"$T/err" || fail "$(cat "$T/said" "$T/err")"
	cat "$T/said" >&2
}

# drivers_are_known BOOT_OPERAND…: boot sees in the guest's kernel and initramfs that it will find its disks
drivers_are_known() {
	expect_status 0 "$A" boot "$@" --dry-run --json
	[ "$(jq -r '"\(.bus): \(.bus_why)"' "$T/out")" = "scsi: the guest has virtio_pci, virtio_scsi, sd_mod" ] ||
		fail "$(jq -r '.bus, .bus_why' "$T/out")"
}

# log_in: the lines that bring a script to a shell.  (The first line of the root's user space names
# the device that / is on.)
log_in() {	# ROOT_PATTERN
	cat <<-END
		expect $guest_wait user space of ade-[a-z]+ runs, root is $1
		expect $guest_wait login:
		send root
		expect 90 Password:
		send adebackup
		expect 90 :~#
	END
}

# data_is_read: the lines that see the LUKS data disk where the guest's own crypttab and fstab put it,
# through a mapping of that kind (crypt: opened by the guest; linear: decrypted already).
data_name=6d1f0a52-3a55-4f0e-9a0b-2b7f6f0f6a03
data_is_read() {	# KIND
	cat <<-END
		shell $guest_wait until grep -q ' /data ' /proc/mounts; do sleep 2; done
		shell 60 grep -x 'from the LUKS data disk' /data/note
		shell 60 dmsetup table $data_name | grep -w $1
	END
}

# log_out: and those that end it as its user would.
log_out() {
	cat <<-END
		send poweroff
		end 150
	END
}
