import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { connect } from "node:tls";
import { needOwnNetwork, needRoot } from "../need.ts";
import { descendantsOf } from "../processes.ts";
import { runCommand, startUp } from "./command.ts";

const temporaryFolder = async (t: TestContext): Promise<string> => {
  const dir = await mkdtemp(join(tmpdir(), "smtx-backup-host-"));
  t.after(() => rm(dir, { recursive: true }));
  return dir;
};

/** The sockets that a process has open, by their inodes. */
const socketsOf = async (pid: number): Promise<readonly string[]> => {
  const folder = `/proc/${pid}/fd`;
  const names = await readdir(folder).catch(() => []);
  const links = await Promise.all(names.map((name) => readlink(join(folder, name)).catch(() => "")));
  return links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []);
};

const lines = async (file: string): Promise<readonly (readonly string[])[]> =>
  (await readFile(file, "utf8"))
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/));

interface Listener {
  readonly address: string;
  readonly port: number;
}

const listening = "0A";

/** What processes listen on in this network: ports of TCP, v4 and v6, and sockets' paths. */
const listenersOf = async (pids: readonly number[]) => {
  const inodes = new Set((await Promise.all(pids.map(socketsOf))).flat());
  const tcp: Listener[] = [];
  for (const file of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const [, local = "", , state, , , , , , inode = ""] of await lines(file)) {
      const [address = "", port = ""] = local.split(":");
      if (state === listening && inodes.has(inode)) tcp.push({ address, port: Number.parseInt(port, 16) });
    }
  }
  const udp = (await Promise.all(["/proc/net/udp", "/proc/net/udp6"].map(lines))).flat();
  const paths = (await lines("/proc/net/unix")).flatMap(([, , , , , , inode = "", path]) =>
    path !== undefined && inodes.has(inode) ? [path] : [],
  );
  return { tcp, udp: udp.filter((fields) => inodes.has(fields[9] ?? "")), paths: [...new Set(paths)] };
};

