/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Works on a store behind a network that fails:  store-hammer URL ENDPOINT SEED ROUNDS THREADS
 *
 * Each thread puts, reads in ranges, stats, lists and removes objects of its own whose bytes follow
 * from their names.  Every answer must be right, or an error that came in time; an object whose put
 * succeeded must be there, one whose put failed may be there whole.  Prints one line of figures;
 * exit code 1 and words on stderr for a wrong answer.
 */
#include "fs/net/retry.h"
#include "fs/store/store.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEADLINE_MS 12000u
#define SLACK_MS 6000u
#define OBJECT_MAX 300000u
#define OBJECTS 12

enum known { GONE, THERE, UNSURE };

struct worker {
	struct store *st;
	uint64_t random;
	unsigned id, rounds, serial;
	struct { char name[64]; size_t len; enum known state; } at[OBJECTS];
	uint8_t *want, *buf;
};

static _Atomic unsigned long calls, errors, wrong, slowest_ms;

static uint64_t draw(struct worker *w)
{
	w->random ^= w->random << 13;
	w->random ^= w->random >> 7;
	return w->random ^= w->random << 17;
}

/* The bytes that an object of this name has. */
static void fill(const char *name, uint8_t *out, size_t len)
{
	uint64_t x = 0x9e3779b97f4a7c15u;

	for (; *name; name++)
		x = (x ^ (uint8_t)*name) * 0x100000001b3u;
	for (size_t i = 0; i < len; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		out[i] = (uint8_t)x;
	}
}

static void bad(const char *what, const char *name)
{
	atomic_fetch_add(&wrong, 1);
	fprintf(stderr, "WRONG: %s: %s\n", name, what);
}

/* Notes how a call of so many requests ended; true: it succeeded or said what is so. */
static bool ended(int rc, uint64_t start, unsigned requests, const char *name, const struct error *err)
{
	unsigned long took = clock_ms() - start, old = atomic_load(&slowest_ms);

	atomic_fetch_add(&calls, 1);
	while (took > old && !atomic_compare_exchange_weak(&slowest_ms, &old, took))
		;
	if (took > requests * (DEADLINE_MS + SLACK_MS))
		bad("too late", name);
	if (rc >= 0 || rc == -ENOENT || rc == -EEXIST)
		return true;
	atomic_fetch_add(&errors, 1);
	if (rc != -EHOSTUNREACH && rc != -ETIMEDOUT && rc != -EIO && rc != -EBUSY && rc != -EBADMSG && rc != -EMSGSIZE)
		fprintf(stderr, "NOTE: %s: %d %s\n", name, rc, err->text);
	return false;
}

static void put(struct worker *w, unsigned i)
{
	struct error err = ERROR_INIT;
	uint64_t start = clock_ms();
	int rc;

	snprintf(w->at[i].name, sizeof(w->at[i].name), "t%u/%u", w->id, w->serial++);
	w->at[i].len = draw(w) % 8 ? draw(w) % 4000 : draw(w) % OBJECT_MAX;
	fill(w->at[i].name, w->want, w->at[i].len);
	rc = store_put_once(w->st, w->at[i].name, w->want, w->at[i].len, &err);
	if (rc == -EEXIST)
		bad("a name that only we use is taken by other bytes", w->at[i].name);
	w->at[i].state = ended(rc, start, 3, w->at[i].name, &err) && rc == 0 ? THERE : UNSURE;
}

static void get(struct worker *w, unsigned i)
{
	size_t len = w->at[i].len, off = len ? draw(w) % (len + 10) : 0, n = 1 + draw(w) % (len + 10), got = 0;
	size_t want = off >= len ? 0 : n < len - off ? n : len - off;
	struct error err = ERROR_INIT;
	uint64_t start = clock_ms();
	int rc = store_get(w->st, w->at[i].name, off, w->buf, n, &got, &err);

	if (!ended(rc, start, 1, w->at[i].name, &err))
		return;
	if (rc == -ENOENT && w->at[i].state == THERE)
		bad("it is gone", w->at[i].name);
	if (rc == 0 && w->at[i].state == GONE)
		bad("it is there again", w->at[i].name);
	fill(w->at[i].name, w->want, len);
	if (rc == 0 && (got != want || memcmp(w->buf, w->want + (off < len ? off : 0), want)))
		bad("other bytes", w->at[i].name);
}

