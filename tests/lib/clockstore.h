/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store in memory whose clock is the test's, that counts what it is asked,
 * stops for ever after so many changes, refuses to let go of objects, and
 * calls the test back in the middle of things.  One thread at a time calls
 * the test back; all else from any number of threads.
 */
#ifndef ADE_TESTS_LIB_CLOCKSTORE_H
#define ADE_TESTS_LIB_CLOCKSTORE_H

#include "fs/store/store.h"

enum clock_op { CLOCK_GET, CLOCK_PUT, CLOCK_STAT, CLOCK_LIST, CLOCK_REMOVE };

struct clockstore;

struct clockstore *clockstore_new(int64_t now);
struct clockstore *clockstore_copy(struct clockstore *c);	/* as it stands, counting from 0 */
void clockstore_free(struct clockstore *c);
struct store *clockstore_share(struct clockstore *c);		/* freeing it leaves c alone */

void clockstore_advance(struct clockstore *c, int64_t seconds);
int64_t clockstore_now(struct clockstore *c);
/* How often since the last reset; prefix of the names or of what was listed. */
unsigned clockstore_count(struct clockstore *c, enum clock_op op, const char *prefix);
void clockstore_reset(struct clockstore *c);

/* After n more puts and removes every call fails; n < 0: never.  The n-th is done, but not heard of. */
void clockstore_stop_after(struct clockstore *c, int n);
bool clockstore_has_stopped(struct clockstore *c);
/* Removes of such names fail with -code; NULL: none. */
void clockstore_deny(struct clockstore *c, const char *prefix, int code);
/* Before the next such call fn runs, once. */
void clockstore_before(struct clockstore *c, enum clock_op op, const char *prefix, void (*fn)(void *arg), void *arg);

/* Flip a bit of an object; set its put time; does it exist? */
void clockstore_damage(struct clockstore *c, const char *name, uint64_t off);
void clockstore_set_time(struct clockstore *c, const char *prefix, int64_t time);
size_t clockstore_objects(struct clockstore *c, const char *prefix, uint64_t *bytes);

#endif
