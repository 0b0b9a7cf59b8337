/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scope-bound release.  A module that has thing_free(struct thing *) says
 *	DEFINE_CLEANUP(struct thing *, thing_free)
 * and its callers write
 *	AUTO(thing_free) struct thing *t = thing_new();
 * so that every return path releases t.  TAKE(t) hands it over.
 * Release functions must accept NULL.
 */
#ifndef ADE_CRYPTO_CLEANUP_H
#define ADE_CRYPTO_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

#define DEFINE_CLEANUP(type, fn)					\
	static inline void fn##_cleanup(type *p) { if (*p) fn(*p); }	\
	struct fn##_cleanup_semicolon

#define AUTO(fn) __attribute__((cleanup(fn##_cleanup)))

#define TAKE(p) ({ __typeof__(p) take_ = (p); (p) = NULL; take_; })

static inline void free_cleanup(void *p) { free(*(void **)p); }

/* AUTO(fd) int fd = open(…); a negative one is left alone. */
static inline void fd_cleanup(int *fd) { if (*fd >= 0) close(*fd); }
static inline int take_fd(int *fd) { int f = *fd; *fd = -1; return f; }

#endif
