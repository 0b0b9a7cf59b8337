/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/mount/mount_stats.h"
#include "fs/image/point_disk.h"
#include "fs/store/diskcache.h"
#include "fs/store/meter.h"
#include "fs/util/json.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define LOOKED_AT 64u			/* chunks of a cell, to see how much of it is near */

struct shown {
	struct mount_stats s;
	time_t since;
};

static json_int_t num(uint64_t n)
{
	return (json_int_t)n;
}

static double ms(uint64_t us)
{
	return (double)us / 1000;
}

static json_t *store_json(struct store *meter)
{
	struct meter_stats m;

	if (!meter)
		return json_null();
	store_meter_stats(meter, &m);
	return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:{s:f,s:f,s:f,s:f}}", "requests",
			 num(m.gets + m.puts + m.stats + m.lists + m.removes), "gets", num(m.gets), "puts", num(m.puts),
			 "stats", num(m.stats), "lists", num(m.lists), "removes", num(m.removes), "bytes_fetched",
			 num(m.bytes_in), "bytes_put", num(m.bytes_out), "errors", num(m.errors), "now", num(m.now),
			 "sent", num(m.net.requests), "retries", num(m.net.retries), "bytes_received", num(m.net.bytes_in),
			 "latency_ms", "p50", ms(meter_quantile(&m, 0.5)), "p90", ms(meter_quantile(&m, 0.9)), "p99",
			 ms(meter_quantile(&m, 0.99)), "max", ms(m.longest_us));
}

static json_t *memory_json(struct chunk_cache *cache)
{
	struct chunk_cache_stats c;

	if (!cache)
		return json_null();
	chunk_cache_stats(cache, &c);
	return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I}", "hits", num(c.hits), "misses", num(c.misses), "waits", num(c.waits),
			 "evicted", num(c.evicted), "bytes", num(c.bytes), "chunks", num(c.chunks));
}

static json_t *disk_cache_json(struct store *diskcache)
{
	struct diskcache_stats d;

	if (!diskcache)
		return json_null();
	store_diskcache_stats(diskcache, &d);
	return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "hits", num(d.hits), "misses", num(d.misses), "hit_bytes",
			 num(d.hit_bytes), "broken", num(d.broken), "evicted", num(d.evicted), "limit", num(d.limit),
			 "used", num(d.used), "room", num(store_diskcache_room(diskcache)));
}

/* The text of a JSON value, which is taken. */
static char *text_of(json_t *taken, size_t *len)
{
	AUTO(json_decref) json_t *o = taken;
	char *text = o ? json_text(o, 1) : NULL;

	*len = text ? strlen(text) : 0;
	return text;
}

static char *stats_text(struct node *live, size_t *len)
{
	const struct shown *w = live->ctx;
	const struct tree_reads *r = tree_reads(live->tree);

	return text_of(json_pack("{s:i,s:I,s:{s:I,s:I,s:I,s:I},s:{s:I,s:I,s:I,s:I},s:o,s:o,s:o}", "schema", 1, "since",
				 (json_int_t)w->since, "reads", "count", num(r->reads), "bytes", num(r->bytes), "errors",
				 num(r->errors), "now", num(r->now), "hydrated", "count", num(r->warmed), "bytes",
				 num(r->warmed_bytes), "errors", num(r->warm_errors), "now", num(r->warm_now),
				 "store", store_json(w->s.meter), "memory_cache", memory_json(w->s.cache), "disk_cache",
				 disk_cache_json(w->s.diskcache)), len);
}

/* '0': nothing of it, '9': all, the digits between them for what lies between. */
static char digit(uint64_t some, uint64_t all)
{
	if (!some || !all)
		return '0';
	return some >= all ? '9' : (char)('1' + some * 8 / all);
}

struct cell { uint64_t read, fetched, near, looked, all; };

static void look_at_unit(const struct disk_watch *w, uint64_t unit, uint64_t step, struct cell *c)
{
	bool fetched = disk_watch_is_fetched(w, unit);

	c->all++;
	c->read += disk_watch_is_read(w, unit);
	c->fetched += fetched;
	if (unit % step)
		return;
	c->looked++;
	c->near += fetched && w->disk && point_disk_near(w->disk, unit << w->shift);
}

static int map_one(void *arg, struct disk_watch *w)
{
	json_t *list = arg;
	uint64_t cells = w->units < MAP_CELLS ? w->units : MAP_CELLS;
	uint64_t step = w->units / cells / LOOKED_AT + 1;
	char read[MAP_CELLS + 1] = "", fetched[MAP_CELLS + 1] = "", near[MAP_CELLS + 1] = "";

	for (uint64_t i = 0; i < cells; i++) {
		struct cell c = { 0 };

		for (uint64_t u = i * w->units / cells; u < (i + 1) * w->units / cells; u++)
			look_at_unit(w, u, step, &c);
		read[i] = digit(c.read, c.all);
		fetched[i] = digit(c.fetched, c.all);
		near[i] = digit(c.near, c.looked);
	}
	json_array_append_new(list, json_pack("{s:s,s:I,s:I,s:s,s:s,s:s}", "name", w->name, "size", num(w->size),
					      "chunk_size", num(w->chunk_size), "read", read, "fetched", fetched,
					      "near", near));
	return 0;
}

static char *map_text(struct node *live, size_t *len)
{
	const struct shown *w = live->ctx;
	json_t *list = json_array();

	if (list && w->s.watches)
		disk_watches_each(w->s.watches, map_one, list);
	return text_of(json_pack("{s:i,s:o}", "schema", 1, "disks", list), len);
}

static const struct node_ops stats_ops = { .text = stats_text, .release = free };
static const struct node_ops map_ops = { .text = map_text, .release = free };

static int show_one(struct tree *t, const char *name, const struct node_ops *ops, const struct mount_stats *s,
		    struct error *err)
{
	struct shown *w = calloc(1, sizeof(*w));

	if (!w)
		return error_set(err, ENOMEM, "out of memory");
	w->s = *s;
	w->since = time(NULL);
	if (tree_add_live(t, name, ops, w, err))
		return 0;
	free(w);
	return -ENOMEM;
}

int mount_stats_show(struct tree *t, const struct mount_stats *s, struct error *err)
{
	int rc = show_one(t, "stats.json", &stats_ops, s, err);

	return rc == 0 ? show_one(t, "map.json", &map_ops, s, err) : rc;
}
