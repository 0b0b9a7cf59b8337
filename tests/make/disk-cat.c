/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open a disk as the mount does, without the mount:
 *	disk-cat [bek=FILE keys=DIR recovery=FILE password=FILE header=SPEC partial]… IMAGE [VIEW]
 * prints info.json and the views, or writes one view to stdout.
 */
#include "fs/image/disk.h"
#include "fs/util/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *value(const char *arg, const char *name)
{
	size_t n = strlen(name);

	return !strncmp(arg, name, n) ? arg + n : NULL;
}

static int cat(struct disk *d, const char *name, struct error *err)
{
	static uint8_t buf[1 << 20];
	AUTO(blockdev_unref) struct blockdev *bd = NULL;
	size_t i = 0;
	int rc;

	while (i < disk_n_views(d) && strcmp(disk_view_at(d, i)->name, name))
		i++;
	if (i == disk_n_views(d))
		return error_set(err, ENOENT, "no such view");
	rc = disk_view_open(d, i, &bd, err);
	for (uint64_t at = 0; rc == 0 && at < bd->size;) {
		size_t n = bd->size - at < sizeof(buf) ? (size_t)(bd->size - at) : sizeof(buf);

		rc = blockdev_pread(bd, buf, n, at);
		if (rc < 0)
			return error_set(err, -rc, "read failed at %llu", (unsigned long long)at);
		if (fwrite(buf, 1, n, stdout) != n)
			return error_set(err, EIO, "write failed");
		at += n;
	}
	return rc;
}

static int take_option(const char *arg, struct keyring *keys, struct disk_options *o,
		       const char **headers, struct error *err)
{
	const char *v;

	if ((v = value(arg, "bek=")))
		return keyring_add_bek(keys, v, err);
	if ((v = value(arg, "keys=")))
		return keyring_add_dir(keys, v, err);
	if ((v = value(arg, "recovery=")))
		return keyring_add_file(keys, KEY_RECOVERY_PASSWORD, v, err);
	if ((v = value(arg, "password=")))
		return keyring_add_file(keys, KEY_PASSWORD, v, err);
	if ((v = value(arg, "header=")))
		headers[o->n_headers++] = v;
	else if (!strcmp(arg, "partial"))
		o->partial = true;
	else
		return 1;
	return 0;
}

static int show(struct disk *d)
{
	AUTO(free) char *json = disk_info_json(d);

	if (!json)
		return 1;
	fputs(json, stdout);
	for (size_t i = 0; i < disk_n_views(d); i++)
		printf("view %s %llu\n", disk_view_at(d, i)->name,
		       (unsigned long long)disk_view_at(d, i)->size);
	return 0;
}

static int complain(const struct error *err)
{
	char line[2048];

	fprintf(stderr, "[%d] %s\n", err->code, error_line(err, line, sizeof(line)));
	return 1;
}

int main(int argc, char **argv)
{
	AUTO(keyring_free) struct keyring *keys = NULL;
	AUTO(disk_unref) struct disk *d = NULL;
	struct error err = ERROR_INIT, warning = ERROR_INIT;
	const char *headers[16];
	struct disk_options o = { .headers = headers };
	bool vhd = false;
	int i = 1, rc = 0;

	if (secret_process_init() < 0)
		return 1;
	keys = keyring_new();
	while (i < argc && i < 16 && (rc = take_option(argv[i], keys, &o, headers, &err)) == 0)
		i++;
	if (rc < 0)
		return complain(&err);
	if (i >= argc)
		return 2;
	d = disk_open(disk_source_open(argv[i], &vhd, &err), vhd, keys, &o, &err);
	if (!d || disk_check_keys(d, &err, &warning) < 0)
		return complain(&err);
	if (warning.code)
		complain(&warning);
	if (i + 1 == argc)
		return show(d);
	return cat(d, argv[i + 1], &err) < 0 ? complain(&err) : 0;
}
