#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# 300 power cuts: recorded operations of prunes, collections, compacts and backups on files and
# folders, some killed on the way, are replayed into states that POSIX allows.
. "$(dirname "$0")/../e2e/lib.sh"

make -s -C "$ROOT" makers
"$ROOT/tests/soak/prune_faults.py" cuts "${CUTS:-300}" ${SEED:+"$SEED"} | tee "$T/figures"
cat >>"$T/figures" <<'END'

After each, every point that no rule let expire read as its disks were; when days had passed the
vault verified, nothing that nobody needs was left, and the next backup went on.
END
"$ROOT/tests/record" "Vaults: power cuts in prunes" <"$T/figures"
