/* SPDX-License-Identifier: Apache-2.0 */
/* What the policy commands and protect share. */
#ifndef ADE_TOOLS_ADEBACKUP_POLICY_CMD_H
#define ADE_TOOLS_ADEBACKUP_POLICY_CMD_H

#include "fs/policy/policy_text.h"
#include "tools/adebackup/command.h"

/* What the options of G_POLICY say over what p says already; p is checked then. */
int policy_apply_options(struct policy *p, const struct options *o, struct error *err);
/* A few lines for people. */
void policy_print(const struct policy *p);
/* For --json, with the names of those that use it (taken). */
json_t *policy_json(const struct policy *p, json_t *vms);
/* Names of the VMs that the policy is for, an array.  0 or -errno. */
int policy_users(struct vault *v, const char *policy, json_t **vms, struct error *err);

#endif
