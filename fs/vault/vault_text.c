/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/vault_text.h"
#include "crypto/bytes.h"
#include "crypto/hash.h"
#include "fs/util/json_value.h"
#include "fs/vault/segment.h"

#include <errno.h>
#include <string.h>

static const char *const capsule_names[] = { "sealed", "wrapped", "none" };

const char *capsule_mode_name(enum capsule_mode mode)
{
	return capsule_names[mode];
}

int capsule_mode_parse(const char *text, enum capsule_mode *mode)
{
	for (int m = CAPSULE_SEALED; m <= CAPSULE_NONE; m++)
		if (text && !strcmp(text, capsule_names[m])) {
			*mode = (enum capsule_mode)m;
			return 0;
		}
	return -EINVAL;
}

static uint8_t *put_text(uint8_t *p, const char *text)
{
	size_t n = strlen(text);

	put_le32(p, (uint32_t)n);
	memcpy(p + 4, text, n);
	return p + 4 + n;
}

/* HMAC-SHA-256 over the fields, not over a text that JSON lets one write in many ways. */
static int vault_mac(const struct vault_info *info, const struct key_ring *ring, uint8_t mac[SHA256_BYTES])
{
	static const char use[] = "adebackup 1 vault";
	uint8_t buf[sizeof(use) + VAULT_ID_BYTES + 16 + sizeof(*info) + 12], *p = buf, key[32];
	int rc = key_ring_derive(ring, 1, "vault", key);

	memcpy(p, use, sizeof(use) - 1);
	p += sizeof(use) - 1;
	memcpy(p, info->id, VAULT_ID_BYTES);
	p += VAULT_ID_BYTES;
	put_le32(p, info->chunk_size);
	p[4] = (uint8_t)info->capsule;
	p[5] = info->conditional_put;
	put_le64(p + 6, (uint64_t)info->created);
	p = put_text(p + 14, info->name);
	p = put_text(p, info->subscription);
	p = put_text(p, info->region);
	if (rc == 0)
		rc = hmac_sha256(key, sizeof(key), buf, (size_t)(p - buf), mac);
	wipe(key, sizeof(key));
	return rc;
}

char *vault_text_print(const struct vault_info *info, const struct key_ring *ring)
{
	AUTO(jval_free) struct jval *o = jval_object();
	char id[2 * VAULT_ID_BYTES + 1], mac_text[2 * SHA256_BYTES + 1];
	uint8_t mac[SHA256_BYTES];
	int rc = vault_mac(info, ring, mac);

	hex_encode(info->id, VAULT_ID_BYTES, id);
	hex_encode(mac, sizeof(mac), mac_text);
	rc = rc ? rc : jval_set_text(o, "id", id);
	rc = rc ? rc : jval_set_text(o, "mac", mac_text);
	rc = rc ? rc : jval_set_text(o, "name", info->name);
	rc = rc ? rc : jval_set_text(o, "subscription", info->subscription);
	rc = rc ? rc : jval_set_text(o, "region", info->region);
	rc = rc ? rc : jval_set_u64_text(o, "chunk_size", info->chunk_size);
	rc = rc ? rc : jval_set_text(o, "capsule", capsule_mode_name(info->capsule));
	rc = rc ? rc : jval_set_bool(o, "conditional_put", info->conditional_put);
	rc = rc ? rc : jval_set_u64_text(o, "created", (uint64_t)info->created);
	return rc ? NULL : jval_print(o, false);
}

static bool get_words(const struct jval *o, const char *name, char *out, size_t size)
{
	const char *text = jval_text(jval_get(o, name));

	if (!text || strlen(text) >= size)
		return false;
	memcpy(out, text, strlen(text) + 1);
	return true;
}

static bool get_number(const struct jval *o, const char *name, uint64_t max, uint64_t *out)
{
	const struct jval *v = jval_get(o, name);

	return jval_text(v) && jval_u64(v, out) && *out <= max;
}

static bool get_all(const struct jval *o, struct vault_info *v)
{
	const char *id = jval_text(jval_get(o, "id"));
	uint64_t chunk, created;

	if (!id || hex_decode(id, v->id, VAULT_ID_BYTES) < 0 ||
	    !get_words(o, "name", v->name, sizeof(v->name)) ||
	    !get_words(o, "subscription", v->subscription, sizeof(v->subscription)) ||
	    !get_words(o, "region", v->region, sizeof(v->region)) ||
	    !get_number(o, "chunk_size", CHUNK_MAX, &chunk) || chunk < CHUNK_MIN || !is_power_of_two(chunk) ||
	    !get_number(o, "created", INT64_MAX, &created) ||
	    capsule_mode_parse(jval_text(jval_get(o, "capsule")), &v->capsule) < 0)
		return false;
	v->chunk_size = (uint32_t)chunk;
	v->created = (int64_t)created;
	v->conditional_put = jval_bool(jval_get(o, "conditional_put"), false);
	return true;
}

int vault_text_parse(const void *text, size_t len, struct vault_info *out, struct error *err)
{
	AUTO(jval_free) struct jval *o = jval_parse(text, len, err);

	memset(out, 0, sizeof(*out));
	if (!o || !get_all(o, out))
		return error_set(err, EBADMSG, "damaged vault: what it says of itself makes no sense");
	return 0;
}

int vault_text_check(const void *text, size_t len, const struct vault_info *info,
		     const struct key_ring *ring, struct error *err)
{
	AUTO(jval_free) struct jval *o = jval_parse(text, len, err);
	const char *stored = jval_text(jval_get(o, "mac"));
	uint8_t mac[SHA256_BYTES], want[SHA256_BYTES];
	int rc = vault_mac(info, ring, want);

	if (rc < 0)
		return error_set(err, -rc, "the vault's description cannot be checked");
	if (!stored || hex_decode(stored, mac, sizeof(mac)) < 0 || !bytes_equal_ct(mac, want, sizeof(mac)))
		return error_set(err, EBADMSG, "the vault's description was changed by somebody without its keys");
	return 0;
}