static void stat_one(struct worker *w, unsigned i)
{
	struct error err = ERROR_INIT;
	struct object o;
	uint64_t start = clock_ms();
	int rc = store_stat(w->st, w->at[i].name, &o, &err);

	if (!ended(rc, start, 1, w->at[i].name, &err))
		return;
	if (rc == -ENOENT ? w->at[i].state == THERE : w->at[i].state == GONE || o.size != w->at[i].len)
		bad("stat", w->at[i].name);
}

static void take_away(struct worker *w, unsigned i)
{
	struct error err = ERROR_INIT;
	uint64_t start = clock_ms();
	int rc = store_remove(w->st, w->at[i].name, &err);

	w->at[i].state = ended(rc, start, 1, w->at[i].name, &err) ? GONE : UNSURE;
}

struct seen { struct worker *w; unsigned times[OBJECTS]; };

static int note(void *arg, const struct object *o)
{
	struct seen *s = arg;

	for (unsigned i = 0; i < OBJECTS; i++)
		if (!strcmp(s->w->at[i].name, o->name)) {
			s->times[i]++;
			if (o->size != s->w->at[i].len)
				bad("listed with another size", o->name);
		}
	return 0;
}

static void list(struct worker *w)
{
	struct seen s = { .w = w };
	struct error err = ERROR_INIT;
	uint64_t start = clock_ms();
	char prefix[32];
	int rc;

	snprintf(prefix, sizeof(prefix), "t%u/", w->id);
	rc = store_list(w->st, prefix, note, &s, &err);
	if (!ended(rc, start, 1 + OBJECTS / 4, prefix, &err))
		return;
	for (unsigned i = 0; i < OBJECTS; i++)
		if (w->at[i].name[0] && (s.times[i] > 1 || (w->at[i].state == THERE && !s.times[i]) ||
					 (w->at[i].state == GONE && s.times[i])))
			bad("listed too often, or not at all", w->at[i].name);
}

static void *work(void *arg)
{
	struct worker *w = arg;

	for (unsigned r = 0; r < w->rounds; r++) {
		unsigned i = draw(w) % OBJECTS, what = draw(w) % 10;

		if (!w->at[i].name[0] || w->at[i].state == GONE)
			put(w, i);
		else if (what < 5)
			get(w, i);
		else if (what < 7)
			stat_one(w, i);
		else if (what < 9)
			take_away(w, i);
		else
			list(w);
	}
	for (unsigned i = 0; i < OBJECTS; i++)
		if (w->at[i].name[0])
			take_away(w, i);
	return NULL;
}

int main(int argc, char **argv)
{
	struct store_options o = { .http = { .stall_ms = 1000, .connect_ms = 3000 }, .deadline_ms = DEADLINE_MS };
	struct error err = ERROR_INIT;
	unsigned threads;
	struct worker *w;
	pthread_t *t;

	if (argc != 6 || secret_process_init())
		return 2;
	o.endpoint = argv[2];
	threads = (unsigned)strtoul(argv[5], NULL, 10);
	w = calloc(threads, sizeof(*w));
	t = calloc(threads, sizeof(*t));
	struct store *st = store_open_with(argv[1], false, &o, &err);

	if (!st || !w || !t) {
		fprintf(stderr, "%s: %s\n", err.object, err.text);
		return 2;
	}
	for (unsigned i = 0; i < threads; i++) {
		w[i] = (struct worker){ .st = st, .id = i, .rounds = (unsigned)strtoul(argv[4], NULL, 10),
					.random = strtoull(argv[3], NULL, 10) * 1000 + i + 1,
					.want = malloc(OBJECT_MAX + 16), .buf = malloc(OBJECT_MAX + 16) };
		if (!w[i].want || !w[i].buf || pthread_create(&t[i], NULL, work, &w[i]))
			return 2;
	}
	for (unsigned i = 0; i < threads; i++) {
		pthread_join(t[i], NULL);
		free(w[i].want);
		free(w[i].buf);
	}
	store_free(st);
	free(w);
	free(t);
	printf("%lu calls, %lu errors, %lu wrong, slowest %lu ms\n", calls, errors, wrong, slowest_ms);
	return wrong != 0;
}
