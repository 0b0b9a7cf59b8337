/* SPDX-License-Identifier: Apache-2.0 */
/* From what the user holds (BEK, recovery password, password, nothing) to the volume master key. */
#include "crypto/bitlocker/fve.h"
#include "crypto/aead.h"
#include "crypto/bytes.h"
#include "crypto/hash.h"
#include "crypto/kdf.h"

#include <errno.h>
#include <stdio.h>

#define CCM_HEADER 28u			/* nonce 12, tag 16 */
#define KEY_ENTRY_HEADER 12u		/* entry header, method */
#define MAX_KEY_ENTRY 512u
#define MAX_TRIES 64			/* a hostile header must not keep us busy for minutes */

int fve_vmk_next(const uint8_t **p, const uint8_t *end, struct fve_vmk *v)
{
	struct fve_entry e;
	int rc;

	while ((rc = fve_entry_next(p, end, &e)) == 1) {
		if (e.type != FVE_ENTRY_VMK || e.value != FVE_VALUE_VMK)
			continue;
		if (e.len < 28)
			return -EBADMSG;
		memcpy(v->guid, e.data, 16);
		v->protection = le16(e.data + 26);
		v->nested = e.data + 28;
		v->end = e.data + e.len;
		return 1;
	}
	return rc;
}

int fve_key_open(const uint8_t key[FVE_KEY_BYTES], const struct fve_entry *ccm,
		 struct secret **out, uint32_t *method)
{
	AUTO(secret_free) struct secret *plain = NULL;
	size_t len;
	int rc;

	if (ccm->len < CCM_HEADER + KEY_ENTRY_HEADER + 1 || ccm->len > CCM_HEADER + MAX_KEY_ENTRY)
		return -EBADMSG;
	len = ccm->len - CCM_HEADER;
	plain = secret_new(len);
	if (!plain)
		return -ENOMEM;
	rc = ccm_open(key, ccm->data, ccm->data + 12, ccm->data + CCM_HEADER, len,
		      secret_data(plain));
	if (rc < 0)
		return rc;
	if (le16(secret_bytes(plain)) != len || le16(secret_bytes(plain) + 4) != FVE_VALUE_KEY)
		return -EBADMSG;
	*method = le32(secret_bytes(plain) + 8);
	*out = secret_copy(secret_bytes(plain) + KEY_ENTRY_HEADER, len - KEY_ENTRY_HEADER);
	return *out ? 0 : -ENOMEM;
}

/* The protector's own CCM datum holds the master key; those nested deeper are
 * copies of other keys under the master key, and do not open. */
static int open_vmk(const struct fve_vmk *v, const uint8_t key[FVE_KEY_BYTES], struct secret **vmk)
{
	const uint8_t *p = v->nested;
	int rc, result = -EKEYREJECTED;
	struct fve_entry e;
	uint32_t method;

	while ((rc = fve_entry_next(&p, v->end, &e)) == 1) {
		if (e.value != FVE_VALUE_CCM)
			continue;
		rc = fve_key_open(key, &e, vmk, &method);
		if (rc == 0 && secret_len(*vmk) == FVE_KEY_BYTES)
			return 0;
		if (rc == 0) {
			secret_free(TAKE(*vmk));
			rc = -EBADMSG;
		}
		if (rc != -EKEYREJECTED)
			result = rc;
	}
	return rc < 0 ? rc : result;
}

/* One way to open a protector: 0 and *vmk, or -errno as open_vmk(). */
typedef int open_fn(const struct fve_vmk *v, const void *arg, struct secret **vmk);

static int open_with_bek(const struct fve_vmk *v, const void *arg, struct secret **vmk)
{
	const struct bek *bek = arg;
	char guid[GUID_TEXT];

	fve_guid_text(v->guid, guid);
	if (strcmp(guid, bek->guid))
		return -ENOKEY;
	return open_vmk(v, secret_bytes(bek->key), vmk);
}

static int open_with_clear_key(const struct fve_vmk *v, const void *arg, struct secret **vmk)
{
	struct fve_entry e;

	(void)arg;
	if (fve_entry_find(v->nested, v->end, FVE_VALUE_KEY, &e) != 1 ||
	    e.len != 4 + FVE_KEY_BYTES)
		return -EBADMSG;
	return open_vmk(v, e.data + 4, vmk);
}

