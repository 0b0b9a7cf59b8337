#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# 300 kill -9 inside prune, collect and compact, at stated steps or at a random moment; beside half
# of them backups, restores and a mount go on.
. "$(dirname "$0")/../e2e/lib.sh"

make -s -C "$ROOT" makers
"$ROOT/tests/soak/prune_faults.py" kills "${KILLS:-300}" ${SEED:+"$SEED"} | tee "$T/figures"
cat >>"$T/figures" <<'END'

After each, every point that no rule let expire read as its disks were; when days had passed the
vault verified, nothing that nobody needs was left, and the next backup went on.
END
"$ROOT/tests/record" "Vaults: prunes killed" <"$T/figures"
