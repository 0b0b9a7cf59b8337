#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Backup policies: default, standard, enhanced, their limits, Azure's JSON in and out; what simulate
# says of a policy is what a second calculation says.
. "$(dirname "$0")/lib.sh"
require jq
a=$B/adebackup
cd "$T"
"$a" init v --vault-key k >/dev/null
policy() { local verb=$1; shift; "$a" policy "$verb" v "$@" --vault-key k; }
ok() { policy "$@" >out 2>err || fail "policy $*: $(cat err)"; }
refused() {	# WORDS COMMAND…
	local words=$1
	shift
	if policy "$@" >out 2>err; then fail "not refused: policy $*"; fi
	expect_text "$words" err
}

say "the default policy is there: daily, 30 days"
ok show
expect_text 'DefaultPolicy .standard, the default' out
expect_text 'daily at 02:00 UTC' out
expect_text 'daily points 30 days' out
refused 'part of every vault' delete default

say "limits"
refused 'from 7 to 9999' create p --retain-daily 6
refused 'from 7 to 9999' create p --retain-daily 10000
ok create p7 --retain-daily 7
ok create p9999 --retain-daily 9999
refused 'half hours' create p --at 02:15
refused 'no time of day' create p --at 25:00
refused 'no day of the week' create p --schedule weekly --retain-weekly 4:Sunday
refused 'no such time zone|time zone' create p --time-zone Europe/Nowhere
refused 'runs daily or weekly' create p --schedule hourly
refused '4, 6, 8 or 12' create p --enhanced --every 5
refused 'a window of 3 hours' create p --enhanced --window 3
refused 'snapshots kept for 6 days' create p --snapshot-days 6
refused 'it cannot be less' create p --enhanced --retain-daily 7 --snapshot-days 8
refused 'is no name for a policy' create 'p/q'
refused 'has a policy' create p7
refused 'is no monthly retention|no day of a month' create p --retain-monthly 12:32
refused 'no week of a month' create p --retain-monthly 12:fifth-Sunday
refused "no policy 'nobody'" show nobody

say "Azure's JSON goes in and comes out the same"
cat >azure.json <<'END'
{"id": "/subscriptions/s/x", "name": "gold", "properties": {"backupManagementType": "AzureIaasVM", "policyType": "V1", "timeZone": "Romance Standard Time",
 "instantRpRetentionRangeInDays": 3, "protectedItemsCount": 0,
 "schedulePolicy": {"schedulePolicyType": "SimpleSchedulePolicy", "scheduleRunFrequency": "Daily", "scheduleRunTimes": ["2019-04-03T01:30:00Z"], "scheduleWeeklyFrequency": 0},
 "retentionPolicy": {"retentionPolicyType": "LongTermRetentionPolicy",
  "dailySchedule": {"retentionTimes": ["2019-04-03T01:30:00Z"], "retentionDuration": {"count": 30, "durationType": "Days"}},
  "weeklySchedule": {"daysOfTheWeek": ["Sunday", "Tuesday"], "retentionTimes": ["2019-04-03T01:30:00Z"], "retentionDuration": {"count": 12, "durationType": "Weeks"}},
  "monthlySchedule": {"retentionScheduleFormatType": "Daily", "retentionScheduleDaily": {"daysOfTheMonth": [{"date": 1, "isLast": false}, {"date": 0, "isLast": true}]},
   "retentionTimes": ["2019-04-03T01:30:00Z"], "retentionDuration": {"count": 60, "durationType": "Months"}},
  "yearlySchedule": {"retentionScheduleFormatType": "Weekly", "monthsOfYear": ["January", "July"], "retentionScheduleWeekly": {"daysOfTheWeek": ["Sunday"], "weeksOfTheMonth": ["First", "Last"]},
   "retentionTimes": ["2019-04-03T01:30:00Z"], "retentionDuration": {"count": 10, "durationType": "Years"}}}}}
