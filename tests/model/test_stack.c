/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random stacks of random layers against a flat array: every read, at random
 * places, gives the array's bytes; extents cover what was asked, in order, and
 * holes read as zeros.  The seed is printed; TEST_SEED repeats a run.
 */
#include "crypto/bytes.h"
#include "fs/image/decrypt.h"
#include "fs/image/mem.h"
#include "fs/image/slice.h"
#include "fs/image/splice.h"
#include "fs/image/vhd.h"
#include "tests/lib/testlib.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define SECTOR 512u

/* A device and what it must read as. */
struct model {
	struct blockdev *bd;
	uint8_t *flat;
	size_t size;
};

static void *copy_of(const void *p, size_t len)
{
	void *q = malloc(len ? len : 1);

	memcpy(q, p, len);
	return q;
}

static struct model bottom(struct test_random *r, size_t size)
{
	uint8_t *flat = malloc(size ? size : 1);

	test_random_fill(r, flat, size);
	return (struct model){ mem_open(copy_of(flat, size), size, NULL), flat, size };
}

static void put_slice(struct model *m, struct test_random *r)
{
	size_t off = test_random_below(r, m->size), len = test_random_below(r, m->size - off) + 1;

	m->bd = slice_open(m->bd, off, len, NULL);
	memmove(m->flat, m->flat + off, len);
	m->size = len;
}

static void put_splice(struct model *m, struct test_random *r)
{
	struct splice_piece piece[8];
	size_t n = 0, at = 0;

	while (n < 8 && at < m->size) {
		size_t off = at + test_random_below(r, m->size - at);
		size_t len = test_random_below(r, m->size - off) / 3 + 1;

		if (test_random_below(r, 2)) {
			struct model other = bottom(r, len);

			memcpy(m->flat + off, other.flat, len);
			piece[n++] = (struct splice_piece){ off, other.bd };
			free(other.flat);
		} else {
			memset(m->flat + off, 0, len);
			piece[n++] = (struct splice_piece){ off, zero_open(len, NULL) };
		}
		at = off + len;
	}
	for (size_t i = n; i > 1; i--) {	/* any order is allowed */
		size_t k = test_random_below(r, i);
		struct splice_piece t = piece[k];

		piece[k] = piece[i - 1];
		piece[i - 1] = t;
	}
	m->bd = splice_open(m->bd, piece, n, NULL);
}

static void put_vhd(struct model *m)
{
	uint64_t padded = vhd_padded_size(m->size);
	uint8_t id[16] = { 1, 2, 3 };
	uint8_t *flat = calloc(1, padded + VHD_FOOTER_BYTES);

	memcpy(flat, m->flat, m->size);
	vhd_footer_write(padded, id, flat + padded);
	free(m->flat);
	m->bd = vhd_shell_open(m->bd, id, NULL);
	m->flat = flat;
	m->size = padded + VHD_FOOTER_BYTES;
}

/* The container is the device as it stands; its plaintext is what the cipher
 * makes of it, with some rows clear and some zero, rows moved about. */
static void put_decrypt(struct model *m, struct test_random *r)
{
	static const struct { enum sector_mode mode; size_t key; } modes[] = {
		{ SECTOR_XTS_PLAIN64, 64 }, { SECTOR_XTS_PLAIN64, 32 },
		{ SECTOR_CBC_ELEPHANT, 64 }, { SECTOR_CBC_ESSIV_SHA256, 32 },
	};
	size_t pick = test_random_below(r, 4), sectors = m->size / SECTOR, n = 0, at = 0;
	AUTO(secret_free) struct secret *key = secret_new(modes[pick].key);
	struct crypt_extent ext[64];
	struct sector_cipher *c;
	uint8_t *plain;

	if (!sectors)
		return;
	test_random_fill(r, secret_data(key), secret_len(key));
	c = sector_cipher_new(modes[pick].mode, key, SECTOR, SECTOR, NULL);
	plain = calloc(1, m->size);
	while (at < sectors && n < 64) {
		size_t len = n == 63 ? sectors - at : test_random_below(r, (sectors - at + 3) / 4) + 1;
		size_t src = test_random_below(r, sectors - len + 1);
		struct crypt_extent *e = &ext[n++];

		*e = (struct crypt_extent){ at * SECTOR, len * SECTOR, src * SECTOR,
					    test_random_below(r, 1000), test_random_below(r, 3) };
		if (e->kind != EXTENT_ZERO)
			memcpy(plain + e->off, m->flat + e->src, e->len);
		if (e->kind == EXTENT_CRYPT)
			assert_int_equal(sector_decrypt(c, plain + e->off, e->len, e->iv), 0);
		at += len;
	}
	m->bd = decrypt_open(m->bd, volume_new(c, ext, n, at * SECTOR, m->size, NULL), NULL);
	free(m->flat);
	m->flat = plain;
	m->size = at * SECTOR;
}

