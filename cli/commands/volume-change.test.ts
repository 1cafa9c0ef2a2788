import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, test } from "node:test";
import { objectNamed } from "../../functions/api/testing.ts";
import { innerIdOf, owner, setUp } from "./testing-volume.ts";

describe("volume rename and delete", () => {
  /** A volume as an older version made it, that asked nothing of names. */
  const misname = (store: string, before: string, after: string) => {
    const database = new DatabaseSync(join(store, "store.sqlite"));
    database.prepare("UPDATE volumes SET name = ? WHERE name = ?").run(after, before);
    database.close();
  };

  test("a name that nothing can carry hides no other volume, is shown, and can be changed or deleted", async (t) => {
    const { folder, image, volume, at } = await setUp(t);
    const tooLong = "n".repeat(256);
    for (const name of ["good", "one", "two"]) await volume(["import", image, "--name", name, ...at]);
    misname(join(folder, "store"), "one", tooLong);
    misname(join(folder, "store"), "two", "");
    const { stdout } = await volume(["list", "--site", "a", "--refresh"]);
    assert.match(stdout, /^NAME .*\ngood +lun .*\n/);
    assert.match(
      stdout,
      /\nlun “n{100}…” \(lun-\w+\) can't be used: its name has 256 characters, and 255 are the most\.\n/,
    );
    const [, id = ""] = /lun “” \((lun-\w+)\) can't be used: it has no name\./.exec(stdout) ?? [];
    const renamed = await volume(["rename", tooLong, "one", ...at, "--json"]);
    assert.deepEqual([renamed.exitCode, renamed.stderr, renamed.json().name], [0, "", "one"]);
    assert.equal(renamed.json().inventoryRefreshed, true);
    const deleted = await volume(["delete", id, "--yes", ...at]);
    assert.deepEqual([deleted.exitCode, deleted.stderr], [0, ""]);
    const { objects, unusable } = (await volume(["list", "--site", "a", "--json"])).json();
    const names = objects.map(({ name }: { name: string }) => name);
    assert.deepEqual(names.sort(), ["good", "one"]);
    assert.equal(unusable, undefined);
  });

  test("an import under a name that nothing can carry is refused before anything is written", async (t) => {
    const { image, volume, at, withStorage } = await setUp(t);
    for (const name of ["n".repeat(256), "a\nb", "数".repeat(100)]) {
      const { exitCode, stderr } = await volume(["import", image, "--name", name, ...at]);
      assert.equal(exitCode, 2);
      assert.match(stderr, /can't be the name of a volume: .*\(BAD_REQUEST\)/);
    }
    assert.equal((await volume(["import", image, "--name", "💾 büro", ...at])).exitCode, 0);
    assert.deepEqual(
      (await withStorage((storage) => storage.inventory())).map(({ name }) => name),
      ["💾 büro"],
    );
  });

  test("deleting asks a person, and does nothing without an answer", async (t) => {
    const { image, volume, at, withStorage, world, time } = await setUp(t);
    await volume(["import", image, "--name", "web1", ...at]);
    const names = async () => (await withStorage((storage) => storage.inventory())).map(({ name }) => name);
    const asked: string[] = [];
    const answering = (answer: string | undefined) => ({
      time,
      ask: async (question: string) => {
        asked.push(question);
        return answer;
      },
    });
    const nobody = await world.run(["volume", "delete", "web1", ...at], answering(undefined));
    assert.equal(nobody.exitCode, 2);
    assert.match(nobody.stderr, /--yes/);
    for (const answer of ["", "n", "yes please"]) {
      const { exitCode, stdout, stderr } = await world.run(["volume", "delete", "web1", ...at], answering(answer));
      assert.deepEqual([exitCode, stdout, stderr], [1, "Nothing was deleted.\n", ""]);
    }
    assert.deepEqual(await names(), ["web1"]);
    assert.match(asked[0] ?? "", /^Delete the lun “web1” \(lun-\w+, 4 MiB\) of site a for good\? \[y\/N\] $/);
    const deleted = await world.run(["volume", "delete", "web1", ...at], answering("y"));
    assert.equal(deleted.exitCode, 0);
    assert.match(deleted.stdout, /^“web1” \(lun-\w+\) on site a is deleted\.\n$/);
    assert.deepEqual(await names(), []);
  });

  test("of a volume that a plan protects the question says so, a warning with --yes, and that restore points stay", async (t) => {
    const { image, volume, at, world, time } = await setUp(t);
    const plan = { name: "nightly", source: "a", targets: [{ site: "b", retention: { keepLast: 2 } }] };
    await volume(["import", image, "--name", "web1", ...at]);
    const readInput = async () => JSON.stringify({ ...plan, objects: [{ kind: "lun", name: "web1" }] });
    const created = await world.run(["plan", "create", "-f", "-"], { time, readInput });
    assert.equal(created.exitCode, 0, created.stderr);
    const questions: string[] = [];
    const ask = async (question: string) => {
      questions.push(question);
      return "n";
    };
    const asking = () => world.run(["volume", "delete", "web1", ...at], { time, ask });
    await asking();
    assert.equal((await world.run(["plan", "run", "nightly", "--wait"])).exitCode, 0);
    await asking();
    const protects =
      "Plan nightly protects it: until it is taken out, its runs warn that it is gone, and fail when they have nothing else.";
    assert.ok(questions[0]?.endsWith(`for good? ${protects} [y/N] `), questions[0]);
    assert.ok(questions[1]?.endsWith(`for good? ${protects} Its restore points stay. [y/N] `), questions[1]);
    const deleted = await volume(["delete", "web1", "--yes", ...at]);
    assert.equal(deleted.stderr, `warning: ${protects}\n`);
    assert.match(deleted.stdout, / is deleted\. Its restore points stay\.\n$/);
  });

  test("a name that a mirror and another volume have means neither to an export, and only the other to a change", async (t) => {
    const { folder, image, volume, at, withStorage } = await setUp(t);
    await withStorage((storage) => storage.prepareMirror({ owner, object: objectNamed("web1") }));
    const { id } = (await volume(["import", image, "--name", "web1", ...at, "--json"])).json();
    const exported = await volume(["export", "web1", "-o", join(folder, "out.img"), ...at]);
    assert.equal(exported.exitCode, 2);
    assert.match(
      exported.stderr,
      /has 2 volumes “web1”\. \(OBJECT_AMBIGUOUS\)\n {2}hint: .*lun-\w+ \(a mirror from a\), lun-/,
    );
    const deleted = await volume(["delete", "web1", "--yes", ...at]);
    assert.equal(deleted.stdout, `“web1” (${id}) on site a is deleted.\n`);
    const [left] = await withStorage((storage) => storage.inventory());
    assert.equal(left?.origin?.role, "mirror");
  });

  test("the id of one volume that is the name of another means neither, and no new name looks like an id", async (t) => {
    const { folder, image, volume, at, withStorage } = await setUp(t);
    const { id } = (await volume(["import", image, "--name", "web1", ...at, "--json"])).json();
    const volumeId = await withStorage(innerIdOf("web1"));
    await volume(["import", image, "--name", "web2", ...at]);
    for (const name of [id, volumeId, "-x", ""]) {
      for (const args of [
        ["import", image, `--name=${name}`],
        ["rename", "web2", "--", name],
      ]) {
        const { exitCode, stderr } = await volume([...args.slice(0, 2), ...at, ...args.slice(2)]);
        assert.equal(exitCode, 2);
        assert.match(stderr, /can't be the name of a volume: it (looks like|begins with|is empty).*\(BAD_REQUEST\)/);
      }
    }
    misname(join(folder, "store"), "web2", id);
    for (const args of [
      ["export", id, "-o", join(folder, "out.img")],
      ["rename", id, "x"],
      ["delete", id, "--yes"],
    ]) {
      const { exitCode, stderr } = await volume([...args, ...at]);
      assert.equal(exitCode, 2);
      assert.match(
        stderr,
        /the id of one volume of site “a” and the name of another\. \(OBJECT_AMBIGUOUS\)\n {2}hint: /,
      );
    }
    assert.equal((await volume(["rename", volumeId, "web3", ...at])).exitCode, 0);
    assert.equal((await withStorage((storage) => storage.inventory())).length, 2);
  });

  test("a mirror is neither renamed nor deleted nor written over", async (t) => {
    const { image, volume, at, withStorage } = await setUp(t);
    await withStorage((storage) => storage.prepareMirror({ owner, object: objectNamed("db") }));
    for (const args of [
      ["rename", "db", "other"],
      ["delete", "db", "--yes"],
      ["import", image, "--into", "db"],
    ]) {
      const { stderr } = await volume([...args, ...at]);
      assert.match(
        stderr,
        /“db” \(lun-\w+\) is the mirror that plan plan_\w+ of site a keeps here: .* \(VOLUME_IS_MIRROR\)\n {2}hint: /,
      );
    }
    assert.deepEqual(
      (await withStorage((storage) => storage.inventory())).map(({ name }) => name),
      ["db"],
    );
  });
});
