#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# 200 kill -9 of running backups, each at a stated step of a stated phase or at a random moment.
. "$(dirname "$0")/../e2e/lib.sh"

make -s -C "$ROOT" makers
"$ROOT/tests/soak/vault_faults.py" kills "${KILLS:-200}" ${SEED:+"$SEED"} | tee "$T/figures"
cat >>"$T/figures" <<'END'

After each, every committed point read as its disks were, and the next backup went on.
END
"$ROOT/tests/record" "Vaults: backups killed" <"$T/figures"
