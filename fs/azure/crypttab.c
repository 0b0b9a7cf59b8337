/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/azure/crypttab.h"
#include "fs/azure/adapt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BLANKS " \t\r"

/* *at behind `prefix`, which it begins with. */
static bool skip(const char **at, const char *prefix)
{
	size_t n = strlen(prefix);

	if (strncmp(*at, prefix, n))
		return false;
	*at += n;
	return true;
}

/* "12" and what follows, of at most four digits. */
static bool number(const char **at, unsigned *out)
{
	size_t n = strspn(*at, "0123456789");

	if (!n || n > 4)
		return false;
	*out = (unsigned)strtoul(*at, NULL, 10);
	*at += n;
	return true;
}

static bool by_lun(const char *device, struct crypttab_line *l)
{
	unsigned lun;

	if (!skip(&device, "/dev/disk/azure/scsi1/lun") && !skip(&device, "/dev/disk/azure/data/by-lun/"))
		return false;
	if (!number(&device, &lun))
		return false;
	l->lun = (int)lun;
	l->partition = 0;
	return !*device || (skip(&device, "-part") && number(&device, &l->partition) && l->partition && !*device);
}

static bool by_uuid(const char *device, struct crypttab_line *l)
{
	size_t n;

	if (!skip(&device, "/dev/disk/by-uuid/") && strncasecmp(device, "UUID=", 5))
		return false;
	device += strncasecmp(device, "UUID=", 5) ? 0 : 5;
	device += *device == '"';
	n = strspn(device, "0123456789abcdefABCDEF-");
	if (!n || n >= sizeof(l->uuid) || (device[n] && strcmp(device + n, "\"")))
		return false;
	memcpy(l->uuid, device, n);
	l->uuid[n] = '\0';
	return true;
}

/* The word at p, cut at its end.  NULL: none, or too long. */
static const char *word(const char **p, const char *end, char *out, size_t size)
{
	const char *from = *p;
	size_t n = 0;

	while (from < end && strchr(BLANKS, *from) && *from)
		from++;
	while (from + n < end && from[n] && !strchr(BLANKS, from[n]))
		n++;
	*p = from + n;
	if (!n || n >= size)
		return NULL;
	memcpy(out, from, n);
	out[n] = '\0';
	return out;
}

static bool read_line(const char *p, const char *end, struct crypttab_line *l)
{
	char device[256];

	*l = (struct crypttab_line){ .lun = -1 };
	if (!word(&p, end, l->name, sizeof(l->name)) || !adapt_mapper_is_plain(l->name) ||
	    !word(&p, end, device, sizeof(device)))
		return false;
	if (by_lun(device, l))
		l->by = CRYPTTAB_BY_LUN;
	else if (by_uuid(device, l))
		l->by = CRYPTTAB_BY_UUID;
	return true;
}

bool crypttab_next(const char **at, const char *end, struct crypttab_line *out)
{
	while (*at < end) {
		const char *line = *at, *stop = memchr(line, '\n', (size_t)(end - line));

		*at = stop ? stop + 1 : end;
		if (read_line(line, stop ? stop : end, out))
			return true;
	}
	return false;
}
