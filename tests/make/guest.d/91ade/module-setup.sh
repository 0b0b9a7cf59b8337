#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# dracut module of an ADE guest, in the form that knows no hypervisor: the encrypted partition is
# named on the kernel line (rd.luks.ade.partuuid=), /boot with the header by rd.luks.ade.bootuuid=.

depends() {
	echo crypt systemd
}

installkernel() {
	hostonly='' instmods drbg dm_crypt =crypto =drivers/crypto =arch/x86/crypto
}

install() {
	# shellcheck disable=SC2154
	inst_hook cmdline 30 "$moddir/parse-ade.sh"
	inst_script "$moddir/open-ade.sh" /sbin/crypt-run-generator-ade
	dracut_need_initqueue
}
