import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import type { WriteStream } from "node:tty";
import type { checkGateway } from "../../gateway/check/check-gateway.ts";
import { keepPrivate } from "../../gateway/files/private.ts";
import type { ProbeOptions } from "../../gateway/storage/smtx/probe/probe.ts";
import type { ProbeReport } from "../../gateway/storage/smtx/probe/report.ts";
import { steadyTime, type Time } from "../../gateway/time/time.ts";
import type { localUp } from "../../infra/local/up.ts";
import { forScreen } from "../render/style.ts";
import { ask } from "./ask.ts";
import { exitCodes } from "./exit-codes.ts";
import { reachLoopbackDirectly } from "./loopback.ts";
import { outputFailed } from "./output.ts";
import type { createTokenInTable } from "./table-token.ts";
import type { takeOverTable } from "./take-over-table.ts";

/** Where text goes, and whether a person looks at it. */
export interface Screen {
  write(text: string): void;
  /** Takes the last lines away again: up to the first of them, and all below it is erased. */
  takeBack(lines: number): void;
  readonly isTerminal: boolean;
  /** Characters a line: what COLUMNS says, else what the terminal has. */
  readonly columns: number;
}

/** What the commands have of the world; tests have another one. */
export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: Screen;
  readonly stderr: Screen;
  /** Standard input to its end. */
  readInput(): Promise<string>;
  /** Standard input as it comes. */
  input(): Readable & { readonly isTTY?: boolean };
  /**
   * Writes bytes to standard output; they are good until the promise is resolved. Rejects when
   * nobody takes them any more.
   */
  writeOutput(bytes: Uint8Array): Promise<void>;
  /** A line that a person types in answer to a question; undefined when nobody is at a terminal. */
  ask(question: string): Promise<string | undefined>;
  /** Aborted by Ctrl-C or SIGTERM; the second one ends the process at once. */
  readonly signal: AbortSignal;
  readonly time: Time;
  readonly fetch: typeof fetch;
  readonly localUp: typeof localUp;
  runGateway(configFile: string, options: { signal: AbortSignal; stopWithParent: boolean }): Promise<void>;
  readonly checkGateway: typeof checkGateway;
  /** Asks the cluster of a gateway's configuration. @throws BAD_REQUEST where it is none */
  probeCluster(configFile: string, options: Pick<ProbeOptions, "signal" | "onStep">): Promise<ProbeReport>;
  /** @returns when its certificate expires */
  enrolGateway(configFile: string, options: { token: string; signal: AbortSignal }): Promise<{ expiresAt: string }>;
  /** Makes an authority in a folder. @returns its two files */
  makeAuthority(dir: string, multiCluster: string): Promise<{ certificate: string; key: string }>;
  readonly createTokenInTable: typeof createTokenInTable;
  readonly takeOverTable: typeof takeOverTable;
}

const columnsOtherwise = 80;

/** This process. What is big is loaded when it is first needed: `--help` needs none of it. */
export const processHost = (): Host => {
  reachLoopbackDirectly(process.env);
  keepPrivate();
  const signal = firstSignal();
  const stderr = screenOf(process.stderr);
  return {
    env: process.env,
    stdout: screenOf(process.stdout),
    stderr,
    readInput: () => text(process.stdin),
    input: () => process.stdin,
    writeOutput: (bytes) => {
      carriesBytes.add(process.stdout);
      return new Promise((resolve, reject) => {
        process.stdout.write(bytes, (error) => (error ? reject(error) : resolve()));
      });
    },
    ask: (question) => ask(question, { stdin: process.stdin, write: stderr.write, signal }),
    signal,
    time: steadyTime,
    fetch,
    localUp: async (options) => {
      // Its gateways are processes of their own, whose logs nobody looks into unless told to.
      await import("zstd-napi/binding.js");
      await (await import("../../infra/local/up.ts")).localUp(options);
    },
    checkGateway: async (configFile) => (await import("../../gateway/check/check-gateway.ts")).checkGateway(configFile),
    probeCluster: async (configFile, options) =>
      (await import("../../gateway/check/probe-gateway.ts")).probeGateway(configFile, options),
    enrolGateway: async (configFile, options) => {
      const { loadGatewayConfig } = await import("../../gateway/config/config.ts");
      const { enrolGateway } = await import("../../gateway/enrolment/enrol.ts");
      return enrolGateway(await loadGatewayConfig(configFile), options);
    },
    makeAuthority: async (dir, multiCluster) =>
      (await import("../../infra/local/pki.ts")).makeAuthority(dir, multiCluster),
    createTokenInTable: async (...request) => (await import("./table-token.ts")).createTokenInTable(...request),
    takeOverTable: async (...request) => (await import("./take-over-table.ts")).takeOverTable(...request),
    runGateway: async (configFile, options) => {
      const { loadGatewayConfig } = await import("../../gateway/config/config.ts");
      const { runGateway } = await import("../../gateway/main.ts");
      await runGateway(await loadGatewayConfig(configFile), options);
    },
  };
};

/** Streams whose errors are told to whoever writes to them. */
const carriesBytes = new Set<WriteStream>();

const screenOf = (stream: WriteStream): Screen => {
  // Whoever read what we write has had enough of it (`| head`).
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (carriesBytes.has(stream)) return;
    if (error.code === "EPIPE") process.exit();
    const { message, hint } = outputFailed(error);
    if (stream !== process.stderr) process.stderr.write(`error: ${message} (OUTPUT_FAILED)\n  hint: ${hint}\n`);
    process.exit(exitCodes.failed.code);
  });
  return {
    write: (text) => void stream.write(text),
    takeBack: (lines) => void stream.write(takingBack(lines)),
    isTerminal: stream.isTTY === true,
    get columns() {
      return Number(process.env["COLUMNS"]) || stream.columns || columnsOtherwise;
    },
  };
};

/** ECMA-48: CPL, ED. */
export const takingBack = (lines: number): string => `\u001b[${lines}F\u001b[0J`;

/**
 * The same host, whose screens are given what they are to show and nothing that steers them,
 * whatever text others have given.
 */
export const withCleanScreens = (host: Host): Host => {
  const { env } = host;
  const clean = (screen: Screen): Screen => ({
    write: (text) => screen.write(forScreen(text, { isTerminal: screen.isTerminal, env })),
    takeBack: (lines) => screen.takeBack(lines),
    isTerminal: screen.isTerminal,
    get columns() {
      return screen.columns;
    },
  });
  const ask = (question: string) => host.ask(forScreen(question, { isTerminal: host.stderr.isTerminal, env }));
  return { ...host, stdout: clean(host.stdout), stderr: clean(host.stderr), ask };
};

const firstSignal = (): AbortSignal => {
  const stopping = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.once(name, () => stopping.abort(new Error(`stopped by ${name}`)));
  }
  return stopping.signal;
};
