import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { type OwnedProcess, startOwned } from "../../../gateway/processes/owned-process.ts";
import { findTool } from "../../../infra/local/demo/tools.ts";
import { freePort } from "../../free-port.ts";
import { descendantsOf } from "../../processes.ts";

const run = promisify(execFile);
const forcedCommand = fileURLToPath(new URL("forced-command.sh", import.meta.url));

export interface ShellAnswer {
  readonly status: number;
  /** To standard error. */
  readonly complaint?: string;
  readonly printed?: string;
}

/** A node's sshd on loopback, with a key of a test's own that may run what the stand-in knows. */
export class Sshd {
  readonly host = "127.0.0.1";
  readonly user: string = userInfo().username;
  readonly port: number;
  readonly #folder: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #process: OwnedProcess | undefined;

  private constructor(folder: string, port: number, server: Server) {
    this.#folder = folder;
    this.port = port;
    this.#server = server;
  }

  /** @param answer what a command line comes to */
  static async start(answer: (command: string) => ShellAnswer | Promise<ShellAnswer>): Promise<Sshd> {
    for (const tool of ["sshd", "ssh-keygen"]) {
      assert(await findTool(tool), `${tool} is missing here; install openssh-server`);
    }
    const folder = await mkdtemp(join(tmpdir(), "sshd-"));
    const server = createServer();
    const sshd = new Sshd(folder, await freePort(), server);
    server.on("connection", (socket) => {
      sshd.#sockets.add(socket);
      socket.on("close", () => sshd.#sockets.delete(socket)).on("error", () => socket.destroy());
      createInterface({ input: socket }).once("line", (line) => void serve(socket, line, answer));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    await Promise.all([makeKey(sshd.keyFile), makeKey(sshd.#hostKeyFile)]);
    await sshd.#writeConfig();
    await sshd.resume();
    return sshd;
  }

  /** The private half of the key that may log in. */
  get keyFile(): string {
    return join(this.#folder, "key");
  }

  /** Names the host key, for whoever pins it. */
  get knownHostsFile(): string {
    return join(this.#folder, "known");
  }

  get #hostKeyFile(): string {
    return join(this.#folder, "host");
  }

  /** Somebody else answers in its place, or it was set up anew: `knownHostsFile` stays. */
  async changeHostKey(): Promise<void> {
    await this.stop();
    await Promise.all([rm(this.#hostKeyFile), rm(`${this.#hostKeyFile}.pub`)]);
    await makeKey(this.#hostKeyFile);
    await this.resume();
  }

  /** Whoever pins it learns of the key that answers now. */
  async pinHostKey(): Promise<void> {
    const host = await readFile(`${this.#hostKeyFile}.pub`, "utf8");
    await writeFile(this.knownHostsFile, `[${this.host}]:${this.port} ${host}`);
  }

  /** Nobody listens, and sessions are gone, until `resume`. */
  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    // Connections that are open have processes of their own, which would go on, and hold what sshd
    // writes to: it has ended only when they have.
    const pid = this.#process?.pid;
    const sessions = pid === undefined ? [] : await descendantsOf(pid);
    const stopped = this.#process?.stop();
    for (const session of sessions) kill(session);
    await stopped;
    this.#process = undefined;
  }

  async resume(): Promise<void> {
    const listens = Promise.withResolvers<void>();
    const lines: string[] = [];
    const heard = (line: string): void => {
      lines.push(line);
      if (line.includes("Server listening")) listens.resolve();
    };
    const sshd = startOwned({
      command: "setpriv",
      parameters: [
        "--pdeathsig",
        "TERM",
        (await findTool("sshd")) ?? "sshd",
        "-D",
        "-e",
        "-f",
        join(this.#folder, "conf"),
      ],
      endsBy: "signal",
      cwd: this.#folder,
      output: { stdout: heard, stderr: heard },
    });
    this.#process = sshd;
    const ended = sshd.ended.then((how) => assert.fail(`sshd does not start (${how}): ${lines.join("; ")}`));
    await Promise.race([listens.promise, ended]);
    ended.catch(() => undefined);
  }

  async close(): Promise<void> {
    await this.stop();
    this.#server.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #writeConfig(): Promise<void> {
    // Debian's sshd wants it when it is root's.
    if (process.geteuid?.() === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
    const key = await readFile(`${this.keyFile}.pub`, "utf8");
    const address = this.#server.address();
    assert(address !== null && typeof address === "object");
    const command = `bash ${forcedCommand} ${address.port}`;
    await writeFile(join(this.#folder, "authorized"), `restrict,command="${command}" ${key}`);
    await this.pinHostKey();
    const config = [
      ...[`Port ${this.port}`, `ListenAddress ${this.host}`, `HostKey ${this.#hostKeyFile}`],
      ...[`AuthorizedKeysFile ${join(this.#folder, "authorized")}`, "PasswordAuthentication no", "UsePAM no"],
      ...[
        "PermitRootLogin forced-commands-only",
        "StrictModes no",
        "PidFile none",
        // The user's shell reads what it finds at home, which may take longer than the command.
        `SetEnv HOME=${this.#folder}`,
        "MaxStartups 100",
        "MaxSessions 10",
      ],
    ];
    await writeFile(join(this.#folder, "conf"), `${config.join("\n")}\n`);
  }
}

const kill = (pid: number): void => {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
};

const makeKey = async (file: string): Promise<void> => {
  await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "stand-in", "-f", file]);
};

const serve = async (
  socket: Socket,
  command: string,
  answer: (command: string) => ShellAnswer | Promise<ShellAnswer>,
): Promise<void> => {
  const { status, complaint = "", printed = "" } = await answer(command);
  socket.end(`${status}\n${complaint.replaceAll("\n", " ")}\n${printed}`);
};
