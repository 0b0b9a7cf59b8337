/* SPDX-License-Identifier: Apache-2.0 */
/* LUKS2's JSON area: LUKS2 On-Disk Format, section 3. */
#include "crypto/luks/luks2_json.h"

#include <errno.h>
#include <stdio.h>

DEFINE_CLEANUP(json_t *, json_decref);

const char *luks2_text(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s && *s ? s : NULL;
}

static bool type_is(const json_t *o, const char *want)
{
	const char *type = luks2_text(o, "type");

	return type && !strcmp(type, want);
}

static bool copy_text(const json_t *o, const char *name, char *out, size_t size)
{
	const char *s = luks2_text(o, name);

	if (!s || strlen(s) >= size)
		return false;
	memcpy(out, s, strlen(s) + 1);
	return true;
}

/* 64-bit numbers are decimal strings: digits only, no sign, no leading blank. */
bool luks2_number(const json_t *o, const char *name, uint64_t *out)
{
	const char *s = luks2_text(o, name);
	uint64_t v = 0;

	if (!s || !*s)
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || !mul_u64(v, 10, &v) || !add_u64(v, (uint64_t)(*s - '0'), &v))
			return false;
	}
	*out = v;
	return true;
}

static bool int_of(const json_t *o, const char *name, uint32_t max, uint32_t *out)
{
	const json_t *v = json_object_get(o, name);

	if (!json_is_integer(v) || json_integer_value(v) < 1 || json_integer_value(v) > max)
		return false;
	*out = (uint32_t)json_integer_value(v);
	return true;
}

static int base64_value(char c)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(set, c) : NULL;

	return at ? (int)(at - set) : -1;
}

static bool base64_of(const json_t *o, const char *name, uint8_t *out, size_t max, size_t *len)
{
	const char *s = luks2_text(o, name);
	uint32_t bits = 0;
	unsigned have = 0;

	*len = 0;
	if (!s || strlen(s) % 4)
		return false;
	for (; *s && *s != '='; s++) {
		int v = base64_value(*s);

		if (v < 0)
			return false;
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have >= 8) {
			if (*len == max)
				return false;
			have -= 8;
			out[(*len)++] = (uint8_t)(bits >> have);
		}
	}
	return strspn(s, "=") == strlen(s) && strlen(s) <= 2 && *len > 0;
}

/* An index as an object's member name: "0" … "31". */
bool luks2_index(const char *s, unsigned *out)
{
	unsigned v = 0;

	if (!*s || strlen(s) > 2 || (s[0] == '0' && s[1]))
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return false;
		v = v * 10 + (unsigned)(*s - '0');
	}
	*out = v;
	return v < LUKS_SLOTS_MAX;
}

/* A KDF that we do not know makes its slot useless, not the header bad. */
static bool known_kdf(const json_t *kdf)
{
	return !luks2_text(kdf, "type") || type_is(kdf, "pbkdf2") || type_is(kdf, "argon2i") ||
	       type_is(kdf, "argon2id");
}

static bool parse_kdf(const json_t *kdf, struct luks_slot *s)
{
	if (!base64_of(kdf, "salt", s->salt, sizeof(s->salt), &s->salt_len))
		return false;
	if (type_is(kdf, "pbkdf2")) {
		s->kdf = LUKS_PBKDF2;
		return copy_text(kdf, "hash", s->kdf_hash, sizeof(s->kdf_hash)) &&
		       int_of(kdf, "iterations", UINT32_MAX, &s->iterations);
	}
	s->kdf = type_is(kdf, "argon2i") ? LUKS_ARGON2I : LUKS_ARGON2ID;
	return (type_is(kdf, "argon2i") || type_is(kdf, "argon2id")) &&
	       int_of(kdf, "time", UINT32_MAX, &s->iterations) &&
	       int_of(kdf, "memory", UINT32_MAX, &s->memory_kib) &&
	       int_of(kdf, "cpus", UINT32_MAX, &s->lanes);
}

