/* SPDX-License-Identifier: Apache-2.0 */
/* From what the user has to the volume master key. */
#include "crypto/bitlocker/fve.h"
#include "crypto/aead.h"
#include "crypto/bytes.h"
#include "crypto/hash.h"
#include "crypto/kdf.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>

#define VMK_BYTES 32

int fve_key_open(const uint8_t key[32], const struct fve_entry *ccm, struct secret **out,
		 uint16_t *method)
{
	AUTO(secret_free) struct secret *plain = NULL;
	size_t len, size;
	int rc;

	if (ccm->len < 12 + 16 + FVE_ENTRY_HEADER + 4)
		return -EBADMSG;
	len = ccm->len - 28;
	plain = secret_new(len);
	if (!plain)
		return -ENOMEM;
	rc = ccm_open(key, ccm->data, ccm->data + 12, ccm->data + 28, len, secret_data(plain));
	if (rc < 0)
		return rc;
	size = le16(secret_bytes(plain));
	if (size < FVE_ENTRY_HEADER + 4 || size > len)
		return -EBADMSG;
	*method = le16(secret_bytes(plain) + 8);
	*out = secret_copy(secret_bytes(plain) + 12, size - 12);
	return *out ? 0 : -ENOMEM;
}

/* Try one 32-byte key on one protector of one copy. */
static int try_key(const struct bitlocker *b, const struct fve_block *copy,
		   const struct fve_vmk *v, const uint8_t key[32], struct volume **out,
		   struct error *err)
{
	AUTO(secret_free) struct secret *vmk = NULL;
	struct fve_entry e;
	uint16_t method;
	int rc = fve_entry_find_last(v->nested, v->end, FVE_VALUE_CCM, &e);

	if (rc != 1)
		return error_set(err, EBADMSG, "FVE metadata: a protector holds no key");
	rc = fve_key_open(key, &e, &vmk, &method);
	if (rc == -EKEYREJECTED)
		return error_set(err, EKEYREJECTED, "the key does not open this protector");
	if (rc < 0)
		return error_set(err, -rc, "FVE metadata: a protector's key is damaged");
	if (secret_len(vmk) < VMK_BYTES)
		return error_set(err, EBADMSG, "FVE metadata: master key of %zu bytes", secret_len(vmk));
	secret_truncate(vmk, VMK_BYTES);
	return fve_volume_make(b, copy, vmk, out, err);
}

/* Makes the 32-byte key for one protector: 0, -ENOENT (not for this one), or -errno. */
typedef int key_fn(const void *arg, const struct fve_vmk *v, uint8_t key[32]);

/* Every protector of that kind in one copy.  The best answer wins: opened,
 * then damaged (a right key met damage), then rejected, then none there. */
static int unlock_copy(const struct bitlocker *b, const struct fve_block *copy,
		       enum bitlocker_protector_kind kind, key_fn *fn, const void *arg,
		       struct volume **out, struct error *err)
{
	const uint8_t *p = copy->entries;
	int rc, result = -ENOENT;
	struct fve_vmk v;

	while ((rc = fve_vmk_next(&p, copy->entries_end, &v)) == 1) {
		AUTO(secret_free) struct secret *key = NULL;
		struct error why = ERROR_INIT;

		if (fve_protector_kind(v.protection) != kind)
			continue;
		key = secret_new(32);
		if (!key)
			return error_set(err, ENOMEM, "out of memory");
		rc = fn(arg, &v, secret_data(key));
		if (rc == 0)
			rc = try_key(b, copy, &v, secret_bytes(key), out, &why);
		if (rc == 0)
			return 0;
		if (rc == -ENOENT || (result != -ENOENT && result != -EKEYREJECTED))
			continue;
		result = rc;
		error_copy(err, &why);
	}
	if (rc < 0)
		return error_set(err, EBADMSG, "FVE metadata: an entry does not fit");
	return result;
}

/* The best copy first; another good copy helps when that one is damaged inside. */
static int unlock(const struct bitlocker *b, enum bitlocker_protector_kind kind, key_fn *fn,
		  const void *arg, struct volume **out, struct error *err)
{
	struct error why = ERROR_INIT;
	int first = -ENOENT;

	for (size_t i = 0; i < b->n_copies; i++) {
		struct error now = ERROR_INIT;
		int rc = unlock_copy(b, &b->copy[i], kind, fn, arg, out, &now);

		if (rc == 0)
			return 0;
		if (i == 0) {
			first = rc;
			why = now;
		}
		if (rc != -EBADMSG)
			break;
	}
	error_copy(err, &why);
	return first;
}

