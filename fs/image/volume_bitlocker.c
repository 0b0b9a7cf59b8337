/* SPDX-License-Identifier: Apache-2.0 */
/* Which keys are tried on a BitLocker volume, and what is said when none opens it. */
#include "fs/image/volumes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static void take_info(struct disk_volume *v, const struct bitlocker_info *info)
{
	snprintf(v->cipher, sizeof(v->cipher), "%s", info->cipher);
	snprintf(v->uuid, sizeof(v->uuid), "%s", info->guid);
	v->copies_differ = info->copies_differ;
	v->copy_used = info->copy_used;
	v->encrypted_size = info->encrypted_size;
	v->protectors = calloc(info->n_protectors ? info->n_protectors : 1, sizeof(*v->protectors));
	if (!v->protectors)
		return;
	memcpy(v->protectors, info->protectors, info->n_protectors * sizeof(*v->protectors));
	v->n_protectors = info->n_protectors;
}

/* info.json tells them when the keys have gone. */
static void take_secret_urls(struct disk_volume *v, struct keyring *keys)
{
	v->secret_url = keys && v->n_protectors ? calloc(v->n_protectors, sizeof(*v->secret_url)) : NULL;
	for (size_t i = 0; v->secret_url && i < v->n_protectors; i++) {
		const struct key *k = keyring_find_bek(keys, v->protectors[i].guid);

		if (k && k->secret_url[0])
			v->secret_url[i] = strdup(k->secret_url);
	}
}

static bool has_kind(const struct disk_volume *v, enum bitlocker_protector_kind kind)
{
	for (size_t i = 0; i < v->n_protectors; i++)
		if (v->protectors[i].kind == kind)
			return true;
	return false;
}

static bool is_protector(const struct disk_volume *v, const char *guid)
{
	for (size_t i = 0; i < v->n_protectors; i++)
		if (v->protectors[i].kind == BITLOCKER_EXTERNAL_KEY &&
		    !strcasecmp(v->protectors[i].guid, guid))
			return true;
	return false;
}

static int try_bek(struct bitlocker *b, struct key *k, struct volume **vol, struct error *err)
{
	AUTO(bek_free) struct bek *bek = bek_parse(k->bytes, err);

	return bek ? bitlocker_unlock_bek(b, bek, vol, err) : -EBADMSG;
}

/* What is no recovery password or no text is the key's fault, not the volume's. */
static int blame_key(int rc, const struct key *k, struct error *err)
{
	if (rc != -EINVAL)
		return rc;
	err->code = EKEYREJECTED;
	error_object(err, "%s", k->name);
	return -EKEYREJECTED;
}

/* -ENOKEY: not a key for a volume with these protectors.  BEKs go by GUID. */
static int try_key(struct bitlocker *b, const struct disk_volume *v, struct key *k,
		   struct volume **vol, struct error *err)
{
	switch (k->kind) {
	case KEY_BEK:
		return is_protector(v, k->guid) ? try_bek(b, k, vol, err) : -ENOKEY;
	case KEY_RECOVERY_PASSWORD:
		return has_kind(v, BITLOCKER_RECOVERY_PASSWORD)
			       ? blame_key(bitlocker_unlock_recovery(b, k->bytes, vol, err), k, err)
			       : -ENOKEY;
	case KEY_PASSWORD:
		return has_kind(v, BITLOCKER_PASSWORD)
			       ? blame_key(bitlocker_unlock_password(b, k->bytes, vol, err), k, err)
			       : -ENOKEY;
	case KEY_PASSPHRASE:
		break;
	}
	return -ENOKEY;
}

/* Key files first: they cost nothing, a password a second. */
static int try_keys(struct bitlocker *b, const struct disk_volume *v, struct unlock_context *ctx,
		    struct key **used, struct volume **vol, struct error *err)
{
	struct outcome o = { .rc = -ENOKEY };

	for (int words = 0; words < 2; words++) {
		for (size_t i = 0; i < keyring_count(ctx->keys); i++) {
			struct key *k = keyring_at(ctx->keys, i);
			struct error why = ERROR_INIT;
			int rc;

			if (words != (k->kind != KEY_BEK))
				continue;
			rc = try_key(b, v, k, vol, &why);
			if (rc == 0) {
				*used = k;
				return 0;
			}
			outcome_note(&o, rc, &why);
		}
	}
	error_copy(err, &o.why);
	return o.rc;
}

/* "BEK A or B", or the other ways that a person could have. */
static void say_needed(const struct disk_volume *v, struct error *err)
{
	char guids[300] = "";
	size_t n = 0, at = 0;

	for (size_t i = 0; i < v->n_protectors; i++)
		if (v->protectors[i].kind == BITLOCKER_EXTERNAL_KEY && n++ < 4)
			at += (size_t)snprintf(guids + at, sizeof(guids) - at, "%s%s.BEK",
					       n > 1 ? " or " : "", v->protectors[i].guid);
	error_set(err, ENOKEY, "no key given opens this BitLocker volume");
	if (n)
		error_next(err, "It needs the key %s: name it with bek=FILE, or its folder with keys=DIR%s",
			   guids, has_kind(v, BITLOCKER_RECOVERY_PASSWORD)
					  ? ", or use recovery-password-file=." : ".");
	else if (has_kind(v, BITLOCKER_RECOVERY_PASSWORD) || has_kind(v, BITLOCKER_PASSWORD))
		error_next(err, "It opens with%s%s%s.",
			   has_kind(v, BITLOCKER_RECOVERY_PASSWORD) ? " recovery-password-file=" : "",
			   has_kind(v, BITLOCKER_RECOVERY_PASSWORD) && has_kind(v, BITLOCKER_PASSWORD)
				   ? " or" : "",
			   has_kind(v, BITLOCKER_PASSWORD) ? " password-file=" : "");
	else
		error_next(err, "It has no protector that works outside its own machine.");
}

static int unlock(struct bitlocker *b, struct disk_volume *v, struct unlock_context *ctx,
		  struct volume **vol, const char **name, struct error *err)
{
	struct error why = ERROR_INIT;
	struct key *used = NULL;
	int rc = -ENOKEY, with_key;

	if (has_kind(v, BITLOCKER_CLEAR_KEY)) {
		rc = bitlocker_unlock_clear(b, vol, err);
		*name = "clear key";
		if (rc == 0)
			return 0;
	}
	with_key = ctx->keys ? try_keys(b, v, ctx, &used, vol, &why) : -ENOKEY;
	if (with_key == -ENOKEY)
		return rc;
	if (with_key < 0) {
		error_copy(err, &why);
		return with_key;
	}
	used->used = true;
	*name = used->name;
	return 0;
}

void bitlocker_volume_open(struct disk_volume *v, struct blockdev *container,
			   struct unlock_context *ctx)
{
	AUTO(bitlocker_free) struct bitlocker *b = NULL;
	struct reader r = reader_over(container);
	struct error err = ERROR_INIT;
	struct volume *vol = NULL;
	const char *name = "";
	int rc;

	v->format = VOLUME_BITLOCKER;
	b = bitlocker_open(&r, &err);
	if (!b) {
		volume_failed(v, &err);
		return;
	}
	take_info(v, bitlocker_info(b));
	take_secret_urls(v, ctx->keys);
	rc = unlock(b, v, ctx, &vol, &name, &err);
	v->copy_used = bitlocker_info(b)->copy_used;
	if (rc == 0) {
		volume_opened(v, container, vol, name);
		return;
	}
	if (rc == -ENOKEY)
		say_needed(v, &err);
	volume_failed(v, &err);
}
