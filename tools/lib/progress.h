/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Progress of what takes long, on stderr, as --progress asks: a line that is
 * drawn anew for a person at a terminal (auto), a line now and then (plain),
 * one JSON object a line (json), or nothing.
 */
#ifndef ADE_TOOLS_LIB_PROGRESS_H
#define ADE_TOOLS_LIB_PROGRESS_H

#include "tools/lib/options.h"

enum progress_kind { PROGRESS_NONE, PROGRESS_LINE, PROGRESS_PLAIN, PROGRESS_JSON };

/* One thread. */
struct progress {
	enum progress_kind kind;
	const char *what;		/* "backup"; borrowed */
	int64_t begun, told;		/* monotonic milliseconds */
	bool drawn;
};

void progress_begin(struct progress *p, const struct options *o, const char *what);
/* new_bytes: sent or written; UINT64_MAX: not told.  May be called often. */
void progress_tell(struct progress *p, uint64_t done_bytes, uint64_t total_bytes, uint64_t new_bytes);
void progress_end(struct progress *p);		/* the line is closed */

#endif
