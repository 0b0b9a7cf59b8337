/* SPDX-License-Identifier: Apache-2.0 */
/* Names of an initramfs: the same whatever the pieces; and the texts beside it that name drivers. */
#include "fs/azure/drivers.h"
#include "fs/image/bootcfg.h"
#include "fs/image/cpio_names.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	struct drivers d;
	size_t names, letters;
};

static int see(void *arg, const char *name)
{
	struct seen *s = arg;

	drivers_see(&s->d, name);
	s->names++;
	s->letters += strlen(name);
	return s->names > 100 ? 2 : 0;
}

static int feed(const uint8_t *data, size_t size, size_t piece, struct seen *s)
{
	struct cpio_names c;
	size_t used;
	int rc = 0;

	memset(s, 0, sizeof(*s));
	cpio_names_init(&c, see, s);
	for (size_t at = 0; !rc && at < size; at += used) {
		rc = cpio_names_feed(&c, data + at, size - at < piece ? size - at : piece, &used);
		if (!rc && !used)
			abort();
	}
	return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen whole, parts;
	struct bootcfg_entry e;
	enum driver_state found;
	int rc = feed(data, size, size, &whole);

	if (feed(data, size, 7, &parts) != rc || memcmp(&whole, &parts, sizeof(whole)))
		abort();
	drivers_read_config(&whole.d, (const char *)data, size);
	drivers_seen_all(&whole.d);
	drivers_choose(&whole.d, MACHINE_GEN1, &found);
	for (int kind = BOOTCFG_GRUB; kind <= BOOTCFG_BLS; kind++)
		if (bootcfg_entry(kind, (const char *)data, size, &e) && *e.initrd != '/')
			abort();
	return 0;
}
