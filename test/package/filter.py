"""
Runs a command under a filter of system calls, as systemd does for a unit: filter.py RULES COMMAND...

RULES is JSON, {"calls": [names], "families": [numbers]}: what else is called fails with EPERM, and so does a socket of
another family. It needs libseccomp, which systemd and apt come with, and no privileges.
"""

import ctypes
import json
import os
import sys

REFUSE = 0x00050000 | 1  # SCMP_ACT_ERRNO(EPERM)
ALLOW = 0x7FFF0000  # SCMP_ACT_ALLOW
EQUAL = 4  # SCMP_CMP_EQ


class Compare(ctypes.Structure):
    _fields_ = [
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("value", ctypes.c_uint64),
        ("mask", ctypes.c_uint64),
    ]


def load(calls, families):
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    seccomp.seccomp_load.argtypes = [ctypes.c_void_p]
    seccomp.seccomp_rule_add_array.argtypes = [
        *(ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.c_void_p)
    ]
    context = seccomp.seccomp_init(REFUSE)

    def allow(call, *compared):
        array = (Compare * len(compared))(*compared)
        if seccomp.seccomp_rule_add_array(context, ALLOW, call, len(compared), array) != 0:
            sys.exit(f"the filter takes no rule for call {call}")

    for name in calls:
        call = seccomp.seccomp_syscall_resolve_name(name.encode())
        # Negative are those that this machine's processor or libseccomp does not have.
        if call < 0:
            continue
        if name == "socket":
            for family in families:
                allow(call, Compare(0, EQUAL, family, 0))
        else:
            allow(call)
    if seccomp.seccomp_load(context) != 0:
        sys.exit("the filter can't be loaded")


with open(sys.argv[1]) as file:
    rules = json.load(file)
load(rules["calls"], rules["families"])
os.execvp(sys.argv[2], sys.argv[2:])
