"""What only clients do that are written for it, by libnbd.

usage: odd-cases.py URI RAW [OFFSET], where OFFSET is damaged"""

import errno
import sys

import nbd

uri, raw = sys.argv[1:3]
damaged = int(sys.argv[3]) if len(sys.argv) > 3 else None
content = open(raw, "rb").read()
mebibyte = 1 << 20


def connected(strict=True, structured=True):
    client = nbd.NBD()
    client.set_request_structured_replies(structured)
    client.add_meta_context(nbd.CONTEXT_BASE_ALLOCATION)
    if not strict:
        client.set_strict_mode(0)
    client.connect_uri(uri)
    return client


def refused(number, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except nbd.Error as error:
        assert error.errnum == number, (error, number)
        return str(error)
    raise AssertionError(f"{call} {arguments} was not refused")


# What is damaged is an error, and all else is there, on the same connection.
if damaged is not None:
    for one in (connected(), connected(structured=False)):
        for start, length in [(damaged, 4096), (damaged - mebibyte, 4 * mebibyte)]:
            refused(errno.EIO, one.pread, length, start)
        assert one.pread(4096, 0) == content[:4096]
    print("the damage was told")
    sys.exit()

client = connected()
assert client.get_size() == len(content)
assert client.is_read_only() and client.can_multi_conn() and client.can_df()
assert not client.can_flush() and not client.can_trim() and not client.can_zero()

# Reads of all shapes, in one piece and in fragments, whole and structured.
for one in (client, connected(structured=False)):
    for offset, length in [(0, 1), (511, 4097), (65535, 2), (len(content) - 1, 1), (3 * mebibyte - 7, 5 * mebibyte)]:
        assert one.pread(length, offset) == content[offset : offset + length], (offset, length)
pieces = []
length = 4 * mebibyte
whole = client.pread_structured(length, 7, lambda *piece: pieces.append(piece[1]), nbd.CMD_FLAG_DF)
assert whole == content[7 : length + 7] and pieces == [7]

# Each fragment once, and holes as holes.
told = []
holes = 0


def fragment(data, offset, status, error):
    global holes
    holes += status == nbd.READ_HOLE
    told.append((offset, len(data)))
    assert bytes(data) == content[offset : offset + len(data)]


assert client.pread_structured(32 * mebibyte, 0, fragment) == content[: 32 * mebibyte]
assert holes > 0, "no hole was told"
told.sort()
assert sum(length for _, length in told) == 32 * mebibyte
assert all(a + n == b for (a, n), (b, _) in zip(told, told[1:]))

# One stretch alone, and none that begins before or goes past what was asked.
for flags in (0, nbd.CMD_FLAG_REQ_ONE):
    stretches = []
    client.block_status(16 * mebibyte, 12345, lambda name, offset, entries, error: stretches.extend(entries[::2]), flags)
    assert sum(stretches) <= 16 * mebibyte and all(stretches), stretches
    assert flags == 0 or len(stretches) == 1

# What a strict client would not send.
rude = connected(strict=False)
refused(errno.EINVAL, rude.pread, 2, len(content) - 1)
refused(errno.EINVAL, rude.pread, 0, 0)
refused(errno.EPERM, rude.pwrite, b"x", 0)
refused(errno.EPERM, rude.zero, 512, 0)
refused(errno.EPERM, rude.trim, 512, 0)
refused(errno.EINVAL, rude.cache, 512, 0)
refused(errno.EINVAL, rude.block_status, 2, len(content) - 1, lambda *_: 0)
assert rude.pread(5, 5) == content[5:10], "it goes on after all that"
assert rude.aio_is_ready()

# A hundred at once on each of many connections.
crowd = [connected() for _ in range(8)]
for one in crowd:
    buffers = [(offset, nbd.Buffer(1000)) for offset in range(0, 100 * 70000, 70000)]
    cookies = [one.aio_pread(buffer, offset) for offset, buffer in buffers]
    while one.aio_in_flight() > 0:
        one.poll(-1)
        for cookie in [c for c in cookies if one.aio_command_completed(c)]:
            cookies.remove(cookie)
    assert all(bytes(buffer.to_bytearray()) == content[at : at + 1000] for at, buffer in buffers)
for one in crowd:
    one.shutdown()

# Options, one by one.
haggling = nbd.NBD()
haggling.set_opt_mode(True)
haggling.connect_uri(uri)
names = []
haggling.opt_list(lambda name, description: names.append(name))
assert names == ["disk"], names
contexts = []
haggling.clear_meta_contexts()
haggling.opt_list_meta_context(lambda name: contexts.append(name))
assert contexts == ["base:allocation"], contexts
haggling.set_export_name("no such disk")
refused(errno.ENOENT, haggling.opt_go)
haggling.set_export_name("")
haggling.opt_go()
assert haggling.get_size() == len(content), "the default export"

print("all is well")
