#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The user that libvirt runs QEMU as is served by allow_other,uid=: a QEMU that runs as nobody starts
# from a mounted image by rebuild/'s own script, writes beside it, and is refused without the options.
# timeout: 300
. "$(dirname "$0")/lib.sh"
require qemu-system-x86_64 qemu-img python3 setpriv sfdisk
require_root

work=$T/work
install -d -o nobody "$work"

# Boot code that says on the serial line what it read from the second sector, writes a mark to
# the third, and says so: both the image and what lies over it are used by the guest.
python3 - "$T/disk.raw" <<'PY'
import sys
code = bytearray()
code += bytes([0xfa, 0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0, 0xbc, 0x00, 0x7c, 0xfb])  # segments, stack at 7c00
code += bytes([0x88, 0x16, 0x00, 0x06])                  # mov [0600], dl: the drive
code += bytes([0xb8, 0x01, 0x02, 0xbb, 0x00, 0x7e, 0xb9, 0x02, 0x00, 0xb6, 0x00, 0xcd, 0x13])  # read sector 2 to 7e00
code += bytes([0xbe, 0x00, 0x7e])                        # mov si, 7e00
say = len(code)
code += bytes([0xac, 0x84, 0xc0, 0x74, 0x00])            # lodsb; test al,al; jz done
jz = len(code) - 1
code += bytes([0x88, 0xc4])                              # mov ah, al
wait = len(code)
code += bytes([0xba, 0xfd, 0x03, 0xec, 0xa8, 0x20, 0x74, 0x00])  # mov dx,3fd; in al,dx; test al,20; jz wait
code[-1] = (wait - len(code)) & 0xff
code += bytes([0x88, 0xe0, 0xba, 0xf8, 0x03, 0xee])      # mov al,ah; mov dx,3f8; out dx,al
code += bytes([0xeb, 0x00])
code[-1] = (say - len(code)) & 0xff
code[jz] = len(code) - jz - 1
code += bytes([0x80, 0x3e, 0x01, 0x06, 0x57, 0x74, 0x00])  # cmp byte [0601],'W'; je end
end = len(code) - 1
code += bytes([0xc6, 0x06, 0x01, 0x06, 0x57])            # mov byte [0601],'W'
code += bytes([0xb8, 0x01, 0x03, 0xbb, 0x00, 0x7e, 0xb9, 0x03, 0x00, 0xb6, 0x00, 0x8a, 0x16, 0x00, 0x06, 0xcd, 0x13])  # write 7e00 to sector 3
code += bytes([0x72, 0x00])                              # jc end
jc = len(code) - 1
text = len(code)
code += bytes([0xbe, 0x00, 0x00])                        # mov si, written
at = len(code) - 2
code += bytes([0xeb, 0x00])
code[-1] = (say - len(code)) & 0xff
code[end] = len(code) - end - 1
code[jc] = len(code) - jc - 1
code += bytes([0xf4, 0xeb, 0xfd])                        # hlt; jmp
where = 0x7c00 + len(code)
code[at:at + 2] = where.to_bytes(2, "little")
code += b"WRITTEN\r\n\0"
assert len(code) <= 440
disk = bytearray(8 << 20)
disk[:len(code)] = code
disk[446:462] = bytes([0x80, 0, 2, 0, 0x83, 0, 0, 0]) + (2048).to_bytes(4, "little") + (8192).to_bytes(4, "little")
disk[510:512] = b"\x55\xaa"
disk[512:512 + 15] = b"FROM THE IMAGE\r"
disk[527:529] = b"\n\0"
open(sys.argv[1], "wb").write(disk)
PY

start() {	# SCRIPT: as nobody, until the guest has spoken or QEMU ends
	local pid
	setpriv --reuid nobody --regid "$(id -gn nobody)" --clear-groups env HOME=/nonexistent sh "$1" "$work" -m 64 >"$T/serial" 2>"$T/qemu.err" </dev/null &
	pid=$!
	for _ in $(seq 600); do
		if grep -q WRITTEN "$T/serial" || ! kill -0 "$pid" 2>/dev/null; then break; fi
		sleep 0.1
	done
	kill "$pid" 2>/dev/null || :
	wait "$pid" 2>/dev/null || :
}

say "without the options nobody is refused"
sum=$(sha "$T/disk.raw")
mount_ade "$T/disk.raw" "$T/m"
cp "$T/m/rebuild/qemu.sh" "$T/own.sh"
chmod 644 "$T/own.sh"
start "$T/own.sh"
grep -q 'FROM THE IMAGE' "$T/serial" && fail "it read what only root may"
expect_text 'ermission denied' "$T/qemu.err"
unmount "$T/m"

say "allow_other,uid= serves QEMU's user and nobody else"
mount_ade "$T/disk.raw" "$T/m" "allow_other,uid=nobody"
start "$T/m/rebuild/qemu.sh"
grep -q 'FROM THE IMAGE' "$T/serial" || { cat "$T/qemu.err" "$T/serial" >&2; fail "the guest did not speak"; }
grep -q WRITTEN "$T/serial" || fail "the guest could not write"
[ "$(stat -c %U "$work/os.qcow2")" = nobody ] || fail "the overlay is not QEMU's user's"
[ "$(stat -c %a "$work/os.qcow2")" = 600 ] || fail "others may read the overlay"
setpriv --reuid 1 --regid 1 --clear-groups head -c 1 "$T/m/disk.raw" >"$T/out" 2>&1 && fail "another user can read it"

say "what the guest wrote lies in the overlay, and the image is as it was"
qemu-img convert -O raw "$work/os.qcow2" "$T/after.raw"
[ "$(dd if="$T/after.raw" bs=512 skip=2 count=1 status=none | head -c 14)" = "FROM THE IMAGE" ] || fail "the write is not there"
unmount "$T/m"
check_sha "$T/disk.raw" "$sum"
