/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process with a key where a key must not be, to prove that tests/lib/scan-memory finds it:
 *
 *     plant heap|locked HEX
 *
 * keeps the bytes on the heap, or in a struct secret; says "ready" and waits for end of input.
 * (The HEX in its own arguments is wiped: it is bytes that are looked for, not their digits.)
 */
#include "crypto/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t parse_hex(const char *hex, unsigned char *to, size_t room)
{
	size_t n = 0;

	for (; n < room && hex[2 * n] && hex[2 * n + 1]; n++) {
		char digits[3] = { hex[2 * n], hex[2 * n + 1], 0 };

		to[n] = (unsigned char)strtoul(digits, NULL, 16);
	}
	return n;
}

int main(int argc, char **argv)
{
	enum { KEY_MAX = 256 };
	bool locked = argc == 3 && strcmp(argv[1], "locked") == 0;
	struct secret *secret = NULL;
	unsigned char *at;
	size_t len;

	if (argc != 3 || secret_process_init() < 0) {
		fprintf(stderr, "usage: plant heap|locked HEX\n");
		return 2;
	}
	if (locked)
		secret = secret_new(KEY_MAX);
	at = locked ? (secret ? secret_data(secret) : NULL) : calloc(1, KEY_MAX);
	if (!at)
		return 1;
	len = parse_hex(argv[2], at, KEY_MAX);
	memset(argv[2], 0, strlen(argv[2]));
	printf("ready %zu\n", len);
	fflush(stdout);
	while (getchar() != EOF)
		;
	/* used here, so that the compiler keeps the bytes until now */
	return at[len - 1] == 0;
}
