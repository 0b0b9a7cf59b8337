# SPDX-License-Identifier: Apache-2.0
"""A folder behind nginx, which counts what it sends."""
import atexit
import os
import shutil
import tempfile
import time

import link

NGINX = """daemon off; worker_processes 2; pid {tmp}/pid; error_log {tmp}/error; user root;
events {{ worker_connections 512; }}
http {{
    log_format bytes '$body_bytes_sent'; access_log {tmp}/access bytes; sendfile on; keepalive_requests 1000000;
    client_body_temp_path {tmp}/a; proxy_temp_path {tmp}/b; fastcgi_temp_path {tmp}/c;
    uwsgi_temp_path {tmp}/d; scgi_temp_path {tmp}/e;
    server {{ listen {address}:{port}; root {root}; autoindex on; autoindex_format json;
             location /html/ {{ alias {root}/; autoindex_format html; }} }}
}}
"""


class Served:
    """A folder behind nginx, on the far side of a line or on this machine."""

    def __init__(self, root, line=None):
        self.tmp = tempfile.mkdtemp(prefix="adebench.")
        address, port = (link.SERVER if line else "127.0.0.1"), link.free_port()
        conf = os.path.join(self.tmp, "conf")
        with open(conf, "w") as out:
            out.write(NGINX.format(tmp=self.tmp, address=address, port=port, root=root))
        argv = ["nginx", "-c", conf, "-e", os.path.join(self.tmp, "error")]
        self.child = line.server(argv) if line else link.spawn(argv)
        atexit.register(self.stop)
        link.Link.wait(lambda: os.path.exists(os.path.join(self.tmp, "pid")))
        self.url = "http://%s:%d" % (address, port)

    def sent(self):
        """Bytes of bodies so far."""
        time.sleep(0.2)
        with open(os.path.join(self.tmp, "access")) as f:
            return sum(int(row) for row in f)

    def stop(self):
        self.child.terminate()
        self.child.wait()
        shutil.rmtree(self.tmp, ignore_errors=True)