static struct model random_stack(struct test_random *r)
{
	struct model m = bottom(r, 512 + test_random_below(r, 150000));
	unsigned layers = 1 + (unsigned)test_random_below(r, 5);
	bool vhd = false;

	for (unsigned i = 0; i < layers; i++) {
		switch (test_random_below(r, 4)) {
		case 0: put_slice(&m, r); break;
		case 1: put_splice(&m, r); break;
		case 2: put_decrypt(&m, r); break;
		default:
			if (!vhd)
				put_vhd(&m);
			vhd = true;
		}
		assert_non_null(m.bd);
		assert_int_equal(m.bd->size, m.size);
	}
	return m;
}

struct walk { const struct model *m; uint64_t next; };

static int walk_extent(void *arg, uint64_t off, uint64_t len, enum extent_type type)
{
	struct walk *w = arg;

	assert_true(off == w->next && len > 0 && off + len <= w->m->size);
	if (type == EXTENT_HOLE)
		assert_true(is_zero(w->m->flat + off, (size_t)len));
	w->next = off + len;
	return 0;
}

static int check_reads(const struct model *m, struct test_random *r, int reads)
{
	uint8_t *buf = malloc(m->size);
	int bad = 0;

	for (int i = 0; i < reads && !bad; i++) {
		size_t off = test_random_below(r, m->size);
		size_t most = m->size - off, len = test_random_below(r, most < 9000 || i % 7 == 0 ? most : 9000) + 1;

		bad = blockdev_pread(m->bd, buf, len, off) != 0 || memcmp(buf, m->flat + off, len) != 0;
	}
	free(buf);
	return bad;
}

static void random_stacks_read_as_the_flat_array(void **state)
{
	struct test_random r = test_random_seeded("random_stacks_read_as_the_flat_array");

	(void)state;
	for (int run = 0; run < 150; run++) {
		struct model m = random_stack(&r);
		uint64_t off = test_random_below(&r, m.size), len = test_random_below(&r, m.size - off) + 1;
		struct walk w = { &m, off };
		uint8_t c;

		assert_int_equal(check_reads(&m, &r, 40), 0);
		assert_int_equal(blockdev_extents(m.bd, off, len, walk_extent, &w), 0);
		assert_int_equal(w.next, off + len);
		assert_int_equal(blockdev_pread(m.bd, &c, 1, m.size), -EINVAL);
		assert_int_equal(blockdev_pread(m.bd, &c, 0, m.size), 0);
		assert_int_equal(blockdev_pwrite(m.bd, &c, 1, 0), -EROFS);
		blockdev_unref(m.bd);
		free(m.flat);
	}
}

struct reader_thread { const struct model *m; uint64_t seed; int bad; };

static void *read_on(void *arg)
{
	struct reader_thread *t = arg;
	struct test_random r = { t->seed };

	t->bad = check_reads(t->m, &r, 60);
	return NULL;
}

static void many_threads_read_one_stack(void **state)
{
	struct test_random r = test_random_seeded("many_threads_read_one_stack");

	(void)state;
	for (int run = 0; run < 6; run++) {
		struct model m = random_stack(&r);
		struct reader_thread t[8];
		pthread_t id[8];

		for (int i = 0; i < 8; i++) {
			t[i] = (struct reader_thread){ &m, test_random_next(&r), 0 };
			assert_int_equal(pthread_create(&id[i], NULL, read_on, &t[i]), 0);
		}
		for (int i = 0; i < 8; i++) {
			pthread_join(id[i], NULL);
			assert_int_equal(t[i].bad, 0);
		}
		blockdev_unref(m.bd);
		free(m.flat);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_stacks_read_as_the_flat_array),
		cmocka_unit_test(many_threads_read_one_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