/** Whether what listens there asks a TLS client for a certificate, and sends away who has none. */
const asksForCertificate = async (port: number): Promise<boolean> => {
  const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
  const said = Promise.withResolvers<string>();
  socket.on("error", (error) => said.resolve(error.message)).on("close", () => said.resolve("closed"));
  socket.on("data", () => said.resolve("answered"));
  socket.on("secureConnect", () => socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n"));
  const how = await said.promise;
  socket.destroy();
  return /certificate required|handshake failure/i.test(how);
};

/** Whether it is the API, which answers 401 to who has no token. */
const asksForToken = async (port: number): Promise<boolean> => {
  const answer = await fetch(`http://127.0.0.1:${port}/v1/tokens`).catch(() => undefined);
  return answer?.status === 401;
};

test("every listener of a running local up asks who is there, or is behind a folder of its user", async (t) => {
  if (!(await needOwnNetwork(t))) return;
  const { pid, url } = await startUp(t, join(await temporaryFolder(t), "data"));
  const { tcp, udp, paths } = await listenersOf([pid, ...(await descendantsOf(pid))]);
  assert.ok(tcp.some(({ port }) => port === Number(new URL(url).port)));
  assert.deepEqual(udp, []);
  for (const { address, port } of tcp) {
    assert.equal(address, "0100007F", `port ${port} is not on loopback`);
    assert.ok((await asksForToken(port)) || (await asksForCertificate(port)), `port ${port} lets everybody in`);
  }
  assert.deepEqual(paths.map((path) => path.split("/").at(-1)).sort(), ["dynamodb", "scheduler", "sqs"]);
});

/**
 * What another user of the machine does: he takes each port and socket for the table, and writes a
 * token of his own into it. Plain JavaScript, for he may not read this project. It prints
 * how each attempt ended.
 */
const attack = `
const { request } = require("node:http");
const [ports, sockets, files] = JSON.parse(process.argv[2]);
const put = (where) => new Promise((resolve) => {
  const item = { pk: { S: "TOKEN#mine" }, sk: { S: "TOKEN" } };
  const body = JSON.stringify({ TableName: "smtx-backup", Item: item });
  const headers = { "x-amz-target": "DynamoDB_20120810.PutItem", "content-type": "application/x-amz-json-1.0", "x-amz-date": "20260101T000000Z",
    authorization: "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=00" };
  const asked = request({ ...where, method: "POST", path: "/", headers, agent: false }, (answer) =>
    answer.resume().on("close", () => resolve(String(answer.statusCode))));
  asked.on("error", (error) => resolve(error.code));
  asked.end(body);
});
const read = (file) => { try { require("node:fs").readFileSync(file); return "read"; } catch (error) { return error.code; } };
(async () => {
  const told = { uid: process.getuid(), ports: [], sockets: [], files: files.map(read) };
  for (const port of ports) told.ports.push(await put({ host: "127.0.0.1", port }));
  for (const socketPath of sockets) told.sockets.push(await put({ socketPath }));
  console.log(JSON.stringify(told));
})();
`;

interface Told {
  readonly uid: number;
  readonly ports: readonly string[];
  readonly sockets: readonly string[];
  readonly files: readonly string[];
}

const nobody = "65534";

/** Starts a script with Node, as another user or as this one. */
const startAs = async (t: TestContext, user: string | undefined, content: string, parameters: readonly string[]) => {
  // Where everybody may run it: this project, and its Node, may be out of another user's reach.
  const folder = await temporaryFolder(t);
  await chmod(folder, 0o755);
  const [node, script] = [join(folder, "node"), join(folder, "attack.cjs")];
  await copyFile(process.execPath, node);
  await writeFile(script, content);
  for (const file of [node, script]) await chmod(file, 0o755);
  const command = [node, script, ...parameters];
  const asUser =
    user === undefined ? command : ["setpriv", "--reuid", user, "--regid", user, "--clear-groups", ...command];
  const [program = "", ...rest] = asUser;
  return spawn(program, rest, { stdio: ["ignore", "pipe", "inherit"], cwd: "/" });
};

const attackAs = async (t: TestContext, user: string | undefined, targets: readonly unknown[]): Promise<Told> => {
  const child = await startAs(t, user, attack, [JSON.stringify(targets)]);
  const [said, [code]] = await Promise.all([text(child.stdout), once(child, "exit")]);
  assert.equal(code, 0);
  return JSON.parse(said) as Told;
};

test("another user of the machine reaches no emulator, and writes no token of his own into the table", async (t) => {
  if (!needRoot(t) || !(await needOwnNetwork(t))) return;
  const dir = join(await temporaryFolder(t), "data");
  const { pid, tokenFile } = await startUp(t, dir);
  const { tcp, paths } = await listenersOf([pid, ...(await descendantsOf(pid))]);
  const ports = tcp.map(({ port }) => port);
  const files = [tokenFile, join(dir, "dynamodb", "dynamo.sqlite"), join(dir, "local.json")];
  const his = await attackAs(t, nobody, [ports, paths, files]);
  assert.equal(his.uid, Number(nobody));
  // No port is the table's: not one took it for a request that it would carry out.
  for (const [index, answer] of his.ports.entries()) assert.notEqual(answer, "200", `port ${ports[index]}`);
  assert.deepEqual(new Set(his.sockets), new Set(["EACCES"]));
  assert.deepEqual(new Set(his.files), new Set(["EACCES"]));
  // And it is his being another user that keeps him out: the attack works.
  const ours = await attackAs(t, undefined, [[], paths, files]);
  assert.ok(ours.sockets.includes("200"), ours.sockets.join());
  assert.deepEqual(new Set(ours.files), new Set(["read"]));
});

/** Listens where a local environment has listened, and tells whenever it is asked something. */
const thief = `
const server = require("node:http").createServer((request, answer) => {
  console.log("asked " + request.headers.authorization);
  answer.end("{}");
});
server.listen(Number(process.argv[2]), "127.0.0.1", () => console.log("listening"));
`;

test("another user who takes the port of a local up that has ended is sent no token", async (t) => {
  if (!needRoot(t)) return;
  const dir = join(await temporaryFolder(t), "data");
  const { url, stop } = await startUp(t, dir);
  await stop();
  const child = await startAs(t, nobody, thief, [new URL(url).port]);
  t.after(() => child.kill("SIGKILL"));
  let told = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    told += chunk;
  });
  await once(child.stdout, "data");
  const { exitCode, stderr } = await runCommand(["site", "list", "--dir", dir]);
  assert.equal(exitCode, 5);
  assert.match(stderr, /another user listens at .*\(LINK_BROKEN\)\n {2}hint: .*local up --dir/);
  assert.equal(told, "listening\n");
  // The next start takes another port.
  const again = await startUp(t, dir);
  assert.notEqual(again.url, url);
  assert.equal((await runCommand(["site", "list", "--dir", dir])).exitCode, 0);
});

test("where the emulators can't be hidden, local up says so, and wants --shared-host", async (t) => {
  const folder = await temporaryFolder(t);
  const bin = join(folder, "bin");
  await mkdir(bin);
  await writeFile(join(bin, "unshare"), "#!/bin/sh\necho 'unshare failed: Operation not permitted' >&2\nexit 1\n");
  await chmod(join(bin, "unshare"), 0o755);
  const { SMTX_BACKUP_SHARED_HOST: _, ...rest } = process.env;
  const env = { ...rest, PATH: `${bin}:${process.env["PATH"]}` };
  const dir = join(folder, "data");
  const refused = await runCommand(["local", "up", "--dir", dir], { env });
  assert.equal(refused.exitCode, 1);
  assert.match(refused.stderr, /Operation not permitted.*\(HOST_SHARED\)\n {2}hint: .*local up --shared-host/);
  const shared = await startUp(t, dir, { env, parameters: ["--shared-host"] });
  assert.match(shared.said(), /Every user of this machine can read and write the emulators/);
  await shared.stop();
  const bySetting = await startUp(t, dir, { env: { ...env, SMTX_BACKUP_SHARED_HOST: "1" } });
  assert.match(bySetting.said(), /Every user of this machine/);
});
