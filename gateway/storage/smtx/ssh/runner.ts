import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { VisibleError } from "../../../../core/api/errors.ts";
import { backoff } from "../../../../core/waiting/backoff.ts";
import { FairGate } from "../../../shares/fair-gate.ts";
import { whileMoving } from "../../../time/standstill.ts";
import { steadyTime, type Time } from "../../../time/time.ts";
import type { StorageCall } from "../../call.ts";
import { failureOf, outcomeUnknown, type SshPlace } from "./complaints.ts";
import { type ProgramEnd, runProgram } from "./program.ts";

export interface SshRunnerOptions {
  /** Nodes of the cluster, tried in turn. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly user: string;
  readonly keyFile: string;
  readonly knownHostsFile: string;
  readonly connectSeconds?: number;
  /** How long a command may say nothing. */
  readonly quietSeconds?: number;
  readonly time?: Time;
  /** Replaced in tests. */
  readonly program?: string;
}

export interface SshCommand {
  /** A word each; they are quoted where they have to be. */
  readonly words: readonly string[];
  /** A change is not run again where nobody knows whether it has been. */
  readonly isChange?: boolean;
  /** Takes what it prints, as it comes; called anew from the beginning by `onBegin`. */
  readonly onBytes?: (chunk: Buffer) => void;
  /** It is begun, or begun again: what was printed before is void. */
  readonly onBegin?: () => void;
  /** More than this is an error. 1 MiB unless told otherwise. */
  readonly bytesMax?: number;
}

/** sshd's own bound on sessions of a connection is 10. */
const sessionsMax = 4;
const bytesMaxOtherwise = 1024 * 1024;
/** How often all hosts are tried. */
const roundsMax = 2;
const roundMs = { first: 500, max: 2_000, jitter: 0.5 };
/**
 * A connection that nothing uses any more is kept for so long: plans that begin one after the other
 * share it. One that is dead ends by itself, as no answer to its questions comes.
 */
const keptSeconds = 600;
const waitForPlaceMs = 60_000;

/**
 * Runs commands on a node with the system's ssh: its key is pinned, nobody is asked for anything,
 * and no configuration of this host is looked at. Whoever opens it closes it.
 */
export class SshRunner {
  readonly #options: SshRunnerOptions;
  readonly #time: Time;
  readonly #sockets: string;
  readonly #gate = new FairGate(sessionsMax);
  /** Which of the hosts did the last command. */
  #current = 0;

  private constructor(options: SshRunnerOptions, sockets: string) {
    assert(options.hosts.length > 0, "a host is needed");
    this.#options = options;
    this.#time = options.time ?? steadyTime;
    this.#sockets = sockets;
  }

  static async open(options: SshRunnerOptions): Promise<SshRunner> {
    // The path of a socket has 107 bytes at most, and a name of 17 is put behind it for a while.
    return new SshRunner(options, await mkdtemp(join(tmpdir(), "ssh-")));
  }

  /**
   * Runs a command, at the first host that takes it.
   * @returns what it printed, unless `onBytes` takes that
   * @throws CLUSTER_REFUSED (the host key, or ours), CLUSTER_UNREACHABLE, TIMEOUT, TOOL_MISSING,
   *   CLUSTER_TASK_FAILED (in its own words), OutcomeUnknownError (a change that was broken off)
   */
  async run(command: SshCommand, call: StorageCall = {}): Promise<string> {
    const { hosts } = this.#options;
    let last: VisibleError | undefined;
    for (let round = 1; round <= roundsMax; round += 1) {
      for (const _ of hosts) {
        const index = this.#current % hosts.length;
        const { failure, text } = await this.#runAt(index, command, call);
        if (failure === undefined) return text;
        last = failure.error;
        if (failure.kind === "refused" || failure.kind === "failed") throw last;
        if (failure.kind === "broken" && command.isChange === true) throw outcomeUnknown(last);
        this.#current = index + 1;
      }
      if (round < roundsMax) await this.#time.sleep(backoff(roundMs, round, Math.random()), call.signal ?? never);
      call.signal?.throwIfAborted();
    }
    throw last ?? new VisibleError("CLUSTER_UNREACHABLE", "No node can be reached by SSH.");
  }

