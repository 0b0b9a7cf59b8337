#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Keys from standard input, descriptors and a folder of a thousand; several protectors on one volume,
# a password that is not ASCII among them; a person at a terminal is asked, unseen.
. "$(dirname "$0")/lib.sh"
require mke2fs python3
A=$B/adebackup
mkdir "$T/m" "$T/k" "$T/k2" "$T/many"
truncate -s 16M "$T/fs"
mke2fs -q -t ext4 "$T/fs"
recovery1=111111-222222-333333-444444-555555-666666-000011-000022
recovery2=000022-000011-666666-555555-444444-333333-222222-111111
"$B/tests/make/mkbitlocker" --seed 9 --bek "$T/k" --bek-long "$T/k2" --recovery $recovery1 --recovery $recovery2 \
	--password 'Grüße-日本-🔑' "$T/fs" "$T/v" >/dev/null
short=$(echo "$T"/k/*) long=$(echo "$T"/k2/*)
[ "$(stat -c %s "$short") $(stat -c %s "$long")" = "156 180" ] || fail "not the two forms"

# opens COMMAND…: $T/v at $T/m, with the right bytes
opens() {
	defer unmount "$T/m"
	expect_status 0 "$@"
	check_same "$T/m/disk.raw" "$T/fs"
	unmount "$T/m"
}
mounts() { "$A" mount "$T/v" "$T/m" "$@"; }
helper() { "$B/mount.adebackup" "$T/v" "$T/m" "$@"; }

say "each protector of a volume that has five"
opens mounts --bek "$short"
opens mounts --bek "$long"
echo $recovery1 >"$T/r1"
echo ${recovery2//-/} >"$T/r2"
printf 'Grüße-日本-🔑\n' >"$T/p"
opens mounts --recovery-password-file "$T/r1"
opens mounts --recovery-password-file "$T/r2"
opens mounts --password-file "$T/p"

say "pipes and descriptors"
opens mounts --bek - <"$short"
opens mounts --bek - < <(head -c 50 "$short"; sleep 0.1; tail -c +51 "$short")
opens mounts --bek fd:7 7<"$short"
opens helper -o bek=fd:9 9< <(cat "$long")
opens helper -o bek=- <"$short"
opens mounts --recovery-password-file - <"$T/r1"
opens mounts --password-file fd:5 5<"$T/p"
expect_status 2 mounts --bek fd:99x
expect_status 16 mounts --bek - </dev/null
expect_status 1 mounts --bek fd:77
expect_text "fd:77" "$T/err"

say "a thousand key files cost nothing"
python3 - "$long" "$T/many" <<'PY'
import os, sys, uuid
good, where = open(sys.argv[1], "rb").read(), sys.argv[2]
for i in range(1000):
    # another GUID everywhere in the file where its own is, and another key
    own = uuid.UUID(os.path.basename(sys.argv[1])[:-4].strip("{}")).bytes_le
    new = uuid.uuid4()
    assert own in good
    open(os.path.join(where, "{%s}.BEK" % str(new).upper()), "wb").write(good.replace(own, new.bytes_le)[:-32] + os.urandom(32))
PY
cpu() { python3 -c 'import resource, subprocess, sys; rc = subprocess.call(sys.argv[1:], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL); u = resource.getrusage(resource.RUSAGE_CHILDREN); print(int(1000 * (u.ru_utime + u.ru_stime))); sys.exit(rc)' "$@"; }
expect_status 13 mounts --keys "$T/many"
expect_text "no key given opens" "$T/err"
mv "$long" "$T/many/zz.BEK"
opens mounts --keys "$T/many"
one=$(cpu "$A" inspect "$T/v" --bek "$T/many/zz.BEK") thousand=$(cpu "$A" inspect "$T/v" --keys "$T/many")
say "one key: $one ms, a thousand: $thousand ms of CPU time"
[ "$thousand" -lt $((one + 250)) ] || [ "$MODE" != release ] || fail "1,000 key files took $thousand ms, one $one ms"

say "a person at a terminal"
cat >"$T/person.py" <<'PY'
"""Runs a command at a terminal of its own: person.py ANSWER[;ANSWER…] STATUS COMMAND…"""
import os, pty, re, select, signal, sys, termios, time
answers, want, argv = sys.argv[1].split(";"), int(sys.argv[2]), sys.argv[3:]
pid, fd = pty.fork()
if pid == 0:
    signal.signal(signal.SIGINT, signal.SIG_DFL)    # what started the tests may ignore it
    os.execv(argv[0], argv)
said, asked, end = b"", 0, time.monotonic() + 60
while time.monotonic() < end:
    if select.select([fd], [], [], 0.1)[0]:
        try:
            more = os.read(fd, 4096)
        except OSError:
            break
        if not more:
            break
        said += more
    if said.count(b"(empty: leave it locked): ") > asked and not termios.tcgetattr(fd)[3] & termios.ECHO:
        if answers[asked] == "TERM":
            os.kill(pid, 15)
        elif answers[asked] == "CTRL-C":
            os.write(fd, b"half a pass\x03")
        else:
            os.write(fd, answers[asked].encode() + b"\n")
        asked += 1
else:
    sys.exit("it hangs after: %r" % said)
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
text = said.decode()
print(text)
if status != want:
    sys.exit("status %d, expected %d" % (status, want))
if asked != len(answers):
    sys.exit("asked %d times" % asked)
for a in answers:
    if a and a not in ("TERM", "CTRL-C") and a in text:
        sys.exit("the answer is on the screen")
PY
person() { python3 "$T/person.py" "$@" </dev/null >"$T/screen" 2>&1 || fail "$(cat "$T/screen")"; }
asked_and_open() {
	defer unmount "$T/m"
	person "$1" 0 "$A" mount "$T/v" "$T/m"
	check_same "$T/m/disk.raw" "$T/fs"
	unmount "$T/m"
}
asked_and_open 'Grüße-日本-🔑'
asked_and_open $recovery2
asked_and_open "nö-nö;weder-noch;$recovery1"
expect_text "That does not open it" "$T/screen"
person "1-eins;2-zwei;3-drei" 12 "$A" mount "$T/v" "$T/m"
defer unmount "$T/m"
person "" 3 "$A" mount "$T/v" "$T/m"
unmount "$T/m"
person CTRL-C 130 "$A" mount "$T/v" "$T/m"
person TERM 130 "$A" mount "$T/v" "$T/m"
if is_mounted "$T/m"; then fail "mounted after Ctrl-C"; fi
wait_for 5 eval '! ade_pid "$T/v"'
