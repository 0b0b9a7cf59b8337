#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every row of the README's table on what Azure Backup's page on encrypted VMs says of protecting,
# policies and limits, one after another; the table names each.
. "$(dirname "$0")/lib.sh"
require mkntfs openssl curl jq python3
require_root
. "$(dirname "$0")/keyvault.sh"
. "$(dirname "$0")/service.sh"
service_disks
for row in ${ROWS:-"${SERVICE_ROWS[@]}"}; do
	grep -Eq "^\| $row \|" "$ROOT/README.md" || fail "README's table has no row $row"
	try_row "$row" || fail "row $row"
	say "row $row"
done