END
ok create gold --from-azure azure.json
expect_text 'daily at 03:30 Romance Standard Time' out		# UTC+2 on that day
expect_text 'of Sunday, Tuesday 12 weeks' out
ok show gold --azure
jq -S . out >first
cp out az
ok create again --from-azure az
ok show again --azure
jq -S . out | diff first - || fail "another policy"
# what was given is in it, but for what is no policy's and the dates
jq -S 'def times: walk(if type == "string" and test("^20..-..-..T") then "T" else . end); {properties: (.properties | del(.protectedItemsCount, .schedulePolicy.scheduleWeeklyFrequency))} | times' azure.json >want
jq -S 'def times: walk(if type == "string" and test("^20..-..-..T") then "T" else . end); times' first | diff want - || fail "not what Azure said"
ok create rich --enhanced --every 6 --window 12 --at 08:00 --time-zone Europe/Madrid --snapshot-days 5 --retain-yearly 3:June:last
ok show rich --azure
jq -e '.properties | .policyType == "V2" and .schedulePolicy.schedulePolicyType == "SimpleSchedulePolicyV2" and .schedulePolicy.hourlySchedule.interval == 6
	and .schedulePolicy.hourlySchedule.scheduleWindowDuration == 12 and (.timeZone == "W. Europe Standard Time") and .instantRpRetentionRangeInDays == 5' out >/dev/null ||
	fail "$(cat out)"
cp out az
ok create rich2 --from-azure az
"$a" policy show v rich2 --vault-key k --json | jq -e '.every_hours == 6 and .at == "08:00" and .retain_yearly == "3:June:last"' >/dev/null || fail "rich2"
jq '.properties.backupManagementType = "AzureSql"' azure.json >sql.json
refused 'no policy for VMs' create p --from-azure sql.json
jq '.properties.schedulePolicy.scheduleRunTimes += ["2019-04-03T13:30:00Z"]' azure.json >two.json
refused 'one time a day' create p --from-azure two.json
echo '{"properties": {}}' >none.json
refused 'it is no policy' create p --from-azure none.json

say "simulate: two years of every kind agree with a second calculation"
ok create weekly --schedule weekly --on Monday,Friday --at 23:30 --time-zone America/New_York --retain-weekly 6:Monday,Friday --retain-monthly 12:last-Friday
for p in default gold weekly rich; do
	policy simulate $p --days 800 --json >out 2>err || fail "$p: $(cat err)"
	/usr/bin/python3 "$ROOT/tests/lib/policy_model.py" out || fail "$p: another calculation differs"
done

say "years of runs by an injected clock: clocks change, hosts are down, policies are edited"
/usr/bin/python3 "$ROOT/tests/lib/policy_model.py" runs 8 >years || fail "$(cat years)"
cat years
expect_text '^8 years: .* missed ones, 16 edits' years

say "an edit is seen, simulated without being made, and made"
policy simulate gold --retain-daily 7 --days 30 --json >out
jq -e '.policy.retain_daily == "7"' out >/dev/null || fail "not simulated"
"$a" policy show v gold --vault-key k --json | jq -e '.retain_daily == "30"' >/dev/null || fail "simulate changed it"
ok edit gold --retain-daily 45 --retain-yearly none
"$a" policy show v gold --vault-key k --json | jq -e '.retain_daily == "45" and .retain_yearly == "none" and .retain_weekly == "12:Sunday,Tuesday"' >/dev/null || fail "edit"
ok delete gold
refused "no policy 'gold'" show gold
ok edit default --at 04:00
expect_text 'daily at 04:00' out
"$a" policy list v --vault-key k --json | jq -e '[.policies[].name] == ["DefaultPolicy", "again", "p7", "p9999", "rich", "rich2", "weekly"]' >/dev/null || fail "list"
expect_status 0 "$a" verify v --vault-key k
/usr/bin/python3 "$ROOT/tests/reader/vaultreader.py" v --vault-key k check >/dev/null || fail "the second reader"
