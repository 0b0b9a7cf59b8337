/* SPDX-License-Identifier: Apache-2.0 */
/* Bash completion, written from the tables of commands and options. */
#ifndef ADE_TOOLS_ADEBACKUP_COMPLETION_H
#define ADE_TOOLS_ADEBACKUP_COMPLETION_H

#include <stdio.h>

void completion_print_bash(FILE *f);

#endif
