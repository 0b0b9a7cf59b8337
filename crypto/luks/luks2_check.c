/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is LUKS2's JSON whole?  LUKS2 On-Disk Format, section 3: every object that
 * another refers to exists, areas lie between header and data and apart.
 */
#include "crypto/luks/luks2_json.h"

#include <errno.h>

#define KEYSLOTS_MAX (128ull << 20)

struct area {
	uint64_t off, end;
};

/* {"type": …, "offset": …, "size": …} inside the key slot space and apart from all before it. */
static bool check_area(const json_t *slot, uint64_t from, uint64_t to, struct area *seen, size_t *n)
{
	const json_t *area = json_object_get(slot, "area");
	struct area a;
	uint64_t len;

	if (!luks2_text(area, "type") || !luks2_number(area, "offset", &a.off) ||
	    !luks2_number(area, "size", &len) || !len || !add_u64(a.off, len, &a.end) || a.off < from ||
	    a.end > to)
		return false;
	for (size_t i = 0; i < *n; i++)
		if (a.off < seen[i].end && seen[i].off < a.end)
			return false;
	seen[(*n)++] = a;
	return true;
}

static bool check_slots(const json_t *slots, uint64_t from, uint64_t to)
{
	struct area seen[LUKS_SLOTS_MAX];
	const json_t *slot;
	const char *name;
	size_t n = 0;
	unsigned i;

	json_object_foreach((json_t *)slots, name, slot)
		if (!luks2_index(name, &i) || !luks2_text(slot, "type") ||
		    !json_is_integer(json_object_get(slot, "key_size")) ||
		    json_integer_value(json_object_get(slot, "key_size")) < 1 || n == LUKS_SLOTS_MAX ||
		    !check_area(slot, from, to, seen, &n))
			return false;
	return true;
}

/* Every name in the list is a member of the object; *mask gets them. */
static bool refers(const json_t *list, const json_t *object, uint32_t *mask)
{
	const json_t *v;
	size_t k;
	unsigned i;

	json_array_foreach((json_t *)list, k, v) {
		if (!json_is_string(v) || !luks2_index(json_string_value(v), &i) ||
		    !json_object_get(object, json_string_value(v)))
			return false;
		*mask |= 1u << i;
	}
	return json_is_array(list);
}

/* Each key slot belongs to exactly one digest, or to none when it is a
 * reencryption's. */
static bool check_digests(const json_t *digests, const json_t *slots, const json_t *segments)
{
	uint32_t all = 0, other = 0;
	const json_t *d, *slot;
	const char *name;
	unsigned i;

	json_object_foreach((json_t *)digests, name, d) {
		uint32_t own = 0;

		if (!luks2_index(name, &i) || !luks2_text(d, "type") ||
		    !refers(json_object_get(d, "keyslots"), slots, &own) ||
		    !refers(json_object_get(d, "segments"), segments, &other) || (own & all))
			return false;
		all |= own;
	}
	json_object_foreach((json_t *)slots, name, slot)
		if (luks2_index(name, &i) && !(all >> i & 1) &&
		    strcmp(luks2_text(slot, "type"), "reencrypt"))
			return false;
	return true;
}

static bool check_tokens(const json_t *tokens, const json_t *slots)
{
	const json_t *t;
	const char *name;
	uint32_t any = 0;
	unsigned i;

	json_object_foreach((json_t *)tokens, name, t)
		if (!luks2_index(name, &i) || !luks2_text(t, "type") ||
		    !refers(json_object_get(t, "keyslots"), slots, &any))
			return false;
	return json_is_object(tokens);
}

static bool check_flags(const json_t *flags)
{
	const json_t *v;
	size_t k;

	if (!flags)
		return true;
	json_array_foreach((json_t *)flags, k, v)
		if (!json_is_string(v))
			return false;
	return json_is_array(flags);
}

/* Where data begins, for what stands in front of it: 0 for a detached header. */
static bool check_segments(const json_t *segments, uint64_t *first)
{
	const json_t *s;
	const char *name;
	unsigned i;

	*first = UINT64_MAX;
	json_object_foreach((json_t *)segments, name, s) {
		uint64_t off, len;
		const char *size = luks2_text(s, "size");

		if (!luks2_index(name, &i) || !luks2_text(s, "type") || !luks2_number(s, "offset", &off) ||
		    !size || (strcmp(size, "dynamic") && !luks2_number(s, "size", &len)) ||
		    !check_flags(json_object_get(s, "flags")))
			return false;
		if (off < *first)
			*first = off;
	}
	return json_object_size(segments) > 0;
}

int luks2_check(const json_t *top, uint64_t header_size, struct error *err)
{
	const json_t *slots = json_object_get(top, "keyslots"), *config = json_object_get(top, "config");
	const json_t *segments = json_object_get(top, "segments");
	const json_t *digests = json_object_get(top, "digests");
	uint64_t json_size, slots_size, from = 2 * header_size, first;

	if (!json_is_object(slots) || !json_is_object(segments) || !json_is_object(digests) ||
	    !json_is_object(config) || !check_tokens(json_object_get(top, "tokens"), slots))
		return error_set(err, EBADMSG, "LUKS2 header: a part of its JSON is missing or damaged");
	if (!luks2_number(config, "json_size", &json_size) || json_size != header_size - 4096 ||
	    !luks2_number(config, "keyslots_size", &slots_size) || slots_size % 4096 ||
	    slots_size > KEYSLOTS_MAX)
		return error_set(err, EBADMSG, "LUKS2 header: its sizes do not fit together");
	if (!check_segments(segments, &first) || (first && first < from + slots_size))
		return error_set(err, EBADMSG, "LUKS2 header: a segment makes no sense");
	if (!check_slots(slots, from, from + slots_size))
		return error_set(err, EBADMSG, "LUKS2 header: a key slot makes no sense");
	if (!check_digests(digests, slots, segments))
		return error_set(err, EBADMSG, "LUKS2 header: key slots and digests do not fit together");
	return 0;
}
