/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/keys/pkcs11_uri.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What passes is whole texts, and no PIN is among them. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *text = strndup((const char *)data, len);
	struct pkcs11_uri u;

	if (text && pkcs11_uri_parse(text, &u, NULL) == 0 &&
	    (u.id_len > sizeof(u.id) || !memchr(u.token, '\0', sizeof(u.token)) ||
	     !memchr(u.module, '\0', sizeof(u.module)) || !memchr(u.pin_source, '\0', sizeof(u.pin_source)) ||
	     u.pin_source[0] == '|'))
		abort();
	free(text);
	return 0;
}
