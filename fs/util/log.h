/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages for whoever runs the program: to stderr, with "<level>" in front
 * when a journal reads it, or to syslog(3) once the program is a daemon.
 * The layer where a fault arises logs it once, with the object's name.
 * Never secrets, never a URL's query.  Thread-safe.
 */
#ifndef ADE_FS_UTIL_LOG_H
#define ADE_FS_UTIL_LOG_H

#include "crypto/error.h"

#include <stddef.h>

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARNING = 4, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

/* name: the program's, borrowed for ever.  Messages above `level` are dropped. */
void log_init(const char *name, enum log_level level);
/* From now on to syslog. */
void log_to_syslog(void);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* "object: text. next" of an error, in one line, into buf; returns buf. */
const char *error_line(const struct error *err, char *buf, size_t size);

#endif
