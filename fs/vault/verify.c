/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/vault/verify.h"
#include "fs/vault/verify_private.h"

int verify_run(const struct verify *q, struct verify_result *out, struct error *err)
{
	__attribute__((cleanup(verify_state_release))) struct verify_state s = { .q = q, .out = out };
	int rc;

	*out = (struct verify_result){ .complete = q->structure_only };
	pthread_mutex_init(&s.lock, NULL);
	rc = verify_list(&s, err);
	if (rc == 0)
		rc = verify_points_load(&s, err);
	/* One point alone: the rest of the vault is not asked for. */
	if (rc == 0 && !q->n_points)
		verify_objects(&s);
	if (rc == 0 && !q->structure_only)
		rc = verify_segments(&s, err);
	if (rc == 0 && q->v)
		rc = verify_disks(&s, err);
	return rc;
}
