/* SPDX-License-Identifier: Apache-2.0 */
/* The header as it is, and with its checksum mended. */
#include "crypto/hash.h"
#include "fs/image/overlay_header.h"

#include <stdlib.h>
#include <string.h>

#define HASHED 360

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const uint8_t *data, size_t size)
{
	struct overlay_info have, want = { .size = 1 << 20, .view = "disk.raw" };
	struct overlay_layout layout;
	struct error err = ERROR_INIT;
	int rc = overlay_header_read(data, size, &have, &err);

	if (!rc && (overlay_layout(&have, &layout) ||
		    strnlen(have.view, sizeof(have.view)) == sizeof(have.view) ||
		    strnlen(have.base, sizeof(have.base)) == sizeof(have.base)))
		abort();
	rc = rc ? rc : overlay_match(&have, &want, &err);
	if (rc && (!err.code || !err.text[0] || !err.next[0]))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size + 1);

	memcpy(copy, data, size);
	check(copy, size);
	if (size >= OVERLAY_HEADER_BYTES && !sha256(copy, HASHED, copy + HASHED))
		check(copy, size);
	free(copy);
	return 0;
}