static const char *kind_words(enum bitlocker_protector_kind kind)
{
	switch (kind) {
	case BITLOCKER_CLEAR_KEY: return "clear key";
	case BITLOCKER_EXTERNAL_KEY: return "external key (BEK)";
	case BITLOCKER_RECOVERY_PASSWORD: return "recovery password";
	case BITLOCKER_PASSWORD: return "password";
	default: return "such";
	}
}

static int none_there(enum bitlocker_protector_kind kind, struct error *err)
{
	return error_set(err, EKEYREJECTED, "the volume has no %s protector", kind_words(kind));
}

static int bek_key(const void *arg, const struct fve_vmk *v, uint8_t key[32])
{
	const struct bek *k = arg;
	char guid[GUID_TEXT];

	fve_guid_text(v->guid, guid);
	if (strcasecmp(guid, k->guid))
		return -ENOENT;
	memcpy(key, secret_bytes(k->key), 32);
	return 0;
}

/* "A, B and 2 more" */
static void list_external(const struct bitlocker *b, char *text, size_t size)
{
	size_t n = 0, at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < b->info.n_protectors; i++) {
		if (b->protectors[i].kind != BITLOCKER_EXTERNAL_KEY)
			continue;
		if (n++ < 4)
			at += (size_t)snprintf(text + at, size - at, "%s%s", n > 1 ? ", " : "",
					       b->protectors[i].guid);
	}
	if (n > 4)
		snprintf(text + at, size - at, " and %zu more", n - 4);
}

int bitlocker_unlock_bek(const struct bitlocker *b, const struct bek *bek, struct volume **out,
			 struct error *err)
{
	int rc = unlock(b, BITLOCKER_EXTERNAL_KEY, bek_key, bek, out, err);
	char guids[256];

	if (rc != -ENOENT)
		return rc;
	list_external(b, guids, sizeof(guids));
	if (!guids[0])
		return none_there(BITLOCKER_EXTERNAL_KEY, err);
	error_set(err, EKEYREJECTED, "the BEK %s is not for this volume", bek->guid);
	error_next(err, "It opens with the BEK %s.", guids);
	return -EKEYREJECTED;
}

static int stretched_key(const uint8_t initial[32], const struct fve_vmk *v, uint8_t key[32])
{
	struct fve_entry e;
	int rc = fve_entry_find(v->nested, v->end, FVE_VALUE_STRETCH, &e);

	if (rc != 1 || e.len < 4 + 16)
		return -EBADMSG;
	return kdf_bitlocker_stretch(initial, e.data + 4, key);
}

static int stretch_fn(const void *arg, const struct fve_vmk *v, uint8_t key[32])
{
	return stretched_key(secret_bytes(arg), v, key);
}

/* 48 digits in 8 groups to 16 bytes; -EINVAL. */
static int parse_recovery(const struct secret *text, uint8_t out[16])
{
	const uint8_t *p = secret_bytes(text);
	unsigned group = 0, value = 0, digits = 0;

	for (size_t i = 0; i < secret_len(text); i++) {
		if (p[i] == '-' || p[i] == ' ' || p[i] == '\r' || p[i] == '\n' || p[i] == '\t')
			continue;
		if (p[i] < '0' || p[i] > '9' || group == 8)
			return -EINVAL;
		value = value * 10 + (p[i] - '0');
		if (++digits < 6)
			continue;
		if (value % 11 || value / 11 > 0xffff)
			return -EINVAL;
		put_le16(out + 2 * group++, (uint16_t)(value / 11));
		value = digits = 0;
	}
	return group == 8 && digits == 0 ? 0 : -EINVAL;
}

static int unlock_stretched(const struct bitlocker *b, enum bitlocker_protector_kind kind,
			    const struct secret *initial, struct volume **out, struct error *err)
{
	int rc = unlock(b, kind, stretch_fn, initial, out, err);

	if (rc == -ENOENT)
		return none_there(kind, err);
	if (rc == -EKEYREJECTED)
		error_set(err, EKEYREJECTED, "the %s does not open the volume", kind_words(kind));
	return rc;
}

