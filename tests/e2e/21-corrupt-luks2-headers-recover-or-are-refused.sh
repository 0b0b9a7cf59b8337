#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The damaged LUKS2 headers that cryptsetup's own tests generate, and what its luks2-validation-test
# says of each: R must be read, F must be refused.  Where a header is sound but asks for what we do
# not support (several segments, an unknown segment type), "unsupported" is right for R too.
# timeout: 400
. "$(dirname "$0")/lib.sh"
require jq xz

tests=$(cryptsetup_source)/tests
cp -r "$tests/generators" "$T/generators"
mkdir "$T/images"
xz -dkc "$tests/luks2_valid_hdr.img.xz" >"$T/images/valid.img"
# The generators give jq header areas with the NULs behind the text; Debian's jq stumbles over those.
mkdir "$T/bin"
cat >"$T/bin/jq" <<'JQ'
#!/bin/bash
tr -d '\0' <"${!#}" | /usr/bin/jq "${@:1:$#-1}"
JQ
chmod +x "$T/bin/jq"
cd "$T/generators"
for script in ./generate-*.sh; do
	PATH=$T/bin:$PATH "$script" "$T/images" "$T/images/valid.img" >/dev/null 2>"$T/err" ||
		fail "$script: $(tail -3 "$T/err")"
done

checked=0 wrong=0
while read -r image want; do
	status=0
	said=$("$B/tests/make/luks-cat" "$T/images/$image") || status=$?
	case $want:$status in
	R:0 | R:3 | F:1 | F:3) ;;
	*) say "$image: wanted $want, got status $status: $said"; wrong=$((wrong + 1)) ;;
	esac
	checked=$((checked + 1))
done < <(awk '$1 == "RUN" { gsub("\"", "", $3); print $2, $3 }' "$tests/luks2-validation-test")
say "$checked headers"
[ "$checked" -ge 80 ] || fail "only $checked headers were found"
[ "$wrong" = 0 ] || fail "$wrong of $checked headers judged wrongly"
