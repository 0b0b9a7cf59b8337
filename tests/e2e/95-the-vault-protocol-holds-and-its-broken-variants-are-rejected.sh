#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
. "$(dirname "$0")/lib.sh"
require spin gcc

"$(dirname "$0")/../model/spin/run" slice || fail "the model check did not come out as it must"
