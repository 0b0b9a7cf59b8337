#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Whole VMs with ADE's own layout, Ubuntu-like and RHEL-like, generation 1 and 2:
# backed up, started encrypted with the BEK volume and changed, the overlay exported, looked into and
# started again; drilled and started decrypted, changed, exported and started again; broken ones
# fail their drill.  GUESTS="ubuntu-gen1 …" names some, FORMS=decrypted leaves the encrypted ones
# out; logs and pages stay in build/guest-logs.
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

# note_in IMAGE WORD [KEYS]: the file that the guest wrote, read on this host through the mount
note_in() {
	local view
	mount_ade "$1" "$T/m" "keys=$T/keys"
	for view in "$T/m/p1.raw" "$T/m/rootvg-rootlv.raw"; do
		[ -e "$view" ] || continue
		debugfs -R 'cat /var/note' "$view" >"$T/note" 2>/dev/null || continue
		! grep -qx "$2" "$T/note" || { unmount "$T/m"; return 0; }
	done
	ls -R "$T/m" >&2
	fail "$1 does not have the guest's note"
}

# live FORM ROOT_PATTERN BOOT_OPTION…: start, write, power off, export, look into, start again
live() {
	local form=$1 root=$2 name=$kind-$gen-$1 again=() view=encrypted
	shift 2
	say "$name: started from its recovery point and changed"
	[ "$form" = encrypted ] || view=disk
	rm -rf "$T/kept" "$T/exported.raw"
	converse "$name.log" "$A" boot "$V" web1 --vault-key "$K" "${key[@]}" --snapshot-out "$T/kept" "$@" <<-END
		$(log_in "$root")
		shell 90 echo written-$name >/var/note && sync
		$(log_out)
	END
	sed -n "s/^ *\([0-9.]*\)s  user space of.*/$form \1/p" "$T/said" >>"$T/figures"
	say "$name: exported, looked into, started again"
	expect_status 0 "$A" overlay export "$V" "$(echo "$T/kept"/*-os.$view.overlay)" "$T/exported.raw" \
		--vault-key "$K" "${key[@]}" --vm web1 --point latest --disk os
	note_in "$T/exported.raw" "written-$name"
	[ "$form" = encrypted ] || again=(--decrypted)
	converse "$name-again.log" "$A" boot "$T/exported.raw" "${key[@]}" "${again[@]}" <<-END
		$(log_in "$root")
		shell 90 grep -x written-$name /var/note
		$(log_out)
	END
}

broken() {
	cp --sparse=always "$guest/os.raw" "$T/broken.raw"
	"$ROOT/tests/make/guest-break" boot "$guest" "$T/broken.raw"
	drill 1 "$kind-$gen-no-boot-code" "$T/broken.raw"
	expect_text 'boot code|boot sector|loader' "$T/out"
	[ "$kind" = ubuntu ] || return 0
	cp --sparse=always "$guest/os.raw" "$T/broken.raw"
	"$ROOT/tests/make/guest-break" root "$guest" "$T/broken.raw"
	drill 1 "$kind-$gen-broken-root" "$T/broken.raw"
	expect_text 'p1 on disk os .ext4. is damaged' "$T/out"
	rm "$T/broken.raw"
}

for which in ${GUESTS:-ubuntu-gen1 ubuntu-gen2 rhel-gen1 rhel-gen2}; do
	kind=${which%-*} gen=${which#*-}
	guest=$("$ROOT/tests/make/guest" "$kind" "$gen" 2>"$T/made") || fail "$(cat "$T/made")"
	: >"$T/figures"
	rm -rf "$T/keys" "$V" "$K"
	mkdir "$T/keys"
	cp "$guest/LinuxPassPhraseFileName" "$T/keys/"
	"$A" init "$V" --vault-key "$K" >/dev/null
	"$A" backup "$V" web1 --vault-key "$K" "${key[@]}" --disk "os=$guest/os.raw" >/dev/null
	[ "${FORMS:-encrypted}" != encrypted ] || live encrypted '/dev/mapper/[a-z-]*'
	live decrypted '/dev/[a-z0-9/-]*' --decrypted
	say "$which: a drill, decrypted"
	drill 0 "$which-drill" "$V" web1 --vault-key "$K" --decrypted
	say "$which: broken ones fail their drill"
	broken
	[ "${FORMS:-encrypted}" = encrypted ] || continue
	"$ROOT/tests/record" "Guests: $which" <<-END
		Encrypted and decrypted, each started from its recovery point, changed, exported and started again;
		drilled; broken ones failed their drill. Seconds of the emulated machine to user space:
		$(tr '\n' ' ' <"$T/figures")
	END
done
