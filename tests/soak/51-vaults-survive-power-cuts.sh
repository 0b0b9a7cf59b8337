#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# 500 power cuts: recorded operations of backups on files and folders, some killed on the way, are
# replayed into states that POSIX allows.  The same with folders never synced has to fail.
. "$(dirname "$0")/../e2e/lib.sh"

make -s -C "$ROOT" makers
"$ROOT/tests/soak/vault_faults.py" cuts "${CUTS:-500}" ${SEED:+"$SEED"} | tee "$T/figures"
if "$ROOT/tests/soak/vault_faults.py" blind 100 >"$T/blind"; then fail "a store that syncs no folder passes"; fi
expect_text "FAILED: .* is (gone|wrong)|FAILED: a point cannot be read" "$T/blind"
cat >>"$T/figures" <<'END'

After each, every committed point read as its disks were, and the next backup went on.  The same
campaign on a record without the folders' syncs fails, as it has to.
END
"$ROOT/tests/record" "Vaults: power cuts" <"$T/figures"
