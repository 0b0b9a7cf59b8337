#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tests/data/golden-vault-1 was written by the first version of the format and must open for ever:
# with each of its keys, both points, bit by bit. Its chunks have 16 KiB and are RAW, ZSTD and
# PATCH; the vault's key was renewed between the points. Nothing in it is ever to be made anew.
. "$(dirname "$0")/lib.sh"
a=$B/adebackup
cp -r "$ROOT/tests/data/golden-vault-1" "$T/g"
cd "$T/g"

say "each key opens it"
for key in --vault-key=vault.key --vault-key=paper --vault-passphrase-file=pass --vault-rsa-key=rsa.pem; do
	expect_status 0 "$a" list vault web1 $key --json
	expect_text '7424004dfd88f0fc' "$T/out"
	expect_text '06ea8e8992041e1c' "$T/out"
done

say "both points, bit by bit"
restore() { "$a" restore vault "web1@$1" --to "$2" --vault-key vault.key -q; }
restore 7424004dfd88f0fc one
restore 06ea8e8992041e1c two
check_sha one/os.raw 16bc3890ba0aadfe2d8db29605a273bb1c7a0309803ff7ad0650589560a87fed
check_sha one/lun0.raw 4803de59123402649c0df656edeab2de412f8e2e0577d1f53d3f9e71de7ff004
check_sha two/os.raw cba59489efb20ad6a8520230ff57f6b890879ca19c87d9ef706b65108679dd1f
check_sha two/lun0.raw 57d8bc45908e55dac6ecf935b409d247b8efe036d9edce478a24fee18a07eaf0

say "a backup goes on from it"
head -c 512 /dev/zero | tr '\0' z | dd of=two/os.raw conv=notrunc status=none
expect_status 0 "$a" backup vault web1 --vault-key vault.key --disk os=two/os.raw --disk lun0=two/lun0.raw --json
python3 -c 'import json, sys; n = json.load(open(sys.argv[1]))["new_bytes"]; sys.exit(not 0 < n < 65536)' "$T/out" ||
	fail "one chunk has changed: $(cat "$T/out")"
restore latest three
check_same two/os.raw three/os.raw
