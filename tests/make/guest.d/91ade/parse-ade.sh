#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The kernel line becomes a udev rule: when the partition appears, it is opened as osencrypt.
if getargbool 1 rd.ade; then
	part=$(getarg rd.luks.ade.partuuid=)
	boot=$(getarg rd.luks.ade.bootuuid=)
	cat >/etc/udev/rules.d/70-luks-ade.rules <<END
SUBSYSTEM!="block", GOTO="luks_ade_end"
ACTION!="add|change", GOTO="luks_ade_end"
ENV{ID_PART_ENTRY_UUID}=="*$part*", RUN+="$(command -v initqueue) --unique --settled --onetime --name crypt-run-generator-ade-%k $(command -v crypt-run-generator-ade) \$env{DEVNAME} osencrypt $boot"
LABEL="luks_ade_end"
END
fi
