import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { GatewayConfig } from "../../gateway/config/config.ts";
import type { ComposeOptions } from "./compose.ts";
import type { CallName, Calls, GatewayCall, Reply } from "./messages.ts";

const script = fileURLToPath(new URL("./gateway-process.ts", import.meta.url));

/** A gateway process as the benchmark sees it. */
export interface GatewayClient {
  readonly endpoint: string;
  /** @throws Error with what the process says went wrong, or that it ended */
  call<K extends CallName>(name: K, request: Calls[K]["request"]): Promise<Calls[K]["answer"]>;
  /** Resolves when the process has ended. */
  stop(): Promise<void>;
  /** Ends it at once, as a power cut would, and resolves when it has ended. */
  kill(): Promise<void>;
}

export interface GatewayProcessOptions extends ComposeOptions {
  /**
   * A command that runs the one behind it somewhere else, with the same open files:
   * `ip netns exec NAME`.
   */
  readonly within?: readonly [string, ...string[]];
  /** Where what it prints goes: a file descriptor, or where ours does. */
  readonly output?: number | "inherit";
}

/** Starts a fresh process with the gateway in it, and waits until it listens. */
export const startGatewayProcess = async (
  config: GatewayConfig,
  { within = [process.execPath], output = "inherit", ...options }: GatewayProcessOptions = {},
): Promise<GatewayClient> => {
  const [execPath, ...execArgv] = within;
  // Unless the configuration says otherwise nothing but errors is printed, and those
  // where they are seen.
  const child = fork(script, { execPath, execArgv, stdio: ["ignore", output, output, "ipc"] });
  const waiting = new Map<number, { resolve(answer: unknown): void; reject(error: Error): void }>();
  child.on("message", (reply: Reply) => {
    const waiter = waiting.get(reply.id);
    waiting.delete(reply.id);
    if ("failure" in reply) waiter?.reject(new Error(`a gateway failed: ${reply.failure}`));
    else waiter?.resolve(reply.answer);
  });
  const exited = once(child, "exit");
  exited.then(([code, signal]) => {
    for (const { reject } of waiting.values()) reject(new Error(`a gateway process ended: ${signal ?? code}`));
  });
  let lastId = 0;
  const call = <K extends CallName>(name: K, request: Calls[K]["request"]): Promise<Calls[K]["answer"]> =>
    new Promise((resolve, reject) => {
      const message: GatewayCall<K> = { id: ++lastId, name, request };
      waiting.set(message.id, { resolve: (answer) => resolve(answer as Calls[K]["answer"]), reject });
      child.send(message, (error) => error !== null && reject(error));
    });
  const stop = async () => {
    try {
      if (child.exitCode === null && child.connected) await call("stop", null);
    } finally {
      if (child.connected) child.disconnect();
      await exited;
    }
  };
  const kill = async () => {
    child.kill("SIGKILL");
    await exited;
  };
  try {
    return { endpoint: await call("start", { config, ...options }), call, stop, kill };
  } catch (error) {
    child.kill();
    await exited;
    throw error;
  }
};
