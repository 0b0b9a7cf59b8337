# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# How the demo speaks: calm, aligned, in colour only on a terminal that wants it.
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
	live=1 bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' cyan=$'\e[36m' plain=$'\e[0m'
else
	live='' bold='' dim='' green='' red='' cyan='' plain=''
fi
tick=✓ cross=✗
show_log=$(mktemp) began=$(date +%s%N) show_failed='' show_checks=0

now() { date +%s%N; }
since() { awk -v ns="$(($(now) - $1))" 'BEGIN { printf "%.1f s", ns / 1e9 }'; }

title() { printf '\n  %s%s%s  %s%s%s\n' "$bold" "$1" "$plain" "$dim" "$2" "$plain"; }
section() { printf '\n  %s%s%s\n' "$cyan" "$1" "$plain"; }
note() { printf '      %s%s%s\n' "$dim" "$1" "$plain"; }

# (printf pads by bytes, so the padding is counted here, in characters)
show_line() {	# MARK TEXT TIME
	local pad=$((66 - ${#2}))
	printf '    %s %s%*s%s%8s%s\n' "$1" "$2" "$((pad > 0 ? pad : 0))" '' "$dim" "$3" "$plain"
}

spin() {	# PID TEXT: until it ends
	local frames='⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏' i=0
	while kill -0 "$1" 2>/dev/null; do
		printf '\r    %s%s%s %s' "$cyan" "${frames:i++%10:1}" "$plain" "$2"
		sleep 0.1
	done
	printf '\r\e[K'
}

# step TEXT COMMAND…: run it, say how long it took; its output is shown only if it fails.
step() {
	local text=$1 start status=0 spinner=''
	shift
	start=$(now)
	if [ "$live" ]; then
		spin $$ "$text" &
		spinner=$!
	fi
	# errexit works inside only if nothing around asks for the status
	set +e
	(set -e; "$@") >"$show_log" 2>&1
	status=$?
	set -e
	if [ "$spinner" ]; then
		kill "$spinner" 2>/dev/null || :
		wait "$spinner" 2>/dev/null || :
		printf '\r\e[K'
	fi
	if [ "$status" != 0 ]; then
		show_line "$red$cross$plain" "$text" "$(since "$start")"
		sed 's/^/        /' "$show_log"
		show_failed=1
		exit 1
	fi
	show_line "$green$tick$plain" "$text" "$(since "$start")"
}
check() { show_checks=$((show_checks + 1)); step "$@"; }

# show_command COMMAND…: as a person would type it, then its time.
show_command() {
	local start
	start=$(now)
	"$@" >"$show_log" 2>&1 || {
		printf '    %s$%s %s\n' "$dim" "$plain" "$*"
		sed 's/^/        /' "$show_log"
		show_failed=1
		exit 1
	}
	show_line "$dim\$$plain" "$*" "$(since "$start")"
}

tree_of() {	# DIR: its files with their sizes
	local f size
	printf '\n      %s%s/%s\n' "$bold" "$1" "$plain"
	(cd "$1" && find . -mindepth 1 \( -type f -o -type l \) -printf '%P\n' | sort) |
		while read -r f; do
			size=$(stat -c %s "$1/$f")
			printf '        %-24s %s%12s%s\n' "$f" "$dim" "$(numfmt --to=iec-i --suffix=B "$size")" "$plain"
		done
}

listing() {	# DIR…: files inside
	local d
	for d in "$@"; do
		printf '      %s%s%s\n' "$bold" "$d" "$plain"
		find "$d" -maxdepth 1 -type f -printf '%f\t%s\n' | sort |
			while IFS=$'\t' read -r f size; do
				printf '        %-24s %s%12s%s\n' "$f" "$dim" "$(numfmt --to=iec-i --suffix=B "$size")" "$plain"
			done
	done
}

wait_gone() {	# PROGRAM WORD: no such process with WORD in its arguments is left
	local i
	for i in 1 2 3 4 5 6 7 8 9 10; do
		pgrep -f "^$1 .*$2" >/dev/null || return 0
		sleep "0.$i"
	done
}

show_end() {
	rm -f "$show_log"
	if [ "$show_failed" ]; then
		printf '\n  %sThe demo failed.%s\n\n' "$red" "$plain"
	else
		printf '\n  %s%d checks passed%s in %s\n\n' "$green" "$show_checks" "$plain" "$(since "$began")"
	fi
}
