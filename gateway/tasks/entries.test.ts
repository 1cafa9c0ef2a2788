import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { ObjectConfig } from "../../core/api/object.ts";
import { isRule, type PlanEntry } from "../../core/api/plan.ts";
import { fitsRule } from "../../core/object/rule.ts";
import { chooseObjects, objectKey } from "./entries.ts";
import { fileOf, planObjectOf, vmOf, volumeOf } from "./testing-objects.ts";

const namesOf = (objects: readonly { readonly name: string }[]) => objects.map(({ name }) => name);

describe("the objects that a plan's entries are", () => {
  test("are in the order of the entries, those of a rule by name, each once and for the first entry that has it", () => {
    const site = ["web-2", "db", "web-1", "cache"].map((name) => volumeOf(name));
    const entries: PlanEntry[] = [
      planObjectOf(volumeOf("web-2")),
      { kind: "volume", match: "web-*" },
      { kind: "volume", match: "*" },
    ];
    const { objects, because } = chooseObjects(entries, site);
    assert.deepEqual(namesOf(objects), ["web-2", "web-1", "cache", "db"]);
    assert.deepEqual(because, [0, 1, 2, 2]);
  });

  test("are of the kind that the entry says, whatever others are called", () => {
    const site = [vmOf("web", { disks: ["web"] }), volumeOf("web"), fileOf("web")];
    assert.deepEqual(chooseObjects([{ kind: "vm", match: "*" }], site).objects, [site[0]]);
    assert.deepEqual(chooseObjects([{ kind: "nfs-file", directory: "/exports/e1" }], site).objects, [site[2]]);
  });

  test("are told as missing where they are named and not there, once", () => {
    const entry = planObjectOf(volumeOf("gone"));
    const { objects, missing } = chooseObjects([entry, entry], [volumeOf("other")]);
    assert.deepEqual([objects, missing], [[], [entry]]);
  });

  test("are left out with a warning where they can't be used, once, and take nothing from the others", () => {
    const diskless = { ...vmOf("empty", { disks: ["d"] }), volumes: [] };
    const { objects, missing, warnings } = chooseObjects(
      [planObjectOf(diskless), { kind: "vm", match: "*" }],
      [diskless, vmOf("web", { disks: ["web-0"] })],
    );
    assert.deepEqual([namesOf(objects), missing], [["web"], []]);
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ["OBJECT_UNUSABLE"],
    );
    assert.match(warnings[0]?.message ?? "", /^The vm “empty” \(vm-empty\) is left out: /);
  });

  test("are never mirrors: a rule passes them over, and a name is told of", () => {
    const origin = { planId: "plan_1", siteId: "b", role: "mirror", planName: "nightly" };
    const mirror = volumeOf("copy", { origin });
    const { objects, warnings } = chooseObjects([{ kind: "volume", match: "*" }], [mirror]);
    assert.deepEqual([objects, warnings], [[], []]);
    const named = chooseObjects([planObjectOf(mirror)], [mirror]);
    assert.deepEqual([named.objects, named.warnings.map(({ code }) => code)], [[], ["OBJECT_IS_MIRROR"]]);
  });

  test("are all that are named or fit, and nothing else", () => {
    const names = fc.constantFrom("a", "ab", "abc", "b", "ba");
    const site = fc.uniqueArray(names, { selector: (name) => name }).map((all) => all.map((name) => volumeOf(name)));
    const entry = fc.oneof(
      names.map((name): PlanEntry => planObjectOf(volumeOf(name))),
      fc.constantFrom("a*", "*b*", "?", "*").map((match): PlanEntry => ({ kind: "volume", match })),
    );
    fc.assert(
      fc.property(site, fc.array(entry, { minLength: 1, maxLength: 5 }), (all, entries) => {
        const { objects, because, missing } = chooseObjects(entries, all);
        const isOf = (each: PlanEntry, object: ObjectConfig) =>
          isRule(each) ? fitsRule(each, object) : objectKey(each) === objectKey(object);
        const expected = all.filter((object) => entries.some((each) => isOf(each, object)));
        assert.deepEqual(new Set(objects), new Set(expected));
        assert.equal(objects.length, expected.length);
        for (const [index, object] of objects.entries()) {
          assert.equal(
            because[index],
            entries.findIndex((each) => isOf(each, object)),
          );
        }
        for (const each of missing) assert(!all.some((object) => objectKey(object) === objectKey(each)));
      }),
    );
  });
});
