/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lib/opening.h"
#include "tools/lib/key_options.h"
#include "tools/lib/prompt.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PROMPTS 3

static int add_files(struct keyring *r, const struct options *o, struct error *err)
{
	const char *path;
	int rc = 0;
	size_t i;

	for (i = 0; !rc && (path = options_nth(o, OPT_BEK, i)); i++)
		rc = keyring_add_bek(r, path, err);
	for (i = 0; !rc && (path = options_nth(o, OPT_KEYS, i)); i++)
		rc = keyring_add_dir(r, path, err);
	for (i = 0; !rc && (path = options_nth(o, OPT_RECOVERY_PASSWORD_FILE, i)); i++)
		rc = keyring_add_file(r, KEY_RECOVERY_PASSWORD, path, err);
	for (i = 0; !rc && (path = options_nth(o, OPT_PASSWORD_FILE, i)); i++)
		rc = keyring_add_file(r, KEY_PASSWORD, path, err);
	return rc ? rc : keyring_add_folders(r, o, err);
}

struct keyring *keyring_from_files(const struct options *o, struct error *err)
{
	AUTO(keyring_free) struct keyring *r = keyring_new();

	if (!r)
		return error_null(err, ENOMEM, "out of memory");
	return add_files(r, o, err) ? NULL : TAKE(r);
}

struct keyring *keyring_from_options(const struct options *o, struct error *err,
				     struct error *warning)
{
	AUTO(keyring_free) struct keyring *r = keyring_from_files(o, err);

	return r && keyring_add_stores(r, o, err, warning) == 0 ? TAKE(r) : NULL;
}

static struct disk *open_once(struct opening *op, const char *spec, const struct options *o, struct error *err)
{
	const char *headers[16];
	struct disk_options opts = {
		.partial = options_has(o, OPT_PARTIAL),
		.try_all_keys = options_has(o, OPT_TRY_ALL_KEYS),
		.max_kdf_memory = options_number(o, OPT_MAX_KDF_MEMORY, 0),
		.headers = headers, .label = spec,
	};
	AUTO(audit_close) struct audit *audit = audit_from_options(o, err);
	struct blockdev *source;
	const char *header;
	bool vhd = false;

	opts.audit = audit;
	while (audit && (header = options_nth(o, OPT_HEADER, opts.n_headers))) {
		if (opts.n_headers == sizeof(headers) / sizeof(headers[0]))
			return error_null(err, EINVAL, "more than 16 headers");
		headers[opts.n_headers++] = header;
	}
	source = audit ? source_open(&op->source, spec, o, &vhd, err) : NULL;
	return source ? disk_open(source, vhd, op->keys, &opts, err) : NULL;
}

/* Ask for what opens the volume until it does.  0; 1: go on with it locked;
 * -errno. */
static int ask(struct opening *op, const char *spec, const struct options *o,
	       const struct error *locked, struct error *err)
{
	struct error warning = *locked;
	enum key_kind kind;
	struct secret *s;
	struct disk *d;
	int i, rc;

	for (i = 0; i < PROMPTS && warning.code; i++) {
		s = prompt_key(spec, i > 0, &kind);
		if (!s)
			return 1;
		rc = keyring_add_secret(op->keys, kind, "the typed password", s, err);
		if (rc)
			return rc;
		d = open_once(op, spec, o, err);
		if (!d)
			return -err->code;
		disk_unref(op->disk);
		op->disk = d;
		error_clear(&warning);
		rc = disk_check_keys(d, err, &warning);
		if (rc && rc != -EKEYREJECTED)
			return rc;
		if (rc)
			warning = *err;
	}
	return warning.code ? error_set(err, EKEYREJECTED, "%s: none of these passwords opens it",
					spec) : 0;
}

/* Keys, disk, and what there is to say of the two; 0 or -errno. */
static int open_with_keys(struct opening *op, const char *spec, const struct options *o,
			  const struct report *report, struct error *err, struct error *locked)
{
	struct error warning = ERROR_INIT;

	*op = (struct opening){ .keys = keyring_from_options(o, err, &warning) };
	if (warning.code)
		report_warning(report, &warning);
	if (op->keys)
		op->disk = open_once(op, spec, o, err);
	return op->disk ? disk_check_keys(op->disk, err, locked) : -err->code;
}

static int give_up(struct opening *op, const char *spec, int rc, struct error *err)
{
	if (!err->object[0])
		error_object(err, "%s", spec);
	opening_close(op);
	return rc;
}

int opening_look(struct opening *op, const char *spec, const struct options *o,
		 const struct report *report, struct error *err)
{
	int rc = open_with_keys(op, spec, o, report, err, NULL);

	return rc ? give_up(op, spec, rc, err) : 0;
}

int opening_disk(struct opening *op, const char *spec, const struct options *o,
		 const struct report *report, struct error *err)
{
	struct error warning = ERROR_INIT;
	int rc = open_with_keys(op, spec, o, report, err, &warning);

	if (!rc && warning.code == ENOKEY && !options_has(o, OPT_PARTIAL) && prompt_possible())
		rc = ask(op, spec, o, &warning, err);
	else if (!rc && warning.code)
		rc = 1;
	if (rc < 0)
		return give_up(op, spec, rc, err);
	if (rc > 0) {
		if (!warning.object[0])
			error_object(&warning, "%s", spec);
		report_warning(report, &warning);
		op->warned = true;
	}
	return 0;
}

void opening_drop_keys(struct opening *op)
{
	disk_forget_keys(op->disk);
	keyring_free(op->keys);
	op->keys = NULL;
}

void opening_close(struct opening *op)
{
	disk_unref(op->disk);
	source_opening_close(&op->source);
	keyring_free(op->keys);
	op->disk = NULL;
	op->keys = NULL;
}
