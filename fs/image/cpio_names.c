/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/cpio_names.h"

#include <errno.h>
#include <string.h>

#define FIELD_FILE_SIZE 6u
#define FIELD_NAME_SIZE 11u

void cpio_names_init(struct cpio_names *c, cpio_name_fn *fn, void *arg)
{
	memset(c, 0, sizeof(*c));
	c->fn = fn;
	c->arg = arg;
}

static size_t least(uint64_t a, size_t b)
{
	return a < b ? (size_t)a : b;
}

/* Eight hexadecimal digits. */
static bool field(const char *head, unsigned n, uint32_t *out)
{
	*out = 0;
	for (const char *p = head + 6 + 8 * n, *end = p + 8; p < end; p++) {
		uint32_t digit = *p >= '0' && *p <= '9' ? (uint32_t)(*p - '0')
			       : *p >= 'A' && *p <= 'F' ? (uint32_t)(*p - 'A') + 10
			       : *p >= 'a' && *p <= 'f' ? (uint32_t)(*p - 'a') + 10 : 16;

		if (digit > 15)
			return false;
		*out = *out << 4 | digit;
	}
	return true;
}

static int end_head(struct cpio_names *c)
{
	uint32_t file, name;

	if (memcmp(c->head, "07070", 5) || (c->head[5] != '1' && c->head[5] != '2'))
		return -EBADMSG;
	if (!field(c->head, FIELD_FILE_SIZE, &file) || !field(c->head, FIELD_NAME_SIZE, &name))
		return -EBADMSG;
	if (!name || name > CPIO_NAME_MAX)
		return -EBADMSG;
	c->file_size = file;
	c->name_size = name;
	c->have = 0;
	return 0;
}

static int end_name(struct cpio_names *c)
{
	c->skip = (-(CPIO_HEAD + c->name_size) & 3) + ((c->file_size + 3) & ~(uint64_t)3);
	c->name[c->name_size - 1] = '\0';
	c->name_size = 0;
	c->have = 0;
	return c->fn(c->arg, c->name);
}

/* What is behind *used goes to a head or a name; zeros may stand in front of a head. */
static int take(struct cpio_names *c, const char *data, size_t len, size_t *used)
{
	size_t size = c->name_size ? c->name_size : CPIO_HEAD, n;

	if (!c->name_size && !c->have && data[*used] != '0') {
		if (data[*used])
			return CPIO_NAMES_FOREIGN;
		++*used;
		return 0;
	}
	n = least(size - c->have, len - *used);
	memcpy((c->name_size ? c->name : c->head) + c->have, data + *used, n);
	c->have += n;
	*used += n;
	if (c->have < size)
		return 0;
	return c->name_size ? end_name(c) : end_head(c);
}

int cpio_names_feed(struct cpio_names *c, const void *data, size_t len, size_t *used)
{
	int rc = 0;

	*used = 0;
	while (!rc && *used < len) {
		size_t n = least(c->skip, len - *used);

		c->skip -= n;
		*used += n;
		if (*used < len)
			rc = take(c, data, len, used);
	}
	return rc;
}

bool cpio_names_whole(const struct cpio_names *c)
{
	return !c->have && !c->name_size && !c->skip;
}
