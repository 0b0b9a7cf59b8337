#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A vault in service for months, by a store whose clock goes as the test says and hosts whose clocks lie: what `run` and
# `prune` leave after each day is what a second calculation says, and in the end nothing of the rest is there.
# timeout: 900
. "$(dirname "$0")/lib.sh"
require python3 faketime
[ -d /usr/share/zoneinfo/Europe ] || skip "tzdata is not installed"

export AWS_REGION=eu-test-1 AWS_ACCESS_KEY_ID=AKIDTEST AWS_SECRET_ACCESS_KEY=the+secret/of=tests
unset AWS_SESSION_TOKEN AWS_PROFILE AWS_ENDPOINT_URL
cd "$T"
date +%s >clock
"$ROOT/tests/fake/s3" store --clock "$T/clock" --page 1000 --bucket vaults 2>s3.log &
defer kill $!
wait_for 30 test -s store/port
/usr/bin/python3 "$ROOT/tests/lib/service_days.py" "http://127.0.0.1:$(cat store/port)" "$T/clock" "${DAYS:-20}" ${SEED:+"$SEED"} | tee days
expect_text '^[0-9]+ days: [0-9]+ points made, [0-9]+ prunes, [0-9]+ let expire, 2 edits' days
