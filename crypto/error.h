/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a call failed, in words for a person who reads them at 3 a.m.
 *
 * Functions return 0 or -errno (constructors: the object or NULL); the words
 * go into a struct error that the caller owns, usually on its stack.  NULL is
 * allowed everywhere a struct error * is taken: "only the code, please".
 * The data path (pread and below) returns codes alone.
 *
 * Codes with a meaning for the user (tools turn them into exit codes):
 *	ENOENT		no such vault, VM, point, file		EBUSY	in use
 *	EKEYREJECTED	a key was given and does not open it	ENOKEY	a key is missing
 *	EACCES EPERM	permission				EBADMSG	damaged or forged
 *	ENOTSUP		format, cipher or feature unknown	EINVAL	wrong usage
 *	EHOSTUNREACH	store or server out of reach		ETIMEDOUT deadline passed
 *	EAGAIN		worth a retry (never reaches the user)	EIO	everything else
 */
#ifndef ADE_CRYPTO_ERROR_H
#define ADE_CRYPTO_ERROR_H

#include <stdarg.h>

struct error {
	int  code;		/* positive errno; 0: nothing went wrong */
	char object[256];	/* file, URL without query, disk, partition, … */
	char text[768];		/* what failed */
	char next[512];		/* what to do next; may be empty */
};

#define ERROR_INIT { .code = 0 }

/* Fill *err and return -code, so that a failing function ends in
 *	return error_set(err, EBADMSG, "FVE block %d: bad CRC", i);
 * Object and next step of an earlier error are dropped.  Never allocates. */
int error_set(struct error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* As error_set() for a constructor: returns NULL. */
void *error_null(struct error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Put "context: " in front of a callee's words; returns rc unchanged. */
int error_prefix(struct error *err, int rc, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Name the object, or the user's next step, of the error at hand. */
void error_object(struct error *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void error_next(struct error *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Forget what *err holds. */
void error_clear(struct error *err);

/* Copy the words of one error to another; either may be NULL. */
void error_copy(struct error *to, const struct error *from);

#endif
