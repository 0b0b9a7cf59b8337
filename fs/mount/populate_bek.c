/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/mount/populate_bek.h"
#include "fs/image/bekvol.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NAME "bek-volume.raw"
#define LINUX_NAME "LinuxPassPhraseFileName"

static bool is_taken(const struct bekvol_file *files, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(files[i].name, name))
			return true;
	return false;
}

/* ADE's own name where the key has it; else the OS disk's, then those of data disks. */
static void name_passphrase(const struct key *k, const struct bekvol_file *files, size_t n, char *out, size_t size)
{
	const char *slash = strrchr(k->name, '/'), *name = slash ? slash + 1 : k->name;

	if (!strncmp(name, LINUX_NAME, strlen(LINUX_NAME)) && strlen(name) < size && !is_taken(files, n, name)) {
		snprintf(out, size, "%.*s", (int)size - 1, name);
		return;
	}
	snprintf(out, size, LINUX_NAME);
	for (unsigned lun = 0; is_taken(files, n, out); lun++)
		snprintf(out, size, LINUX_NAME "_1_%u", lun);
}

static size_t take_keys(struct keyring *keys, struct bekvol_file *files)
{
	size_t n = 0;

	for (size_t i = 0; i < keyring_count(keys) && n < BEKVOL_FILES_MAX; i++) {
		const struct key *k = keyring_at(keys, i);
		struct bekvol_file *f = &files[n];

		if (!k->used || (k->kind != KEY_BEK && k->kind != KEY_PASSPHRASE))
			continue;
		if (k->kind == KEY_BEK)
			snprintf(f->name, sizeof(f->name), "%s.BEK", k->guid);
		else
			name_passphrase(k, files, n, f->name, sizeof(f->name));
		f->bytes = k->bytes;
		n += !is_taken(files, n, f->name);
	}
	return n;
}

/* A disk that cannot be opened has no key to give. */
static void open_disks(struct node *folder)
{
	for (size_t i = 0; i < folder->n_children; i++)
		if (folder->children[i]->kind == NODE_FOLDER)
			node_fill(folder->children[i], NULL);
}

static int open_volume(struct node *n, struct blockdev **out, struct error *err)
{
	struct bekvol_file files[BEKVOL_FILES_MAX];
	size_t count;

	open_disks(n->parent);
	count = take_keys(n->ctx, files);
	if (!count) {
		error_set(err, ENOKEY, "no BEK and no passphrase opened a volume: there is nothing to put on " NAME);
		return -ENOKEY;
	}
	*out = bekvol_open(files, count, err);
	return *out ? 0 : -ENOMEM;
}

static const struct node_ops bek_ops = { .open = open_volume };

int populate_bek(struct node *folder, struct keyring *keys, struct error *err)
{
	struct node *n = tree_add_image(folder, NAME, BEKVOL_BYTES, false, &bek_ops, keys, err);

	if (!n)
		return -ENOMEM;
	n->mode = S_IFREG | 0400;
	n->uid = getuid();
	return 0;
}
