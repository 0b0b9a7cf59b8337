/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/image/cpio.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FOLDERS_MAX 32u

struct cpio {
	FILE *f;
	char *data;
	size_t len;
	unsigned ino;
	char *folder[FOLDERS_MAX];	/* told already */
	size_t n_folders;
	int failed;
};

struct cpio *cpio_new(void)
{
	struct cpio *c = calloc(1, sizeof(*c));

	if (c)
		c->f = open_memstream(&c->data, &c->len);
	if (c && c->f)
		return c;
	free(c);
	return NULL;
}

void cpio_free(struct cpio *c)
{
	if (!c)
		return;
	if (c->f)
		fclose(c->f);
	free(c->data);
	for (size_t i = 0; i < c->n_folders; i++)
		free(c->folder[i]);
	free(c);
}

static void pad(struct cpio *c, unsigned to)
{
	while (!ferror(c->f) && ftell(c->f) % to)
		putc('\0', c->f);
}

static void add_entry(struct cpio *c, const char *path, unsigned mode, const void *data, size_t len)
{
	size_t name = strlen(path) + 1;

	fprintf(c->f, "070701%08X%08X%08X%08X%08X%08X%08zX%08X%08X%08X%08X%08zX%08X", ++c->ino, mode, 0, 0, 1, 0,
		len, 0, 0, 0, 0, name, 0);
	fwrite(path, 1, name, c->f);
	pad(c, 4);
	if (len)
		fwrite(data, 1, len, c->f);
	pad(c, 4);
}

static void add_folder(struct cpio *c, const char *path, size_t len)
{
	char *copy;

	for (size_t i = 0; i < c->n_folders; i++)
		if (!strncmp(c->folder[i], path, len) && !c->folder[i][len])
			return;
	copy = c->n_folders < FOLDERS_MAX ? strndup(path, len) : NULL;
	if (!copy) {
		c->failed = -ENOMEM;
		return;
	}
	c->folder[c->n_folders++] = copy;
	add_entry(c, copy, 0040755, NULL, 0);
}

void cpio_add_text(struct cpio *c, const char *path, const char *text)
{
	for (const char *p = path; (p = strchr(p, '/')); p++)
		add_folder(c, path, (size_t)(p - path));
	add_entry(c, path, 0100644, text, strlen(text));
}

int cpio_finish(struct cpio *c, uint8_t **out, size_t *len)
{
	int rc;

	add_entry(c, "TRAILER!!!", 0, NULL, 0);
	pad(c, 512);
	rc = ferror(c->f) ? -ENOMEM : c->failed;
	if (fclose(c->f))
		rc = -ENOMEM;
	c->f = NULL;
	if (rc)
		return rc;
	*out = (uint8_t *)TAKE(c->data);
	*len = c->len;
	return 0;
}
