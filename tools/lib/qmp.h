/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QEMU's machine protocol (docs/interop/qmp-spec): one command at a time over
 * a Unix socket, and the events that come between.  One thread.
 */
#ifndef ADE_TOOLS_LIB_QMP_H
#define ADE_TOOLS_LIB_QMP_H

#include "crypto/cleanup.h"
#include "crypto/error.h"
#include "fs/util/json.h"

struct qmp;

typedef void qmp_event_fn(void *arg, const char *name, const json_t *data);

/* Connects to a socket that may not be there yet.  NULL: ETIMEDOUT, … with words. */
struct qmp *qmp_connect(const char *path, unsigned timeout_ms, qmp_event_fn *fn, void *arg, struct error *err);
void qmp_free(struct qmp *q);

int qmp_fd(const struct qmp *q);	/* to be polled for events */
/* Read what has come.  0; -EPIPE: QEMU has gone. */
int qmp_read(struct qmp *q);

/* arguments: taken, may be NULL.  0, -EIO with QEMU's words, -ETIMEDOUT, -EPIPE. */
int qmp_command(struct qmp *q, const char *name, json_t *arguments, unsigned timeout_ms, struct error *err);

DEFINE_CLEANUP(struct qmp *, qmp_free);

#endif