static int open_with_stretch(const struct fve_vmk *v, const void *arg, struct secret **vmk)
{
	struct fve_entry e;
	uint8_t key[FVE_KEY_BYTES];
	int rc;

	if (fve_entry_find(v->nested, v->end, FVE_VALUE_STRETCH, &e) != 1 || e.len < 20)
		return -EBADMSG;
	rc = kdf_bitlocker_stretch(arg, e.data + 4, key);
	if (rc == 0)
		rc = open_vmk(v, key, vmk);
	wipe(key, sizeof(key));
	return rc;
}

/* Try every protector of that kind in this copy: 0 and *vmk; -ENOENT: there is
 * none (of that GUID); -EKEYREJECTED: none opened; -EBADMSG and others. */
static int try_protectors(const struct fve_block *c, enum bitlocker_protector_kind kind,
			  open_fn *open, const void *arg, struct secret **vmk)
{
	const uint8_t *p = c->entries;
	int rc, result = -ENOENT, tried = 0;
	struct fve_vmk v;

	while ((rc = fve_vmk_next(&p, c->entries_end, &v)) == 1) {
		if (fve_protector_kind(v.protection) != kind)
			continue;
		rc = open(&v, arg, vmk);
		if (rc == 0)
			return 0;
		if (rc == -ENOMEM || rc == -EIO)
			return rc;
		/* "rejected" by one protector says less than "damaged" at another */
		if (rc != -ENOKEY && result != -EBADMSG)
			result = rc;
		if (rc != -ENOKEY && ++tried == MAX_TRIES)
			return result;
	}
	return rc < 0 ? rc : result;
}

static bool same_bytes(const struct fve_block *a, const struct fve_block *b)
{
	return a->hashed_len == b->hashed_len && a->validation_len == b->validation_len &&
	       !memcmp(a->bytes, b->bytes, a->hashed_len + a->validation_len);
}

static bool tried_before(const struct bitlocker *b, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (same_bytes(&b->copy[k], &b->copy[i]))
			return true;
	return false;
}

/* An older copy may not know how far a conversion has come since, and then
 * shows wrong bytes; of a volume that is wholly encrypted it cannot be wrong. */
static bool may_stand_in(const struct bitlocker *b, size_t i)
{
	return b->copy[i].nonce_counter == b->copy[0].nonce_counter ||
	       b->copy[i].state == FVE_ENCRYPTED;
}

/* The best copy decides.  Another valid one is asked only when the best turns
 * out to be damaged: an older copy must not overrule it about keys. */
static int unlock(struct bitlocker *b, enum bitlocker_protector_kind kind, open_fn *open,
		  const void *arg, struct volume **out, struct error *err)
{
	int rc = -EBADMSG, first = 0;

	for (size_t i = 0; i < b->n_copies && rc == -EBADMSG; i++) {
		AUTO(secret_free) struct secret *vmk = NULL;
		struct error why = ERROR_INIT;

		if (tried_before(b, i) || !may_stand_in(b, i))
			continue;
		rc = try_protectors(&b->copy[i], kind, open, arg, &vmk);
		if (rc == -EBADMSG)
			error_set(&why, EBADMSG, "BitLocker metadata: a protector is damaged");
		else if (rc == 0)
			rc = fve_volume_make(b, &b->copy[i], vmk, out, &why);
		if (rc == 0)
			b->info.copy_used = b->copy[i].number;
		if (!first) {
			first = rc;
			error_copy(err, &why);
		}
	}
	return rc == 0 ? 0 : first;
}

/* "the volume has: recovery password X, …", as far as it fits. */
static void list_protectors(const struct bitlocker_info *info, char *out, size_t len)
{
	static const char *const kind[] = {
		[BITLOCKER_CLEAR_KEY] = "clear key", [BITLOCKER_TPM] = "TPM",
		[BITLOCKER_EXTERNAL_KEY] = "external key (.BEK)", [BITLOCKER_TPM_PIN] = "TPM and PIN",
		[BITLOCKER_RECOVERY_PASSWORD] = "recovery password",
		[BITLOCKER_SMART_CARD] = "smart card", [BITLOCKER_PASSWORD] = "password",
		[BITLOCKER_OTHER] = "unknown kind",
	};
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < info->n_protectors && at < len; i++) {
		if (i == 6) {
			snprintf(out + at, len - at, ", and %zu more", info->n_protectors - i);
			return;
		}
		at += (size_t)snprintf(out + at, len - at, "%s%s %s", i ? ", " : "",
				       kind[info->protectors[i].kind], info->protectors[i].guid);
	}
}

