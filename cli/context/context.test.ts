import assert from "node:assert/strict";
import { chown, mkdir, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { writeLocalContext } from "../../infra/local/context.ts";
import { needRoot } from "../../test/need.ts";
import { run, temporaryFolder } from "../testing.ts";
import { refuseForeign } from "./own-folder.ts";
import { refuseForeignListener } from "./own-listener.ts";

/** A local environment's folder, as it is left behind. */
const localFolder = async (t: TestContext): Promise<string> => {
  const dir = await temporaryFolder(t);
  await writeFile(join(dir, "token"), "smtxb_local_secret\n");
  await writeLocalContext(dir, {
    url: "http://127.0.0.1:7",
    tokenFile: join(dir, "token"),
    sites: { a: { storage: { kind: "extentstore", dir: join(dir, "store") } } },
  });
  return dir;
};

const siteList = async (args: readonly string[], env: Record<string, string> = {}) => {
  const seen: { url: string; authorization: string | null }[] = [];
  const result = await run(["site", "list", ...args], {
    env,
    fetch: async (input, init) => {
      seen.push({ url: String(input), authorization: new Headers(init?.headers).get("authorization") });
      return Response.json({ items: [] });
    },
  });
  return { ...result, seen };
};

describe("where the API is", () => {
  test("the local environment says, by --dir or by SMTX_BACKUP_DIR", async (t) => {
    const dir = await localFolder(t);
    const byOption = await siteList(["--dir", dir]);
    assert.deepEqual(byOption.seen, [
      { url: "http://127.0.0.1:7/v1/sites?limit=100", authorization: "Bearer smtxb_local_secret" },
    ]);
    assert.deepEqual((await siteList([], { SMTX_BACKUP_DIR: dir })).seen, byOption.seen);
  });

  test("--url and the token of the environment override it; a token in a file comes first", async (t) => {
    const dir = await localFolder(t);
    const file = join(dir, "mine");
    await writeFile(file, " smtxb_file \n");
    const env = { SMTX_BACKUP_DIR: dir, SMTX_BACKUP_TOKEN: "smtxb_env" };
    const [byEnv] = (await siteList(["--url", "https://api.example"], env)).seen;
    assert.deepEqual(byEnv, { url: "https://api.example/v1/sites?limit=100", authorization: "Bearer smtxb_env" });
    const [byFile] = (await siteList(["--url", "https://api.example", "--token-file", file], env)).seen;
    assert.equal(byFile?.authorization, "Bearer smtxb_file");
  });

  test("the local environment's token never goes to another API", async (t) => {
    const dir = await localFolder(t);
    const { exitCode, stderr, seen } = await siteList(["--dir", dir, "--url", "https://api.example"]);
    assert.deepEqual([exitCode, seen], [4, []]);
    assert.match(stderr, /no token .* \(UNAUTHENTICATED\)/);
  });

  test("a token over plain HTTP goes to nobody but this host, wherever the URL is written", async (t) => {
    const dir = await temporaryFolder(t);
    await writeFile(join(dir, "token"), "smtxb_local_secret\n");
    const context = { url: "http://backup.example.com", tokenFile: join(dir, "token"), sites: {} };
    await writeFile(join(dir, "local.json"), JSON.stringify(context));
    const SMTX_BACKUP_TOKEN = "smtxb_env";
    for (const [args, env] of [
      [["--url", "http://backup.example.com"], { SMTX_BACKUP_TOKEN }],
      [[], { SMTX_BACKUP_TOKEN, SMTX_BACKUP_URL: "http://backup.example.com" }],
    ] as const) {
      const { exitCode, stderr, seen } = await siteList(args, env);
      assert.deepEqual([exitCode, seen], [2, []]);
      assert.match(stderr, /must begin with https:.*\(BAD_REQUEST\)\n {2}hint: .*https:/);
    }
    const byFile = await siteList(["--dir", dir], { SMTX_BACKUP_TOKEN });
    assert.deepEqual(byFile.seen, []);
    assert.match(byFile.stderr, /\(STORE_CORRUPT\)/);
    const [here] = (await siteList(["--url", "http://localhost:1"], { SMTX_BACKUP_TOKEN })).seen;
    assert.equal(here?.authorization, "Bearer smtxb_env");
  });

  test("who has taken the port of a local environment that has ended is sent no token", async (t) => {
    const dir = await localFolder(t);
    const us = process.getuid?.() ?? 0;
    const at = (...users: number[]) => refuseForeignListener(dir, "http://127.0.0.1:7", async () => users);
    await at();
    await at(us);
    for (const users of [[65534], [us, 65534]]) {
      await assert.rejects(at(...users), { code: "LINK_BROKEN", hint: /local up --dir/ });
    }
  });

  test("a folder that another user has laid where a command runs is not believed", async () => {
    const [us, root, other] = [process.getuid?.() ?? 0, 0, 65534];
    for (const uid of [us, root]) await refuseForeign("/d", async () => uid);
    await assert.rejects(
      refuseForeign("/d", async () => other),
      { code: "FORBIDDEN", hint: /--dir \/d/ },
    );
  });

  test("no command uses such a folder, and `local up` starts nothing in it", async (t) => {
    if (!needRoot(t)) return;
    const [here, where] = [process.cwd(), await temporaryFolder(t)];
    const trap = join(where, ".smtx-backup");
    await rename(await localFolder(t), trap);
    await chown(trap, 65534, 65534);
    t.after(() => process.chdir(here));
    process.chdir(where);
    for (const command of [
      ["local", "up"],
      ["site", "list"],
      ["volume", "export", "web1", "--site", "a", "-o", "x.img"],
    ]) {
      const { exitCode, stderr } = await run(command, { localUp: () => assert.fail("it is started") });
      assert.equal(exitCode, 4, command.join(" "));
      assert.match(stderr, /is another user's\. \(FORBIDDEN\)\n {2}hint: .*--dir/);
    }
  });

  test("nobody knows where nothing was started: it says how to start it", async (t) => {
    const dir = await temporaryFolder(t);
    const { exitCode, stderr } = await siteList(["--dir", dir]);
    assert.equal(exitCode, 3);
    assert.match(stderr, new RegExp(`hint: .*smtx-backup local up --dir ${dir}`));
  });

  test("an empty --dir is bad usage, and not the folder that one is in", async () => {
    let isStarted = false;
    const localUp = async () => {
      isStarted = true;
    };
    for (const command of [
      ["local", "up"],
      ["site", "list"],
    ]) {
      const { exitCode, stderr } = await run([...command, "--dir", ""], { localUp });
      assert.equal(exitCode, 2);
      assert.match(stderr, /--dir names no folder: it is empty\. \(BAD_REQUEST\)\n {2}hint: /);
    }
    assert.equal(isStarted, false);
  });

  test("a file in the place of its folder is bad input, for every command", async (t) => {
    const file = join(await temporaryFolder(t), "file");
    await writeFile(file, "");
    for (const dir of [file, join(file, "below")]) {
      const { exitCode, stderr } = await siteList(["--dir", dir]);
      assert.equal(exitCode, 2);
      assert.match(stderr, /can't be the folder of a local environment: it is no folder\. \(BAD_REQUEST\)\n {2}hint: /);
    }
  });

  test("and nobody is there: a local environment that has ended says how to start it again", async (t) => {
    const dir = await localFolder(t);
    const refused = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED" });
    const { exitCode, stderr } = await run(["site", "list", "--dir", dir], {
      fetch: async () => {
        throw new TypeError("fetch failed", { cause: refused });
      },
    });
    assert.equal(exitCode, 5);
    assert.match(stderr, /is not running.*\(LINK_BROKEN\)\n {2}hint: .*local up --dir/);
  });

  test("a token file that can't be read is told before anything is asked", async () => {
    const { exitCode, seen } = await siteList(["--url", "https://api.example", "--token-file", "/nowhere"]);
    assert.deepEqual([exitCode, seen], [4, []]);
  });

  test("what can't be a token is told before anything is asked, and not shown", async (t) => {
    const file = join(await temporaryFolder(t), "key.pem");
    for (const text of ["", "-----BEGIN\nsecret", "zwölf-secret"]) {
      await writeFile(file, text);
      const byFile = await siteList(["--url", "https://api.example", "--token-file", file]);
      const byEnv = await siteList(["--url", "https://api.example"], { SMTX_BACKUP_TOKEN: text });
      for (const { exitCode, seen, stderr } of [byFile, byEnv]) {
        assert.deepEqual([exitCode, seen], [4, []]);
        assert.match(stderr, /There is no token .*\(UNAUTHENTICATED\)\n {2}hint: /);
        assert.doesNotMatch(stderr, /secret/);
      }
    }
  });
});

describe("where a site's storage is", () => {
  const exported = (args: readonly string[]) => run(["volume", "export", "v", "-o", "/nowhere/f", ...args]);

  test("a site that is not of the local environment is told with those that are", async (t) => {
    const { exitCode, stderr } = await exported(["--dir", await localFolder(t), "--site", "c"]);
    assert.equal(exitCode, 3);
    assert.match(stderr, /no site “c”.*\(SITE_UNKNOWN\)\n {2}hint: It has a\..*--store/);
  });

  test("a folder that is no extentstore is not made one", async (t) => {
    const dir = await temporaryFolder(t);
    await mkdir(join(dir, "typo"));
    const { exitCode, stderr } = await exported(["--site", "a", "--store", join(dir, "typo")]);
    assert.equal(exitCode, 3);
    assert.match(stderr, /no extentstore in/);
  });
});
