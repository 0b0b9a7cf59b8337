/* SPDX-License-Identifier: Apache-2.0 */
/* What servers say in headers: ranges, lengths, dates; and what users paste: addresses, SAS. */
#include "fs/net/azure_sign.h"
#include "fs/net/connection_string.h"
#include "fs/net/http_date.h"
#include "fs/net/s3_cred.h"
#include "fs/store/address.h"
#include "fs/store/remote.h"
#include "fs/store/s3error.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void headers(const char *text, size_t len)
{
	static const char name[] = "content-range\0content-length\0last-modified\0date";
	char all[4096];
	struct http_response rs = { .status = 206, .headers = all, .len = 4 };
	struct range r = { .off = 0, .len = 10 };
	struct remote_clock clock;
	struct object o;
	int64_t now;

	for (const char *p = name; p < name + sizeof(name); p += strlen(p) + 1) {
		memcpy(all + rs.headers_len, p, strlen(p) + 1);
		rs.headers_len += strlen(p) + 1;
		memcpy(all + rs.headers_len, text, len + 1);
		rs.headers_len += len + 1;
	}
	check_range(&r, &rs, NULL);
	remote_object(&rs, "x", &o, NULL);
	remote_clock_init(&clock);
	remote_clock_note(&clock, &rs);
	remote_clock_now(&clock, &now);
	pthread_mutex_destroy(&clock.lock);
}

static void pasted(const char *text, size_t len)
{
	AUTO(secret_free) struct secret *sas = sas_clean(text, len, NULL), *all = secret_copy(text, len), *part = NULL;
	struct s3_keys keys = { .key = NULL };
	struct store_address a;
	struct s3_error e;
	int64_t at;

	s3_error_parse(text, len, &e);
	if (s3_cred_parse(text, len, "default", &keys, NULL) == 0)
		s3_keys_clear(&keys);

	store_address_parse(text, &a, NULL);
	store_address_clear(&a);
	if (sas) {
		sas_time(sas, "se", &at);
		sas_time(sas, "st", &at);
	}
	if (connection_string_is(all))
		part = connection_string_part(all, "AccountKey");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char text[801];
	int64_t at;

	if (len >= sizeof(text))
		return 0;
	memcpy(text, data, len);
	text[len] = '\0';
	http_date_parse(text, &at);
	headers(text, strlen(text));
	pasted(text, strlen(text));
	return 0;
}
