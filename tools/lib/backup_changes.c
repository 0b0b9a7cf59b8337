/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/backup_changes.h"
#include "fs/backup/web_changes.h"
#include "tools/lib/backup_source.h"
#include "tools/lib/store_opening.h"

#include <string.h>

/* What --previous-snapshot says of the disk; NULL: nothing. */
static const char *previous_of(const struct options *o, const char *name)
{
	size_t n = strlen(name);
	const char *text;

	for (size_t i = 0; (text = options_nth(o, OPT_PREVIOUS_SNAPSHOT, i)); i++)
		if (!strncmp(text, name, n) && text[n] == '=')
			return text + n + 1;
	return NULL;
}

struct pagemap *backup_changes(void *arg, struct vault *v, const char *vm_id, struct blockdev *source,
			       const struct point_disk *parent, struct error *why)
{
	const struct backup_disks *d = arg;
	struct store_reach own, earlier;
	struct web_previous p = { .reach = &own.store, .address_reach = &earlier.store };
	size_t i = 0;

	while (i < d->n && d->disk[i].source != source)
		i++;
	if (i == d->n)
		return NULL;
	p.address = previous_of(d->options, d->name[i]);
	store_reach_from(&own, d->spec[i], d->options);
	store_reach_from(&earlier, p.address ? p.address : d->spec[i], d->options);
	return web_changes(v, vm_id, source, parent, &p, why);
}
