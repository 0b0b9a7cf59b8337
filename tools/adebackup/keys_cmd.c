/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/adebackup/keys_cmd.h"
#include "tools/lib/key_options.h"
#include "tools/lib/point_opening.h"
#include "tools/lib/vault_opening.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int take_origin(void *arg, const char *name, const struct key_origin *o)
{
	struct keys_point *p = arg;
	struct named_origin *more = realloc(p->origin, (p->n_origins + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	p->origin = more;
	more = &p->origin[p->n_origins];
	snprintf(more->name, sizeof(more->name), "%s", name);
	more->origin = key_origin_copy(o);
	p->n_origins += more->origin != NULL;
	return more->origin ? 0 : -ENOMEM;
}

static int take_stores(struct keys_point *p, const struct options *o, struct error *err)
{
	p->audit = audit_from_options(o, err);
	if (!p->audit)
		return -err->code;
	if (!options_has(o, OPT_KEYSTORE))
		return 0;
	p->stores = keystores_from_options(o, err);
	return p->stores ? 0 : -err->code;
}

/* What does not open is told, and is no reason to hide the rest. */
static int take_keys(struct keys_point *p, bool ask_stores, struct error *err)
{
	struct capsule_opener with = { .ring = vault_ring(p->vault), .private_key = vault_private_key(p->vault),
				       .stores = ask_stores ? p->stores : NULL, .audit = p->audit };
	int rc;

	p->keys = keyring_new();
	if (!p->keys)
		return error_set(err, ENOMEM, "out of memory");
	rc = capsule_open(with.ring, p->point->id, p->point->capsule, p->keys, &p->locked);
	if (!rc && p->point->capsule)
		rc = capsule_unwrap(&with, p->point->id, p->point->capsule, p->keys, &p->locked);
	if (rc && !p->locked.code)
		error_set(&p->locked, -rc, "the capsule does not open");
	return capsule_each_origin(p->point->capsule, take_origin, p, err);
}

int keys_point_open(struct keys_point *p, const struct invocation *in, bool ask_stores, struct error *err)
{
	int rc;

	*p = (struct keys_point){ .locked = ERROR_INIT };
	p->vault = vault_from_options(in->operands[0], in->options, err);
	p->point = p->vault ? point_from_operand(p->vault, in->operands[1], &p->reader, err) : NULL;
	if (!p->point)
		return err->code ? -err->code : -EIO;
	rc = take_stores(p, in->options, err);
	return rc ? rc : take_keys(p, ask_stores, err);
}

void keys_point_clear(struct keys_point *p)
{
	for (size_t i = 0; i < p->n_origins; i++)
		key_origin_free(p->origin[i].origin);
	free(p->origin);
	keyring_free(p->keys);
	keystores_free(p->stores);
	audit_close(p->audit);
	vault_last_words(p->vault, true);
	if (p->reader)
		vault_session_end(p->reader);
	point_free(p->point);
	vault_free(p->vault);
}

const struct key_origin *keys_point_origin(const struct keys_point *p, const char *name)
{
	for (size_t i = 0; i < p->n_origins; i++)
		if (!strcmp(p->origin[i].name, name))
			return p->origin[i].origin;
	return NULL;
}

const struct key *keys_point_key(const struct keys_point *p, const char *name)
{
	for (size_t i = 0; i < keyring_count(p->keys); i++)
		if (!strcmp(keyring_at(p->keys, i)->name, name))
			return keyring_at(p->keys, i);
	return NULL;
}

void keys_point_text(const struct keys_point *p, char *out, size_t size)
{
	char time[POINT_TIME_TEXT];

	point_time_text(p->point->time, time);
	snprintf(out, size, "%s@%s", p->point->vm, time);
}

int keys_point_none(const struct keys_point *p, struct error *err)
{
	char text[200];

	keys_point_text(p, text, sizeof(text));
	error_set(err, ENOKEY, "the point keeps no key of its disks (capsules of this vault: %s)",
		  capsule_mode_name(vault_info(p->vault)->capsule));
	error_object(err, "%s", text);
	error_next(err, "A backup keeps the keys that opened its disks: name them with --bek, --keys or --keystore.");
	return -ENOKEY;
}
