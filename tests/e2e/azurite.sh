# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# For tests that need Azure Blob Storage:	. "$(dirname "$0")/azurite.sh"
# Starts Azurite (which does not know the newest client's version yet), over plain http, on a free port.  Afterwards: $AZ_URL its endpoint, $AZ_KEY a file
# with the account's key, $AZ_NET the options to reach it (without credentials), blobs COMMAND… the
# official client.
. "$(dirname "${BASH_SOURCE[0]}")/node.sh"
AZURITE=$NODE_HOME/node_modules/azurite/dist/src/blob/main.js
mkdir "$T/azurite"
serve_node "$T/azurite.log" "$AZURITE" --blobHost 127.0.0.1 --blobPort 0 -l "$T/azurite" --disableTelemetry \
	--skipApiVersionCheck
AZ_PORT=$(port_in "$T/azurite.log" 'listens on http:\/\/127.0.0.1:')
AZ_URL=http://127.0.0.1:$AZ_PORT/devstoreaccount1
AZ_KEY=$T/account.key
# published in Azurite's documentation, the same everywhere
(umask 077; echo 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==' >"$AZ_KEY")
AZ_NET="endpoint=$AZ_URL"
export BLOB_ENDPOINT=$AZ_URL BLOB_ACCOUNT=devstoreaccount1
BLOB_KEY=$(cat "$AZ_KEY")
export BLOB_KEY
blobs() { node "$ROOT/tests/fake/blob-client.cjs" "$@"; }
