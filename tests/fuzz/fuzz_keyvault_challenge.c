/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/keys/challenge.h"
#include "fs/keys/keystore.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A challenge that passes names a resource above the host: anything else would leak a token. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = strndup((const char *)data, len);
	struct challenge c;
	struct key_ref ref;

	if (challenge_parse(text, "a.vault.azure.net", &c, NULL) == 0 &&
	    strcasecmp(c.resource, "https://vault.azure.net") &&
	    strcasecmp(c.resource, "https://vault.azure.net:443") &&
	    strncasecmp(c.resource, "https://vault.azure.net", 23) &&
	    strncasecmp(c.resource, "https://azure.net", 17))
		abort();
	key_ref_parse(text, "secrets", &ref, NULL);
	free(text);
	return 0;
}
