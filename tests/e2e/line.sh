# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# A long line between two network namespaces:	. "$(dirname "$0")/line.sh"	after lib.sh and faults.sh
# make_line MBIT KB: 30 ms, that rate and that much in its queue, by tests/make/linkrelay; near and far run a
# command on either side (10.9.0.1, 10.9.0.2), cut_line and mend_line lose every packet and none.
# serve_s3_far BUCKET: a strict S3 on the far side, its URL in $E.
require ip tc nsenter
[ "$(id -u)" = 0 ] || skip "needs root for network namespaces"
[ -c /dev/net/tun ] || skip "no /dev/net/tun"

near() { nsenter -t "$near_pid" -n "$@"; }
far() { nsenter -t "$far_pid" -n "$@"; }
cut_line() { kill -USR1 "$relay_pid"; }
mend_line() { kill -USR2 "$relay_pid"; }

__apart() { [ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }

make_line() {	# MBIT KB
	local side
	unshare -n sleep infinity &
	near_pid=$!
	defer end_pid "$near_pid"
	unshare -n sleep infinity &
	far_pid=$!
	defer end_pid "$far_pid"
	wait_for 10 __apart "$near_pid"
	wait_for 10 __apart "$far_pid"
	"$B/tests/make/linkrelay" "/proc/$near_pid/ns/net" "/proc/$far_pid/ns/net" 15000 >"$T/relay" 2>"$T/relay.err" &
	relay_pid=$!
	defer end_pid "$relay_pid"
	wait_for 10 grep -q up "$T/relay"
	for side in near:10.9.0.1 far:10.9.0.2; do
		"${side%:*}" ip link set lo up
		"${side%:*}" ip addr add "${side#*:}/24" dev link0
		"${side%:*}" ip link set link0 up
		"${side%:*}" tc qdisc add dev link0 root tbf rate "$1mbit" burst 64kb limit "$2kb"
	done
}

serve_s3_far() {	# BUCKET
	nsenter -t "$far_pid" -n "$ROOT/tests/fake/s3" "$T/s3" --bucket "$1" --page 1000 --listen 10.9.0.2 2>"$T/s3.log" &
	defer end_pid $!
	wait_for 20 test -s "$T/s3/port"
	E=http://10.9.0.2:$(cat "$T/s3/port")
}
