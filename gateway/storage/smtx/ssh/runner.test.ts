import assert from "node:assert/strict";
import { access, chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { VisibleError } from "../../../../core/api/errors.ts";
import { OutcomeUnknownError } from "../outcome.ts";
import { extentTable } from "./extent-table.ts";
import { SshRunner, type SshRunnerOptions } from "./runner.ts";
import { deleteSnapshot, snapshotTogether } from "./snapshots.ts";

const hosts = ["node1", "node2"].map((host) => ({ host, port: 22 }));

/**
 * A program in the place of `ssh`, in shell: `$host` is where it is to go, `$command` what it is to
 * run there. Each of its runs is noted.
 */
const fakeSsh = async (t: TestContext, script: string, options: Partial<SshRunnerOptions> = {}) => {
  const dir = await mkdtemp(join(tmpdir(), "fake-ssh-"));
  const [program, runs] = [join(dir, "ssh"), join(dir, "runs")];
  const begin = `#!/bin/sh
for word; do last=$host; host=$command; command=$word; done
case "$*" in *"-O exit"*) echo "exit $command" >> '${runs}'; exit 0;; esac
echo "$host $command" >> '${runs}'
echo "$*" > '${join(dir, "arguments")}'
`;
  await writeFile(program, `${begin}${script}\n`);
  await chmod(program, 0o755);
  const keys = { keyFile: "/keys/of us", knownHostsFile: "/keys/100%known" };
  const ssh = await SshRunner.open({ hosts, user: "backup", ...keys, program, ...options });
  t.after(async () => {
    await ssh.close();
    await rm(dir, { recursive: true });
  });
  const ran = async () => (await readFile(runs, "utf8").catch(() => "")).trim().split("\n");
  return { ssh, dir, ran, run: (...words: string[]) => ssh.run({ words }) };
};

const errorOf = async (work: Promise<unknown>): Promise<VisibleError> => {
  const error = await work.then(
    () => assert.fail("it succeeded"),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof VisibleError, String(error));
  return error;
};

describe("a command over SSH", () => {
  test("gives what it prints, and is told a shell as it is meant", async (t) => {
    const { run, ran } = await fakeSsh(t, "eval \"printf '%s|' $command\"");
    assert.equal(await run("zbs-meta", "it's", "a b", "$HOME", "", "x;y"), "zbs-meta|it's|a b|$HOME||x;y|");
    assert.equal((await ran())[0], "node1 zbs-meta 'it'\\''s' 'a b' '$HOME' '' 'x;y'");
  });

  test("asks nobody, believes no key but the pinned one, and looks at no configuration of the host", async (t) => {
    const { run, dir } = await fakeSsh(t, "exit 0");
    await run("true");
    const said = await readFile(join(dir, "arguments"), "utf8");
    for (const flag of [
      "-F none",
      "-o BatchMode=yes",
      "-o StrictHostKeyChecking=yes",
      "-o UserKnownHostsFile=/keys/100%%known",
      "-o GlobalKnownHostsFile=/dev/null",
      "-o IdentitiesOnly=yes",
      "-i /keys/of us",
      "-l backup",
      "-- node1 true",
    ]) {
      assert.ok(said.includes(flag), `${flag} in ${said}`);
    }
  });

  test("is run at the next node where one is down, and there from then on", async (t) => {
    const down = "ssh: connect to host node1 port 22: Connection refused";
    const { run, ran } = await fakeSsh(t, `[ $host = node1 ] && { echo '${down}' >&2; exit 255; }; echo $host`);
    assert.equal(await run("first"), "node2\n");
    assert.equal(await run("second"), "node2\n");
    assert.deepEqual(await ran(), ["node1 first", "node2 first", "node2 second"]);
  });

  test("ends when no node can be reached, each of them tried twice", async (t) => {
    const { run, ran } = await fakeSsh(t, "echo 'ssh: connect to host: No route to host' >&2; exit 255");
    const { code, message } = await errorOf(run("true"));
    assert.equal(code, "CLUSTER_UNREACHABLE");
    assert.match(message, /backup@node2, port 22 can't be reached by SSH: .*No route to host/);
    assert.equal((await ran()).length, 4);
  });

  const refusals: readonly (readonly [string, string, RegExp])[] = [
    [
      "the host key is another one",
      "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @ … Host key verification failed.",
      /The host key of backup@node1, port 22 is another one than the one that is pinned/,
    ],
    [
      "the host key is not known",
      "No ED25519 host key is known for node1 and you have requested strict checking. Host key verification failed.",
      /is not in storage\.ssh\.knownHostsFile/,
    ],
    ["our key is not taken", "backup@node1: Permission denied (publickey).", /does not let this gateway in by SSH/],
  ];
  for (const [what, complaint, why] of refusals) {
    test(`is refused at once, with the reason, where ${what}`, async (t) => {
      const { run, ran } = await fakeSsh(t, `echo '${complaint}' >&2; exit 255`);
      const { code, message } = await errorOf(run("true"));
      assert.equal(code, "CLUSTER_REFUSED");
      assert.match(message, why);
      assert.deepEqual(await ran(), ["node1 true"], "another node was asked");
    });
  }

  test("that fails does so in its own words, and is not run again", async (t) => {
    const { run, ran } = await fakeSsh(t, "echo 'volume   not\nfound' >&2; exit 3");
    const { code, message } = await errorOf(run("zbs-meta", "volume"));
    assert.equal(code, "CLUSTER_TASK_FAILED");
    assert.match(message, /“zbs-meta volume” failed on backup@node1, port 22: volume not found\./);
    assert.equal((await ran()).length, 1);
  });

  test("that is not there is no snapshot that is gone already", async (t) => {
    const { ssh } = await fakeSsh(t, "echo 'sh: 1: zbs-meta: not found' >&2; exit 127");
    const { code, message } = await errorOf(deleteSnapshot(ssh, "s"));
    assert.equal(code, "CLUSTER_REFUSED");
    assert.match(message, /no program for “zbs-meta snapshot delete_by_id s” on backup@node1/);
  });

  test("that was broken off is run again where it only reads, and never where it changes something", async (t) => {
    const broken =
      '[ $host = node1 ] && { echo \'Connection to node1 closed by remote host.\' >&2; exit 255; }; echo \'{"name":"s","id":"1"}\'';
    const { ssh, run, ran } = await fakeSsh(t, broken);
    assert.match(await run("read"), /name/);
    const other = await fakeSsh(t, broken);
    const error = await errorOf(snapshotTogether(other.ssh, [{ zbsVolumeId: "v", name: "s" }]));
    assert.ok(error instanceof OutcomeUnknownError);
    assert.deepEqual([error.code, (await other.ran()).length], ["CLUSTER_UNREACHABLE", 1]);
    assert.deepEqual([...(await snapshotTogether(ssh, [{ zbsVolumeId: "v", name: "s" }]))], [["s", "1"]]);
    assert.equal((await ran()).length, 3);
  });

  test("prints no more than it may", async (t) => {
    const { ssh } = await fakeSsh(t, "while :; do echo 0123456789; done");
    const { code, message } = await errorOf(ssh.run({ words: ["yes"], bytesMax: 10_000 }));
    assert.equal(code, "CLUSTER_TASK_FAILED");
    assert.match(message, /prints more than 10000 bytes/);
  });

  test("that prints nothing ends within its limit", async (t) => {
    const { run } = await fakeSsh(t, "exec sleep 1000", { quietSeconds: 0.1 });
    assert.equal((await errorOf(run("true"))).code, "TIMEOUT");
  });

  test("ends at once, with the reason, when it is called off, and the program with it", async (t) => {
    const { ssh, dir } = await fakeSsh(t, `echo $$ > "$(dirname "$0")/pid"; echo begun; exec sleep 1000`);
    const stop = new AbortController();
    const begun = Promise.withResolvers<void>();
    const onBytes = () => begun.resolve();
    const running = ssh.run({ words: ["true"], onBytes }, { signal: stop.signal });
    await begun.promise;
    stop.abort(new Error("enough"));
    await assert.rejects(running, { message: "enough" });
    const pid = Number(await readFile(join(dir, "pid"), "utf8"));
    // It was killed; only who reaps it may be late.
    while (
      await access(`/proc/${pid}/cwd`).then(
        () => true,
        () => false,
      )
    )
      await new Promise(setImmediate);
  });

  test("ends its connections when it is closed", async (t) => {
    const { ssh, run, ran } = await fakeSsh(t, "exit 0");
    await run("true");
    await ssh.close();
    assert.deepEqual((await ran()).slice(1).sort(), ["exit node1", "exit node2"]);
  });

  test("says which program is missing", async (t) => {
    const { run } = await fakeSsh(t, "exit 0", { program: "/nowhere/ssh" });
    const { code, message, hint } = await errorOf(run("true"));
    assert.equal(code, "TOOL_MISSING");
    assert.match(`${message} ${hint}`, /\/nowhere\/ssh.* openssh-client/);
  });
});

test("an extent table that breaks off is begun anew at another node", async (t) => {
  const row = '{"id":1,"epoch":2,"ever_exist":true}';
  const { ssh, ran } = await fakeSsh(
    t,
    `[ $host = node1 ] && { printf '[${row},{"id"'; echo 'Connection reset by peer' >&2; exit 255; }; echo '[${row}]'`,
  );
  assert.deepEqual(await extentTable(ssh, "v-1"), [{ id: "1", epoch: "2", everExist: true, origin: undefined }]);
  assert.equal((await ran()).at(-1), "node2 zbs-meta -f json volume show_by_id v-1 --show_lextents");
});
