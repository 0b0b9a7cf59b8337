/* SPDX-License-Identifier: Apache-2.0 */
/* Which keys are tried on a LUKS volume, and what is said when none opens it. */
#include "crypto/luks/luks.h"
#include "fs/image/volumes.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define KDF_RUNS_MAX 16u
#define KDF_MEMORY_DEFAULT (1ull << 30)

struct attempt {
	const struct luks *l;
	struct reader header;
	uint64_t data_size, max_memory;
};

static bool is_passphrase(const struct key *k)
{
	return k->kind == KEY_PASSPHRASE || k->kind == KEY_PASSWORD;
}

static int try_key(const struct attempt *a, struct key *k, struct unlock_context *ctx,
		   struct volume **vol, struct error *err)
{
	int rc = luks_unlock(a->l, &a->header, a->data_size, k->bytes, a->max_memory, vol, err);

	if (rc == 0) {
		k->used = true;
		ctx->last = k;
	}
	return rc;
}

static int stopped_early(struct error *err)
{
	error_set(err, EKEYREJECTED, "none of the first %u keys opens this LUKS volume", KDF_RUNS_MAX);
	error_next(err, "Name the key with bek=FILE, or try them all with try-all-keys.");
	return -EKEYREJECTED;
}

/* The key that opened the last volume first: one passphrase serves all disks
 * of an ADE Linux VM.  Keys found in a folder are rationed. */
static int try_keys(const struct attempt *a, struct unlock_context *ctx, struct key **used,
		    struct volume **vol, struct error *err)
{
	struct outcome o = { .rc = -ENOKEY };
	unsigned runs = 0;

	for (size_t i = 0; i <= keyring_count(ctx->keys); i++) {
		struct key *k = i ? keyring_at(ctx->keys, i - 1) : ctx->last;
		struct error why = ERROR_INIT;
		int rc;

		if (!k || !is_passphrase(k) || (i && k == ctx->last))
			continue;
		if (!k->named && i && runs++ >= KDF_RUNS_MAX && !ctx->opts->try_all_keys)
			return stopped_early(err);
		rc = try_key(a, k, ctx, vol, &why);
		if (rc == 0) {
			*used = k;
			return 0;
		}
		outcome_note(&o, rc, &why);
	}
	error_copy(err, &o.why);
	return o.rc;
}

static void take_info(struct disk_volume *v, const struct luks_info *info)
{
	snprintf(v->cipher, sizeof(v->cipher), "%s", info->cipher);
	snprintf(v->uuid, sizeof(v->uuid), "%s", info->uuid);
	v->luks_version = (unsigned)info->version;
}

void luks_volume_open(struct disk_volume *v, struct blockdev *header, struct blockdev *container,
		      struct unlock_context *ctx)
{
	AUTO(luks_free) struct luks *l = NULL;
	struct reader r = reader_over(header);
	struct attempt a = { .header = r, .data_size = container->size };
	struct error err = ERROR_INIT;
	struct volume *vol = NULL;
	struct key *used = NULL;
	int rc = -ENOKEY;

	v->format = VOLUME_LUKS;
	l = luks_open(&r, &err);
	if (!l) {
		volume_failed(v, &err);
		return;
	}
	take_info(v, luks_info(l));
	a.l = l;
	a.max_memory = ctx->opts->max_kdf_memory ? ctx->opts->max_kdf_memory : KDF_MEMORY_DEFAULT;
	if (ctx->keys)
		rc = try_keys(&a, ctx, &used, &vol, &err);
	if (rc == 0) {
		v->header_bytes = luks_info(l)->payload_off;
		volume_opened(v, container, vol, used->name);
		return;
	}
	if (rc == -ENOKEY) {
		error_set(&err, ENOKEY, "no key given opens this LUKS volume (UUID %s)", v->uuid);
		error_next(&err, "Name the passphrase file (ADE: LinuxPassPhraseFileName) with bek=FILE, or "
				 "its folder with keys=DIR.");
	}
	if (rc == -EKEYREJECTED && !err.next[0])
		error_next(&err, "A passphrase file counts byte for byte, a line end too: fetch the Key "
				 "Vault secret of this disk again (LUKS volume %s).", v->uuid);
	volume_failed(v, &err);
}
