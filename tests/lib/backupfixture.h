/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of backups share: a vault in a store that can stop, disks
 * that change, and what each committed point must read as.
 */
#ifndef ADE_TESTS_LIB_BACKUPFIXTURE_H
#define ADE_TESTS_LIB_BACKUPFIXTURE_H

#include "fs/backup/backup.h"
#include "tests/lib/cutstore.h"
#include "tests/lib/modeldisk.h"

#define FIXTURE_DISKS 2u
#define FIXTURE_POINTS 16u

/* A point that was committed; a compact may have given it another manifest since. */
struct fixture_point {
	char object[192];
	struct { uint8_t *bytes; size_t size; } disk[FIXTURE_DISKS];
};

struct fixture {
	struct test_random r;
	struct cutstore *store;
	struct secret *key;
	struct modeldisk *disk[FIXTURE_DISKS];
	size_t n_disks;
	unsigned threads;
	struct fixture_point point[FIXTURE_POINTS];
	size_t n_points;
	struct backup_result last;
};

struct fixture *fixture_new(struct test_random r, uint32_t chunk_size);
struct fixture *fixture_over(struct test_random r, uint32_t chunk_size, struct store *taken);
void fixture_free(struct fixture *f);
void fixture_add_disk(struct fixture *f, size_t size, bool tells_holes);

/* Back up as it stands.  When it is committed the point is remembered. */
int fixture_backup(struct fixture *f, struct error *err);
/* A point that was committed although fixture_backup() did not hear of it. */
void fixture_remember(struct fixture *f, const char *object);
/* Every point of the vault is one that was committed, all of those are there,
 * and each reads as the disks were.  Returns how many there are. */
size_t fixture_check(struct fixture *f);
/* The newest one alone; others may be damaged. */
void fixture_check_newest(struct fixture *f);

/* Point i is not expected any more. */
void fixture_forget(struct fixture *f, size_t i);
/* The vault once more; the caller's. */
struct vault *fixture_vault(struct fixture *f);

/* Names of objects with that prefix, malloc'ed; *n of 256 bytes each. */
char (*fixture_list(struct fixture *f, const char *prefix, size_t *n))[256];

/* How often a chunk of class data is stored beyond once: whole, or as a patch of one base. */
size_t fixture_stored_twice(struct fixture *f);

#endif
