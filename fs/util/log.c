/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/util/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>

/* The one sink of the process; set once at start, before threads. */
static struct {
	const char *name;
	_Atomic int level;
	_Atomic int to_syslog;
	int journal;
} sink = { .name = "adebackup", .level = LOG_LEVEL_INFO };

void log_init(const char *name, enum log_level level)
{
	sink.name = name;
	sink.level = level;
	sink.journal = getenv("JOURNAL_STREAM") != NULL;
}

void log_to_syslog(void)
{
	openlog(sink.name, LOG_PID, LOG_DAEMON);
	sink.to_syslog = 1;
}

static void emit(int level, const char *fmt, va_list ap)
{
	char line[1600];

	if (level > sink.level)
		return;
	vsnprintf(line, sizeof(line), fmt, ap);
	if (sink.to_syslog)
		syslog(level, "%s", line);
	else if (sink.journal)
		fprintf(stderr, "<%d>%s\n", level, line);
	else
		fprintf(stderr, "%s: %s%s\n", sink.name, level == LOG_LEVEL_WARNING ? "warning: " : "", line);
}

#define DEFINE_LOG(fn, level)			\
	void fn(const char *fmt, ...)		\
	{					\
		va_list ap;			\
						\
		va_start(ap, fmt);		\
		emit(level, fmt, ap);		\
		va_end(ap);			\
	}

DEFINE_LOG(log_error, LOG_LEVEL_ERROR)
DEFINE_LOG(log_warning, LOG_LEVEL_WARNING)
DEFINE_LOG(log_info, LOG_LEVEL_INFO)
DEFINE_LOG(log_debug, LOG_LEVEL_DEBUG)

const char *error_line(const struct error *err, char *buf, size_t size)
{
	snprintf(buf, size, "%s%s%s%s%s", err->object, err->object[0] ? ": " : "", err->text,
		 err->next[0] ? ". " : "", err->next);
	return buf;
}