static int no_such_protector(const struct bitlocker *b, int code, const char *what, struct error *err)
{
	char list[400];
	int rc;

	list_protectors(&b->info, list, sizeof(list));
	rc = error_set(err, code, "BitLocker volume %s has no %s", b->info.guid, what);
	if (b->info.n_protectors)
		error_next(err, "It has: %s.", list);
	else
		error_next(err, "It has no protectors at all: its metadata may be incomplete.");
	return rc;
}

int bitlocker_unlock_bek(struct bitlocker *b, const struct bek *bek, struct volume **out,
			 struct error *err)
{
	char what[160];
	int rc = unlock(b, BITLOCKER_EXTERNAL_KEY, open_with_bek, bek, out, err);

	if (rc == -ENOENT) {
		bool other = bek->volume_guid[0] && strcmp(bek->volume_guid, b->info.guid);

		snprintf(what, sizeof(what), "external key %s%s%s", bek->guid,
			 other ? "; that key file was made for volume " : "",
			 other ? bek->volume_guid : "");
		return no_such_protector(b, EKEYREJECTED, what, err);
	}
	if (rc == -EKEYREJECTED) {
		error_set(err, EKEYREJECTED, "key file %s has the right GUID but not the key of "
			  "BitLocker volume %s", bek->guid, b->info.guid);
		error_next(err, "The file is damaged or of another moment: get the BEK secret's "
				"version that belongs to this disk.");
	}
	return rc;
}

int bitlocker_unlock_clear(struct bitlocker *b, struct volume **out, struct error *err)
{
	int rc = unlock(b, BITLOCKER_CLEAR_KEY, open_with_clear_key, NULL, out, err);

	if (rc == -ENOENT)
		return no_such_protector(b, ENOKEY, "clear key: it does not open without a key", err);
	if (rc == -EKEYREJECTED)
		return error_set(err, EBADMSG, "BitLocker volume %s: its clear key does not open it",
				 b->info.guid);
	return rc;
}

static int unlock_stretched(struct bitlocker *b, enum bitlocker_protector_kind kind,
			    const char *what, uint8_t initial[SHA256_BYTES], struct volume **out,
			    struct error *err)
{
	char list[400];
	int rc = unlock(b, kind, open_with_stretch, initial, out, err);

	wipe(initial, SHA256_BYTES);
	if (rc == -ENOENT)
		return no_such_protector(b, EKEYREJECTED, what, err);
	if (rc == -EKEYREJECTED) {
		list_protectors(&b->info, list, sizeof(list));
		error_set(err, EKEYREJECTED, "this %s does not open BitLocker volume %s", what,
			  b->info.guid);
		error_next(err, "Look for the one stored under one of these ids: %s.", list);
	}
	return rc;
}

int bitlocker_unlock_recovery(struct bitlocker *b, const struct secret *text, struct volume **out,
			      struct error *err)
{
	uint8_t raw[16], initial[SHA256_BYTES];
	int rc = fve_recovery_parse(text, raw, err);

	if (rc == 0 && sha256(raw, sizeof(raw), initial) < 0)
		rc = error_set(err, EIO, "SHA-256 failed");
	wipe(raw, sizeof(raw));
	if (rc < 0)
		return rc;
	return unlock_stretched(b, BITLOCKER_RECOVERY_PASSWORD, "recovery password", initial, out, err);
}

int bitlocker_unlock_password(struct bitlocker *b, const struct secret *utf8, struct volume **out,
			      struct error *err)
{
	AUTO(secret_free) struct secret *utf16 = fve_utf16_from_utf8(utf8, err);
	uint8_t initial[SHA256_BYTES];

	if (!utf16)
		return err && err->code ? -err->code : -EINVAL;
	if (sha256(secret_bytes(utf16), secret_len(utf16), initial) < 0 ||
	    sha256(initial, sizeof(initial), initial) < 0)
		return error_set(err, EIO, "SHA-256 failed");
	return unlock_stretched(b, BITLOCKER_PASSWORD, "password", initial, out, err);
}
