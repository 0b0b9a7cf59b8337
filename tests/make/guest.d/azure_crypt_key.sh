#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Key script of the root: finds LinuxPassPhraseFileName on the first partition of any disk named
# sdX (only there: the extension's own script knows no vdX either), prints it without a newline.
at=/run/key-disk
name=LinuxPassPhraseFileName
mkdir -p "$at"
for m in nls_utf8 nls_cp437 vfat; do modprobe -q "$m"; done
sleep 2
for disk in /sys/block/sd*; do
	[ -e "$disk" ] || continue
	part=/dev/${disk##*/}1
	echo "key script: trying $part" >&2
	mount -t vfat -r "$part" "$at" 2>/dev/null || continue
	if [ -f "$at/$name" ]; then
		cat "$at/$name"
		umount "$at"
		echo "key script: $name found on $part" >&2
		exit 0
	fi
	umount "$at"
done
echo "key script: no $name on any sdX1; type the passphrase:" >&2
read -r typed </dev/console
printf %s "$typed"
