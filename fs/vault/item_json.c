/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/item.h"
#include "fs/vault/point_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const state_names[] = { "protected", "stopped", "soft-deleted" };

const char *item_state_name(enum item_state s)
{
	return state_names[s];
}

static struct jval *disk_to_jval(const struct item_disk *d)
{
	AUTO(jval_free) struct jval *o = jval_object();
	int rc = jval_set_text(o, "name", d->name);

	rc = rc ? rc : jval_set_text(o, "source", d->source);
	rc = rc ? rc : jval_set_text(o, "encryption", d->encryption ? d->encryption : "");
	rc = rc ? rc : jval_set_bool(o, "encrypted", d->encrypted);
	return rc ? NULL : TAKE(o);
}

static struct jval *disks_to_jval(const struct item *it)
{
	AUTO(jval_free) struct jval *a = jval_array();
	int rc = a ? 0 : -ENOMEM;

	for (size_t i = 0; i < it->n_disks && !rc; i++)
		rc = jval_append(a, disk_to_jval(&it->disk[i]));
	return rc ? NULL : TAKE(a);
}

struct jval *item_to_json(const struct item *it)
{
	const struct { const char *name, *text; } words[] = {
		{ "vm", it->vm }, { "state", state_names[it->state] }, { "policy", it->policy },
		{ "region", it->region }, { "subscription", it->subscription }, { "os", it->os },
	};
	const struct { const char *name; int64_t n; } times[] = {
		{ "since", it->since }, { "created", it->created }, { "delete_after", it->delete_after },
	};
	AUTO(jval_free) struct jval *o = jval_object();
	int rc = o ? 0 : -ENOMEM;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]) && !rc; i++)
		rc = jval_set_text(o, words[i].name, words[i].text);
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]) && !rc; i++)
		rc = jval_set_u64_text(o, times[i].name, (uint64_t)times[i].n);
	rc = rc ? rc : jval_set_bool(o, "cross_region", it->cross_region);
	rc = rc ? rc : jval_set_bool(o, "cross_subscription", it->cross_subscription);
	rc = rc ? rc : jval_set(o, "disks", disks_to_jval(it));
	if (!rc && it->vm_config)
		rc = jval_set(o, "vm_config", jval_copy(it->vm_config));
	return rc ? NULL : TAKE(o);
}

static bool get_time(const struct jval *o, const char *name, int64_t *out)
{
	uint64_t n;

	if (!point_get_u64(o, name, INT64_MAX / 4, &n))
		return false;
	*out = (int64_t)n;
	return true;
}

static bool get_state(const struct jval *o, enum item_state *out)
{
	const char *text = jval_text(jval_get(o, "state"));

	for (size_t i = 0; text && i < sizeof(state_names) / sizeof(state_names[0]); i++)
		if (!strcmp(text, state_names[i])) {
			*out = (enum item_state)i;
			return true;
		}
	return false;
}

static bool get_disk(const struct jval *o, struct item_disk *d)
{
	const char *source = jval_text(jval_get(o, "source")), *seen = jval_text(jval_get(o, "encryption"));

	if (!source || !*source || !seen || !point_get_text(o, "name", d->name, sizeof(d->name)) || !d->name[0])
		return false;
	d->source = strdup(source);
	d->encryption = strdup(seen);
	d->encrypted = jval_bool(jval_get(o, "encrypted"), false);
	return d->source && d->encryption;
}

static bool get_disks(const struct jval *a, struct item *out)
{
	size_t n = jval_len(a);

	if (!jval_is_array(a) || n > ITEM_DISKS_MAX)
		return false;
	out->disk = calloc(n ? n : 1, sizeof(*out->disk));
	for (size_t i = 0; out->disk && i < n; i++) {
		out->n_disks = i + 1;
		if (!get_disk(jval_at(a, i), &out->disk[i]))
			return false;
		for (size_t k = 0; k < i; k++)
			if (!strcmp(out->disk[k].name, out->disk[i].name))
				return false;
	}
	return out->disk != NULL;
}

int item_from_json(const struct jval *doc, struct item *out, struct error *err)
{
	struct jval *config = jval_get(doc, "vm_config");

	*out = (struct item){ .number = 0 };
	if (!point_get_text(doc, "vm", out->vm, sizeof(out->vm)) || !point_name_ok(out->vm) || !get_state(doc, &out->state) ||
	    !point_get_text(doc, "policy", out->policy, sizeof(out->policy)) ||
	    !point_get_text(doc, "region", out->region, sizeof(out->region)) ||
	    !point_get_text(doc, "subscription", out->subscription, sizeof(out->subscription)) ||
	    !point_get_text(doc, "os", out->os, sizeof(out->os)) || !get_time(doc, "since", &out->since) ||
	    !get_time(doc, "created", &out->created) || !get_time(doc, "delete_after", &out->delete_after) ||
	    !get_disks(jval_get(doc, "disks"), out) || (config && !jval_is_object(config) && !jval_is_array(config))) {
		item_clear(out);
		return error_set(err, EBADMSG, "damaged record of a protected item: what it says makes no sense");
	}
	out->cross_region = jval_bool(jval_get(doc, "cross_region"), false);
	out->cross_subscription = jval_bool(jval_get(doc, "cross_subscription"), false);
	out->vm_config = config ? jval_ref(config) : NULL;
	return 0;
}

void item_clear(struct item *it)
{
	for (size_t i = 0; i < it->n_disks; i++) {
		free(it->disk[i].source);
		free(it->disk[i].encryption);
	}
	free(it->disk);
	jval_free(it->vm_config);
	*it = (struct item){ .number = 0 };
}

void item_list_free(struct item *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		item_clear(&list[i]);
	free(list);
}
