/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a power cut would leave of a folder.  A program that uses this has an
 * fsync() that also remembers what it made durable: a file's bytes, or the
 * names that a folder had.  Any number of threads.
 */
#ifndef ADE_TESTS_LIB_SYNCED_H
#define ADE_TESTS_LIB_SYNCED_H

#include <stdbool.h>

/* Nothing is durable that is not synced from now on. */
void synced_begin(void);
void synced_end(void);

/* Would that name below root (itself durable), with all folders above it, still be there?
 * And the bytes of that file? */
bool synced_name(const char *root, const char *path);
bool synced_bytes(const char *root, const char *path);

#endif
