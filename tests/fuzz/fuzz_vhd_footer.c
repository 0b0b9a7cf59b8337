/* SPDX-License-Identifier: Apache-2.0 */
/* The footer alone (with its checksum mended, too), and the probe that looks
 * at a whole small image. */
#include "crypto/bytes.h"
#include "fs/image/mem.h"
#include "fs/image/probe.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void mend(uint8_t *f)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < VHD_FOOTER_BYTES; i++)
		if (i < 64 || i >= 68)
			sum += f[i];
	put_be32(f + 64, ~sum);
}

static void probe(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(size);
	AUTO(blockdev_unref) struct blockdev *bd = NULL;
	enum image_format format;
	struct vhd_footer footer;
	struct error err = ERROR_INIT;

	memcpy(copy, data, size);
	bd = mem_open(copy, size, NULL);
	if (image_probe(bd, "image", &format, &footer, &err) < 0) {
		if (!err.code || !err.text[0])
			abort();
	} else if (format == IMAGE_VHD_FIXED && footer.disk_bytes + VHD_FOOTER_BYTES != size) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	if (!size)
		return 0;
	probe(data, size);
	if (size < VHD_FOOTER_BYTES)
		return 0;
	copy = malloc(size);
	memcpy(copy, data, size);
	memcpy(copy + size - VHD_FOOTER_BYTES, "conectix", 8);
	mend(copy + size - VHD_FOOTER_BYTES);
	probe(copy, size);
	free(copy);
	return 0;
}
