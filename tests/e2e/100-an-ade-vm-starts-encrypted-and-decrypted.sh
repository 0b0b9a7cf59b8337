#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# timeout: 1200
# An Ubuntu-like VM with ADE's own layout and lines, and its LUKS and BitLocker data disks, is
# backed up and started from its recovery point: encrypted with the BEK volume, and decrypted.
. "$(dirname "$0")/lib.sh"
require_root
require qemu-system-x86_64 cryptsetup grub-mkimage mkfs.vfat mcopy sfdisk jq debugfs
. "$ROOT/tests/lib/guest.sh"

guest=$("$ROOT/tests/make/guest" ubuntu gen1 2>"$T/made") || fail "$(cat "$T/made")"
mkdir "$T/keys"
cp "$guest/LinuxPassPhraseFileName" "$T/keys/"
data_disks "$T/keys"
"$A" init "$V" --vault-key "$K" >/dev/null
expect_status 0 "$A" backup "$V" web1 --vault-key "$K" --keys "$T/keys" --json \
	--disk "os=$guest/os.raw" --disk "lun0=$T/lun0.raw" --disk "lun1=$T/lun1.raw"
[ "$(jq -r .proof "$T/out")" = proven ] || fail "$(cat "$T/out")"
drivers_are_known "$V" web1 --vault-key "$K" --keys "$T/keys"
before=$(find "$V/seg" -type f | sort | xargs cat | sha256sum)

say "encrypted: the root opens with the BEK volume, and so does the data disk of LUN 0"
converse encrypted.log "$A" boot "$V" web1 --vault-key "$K" --keys "$T/keys" --snapshot-out "$T/kept" <<-END
	$(log_in /dev/mapper/osencrypt)
	shell 60 grep -q osencrypt /etc/crypttab
	$(data_is_read crypt)
	shell 60 echo written-in-the-guest >/var/note && sync
	$(log_out)
END
[ "$(find "$V/seg" -type f | sort | xargs cat | sha256sum)" = "$before" ] || fail "the vault was changed"

say "decrypted: without a key in the guest; the volume that its crypttab names is there all the same"
converse decrypted.log "$A" boot "$V" web1 --vault-key "$K" --keys "$T/keys" --decrypted --snapshot-out "$T/kept2" <<-END
	$(log_in "/dev/")
	$(data_is_read linear)
	shell 60 mount -o ro /dev/disk/azure/scsi1/lun1 /media
	shell 60 grep -x 'from the BitLocker data disk' /media/note
	shell 60 [ ! -e /var/note ]
	$(log_out)
END
grep -qx "/dev/mapper/$data_name is disk ade-lun0, which is decrypted already" "$T/kept2/rebuild/CHANGES.txt" ||
	fail "not told: $(cat "$T/kept2/rebuild/CHANGES.txt")"
