#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What 178 shows is no accident: five features, drawn by a seed that is printed (SEED=… draws them
# again), are taken out of a copy of the source, one after another; a row that needs it fails then,
# while one that does not still holds.
# timeout: 300
. "$(dirname "$0")/lib.sh"
require mkntfs openssl curl jq python3 gcc
require_root
. "$(dirname "$0")/keyvault.sh"
. "$(dirname "$0")/service.sh"
service_disks
cd "$T"
SEED=${SEED:-$((RANDOM * 32768 + RANDOM))}
RANDOM=$SEED
say "SEED=$SEED"

# feature NAME FILE OLD NEW ROWS WITNESS: OLD made NEW takes it out; ROWS need it, WITNESS does not.
NAMES=() FILES=() OLD=() NEW=() NEED=() WITNESS=()
feature() { NAMES+=("$1") FILES+=("$2") OLD+=("$3") NEW+=("$4") NEED+=("$5") WITNESS+=("$6"); }
feature "comparing regions" tools/adebackup/protect_vm.c '!vm_region_is(it->region, info->region)' '!1' 12 16
feature "a restore's region" tools/lib/restore_site.c '!vm_region_is(from, region)' '!1' 11 12
feature "certificates" fs/keys/keyvault_access.c 'a->certificate = a->certificate ||' 'a->certificate = 0 &&' 13 28
feature "asking the Key Vault" tools/adebackup/protect_vm.c 'rc = check_settings(&c, s, err);' 'rc = 0;' '28 40' 27
feature "seeing encryption" tools/lib/item_backup.c 'return *out;' 'return !*out && 0;' '16 19' 22
feature "limits" fs/azure/vm_site.c 'most > 4095 * GIB' 'most > ~0ull - GIB' 17 16
feature "the guest agent" tools/adebackup/protect_vm.c 'p->site.agent != VM_AGENT_SILENT &&' '1 ||' 20 12
feature "hosts to let through" tools/lib/endpoints.c 'if (!e.text[0])' 'if (e.text[0] || !e.text[0])' 21 22
feature "all or none" tools/adebackup/cmd_protect.c 'if (skips && rc' 'if ((skips || 1) && rc' 29 27
feature "the default policy" fs/policy/policy_put.c '!strcmp(name, POLICY_DEFAULT)' '!strcmp(name, "nothing")' 25 24
feature "disks of several VMs" tools/adebackup/protect_vm.c 'text + n + 1 :' 'NULL :' '27 29' 31
feature "a VM's own policy" tools/adebackup/cmd_protect.c 'w->policy.name : NULL' 'POLICY_DEFAULT : NULL' '23 26' 31
feature "the last day" tools/lib/item_backup.c '*out += DAY;' '*out += 0;' 32 31
feature "disks that protect put down" tools/adebackup/cmd_backup.c 'if (j->item.vm[0])' 'if (!j)' '31 32' 16
feature "the schedule" fs/policy/schedule.c 'return passed > last ?' 'return passed > 0 ?' 30 31

say "a copy of the source and of its build"
mkdir -p tree/build/"$MODE"/obj
cp -a "$ROOT"/{Makefile,crypto,fs,tools} tree/
cp -a "$B"/{flags,libade.a,libtools.a,adebackup} "tree/build/$MODE/"
[ ! -e "$B/gen" ] || cp -a "$B/gen" "tree/build/$MODE/"
cp -a "$B"/obj/{crypto,fs,tools} "tree/build/$MODE/obj/"
werror=
if grep -q -e -Werror "$B/flags"; then werror=1; fi
build() { env -u MAKEFLAGS -u MAKELEVEL make -s -C "$T/tree" MODE="$MODE" WERROR=$werror "build/$MODE/adebackup" >&2; }

used=' '
for try in 1 2 3 4 5; do
	i=$((RANDOM % ${#NAMES[@]}))
	while [[ "$used" == *" $i "* ]]; do i=$(((i + 1) % ${#NAMES[@]})); done
	used+="$i "
	read -ra rows <<<"${NEED[i]}"
	row=${rows[RANDOM % ${#rows[@]}]}
	ADE=$B/adebackup
	try_row "$row" || fail "row $row fails as it is"
	file=$T/tree/${FILES[i]}
	cp -a "$file" "$T/whole"
	text=$(cat "$file")
	printf '%s\n' "${text//"${OLD[i]}"/"${NEW[i]}"}" >"$file"
	! cmp -s "$T/whole" "$file" || fail "${FILES[i]} has changed, this test is to follow: no ${OLD[i]}"
	build || fail "does not compile without ${NAMES[i]}"
	ADE=$T/tree/build/$MODE/adebackup
	if try_row "$row" 2>"$T/why"; then fail "row $row holds without ${NAMES[i]}"; fi
	say "$try: row $row fails without ${NAMES[i]}: $(head -1 "$T/why" | cut -c1-100)"
	try_row "${WITNESS[i]}" || fail "row ${WITNESS[i]} needs no ${NAMES[i]}"
	say "   row ${WITNESS[i]} holds without it"
	cp "$T/whole" "$file"
done
