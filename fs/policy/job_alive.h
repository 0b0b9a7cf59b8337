/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who runs a job: enough to tell, on the same system and in the same
 * container, that its process is gone, so that nobody waits for it.
 */
#ifndef ADE_FS_POLICY_JOB_ALIVE_H
#define ADE_FS_POLICY_JOB_ALIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of this process: "<boot id> <pid namespace> <its start>"; "" where that cannot be told. */
void job_process_text(char *out, size_t size);
/* Is it certain that the process of that text has ended? */
bool job_process_is_gone(const char *text, int64_t pid);

#endif
