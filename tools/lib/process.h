/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each program does first, before it allocates or starts a thread: secrets
 * are kept from core dumps and swap, and memory that threads free is used again.
 */
#ifndef ADE_TOOLS_LIB_PROCESS_H
#define ADE_TOOLS_LIB_PROCESS_H

/* 0 or -errno. */
int process_init(void);

#endif
