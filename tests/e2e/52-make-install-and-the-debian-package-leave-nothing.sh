#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `make install` puts each file where it belongs, `make uninstall` takes all away; `make deb` builds a
# package that dpkg installs into an empty system and removes again; manual pages render, bash
# completes.
. "$(dirname "$0")/lib.sh"
require dpkg dpkg-deb man mandoc
require_root
files() { (cd "$1" && find . ! -type d | sort); }

say "make install"
make_here install DESTDIR="$T/a" >/dev/null
make_here install DESTDIR="$T/b" PREFIX=/opt/ade >/dev/null
files "$T/a/usr" >"$T/list"
diff <(files "$T/b/opt/ade") "$T/list" || fail "PREFIX changes what is installed"
[ "$(find "$T/b" -mindepth 1 -maxdepth 1)" = "$T/b/opt" ] || fail "something outside PREFIX"
for f in bin/adebackup sbin/mount.adebackup sbin/mount.fuse.adebackup share/man/man1/adebackup.1 \
	share/man/man8/mount.adebackup.8 share/man/man5/adebackup-json.5 share/bash-completion/completions/adebackup \
	share/doc/adebackup/README.md share/doc/adebackup/copyright; do
	grep -qx "./$f" "$T/list" || fail "no $f"
done
[ "$(readlink "$T/a/usr/sbin/mount.fuse.adebackup")" = mount.adebackup ] || fail "the link"
"$T/b/opt/ade/bin/adebackup" --version | grep -Eq '^adebackup [0-9.]+$' || fail "--version"
"$T/a/usr/sbin/mount.fuse.adebackup" --version | grep -Eq '^mount.adebackup [0-9.]+$' || fail "--version"
make_here uninstall DESTDIR="$T/b" PREFIX=/opt/ade >/dev/null
[ -z "$(files "$T/b")" ] || fail "uninstall leaves: $(files "$T/b")"

say "manual pages"
for page in "$T"/a/usr/share/man/man?/*; do
	mandoc -T lint -W warning "$page" >"$T/out" || true
	[ ! -s "$T/out" ] || fail "mandoc: $(cat "$T/out")"
	man --warnings=all -l "$page" 2>"$T/err" | col -b >"$T/page" || fail "man $page"
	[ ! -s "$T/err" ] || fail "man: $(cat "$T/err")"
	if grep -q '@[A-Z_]*@' "$T/page"; then fail "a placeholder is left in $page"; fi
done
grep -q 'recovery-password-file' "$T/page" || fail "no options"

say "bash completes"
completes() {
	bash -c 'set -eu; . "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"
		compopt() { :; }; _adebackup; printf "%s\n" "${COMPREPLY[@]}"' \
		- "$T/a/usr/share/bash-completion/completions/adebackup" "$@" | sort | paste -sd' '
}
is_completed() {
	local want=$1 got
	shift
	got=$(completes "$@")
	[ "$got" = "$want" ] || fail "completion of '$*' is '$got', not '$want'"
}
touch "$T/disk.vhd"
mkdir "$T/disks"
is_completed "mount mounts" adebackup mou
is_completed "--keys --keystore --keystore-key --keystore-pin-file" adebackup mount --keys
is_completed "$T/disks" adebackup mount --keys "$T/disk"
is_completed "$T/disk.vhd $T/disks" adebackup mount "$T/disk"
is_completed "import-key import-secret" adebackup keystore imp
is_completed "root" adebackup mount --uid roo
[ "$(bash -c '. "$1"; complete -p adebackup' - "$T/a/usr/share/bash-completion/completions/adebackup")" = "complete -F _adebackup adebackup" ] || fail "not registered"
for c in mount umount mounts inspect; do
	for o in $("$T/a/usr/bin/adebackup" "$c" --help | grep -oE '^ +(-., )?--[a-z0-9-]+' | grep -oE -- '--[a-z0-9-]+'); do
		completes adebackup "$c" "$o" | grep -qw -e "$o" || fail "$c $o is not completed"
	done
done

say "make deb"
deb=$(make_here deb | tail -1)
deb=$ROOT/$deb
[ "$(dpkg-deb -f "$deb" Package)" = adebackup ] || fail "no package"
dpkg-deb -f "$deb" Depends | grep -q 'fuse3' || fail "Depends lacks fuse3"
for l in libc6 libfuse3-3 libssl3 libcurl4 libjansson4 libext2fs2; do
	dpkg-deb -f "$deb" Depends | grep -q "$l" || fail "Depends lacks $l: $(dpkg-deb -f "$deb" Depends)"
done
dpkg-deb -c "$deb" | awk '{print $2}' | sort -u | grep -qx root/root || fail "owner"
[ "$(dpkg-deb -c "$deb" | awk '{print $2}' | sort -u | wc -l)" = 1 ] || fail "several owners"

# An empty system whose dpkg knows the packages of this one: dependencies are checked for real.
system() {
	mkdir -p "$T/sys/var/lib/dpkg/info" "$T/sys/var/lib/dpkg/updates" "$T/sys/var/log"
	cp /var/lib/dpkg/status "$T/sys/var/lib/dpkg/status"
}
system
dpkg-query --admindir="$T/sys/var/lib/dpkg" -W -f '${Package}\n' >"$T/packages"
packed() { dpkg --root="$T/sys" --force-not-root --force-script-chrootless --log="$T/dpkg.log" "$@" >"$T/out" 2>"$T/err" || { cat "$T/out" "$T/err" >&2; fail "dpkg $*"; }; }
packed -i "$deb"
[ "$(dpkg-query --admindir="$T/sys/var/lib/dpkg" -W -f '${Status}' adebackup)" = "install ok installed" ] || fail "not installed"
dpkg --root="$T/sys" -V adebackup >"$T/out"
[ ! -s "$T/out" ] || fail "files differ from the package's sums: $(cat "$T/out")"
files "$T/sys/usr" | sed 's/\.gz$//' | grep -v '/doc/adebackup/changelog$' | diff - "$T/list" || fail "the package holds something else than make install"
"$T/sys/usr/bin/adebackup" --version >/dev/null
[ -u "$T/sys/usr/sbin/mount.adebackup" ] && fail "set-user-id"
packed -P adebackup
[ -z "$(files "$T/sys/usr" 2>/dev/null)" ] || fail "purge leaves: $(files "$T/sys/usr")"
[ ! -d "$T/sys/usr" ] || [ -z "$(find "$T/sys/usr" -mindepth 1)" ] || fail "purge leaves folders: $(find "$T/sys/usr")"
if grep -q '^Package: adebackup$' "$T/sys/var/lib/dpkg/status"; then fail "dpkg still knows it"; fi
