# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# serve_www NAME: nginx gives out $T/www with lists in JSON, until the test ends; $U is the URL of NAME in it.
# Its logs are in $T/logs.
serve_www() {
	local port
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	cat >"$T/nginx.conf" <<EOF
daemon off; worker_processes 1; pid $T/nginx.pid; error_log $T/logs/error; user $(id -un);
events { worker_connections 256; }
http {
	access_log $T/logs/access; root $T/www;
	client_body_temp_path $T/logs/a; proxy_temp_path $T/logs/b; fastcgi_temp_path $T/logs/c;
	uwsgi_temp_path $T/logs/d; scgi_temp_path $T/logs/e;
	server { listen 127.0.0.1:$port; location / { autoindex on; autoindex_format json; } }
}
EOF
	nginx -c "$T/nginx.conf" -e "$T/logs/error" 2>"$T/logs/start" &
	defer kill $!
	wait_for 20 curl -sf --noproxy '*' "http://127.0.0.1:$port/$1/"
	# shellcheck disable=SC2034	# the tests use it
	U=http://127.0.0.1:$port/$1
}
