/* SPDX-License-Identifier: Apache-2.0 */
/* Inside fs/net: an answer's head as it comes in, line by line. */
#ifndef ADE_FS_NET_HTTP_RESPONSE_H
#define ADE_FS_NET_HTTP_RESPONSE_H

#include "fs/net/http.h"

#define HTTP_HEADERS_MAX (64 * 1024)

/* A line of it, with or without its end; not terminated.  A status line drops what came before: that was an interim
 * answer.  0, -EMSGSIZE (too much, or a NUL in it), -ENOMEM. */
int http_response_line(struct http_response *rs, const char *line, size_t len);

#endif
