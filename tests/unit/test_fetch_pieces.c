/* SPDX-License-Identifier: Apache-2.0 */
/* Chunks are opened as their bytes come, in pieces of any size: a reader has his before the request is over, a
 * try that is made again brings them all, and bytes that are wrong to the end are an error. */
#include "fs/image/point_disk.h"
#include "tests/lib/pointwriter.h"
#include "tests/lib/testlib.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <cmocka.h>

#define SIZE (3u << 20)
#define CHUNK 65536u

/* Hands on what the store below has in pieces. */
struct pieces {
	struct store st;
	struct store *lower;
	size_t piece;
	unsigned tries;			/* before the last one the bytes are wrong and break off */
	bool wrong;			/* also in the last one: bytes behind the first chunk */
	int fail;			/* when all has come, the answer all the same */
	size_t stop_at;			/* before this byte it waits until it may go on; 0: it does not */
	pthread_mutex_t lock;		/* guards all below */
	pthread_cond_t changed;
	bool waits, go;
};

static void wait_for(struct pieces *s, const bool *what)
{
	pthread_mutex_lock(&s->lock);
	while (!*what)
		pthread_cond_wait(&s->changed, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

static void set(struct pieces *s, bool *what)
{
	pthread_mutex_lock(&s->lock);
	*what = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

static void hand_on(struct pieces *s, struct store_sink *sink, const uint8_t *p, size_t len)
{
	for (size_t at = 0; at < len; at += s->piece) {
		if (s->stop_at && at >= s->stop_at) {
			set(s, &s->waits);
			wait_for(s, &s->go);
		}
		sink->part(sink, at, p + at, s->piece < len - at ? s->piece : len - at);
	}
}

static int pieces_read(struct store *st, const char *name, uint64_t off, size_t len, struct store_sink *sink,
		       size_t *got, struct error *err)
{
	struct pieces *s = (struct pieces *)st;
	AUTO(free) uint8_t *buf = malloc(len);
	int rc = store_get(s->lower, name, off, buf, len, got, err);

	assert_int_equal(rc, 0);
	for (unsigned i = 0; i < s->tries; i++) {
		buf[*got / 3] ^= 1;
		hand_on(s, sink, buf, *got / (i + 2));
		buf[*got / 3] ^= 1;
	}
	if (s->wrong)
		memset(buf + CHUNK + 16, 0, *got > CHUNK + 16 ? *got - CHUNK - 16 : 0);
	hand_on(s, sink, buf, *got);
	return s->fail ? error_set(err, s->fail, "broken off") : 0;
}

static int pieces_get(struct store *st, const char *name, uint64_t off, void *buf, size_t len, size_t *got,
		      struct error *err)
{
	return store_get(((struct pieces *)st)->lower, name, off, buf, len, got, err);
}
static int pieces_put(struct store *st, const char *n, const void *d, size_t l, enum put_mode m, struct error *e)
{
	return store_put(((struct pieces *)st)->lower, n, d, l, m, e);
}
static int pieces_stat(struct store *st, const char *n, struct object *o, struct error *e)
{
	return store_stat(((struct pieces *)st)->lower, n, o, e);
}
static int pieces_remove(struct store *st, const char *n, struct error *e)
{
	return store_remove(((struct pieces *)st)->lower, n, e);
}
static int pieces_list(struct store *st, const char *p, object_fn *fn, void *a, struct error *e)
{
	return store_list(((struct pieces *)st)->lower, p, fn, a, e);
}
static int pieces_now(struct store *st, int64_t *t, struct error *e)
{
	return store_now(((struct pieces *)st)->lower, t, e);
}
static void pieces_free(struct store *st)
{
	store_free(((struct pieces *)st)->lower);
	free(st);
}

static const struct store_ops pieces_ops = {
	.scheme = "pieces", .get = pieces_get, .read = pieces_read, .put = pieces_put, .stat = pieces_stat,
	.list = pieces_list, .remove = pieces_remove, .now = pieces_now, .free = pieces_free,
};

/* A vault in such a store, with a disk of noise, text and, over a parent, patches. */
struct world {
	struct pieces *store;
	struct vault *vault;
	struct written parent, w;
	struct chunk_cache *cache;
	struct blockdev *disk;
	uint8_t *data, *buf;
};

static void open_disk(struct world *w)
{
	w->cache = chunk_cache_new(0, NULL);
	w->disk = point_disk_new(w->vault, &written_nowhere, &w->w.disk, w->cache, NULL);
	assert_non_null(w->disk);
}

static void close_disk(struct world *w)
{
	blockdev_unref(w->disk);
	chunk_cache_free(w->cache);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct test_random r = { 7 };

	w->store = calloc(1, sizeof(*w->store));
	*w->store = (struct pieces){ .st = { .ops = &pieces_ops, .conditional_put = true }, .lower = store_mem(),
				     .piece = 16384 };
	pthread_mutex_init(&w->store->lock, NULL);
	pthread_cond_init(&w->store->changed, NULL);
	w->vault = test_vault(&w->store->st);
	w->data = malloc(SIZE);
	w->buf = malloc(SIZE);
	test_random_fill(&r, w->data, SIZE);
	memset(w->data + 40 * CHUNK, 'a', 4 * CHUNK);
	write_disk(w->vault, w->data, SIZE, CHUNK, NULL, &w->parent);
	memset(w->data + 9 * CHUNK + 8192, 'b', 4096);
	test_random_fill(&r, w->data + 30 * CHUNK, 4096);
	write_disk(w->vault, w->data, SIZE, CHUNK, &w->parent, &w->w);
	open_disk(w);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	close_disk(w);
	written_release(&w->w);
	written_release(&w->parent);
	vault_free(w->vault);
	free(w->data);
	free(w->buf);
	free(w);
	return 0;
}

static void pieces_of_any_size_give_the_same_bytes(void **state)
{
	static const size_t sizes[] = { 1000, 4096, CHUNK, CHUNK + 15, CHUNK + 16, CHUNK + 17, 1 << 20, 8 << 20 };
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		w->store->piece = sizes[i];
		close_disk(w);
		open_disk(w);
		assert_int_equal(blockdev_pread(w->disk, w->buf, SIZE, 0), 0);
		assert_memory_equal(w->buf, w->data, SIZE);
	}
}

static void a_try_that_is_made_again_begins_anew(void **state)
{
	struct world *w = *state;

	w->store->tries = 3;
	assert_int_equal(blockdev_pread(w->disk, w->buf, SIZE, 0), 0);
	assert_memory_equal(w->buf, w->data, SIZE);
}

static void what_is_wrong_to_the_end_is_an_error(void **state)
{
	struct world *w = *state;

	w->store->wrong = true;
	assert_int_equal(blockdev_pread(w->disk, w->buf, 8 * CHUNK, 0), -EBADMSG);
	/* What came right is there. */
	assert_int_equal(blockdev_pread(w->disk, w->buf, CHUNK, 0), 0);
	assert_memory_equal(w->buf, w->data, CHUNK);
	w->store->wrong = false;
	assert_int_equal(blockdev_pread(w->disk, w->buf, 8 * CHUNK, 0), 0);
	assert_memory_equal(w->buf, w->data, 8 * CHUNK);
}

static void an_answer_that_breaks_off_is_the_stores_error(void **state)
{
	struct world *w = *state;

	w->store->fail = ETIMEDOUT;
	w->store->wrong = true;
	assert_int_equal(blockdev_pread(w->disk, w->buf, 8 * CHUNK, 0), -ETIMEDOUT);
}

static void *read_all(void *arg)
{
	struct world *w = arg;

	assert_int_equal(blockdev_pread(w->disk, w->buf, 16 * CHUNK, 0), 0);
	return NULL;
}

static void a_reader_has_his_chunk_before_the_request_is_over(void **state)
{
	struct world *w = *state;
	uint8_t *mine = malloc(CHUNK);
	pthread_t other;

	w->store->stop_at = 3 * (CHUNK + 16);
	assert_int_equal(pthread_create(&other, NULL, read_all, w), 0);
	wait_for(w->store, &w->store->waits);
	/* Hangs, if it waits for the last byte. */
	assert_int_equal(blockdev_pread(w->disk, mine, CHUNK, 0), 0);
	assert_memory_equal(mine, w->data, CHUNK);
	set(w->store, &w->store->go);
	pthread_join(other, NULL);
	assert_memory_equal(w->buf, w->data, 16 * CHUNK);
	free(mine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(pieces_of_any_size_give_the_same_bytes, setup, teardown),
		cmocka_unit_test_setup_teardown(a_try_that_is_made_again_begins_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_wrong_to_the_end_is_an_error, setup, teardown),
		cmocka_unit_test_setup_teardown(an_answer_that_breaks_off_is_the_stores_error, setup, teardown),
		cmocka_unit_test_setup_teardown(a_reader_has_his_chunk_before_the_request_is_over, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
