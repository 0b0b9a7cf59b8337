#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Opens the partition by systemd's own units: the key from the volume labelled BEK VOLUME, the
# detached header from /boot:  open-ade DEVICE NAME BOOT_UUID
dev=$1 name=$2 boot=$3
grep -q "^$name " /etc/crypttab 2>/dev/null && exit 0
echo "$name $dev /bek/LinuxPassPhraseFileName timeout=10,discard,header=/boot/luks/osluksheader" >>/etc/crypttab
echo "UUID=$boot /boot auto defaults 0 0" >>/etc/fstab
printf '%s\n' 'LABEL=BEK\040VOLUME /bek auto defaults,nofail 0 0' >>/etc/fstab
systemctl daemon-reload
systemctl start bek.mount
systemctl start boot.mount
systemctl start cryptsetup.target
tries=15
while [ ! -b "/dev/mapper/$name" ] && [ "$tries" -gt 0 ]; do
	sleep 1
	tries=$((tries - 1))
done
if [ -b "/dev/mapper/$name" ]; then
	umount /boot
	umount /bek
else
	echo "ade: $dev did not open as $name" >/dev/kmsg
fi
exit 0
