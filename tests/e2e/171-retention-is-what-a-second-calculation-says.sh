#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A year of policies over leap days, changes of clocks, missed runs and changed rules: every decision
# has a reason and is the one that Python's calendars and time zones come to.
. "$(dirname "$0")/lib.sh"
[ -d /usr/share/zoneinfo/Europe ] || skip "tzdata is not installed"

say "offsets of all zones"
/usr/bin/python3 "$ROOT/tests/lib/retention.py" zones | tee "$T/zones"
expect_text "^[0-9]{4,} offsets" "$T/zones"
say "years of retention"
/usr/bin/python3 "$ROOT/tests/lib/retention.py" years 12 | tee "$T/years"
expect_text "^12 years" "$T/years"
