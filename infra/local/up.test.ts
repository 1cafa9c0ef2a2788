import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { answerOf, createClient } from "../../cli/context/client.ts";
import { VisibleError } from "../../core/api/errors.ts";
import { systemTime, type Time } from "../../gateway/time/time.ts";
import { until } from "../../test/patience.ts";
import { descendantsOf } from "../../test/processes.ts";
import { localUp } from "./up.ts";

describe("everything on one machine, of which a process is killed", () => {
  let dir: string;
  let api: ReturnType<typeof createClient>;
  let ended: Promise<unknown>;
  let sites: readonly string[];
  const stop = new AbortController();
  const troubles: string[] = [];
  let mayStartAgain: Promise<void> = Promise.resolve();
  /** Nobody waits long here for what keeps dying, unless a test wants it. */
  const time: Time = {
    ...systemTime,
    sleep: async (_, signal) => {
      await mayStartAgain;
      await systemTime.sleep(20, signal);
    },
  };

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "smtx-backup-up-"));
    // The folder has been used before, so it knows its one site.
    await mkdir(join(dir, "sites", "a"), { recursive: true });
    const ready = Promise.withResolvers<{ url: string; tokenFile: string; sites: readonly string[] }>();
    ended = localUp({
      ...{ dir, gatewaysPerSite: 1, signal: stop.signal, time },
      onReady: ready.resolve,
      onTrouble: (sentence) => troubles.push(sentence),
    }).catch((error: unknown) => error);
    const running = await Promise.race([ready.promise, ended.then((error) => assert.fail(String(error)))]);
    const { url, tokenFile } = running;
    sites = running.sites;
    api = createClient({ url, token: (await readFile(tokenFile, "utf8")).trim() });
  });
  after(async () => {
    stop.abort();
    await ended;
    await rm(dir, { recursive: true });
  });

  /**
   * Of what comes about in other processes, and has no event here. What the API refuses meanwhile
   * is not it yet.
   */
  const found = async <T>(what: string, look: () => Promise<T | undefined>): Promise<T> => {
    let seen: T | undefined;
    await until(what, async () => {
      seen = await look().catch((error: unknown) => {
        if (VisibleError.is(error)) return undefined;
        throw error;
      });
      return seen !== undefined;
    });
    return seen ?? assert.fail(what);
  };

  /** What ends with a process, and has its command line in its own. */
  const beside = /^setpriv|\/bridge\./;
  /** The one process of ours whose command line has a text in it. */
  const processWith = (text: string): Promise<number> =>
    found(`a process of ${text}`, async () => {
      for (const pid of await descendantsOf(process.pid)) {
        const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
        if (commandLine.includes(text) && commandLine.includes(dir) && !beside.test(commandLine)) return pid;
      }
      return undefined;
    });
  const another = (text: string, than: number): Promise<number> =>
    found(`another process of ${text}`, async () => {
      const pid = await processWith(text);
      return pid === than ? undefined : pid;
    });
  /** A gateway has seen what the site has after now, has told so, and the table has it. */
  const works = async (): Promise<void> => {
    const param = { site: "a" };
    const { at } = await found("the API", async () => {
      const asked = new Date().toISOString();
      await answerOf(api.v1.sites[":site"].inventory.$post({ param }));
      return { at: asked };
    });
    await found("a gateway that works", async () => {
      const { observedAt } = await answerOf(api.v1.sites[":site"].objects.$get({ param, query: {} }));
      return observedAt > at ? true : undefined;
    });
  };

  test("has the sites that its folder has, unless told otherwise", async () => {
    assert.deepEqual(sites, ["a"]);
    const { items } = await answerOf(api.v1.sites.$get({ query: {} }));
    assert.deepEqual(
      items.map(({ id }) => id),
      ["a"],
    );
  });

  test("goes on when it was the DynamoDB emulator, with its data, and says so", async () => {
    await works();
    const tokens = await answerOf(api.v1.tokens.$get({ query: {} }));
    const pid = await processWith("dynamo.sqlite");
    process.kill(pid, "SIGKILL");
    await another("dynamo.sqlite", pid);
    await works();
    assert.deepEqual(await answerOf(api.v1.tokens.$get({ query: {} })), tokens);
    assert.deepEqual(troubles, ["The DynamoDB emulator has ended (signal SIGKILL) and is started again."]);
  });

  test("goes on when it was a gateway, and says so", async () => {
    const pid = await processWith("gateway-process");
    process.kill(pid, "SIGKILL");
    await another("gateway-process", pid);
    await works();
    assert.deepEqual(troubles.slice(1), ["The gateway a1 has ended (signal SIGKILL) and is started again."]);
  });

  test("ends with a reason when it can't be started again, and leaves nothing running", async () => {
    const pid = await processWith("dynamo.sqlite");
    const again = Promise.withResolvers<void>();
    mayStartAgain = again.promise;
    process.kill(pid, "SIGKILL");
    // Its database is none any more before it is back.
    const database = join(dir, "dynamodb", "dynamo.sqlite");
    await rename(database, `${database}.away`);
    await mkdir(database);
    again.resolve();
    const error = await ended;
    assert(VisibleError.is(error, "PROCESS_LOST"), String(error));
    assert.match(error.message, /^The DynamoDB emulator keeps ending \(The DynamoDB emulator ended at its start: /);
    assert.deepEqual(await descendantsOf(process.pid), []);
  });
});
