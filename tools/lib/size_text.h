/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of bytes for people: "512 bytes", "1.5 GiB". */
#ifndef ADE_TOOLS_LIB_SIZE_TEXT_H
#define ADE_TOOLS_LIB_SIZE_TEXT_H

#include <stdint.h>

struct size_text { char text[24]; };

/* By value, so that several fit into one printf: size_text(n).text */
struct size_text size_text(uint64_t bytes);

#endif
