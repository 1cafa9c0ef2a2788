import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { VisibleError } from "../../core/api/errors.ts";
import { scheduleSchema } from "../../core/api/plan.ts";
import { temporaryFolder } from "../testing.ts";
import { parsePlan, readPlanFile } from "./plan-file.ts";

const good = `
name: nightly
source: a
targets:
  - site: b
    retention: { keepLast: 3 }
objects:
  - { kind: lun, name: web1 }
schedule: { cycle: daily, at: 01:30, startsOn: 2026-02-01 }
`;
const noInput = { readInput: async () => assert.fail("nobody asked for standard input") };

const refusedWith = (text: string, ...problems: readonly RegExp[]) =>
  assert.throws(
    () => parsePlan(text, "plan.yaml"),
    (error) => {
      assert.ok(VisibleError.is(error, "BAD_REQUEST"));
      assert.match(error.message, /^The plan in plan\.yaml is not right:\n/);
      for (const problem of problems) assert.match(error.message, problem);
      return true;
    },
  );

describe("plan.yaml", () => {
  test("is a plan's definition, with times and dates as one would write them", () => {
    const plan = parsePlan(good, "plan.yaml");
    assert.equal(plan.name, "nightly");
    assert.deepEqual(plan.schedule, { cycle: "daily", every: 1, at: "01:30", timeZone: "UTC", startsOn: "2026-02-01" });
  });

  test("may be JSON, and may come from standard input", async (t) => {
    const json = JSON.stringify({ name: "p", source: "a", objects: [{ kind: "lun", name: "x" }] });
    const file = join(await temporaryFolder(t), "plan.json");
    await writeFile(file, json);
    const fromFile = await readPlanFile(file, noInput);
    assert.deepEqual(await readPlanFile("-", { readInput: async () => json }), fromFile);
    assert.equal(fromFile.name, "p");
  });

  test("that is wrong is refused with each field's path and what is allowed there", () => {
    refusedWith(
      `
name: "no spaces"
objects:
  - { kind: disk, name: x }
targets:
  - site: b
schedule: { cycle: dayly }
compression: { level: 99 }
`,
      /^ {2}name: letters, digits, dots, dashes/m,
      /^ {2}source: missing \(a text\)$/m,
      /^ {2}objects\.0\.kind: it must be one of lun, volume, nfs-file, vm$/m,
      /^ {2}targets\.0\.retention: missing \(fields with values/m,
      /^ {2}schedule\.cycle: it must be one of hourly, daily, weekly, monthly$/m,
      /^ {2}compression\.level: at most 19$/m,
    );
  });

  test("with a slip of the pen is refused with the key that is meant, however deep it lies", () => {
    refusedWith(
      `${good.replace("at:", "att:").replace("keepLast", "keeplast").replace("name: web1", "nme: web1")}schedul: 1`,
      /^ {2}schedul: unknown; “schedule”/m,
      /^ {2}schedule\.att: unknown; “at”/m,
      /^ {2}targets\.0\.retention\.keeplast: unknown; “keepLast”/m,
      /^ {2}objects\.0\.nme: unknown; “name”/m,
    );
  });

  test("may name objects by a rule, and a rule that is wrong is told as one", () => {
    const withObjects = (objects: string) => good.replace("{ kind: lun, name: web1 }", objects);
    const { objects } = parsePlan(withObjects('{ kind: vm, match: "web-*", label: env=prod }'), "plan.yaml");
    assert.deepEqual(objects, [{ kind: "vm", match: "web-*", label: "env=prod" }]);
    refusedWith(
      withObjects("{ kind: vm, mtch: x }"),
      /^ {2}objects\.0\.mtch: unknown; “match” is what is known here$/m,
    );
    refusedWith(
      withObjects('{ kind: vm, match: "web-*", name: web-1 }'),
      /^ {2}objects\.0\.name: an entry is an object .* or a rule .*, and not both: make two entries of it$/m,
    );
    refusedWith(
      withObjects("{ kind: vm, directory: /exports/e1 }"),
      /^ {2}objects\.0\.directory: only files of the kind/m,
    );
    refusedWith(
      withObjects("{ kind: nfs-file, directory: e1 }"),
      /^ {2}objects\.0\.directory: .*such as \/exports\/e1/m,
    );
  });

  test("is told in words that are no programmer's, an entry that says too little beside others that are wrong", () => {
    const wrong = good
      .replace("{ keepLast: 3 }", "{ keepLast: three }")
      .replace("2026-02-01", "soon")
      .replace("{ kind: lun, name: web1 }", "{ kind: vm }\n  - { kind: vm, labels: { env: prod } }");
    refusedWith(
      wrong,
      /^ {2}targets\.0\.retention\.keepLast: it must be a number, and is a text$/m,
      /^ {2}schedule\.startsOn: a day such as 2026-03-01$/m,
      /^ {2}objects\.0: it says only of which kind: give its `name` or `id`, or a rule: /m,
      /^ {2}objects\.1\.labels: unknown; a rule asks for one label: label: "env=prod"/m,
    );
  });

  test("is told of all that is wrong at once, also of what the control plane would find", () => {
    const late = good.replace(/schedule: .*/, 'schedule: { cycle: daily, at: "25:00", timeZone: Europe/Berln }');
    const zone = /^ {2}schedule\.timeZone: There is no time zone “Europe\/Berln”\. Use a name of the IANA/m;
    refusedWith(late, /^ {2}schedule\.at: HH:MM, 24 hours$/m, zone);
    const bare = "{ name: n, source: a, objects: [], schedule: { cycle: daily, timeZone: Europe/Berln } }";
    refusedWith(bare, /^ {2}retention: missing \(a plan without targets says here how many/m, zone);
  });

  test("leaves what alone is wrong to the control plane where that has a code of its own for it", () => {
    const { schedule } = parsePlan(
      good.replace(/schedule: .*/, "schedule: { cycle: daily, timeZone: X }"),
      "plan.yaml",
    );
    assert.equal(schedule?.timeZone, "X");
  });

  test("with a schedule's key that its cycle has not is told which cycle has it, and what this one has instead", () => {
    const withSchedule = (schedule: string) => good.replace(/schedule: .*/, `schedule: ${schedule}`);
    for (const [schedule, problem] of [
      ['{ cycle: hourly, at: "08:15" }', /schedule\.at: an hourly schedule has `minute` in its place/],
      ["{ cycle: daily, minute: 15 }", /schedule\.minute: only an hourly schedule has it; the others have `at`/],
      ["{ cycle: monthly, day: 1, on: [mon] }", /schedule\.on: only a weekly schedule has it.*`day`/],
      ["{ cycle: weekly, on: [mon], day: 1 }", /schedule\.day: only a monthly schedule has it.*`on`/],
      ["{ cycle: weekly }", /schedule\.on: missing \(a list of weekdays, such as \[mon, fri\]/],
      ["{ cycle: monthly }", /schedule\.day: missing \(a day of the month, from 1 to 31, or last/],
      ["{ cycle: monthly, day: 32 }", /schedule\.day: at most 31/],
      ["{ cycle: monthly, day: Last }", /schedule\.day: a day of the month, from 1 to 31, or last/],
    ] as const) {
      refusedWith(withSchedule(schedule), problem);
    }
  });

  test("has its cycles' keys on the first page", async () => {
    const readme = await readFile(fileURLToPath(new URL("../../README.md", import.meta.url)), "utf8");
    const rowOf = (cycle: string) => readme.split("\n").find((line) => line.startsWith(`| ${cycle} `)) ?? "";
    for (const { shape } of scheduleSchema.options) {
      const [cycle] = shape.cycle.values;
      const row = rowOf(`\`${cycle}\``) + rowOf("all");
      for (const key of Object.keys(shape)) {
        if (key !== "cycle") assert.ok(row.includes(`\`${key}\``), `${cycle}: ${key}`);
      }
    }
  });

  test("that is no YAML is refused with the line", () => {
    refusedWith("name: [a\nsource: b\n", /line 2/);
    refusedWith("", /the file: it must be fields with values \(name: value\), and is nothing$/m);
  });

  test("that is no text, a disk image for example, is not parsed", () => {
    assert.throws(() => parsePlan("\0".repeat(9), "disk.img"), {
      code: "BAD_REQUEST",
      message: "What is in disk.img is no text.",
    });
  });

  test("that is not there is refused with its name", async () => {
    await assert.rejects(readPlanFile("/nowhere/plan.yaml", noInput), {
      code: "BAD_REQUEST",
      message: /\/nowhere\/plan\.yaml/,
    });
  });
});
