#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every night: is the newest recovery point of each VM one that comes back?
#
#     nightly-restore.sh VAULT KEY_FILE DIR [OPTION…]
#
# Checks the vault's structure, then restores the latest point of every VM into DIR, reads it back against the
# vault, looks at what is inside, and throws it away.  Further OPTIONs go to `restore` and `inspect` (--keys DIR,
# --keystore …); points with a capsule need none.  A line a VM on stdout; the reasons on stderr.
#
# Exit code: 0 all is well; 1 some VM did not come back; else that of what failed first.
# In a timer or crontab:  15 3 * * *  nightly-restore.sh /backup /etc/adebackup/vault.key /var/tmp/drill
set -eu -o pipefail

[ $# -ge 3 ] || { sed -n '3,13s/^# \{0,1\}//p' "$0" >&2; exit 2; }
vault=$1 key=$2 dir=$3
shift 3
mkdir -p "$dir"
work=$(mktemp -d "$dir/nightly.XXXXXX")
trap 'rm -rf "$work"' EXIT

adebackup verify "$vault" --vault-key "$key" --structure -q || {
	status=$?
	echo "nightly-restore: the vault $vault is damaged, or does not open" >&2
	exit "$status"
}
adebackup list "$vault" --vault-key "$key" --json >"$work/list"
failed=0
while read -r vm; do
	reason=
	started=$SECONDS
	mkdir "$work/vm"
	if ! adebackup restore "$vault" "$vm" --vault-key "$key" --to "$work/vm" --check -q "$@" 2>"$work/err"; then
		reason="does not restore: $(head -1 "$work/err")"
	fi
	for disk in "$work"/vm/*; do
		[ -z "$reason" ] || break
		adebackup inspect "$disk" --json >"$work/info" 2>"$work/err" || reason="${disk##*/} cannot be read: $(head -1 "$work/err")"
		[ -n "$reason" ] || jq -e '[.partitions[] | select(.state != "open")] == []' "$work/info" >/dev/null ||
			reason="${disk##*/} has a volume that is not decrypted"
	done
	if [ -n "$reason" ]; then
		echo "nightly-restore: $vm: $reason" >&2
		failed=1
	else
		echo "$vm: restored and checked in $((SECONDS - started)) s: $(du -sh "$work/vm" | cut -f1)"
	fi
	rm -rf "$work/vm"
done < <(jq -r '.points[].vm' "$work/list" | sort -u)
exit "$failed"
