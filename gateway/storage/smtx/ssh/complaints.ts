import { VisibleError } from "../../../../core/api/errors.ts";
import { OutcomeUnknownError } from "../outcome.ts";
import { shownWords } from "../shown-words.ts";
import type { ProgramEnd } from "./program.ts";

/** Where a command was run. */
export interface SshPlace {
  readonly host: string;
  readonly port: number;
  readonly user: string;
}

/** `ssh` says with this that it has failed itself; a command says anything else. */
const ownStatus = 255;
/** A shell's, where it finds no such program. */
const noProgramStatus = 127;

const changedKey = /REMOTE HOST IDENTIFICATION HAS CHANGED|POSSIBLE DNS SPOOFING|differs from the key/i;
const unknownKey = /Host key verification failed|No \S+ host key is known|no hostkey alg/i;
const refusedKey =
  /Permission denied|Too many authentication failures|UNPROTECTED PRIVATE KEY|Load key .*:|no such identity|Identity file .* not accessible/i;
/** Of `setpriv`, or that it is missing itself. */
const noProgram = /^setpriv: failed to execute|setpriv is part of util-linux/;
/** The command has not been begun. */
const notThere =
  /Could not resolve|Name or service not known|Connection refused|Connection timed out|Operation timed out|No route to host|Network is unreachable|kex_exchange_identification|banner exchange|Unable to negotiate/i;

const hostKeyHint =
  "Find out on the node whether its key was changed on purpose (ssh-keygen -l -f /etc/ssh/ssh_host_ed25519_key.pub), and only then write the new one to storage.ssh.knownHostsFile.";

export type SshFailure =
  | { readonly kind: "refused" | "unreachable" | "broken" | "failed"; readonly error: VisibleError }
  | undefined;

/**
 * What it means how a command ended: undefined is well. `refused` is for a person to mend;
 * `unreachable` has not begun, and another node may do; of `broken` nobody knows whether it has;
 * `failed` is the command's own.
 */
export const failureOf = ({ status, complaint }: ProgramEnd, place: SshPlace, command: string): SshFailure => {
  if (status === 0) return undefined;
  const at = `${place.user}@${place.host}, port ${place.port}`;
  const words = shownWords(complaint, []).replace(/\.+$/, "") || `status ${status ?? "unknown"}`;
  if (noProgram.test(complaint)) return { kind: "refused", error: toolMissing(words) };
  if (status === noProgramStatus) return { kind: "refused", error: noProgramThere(at, command, words) };
  if (status !== undefined && status !== ownStatus) return { kind: "failed", error: failed(at, command, words) };
  if (changedKey.test(complaint))
    return { kind: "refused", error: hostKey(at, "is another one than the one that is pinned") };
  if (unknownKey.test(complaint))
    return { kind: "refused", error: hostKey(at, "is not in storage.ssh.knownHostsFile") };
  if (refusedKey.test(complaint)) return { kind: "refused", error: refused(at, words) };
  return { kind: notThere.test(complaint) ? "unreachable" : "broken", error: unreachable(at, words) };
};

const toolMissing = (words: string) =>
  new VisibleError("TOOL_MISSING", `The program ssh cannot be run: ${words}.`, {
    hint: "Install it: apt-get install openssh-client (Debian, Ubuntu), dnf install openssh-clients (RHEL, openEuler).",
  });

const noProgramThere = (at: string, command: string, words: string) =>
  new VisibleError("CLUSTER_REFUSED", `There is no program for “${command}” on ${at}: ${words}.`, {
    hint: "See that the commands are in the PATH of storage.ssh.user on each of the nodes, also where it does not log in.",
  });

const hostKey = (at: string, what: string) =>
  new VisibleError("CLUSTER_REFUSED", `The host key of ${at} ${what}: it may be somebody else who answers there.`, {
    hint: hostKeyHint,
  });

const refused = (at: string, words: string) =>
  new VisibleError("CLUSTER_REFUSED", `${at} does not let this gateway in by SSH: ${words}.`, {
    hint: "See that storage.ssh.keyFile is readable to the gateway's user alone, and that the node has its public half for storage.ssh.user.",
  });

const unreachable = (at: string, words: string) =>
  new VisibleError("CLUSTER_UNREACHABLE", `${at} can't be reached by SSH: ${words}.`, {
    hint: "See that the node is up, and that this host may go to that port.",
  });

const failed = (at: string, command: string, words: string) =>
  new VisibleError("CLUSTER_TASK_FAILED", `“${command}” failed on ${at}: ${words}.`, {
    hint: "Run it there by hand. Where a forced command allows some commands only, it must be among them.",
  });

/** Of a change that was broken off. */
export const outcomeUnknown = (cause: VisibleError): OutcomeUnknownError =>
  new OutcomeUnknownError("CLUSTER_UNREACHABLE", `${cause.message} Whether the command was done is not known.`, {
    hint: "What it makes is looked for before it is made again.",
    cause,
  });
