/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit trail: one line for every unwrap, unlock and export, to syslog
 * (facility authpriv) and, when a file is named, to that file as one JSON
 * object a line, appended whole.  Who, what, when, why; never a key.
 * Thread-safe.
 */
#ifndef ADE_FS_KEYS_AUDIT_H
#define ADE_FS_KEYS_AUDIT_H

#include "crypto/cleanup.h"
#include "crypto/error.h"

struct audit;

/* file, reason: may be NULL.  NULL: the file cannot be written, with words. */
struct audit *audit_open(const char *program, const char *file, const char *reason,
			 struct error *err);
void audit_close(struct audit *a);

/* action: "unwrap", "get-secret", "unlock", "export", …; object: name or URL
 * (a query is cut off); with: what opened it, may be NULL; rc: 0 or -errno.
 * 0, or -errno when the line could not be kept: then the act must not happen. */
int audit_note(struct audit *a, const char *action, const char *object, const char *with, int rc);

DEFINE_CLEANUP(struct audit *, audit_close);

#endif
