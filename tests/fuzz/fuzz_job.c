/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/policy/job.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is taken keeps to its limits, and prints and reads back as itself. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct job_record j = { .number = 1 }, back = { .number = 1 };
	AUTO(free) char *text = NULL, *again = NULL;

	if (job_from_json(data, size, &j) < 0)
		return 0;
	if (j.n_tasks > JOB_TASKS_MAX || j.n_warnings > JOB_WARNINGS_MAX || j.begun < 0 || j.ended < 0 || job_percent(&j) > 100)
		abort();
	text = job_to_json(&j);
	if (!text || job_from_json(text, strlen(text), &back) < 0)
		abort();
	again = job_to_json(&back);
	if (!again || strcmp(text, again))
		abort();
	return 0;
}
