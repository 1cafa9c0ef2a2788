import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { steadyTime } from "../../gateway/time/time.ts";
import { until } from "../../gateway/time/until.ts";
import { freePort } from "../../test/free-port.ts";

export interface RsyncDaemon {
  readonly pid: number;
  /** Of its one module, with a slash at the end. */
  readonly url: string;
  readonly moduleDir: string;
  stop(): Promise<void>;
}

const patience = { everyMs: 20, withinMs: 60_000, time: steadyTime, signal: new AbortController().signal };

/** Starts a daemon of this user on loopback, with a module that anybody may write to, in `dir`. */
export const startRsyncDaemon = async (dir: string): Promise<RsyncDaemon> => {
  const moduleDir = join(dir, "module");
  await mkdir(moduleDir, { recursive: true });
  const config = join(dir, "rsyncd.conf");
  await writeFile(config, configText(dir, moduleDir));
  const port = await freePort();
  const child = spawn(
    "rsync",
    ["--daemon", "--no-detach", `--config=${config}`, "--address=127.0.0.1", `--port=${port}`],
    { stdio: ["ignore", "inherit", "inherit"] },
  );
  const exited = once(child, "exit");
  const stop = async () => {
    child.kill("SIGTERM");
    await exited;
  };
  // Whatever ends this process, the daemon does not outlive it.
  process.once("exit", () => child.kill("SIGKILL"));
  try {
    await listening(child, port);
    if (child.pid === undefined) throw new Error("the rsync daemon has no process id");
    return { pid: child.pid, url: `rsync://127.0.0.1:${port}/bench/`, moduleDir, stop };
  } catch (error) {
    await stop();
    throw error;
  }
};

const configText = (dir: string, moduleDir: string): string => {
  const owner = process.getuid?.() === 0 ? "uid = 0\ngid = 0\n" : "";
  return `use chroot = no
pid file = ${join(dir, "rsyncd.pid")}
log file = ${join(dir, "rsyncd.log")}
${owner}[bench]
path = ${moduleDir}
read only = no
`;
};

const listening = async (child: ChildProcess, port: number): Promise<void> => {
  const isOver = async () => child.exitCode !== null || (await accepts(port));
  if (!(await until(isOver, patience)) || child.exitCode !== null) throw new Error("the rsync daemon does not listen");
};

const accepts = async (port: number): Promise<boolean> => {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
};