static bool parse_area(const json_t *slot, struct luks_slot *s)
{
	const json_t *area = json_object_get(slot, "area"), *af = json_object_get(slot, "af");

	return type_is(area, "raw") && type_is(af, "luks1") &&
	       luks2_number(area, "offset", &s->area_off) && luks2_number(area, "size", &s->area_len) &&
	       s->area_off % 4096 == 0 &&
	       copy_text(area, "encryption", s->area_cipher, sizeof(s->area_cipher)) &&
	       int_of(area, "key_size", LUKS_KEY_MAX, &s->area_key) &&
	       int_of(af, "stripes", LUKS_STRIPES_MAX, &s->stripes) &&
	       copy_text(af, "hash", s->af_hash, sizeof(s->af_hash));
}

static int parse_slot(const json_t *slot, unsigned i, struct luks *l, struct error *err)
{
	const json_t *priority = json_object_get(slot, "priority");
	struct luks_slot *s = &l->slot[i];
	uint32_t key_size;

	if (type_is(slot, "reencrypt"))
		return error_set(err, ENOTSUP, "LUKS2 volume in the middle of a reencryption");
	if (!type_is(slot, "luks2"))
		return 0;		/* a kind that others know: not for passphrases */
	s->number = i;
	if (!parse_area(slot, s) || !int_of(slot, "key_size", LUKS_KEY_MAX, &key_size) ||
	    s->area_len < (uint64_t)key_size * s->stripes)
		return error_set(err, EBADMSG, "LUKS2 header: key slot %u makes no sense", i);
	if (!known_kdf(json_object_get(slot, "kdf")))
		return 0;
	if (!parse_kdf(json_object_get(slot, "kdf"), s))
		return error_set(err, EBADMSG, "LUKS2 header: key slot %u makes no sense", i);
	if (!l->key_bytes)
		l->key_bytes = key_size;
	s->usable = key_size == l->key_bytes &&
		    !(json_is_integer(priority) && json_integer_value(priority) == 0);
	s->preferred = json_is_integer(priority) && json_integer_value(priority) == 2;
	if (s->area_off + s->area_len > l->info.header_len)
		l->info.header_len = s->area_off + s->area_len;
	if (s->kdf != LUKS_PBKDF2 && (unsigned long long)s->memory_kib * 1024 > l->info.max_slot_memory)
		l->info.max_slot_memory = (unsigned long long)s->memory_kib * 1024;
	return 0;
}

