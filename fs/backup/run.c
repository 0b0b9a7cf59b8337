/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/backup/run.h"

#include <errno.h>
#include <string.h>

int run_fail(struct run *r, int rc, const struct error *err)
{
	pthread_mutex_lock(&r->lock);
	if (!r->err.code) {
		if (err && err->code)
			error_copy(&r->err, err);
		else
			error_set(&r->err, -rc, "the backup failed: %s", strerror(-rc));
	}
	pthread_mutex_unlock(&r->lock);
	atomic_store(&r->stop, true);
	return rc;
}

int run_refer(struct run *r, const struct chunk_ref *ref, uint32_t chunks, uint32_t bytes)
{
	int rc;

	pthread_mutex_lock(&r->lock);
	rc = refs_add(r->refs, ref->segment, chunks, bytes);
	pthread_mutex_unlock(&r->lock);
	return rc;
}

bool run_may_use(const struct run *r, const struct chunk_ref *ref)
{
	return ref->kind != CHUNK_ZERO && !condemned_has(r->condemned, ref->segment);
}
