/* SPDX-License-Identifier: Apache-2.0 */
/* A volume made in memory, opened and read back: what the BitLocker unit tests share. */
#ifndef ADE_TESTS_LIB_BITLOCKER_FIXTURE_H
#define ADE_TESTS_LIB_BITLOCKER_FIXTURE_H

#include "crypto/bitlocker/fve.h"
#include "crypto/bytes.h"
#include "tests/lib/fvevolume.h"
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct fixture {
	struct fvev v;
	struct bek *bek;
};

static inline void setup(struct fixture *f, uint16_t method, uint32_t sector)
{
	AUTO(secret_free) struct secret *file = secret_new(FVEW_BEK_MAX);
	struct fvew_protector *p;

	fvev_init(&f->v, method, sector);
	p = fvew_add_external(&f->v.w);
	secret_truncate(file, fvew_bek(&f->v.w, p, true, secret_data(file)));
	f->bek = bek_parse(file, NULL);
	assert_non_null(f->bek);
}

static inline void teardown(struct fixture *f)
{
	bek_free(f->bek);
	fvev_release(&f->v);
}

/* Open and unlock; 0 or -errno. */
static inline int try_open(struct fixture *f, struct bitlocker **b, struct volume **v, struct error *err)
{
	struct reader r = fvev_reader(&f->v);

	*v = NULL;
	*b = bitlocker_open(&r, err);
	return *b ? bitlocker_unlock_bek(*b, f->bek, v, err) : -err->code;
}

static inline void assert_opens(struct fixture *f)
{
	AUTO(bitlocker_free) struct bitlocker *b = NULL;
	AUTO(volume_free) struct volume *v = NULL;
	struct reader r = fvev_reader(&f->v);
	struct error err = ERROR_INIT;
	uint8_t *out;

	assert_int_equal(try_open(f, &b, &v, &err), 0);
	assert_int_equal(v->size, FVEV_BYTES);
	out = malloc(FVEV_BYTES);
	assert_int_equal(fvev_decrypt(v, &r, out), 0);
	assert_memory_equal(out, f->v.plain, FVEV_BYTES);
	free(out);
}

static inline void assert_fails(struct fixture *f, int code, const char *words)
{
	AUTO(bitlocker_free) struct bitlocker *b = NULL;
	AUTO(volume_free) struct volume *v = NULL;
	struct error err = ERROR_INIT;

	assert_int_equal(try_open(f, &b, &v, &err), -code);
	assert_null(v);
	assert_non_null(strstr(err.text, words));
}
#endif