static int parse_slots(const json_t *slots, struct luks *l, struct error *err)
{
	const json_t *slot;
	const char *name;
	unsigned i;

	json_object_foreach((json_t *)slots, name, slot) {
		int rc;

		if (!luks2_index(name, &i))
			return error_set(err, EBADMSG, "LUKS2 header: bad key slot number");
		rc = parse_slot(slot, i, l, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* A list of indices as a mask; false when an element is none. */
static bool mask_of(const json_t *list, uint32_t *mask)
{
	const json_t *v;
	size_t k;
	unsigned i;

	*mask = 0;
	json_array_foreach((json_t *)list, k, v) {
		if (!json_is_string(v) || !luks2_index(json_string_value(v), &i))
			return false;
		*mask |= 1u << i;
	}
	return json_is_array(list);
}

static int parse_digests(const json_t *digests, unsigned segment, struct luks *l, struct error *err)
{
	const json_t *o;
	const char *name;
	unsigned i;

	json_object_foreach((json_t *)digests, name, o) {
		struct luks_digest *d = &l->digest[l->n_digests];
		uint32_t segments;

		if (!luks2_index(name, &i) || l->n_digests == LUKS_SLOTS_MAX || !type_is(o, "pbkdf2") ||
		    !mask_of(json_object_get(o, "keyslots"), &d->slots) ||
		    !mask_of(json_object_get(o, "segments"), &segments) ||
		    !copy_text(o, "hash", d->hash, sizeof(d->hash)) ||
		    !int_of(o, "iterations", UINT32_MAX, &d->iterations) ||
		    !base64_of(o, "salt", d->salt, sizeof(d->salt), &d->salt_len) ||
		    !base64_of(o, "digest", d->value, sizeof(d->value), &d->value_len))
			return error_set(err, EBADMSG, "LUKS2 header: a key digest makes no sense");
		d->used = segments >> segment & 1;
		l->n_digests++;
	}
	return 0;
}

static int check_flags(const json_t *segment, struct error *err)
{
	const json_t *flags = json_object_get(segment, "flags"), *v;
	size_t k;

	json_array_foreach((json_t *)flags, k, v)
		if (json_is_string(v) && !strncmp(json_string_value(v), "backup", 6))
			return error_set(err, ENOTSUP, "LUKS2 volume in the middle of a reencryption");
	return 0;
}

static int parse_segment(const json_t *s, struct luks *l, struct error *err)
{
	const char *size = luks2_text(s, "size");
	uint32_t sector;

	if (json_object_get(s, "integrity"))
		return error_set(err, ENOTSUP, "LUKS2 volume with authenticated encryption (integrity)");
	if (!type_is(s, "crypt"))
		return error_set(err, ENOTSUP, "LUKS2 volume with a segment that is not encrypted plainly "
				 "(a reencryption under way?)");
	if (!copy_text(s, "encryption", l->info.cipher, sizeof(l->info.cipher)) || !size ||
	    !luks2_number(s, "offset", &l->info.payload_off) || !luks2_number(s, "iv_tweak", &l->iv_tweak) ||
	    !int_of(s, "sector_size", 4096, &sector) || sector < 512 || !is_power_of_two(sector))
		return error_set(err, EBADMSG, "LUKS2 header: its segment makes no sense");
	if (strcmp(size, "dynamic") && (!luks2_number(s, "size", &l->info.payload_len) ||
					!l->info.payload_len || l->info.payload_len % sector))
		return error_set(err, EBADMSG, "LUKS2 header: its segment's size makes no sense");
	l->info.sector_size = sector;
	return 0;
}

static int parse_segments(const json_t *segments, struct luks *l, unsigned *number, struct error *err)
{
	const json_t *s;
	const char *name;
	int rc;

	json_object_foreach((json_t *)segments, name, s) {
		rc = check_flags(s, err);
		if (rc < 0)
			return rc;
		if (!luks2_index(name, number))
			return error_set(err, EBADMSG, "LUKS2 header: bad segment number");
	}
	if (json_object_size(segments) != 1)
		return error_set(err, ENOTSUP, "LUKS2 volume of several segments (a reencryption under way?)");
	return parse_segment(s = json_object_iter_value(json_object_iter((json_t *)segments)), l, err);
}

static int check_requirements(const json_t *config, struct error *err)
{
	const json_t *all = json_object_get(json_object_get(config, "requirements"), "mandatory"), *v;
	size_t k;

	json_array_foreach((json_t *)all, k, v) {
		const char *name = json_string_value(v);

		if (name && strstr(name, "reencrypt")) {
			error_set(err, ENOTSUP, "LUKS2 volume in the middle of a reencryption (%s)", name);
			error_next(err, "Finish it with cryptsetup reencrypt --resume-only on a copy.");
			return -ENOTSUP;
		}
		return error_set(err, ENOTSUP, "LUKS2 volume that requires \"%.40s\"", name ? name : "?");
	}
	return 0;
}

int luks2_parse_json(const char *json, size_t len, uint64_t header_len, struct luks *l,
		     struct error *err)
{
	AUTO(json_decref) json_t *top = json_loadb(json, len, JSON_REJECT_DUPLICATES, NULL);
	unsigned segment = 0;
	int rc;

	if (!json_is_object(top))
		return error_set(err, EBADMSG, "LUKS2 header: its JSON is damaged");
	rc = luks2_check(top, header_len / 2, err);
	if (rc == 0)
		rc = check_requirements(json_object_get(top, "config"), err);
	if (rc == 0)
		rc = parse_slots(json_object_get(top, "keyslots"), l, err);
	if (rc == 0)
		rc = parse_segments(json_object_get(top, "segments"), l, &segment, err);
	if (rc == 0)
		rc = parse_digests(json_object_get(top, "digests"), segment, l, err);
	l->info.key_bits = l->key_bytes * 8;
	for (unsigned i = 0; i < LUKS_SLOTS_MAX && rc == 0; i++)
		l->info.n_slots += l->slot[i].usable;
	return rc;
}
