"""Script: stop the private PostgreSQL when its last user ends, even if killed.

Each user holds a shared lock on the lease. The script returns immediately; its child waits.
Arguments: the lease, the server's uid and gid, and the command that stops it.
"""

import fcntl
import os
import subprocess
import sys

lease, uid, gid, *stop = sys.argv[1:]
if os.fork() == 0:
    with open(lease) as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # granted when the last user has ended, normally or not
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(int(gid))
            os.setuid(int(uid))
        subprocess.run(stop)
