import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { listenPrivately } from "./private-socket.ts";

const setUp = async (context: TestContext) => {
  const root = await mkdtemp(join(tmpdir(), "smtx-socket-"));
  const servers: Server[] = [];
  context.after(async () => {
    for (const server of servers) server.close();
    await rm(root, { recursive: true });
  });
  const listen = (path: string, options?: { replace: boolean }, name = "first") => {
    const server = createServer((socket) => socket.on("error", () => undefined).end(name));
    servers.push(server);
    return listenPrivately(server, path, options);
  };
  const whoAnswers = async (path: string): Promise<string> => {
    const socket = connect(path);
    const [name] = await once(socket, "data");
    socket.destroy();
    return String(name);
  };
  return { root, folder: join(root, "private"), listen, whoAnswers };
};

describe("a private socket", () => {
  test("and its folder are this user's alone, whatever the umask, and nothing else is left", async (context) => {
    const { folder, listen, whoAnswers } = await setUp(context);
    const umask = process.umask(0);
    context.after(() => process.umask(umask));
    const path = join(folder, "socket");
    const socket = await listen(path);
    assert.equal((await stat(folder)).mode & 0o777, 0o700);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(folder), ["socket"]);
    assert.equal(await whoAnswers(path), "first");
    assert.equal(await socket.isThere(), true);
    await socket.remove();
    assert.deepEqual(await readdir(folder), []);
  });

  test("takes the place of one whose process has died", async (context) => {
    const { folder, listen, whoAnswers } = await setUp(context);
    await mkdir(folder, { mode: 0o700 });
    const path = join(folder, "socket");
    const dies = `require("net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
    assert.throws(() => execFileSync(process.execPath, ["-e", dies]), { signal: "SIGKILL" });
    assert.deepEqual(await readdir(folder), ["socket"]);
    await listen(path);
    assert.equal(await whoAnswers(path), "first");
  });

  test("takes no place where somebody listens, unless it is to, and is removed by its owner alone", async (context) => {
    const { folder, listen, whoAnswers } = await setUp(context);
    const path = join(folder, "socket");
    const first = await listen(path);
    await assert.rejects(listen(path, undefined, "second"), { code: "CONFLICT" });
    assert.equal(await whoAnswers(path), "first");
    const second = await listen(path, { replace: true }, "second");
    assert.deepEqual([await first.isThere(), await second.isThere()], [false, true]);
    await first.remove();
    assert.equal(await whoAnswers(path), "second");
  });

  test("never takes the place of what is no socket, or lies in a folder of others'", async (context) => {
    const { root, folder, listen } = await setUp(context);
    await mkdir(folder, { mode: 0o700 });
    const file = join(folder, "file");
    await writeFile(file, "somebody's");
    for (const options of [undefined, { replace: true }]) {
      await assert.rejects(listen(file, options), { code: "BAD_REQUEST", message: /no socket/ });
    }
    await chmod(root, 0o755);
    await assert.rejects(listen(join(root, "socket")), { code: "BAD_REQUEST", hint: /chmod 700/ });
    await assert.rejects(listen(join(folder, "s".repeat(100))), { code: "BAD_REQUEST", message: /too long/ });
    assert.deepEqual(await readdir(folder), ["file"]);
  });
});
