import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { VisibleError } from "../../../core/api/errors.ts";

/**
 * The ways to bring a new namespace's loopback up, by what may be there: iproute2, Debian's
 * essential perl, Python. 0x8914 is SIOCSIFFLAGS, 73 is up, loopback and running: netdevice(7).
 */
export const loopbackWays: readonly string[] = [
  "PATH=$PATH:/usr/sbin:/sbin ip link set lo up",
  `perl -e 'socket(my $s,2,2,0) or exit 1; my $r=pack("a16sx22","lo",73); ioctl($s,0x8914,$r) or exit 1'`,
  `python3 -c 'import fcntl,socket,struct; fcntl.ioctl(socket.socket(),0x8914,struct.pack("16sh22x",b"lo",73))'`,
];

/**
 * What to start instead of a command, so that it has a network of its own: a loopback that no other
 * process of the host can reach, and nothing else. It keeps the process's id, its files and its
 * user; sockets in the file system lead out of it.
 */
export const withOwnNetwork = (
  command: string,
  parameters: readonly string[],
  ways: readonly string[] = loopbackWays,
): [command: string, parameters: string[]] => {
  const script = `{ ${ways.map((way) => `${way} 2>/dev/null`).join(" || ")}; } || { echo "its loopback can't be brought up: install iproute2" >&2; exit 1; }; exec "$@"`;
  return ["unshare", ["--user", "--map-root-user", "--net", "/bin/sh", "-c", script, "sh", command, ...parameters]];
};

const trySeconds = 30;

/** Why this user can't have a network of his own here, in a few words; undefined where he can. */
export const ownNetworkProblem = async (ways = loopbackWays): Promise<string | undefined> => {
  const [command, parameters] = withOwnNetwork("true", [], ways);
  try {
    await promisify(execFile)(command, parameters, { timeout: trySeconds * 1000 });
    return undefined;
  } catch (error) {
    if (!(error instanceof Error)) return String(error);
    if ("code" in error && error.code === "ENOENT") return "unshare is missing: install util-linux";
    const said = "stderr" in error ? String(error.stderr).trim() : "";
    return said || error.message;
  }
};

/** The variable that stands for `--shared-host`, for scripts and CI. */
export const sharedHostVariable = "SMTX_BACKUP_SHARED_HOST";

/** @throws VisibleError HOST_SHARED where the emulator of the table would be open to everybody */
export const requireOwnNetwork = async (): Promise<void> => {
  const problem = await ownNetworkProblem();
  if (problem === undefined) return;
  throw new VisibleError(
    "HOST_SHARED",
    `The emulator of the table can't be hidden from other users of this machine: ${problem}.`,
    {
      hint: "Where nobody else uses this machine, start it with: smtx-backup local up --shared-host; else let users have user namespaces, as docs/local.md says.",
    },
  );
};