  async close(): Promise<void> {
    const stop = (index: number) =>
      this.#ssh(index, ["-O", "exit"], undefined, AbortSignal.timeout(5_000), () => undefined).catch(() => undefined);
    await Promise.all(this.#options.hosts.map((_, index) => stop(index)));
    await rm(this.#sockets, { recursive: true, force: true });
  }

  async #runAt(index: number, command: SshCommand, call: StorageCall) {
    const { words, onBytes, onBegin, bytesMax = bytesMaxOtherwise, isChange = false } = command;
    const { quietSeconds = 60 } = this.#options;
    const line = words.map(quoted).join(" ");
    const chunks: Buffer[] = [];
    let bytes = 0;
    const take = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > bytesMax) throw tooLong(line, bytesMax);
      if (onBytes === undefined) chunks.push(chunk);
      else onBytes(chunk);
    };
    onBegin?.();
    const late = () => tooQuiet(line, quietSeconds);
    const end = await whileMoving(
      { seconds: quietSeconds, time: this.#time, signal: call.signal, onMoved: call.onMoved, late },
      ({ signal, onMoved }) =>
        this.#inTurn(signal, () =>
          this.#ssh(index, [], line, signal, (chunk) => {
            onMoved();
            take(chunk);
          }),
        ),
    ).catch((error: unknown) => {
      throw isChange && VisibleError.is(error, "TIMEOUT") ? outcomeUnknown(error) : error;
    });
    return { failure: failureOf(end, this.#placeOf(index), line), text: Buffer.concat(chunks).toString("utf8") };
  }

  async #inTurn<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const leave = await this.#gate.enter({ site: "ssh", waitMs: waitForPlaceMs, time: this.#time, signal });
    if (leave === undefined) throw new VisibleError("CLUSTER_BUSY", "Too many commands run by SSH at once.");
    try {
      return await work();
    } finally {
      leave();
    }
  }

  #ssh(
    index: number,
    more: readonly string[],
    line: string | undefined,
    signal: AbortSignal,
    onBytes: (chunk: Buffer) => void,
  ): Promise<ProgramEnd> {
    const { program = "ssh", connectSeconds = 10, keyFile, knownHostsFile } = this.#options;
    const { host, port, user } = this.#placeOf(index);
    const settings = {
      ...{ BatchMode: "yes", IdentitiesOnly: "yes", IdentityAgent: "none", StrictHostKeyChecking: "yes" },
      ...{ UserKnownHostsFile: knownHostsFile, GlobalKnownHostsFile: "/dev/null", UpdateHostKeys: "no" },
      ...{ ConnectTimeout: connectSeconds, ServerAliveInterval: 5, ServerAliveCountMax: 3, LogLevel: "ERROR" },
      ...{ ControlMaster: "auto", ControlPath: join(this.#sockets, `${index}`), ControlPersist: keptSeconds },
      ...{ ForwardAgent: "no", ForwardX11: "no", ClearAllForwardings: "yes", PermitLocalCommand: "no" },
    };
    const flags = Object.entries(settings).flatMap(([name, value]) => ["-o", `${name}=${escaped(value)}`]);
    const at = ["-F", "none", "-T", "-i", keyFile, "-l", user, "-p", `${port}`, ...flags, ...more, "--", host];
    return runProgram([program, ...at, ...(line === undefined ? [] : [line])], { onBytes, signal });
  }

  #placeOf(index: number): SshPlace {
    const host = this.#options.hosts[index];
    assert(host !== undefined);
    return { ...host, user: this.#options.user };
  }
}

const never = new AbortController().signal;

/** A `%` of a path would stand for something else, and a space would end it. */
const escaped = (value: string | number): string => {
  const text = String(value).replaceAll("%", "%%");
  return /\s/.test(text) ? `"${text}"` : text;
};

/** A word as the node's shell has to be told it. */
const quoted = (word: string): string => (/^[\w./:=@,+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

const tooLong = (command: string, bytesMax: number) =>
  new VisibleError("CLUSTER_TASK_FAILED", `“${command}” prints more than ${bytesMax} bytes.`, {
    hint: "Run it on the node by hand, and see what it prints.",
    retryable: false,
  });

const tooQuiet = (command: string, seconds: number) =>
  new VisibleError("TIMEOUT", `“${command}” has printed nothing for ${seconds} s.`, {
    hint: "See whether the node it runs on answers.",
  });