int bitlocker_unlock_recovery(const struct bitlocker *b, const struct secret *text,
			      struct volume **out, struct error *err)
{
	AUTO(secret_free) struct secret *bytes = secret_new(16), *initial = secret_new(32);

	if (!bytes || !initial)
		return error_set(err, ENOMEM, "out of memory");
	if (parse_recovery(text, secret_data(bytes)) < 0) {
		error_set(err, EINVAL, "this is no recovery password");
		error_next(err, "It has 48 digits in 8 groups, each divisible by 11.");
		return -EINVAL;
	}
	if (sha256(secret_bytes(bytes), 16, secret_data(initial)) < 0)
		return error_set(err, EIO, "SHA-256 failed");
	return unlock_stretched(b, BITLOCKER_RECOVERY_PASSWORD, initial, out, err);
}

/* One code point of UTF-8; returns its length, 0 when ill-formed. */
static size_t utf8_next(const uint8_t *p, size_t len, uint32_t *cp)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = p[0] < 0x80 ? 1 : p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3 : p[0] >> 3 == 30 ? 4 : 0;

	if (!n || n > len)
		return 0;
	*cp = n == 1 ? p[0] : p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if (p[i] >> 6 != 2)
			return 0;
		*cp = *cp << 6 | (p[i] & 0x3f);
	}
	if (*cp < least[n] || *cp > 0x10ffff || (*cp >= 0xd800 && *cp < 0xe000))
		return 0;
	return n;
}

/* UTF-8 to UTF-16LE; NULL and *rc -EINVAL or -ENOMEM. */
static struct secret *to_utf16(const struct secret *utf8, int *rc)
{
	struct secret *out = secret_new(2 * secret_len(utf8) + 4);
	const uint8_t *p = secret_bytes(utf8);
	size_t left = secret_len(utf8), at = 0, n;
	uint32_t cp;

	*rc = -ENOMEM;
	if (!out)
		return NULL;
	for (; left; p += n, left -= n) {
		n = utf8_next(p, left, &cp);
		if (!n) {
			*rc = -EINVAL;
			secret_free(out);
			return NULL;
		}
		if (cp >= 0x10000) {
			put_le16(secret_data(out) + at, (uint16_t)(0xd800 + ((cp - 0x10000) >> 10)));
			at += 2;
			cp = 0xdc00 + ((cp - 0x10000) & 0x3ff);
		}
		put_le16(secret_data(out) + at, (uint16_t)cp);
		at += 2;
	}
	secret_truncate(out, at);
	return out;
}

int bitlocker_unlock_password(const struct bitlocker *b, const struct secret *utf8,
			      struct volume **out, struct error *err)
{
	AUTO(secret_free) struct secret *wide = NULL, *initial = secret_new(32);
	int rc;

	if (!initial)
		return error_set(err, ENOMEM, "out of memory");
	wide = to_utf16(utf8, &rc);
	if (!wide)
		return error_set(err, -rc, rc == -EINVAL ? "the password is not valid UTF-8"
							 : "out of memory");
	if (sha256(secret_bytes(wide), secret_len(wide), secret_data(initial)) < 0 ||
	    sha256(secret_bytes(initial), 32, secret_data(initial)) < 0)
		return error_set(err, EIO, "SHA-256 failed");
	return unlock_stretched(b, BITLOCKER_PASSWORD, initial, out, err);
}

static int clear_key(const void *arg, const struct fve_vmk *v, uint8_t key[32])
{
	struct fve_entry e;
	int rc = fve_entry_find(v->nested, v->end, FVE_VALUE_KEY, &e);

	(void)arg;
	if (rc != 1 || e.len < 4 + 32)
		return -EBADMSG;
	memcpy(key, e.data + 4, 32);
	return 0;
}

int bitlocker_unlock_clear(const struct bitlocker *b, struct volume **out, struct error *err)
{
	int rc = unlock(b, BITLOCKER_CLEAR_KEY, clear_key, NULL, out, err);

	return rc == -ENOENT ? none_there(BITLOCKER_CLEAR_KEY, err) : rc;
}
