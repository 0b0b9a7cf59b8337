/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/hash.h"
#include "fs/policy/prune_private.h"
#include "fs/vault/object.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static struct jval *point_entry(const struct prune_point *q)
{
	AUTO(jval_free) struct jval *o = jval_object();
	const struct inventory_point *m = q->manifest;
	char time[POINT_TIME_TEXT];
	int rc = jval_set_text(o, "vm", m->vm);

	point_time_text(m->time, time);
	rc = rc ? rc : jval_set_text(o, "vm_id", m->vm_id);
	rc = rc ? rc : jval_set_text(o, "point", m->id);
	rc = rc ? rc : jval_set_text(o, "time", time);
	rc = rc ? rc : jval_set_u64_text(o, "number", m->number);
	rc = rc ? rc : jval_set_text(o, "fate", prune_fate_name(q->fate));
	rc = rc ? rc : jval_set_text(o, "reason", q->decision.words);
	return rc ? NULL : TAKE(o);
}

static bool is_told(const struct prune_point *q)
{
	return q->fate == PRUNE_EXPIRES || q->fate == PRUNE_DELETED || q->fate == PRUNE_BACK;
}

static char *print(const struct prune *p, size_t *n)
{
	AUTO(jval_free) struct jval *o = jval_object(), *points = jval_array();
	char host[256] = "";
	int rc = 0;

	*n = 0;
	for (size_t i = 0; i < p->out->n_points && rc == 0; i++) {
		if (!is_told(&p->out->point[i]))
			continue;
		rc = jval_append(points, point_entry(&p->out->point[i]));
		++*n;
	}
	gethostname(host, sizeof(host) - 1);
	rc = rc ? rc : jval_set(o, "points", TAKE(points));
	rc = rc ? rc : jval_set_text(o, "what", "prune");
	rc = rc ? rc : jval_set_text(o, "host", host);
	return rc ? NULL : jval_print(o, false);
}

int prune_log(struct prune *p)
{
	AUTO(free) char *text = NULL;
	char name[64], time[POINT_TIME_TEXT], id[17];
	uint8_t random[8];
	size_t n;

	text = print(p, &n);
	if (!text)
		return error_set(p->err, ENOMEM, "out of memory");
	if (!n)
		return 0;
	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return error_set(p->err, EIO, "the system gives no random numbers");
	hex_encode(random, sizeof(random), id);
	point_time_text(p->out->inventory->now, time);
	snprintf(name, sizeof(name), "log/%s-%s", time, id);
	return object_put(vault_store(p->vault), vault_ring(p->vault), OBJECT_LOG, name, text, strlen(text), p->err);
}
