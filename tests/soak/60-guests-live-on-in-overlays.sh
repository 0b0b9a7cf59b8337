#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Whole VMs with ADE's own layout and lines and a LUKS and a BitLocker data disk, Ubuntu-like and
# RHEL-like, generation 1 and 2: backed up, started encrypted with the BEK volume and changed, the
# overlay mounted again and exported, looked into and started again; the same decrypted; drilled;
# broken ones fail their drill.  GUESTS="ubuntu-gen1 …" names some, FORMS="encrypted decrypted drilled"
# what is done; logs and pages stay in build/guest-logs.
. "$(dirname "$0")/../e2e/lib.sh"
require_root
make -s -C "$ROOT" all makers
. "$ROOT/tests/lib/guest.sh"
guest_wait=${GUEST_WAIT:-900}

key=(--keys "$T/keys")
drill() {	# STATUS NAME SPEC…
	local status=$1 name=$2
	shift 2
	expect_status "$status" "$A" boot "$@" "${key[@]}" --drill --json --timeout "$guest_wait" \
		--serial-log "$guest_logs/$name.log" --report "$guest_logs/$name.html"
}

# row: one more line of figures, from standard input, told at once: a guest is half an hour's work
row() {
	cat >>"$T/figures"
	"$ROOT/tests/record" "Guests: $which${FORMS:+, $FORMS}" <<-END
		With a LUKS and a BitLocker data disk; seconds of an emulated processor from QEMU's command on.

		| start | user space after | login after | seen |
		|---|---|---|---|
		$(cat "$T/figures")
	END
}

# started WHAT CHECKED: a row of figures, from the last conversation
started() {
	local at
	at=$(sed -n -e 's/^ *\([0-9.]*\)s  user space of.*/\1/p' -e 's/^ *\([0-9.]*\)s  login:.*/| \1/p' "$T/said" | tr '\n' ' ')
	echo "| $1 | $at| $2 |" | row
}

# wanted FORM: it is to be done
wanted() { [[ " ${FORMS:-$1} " == *" $1 "* ]]; }

# drilled WHAT: one of a drill's report
drilled() {
	jq -r --arg what "$1" '"| \($what) | | \(if .drill.reached_ms > 0 then .drill.reached_ms / 1000 else "" end) | " +
		(if .drill.passed then "passed; clean: \([.drill.checks[] | select(.result == "clean") | .volume] | join(", "))"
		 else "failed: \(.drill.reason)" end) + " |"' "$T/out" | row
}

# note_in WORD IMAGE: the file that the guest wrote, read on this host through a mount
note_in() {
	local view
	mount_ade "$2" "$T/m" "keys=$T/keys"
	for view in "$T/m/p1.raw" "$T/m/rootvg-rootlv.raw"; do
		[ -e "$view" ] || continue
		debugfs -R 'cat /var/note' "$view" >"$T/note" 2>/dev/null || continue
		! grep -qx "$1" "$T/note" || { unmount "$T/m"; return 0; }
	done
	ls -R "$T/m" >&2
	fail "$2 does not have the guest's note"
}

# mounted_again VIEW: the kept overlay shows, over its point, what was exported
mounted_again() {
	mount_ade "$V" "$T/m" "vm=web1,point=latest,vault-key=$K,keys=$T/keys,overlay=$T/kept"
	cmp "$T/m/os/$1" "$T/exported.raw" || fail "the overlay shows something else than its export"
	unmount "$T/m"
}

# live FORM ROOT_PATTERN MAPPING BOOT_OPTION…: start, write, power off, export, mount again, look into, start again
live() {
	local form=$1 root=$2 mapping=$3 name=$kind-$gen-$1 again=() view=encrypted file=encrypted/disk.raw
	shift 3
	say "$name: started from its recovery point and changed"
	[ "$form" = encrypted ] || view=disk file=disk.raw
	rm -rf "$T/kept" "$T/exported.raw"
	converse "$name.log" "$A" boot "$V" web1 --vault-key "$K" "${key[@]}" --snapshot-out "$T/kept" "$@" <<-END
		$(log_in "$root")
		$(data_is_read "$mapping")
		shell 90 echo written-$name >/var/note && sync
		$(log_out)
	END
	started "$form, from its point" "data disk read inside, file written"
	say "$name: exported, mounted again, looked into, started again"
	expect_status 0 "$A" overlay export "$V" "$(echo "$T/kept"/*-os.$view.overlay)" "$T/exported.raw" \
		--vault-key "$K" "${key[@]}" --vm web1 --point latest --disk os
	mounted_again "$file"
	note_in "written-$name" "$T/exported.raw"
	[ "$form" = encrypted ] || again=(--decrypted)
	converse "$name-again.log" "$A" boot "$T/exported.raw" "${key[@]}" "${again[@]}" <<-END
		$(log_in "$root")
		shell 90 grep -x written-$name /var/note
		$(log_out)
	END
	started "$form, exported" "the file is there, on this host and inside"
}

# broken WHAT PATTERN…: it fails its drill, for these reasons
broken() {
	local what=$1 pattern
	shift
	cp --sparse=always "$guest/os.raw" "$T/broken.raw"
	"$ROOT/tests/make/guest-break" "$what" "$guest" "$T/broken.raw"
	drill 1 "$kind-$gen-broken-$what" "$T/broken.raw"
	for pattern in "$@"; do expect_text "$pattern" "$T/out"; done
	drilled "drill, broken $what"
	rm "$T/broken.raw"
}

for which in ${GUESTS:-ubuntu-gen1 ubuntu-gen2 rhel-gen1 rhel-gen2}; do
	kind=${which%-*} gen=${which#*-}
	guest=$("$ROOT/tests/make/guest" "$kind" "$gen" 2>"$T/made") || fail "$(cat "$T/made")"
	: >"$T/figures"
	rm -rf "$T/keys" "$V" "$K"
	mkdir "$T/keys"
	cp "$guest/LinuxPassPhraseFileName" "$T/keys/"
	rm -rf "$T"/lun?.*
	data_disks "$T/keys"
	"$A" init "$V" --vault-key "$K" >/dev/null
	"$A" backup "$V" web1 --vault-key "$K" "${key[@]}" --disk "os=$guest/os.raw" \
		--disk "lun0=$T/lun0.raw" --disk "lun1=$T/lun1.raw" >/dev/null
	drivers_are_known "$V" web1 --vault-key "$K" "${key[@]}"
	! wanted encrypted || live encrypted '/dev/mapper/[a-z-]*' crypt
	! wanted decrypted || live decrypted '/dev/[a-z0-9/-]*' linear --decrypted
	wanted drilled || continue
	say "$which: a drill, decrypted"
	drill 0 "$which-drill" "$V" web1 --vault-key "$K" --decrypted
	drilled "drill, decrypted"
	say "$which: broken ones fail their drill"
	broken boot 'boot code|boot sector|loader'
	broken root '(p1|rootvg-rootlv) on disk os .ext4. is damaged' 'root file system|initramfs|emergency'
done
