# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# For tests of networks that fail:	. "$(dirname "$0")/faults.sh"
# serve_faulty FOLDER PORT OPTIONS…: tests/fake/faultproxy in front of a server; $FAULTY is its URL,
# $FAULTS its folder; end_faulty ends it.  serve_s3_faulty FOLDER OPTIONS…: with a strict S3 behind
# it ($S3_PORT, $S3_PID) that has a bucket "hammer".
FAULT_SEED=${TEST_SEED:-20261126}
# those that a store itself must find: a bit flipped in an answer's body shows only to who has its tag
TOLD_FAULTS=refuse,lost,stall,cut,headcut,drip,short,long,range,upflip,garbage,status500,status503,retryafter,storm,throttle
export AWS_REGION=eu-test-1 AWS_ACCESS_KEY_ID=AKIDTEST AWS_SECRET_ACCESS_KEY=the+secret/of=tests
unset AWS_SESSION_TOKEN AWS_PROFILE AWS_ENDPOINT_URL

end_pid() {	# PID
	kill "$1" 2>/dev/null || return 0
	wait "$1" || true
}

serve_faulty() {	# FOLDER PORT OPTIONS…
	FAULTS=$1
	"$ROOT/tests/fake/faultproxy" "$@" 2>"$1.log" &
	FAULT_PID=$!
	defer end_pid "$FAULT_PID"
	wait_for 30 test -s "$1/port"
	FAULTY=http://127.0.0.1:$(cat "$1/port")
}
end_faulty() { end_pid "$FAULT_PID"; }

serve_s3_faulty() {	# FOLDER OPTIONS…
	"$ROOT/tests/fake/s3" "$1/server" --bucket hammer --page 20 --conflict 5 2>"$1.server.log" &
	S3_PID=$!
	defer end_pid "$S3_PID"
	wait_for 30 test -s "$1/server/port"
	S3_PORT=$(cat "$1/server/port")
	serve_faulty "$1" "$S3_PORT" "${@:2}"
}
